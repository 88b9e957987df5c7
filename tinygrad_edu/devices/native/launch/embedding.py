"""Launchers of kernels/embed_rows.cpp and take_rows.cpp."""

from __future__ import annotations

import numpy as np

from ....engine.arrays import check_index
from ...launch.shapes import float32
from ..rungs import native


def takes_rows(input, index, shape):
    return (
        float32(input)
        and index.dtype == "int64"
        and len(shape) == 2
        and input.shape == (*index.shape, shape[1])
        and shape[0] > 0
    )


def scattered(fn, input, index, shape):
    index = np.where(index < 0, index + shape[0], index)  # a negative one counts from the end
    check_index("embed_rows", index, shape[0], 0)  # a kernel would write anywhere
    x, out = fn.contiguous(input), fn.empty(tuple(shape), input)
    fn(out, x, index, index.size, *shape)
    return out


@native("embed_rows_1_naive", supports=takes_rows)
def embed_rows_1_naive(fn, input, index, shape):
    return scattered(fn, input, index, shape)


@native("embed_rows_2_columns", supports=takes_rows)
def embed_rows_2_columns(fn, input, index, shape):
    return scattered(fn, input, index, shape)


def takes_table(index, weight):
    return float32(weight) and index.dtype == "int64" and weight.ndim == 2 and weight.size > 0


def gathered(fn, index, weight):
    check_index("embedding", index, weight.shape[0], 0)
    index, table = fn.contiguous(index), fn.contiguous(weight)
    out = fn.empty((*index.shape, table.shape[1]), table)
    fn(out, table, index, index.size, table.shape[1])
    return out


@native("take_rows_1_naive", supports=takes_table, pinned_only=True)
def take_rows_1_naive(fn, index, weight, padding_idx=None, scale_grad_by_freq=False):
    return gathered(fn, index, weight)


@native("take_rows_2_rows", supports=takes_table, pinned_only=True)
def take_rows_2_rows(fn, index, weight, padding_idx=None, scale_grad_by_freq=False):
    return gathered(fn, index, weight)
