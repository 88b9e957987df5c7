"""What the kernels of launch/reductions.py are measured on."""

from __future__ import annotations

import math

import numpy as np

from .work import CPU_FLAT, SMALL_FLAT, normal, one, per_element, work


def numbers(rng: np.random.Generator, *shape: int) -> tuple:
    """An array, and the dim to sum: of three the middle one (columns), else all."""
    return normal(rng, *shape), 1 if len(shape) == 3 else None


work(
    "sum",
    numbers,
    [(2**28,), (16384, 16384)],
    [(20_000,), (3, 70, 90)],
    per_element(1),
    {},
    lambda torch, x, dim: torch.sum(x) if dim is None else torch.sum(x, dim),
    lambda *s: 1e-6 * math.prod(s) ** 0.5 + 2e-5,
    cpu=[(2**20,), (1, 1024, 1024)],
)
work(
    "amax",
    one,
    [(2**28,)],
    SMALL_FLAT,
    per_element(1),
    {"dim": None},
    lambda torch, x, dim: torch.amax(x, ()),
    cpu=CPU_FLAT,
)
