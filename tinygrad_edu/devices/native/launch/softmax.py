"""Launchers of kernels/softmax.cpp and log_softmax.cpp: rows are the last dim, in float32."""

from __future__ import annotations

from ...launch.shapes import flatten_rows
from ...launch.softmax import rows_of_last_dim, two_rows
from ..rungs import native


def forward(fn, x):
    x, out = fn.contiguous(x), fn.empty(x.shape, x)
    if out.size:
        fn(out, x, *flatten_rows(x))
    return out


def backward(fn, u, y):
    u, y, out = fn.contiguous(u), fn.contiguous(y), fn.empty(y.shape, y)
    if out.size:
        fn(out, u, y, *flatten_rows(y))
    return out


@native("softmax_1_naive", supports=rows_of_last_dim)
def softmax_1_naive(fn, input, dim, dtype=None):
    return forward(fn, input)


@native("softmax_2_vectors", supports=rows_of_last_dim)
def softmax_2_vectors(fn, input, dim, dtype=None):
    return forward(fn, input)


@native("softmax_backward_1_naive", supports=two_rows)
def softmax_backward_1_naive(fn, u, y, dim):
    return backward(fn, u, y)


@native("softmax_backward_2_vectors", supports=two_rows)
def softmax_backward_2_vectors(fn, u, y, dim):
    return backward(fn, u, y)


@native("log_softmax_1_naive", supports=rows_of_last_dim)
def log_softmax_1_naive(fn, input, dim, dtype=None):
    return forward(fn, input)


@native("log_softmax_2_vectors", supports=rows_of_last_dim)
def log_softmax_2_vectors(fn, input, dim, dtype=None):
    return forward(fn, input)


@native("log_softmax_backward_1_naive", supports=two_rows)
def log_softmax_backward_1_naive(fn, u, y, dim):
    return backward(fn, u, y)


@native("log_softmax_backward_2_vectors", supports=two_rows)
def log_softmax_backward_2_vectors(fn, u, y, dim):
    return backward(fn, u, y)
