"""Arguments of kernels/embed_rows.cpp and take_rows.cpp."""

from __future__ import annotations

from . import draws, normal


@draws("embed_rows")
def drawn_embedding(g):
    rows, cols, n = g.integers(1, 20), g.integers(1, 40), g.integers(1, 60)
    index = g.integers(-rows, rows, n)
    return (normal(g, n, cols), index, (int(rows), int(cols)))


@draws("take_rows")
def drawn_table(g):
    rows, cols, n = g.integers(1, 20), g.integers(1, 40), g.integers(1, 60)
    return (g.integers(0, rows, n), normal(g, rows, cols))
