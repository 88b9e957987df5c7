"""Sampling images at given places: grid_sample, and the grids of affine maps.

A place has coordinates from -1 to 1, x (width) first. Every result is a weighted sum over the
corners around a place, so the gradients of image and grid follow from those of indexing and
arithmetic.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from ..layers.convolution import volume
from ..layers.pooling import constant


def kept_inside(F, at, n):
    """Places clamped to [0, n - 1]; NaN becomes 0.

    On the border, as beyond it, the gradient is 0.
    """
    return F.where(at > 0, F.where(at < n - 1, at, n - 1.0), 0.0)


def reflected(F, at, n, align_corners):
    """Places mirrored until they are inside: at the centres of the corner elements, or at their
    outer edges.
    """
    low, span = (0.0, n - 1) if align_corners else (-0.5, n)
    if not span:
        return at * 0.0
    at = at - low
    at = F.where(at < 0, -at, at)
    turns = F.floor(at / span)
    rest = at - turns * span
    return kept_inside(F, F.where(turns % 2 == 0, rest, span - rest) + low, n)


def placed(F, at, n, padding_mode, align_corners):
    """Coordinates after padding_mode has moved them inside."""
    if padding_mode == "border":
        return kept_inside(F, at, n)
    return reflected(F, at, n, align_corners) if padding_mode == "reflection" else at


def corners(F, at, n, mode, padding_mode, align_corners):
    """Along one dim: the elements that a place reads, as pairs (index as float, weight or None)."""
    at = (at + 1) / 2 * (n - 1) if align_corners else ((at + 1) * n - 1) / 2
    if mode == "bicubic":  # padding moves the four taps, not the place
        low = F.floor(at)
        t = at - low
        distances = (t + 1, t, 1 - t, 2 - t)
        return [
            (placed(F, low + k, n, padding_mode, align_corners), cubic(d, k))
            for k, d in zip((-1, 0, 1, 2), distances)
        ]
    at = placed(F, at, n, padding_mode, align_corners)
    if mode == "nearest":
        at = F.round(at)
        # a weight of 1 whose gradient is 0, not missing
        return [(at, at * 0 + 1 if at.requires_grad else None)]
    low = F.floor(at)
    return [(low, low + 1 - at), (low + 1, at - low)]


def cubic(d, k):
    """The branch of the cubic kernel (a = -3/4) that tap k is on."""
    a = -0.75
    if k in (0, 1):
        return ((a + 2) * d - (a + 3)) * d * d + 1
    return (((d - 5) * d + 8) * d - 4) * a


def check_grid_sample(input, grid, mode, padding_mode):
    n = input.ndim - 2
    if mode not in ("bilinear", "nearest", "bicubic") or padding_mode not in (
        "zeros",
        "border",
        "reflection",
    ):
        raise ShapeError(
            "grid_sample: mode must be 'bilinear', 'nearest' or 'bicubic' and padding_mode"
            f" 'zeros', 'border' or 'reflection', got {mode!r} and {padding_mode!r}. Use these."
        )
    if (
        n not in (2, 3)
        or grid.ndim != n + 2
        or grid.shape[0] != input.shape[0]
        or grid.shape[-1] != n
        or min(input.shape[2:]) < 1
    ):
        raise ShapeError(
            "grid_sample: needs an input (N, C, H, W) with a grid (N, H_out, W_out, 2), or (N, C,"
            f" D, H, W) with (N, D_out, H_out, W_out, 3), got {tuple(input.shape)} and"
            f" {tuple(grid.shape)}. Check the batch and the last dim of the grid."
        )
    if mode == "bicubic" and n == 3:
        raise ShapeError(
            f"grid_sample: bicubic needs an input with 4 dims, got shape {tuple(input.shape)}. Use"
            " bilinear."
        )
    if input.dtype != grid.dtype or not input.is_floating_point():
        raise DTypeError(
            f"grid_sample: input and grid must have one floating-point dtype, got {input.dtype} and"
            f" {grid.dtype}. Convert one of them."
        )


@composite(
    method=False,
    cases=[
        Case([2, 2, 3, 4], Sample(2, 3, 2, 2, low=-1.3, high=1.3), align_corners=False),
        Case([1, 2, 3, 4], Sample(1, 3, 2, 2, low=-1.3, high=1.3), "bilinear", "border", True),
        Case([1, 2, 3, 4], Sample(1, 3, 2, 2, low=-2.5, high=2.5), "bilinear", "reflection", False),
        Case([1, 2, 3, 4], Sample(1, 3, 2, 2, low=-1.3, high=1.3), "bicubic", align_corners=False),
        Case([1, 1, 4, 3], Sample(1, 2, 2, 2, low=-2.5, high=2.5), "bicubic", "reflection", True),
        Case([1, 2, 3, 4], Sample(1, 3, 2, 2, low=-1.3, high=1.3), "nearest", align_corners=True),
        Case([1, 2, 2, 3, 2], Sample(1, 2, 1, 2, 3, low=-1.3, high=1.3), align_corners=False),
    ],
)
def grid_sample(
    F,
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Read the input at the places that the grid names, between elements by interpolation.

    Math:   out[n, :, p] = sum over corners k of weight_k(grid[n, p]) input[n, :, k]
    Shape:  input (N, C, H, W), grid (N, H_out, W_out, 2) to (N, C, H_out, W_out); or with a depth
            in front of H, and 3 coordinates
    Args:   padding_mode: beyond the image read zeros, its border or its mirror image;
            align_corners: -1 and 1 are the centres of the
            corner elements, not their outer edges
    Note:   nearest gives the grid zeros as gradient; a place right on an element takes the slope to
            its right
    Reference: M. Jaderberg et al., 2015, "Spatial transformer networks", eq. 3
    """
    check_grid_sample(input, grid, mode, padding_mode)
    sizes, n = tuple(input.shape[2:]), input.ndim - 2
    N, C = input.shape[:2]
    rows = F.reshape(F.permute(input, (0, *range(2, n + 2), 1)), (N * volume(sizes), C))
    # of each image
    first = F.reshape(constant(F, input, range(N)), (N,) + (1,) * n).long() * volume(sizes)
    taps = [
        corners(F, F.select(grid, -1, n - 1 - i), s, mode, padding_mode, align_corners)
        for i, s in enumerate(sizes)
    ]
    out = None
    for corner in product(*taps):
        index = first
        inside: Any = None
        weight: Any = None
        for (at, share), s, dim in zip(corner, sizes, range(n)):
            valid = (at >= 0) & (at <= s - 1)
            inside = valid if inside is None else inside & valid
            index = index + F.masked_fill(at.detach(), ~valid, 0.0).long() * volume(
                sizes[dim + 1 :]
            )
            weight = share if weight is None else weight * share
        # (N, *out_sizes, C)
        piece = F.masked_fill(F.take_rows(index, rows), F.unsqueeze(~inside, -1), 0.0)
        piece = piece if weight is None else piece * F.unsqueeze(weight, -1)
        out = piece if out is None else out + piece
    return F.contiguous(F.permute(out, (0, n + 1, *range(1, n + 1))))


