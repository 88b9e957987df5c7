"""A small network that learns to tell points apart, and what a page shows of it after each step."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from threading import Lock
from typing import Any

import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import Generator, Tensor, nn
from tinygrad_edu.nn import functional as F

from .points import make_points
from .settings import ACTIVATIONS, FEATURES, OF_THE_NETWORK, OPTIMIZERS, PENALTIES, REACH, Settings

GRID = 48  # a surface has GRID x GRID numbers


class Training:
    """A network, its data and its optimiser.

    Attributes:
        settings: what the user chose.
        model: the network: Linear, activation, Linear, activation, ..., Linear. It gives one logit.
        steps: how many batches it has learnt from.
        lock: hold it while you use this training from one of several threads.
    """

    def __init__(self, settings: Settings) -> None:
        self.lock = Lock()
        self.start(settings)

    def start(self, settings: Settings) -> None:
        """Begin anew: data, weights and order follow from the seed."""
        self.settings, self.steps, self.seen = settings, 0, 0
        self.base, self.test = make_points(settings.data, settings.noise, settings.seed)
        self.order = Generator().manual_seed(settings.seed + 1)
        self.model = make_model(settings)
        self.queue = torch.zeros(0, dtype=torch.int64)
        self.add_points()
        self.make_optimizer()
        size = settings.batch_size
        self.batch = self.inputs[:size], self.labels[:size]  # until the first step

    def change(self, settings: Settings) -> bool:
        """Go on under other settings. Whether that meant to begin anew."""
        before, self.settings = self.settings, settings
        if any(getattr(before, name) != getattr(settings, name) for name in OF_THE_NETWORK):
            self.start(settings)
            return True
        if before.points != settings.points:
            self.add_points()
        if before.optimizer != settings.optimizer:
            self.make_optimizer()
        self.optimizer.param_groups[0]["lr"] = settings.lr
        return False

    def make_optimizer(self) -> None:
        kind = OPTIMIZERS[self.settings.optimizer]
        self.optimizer = kind(self.model.parameters(), lr=self.settings.lr)

    def add_points(self) -> None:
        """The points to train on: those of the data set, and the user's."""
        points, labels = self.base
        if self.settings.points:
            own = torch.tensor(self.settings.points)
            points, labels = torch.cat([points, own[:, :2]]), torch.cat([labels, own[:, 2]])
        self.points, self.labels = points, labels
        self.queue = self.queue[:0]
        self.inputs = features_of(points, self.settings)
        self.test_inputs = features_of(self.test[0], self.settings)
        self.grid = features_of(grid_points(), self.settings)

    # ---- learning ----

    def next_batch(self) -> tuple[Tensor, Tensor]:
        """The next inputs and labels of an order that is drawn anew for each epoch.

        Shape: (B, number of features) and (B,)
        """
        if not len(self.queue):
            self.queue = torch.randperm(len(self.labels), generator=self.order)
        size = self.settings.batch_size
        index, self.queue = self.queue[:size], self.queue[size:]
        return self.inputs[index], self.labels[index]

    def loss(self) -> Tensor:
        """The loss of the current batch, with the penalty."""
        inputs, labels = self.batch
        logits = self.model(inputs).squeeze(1)
        loss = F.binary_cross_entropy_with_logits(logits, labels)
        if self.settings.penalty != "none" and self.settings.penalty_rate > 0:
            penalty = PENALTIES[self.settings.penalty]
            for layer in self.linear_layers():
                loss = loss + self.settings.penalty_rate * penalty(layer.weight)
        return loss

    def step(self) -> None:
        """Learn from one batch. Without any point there is nothing to learn."""
        if not len(self.labels):
            return
        self.batch = self.next_batch()
        self.optimizer.zero_grad()
        self.loss().backward()
        self.optimizer.step()
        self.steps += 1
        self.seen += len(self.batch[1])

    # ---- looking ----

    def linear_layers(self) -> Iterator[nn.Linear]:
        return (layer for layer in self.model if isinstance(layer, nn.Linear))

    def scores(self, inputs: Tensor, labels: Tensor) -> tuple[float, float] | tuple[None, None]:
        """The mean loss, without the penalty, and the share of right answers. None of no points."""
        if not len(labels):
            return None, None
        logits = self.model(inputs).squeeze(1)
        right = ((logits > 0).float() == labels).float().mean()
        return F.binary_cross_entropy_with_logits(logits, labels).item(), right.item()

    def surfaces(self) -> np.ndarray:
        """What each feature and each neuron answers over the plane, as bytes: 128 is 0.

        The features and the hidden neurons are divided by their largest magnitude. The last
        surface, the network's answer, is 2 p - 1, where p is the probability of class 1.

        Shape: (neurons, GRID, GRID), the first row at the top, uint8
        """
        shown, values = [self.grid.numpy()], self.grid
        for layer in self.model:
            values = layer(values)
            if not isinstance(layer, nn.Linear):
                shown.append(values.numpy())
        hidden = np.concatenate(shown, 1)
        largest = np.abs(hidden).max(0)
        hidden = hidden / np.where(largest > 0, largest, 1)
        answer = (2 * values.sigmoid() - 1).numpy()
        levels = np.nan_to_num(np.concatenate([hidden, answer], 1)) * 127 + 128
        return levels.round().astype(np.uint8).T.reshape(-1, GRID, GRID)

    @torch.no_grad()
    def view(self, fresh: bool) -> tuple[dict[str, Any], np.ndarray]:
        """All that a page draws: numbers, and the surfaces. The points only if they are `fresh`."""
        train, train_accuracy = self.scores(self.inputs, self.labels)
        test, test_accuracy = self.scores(self.test_inputs, self.test[1])
        layers = list(self.linear_layers())
        head: dict[str, Any] = {
            "steps": self.steps,
            "epochs": self.seen / max(1, len(self.labels)),
            "train": finite(train),
            "test": finite(test),
            "train_accuracy": finite(train_accuracy),
            "test_accuracy": finite(test_accuracy),
            "diverged": not all(torch.isfinite(p).all() for p in self.model.parameters()),
            "weights": [numbers(layer.weight) for layer in layers],
            "biases": [numbers(layer.bias) for layer in layers],
            "weight_gradients": [numbers(layer.weight.grad) for layer in layers],
            "bias_gradients": [numbers(layer.bias.grad) for layer in layers],
            "grid": GRID,
        }
        if fresh:
            head["points"] = labelled(self.points, self.labels)
            head["test_points"] = labelled(*self.test)
        return head, self.surfaces()


