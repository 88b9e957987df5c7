"""Launchers of kernels/take_rows.cu and kernels/embed_rows.cu, the forward and the backward of an
embedding.
"""

from __future__ import annotations

import math

from ...engine.arrays import check_index
from ..rungs import kernel
from .shapes import aligned, ceil_div, float32


def table(index, weight):
    return (
        index.dtype == "int64"
        and float32(weight)
        and weight.ndim == 2
        and weight.size < 2**31
        and index.size * weight.shape[1] < 2**31 - 4096
    )


def table_of_float4(index, weight):
    return (
        table(index, weight)
        and weight.shape[1] % 4 == 0
        and (not weight.flags.c_contiguous or aligned(weight))
    )


def take(fn, index, weight, start):
    """`start(arrays, rows, D)` launches."""
    check_index("embedding", index, weight.shape[0], 0)
    out = fn.empty((*index.shape, weight.shape[1]), weight)
    if out.size:
        start((out, fn.contiguous(index), fn.contiguous(weight)), index.size, weight.shape[1])
    return out


@kernel("take_rows_1_naive", supports=table)
def take_rows_1_naive(fn, index, weight, padding_idx=None, scale_grad_by_freq=False):
    return take(
        fn,
        index,
        weight,
        lambda arrays, rows, D: fn((ceil_div(rows, 128),), (128,), (*arrays, rows, D)),
    )


@kernel("take_rows_2_elements", supports=table)
def take_rows_2_elements(fn, index, weight, padding_idx=None, scale_grad_by_freq=False):
    return take(
        fn,
        index,
        weight,
        lambda arrays, rows, D: fn((ceil_div(rows * D, 256),), (256,), (*arrays, rows * D, D)),
    )


@kernel("take_rows_3_vectors", supports=table_of_float4)
def take_rows_3_vectors(fn, index, weight, padding_idx=None, scale_grad_by_freq=False):
    return take(
        fn,
        index,
        weight,
        lambda arrays, rows, D: fn(
            (ceil_div(rows * D // 4, 256),), (256,), (*arrays, rows * D // 4, D // 4)
        ),
    )


def rows_for_table(input, index, shape):
    return (
        index.dtype == "int64"
        and float32(input)
        and len(shape) == 2
        and input.shape == (*index.shape, shape[1])
        and math.prod(shape) < 2**31
        and input.size < 2**31 - 4096
    )


def zeros(fn, shape, like):
    out = fn.empty(shape, like)
    out.fill(0)
    return out


@kernel("embed_rows_1_atomics", supports=rows_for_table)
def embed_rows_1_atomics(fn, input, index, shape):
    out = zeros(fn, shape, input)
    fn(
        (ceil_div(input.size, 256),),
        (256,),
        (out, fn.contiguous(input), fn.contiguous(index), input.size, *shape),
    )
    return out


@kernel("embed_rows_2_segments", supports=rows_for_table)
def embed_rows_2_segments(fn, input, index, shape):
    out = zeros(fn, shape, input)
    if input.size:
        ranked, order = fn.device.F.sort(index.reshape(-1))
        fn(
            (ceil_div(index.size, 4),),
            (32, 4),
            (out, fn.contiguous(input), ranked, order, index.size, *shape),
        )
    return out
