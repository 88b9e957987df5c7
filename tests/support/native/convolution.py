"""Arguments of kernels/convolution*.cpp."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.ops.layers.convolution import out_size

from . import draws, normal


@draws("convolution")
def drawn_convolution(g, rung):
    return drawn_small_steps(g) if rung == "4" else drawn_with(g, g.integers(1, 17))


def drawn_small_steps(g):
    """A kernel of 3 x 3 in steps of 1; some pictures have an infinite pixel or a NaN."""
    groups, per, some, n = (
        int(g.integers(low, high)) for low, high in ((1, 3), (32, 45), (32, 45), (1, 4))
    )
    padding = tuple(map(int, g.integers(0, 3, 2)))
    size = tuple(int(g.integers(3 - min(p, 1) * 2, 20)) for p in padding)
    x, w = normal(g, n, groups * per, *size), normal(g, groups * some, per, 3, 3)
    if g.random() < 0.4:
        x.flat[g.integers(x.size)] = g.choice([np.inf, -np.inf, np.nan])
    return x, w, normal(g, len(w)), (1, 1), padding, (1, 1), groups


def drawn_with(g, some):
    """(x, w, b, stride, padding, dilation, groups) of a convolution that has an output, with `some`
    output channels a group.
    """
    while True:
        groups = int(g.choice([1, 1, 2, 3]))
        n, per, some = int(g.integers(1, 4)), int(g.integers(1, 5)), int(some)
        dims = int(g.integers(1, 3))
        kernel, stride, dilation, padding, size = (
            tuple(map(int, g.integers(low, high, dims)))
            for low, high in ((1, 5), (1, 4), (1, 3), (0, 4), (1, 20))
        )
        if min(out_size(size, kernel, stride, padding, dilation)) >= 1:
            x, w = normal(g, n, groups * per, *size), normal(g, groups * some, per, *kernel)
            bias = normal(g, groups * some) if g.random() < 0.5 else None
            return x, w, bias, stride, padding, dilation, groups


@draws("convolution_input")
def drawn_convolution_input(g, rung):
    x, w, _, stride, padding, dilation, groups = drawn_convolution(g, "4" if rung == "3" else "1")
    size = out_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = normal(g, x.shape[0], w.shape[0], *size)
    return (y, w, x.shape, stride, padding, dilation, groups)


@draws("convolution_weight")
def drawn_convolution_weight(g, rung):
    some = g.integers(6, 40) if rung == "3" else g.integers(1, 17)
    x, w, _, stride, padding, dilation, groups = drawn_with(g, some)
    size = out_size(x.shape[2:], w.shape[2:], stride, padding, dilation)
    y = normal(g, x.shape[0], w.shape[0], *size)
    return (y, x, w.shape, stride, padding, dilation, groups)
