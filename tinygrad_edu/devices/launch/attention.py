"""Launchers of kernels/attention.cu and attention_backward.cu: queries (*, T, D), keys (*, S, D),
values (*, S, V) in float32; N: all leading dims together.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import ceil_div, float32

WIDEST = 128  # columns: a lane keeps four


def sizes(query, value):
    """N, T, S, D, V."""
    (T, D), (S, V) = query.shape[-2:], value.shape[-2:]
    return math.prod(query.shape[:-2]), T, S, D, V


def takes(query, key, value, mask):
    (N, T, S, D, V), lead = sizes(query, value), query.shape[:-2]
    return (
        float32(query, key, value)
        and mask is None
        and min(N, T, S, D, V) > 0
        and max(D, V) <= WIDEST
        and max(N * T, N * S) < 2**31 - 1024
        and key.shape == (*lead, S, D)
        and value.shape == (*lead, S, V)
    )


def attend(fn, query, key, value, scale, is_causal, rows):
    """rows: queries a block of four warps takes; 0 if a warp takes one and shares nothing."""
    query, key, value = map(fn.contiguous, (query, key, value))
    N, T, S, D, V = sizes(query, value)
    out, lse = (fn.empty((*query.shape[:-1], n), query) for n in (V, 1))
    grid = ceil_div(N * T, 4) if not rows else N * ceil_div(T, rows)
    fn(
        (grid,),
        (32, 4),
        (out, lse, query, key, value, N, T, S, D, V, scale, int(is_causal)),
        4 * (32 * (D + 1) + 32 * V + rows * D) if rows else 0,
    )
    return out, lse


@kernel("attention_1_warp", supports=takes)
def attention_1_warp(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    return attend(fn, query, key, value, scale, is_causal, 0)


@kernel("attention_2_flash", supports=takes)
def attention_2_flash(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    return attend(fn, query, key, value, scale, is_causal, 4)


@kernel("attention_3_registers", supports=takes)
def attention_3_registers(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    return attend(fn, query, key, value, scale, is_causal, 16)


@kernel("attention_4_mma", supports=takes, pinned_only=True)
def attention_4_mma(fn, query, key, value, mask=None, scale=1.0, is_causal=False):
    query, key, value = map(fn.contiguous, (query, key, value))
    (N, T, S, D, V), row = sizes(query, value), ceil_div(query.shape[-1], 16) * 8 + 4
    out, lse = (fn.empty((*query.shape[:-1], n), query) for n in (V, 1))
    fn(
        (N * ceil_div(T, 64),),
        (32, 4),
        (out, lse, query, key, value, N, T, S, D, V, scale, int(is_causal)),
        4 * (96 * row + 20 * 8 * ceil_div(V, 8)),
    )
    return out, lse


def takes_gradient(g, query, key, value, out, lse, mask):
    return takes(query, key, value, mask) and float32(g, out, lse)


def gradients(fn, g, query, key, value, out, lse, scale, is_causal, each):
    """each: rows a warp takes."""
    g, query, key, value, out, lse = map(fn.contiguous, (g, query, key, value, out, lse))
    N, T, S, D, V = sizes(query, value)
    dq, dk, dv, delta = (fn.empty(a.shape, a) for a in (query, key, value, lse))
    shared, numbers = (
        4 * (32 * (D + 1) + 32 * (V + 1) + 4 * each * (D + V)),
        (T, S, D, V, scale, int(is_causal)),
    )
    fn(
        (N * ceil_div(T, 4 * each),),
        (32, 4),
        (dq, delta, g, query, key, value, out, lse, *numbers),
        shared,
    )
    fn(
        (N * ceil_div(S, 4 * each),),
        (32, 4),
        (dk, dv, delta, g, query, key, value, lse, *numbers),
        shared,
        entry=f"attention_backward_keys_{each}",
    )
    return dq, dk, dv


@kernel("attention_backward_1_flash", supports=takes_gradient)
def attention_backward_1_flash(
    fn, g, query, key, value, out, lse, mask=None, scale=1.0, is_causal=False
):
    return gradients(fn, g, query, key, value, out, lse, scale, is_causal, 1)


@kernel("attention_backward_2_registers", supports=takes_gradient)
def attention_backward_2_registers(
    fn, g, query, key, value, out, lse, mask=None, scale=1.0, is_causal=False
):
    return gradients(fn, g, query, key, value, out, lse, scale, is_causal, 2)
