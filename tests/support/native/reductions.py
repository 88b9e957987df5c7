"""Arguments of kernels/sum.cpp."""

from __future__ import annotations

import numpy as np

from . import draws, normal


@draws("sum")
def drawn_sum(g, rung):
    """Rows, or for rungs of columns, columns; some longer than a chunk. The numbers are about 1, so
    that no sum is near 0.
    """
    outer, n, inner = (int(s) for s in g.choice([0, 1, 2, 5, 9, 31, 64, 130], 3))
    if g.random() < 0.5:
        n = int(g.integers(4000, 30_000))
        outer, inner = min(outer, 2), min(inner, 3)
    columns = str(rung).endswith("c")
    shape = (outer, n, inner + 2) if columns else (outer, n)
    x = normal(g, *shape) / 4 + 1
    if g.random() < 0.3 and x.size:
        x[g.random(x.shape) < 2 / x.size] = g.choice([np.inf, -np.inf, np.nan])
    dim = 1 if columns else [None, 1, (0, 1), -1][g.integers(0, 4)]
    return x, dim, bool(g.integers(0, 2))
