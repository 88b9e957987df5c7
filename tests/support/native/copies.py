"""Arguments of kernels/clone_contiguous.cpp."""

from __future__ import annotations

from . import draws, normal


@draws("clone_contiguous")
def drawn_turned(g):
    """Stacks of turned matrices; 65 and 130 cross the blocks, 3 and 17 the vectors."""
    rows, cols = (int(n) for n in g.choice([2, 3, 8, 16, 17, 64, 65, 130], 2))
    stack = [int(n) for n in g.integers(1, 4, g.integers(0, 3))]
    return (normal(g, *stack, rows, cols).swapaxes(-1, -2),)