@composite(
    method=False,
    cases=[
        Case([2, 2, 3], (2, 1, 3, 4), align_corners=False),
        Case([1, 2, 3], (1, 1, 3, 1), True),
        Case([1, 3, 4], (1, 2, 2, 3, 2), False),
    ],
)
def affine_grid(F, theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """The grid that makes grid_sample apply an affine map: where each output element lies in the
    input.

    Math:   out[n, p] = theta[n] (p, 1), p in [-1, 1]^2 or ^3
    Shape:  theta (N, 2, 3) with size (N, C, H, W) to (N, H, W, 2); (N, 3, 4) with (N, C, D, H, W)
            to (N, D, H, W, 3)
    """
    size, n = tuple(size), len(tuple(size)) - 2
    if n not in (2, 3) or tuple(theta.shape) != (size[0], n, n + 1) or min(size) < 1:
        raise ShapeError(
            "affine_grid: needs theta (N, 2, 3) with 4 sizes or (N, 3, 4) with 5, all sizes at"
            f" least 1, got {tuple(theta.shape)} and {size}. Check theta."
        )
    if not theta.is_floating_point():
        raise DTypeError(
            f"affine_grid: theta must be floating-point, got {theta.dtype}. Convert it with"
            " theta.float()."
        )
    lines = [
        [
            (2 * i / (s - 1) - 1 if s > 1 else 0.0) if align_corners else (2 * i + 1) / s - 1
            for i in range(s)
        ]
        for s in size[2:]
    ]
    axes = [
        F.broadcast_to(
            F.reshape(constant(F, theta, line), (1,) * i + (-1,) + (1,) * (n - 1 - i)), size[2:]
        )
        for i, line in enumerate(lines)
    ]
    # (*size, n + 1)
    places = F.stack([*reversed(axes), F.broadcast_to(constant(F, theta, 1.0), size[2:])], -1)
    flat = F.matmul(F.reshape(places, (-1, n + 1)), F.transpose(theta, 1, 2))
    return F.reshape(flat, (size[0], *size[2:], n))
