"""Launchers of kernels/matmul.cpp, in float32."""

from __future__ import annotations

import math

from ...launch.matmul import sizes
from ...launch.shapes import float32
from ..rungs import native


def takes(input, other):
    """The shapes fit, and stacks of matrices are of one shape, or one of them a single matrix."""
    found = sizes(input, other) if float32(input, other) else None
    return found is not None and all(
        x.ndim < 3 or math.prod(x.shape[:-2]) == 1 or x.shape[:-2] == found[0] or not found[0]
        for x in (input, other)
    )


def result(fn, a, b, batch):
    """The result, not yet written."""
    if b.ndim > 2:
        return fn.empty((*batch, *a.shape[-2:-1], *b.shape[-1:]), a)
    return fn.empty((*a.shape[:-1], *b.shape[1:]), a)


def in_order(fn, a, b):
    """For rungs that take rows one after another."""
    batch, M, N, K = sizes(a, b)
    out, a, b = result(fn, a, b, batch), fn.contiguous(a), fn.contiguous(b)
    steps = [n if batch and math.prod(x.shape[:-2]) > 1 else 0 for x, n in ((a, M * K), (b, K * N))]
    if out.size:
        fn(out, a, b, math.prod(batch), M, N, K, *steps)
    return out


@native("matmul_1_loops", supports=takes, pinned_only=True)
def matmul_1_loops(fn, input, other):
    return in_order(fn, input, other)


@native("matmul_2_reordered", supports=takes, pinned_only=True)
def matmul_2_reordered(fn, input, other):
    return in_order(fn, input, other)


@native("matmul_3_blocked", supports=takes, pinned_only=True)
def matmul_3_blocked(fn, input, other):
    return in_order(fn, input, other)


def strided(fn, x, matrix):
    """x, and how far it is from one matrix, row and column to the next, in elements.

    `matrix`: what x is like as one matrix, which a vector or a tall stack is told by.
    """
    if x.ndim == 2 and all(s % 4 == 0 for s in x.strides):
        return x, 0, x.strides[0] // 4, x.strides[1] // 4
    x = fn.contiguous(x)
    rows, cols = matrix
    return x, rows * cols if x.size > rows * cols else 0, cols, 1


def in_panels(fn, a, b):
    """For rungs that copy into panels, and so take any strides."""
    batch, M, N, K = sizes(a, b)
    out = result(fn, a, b, batch)
    (a, *a_steps), (b, *b_steps) = strided(fn, a, (M, K)), strided(fn, b, (K, N))
    if out.size:
        fn(out, a, b, math.prod(batch), M, N, K, *a_steps, *b_steps)
    return out


@native("matmul_4_packed", supports=takes, pinned_only=True)
def matmul_4_packed(fn, input, other):
    return in_panels(fn, input, other)


@native("matmul_5_threads", supports=takes, pinned_only=True)
def matmul_5_threads(fn, input, other):
    return in_panels(fn, input, other)
