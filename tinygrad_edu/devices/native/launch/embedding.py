"""Launcher of kernels/embed_rows.cpp."""

from __future__ import annotations

from ...launch.shapes import float32
from ..rungs import native


@native(
    "embed_rows_1_rows",
    supports=lambda input, index, shape: (
        float32(input)
        and index.dtype == "int64"
        and len(shape) == 2
        and input.shape == (*index.shape, shape[1])
        and shape[0] > 0
    ),
)
def embed_rows_1_rows(fn, input, index, shape):
    x, index, out = fn.contiguous(input), fn.contiguous(index), fn.empty(tuple(shape), input)
    fn(out, x, index, index.size, *shape)
    return out
