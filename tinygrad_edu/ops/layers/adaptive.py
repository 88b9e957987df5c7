"""Adaptive pooling: the windows follow from the sizes. Output i of m sees inputs floor(i n / m) up
to ceil((i + 1) n / m).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .convolution import volume
from .pooling import check_numbers, constant


def windows(xp, n, m):
    """First input and end of each of m windows over n inputs."""
    i = xp.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


@piece(cases=[Case([2, 3, 6], 2, 3), Case([2, 7, 3], 1, 4), Case([3, 2], 0, 5)])
def adaptive_sum(xp, x: Array, dim: int, size: int):
    """Sum of each adaptive window along one dim.

    Math:   out[i] = sum x[floor(i n / m) .. ceil((i + 1) n / m)];   d x = adaptive_sum(g) back to
            size n
    Note:   the outputs that saw input j are floor(j m / n) .. ceil((j + 1) m / n): the same windows
            with n and m exchanged
    """
    n = x.shape[dim]
    if n % size == 0:
        return x.reshape(*x.shape[:dim], size, n // size, *x.shape[dim + 1 :]).sum(axis=dim + 1)
    before, (first, end) = (slice(None),) * dim, windows(xp, n, size)
    if size > n:  # windows of one or two
        out, (two,) = xp.take(x, first, axis=dim), xp.nonzero(end - first > 1)
        out[(*before, two)] += xp.take(x, first[two] + 1, axis=dim)
        return out
    # sums from each edge to the next, of which every second is a window
    edges = xp.stack([first, end], 1).reshape(-1)[:-1]
    return xp.ascontiguousarray(
        xp.add.reduceat(x, edges, axis=dim)[(*before, slice(None, None, 2))]
    )


adaptive_sum.vjp(x=lambda F, g, x_shape, dim: F.adaptive_sum(g, dim, x_shape[dim]))


@piece(
    outputs=("values", "indices"),
    cases=[Case([2, 3, 7], (3,)), Case([2, 5, 4], (2, 3)), Case([1, 2, 3], (5,))],
)
def adaptive_max(xp, x: Array, size: Sequence[int]):
    """Largest element of each adaptive window over the last dims, and its position in those dims
    flattened.

    Math:   values[i] = max x[floor(i n / m) .. ceil((i + 1) n / m)];   d x = g added at indices
    Note:   the first of ties in row-major order, but the last NaN
    """
    sizes = x.shape[x.ndim - len(size) :]
    values, indices = x, xp.broadcast_to(xp.arange(volume(sizes)).reshape(sizes), x.shape)
    # one dim after another, the last first
    for axis, m in zip(range(x.ndim - 1, x.ndim - 1 - len(size), -1), reversed(size)):
        first, end = windows(xp, x.shape[axis], m)
        longest = int((end - first).max()) if m else 1
        # (..., m, longest, ...)
        seen = xp.take(
            values, xp.minimum(first[:, None] + xp.arange(longest), end[:, None] - 1), axis=axis
        )
        best = seen.argmax(axis=axis + 1)
        missing = seen != seen
        if missing.any():
            best = xp.where(
                missing.any(axis=axis + 1),
                longest - 1 - xp.flip(missing, axis + 1).argmax(axis=axis + 1),
                best,
            )
        column = (m,) + (1,) * (x.ndim - axis - 1)
        best = xp.minimum(best + first.reshape(column), end.reshape(column) - 1)
        values, indices = (
            xp.take_along_axis(values, best, axis),
            xp.take_along_axis(indices, best, axis),
        )
    return values, indices


def adaptive_max_vjp(F, gs, indices, x_shape, size):
    lead = x_shape[: len(x_shape) - len(size)]
    row = (*lead, volume(size))
    spread = F.scatter_zeros(
        F.reshape(gs[0], row), F.reshape(indices, row), -1, (*lead, volume(x_shape[len(lead) :]))
    )
    return F.reshape(spread, x_shape)


adaptive_max.vjp(x=adaptive_max_vjp)


def target(name, input, n, output_size):
    """The output sizes: one number for all dims, or one each; None keeps a size."""
    check_numbers(name, input)
    single = isinstance(output_size, int) or output_size is None
    given = (output_size,) * n if single else tuple(output_size)
    if len(given) != n or any(v is not None and v < 0 for v in given):
        raise ShapeError(
            f"{name}: output_size must be one number or {n}, none negative, got {output_size}. Give"
            " one per spatial dim."
        )
    if input.ndim not in (n + 1, n + 2) or min(input.shape[input.ndim - n :]) < 1:
        raise ShapeError(
            f"{name}: input must have {n + 1} or {n + 2} dims and at least one element in each of"
            f" the last {n}, got shape {tuple(input.shape)}. Reshape it."
        )
    return tuple(s if v is None else v for s, v in zip(input.shape[input.ndim - n :], given))


def adaptive_mean(F, n, input, output_size):
    """The mean of each window, one spatial dim after another."""
    out, first = input, input.ndim - n
    for dim, m in enumerate(target(f"adaptive_avg_pool{n}d", input, n, output_size), first):
        s = input.shape[dim]
        if m == 0:
            out = F.narrow(out, dim, 0, 0)
        elif m != s:
            sums = F.adaptive_sum(out, dim, m)  # first: it refuses an m that no memory holds
            lengths = constant(F, input, [-(-(i + 1) * s // m) - i * s // m for i in range(m)])
            lengths = F.reshape(lengths, (m,) + (1,) * (input.ndim - dim - 1))
            out = sums / lengths
    return F.clone(input) if out is input else out


def adaptive_largest(F, n, input, output_size, return_indices):
    size = target(f"adaptive_max_pool{n}d", input, n, output_size)
    values, indices = F.adaptive_max(input, size)
    return (values, indices) if return_indices else values


@composite(method=False, cases=[Case([2, 3, 7], 3), Case([2, 3], 5)])
def adaptive_avg_pool1d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None
) -> Tensor:
    """Mean of windows over one spatial dim that give `output_size` results.

    Math:   out[i] = mean x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, L) or (C, L)
    Args:   output_size: one number for all dims, or one each; None keeps a size
    """
    return adaptive_mean(F, 1, input, output_size)


@composite(
    method=False,
    cases=[Case([2, 3, 7, 6], (3, 2)), Case([2, 3, 5, 5], 1), Case([3, 5, 4], (None, 2))],
)
def adaptive_avg_pool2d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None
) -> Tensor:
    """Mean of windows over two spatial dims that give `output_size` results.

    Math:   out[i] = mean x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, H, W) or (C, H, W)
    Args:   output_size: one number for all dims, or one each; None keeps a size
    """
    return adaptive_mean(F, 2, input, output_size)


@composite(method=False, cases=[Case([1, 2, 4, 3, 5], 2)])
def adaptive_avg_pool3d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None
) -> Tensor:
    """Mean of windows over three spatial dims that give `output_size` results.

    Math:   out[i] = mean x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, D, H, W) or (C, D, H, W)
    Args:   output_size: one number for all dims, or one each; None keeps a size
    """
    return adaptive_mean(F, 3, input, output_size)


@composite(method=False, cases=[Case([2, 3, 7], 3), Case([2, 3], 5)])
def adaptive_max_pool1d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None, return_indices: bool = False
) -> Any:
    """Largest element of windows over one spatial dim that give `output_size` results.

    Math:   out[i] = max x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, L) or (C, L)
    Args:   output_size: one number for all dims, or one each; None keeps a size
            return_indices: also give the positions in the flattened spatial dims
    """
    return adaptive_largest(F, 1, input, output_size, return_indices)


@composite(
    method=False,
    cases=[
        Case([2, 3, 7, 6], (3, 2)),
        Case([2, 3, 5, 5], 1),
        Case([3, 5, 4], (None, 2), return_indices=True),
    ],
)
def adaptive_max_pool2d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None, return_indices: bool = False
) -> Any:
    """Largest element of windows over two spatial dims that give `output_size` results.

    Math:   out[i] = max x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, H, W) or (C, H, W)
    Args:   output_size: one number for all dims, or one each; None keeps a size
            return_indices: also give the positions in the flattened spatial dims
    """
    return adaptive_largest(F, 2, input, output_size, return_indices)


@composite(method=False, cases=[Case([1, 2, 4, 3, 5], 2)])
def adaptive_max_pool3d(
    F, input: Tensor, output_size: int | tuple[int | None, ...] | None, return_indices: bool = False
) -> Any:
    """Largest element of windows over three spatial dims that give `output_size` results.

    Math:   out[i] = max x[floor(i n / m) .. ceil((i + 1) n / m)]
    Shape:  input (N, C, D, H, W) or (C, D, H, W)
    Args:   output_size: one number for all dims, or one each; None keeps a size
            return_indices: also give the positions in the flattened spatial dims
    """
    return adaptive_largest(F, 3, input, output_size, return_indices)
