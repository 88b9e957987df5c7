"""Arguments of kernels/softmax.cpp and log_softmax.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("softmax", "log_softmax")
def drawn_softmax(g):
    x = normal(g, *g.integers(1, 40, g.integers(1, 4))) * 5
    x[g.random(x.shape) < 0.05] = g.choice([np.inf, -np.inf, 0.0])
    return (x, -1)


@draws("softmax_backward", "log_softmax_backward")
def drawn_two_rows(g):
    shape = g.integers(1, 40, g.integers(1, 4))
    return (normal(g, *shape), np.abs(normal(g, *shape)), -1)
