"""Arguments of kernels/softmax.cpp, log_softmax.cpp and class_cross_entropy.cpp."""

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


def scores(g):
    rows, classes = g.integers(1, (30, 40))
    x, target = normal(g, rows, classes) * 5, g.integers(0, classes, rows)
    x[g.random(x.shape) < 0.05] = g.choice([np.inf, -np.inf, 100.0])
    target[g.random(rows) < 0.2] = -100
    return x, target


@draws("class_cross_entropy")
def drawn_scores(g):
    return scores(g)


@draws("class_cross_entropy_backward")
def drawn_scores_backward(g):
    x, target = scores(g)
    x = np.nan_to_num(x, posinf=9, neginf=-9)
    top = x.max(1, keepdims=True)
    logsum = np.log(np.exp(x - top).sum(1, keepdims=True))
    u = normal(g, len(x)) if g.random() < 0.5 else np.broadcast_to(normal(g, 1), len(x))
    return u, x, target, top, logsum
