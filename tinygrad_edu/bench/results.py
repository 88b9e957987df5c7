"""What a call gives, and whether it is right: compared with the op's own forward in float64."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .. import optim  # noqa: F401  # declares the steps that kernels stand for
from ..devices.rungs import definition
from ..engine.device import Device
from ..engine.errors import KernelError
from .works import works_of


def outputs(result: Any) -> list[Any]:
    return (
        [r for r in result if hasattr(r, "dtype")]
        if isinstance(result, (tuple, list))
        else [result]
    )


def nbytes(values: Any) -> int:
    return sum(
        nbytes(v) if isinstance(v, (tuple, list)) else getattr(v, "nbytes", 0) for v in values
    )


def widened(value: Any) -> Any:
    """A float32 array as float64."""
    return value.astype("float64") if getattr(value, "dtype", None) == "float32" else value


def error_of(
    device: Device, result: Any, expected: list[Any], tolerance: float
) -> tuple[float, bool]:
    """The largest distance from the float64 results, and whether all are within the tolerance (a
    NaN is not, unless one belongs there).
    """
    xp, worst, right = device.xp, 0.0, True
    for ours, theirs in zip(outputs(result), expected):
        if ours.dtype.kind != "f":
            right = right and bool(device.to_host((ours == theirs).all()))
            continue
        # equal infinities, a NaN where one belongs
        same = (ours == theirs) | (ours != ours) & (theirs != theirs)
        distance = xp.where(same, 0.0, xp.absolute(ours.astype("float64") - theirs))
        within = same | (distance <= tolerance * (1 + xp.absolute(theirs))) & xp.isfinite(distance)
        right = right and ours.shape == theirs.shape and bool(device.to_host(within.all()))
        worst = max(worst, float(device.to_host(distance.max()))) if ours.size else worst
    return worst, right


def defined(op: str) -> Callable:
    """The function `(xp, ...)` that declares an op or an optimiser step."""
    found = definition(op)
    if found is None:
        raise KernelError(
            f"bench: {op} must be an op or an optimiser step, got neither. Rename it."
        )
    return found


def forward_of(op: str) -> Callable:
    """The definition of an op, or of an optimiser step, which then returns what it changed."""
    return changing(op, defined(op), 1)


def slot_of(op: str, device: Device) -> Callable:
    """What runs an op on a device: its kernel, where it has one."""
    return changing(op, getattr(device.F, op), 0)


def changing(op: str, function: Callable, first: int) -> Callable:
    """A function as it is, or for an optimiser step (whose arguments start at `first`) one that
    returns the arrays that it changed.
    """
    changes = works_of(op).changes
    if not changes:
        return function
    names = list(inspect.signature(defined(op)).parameters)[1:]

    def call(*args: Any, **attrs: Any) -> list[Any]:
        function(*args, **attrs)
        given = zip(names, args[first:])
        return [a for name, a in given if name in changes and hasattr(a, "dtype")]

    return call
