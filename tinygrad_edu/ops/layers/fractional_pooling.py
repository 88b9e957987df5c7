"""Fractional max pooling: windows at random places, for sizes that divide by no whole number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.case import Case, positive
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .convolution import volume
from .pooling import batched, check_numbers, numbers


def starts(xp, sample, n, m, k):
    """Where the m windows of size k begin in n elements, for each number in `sample` (N, C).

    Math:   floor((i + u) a) - floor(u a), a = (n - k) / (m - 1); the last one ends at the edge
    """
    if m == 1:
        return xp.full((*sample.shape, 1), n - k, "int64")
    u, a = sample[..., None], sample.dtype.type((n - k) / (m - 1))
    first = ((xp.arange(m).astype(sample.dtype) + u) * a).astype("int64") - (u * a).astype("int64")
    first[..., -1] = n - k
    return first


@piece(
    differentiable=False,
    cases=[
        Case([2, 3, 7, 6], positive(2, 3, 2, low=0.1, high=0.9), (2, 2), (3, 4)),
        Case([1, 2, 5, 4, 6], positive(1, 2, 3, low=0.1, high=0.9), (2, 2, 2), (2, 1, 3)),
    ],
)
def fractional_positions(xp, x: Array, samples: Array, kernel: Sequence[int], size: Sequence[int]):
    """Position of each window's largest element in the flattened spatial dims of x.

    Math:   out[p] = argmax_t x[start[p] + t], the starts from one random number a dim
    Shape:  x (N, C, *), samples (N, C, dims), out (N, C, *size)
    Note:   samples[..., i] is for spatial dim i of three, but for dim 1 - i of two, as in PyTorch
    """
    n, sizes = len(size), x.shape[2:]
    places = xp.zeros((*x.shape[:2], *(1,) * (2 * n)), "int64")  # (N, C, *size, *kernel)
    for axis in range(n):
        sample = samples[..., axis if n == 3 else n - 1 - axis]
        first = starts(xp, sample, sizes[axis], size[axis], kernel[axis])
        ones = (1,) * (n - 1)
        tap = xp.arange(kernel[axis]).reshape(*(1,) * axis, kernel[axis], *ones[axis:])
        first = first.reshape(*x.shape[:2], *(1,) * axis, size[axis], *ones[axis:], *(1,) * n)
        places = places + (first + tap) * volume(sizes[axis + 1 :])
    places = places.reshape(*x.shape[:2], volume(size), volume(kernel))
    flat = x.reshape(*x.shape[:2], 1, volume(sizes))
    seen = xp.take_along_axis(flat, places.reshape(*x.shape[:2], 1, -1), 3).reshape(places.shape)
    best = seen.argmax(axis=3)
    missing = seen != seen  # NaN: the last of a window wins
    last = volume(kernel) - 1 - xp.flip(missing, 3).argmax(axis=3)
    best = xp.where(missing.any(axis=3), last, best)
    return xp.take_along_axis(places, best[..., None], 3).reshape(*x.shape[:2], *size)


def fractional_size(name, shape, kernel, output_size, output_ratio):
    """The output sizes, given directly or as a share of the input's."""
    n = len(kernel)
    if output_size is None and output_ratio is None:
        raise ShapeError(
            f"{name}: needs output_size or output_ratio, got neither. Give one of them."
        )
    if output_size is None:
        ratios = (output_ratio,) * n if isinstance(output_ratio, float) else tuple(output_ratio)
        if len(ratios) != n or not all(0 < r < 1 for r in ratios):
            raise ShapeError(
                f"{name}: output_ratio must be one number between 0 and 1 or {n} of them, got"
                f" {output_ratio}. Correct it."
            )
        output_size = tuple(int(s * r) for s, r in zip(shape, ratios))
    size = numbers(name, output_size, n)
    if any(k < 1 or m < 1 or m + k - 1 > s for k, m, s in zip(kernel, size, shape)):
        raise ShapeError(
            f"{name}: output size + kernel - 1 must not exceed the input's sizes"
            f" {tuple(shape)}, got output {size} and kernel {kernel}. Use smaller ones."
        )
    return size


def fractional(F, n, input, kernel_size, output_size, output_ratio, return_indices, samples):
    name = f"fractional_max_pool{n}d"
    check_numbers(name, input)
    kernel, x = numbers(name, kernel_size, n), batched(F, name, n, input)
    size = fractional_size(name, x.shape[2:], kernel, output_size, output_ratio)
    if samples is None:
        samples = F.rand(*x.shape[:2], n, dtype=x.dtype, device=x.device)
    elif tuple(samples.shape) != (*x.shape[:2], n):
        raise ShapeError(
            f"{name}: _random_samples must have the shape {(*x.shape[:2], n)}, got"
            f" {tuple(samples.shape)}. Omit it to draw new ones."
        )
    indices = F.fractional_positions(x.detach(), samples.detach(), kernel, size)
    flat = F.reshape(x, (*x.shape[:2], -1))
    out = F.gather(flat, 2, F.reshape(indices, (*x.shape[:2], -1)))
    out = F.reshape(out, (*x.shape[:2], *size))
    if x is not input:
        out, indices = F.squeeze(out, 0), F.squeeze(indices, 0)
    return (out, indices) if return_indices else out


@composite(
    method=False,
    cases=[
        Case([2, 3, 7, 6], 2, (3, 4), None, False, positive(2, 3, 2, low=0.1, high=0.9)),
        Case([3, 7, 6], (3, 2), None, (0.5, 0.5), True, positive(1, 3, 2, low=0.1, high=0.9)),
    ],
)
def fractional_max_pool2d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Largest element of windows spread over two spatial dims with random, nearly even steps.

    Math:   out[p] = max_t x[start[p] + t], start_i = floor((i + u) a) - floor(u a), u random in
            [0, 1), a = (input size - kernel) / (output size - 1)
    Shape:  input (N, C, H, W) or (C, H, W)
    Args:   output_size, or output_ratio in (0, 1): the size of the result; return_indices: also
            give the positions in the flattened spatial dims
    Reference: B. Graham, 2014, "Fractional max-pooling"
    """
    return fractional(
        F, 2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


@composite(
    method=False,
    cases=[Case([1, 2, 5, 4, 6], 2, (2, 1, 3), None, True, positive(1, 2, 3, low=0.1, high=0.9))],
)
def fractional_max_pool3d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = False,
    _random_samples: Tensor | None = None,
) -> Any:
    """Largest element of windows spread over three spatial dims with random, nearly even steps.

    Math:   out[p] = max_t x[start[p] + t], start_i = floor((i + u) a) - floor(u a), u random in
            [0, 1), a = (input size - kernel) / (output size - 1)
    Shape:  input (N, C, D, H, W) or (C, D, H, W)
    Args:   output_size, or output_ratio in (0, 1): the size of the result; return_indices: also
            give the positions in the flattened spatial dims
    Reference: B. Graham, 2014, "Fractional max-pooling"
    """
    return fractional(
        F, 3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )
