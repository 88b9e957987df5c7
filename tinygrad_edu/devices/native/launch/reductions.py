"""Launchers of kernels/sum.cpp: x as (outer, n, inner) becomes (outer, inner), in float32."""

from __future__ import annotations

from ...launch.reductions import columns, reducible, rows, shape_after, view
from ..rungs import native

LARGE = 1 << 17  # below, NumPy is as fast


def reduced(fn, x, dim, keepdim):
    out = fn.empty(shape_after(x, dim, keepdim), x)
    if out.size:
        fn(out, fn.contiguous(x), *view(x, dim))
    return out


@native("sum_1_loop", supports=reducible, pinned_only=True)
def sum_1_loop(fn, input, dim=None, keepdim=False, *, dtype=None):
    return reduced(fn, input, dim, keepdim)


@native("sum_2_several", supports=rows, pinned_only=True)
def sum_2_several(fn, input, dim=None, keepdim=False, *, dtype=None):
    return reduced(fn, input, dim, keepdim)


@native("sum_2c_columns", supports=columns, least=LARGE)
def sum_2c_columns(fn, input, dim=None, keepdim=False, *, dtype=None):
    return reduced(fn, input, dim, keepdim)


@native("sum_3_vectors", supports=rows, pinned_only=True)
def sum_3_vectors(fn, input, dim=None, keepdim=False, *, dtype=None):
    return reduced(fn, input, dim, keepdim)


@native("sum_4_threads", supports=rows, least=LARGE)
def sum_4_threads(fn, input, dim=None, keepdim=False, *, dtype=None):
    return reduced(fn, input, dim, keepdim)
