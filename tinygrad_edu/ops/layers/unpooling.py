"""The way back from max pooling: each maximum at its old place, zeros elsewhere."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .convolution import volume
from .pooling import batched, constant, numbers


def unpooling(F, n, input, indices, kernel_size, stride, padding, output_size):
    name = f"max_unpool{n}d"
    kernel, padding = numbers(name, kernel_size, n), numbers(name, padding, n)
    stride = kernel if stride is None or stride == () else numbers(name, stride, n)
    if tuple(input.shape) != tuple(indices.shape):
        raise ShapeError(
            f"{name}: indices must have the input's shape {tuple(input.shape)}, got"
            f" {tuple(indices.shape)}. Give what max_pool{n}d(return_indices=True) returned."
        )
    x = batched(F, name, n, input)
    size = unpooled_size(name, x.shape[2:], kernel, stride, padding, output_size)
    flat = (*x.shape[:2], volume(x.shape[2:]))
    blank = F.broadcast_to(constant(F, x, [[[0.0]]]), (*x.shape[:2], volume(size)))
    out = F.scatter(blank, 2, F.reshape(indices, flat), F.reshape(x, flat))
    out = F.reshape(out, (*x.shape[:2], *size))
    return out if x is input else F.squeeze(out, 0)


def unpooled_size(name, shape, kernel, stride, padding, output_size):
    """The spatial sizes of the result; output_size may be less than one stride away."""
    size = tuple((m - 1) * s + k - 2 * p for m, s, k, p in zip(shape, stride, kernel, padding))
    if output_size is None:
        return size
    n, given = len(size), tuple(output_size)
    near = all(m - s < v < m + s for v, m, s in zip(given[-n:], size, stride))
    if len(given) not in (n, n + 2) or not near:
        raise ShapeError(
            f"{name}: output_size must be less than one stride away from {size}, got {given}. Give"
            " the input shape of the pooling."
        )
    return given[-n:]


@composite(
    method=False,
    cases=[
        Case([1, 2, 3], Sample(values=[[[1, 2, 5], [0, 3, 4]]]), 2),
        Case([2, 3], Sample(values=[[0, 2, 6], [1, 3, 5]]), 2, 2, 0, (7,)),
    ],
)
def max_unpool1d(
    F,
    input: Tensor,
    indices: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Puts each maximum back where max_pool1d found it, with zeros elsewhere.

    Math:   out[indices[p]] = x[p], else 0
    Args:   output_size: the input shape of the pooling, where several are possible
    """
    return unpooling(F, 1, input, indices, kernel_size, stride, padding, output_size)


@composite(
    method=False,
    cases=[
        Case([1, 1, 2, 2], Sample(values=[[[[0, 3], [9, 14]]]]), 2),
        Case([1, 1, 2, 2], Sample(values=[[[[0, 3], [9, 14]]]]), 3, 2, 1, (1, 1, 4, 4)),
    ],
)
def max_unpool2d(
    F,
    input: Tensor,
    indices: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Puts each maximum back where max_pool2d found it, with zeros elsewhere.

    Math:   out[indices[p]] = x[p], else 0
    Args:   output_size: the input shape of the pooling, where several are possible
    """
    return unpooling(F, 2, input, indices, kernel_size, stride, padding, output_size)


@composite(method=False, cases=[Case([1, 1, 1, 2, 1], Sample(values=[[[[[3], [12]]]]]), 2)])
def max_unpool3d(
    F,
    input: Tensor,
    indices: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    output_size: Sequence[int] | None = None,
) -> Tensor:
    """Puts each maximum back where max_pool3d found it, with zeros elsewhere.

    Math:   out[indices[p]] = x[p], else 0
    Args:   output_size: the input shape of the pooling, where several are possible
    """
    return unpooling(F, 3, input, indices, kernel_size, stride, padding, output_size)
