"""Launchers of kernels/sum.cu and amax.cu: x as (outer, n, inner) becomes (outer, inner)."""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import ceil_div, float32


def view(x, dim):
    """x as (outer, n, inner), where n is what `dim` (one, several, None or () for all) reduces;
    None if the reduced dims are no neighbours.
    """
    if dim is None or dim in ((), []):
        return 1, x.size, 1
    dims = dim if isinstance(dim, (tuple, list)) else (dim,)
    if not all(type(d) is int and -x.ndim <= d < x.ndim for d in dims):
        return None
    reduced = {d % x.ndim for d in dims}
    if len(reduced) < len(dims):
        return None
    wide = [d for d in sorted(reduced) if x.shape[d] != 1] or [min(reduced)]
    first, end = wide[0], wide[-1] + 1
    if any(x.shape[d] != 1 for d in range(first, end) if d not in reduced):
        return None
    return math.prod(x.shape[:first]), math.prod(x.shape[first:end]), math.prod(x.shape[end:])


def shape_after(x, dim, keepdim):
    dims = (
        range(x.ndim)
        if dim is None or dim in ((), [])
        else [d % x.ndim for d in (dim if isinstance(dim, (tuple, list)) else (dim,))]
    )
    return tuple(1 if d in dims else n for d, n in enumerate(x.shape) if keepdim or d not in dims)


def reducible(input, dim, dtype=None):
    return (
        dtype is None
        and float32(input)
        and input.size < 2**31 - 4096
        and view(input, dim) is not None
    )


def rows(input, dim, dtype=None):
    return reducible(input, dim, dtype) and view(input, dim)[2] == 1


def columns(input, dim, dtype=None):
    return reducible(input, dim, dtype) and view(input, dim)[2] > 1


def atomics(fn, x, dim, keepdim, start):
    outer, n, inner = view(x, dim)
    out = fn.empty(shape_after(x, dim, keepdim), x)
    out.fill(start)
    fn((ceil_div(x.size, 256),), (256,), (out, fn.contiguous(x), x.size, n, inner))
    return out


def walk(fn, x, dim, keepdim):
    outer, n, inner = view(x, dim)
    out = fn.empty(shape_after(x, dim, keepdim), x)
    fn((ceil_div(outer * inner, 128),), (128,), (out, fn.contiguous(x), outer * inner, n, inner))
    return out


def in_passes(fn, x, dim, keepdim, pieces_of, start):
    """Reduce pieces, then the pieces' results, until one a row is left.

    `start(out, x, n, pieces)` launches one pass.
    """
    outer, n, inner = view(x, dim)
    shape, x = shape_after(x, dim, keepdim), fn.contiguous(x)
    while True:
        pieces = pieces_of(n, outer)
        out = fn.empty(shape if pieces == 1 else (outer, pieces, inner), x)
        if out.size:
            start(out, x, n, pieces)
        if pieces == 1:
            return out
        x, n = out, pieces


def shared(fn, x, dim, keepdim):
    return in_passes(
        fn,
        x,
        dim,
        keepdim,
        lambda n, outer: ceil_div(n, 256) or 1,
        lambda out, x, n, pieces: fn((out.size,), (256,), (out, x, n, pieces)),
    )


def tiles(fn, x, dim, keepdim):
    outer, _, inner = view(x, dim)
    across = ceil_div(inner, 32)
    return in_passes(
        fn,
        x,
        dim,
        keepdim,
        lambda n, outer: ceil_div(n, 256) or 1,
        lambda out, x, n, pieces: fn(
            (across * outer * pieces,), (32, 8), (out, x, n, inner, across, pieces)
        ),
    )


def warp(fn, x, dim, keepdim):
    return in_passes(
        fn,
        x,
        dim,
        keepdim,
        lambda n, outer: ceil_div(n, 1024) or 1,
        lambda out, x, n, pieces: fn(
            (ceil_div(out.size, 4),), (32, 4), (out, x, n, pieces, out.size)
        ),
    )


def vectors(fn, x, dim, keepdim):
    """About 2048 blocks in all, which fill the largest GPUs; a block has at least 4096 elements to
    do, short rows get fewer warps.
    """
    return in_passes(
        fn,
        x,
        dim,
        keepdim,
        lambda n, outer: max(1, min(2048 // outer, n // 4096)) if outer else 1,
        lambda out, x, n, pieces: fn(
            (out.size,), (32 * max(1, min(8, n // pieces // 256)),), (out, x, n, pieces)
        ),
    )


@kernel("sum_1_atomics", supports=reducible)
def sum_1_atomics(fn, input, dim=None, keepdim=False, *, dtype=None):
    return atomics(fn, input, dim, keepdim, 0.0)


@kernel("sum_1c_columns", supports=columns)
def sum_1c_columns(fn, input, dim=None, keepdim=False, *, dtype=None):
    return walk(fn, input, dim, keepdim)


@kernel("sum_2_shared", supports=rows)
def sum_2_shared(fn, input, dim=None, keepdim=False, *, dtype=None):
    return shared(fn, input, dim, keepdim)


@kernel("sum_2c_tiles", supports=columns)
def sum_2c_tiles(fn, input, dim=None, keepdim=False, *, dtype=None):
    return tiles(fn, input, dim, keepdim)


@kernel("sum_3_warp", supports=rows)
def sum_3_warp(fn, input, dim=None, keepdim=False, *, dtype=None):
    return warp(fn, input, dim, keepdim)


@kernel("sum_4_vectors", supports=rows)
def sum_4_vectors(fn, input, dim=None, keepdim=False, *, dtype=None):
    return vectors(fn, input, dim, keepdim)


# An empty row has a sum, but no largest element: the generic forward says so.


def filled(input, dim):
    return reducible(input, dim) and input.size > 0


def filled_rows(input, dim):
    return rows(input, dim) and input.size > 0


def filled_columns(input, dim):
    return columns(input, dim) and input.size > 0


@kernel("amax_1_atomics", supports=filled)
def amax_1_atomics(fn, input, dim=None, keepdim=False):
    return atomics(fn, input, dim, keepdim, -math.inf)


@kernel("amax_1c_columns", supports=filled_columns)
def amax_1c_columns(fn, input, dim=None, keepdim=False):
    return walk(fn, input, dim, keepdim)


@kernel("amax_2_shared", supports=filled_rows)
def amax_2_shared(fn, input, dim=None, keepdim=False):
    return shared(fn, input, dim, keepdim)


@kernel("amax_2c_tiles", supports=filled_columns)
def amax_2c_tiles(fn, input, dim=None, keepdim=False):
    return tiles(fn, input, dim, keepdim)


@kernel("amax_3_warp", supports=filled_rows)
def amax_3_warp(fn, input, dim=None, keepdim=False):
    return warp(fn, input, dim, keepdim)


@kernel("amax_4_vectors", supports=filled_rows)
def amax_4_vectors(fn, input, dim=None, keepdim=False):
    return vectors(fn, input, dim, keepdim)
