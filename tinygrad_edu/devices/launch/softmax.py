"""Launchers of kernels/softmax.cu and kernels/log_softmax.cu: rows are the last dim."""

from __future__ import annotations

from ..rungs import kernel
from .shapes import ceil_div, flatten_rows, float32, last, wide


def rows_of_last_dim(input, dim, dtype):
    return dtype is None and float32(input) and last(input, dim)


def wide_rows(input, dim, dtype):
    return rows_of_last_dim(input, dim, dtype) and wide(input.shape[-1], input)


def launch(fn, x, grid, block):
    """`grid` tells the number of blocks for that many rows."""
    x, (rows, cols) = fn.contiguous(x), flatten_rows(x)
    out = fn.empty(x.shape, x)
    if out.size:
        fn((grid(rows),), block, (out, x, rows, cols))
    return out


@kernel("softmax_1_naive", supports=rows_of_last_dim)
def softmax_1_naive(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 128), (128,))


@kernel("softmax_2_shared", supports=rows_of_last_dim)
def softmax_2_shared(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: rows, (128,))


@kernel("softmax_3_warp", supports=rows_of_last_dim)
def softmax_3_warp(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel("softmax_4_online", supports=rows_of_last_dim)
def softmax_4_online(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel(
    "softmax_5_registers",
    supports=lambda input, dim, dtype: (
        rows_of_last_dim(input, dim, dtype) and input.shape[-1] <= 1024
    ),
)
def softmax_5_registers(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


def by_block(fn, x):
    """One block a row, for rows that its registers hold."""
    x, (rows, cols) = fn.contiguous(x), flatten_rows(x)
    out = fn.empty(x.shape, x)
    fn((rows,), (256,), (out, x, cols))
    return out


@kernel("softmax_6_vectors", supports=wide_rows)
def softmax_6_vectors(fn, input, dim, dtype=None):
    return by_block(fn, input)


def two_rows(u, y, dim):
    return float32(u, y) and u.shape == y.shape and last(y, dim)


def two_short_rows(u, y, dim):
    return two_rows(u, y, dim) and y.shape[-1] <= 1024


def two_wide_rows(u, y, dim):
    return two_rows(u, y, dim) and wide(y.shape[-1], u, y)


def launch_backward(fn, u, y, start):
    """`start(arrays, rows, cols)` launches."""
    out, (rows, cols) = fn.empty(y.shape, y), flatten_rows(y)
    if out.size:
        start((out, fn.contiguous(u), fn.contiguous(y)), rows, cols)
    return out


def by_thread(fn, u, y):
    return launch_backward(
        fn,
        u,
        y,
        lambda arrays, rows, cols: fn((ceil_div(rows, 128),), (128,), (*arrays, rows, cols)),
    )


def by_warp(fn, u, y):
    return launch_backward(
        fn,
        u,
        y,
        lambda arrays, rows, cols: fn((ceil_div(rows, 4),), (32, 4), (*arrays, rows, cols)),
    )


@kernel("softmax_backward_1_naive", supports=two_rows)
def softmax_backward_1_naive(fn, u, y, dim):
    return by_thread(fn, u, y)


@kernel("softmax_backward_2_shared", supports=two_rows)
def softmax_backward_2_shared(fn, u, y, dim):
    return launch_backward(
        fn, u, y, lambda arrays, rows, cols: fn((rows,), (128,), (*arrays, cols))
    )


@kernel("softmax_backward_3_warp", supports=two_rows)
def softmax_backward_3_warp(fn, u, y, dim):
    return by_warp(fn, u, y)


@kernel("softmax_backward_4_registers", supports=two_short_rows)
def softmax_backward_4_registers(fn, u, y, dim):
    return by_warp(fn, u, y)


@kernel("softmax_backward_5_vectors", supports=two_wide_rows)
def softmax_backward_5_vectors(fn, u, y, dim):
    return launch_backward(
        fn, u, y, lambda arrays, rows, cols: fn((rows,), (256,), (*arrays, cols))
    )


@kernel("log_softmax_1_naive", supports=rows_of_last_dim)
def log_softmax_1_naive(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 128), (128,))


@kernel("log_softmax_2_warp", supports=rows_of_last_dim)
def log_softmax_2_warp(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel("log_softmax_3_online", supports=rows_of_last_dim)
def log_softmax_3_online(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel(
    "log_softmax_4_registers",
    supports=lambda input, dim, dtype: (
        rows_of_last_dim(input, dim, dtype) and input.shape[-1] <= 1024
    ),
)
def log_softmax_4_registers(fn, input, dim, dtype=None):
    return launch(fn, input, lambda rows: ceil_div(rows, 4), (32, 4))


@kernel("log_softmax_5_vectors", supports=wide_rows)
def log_softmax_5_vectors(fn, input, dim, dtype=None):
    return by_block(fn, input)


@kernel("log_softmax_backward_1_naive", supports=two_rows)
def log_softmax_backward_1_naive(fn, u, y, dim):
    return by_thread(fn, u, y)


@kernel("log_softmax_backward_2_warp", supports=two_rows)
def log_softmax_backward_2_warp(fn, u, y, dim):
    return by_warp(fn, u, y)


@kernel("log_softmax_backward_3_registers", supports=two_short_rows)
def log_softmax_backward_3_registers(fn, u, y, dim):
    return by_warp(fn, u, y)


@kernel("log_softmax_backward_4_vectors", supports=two_wide_rows)
def log_softmax_backward_4_vectors(fn, u, y, dim):
    return launch_backward(
        fn, u, y, lambda arrays, rows, cols: fn((rows,), (256,), (*arrays, cols))
    )
