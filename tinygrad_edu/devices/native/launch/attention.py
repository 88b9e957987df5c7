"""Launchers of kernels/attention.cpp and attention_backward.cpp: queries (*, T, D), keys (*, S, D),
values (*, S, V) and a mask that broadcasts to (*, T, S), in float32. Rows must be in one piece, the
other dims may stand in any order: heads that were split from features are not copied.
"""

from __future__ import annotations

import numpy as np

from ...launch.shapes import float32
from ..rungs import native


def takes(query, key, value, mask):
    return (
        float32(query, key, value, mask)
        and query.shape[:-2] == key.shape[:-2] == value.shape[:-2]
        and min(*query.shape, *value.shape) > 0
        and query.shape[-1] == key.shape[-1]
        and key.shape[-2] == value.shape[-2]
        and (mask is None or mask.ndim <= query.ndim <= 4)
    )


def four_dims(fn, x):
    """x as (B, H, rows, columns), each row in one piece; copied only if it must be."""
    if x.strides[-1] != x.itemsize:
        x = fn.contiguous(x)
    if x.ndim > 4:
        return x.reshape(1, -1, *x.shape[-2:])
    return x.reshape((1,) * (4 - x.ndim) + x.shape) if x.ndim < 4 else x


def like(fn, x, width):
    """A new array (B, H, rows, width) whose dims stand in memory as those of x do."""
    order = sorted(range(3), key=lambda dim: -x.strides[dim])
    out = fn.empty((*(x.shape[dim] for dim in order), width), x)
    return out.transpose(*(order.index(dim) for dim in range(3)), 3)


def layouts(*arrays):
    """Strides of each array in elements, for the kernel; zeros for None."""
    return np.array([(0,) * 4 if a is None else a.strides for a in arrays], np.int64) // 4


def sizes(query, value):
    return np.array((*query.shape[:3], value.shape[2], query.shape[3], value.shape[3]), np.int64)


def spread(mask, query, key):
    """The mask as (B, H, T, S), without a copy."""
    return None if mask is None else np.broadcast_to(mask, (*query.shape[:3], key.shape[2]))


def attend(fn, query, key, value, mask, scale, is_causal):
    lead = query.shape[:-1]
    query, key, value = (four_dims(fn, x) for x in (query, key, value))
    out, lse, mask = (
        like(fn, query, value.shape[3]),
        fn.empty(lead, query),
        spread(mask, query, key),
    )
    arrays = (out, query, key, value, mask)
    fn(out, lse, *arrays[1:], layouts(*arrays), sizes(query, value), scale, int(is_causal))
    return out.reshape(*lead, value.shape[3]), lse[..., None]


@native("attention_1_unfused", supports=takes, pinned_only=True)
def attention_1_unfused(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    return attend(fn, query, key, value, mask, scale, is_causal)


@native("attention_2_blocks", supports=takes)
def attention_2_blocks(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    return attend(fn, query, key, value, mask, scale, is_causal)


def takes_gradient(g, query, key, value, out, lse, mask):
    return takes(query, key, value, mask) and float32(g, out, lse) and g.shape == out.shape


def gradients(fn, g, query, key, value, out, lse, mask, scale, is_causal):
    shapes = [x.shape for x in (query, key, value)]
    g, query, key, value, out = (four_dims(fn, x) for x in (g, query, key, value, out))
    found, mask = [like(fn, x, x.shape[3]) for x in (query, key, value)], spread(mask, query, key)
    arrays = (g, query, key, value, out)
    where = layouts(*found, *arrays, mask), sizes(query, value)
    fn(*found, *arrays, fn.contiguous(lse), mask, *where, scale, int(is_causal))
    return tuple(x.reshape(shape) for x, shape in zip(found, shapes))


@native("attention_backward_1_unfused", supports=takes_gradient, pinned_only=True)
def attention_backward_1_unfused(
    fn, g, query, key, value, out, lse, mask=None, scale=1.0, is_causal=False
):
    return gradients(fn, g, query, key, value, out, lse, mask, scale, is_causal)


@native("attention_backward_2_blocks", supports=takes_gradient)
def attention_backward_2_blocks(
    fn, g, query, key, value, out, lse, mask=None, scale=1.0, is_causal=False
):
    return gradients(fn, g, query, key, value, out, lse, mask, scale, is_causal)
