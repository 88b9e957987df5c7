"""What a user of the playground may choose, and how it is read from a page's message."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

from tinygrad_edu import Tensor, TinygradEduError, nn, optim

from .points import CHOICES, RADIUS

REACH = 1.2 * RADIUS  # the page shows x and y from -REACH to REACH
MOST_POINTS = 500  # that a user may add

FEATURES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "x": lambda x, y: x,
    "y": lambda x, y: y,
    "x²": lambda x, y: x * x,
    "y²": lambda x, y: y * y,
    "xy": lambda x, y: x * y,
    "sin 2x": lambda x, y: (2 * x).sin(),
    "sin 2y": lambda x, y: (2 * y).sin(),
}
ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "none": nn.Identity,
}
OPTIMIZERS: dict[str, Callable[..., optim.Optimizer]] = {
    "sgd": optim.SGD,
    "momentum": lambda parameters, lr: optim.SGD(parameters, lr=lr, momentum=0.9),
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
}
PENALTIES: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda weight: weight.new_zeros(()),
    "l1": lambda weight: weight.abs().sum(),
    "l2": lambda weight: 0.5 * (weight * weight).sum(),
}
CHOSEN = {"data": CHOICES, "activation": ACTIVATIONS, "optimizer": OPTIMIZERS, "penalty": PENALTIES}
RANGES: dict[str, tuple[type, float, float]] = {
    "noise": (float, 0, 1),
    "seed": (int, 0, 2**31 - 1),
    "lr": (float, 1e-6, 100),
    "batch_size": (int, 1, 300),
    "penalty_rate": (float, 0, 10),
}
MOST_LAYERS, MOST_UNITS = 6, 8


class SettingError(TinygradEduError, ValueError):
    """A setting of the playground that is not allowed."""


@dataclass(frozen=True)
class Settings:
    """What a user chooses."""

    data: str = "circle"
    noise: float = 0.05
    seed: int = 0
    features: tuple[str, ...] = ("x", "y")
    layers: tuple[int, ...] = (4, 3)  # units of each hidden layer
    activation: str = "tanh"
    optimizer: str = "adam"
    lr: float = 0.03
    batch_size: int = 20
    penalty: str = "none"
    penalty_rate: float = 0.001
    points: tuple[tuple[float, float, int], ...] = ()  # the user's: x, y, class


# a change of one of these starts the training again; others hold from the next step on
OF_THE_NETWORK = ("data", "noise", "seed", "features", "layers", "activation")


def read_settings(given: object) -> Settings:
    """The settings in a message from a page.

    Raises:
        SettingError: one has an unknown name, or a value that is not allowed.
    """
    if not isinstance(given, dict):
        raise wrong("settings", "be an object", given)
    known = [field.name for field in fields(Settings)]
    for name in given:
        if name not in known:
            raise wrong("a setting", f"be one of {', '.join(known)}", name)
    readers = {"features": read_features, "layers": read_layers, "points": read_points}
    return Settings(**{n: readers.get(n, read_plain)(n, value) for n, value in given.items()})


def wrong(name: str, must: str, given: object) -> SettingError:
    return SettingError(f"playground: {name} must {must}, got {given!r:.60}. Change it.")


def read_plain(name: str, value: Any) -> Any:
    """A choice by its name, or a number within its range."""
    if name in CHOSEN:
        if not isinstance(value, str) or value not in CHOSEN[name]:
            raise wrong(name, f"be one of {', '.join(CHOSEN[name])}", value)
        return value
    kind, least, most = RANGES[name]
    if not is_number(value, kind) or not least <= value <= most:
        what = "an integer" if kind is int else "a number"
        raise wrong(name, f"be {what} from {least} to {most}", value)
    return kind(value)


def is_number(value: object, kind: type) -> bool:
    allowed = int if kind is int else (int, float)
    return isinstance(value, allowed) and not isinstance(value, bool) and math.isfinite(value)


def read_features(name: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or len(value) > len(FEATURES):
        raise wrong(name, f"be a list of 1 to {len(FEATURES)} names", value)
    if any(not isinstance(one, str) or one not in FEATURES for one in value):
        raise wrong(name, f"be among {', '.join(FEATURES)}", value)
    return tuple(one for one in FEATURES if one in value)


def read_layers(name: str, value: Any) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) > MOST_LAYERS:
        raise wrong(name, f"be a list of at most {MOST_LAYERS} numbers", value)
    if any(not is_number(one, int) or not 1 <= one <= MOST_UNITS for one in value):
        raise wrong(name, f"be integers from 1 to {MOST_UNITS}", value)
    return tuple(value)


def read_points(name: str, value: Any) -> tuple[tuple[float, float, int], ...]:
    if not isinstance(value, list) or len(value) > MOST_POINTS:
        raise wrong(name, f"be a list of at most {MOST_POINTS} points", value)
    return tuple(read_point(name, point) for point in value)


def read_point(name: str, point: Any) -> tuple[float, float, int]:
    right = isinstance(point, list) and len(point) == 3 and point[2] in (0, 1)
    if not right or any(not is_number(one, float) or abs(one) > 2 * REACH for one in point):
        raise wrong(name, f"be [x, y, class], x and y within {2 * REACH}, class 0 or 1", point)
    return float(point[0]), float(point[1]), int(point[2])