def make_model(settings: Settings) -> nn.Sequential:
    """The network of the settings, with the weights of its seed.

    Math:   weight and bias from U(-b, b), b = sqrt(3 / fan_in) for the weight, 0 for the bias
    """
    generator = Generator().manual_seed(settings.seed + 2)
    sizes = (len(settings.features), *settings.layers, 1)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        bound = math.sqrt(3 / fan_in)
        nn.init.uniform_(linear.weight, -bound, bound, generator=generator)
        nn.init.zeros_(linear.bias)
        layers += [linear, ACTIVATIONS[settings.activation]()]
    return nn.Sequential(*layers[:-1])


def features_of(points: Tensor, settings: Settings) -> Tensor:
    """What the network sees of points.

    Shape: (N, 2) to (N, number of features)
    """
    x, y = points[:, 0], points[:, 1]
    return torch.stack([FEATURES[name](x, y) for name in settings.features], 1)


def grid_points() -> Tensor:
    """The middles of the cells of a surface, row after row from the top.

    Shape: (GRID * GRID, 2)
    """
    middles = REACH * ((2 * torch.arange(GRID).float() + 1) / GRID - 1)
    y, x = torch.meshgrid(-middles, middles, indexing="ij")
    return torch.stack([x.reshape(-1), y.reshape(-1)], 1)


def labelled(points: Tensor, labels: Tensor) -> list[list[float]]:
    return [
        [round(x, 4), round(y, 4), int(c)] for (x, y), c in zip(points.tolist(), labels.tolist())
    ]


def numbers(values: Tensor | None) -> list:
    """Rounded for the page: JSON has no infinity and no NaN, they become None."""
    if values is None:
        return []
    return [finite(v) for v in values.reshape(-1).tolist()]


def finite(value: float | None) -> float | None:
    return float(f"{value:.5g}") if value is not None and math.isfinite(value) else None
