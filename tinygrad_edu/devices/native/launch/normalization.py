"""Launchers of kernels/layer_normalization.cpp, rms_normalization.cpp and batch_normalization.cpp,
in float32.
"""

from __future__ import annotations

import math

from ...launch.shapes import float32
from ..rungs import native


def last_dims(x, dims):
    """Whether dims are the last of x, written from the end."""
    if tuple(dims) != (-1,) and tuple(dims) != tuple(range(-len(dims), 0)):
        return False
    return x.ndim >= len(dims) and x.size > 0


def rows(x, dims):
    """x as rows over its last dims: how many, how long."""
    cols = math.prod(x.shape[-len(dims) :])
    return x.size // cols, cols


def takes_rows(x, weight, bias, dims):
    shape = x.shape[-len(dims) :]
    return (
        float32(x, weight, bias)
        and last_dims(x, dims)
        and (weight is None or weight.shape == shape)
        and (bias is None or bias.shape == shape)
    )


def row_shape(x, dims):
    return (*x.shape[: x.ndim - len(dims)], *(1 for _ in dims))


def given(fn, *arrays):
    return [None if a is None else fn.contiguous(a) for a in arrays]


def layer_norm(fn, x, weight, bias, dims, eps):
    x, weight, bias = given(fn, x, weight, bias)
    each = row_shape(x, dims)
    out, mean, rstd = fn.empty(x.shape, x), fn.empty(each, x), fn.empty(each, x)
    fn(out, mean, rstd, x, weight, bias, *rows(x, dims), eps)
    return out, mean, rstd


