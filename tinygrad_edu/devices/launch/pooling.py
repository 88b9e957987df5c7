"""Launchers of kernels/max_pool*.cu, sum_pool.cu and sum_spread.cu: images (N, C, H, W) in float32;
what has one spatial dim is an image of one row.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import aligned, ceil_div, float32

MOST = 2**31 - 1024  # elements: they are counted in an int


def image(x, kernel):
    """One or two spatial dims, something in it, countable."""
    return float32(x) and x.ndim == len(kernel) + 2 and len(kernel) in (1, 2) and 0 < x.size < MOST


def as_image(values, first):
    """Numbers for each spatial dim as two: a line is an image of one row."""
    return tuple(values) if len(values) == 2 else (first, *values)


def windows(size, kernel, stride, padding, dilation, ceil_mode):
    """Output sizes: how many windows begin inside the padded input. None if the generic forward
    must say what is wrong.
    """
    counts = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation):
        if k < 1 or s < 1 or d < 1 or not 0 <= p <= ((k - 1) * d + 1) // 2:
            return None
        span = n + 2 * p - d * (k - 1) - 1
        m = (ceil_div(span, s) if ceil_mode else span // s) + 1
        counts.append(m - 1 if ceil_mode and (m - 1) * s >= n + p else m)
    return tuple(counts) if min(counts) >= 1 else None


def settings(size, spatial, kernel, stride, padding, dilation=None):
    """The numbers that all kernels take, in their order after the count: H, W, OH, OW, KH, KW, SY,
    SX, PY, PX, and DY, DX where there is dilation.
    """
    full = [
        as_image(v, first)
        for v, first in (
            (size, 1),
            (spatial, 1),
            (kernel, 1),
            (stride, 1),
            (padding, 0),
            *([(dilation, 1)] if dilation else []),
        )
    ]
    return tuple(int(n) for pair in full for n in pair)


def side_by_side(x, kernel, stride, padding):
    """Windows of 2 x 2 that neither overlap nor leave a gap, in rows of whole float4."""
    return (
        tuple(kernel) == tuple(stride) == (2, 2)
        and not any(padding)
        and x.shape[2] % 2 == 0
        and x.shape[3] % 4 == 0
        and (not x.flags.c_contiguous or aligned(x))
    )


def takes_max(x, kernel, stride, padding, dilation, ceil_mode):
    return (
        image(x, kernel)
        and math.prod(kernel) < 256
        and windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode) is not None
    )


def max_and_winners(fn, x, kernel, stride, padding, dilation, ceil_mode, pairs):
    x = fn.contiguous(x)
    spatial = windows(x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    out, winners = (fn.empty((*x.shape[:2], *spatial), like) for like in (x, "uint8"))
    if pairs:
        fn(
            (ceil_div(out.size // 2, 256),),
            (256,),
            (out, winners, x, out.size // 2, x.shape[3] // 4),
        )
    else:
        fn(
            (ceil_div(out.size, 256),),
            (256,),
            (
                out,
                winners,
                x,
                out.size,
                *settings(x.shape[2:], spatial, kernel, stride, padding, dilation),
            ),
        )
    return out, winners


@kernel("max_pool_1_naive", supports=takes_max)
def max_pool_1_naive(fn, x, kernel, stride, padding, dilation, ceil_mode=False):
    return max_and_winners(fn, x, kernel, stride, padding, dilation, ceil_mode, False)


@kernel(
    "max_pool_2_pairs",
    supports=lambda x, kernel, stride, padding, dilation: (
        image(x, kernel) and side_by_side(x, kernel, stride, padding) and tuple(dilation) == (1, 1)
    ),
)
def max_pool_2_pairs(fn, x, kernel, stride, padding, dilation, ceil_mode=False):
    return max_and_winners(fn, x, kernel, stride, padding, dilation, ceil_mode, True)


def takes_winners(x, winners, kernel):
    return image(x, kernel) and winners.dtype == "uint8" and 0 < winners.size < MOST


def spread(fn, x, winners, shape, kernel, stride, padding, dilation, atomics):
    x, winners, out = fn.contiguous(x), fn.contiguous(winners), fn.empty(tuple(shape), x)
    if atomics:
        out.fill(0)
    threads = x.size if atomics else out.size
    fn(
        (ceil_div(threads, 256),),
        (256,),
        (
            out,
            x,
            winners,
            threads,
            *settings(shape[2:], x.shape[2:], kernel, stride, padding, dilation),
        ),
    )
    return out


@kernel("max_pool_spread_1_atomics", supports=takes_winners)
def max_pool_spread_1_atomics(fn, x, winners, shape, kernel, stride, padding, dilation):
    return spread(fn, x, winners, shape, kernel, stride, padding, dilation, True)


@kernel("max_pool_spread_2_gather", supports=takes_winners)
def max_pool_spread_2_gather(fn, x, winners, shape, kernel, stride, padding, dilation):
    return spread(fn, x, winners, shape, kernel, stride, padding, dilation, False)


@kernel("max_pool_take_1_naive", supports=takes_winners)
def max_pool_take_1_naive(fn, x, winners, kernel, stride, padding, dilation):
    x, winners, out = fn.contiguous(x), fn.contiguous(winners), fn.empty(winners.shape, x)
    fn(
        (ceil_div(out.size, 256),),
        (256,),
        (
            out,
            x,
            winners,
            out.size,
            *settings(x.shape[2:], winners.shape[2:], kernel, stride, padding, dilation),
        ),
    )
    return out


def counts(x, kernel, stride, padding, high):
    """Output sizes of sum_pool: `high` is the padding at the end."""
    return tuple(
        (n + p + max(h, 0) - k) // s + 1
        for n, k, s, p, h in zip(x.shape[2:], kernel, stride, padding, high)
    )


def takes_sum(x, kernel, stride, padding, high):
    return (
        image(x, kernel)
        and min(padding) >= 0
        and min(counts(x, kernel, stride, padding, high)) >= 1
    )


def sums(fn, x, kernel, stride, padding, high, pairs):
    x, spatial = fn.contiguous(x), counts(x, kernel, stride, padding, high)
    out = fn.empty((*x.shape[:2], *spatial), x)
    if pairs:
        fn((ceil_div(out.size // 2, 256),), (256,), (out, x, out.size // 2, x.shape[3] // 4))
    else:
        fn(
            (ceil_div(out.size, 256),),
            (256,),
            (out, x, out.size, *settings(x.shape[2:], spatial, kernel, stride, padding)),
        )
    return out


@kernel("sum_pool_1_naive", supports=takes_sum)
def sum_pool_1_naive(fn, x, kernel, stride, padding, high):
    return sums(fn, x, kernel, stride, padding, high, False)


@kernel(
    "sum_pool_2_pairs",
    supports=lambda x, kernel, stride, padding, high: (
        image(x, kernel) and side_by_side(x, kernel, stride, padding) and max(high) <= 0
    ),
)
def sum_pool_2_pairs(fn, x, kernel, stride, padding, high):
    return sums(fn, x, kernel, stride, padding, high, True)


@kernel(
    "sum_spread_1_gather",
    supports=lambda x, shape, kernel: image(x, kernel) and 0 < math.prod(shape) < MOST,
)
def sum_spread_1_gather(fn, x, shape, kernel, stride, padding, high):
    x, out = fn.contiguous(x), fn.empty(tuple(shape), x)
    fn(
        (ceil_div(out.size, 256),),
        (256,),
        (out, x, out.size, *settings(shape[2:], x.shape[2:], kernel, stride, padding)),
    )
    return out
