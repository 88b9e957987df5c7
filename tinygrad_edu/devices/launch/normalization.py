"""Launchers of kernels/layer_normalization.cu, rms_normalization.cu,
normalization_weight_backward.cu and batch_normalization.cu.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import ceil_div, float32, wide


def rows_of(x, dims):
    """x as rows over its last dims: how many, how long; None if `dims` are not the last ones."""
    k = len(dims)
    if (
        not 0 < k <= x.ndim
        or sorted(d % x.ndim for d in dims) != list(range(x.ndim - k, x.ndim))
        or not 0 < x.size < 2**31 - 4096
    ):
        return None
    return math.prod(x.shape[: x.ndim - k]), math.prod(x.shape[x.ndim - k :])


def one_a_row(x, dims):
    """The shape of what holds one value for each row."""
    return (*x.shape[: x.ndim - len(dims)], *(1,) * len(dims))


def takes(dims, x, *columns):
    """Whether x is rows, and the weights, which may be None, hold one value for each column."""
    return (
        float32(x, *columns)
        and rows_of(x, dims) is not None
        and all(c is None or c.size == rows_of(x, dims)[1] for c in columns)
    )


def contiguous(fn, *arrays):
    return tuple(None if a is None else fn.contiguous(a) for a in arrays)


def by_block(fn, arrays, rows, cols, *more):
    fn((rows,), (128,), (*arrays, cols, *more))


def by_warp(fn, arrays, rows, cols, *more):
    fn((ceil_div(rows, 4),), (32, 4), (*arrays, rows, cols, *more))


def by_wide_block(fn, arrays, rows, cols, *more):
    fn((rows,), (256,), (*arrays, cols, *more))


# ---- layer_normalization ----


def layer(x, weight, bias, dims):
    return takes(dims, x, weight, bias)


def layer_short(x, weight, bias, dims):
    return layer(x, weight, bias, dims) and rows_of(x, dims)[1] <= 1024


def layer_forward(fn, x, weight, bias, dims, eps, start):
    x, weight, bias = contiguous(fn, x, weight, bias)
    out, mean, rstd = (
        fn.empty(x.shape, x),
        fn.empty(one_a_row(x, dims), x),
        fn.empty(one_a_row(x, dims), x),
    )
    start(fn, (out, mean, rstd, x, weight, bias), *rows_of(x, dims), eps)
    return out, mean, rstd


@kernel("layer_normalization_1_block", supports=layer)
def layer_normalization_1_block(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_forward(fn, x, weight, bias, dims, eps, by_block)


@kernel("layer_normalization_2_warp", supports=layer)
def layer_normalization_2_warp(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_forward(fn, x, weight, bias, dims, eps, by_warp)


@kernel("layer_normalization_3_registers", supports=layer_short)
def layer_normalization_3_registers(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_forward(fn, x, weight, bias, dims, eps, by_warp)


@kernel(
    "layer_normalization_4_vectors",
    supports=lambda x, weight, bias, dims: (
        layer(x, weight, bias, dims) and wide(rows_of(x, dims)[1], x)
    ),
)
def layer_normalization_4_vectors(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_forward(fn, x, weight, bias, dims, eps, by_wide_block)


def layer_back(u, x, mean, rstd, weight, dims):
    return (
        takes(dims, x, weight)
        and float32(u, mean, rstd)
        and u.shape == x.shape
        and mean.shape == rstd.shape == one_a_row(x, dims)
    )


def layer_back_short(u, x, mean, rstd, weight, dims):
    return layer_back(u, x, mean, rstd, weight, dims) and rows_of(x, dims)[1] <= 1024


def layer_backward(fn, u, x, mean, rstd, weight, dims, start):
    out = fn.empty(x.shape, x)
    start(fn, (out, *contiguous(fn, u, x, mean, rstd, weight)), *rows_of(x, dims))
    return out


@kernel("layer_normalization_backward_1_block", supports=layer_back)
def layer_normalization_backward_1_block(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_backward(fn, u, x, mean, rstd, weight, dims, by_block)


@kernel("layer_normalization_backward_2_warp", supports=layer_back)
def layer_normalization_backward_2_warp(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_backward(fn, u, x, mean, rstd, weight, dims, by_warp)


@kernel("layer_normalization_backward_3_registers", supports=layer_back_short)
def layer_normalization_backward_3_registers(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_backward(fn, u, x, mean, rstd, weight, dims, by_warp)


@kernel(
    "layer_normalization_backward_4_vectors",
    supports=lambda u, x, mean, rstd, weight, dims: (
        layer_back(u, x, mean, rstd, weight, dims) and wide(rows_of(x, dims)[1], u, x)
    ),
)
def layer_normalization_backward_4_vectors(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_backward(fn, u, x, mean, rstd, weight, dims, by_wide_block)


# ---- rms_normalization ----


def rms(x, weight, dims):
    return takes(dims, x, weight)


def rms_short(x, weight, dims):
    return rms(x, weight, dims) and rows_of(x, dims)[1] <= 1024


def rms_forward(fn, x, weight, dims, eps, start):
    x, weight = contiguous(fn, x, weight)
    out, rstd = fn.empty(x.shape, x), fn.empty(one_a_row(x, dims), x)
    start(fn, (out, rstd, x, weight), *rows_of(x, dims), eps)
    return out, rstd


@kernel("rms_normalization_1_block", supports=rms)
def rms_normalization_1_block(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_forward(fn, x, weight, dims, eps, by_block)


@kernel("rms_normalization_2_warp", supports=rms)
def rms_normalization_2_warp(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_forward(fn, x, weight, dims, eps, by_warp)


@kernel("rms_normalization_3_registers", supports=rms_short)
def rms_normalization_3_registers(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_forward(fn, x, weight, dims, eps, by_warp)


@kernel(
    "rms_normalization_4_vectors",
    supports=lambda x, weight, dims: rms(x, weight, dims) and wide(rows_of(x, dims)[1], x),
)
def rms_normalization_4_vectors(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_forward(fn, x, weight, dims, eps, by_wide_block)


def rms_back(u, x, rstd, weight, dims):
    return (
        takes(dims, x, weight)
        and float32(u, rstd)
        and u.shape == x.shape
        and rstd.shape == one_a_row(x, dims)
    )


def rms_back_short(u, x, rstd, weight, dims):
    return rms_back(u, x, rstd, weight, dims) and rows_of(x, dims)[1] <= 1024


def rms_backward(fn, u, x, rstd, weight, dims, start):
    out = fn.empty(x.shape, x)
    start(fn, (out, *contiguous(fn, u, x, rstd, weight)), *rows_of(x, dims))
    return out


@kernel("rms_normalization_backward_1_block", supports=rms_back)
def rms_normalization_backward_1_block(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_backward(fn, u, x, rstd, weight, dims, by_block)


@kernel("rms_normalization_backward_2_warp", supports=rms_back)
def rms_normalization_backward_2_warp(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_backward(fn, u, x, rstd, weight, dims, by_warp)


@kernel("rms_normalization_backward_3_registers", supports=rms_back_short)
def rms_normalization_backward_3_registers(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_backward(fn, u, x, rstd, weight, dims, by_warp)


@kernel(
    "rms_normalization_backward_4_vectors",
    supports=lambda u, x, rstd, weight, dims: (
        rms_back(u, x, rstd, weight, dims) and wide(rows_of(x, dims)[1], u, x)
    ),
)
def rms_normalization_backward_4_vectors(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_backward(fn, u, x, rstd, weight, dims, by_wide_block)


# ---- the weight of both ----


def weight_back(u, x, rstd, mean, dims):
    return (
        rms_back(u, x, rstd, None, dims)
        and float32(mean)
        and (mean is None or mean.shape == rstd.shape)
    )


@kernel("normalization_weight_backward_1_naive", supports=weight_back)
def normalization_weight_backward_1_naive(fn, u, x, rstd, mean=None, dims=(-1,)):
    out, (rows, cols) = fn.empty(x.shape[x.ndim - len(dims) :], x), rows_of(x, dims)
    fn((ceil_div(cols, 128),), (128,), (out, *contiguous(fn, u, x, rstd, mean), rows, cols))
    return out


@kernel("normalization_weight_backward_2_tiles", supports=weight_back)
def normalization_weight_backward_2_tiles(fn, u, x, rstd, mean=None, dims=(-1,)):
    shape, (rows, cols) = x.shape[x.ndim - len(dims) :], rows_of(x, dims)
    tiles, pieces = ceil_div(cols, 32), ceil_div(rows, 256)
    out = fn.empty(shape if pieces == 1 else (pieces, *shape), x)
    fn((tiles * pieces,), (32, 8), (out, *contiguous(fn, u, x, rstd, mean), rows, cols, tiles))
    return out if pieces == 1 else fn.device.F.sum(out, 0)


# ---- batch_normalization ----


def channels(x, weight, bias, dims):
    """Whether the statistics are those of each channel (dim 1), over all other dims."""
    return (
        float32(x, weight, bias)
        and x.ndim > 1
        and 0 < x.size < 2**31 - 4096
        and {d % x.ndim for d in dims} == {*range(x.ndim)} - {1}
        and all(v is None or v.size == x.shape[1] for v in (weight, bias))
    )


def channels_with_places(x, weight, bias, dims):
    """Without places behind the channel dim, a thread a channel reads whole requests and a block
    would not.
    """
    return channels(x, weight, bias, dims) and math.prod(x.shape[2:]) > 1


def batch_forward(fn, x, weight, bias, eps, start):
    """`start(arrays, numbers, C)` launches."""
    x, weight, bias = contiguous(fn, x, weight, bias)
    N, C, S = x.shape[0], x.shape[1], math.prod(x.shape[2:])
    out, (mean, var) = (
        fn.empty(x.shape, x),
        (fn.empty((1, C, *(1,) * (x.ndim - 2)), x) for _ in range(2)),
    )
    start((out, mean, var, x, weight, bias), (N, C, S, eps), C)
    return out, mean, var


@kernel("batch_normalization_1_naive", supports=channels)
def batch_normalization_1_naive(fn, x, weight=None, bias=None, dims=(0,), eps=1e-5):
    return batch_forward(
        fn,
        x,
        weight,
        bias,
        eps,
        lambda arrays, numbers, C: fn((ceil_div(C, 64),), (64,), (*arrays, *numbers)),
    )


@kernel("batch_normalization_2_block", supports=channels_with_places)
def batch_normalization_2_block(fn, x, weight=None, bias=None, dims=(0,), eps=1e-5):
    return batch_forward(
        fn, x, weight, bias, eps, lambda arrays, numbers, C: fn((C,), (256,), (*arrays, *numbers))
    )


@kernel("batch_normalization_3_moments", supports=channels_with_places)
def batch_normalization_3_moments(fn, x, weight=None, bias=None, dims=(0,), eps=1e-5):
    return batch_forward(
        fn, x, weight, bias, eps, lambda arrays, numbers, C: fn((C,), (256,), (*arrays, *numbers))
    )
