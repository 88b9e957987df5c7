"""Launchers of kernels/dropout_keyed.cpp: any shape, in float32."""

from __future__ import annotations

from ...launch.shapes import float32
from ..rungs import native


def some_dropped(input, p, key):
    return float32(input) and 0 <= p < 1 and 0 <= key < 2**64


def masked(fn, x, p, key):
    x = fn.contiguous(x)
    out = fn.empty(x.shape, x)
    fn(out, x, x.size, key, min(int(p * 2**32), 2**32 - 1), 1 / (1 - p))
    return out


@native("dropout_keyed_1_naive", supports=some_dropped)
def dropout_keyed_1_naive(fn, input, p, key):
    return masked(fn, input, p, key)


@native("dropout_keyed_2_eights", supports=some_dropped)
def dropout_keyed_2_eights(fn, input, p, key):
    return masked(fn, input, p, key)
