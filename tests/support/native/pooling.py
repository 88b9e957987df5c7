"""Arguments of kernels/max_pool.cpp and sum_pool.cpp."""

from __future__ import annotations

import numpy as np

import tinygrad_edu as tg
from tinygrad_edu.engine.device import cpu

from . import draws, normal


@draws("max_pool")
def drawn_pool(g, rung):
    if rung == "2" or g.random() < 0.3:
        size = tuple(int(2 * n) for n in g.integers(1, 20, 2))
        steps = ((2, 2), (2, 2), (0, 0), (1, 1))
        ceil_mode = False
    else:
        kernel, stride, dilation = (tuple(map(int, g.integers(1, 4, 2))) for _ in range(3))
        padding = tuple(
            int(g.integers(0, ((k - 1) * d + 1) // 2 + 1)) for k, d in zip(kernel, dilation)
        )
        size = tuple(int(d * (k - 1) + 1 + g.integers(0, 15)) for k, d in zip(kernel, dilation))
        steps, ceil_mode = (kernel, stride, padding, dilation), bool(g.integers(0, 2))
    x = normal(g, *g.integers(1, 4, 2), *size).round(1)  # with ties
    for odd, share in ((np.nan, 0.05), (-np.inf, 0.2), (np.inf, 0.05)):
        if g.random() < 0.4:
            x[g.random(x.shape) < share] = odd
    return (x, *steps, ceil_mode)


@draws("max_pool_spread")
def drawn_spread(g, rung):
    x, *steps, ceil_mode = drawn_pool(g, rung)
    with tg.use_kernel(max_pool=0):
        out, winners = cpu.F.max_pool(x, *steps, ceil_mode)
    return (normal(g, *out.shape), winners, x.shape, *steps)


@draws("sum_pool")
def drawn_sums(g):
    kernel, stride, size = (tuple(map(int, g.integers(1, n, 2))) for n in (5, 5, 20))
    padding = tuple(int(g.integers(0, k)) for k in kernel)
    least = (k - n - p for k, n, p in zip(kernel, size, padding))
    high = tuple(max(int(g.integers(0, 4)), n) for n in least)
    return (normal(g, *g.integers(1, 4, 2), *size), kernel, stride, padding, high)


@draws("sum_spread")
def drawn_sum_spread(g):
    x, *steps = drawn_sums(g)
    with tg.use_kernel(sum_pool=0):
        out = cpu.F.sum_pool(x, *steps)
    return (normal(g, *out.shape), x.shape, *steps)
