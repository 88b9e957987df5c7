"""Arguments of kernels/dropout_keyed.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("dropout_keyed")
def drawn_dropout(g):
    x = normal(g, *g.integers(1, 30, g.integers(1, 4)))
    x[g.random(x.shape) < 0.05] = g.choice([np.inf, np.nan, 0.0])
    key = int(g.integers(0, 2**64, dtype=np.uint64))
    return (x, float(g.choice([0.0, 0.1, 0.5, 0.999])), key)
