"""What the kernels of launch/cross_entropy.py are measured on."""

from __future__ import annotations

import numpy as np

from .work import normal, per_element, work


def scores(rng: np.random.Generator, n: int, classes: int) -> tuple:
    return normal(rng, n, classes), rng.integers(0, classes, (n,))


def scores_backward(rng: np.random.Generator, n: int, classes: int) -> tuple:
    x, target = scores(rng, n, classes)
    top = x.max(1, keepdims=True)
    return normal(rng, n), x, target, top, np.log(np.exp(x - top).sum(1, keepdims=True))


work(
    "class_cross_entropy",
    scores,
    [(8192, 50257)],
    [(32, 101)],
    per_element(5),
    {},
    lambda torch, x, target: torch.nn.functional.cross_entropy(x, target, reduction="none"),
    lambda *s: 5e-5,
    cpu=[(1024, 1024)],
)
work(
    "class_cross_entropy_backward",
    scores_backward,
    [(8192, 50257)],
    [(32, 101)],
    per_element(4),
    tolerance=lambda *s: 5e-5,
    cpu=[(1024, 1024)],
)
