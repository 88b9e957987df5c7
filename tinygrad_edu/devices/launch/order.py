"""Launchers of kernels/argmax.cu, max_dim.cu and topk.cu."""

from __future__ import annotations

from ..rungs import kernel
from .reductions import filled_rows, shape_after, view
from .shapes import ceil_div, flatten_rows, float32, last


class int64:
    """What `fn.empty` is told for an array of indexes."""

    dtype = "int64"


def one_dim(input, dim):
    return dim is None or type(dim) is int


def rows_with_one_dim(input, dim):
    return one_dim(input, dim) and filled_rows(input, dim)


def argmax(fn, x, dim, keepdim, start):
    """`start(out, x, rows, cols)` launches."""
    out = fn.empty(shape_after(x, dim, keepdim), int64)
    start(out, fn.contiguous(x), *view(x, dim)[:2])
    return out


def threads(cols):
    return (32 * max(1, min(8, cols // 128)),)


@kernel("argmax_1_naive", supports=rows_with_one_dim)
def argmax_1_naive(fn, input, dim=None, keepdim=False):
    return argmax(
        fn,
        input,
        dim,
        keepdim,
        lambda out, x, rows, cols: fn((ceil_div(rows, 128),), (128,), (out, x, rows, cols)),
    )


@kernel("argmax_2_shared", supports=rows_with_one_dim)
def argmax_2_shared(fn, input, dim=None, keepdim=False):
    return argmax(
        fn, input, dim, keepdim, lambda out, x, rows, cols: fn((rows,), (128,), (out, x, cols))
    )


@kernel("argmax_3_shuffles", supports=rows_with_one_dim)
def argmax_3_shuffles(fn, input, dim=None, keepdim=False):
    return argmax(
        fn,
        input,
        dim,
        keepdim,
        lambda out, x, rows, cols: fn((rows,), threads(cols), (out, x, cols)),
    )


@kernel("argmax_4_vectors", supports=rows_with_one_dim)
def argmax_4_vectors(fn, input, dim=None, keepdim=False):
    return argmax(
        fn,
        input,
        dim,
        keepdim,
        lambda out, x, rows, cols: fn((rows,), threads(cols), (out, x, cols)),
    )


@kernel(
    "max_dim_1_shuffles",
    supports=lambda input, dim: type(dim) is int and input.ndim > 0 and filled_rows(input, dim),
)
def max_dim_1_shuffles(fn, input, dim, keepdim=False):
    shape, (rows, cols, _) = shape_after(input, dim, keepdim), view(input, dim)
    values, indices = fn.empty(shape, input), fn.empty(shape, int64)
    fn((rows,), threads(cols), (values, indices, fn.contiguous(input), cols))
    return values, indices


def few_of_rows(input, k, dim):
    return (
        float32(input)
        and last(input, dim)
        and input.size < 2**31 - 4096
        and type(k) is int
        and 0 <= k <= min(32, input.shape[-1])
    )


def topk(fn, x, k, largest, start):
    """`start(arrays, rows, cols, flip)` launches."""
    shape = (*x.shape[:-1], k)
    values, indices = fn.empty(shape, x), fn.empty(shape, int64)
    if values.size:
        start((values, indices, fn.contiguous(x)), *flatten_rows(x), 0 if largest else 2**32 - 1)
    return values, indices


@kernel("topk_1_rounds", supports=few_of_rows)
def topk_1_rounds(fn, input, k, dim=-1, largest=True, sorted=True):
    return topk(
        fn,
        input,
        k,
        largest,
        lambda arrays, rows, cols, flip: fn((rows,), (128,), (*arrays, cols, k, flip)),
    )


@kernel("topk_2_warp", supports=few_of_rows)
def topk_2_warp(fn, input, k, dim=-1, largest=True, sorted=True):
    return topk(
        fn,
        input,
        k,
        largest,
        lambda arrays, rows, cols, flip: fn(
            (ceil_div(rows, 4),), (32, 4), (*arrays, rows, cols, k, flip)
        ),
    )
