"""Launchers of kernels/softmax.cu."""
from __future__ import annotations

from ..backends.ladder import kernel
from .shapes import ceil_div, flatten_rows, float32, last


def rows_of_last_dim(x, dim, dtype):
    return dtype is None and float32(x) and last(x, dim)


def launch(fn, x, grid, block):
    """Rows are the last dim; `grid` tells the number of blocks for that many rows."""
    x, (rows, cols) = fn.contiguous(x), flatten_rows(x)
    out = fn.empty(x.shape, x)
    if out.size:
        fn((grid(rows),), block, (out, x, rows, cols))
    return out


@kernel("softmax_1_naive", supports=rows_of_last_dim)
def softmax_1_naive(fn, x, /, dim, dtype=None):
    return launch(fn, x, lambda rows: ceil_div(rows, 128), (128,))


@kernel("softmax_2_shared", supports=rows_of_last_dim)
def softmax_2_shared(fn, x, /, dim, dtype=None):
    return launch(fn, x, lambda rows: rows, (128,))


@kernel("softmax_3_warp", supports=rows_of_last_dim)
def softmax_3_warp(fn, x, /, dim, dtype=None):
    return launch(fn, x, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel("softmax_4_online", supports=rows_of_last_dim)
def softmax_4_online(fn, x, /, dim, dtype=None):
    return launch(fn, x, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel("softmax_5_registers", supports=lambda x, dim, dtype: rows_of_last_dim(x, dim, dtype) and x.shape[-1] <= 1024)
def softmax_5_registers(fn, x, /, dim, dtype=None):
    return launch(fn, x, lambda rows: ceil_div(rows, 4), (32, 4))
