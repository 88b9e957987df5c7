"""Launchers of kernels/max_pool.cpp and sum_pool.cpp: images (N, C, H, W) in float32; what has one
spatial dim is an image of one row.
"""

from __future__ import annotations

import math

from ...launch.pooling import counts, image, settings, takes_max, takes_sum, takes_winners, windows
from ..rungs import native


def planes(x):
    return x.shape[0] * x.shape[1]


def in_pairs(size, kernel, stride, padding, dilation):
    """Windows of 2 x 2 that neither overlap nor leave a gap."""
    return (
        tuple(kernel) == tuple(stride) == (2, 2)
        and not any(padding)
        and tuple(dilation) == (1, 1)
        and not (size[0] % 2 or size[1] % 2)
    )


def forward(fn, x, kernel, stride, padding, dilation, ceil_mode):
    x = fn.contiguous(x)
    spatial = windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    out, winners = (fn.empty((*x.shape[:2], *spatial), like) for like in (x, "uint8"))
    return x, out, winners, settings(x.shape[2:], spatial, kernel, stride, padding, dilation)


@native("max_pool_1_naive", supports=takes_max)
def max_pool_1_naive(fn, x, kernel, stride, padding, dilation, ceil_mode=False):
    x, out, winners, numbers = forward(fn, x, kernel, stride, padding, dilation, ceil_mode)
    fn(out, winners, x, planes(x), *numbers)
    return out, winners


@native(
    "max_pool_2_pairs",
    supports=lambda x, kernel, stride, padding, dilation: (
        image(x, kernel)
        and len(kernel) == 2
        and in_pairs(x.shape[2:], kernel, stride, padding, dilation)
    ),
)
def max_pool_2_pairs(fn, x, kernel, stride, padding, dilation, ceil_mode=False):
    x, out, winners, _ = forward(fn, x, kernel, stride, padding, dilation, ceil_mode)
    fn(out, winners, x, planes(x), *x.shape[2:])
    return out, winners


def spread(fn, x, winners, shape):
    return fn.contiguous(x), fn.contiguous(winners), fn.empty(tuple(shape), x)


@native("max_pool_spread_1_scatter", supports=takes_winners)
def max_pool_spread_1_scatter(fn, x, winners, shape, kernel, stride, padding, dilation):
    x, winners, out = spread(fn, x, winners, shape)
    numbers = settings(shape[2:], x.shape[2:], kernel, stride, padding, dilation)
    fn(out, x, winners, planes(x), *numbers)
    return out


@native(
    "max_pool_spread_2_pairs",
    supports=lambda x, winners, shape, kernel, stride, padding, dilation: (
        takes_winners(x, winners, kernel)
        and len(kernel) == 2
        and in_pairs(shape[2:], kernel, stride, padding, dilation)
        and 4 * math.prod(x.shape[2:]) == math.prod(shape[2:])
    ),
)
def max_pool_spread_2_pairs(fn, x, winners, shape, kernel, stride, padding, dilation):
    x, winners, out = spread(fn, x, winners, shape)
    fn(out, x, winners, planes(x), *shape[2:])
    return out


def sums(fn, x, kernel, stride, padding, high):
    x, spatial = fn.contiguous(x), counts(x, kernel, stride, padding, high)
    out = fn.empty((*x.shape[:2], *spatial), x)
    fn(out, x, planes(x), *settings(x.shape[2:], spatial, kernel, stride, padding))
    return out


@native("sum_pool_1_naive", supports=takes_sum)
def sum_pool_1_naive(fn, x, kernel, stride, padding, high):
    return sums(fn, x, kernel, stride, padding, high)


@native("sum_pool_2_rows", supports=takes_sum)
def sum_pool_2_rows(fn, x, kernel, stride, padding, high):
    return sums(fn, x, kernel, stride, padding, high)


def takes_spread(x, shape, kernel):
    return image(x, kernel) and math.prod(shape) > 0


def spread_sums(fn, x, shape, kernel, stride, padding):
    x, out = fn.contiguous(x), fn.empty(tuple(shape), x)
    fn(out, x, planes(x), *settings(shape[2:], x.shape[2:], kernel, stride, padding))
    return out


@native("sum_spread_1_naive", supports=takes_spread)
def sum_spread_1_naive(fn, x, shape, kernel, stride, padding, high):
    return spread_sums(fn, x, shape, kernel, stride, padding)


@native("sum_spread_2_rows", supports=takes_spread)
def sum_spread_2_rows(fn, x, shape, kernel, stride, padding, high):
    return spread_sums(fn, x, shape, kernel, stride, padding)
