"""Arguments of kernels/matmul.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("matmul")
def drawn_product(g):
    """A vector, a matrix or a stack times another, in any order of memory."""
    m, n, k = (int(s) for s in g.choice([0, 1, 2, 3, 7, 16, 33, 64, 100, 270], 3))
    a, b = normal(g, m, k), normal(g, k, n)
    if k and g.random() < 0.3:
        a[g.random(a.shape) < 0.01] = g.choice([np.inf, np.nan, -np.inf])
    kind = g.integers(0, 6)
    if kind == 0:
        return a, b[:, 0].copy() if n else normal(g, k)
    if kind == 1:
        return normal(g, k), b
    if kind == 2:
        return normal(g, 3, 2, m, k), b
    if kind == 3:
        return normal(g, 2, 3, m, k), normal(g, 2, 3, k, n).copy()
    if kind == 4:
        return a, normal(g, 3, k, n)
    return turned(g, a), turned(g, b)


def turned(g, x):
    """The same matrix, perhaps column by column, reversed or with gaps in memory."""
    how = g.integers(0, 4)
    if how == 1:
        return np.asfortranarray(x)
    if how == 2:
        return x[::-1].copy()[::-1]
    if how == 3:
        wide = np.zeros((x.shape[0], 2 * x.shape[1]), np.float32)
        wide[:, ::2] = x
        return wide[:, ::2]
    return x