@native("layer_normalization_1_naive", supports=takes_rows)
def layer_normalization_1_naive(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_norm(fn, x, weight, bias, dims, eps)


@native("layer_normalization_2_vectors", supports=takes_rows)
def layer_normalization_2_vectors(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_norm(fn, x, weight, bias, dims, eps)


@native("layer_normalization_3_fused", supports=takes_rows, least=1024)
def layer_normalization_3_fused(fn, x, weight=None, bias=None, dims=(-1,), eps=1e-5):
    return layer_norm(fn, x, weight, bias, dims, eps)


def takes_rows_backward(u, x, mean, rstd, weight, dims):
    return takes_rows(x, weight, None, dims) and float32(u, mean, rstd) and u.shape == x.shape


def layer_norm_backward(fn, u, x, mean, rstd, weight, dims):
    u, x, mean, rstd, weight = given(fn, u, x, mean, rstd, weight)
    out = fn.empty(x.shape, x)
    fn(out, u, x, mean, rstd, weight, *rows(x, dims))
    return out


@native("layer_normalization_backward_1_naive", supports=takes_rows_backward)
def layer_normalization_backward_1_naive(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_norm_backward(fn, u, x, mean, rstd, weight, dims)


@native("layer_normalization_backward_2_vectors", supports=takes_rows_backward)
def layer_normalization_backward_2_vectors(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_norm_backward(fn, u, x, mean, rstd, weight, dims)


@native("layer_normalization_backward_3_fused", supports=takes_rows_backward, least=1024)
def layer_normalization_backward_3_fused(fn, u, x, mean, rstd, weight=None, dims=(-1,)):
    return layer_norm_backward(fn, u, x, mean, rstd, weight, dims)


def takes_weight(u, x, rstd, mean, dims):
    return float32(u, x, rstd, mean) and last_dims(x, dims) and u.shape == x.shape


def weight_backward(fn, u, x, rstd, mean, dims):
    u, x, rstd, mean = given(fn, u, x, rstd, mean)
    out = fn.empty(x.shape[-len(dims) :], x)
    fn(out, u, x, rstd, mean, *rows(x, dims))
    return out


@native("normalization_weight_backward_1_naive", supports=takes_weight)
def normalization_weight_backward_1_naive(fn, u, x, rstd, mean=None, dims=(-1,)):
    return weight_backward(fn, u, x, rstd, mean, dims)


@native("normalization_weight_backward_2_vectors", supports=takes_weight)
def normalization_weight_backward_2_vectors(fn, u, x, rstd, mean=None, dims=(-1,)):
    return weight_backward(fn, u, x, rstd, mean, dims)


# ---- root mean square ----------------------------------------------------------------------------


def takes_rms(x, weight, dims):
    return takes_rows(x, weight, None, dims)


def rms_norm(fn, x, weight, dims, eps):
    x, weight = given(fn, x, weight)
    out, rstd = fn.empty(x.shape, x), fn.empty(row_shape(x, dims), x)
    fn(out, rstd, x, weight, *rows(x, dims), eps)
    return out, rstd


@native("rms_normalization_1_naive", supports=takes_rms)
def rms_normalization_1_naive(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_norm(fn, x, weight, dims, eps)


@native("rms_normalization_2_vectors", supports=takes_rms)
def rms_normalization_2_vectors(fn, x, weight=None, dims=(-1,), eps=1e-5):
    return rms_norm(fn, x, weight, dims, eps)


def takes_rms_backward(u, x, rstd, weight, dims):
    return takes_rows(x, weight, None, dims) and float32(u, rstd) and u.shape == x.shape


def rms_norm_backward(fn, u, x, rstd, weight, dims):
    u, x, rstd, weight = given(fn, u, x, rstd, weight)
    out = fn.empty(x.shape, x)
    fn(out, u, x, rstd, weight, *rows(x, dims))
    return out


@native("rms_normalization_backward_1_naive", supports=takes_rms_backward)
def rms_normalization_backward_1_naive(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_norm_backward(fn, u, x, rstd, weight, dims)


@native("rms_normalization_backward_2_vectors", supports=takes_rms_backward)
def rms_normalization_backward_2_vectors(fn, u, x, rstd, weight=None, dims=(-1,)):
    return rms_norm_backward(fn, u, x, rstd, weight, dims)


# ---- batch norm: statistics of each channel (dim 1) ----------------------------------------------


def channels(x, dims, *each):
    """Whether dims are all but the channels', and each array holds a value a channel."""
    return (
        float32(x, *each)
        and x.size > 0
        and tuple(dims) == (0, *range(2, x.ndim))
        and all(a is None or a.size == x.shape[1] for a in each)
    )


def sizes(x):
    return x.shape[0], x.shape[1], math.prod(x.shape[2:])


def batch_norm(fn, x, weight, bias, dims, eps):
    x, weight, bias = given(fn, x, weight, bias)
    shape = (1, x.shape[1], *(1 for _ in x.shape[2:]))
    out, mean, var = (fn.empty(s, x) for s in (x.shape, shape, shape))
    fn(out, mean, var, x, weight, bias, *sizes(x), eps)
    return out, mean, var


def takes_channels(x, weight, bias, dims):
    return channels(x, dims, weight, bias)


@native("batch_normalization_1_naive", supports=takes_channels)
def batch_normalization_1_naive(fn, x, weight=None, bias=None, dims=(0,), eps=1e-5):
    return batch_norm(fn, x, weight, bias, dims, eps)


@native("batch_normalization_2_vectors", supports=takes_channels)
def batch_normalization_2_vectors(fn, x, weight=None, bias=None, dims=(0,), eps=1e-5):
    return batch_norm(fn, x, weight, bias, dims, eps)


def takes_channels_backward(u, x, mean, var, weight, dims):
    return float32(u) and u.shape == x.shape and channels(x, dims, mean, var, weight)


def batch_norm_backward(fn, u, x, mean, var, weight, eps):
    u, x, mean, var, weight = given(fn, u, x, mean, var, weight)
    out, d_weight, d_bias = (fn.empty(s, x) for s in (x.shape, mean.shape, mean.shape))
    fn(out, d_weight, d_bias, u, x, weight, mean, var, *sizes(x), eps)
    return out, d_weight, d_bias


@native("batch_normalization_backward_1_naive", supports=takes_channels_backward)
def batch_normalization_backward_1_naive(fn, u, x, mean, var, weight=None, dims=(0,), eps=1e-5):
    return batch_norm_backward(fn, u, x, mean, var, weight, eps)


@native("batch_normalization_backward_2_vectors", supports=takes_channels_backward)
def batch_normalization_backward_2_vectors(fn, u, x, mean, var, weight=None, dims=(0,), eps=1e-5):
    return batch_norm_backward(fn, u, x, mean, var, weight, eps)
