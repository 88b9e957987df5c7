"""Distinct values, places in sorted sequences, counts: integers out, without gradients."""

from __future__ import annotations

import math
from typing import Any

from ... import return_types
from ...engine.case import Case, Sample, ints, positive
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from ..create.creation import linspace


@piece(differentiable=False, outputs=True, cases=[Case(ints(7), None), Case(ints(5, 2, high=2), 0)])
def unique_parts(xp, input: Array, dim: int | None):
    """Sorted distinct values (or slices along dim), the place of each element among them, and their
    counts.

    Math:   values[inverse] = input
    """
    values, inverse, counts = xp.unique(input, return_inverse=True, return_counts=True, axis=dim)
    return values, inverse.reshape(input.shape if dim is None else -1), counts


def chosen(parts, return_inverse, return_counts):
    values, inverse, counts = parts
    out = (values, *((inverse,) if return_inverse else ()), *((counts,) if return_counts else ()))
    return out if len(out) > 1 else values


@composite(
    cases=[
        Case(ints(7)),
        Case(ints(2, 5), return_inverse=True, return_counts=True),
        Case(ints(5, 2, high=2), dim=0, return_counts=True),
    ]
)
def unique(
    F,
    input: Tensor,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Distinct values, sorted; where each element went; how often each occurs.

    Math:   out = the set of input
    """
    return chosen(F.unique_parts(input, dim), return_inverse, return_counts)


@composite(
    cases=[
        Case(Sample(values=[1, 1, 2, 2, 2, 1])),
        Case(Sample(values=[1, 1, 2, 1]), return_inverse=True, return_counts=True),
    ]
)
def unique_consecutive(
    F,
    input: Tensor,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """Each run of equal neighbours once; where each element went; how long each run is.

    Math:   out = input without repeats of the neighbour
    """
    x = F.reshape(input, (-1,)) if dim is None else F.movedim(input, dim, 0)
    if not x.shape[0]:
        return chosen(
            (input, F.zeros(input.shape, dtype="int64"), F.zeros((0,), dtype="int64")),
            return_inverse,
            return_counts,
        )
    changed = x[1:] != x[:-1]
    if x.ndim > 1:
        changed = F.any(F.flatten(changed, 1), 1)
    start = F.cat([F.full((1,), True, dtype="bool", device=input.device), changed])
    places = F.nonzero(start)[:, 0]
    inverse = F.cumsum(start, 0) - 1
    counts = F.diff(F.cat([places, F.tensor([x.shape[0]], device=input.device)]))
    values = x[places]
    return chosen(
        (
            values if dim is None else F.movedim(values, 0, dim),
            F.reshape(inverse, input.shape) if dim is None else inverse,
            counts,
        ),
        return_inverse,
        return_counts,
    )


@piece(
    differentiable=False,
    cases=[
        Case(Sample(values=[-0.5, 0.0, 0.7]), [2, 3], False, False),
        Case(Sample(values=[[0, 1], [0, 2]]), ints(2, 3), True, True),
    ],
)
def places_in(xp, sequence: Array, values: Array, right: bool, int32: bool):
    """Where each value would stand in a sorted sequence (each row in its own, if the sequence has
    several dims).

    Math:   out = number of elements < values (right: <= values)
    """
    side, kind = "right" if right else "left", "int32" if int32 else "int64"
    if sequence.ndim <= 1:
        return xp.asarray(xp.searchsorted(sequence, values, side=side)).astype(kind)
    count = math.prod(sequence.shape[:-1])
    rows = sequence.reshape(count, sequence.shape[-1])
    wanted = values.reshape(count, values.shape[-1])
    out = xp.empty(wanted.shape, kind)
    for i in range(len(rows)):
        out[i] = xp.searchsorted(rows[i], wanted[i], side=side)
    return out.reshape(values.shape)


SORTED = Sample(values=[-1.5, -0.5, 0.0, 0.7, 1.9])


@composite(
    method=False,
    cases=[
        Case(SORTED, [2, 3], grad=False),
        Case(SORTED, 0.5, grad=False),
        Case(SORTED, [4], right=True, out_int32=True, grad=False),
        Case(Sample(values=[[1, 3, 5], [2, 4, 6]]), Sample(values=[[3, 6], [3, 6]]), side="right"),
    ],
)
def searchsorted(
    F,
    sorted_sequence: Tensor,
    input: Tensor,
    *,
    out_int32: bool = False,
    right: bool = False,
    side: str | None = None,
    sorter: Tensor | None = None,
) -> Tensor:
    """Where to put each element into a sorted sequence so that it stays sorted.

    Args: right, side="right": behind equal elements. sorter: indexes that sort the sequence
    Math:   out = number of elements < input (right: <= input)
    """
    if side not in (None, "left", "right") or (side == "left" and right):
        raise ShapeError(
            f"searchsorted: side must be 'left' or 'right' and agree with right, got side={side!r},"
            f" right={right}. Give one of them."
        )
    if sorter is not None:
        sorted_sequence = F.gather(sorted_sequence, -1, sorter)
    values = input if hasattr(input, "array") else F.tensor(input, device=sorted_sequence.device)
    if sorted_sequence.ndim > 1 and sorted_sequence.shape[:-1] != values.shape[:-1]:
        raise ShapeError(
            "searchsorted: sequence and values must have the same leading dims, got"
            f" {tuple(sorted_sequence.shape)} and {tuple(values.shape)}. Expand one of them."
        )
    return F.places_in(sorted_sequence, values, right or side == "right", out_int32)


@composite(
    method=False,
    cases=[Case([2, 3], SORTED, grad=False), Case(positive(3), SORTED, right=True, grad=False)],
)
def bucketize(
    F, input: Tensor, boundaries: Tensor, *, out_int32: bool = False, right: bool = False
) -> Tensor:
    """The number of the bucket, between sorted boundaries, that each element falls into.

    Math:   out = number of boundaries < input (right: <= input)
    """
    if boundaries.ndim != 1:
        raise ShapeError(
            f"bucketize: boundaries must be 1-d, got shape {tuple(boundaries.shape)}. Use"
            " searchsorted for rows."
        )
    return F.searchsorted(boundaries, input, out_int32=out_int32, right=right)


@op(
    differentiable=False,
    cases=[Case([10], 4), Case([10], 5, -1.0, 1.0), Case(Sample(values=[1.0, 1.0]), 3)],
)
def histc(xp, input: Array, bins: int = 100, min: float = 0, max: float = 0):
    """How many elements fall into each of `bins` equal bins from min to max (default: of the data).
    Elements outside do not count.

    Math:   out_b = sum [input in bin b]
    """
    low, high = (input.min(), input.max()) if min == max and input.size else (min, max)
    low, high = (low - 1, high + 1) if low == high else (low, high)
    if bins <= 0 or not low < high or not (xp.isfinite(low) and xp.isfinite(high)):
        raise ShapeError(
            f"histc: needs bins > 0 and finite min <= max, got bins={bins}, range [{low}, {high}]."
            " Correct them."
        )
    inside = input[(input >= low) & (input <= high)]
    place = xp.minimum(((inside - low) * (bins / (high - low))).astype("int64"), bins - 1)
    return xp.bincount(place.reshape(-1), minlength=bins).astype(input.dtype)


@composite(
    cases=[
        Case([10], 4, grad=False),
        Case([2, 5], 3, range=(-1.0, 1.5), grad=False),
        Case([10], Sample(values=[-2.0, 0.5, 1.0]), density=True, grad=False),
        Case([6], 3, weight=None, density=True, grad=False),
    ]
)
def histogram(
    F,
    input: Tensor,
    bins: int | Tensor,
    *,
    range: tuple[float, float] | None = None,
    weight: Tensor | None = None,
    density: bool = False,
) -> return_types.histogram:
    """How many elements, or what weight, falls into each bin, and the edges of the bins. The last
    bin includes its right edge; elements outside do not count.

    Math:   hist_b = sum [edges_b <= input < edges_{b+1}] weight
    Args:   bins: how many equal bins, or their edges. range: the outer edges of equal bins, by
            default the smallest and the largest element. density: divide by the total weight and
            the widths, so that the area is 1
    """
    if not input.dtype.is_floating_point:
        raise DTypeError(
            f"histogram: must be a floating-point tensor, got {input.dtype.name}. Convert it with"
            " x.float()."
        )
    x = F.reshape(input.detach(), (-1,))
    edges = bins.detach() if isinstance(bins, Tensor) else equal_bins(F, x, bins, range)
    n = edges.shape[0] - 1
    place = F.bucketize(x, edges, right=True) - 1
    place = F.where(x == edges[-1], n - 1, place)
    inside = (place >= 0) & (place < n)
    weights = F.ones_like(x) if weight is None else F.reshape(weight.detach(), (-1,))
    hist = F.count_integers(place[inside], weights[inside], n).to(x.dtype)
    if density:
        hist = hist / F.sum(hist) / F.diff(edges)
    return return_types.histogram(hist, edges)


def equal_bins(F, x, bins, span):
    """The edges of `bins` equal bins over `span` or over all elements."""
    if span is not None:
        low, high = map(float, span)
    else:
        low, high = (float(F.amin(x)), float(F.amax(x))) if x.shape[0] else (0.0, 0.0)
    if not (bins > 0 and low <= high and math.isfinite(low) and math.isfinite(high)):
        raise ShapeError(
            f"histogram: needs bins > 0 and a finite, rising range, got bins={bins} and range"
            f" [{low}, {high}]. Correct them."
        )
    if low == high:
        low, high = (low - 0.5, high + 0.5) if x.shape[0] else (low, high + 1.0)
    return linspace(low, high, bins + 1, dtype=x.dtype, device=x.device)


@piece(differentiable=False, cases=[Case(ints(8, high=4)), Case(ints(4, high=3), [4], 5)])
def count_integers(xp, input: Array, weights: Array | None = None, minlength: int = 0):
    """How often each integer occurs, or the sum of the weights there.

    Math:   out_v = sum [input = v] weights
    """
    return xp.bincount(input, weights, minlength)


@composite(
    cases=[
        Case(ints(8, high=4)),
        Case(ints(8, high=4), minlength=6),
        Case(ints(4, high=3), Sample(4), grad=False),
    ]
)
def bincount(F, input: Tensor, weights: Tensor | None = None, minlength: int = 0) -> Tensor:
    """How often each integer from 0 on occurs (or the sum of the weights there).

    Math:   out_v = sum [input = v] w
    """
    if (
        input.ndim != 1
        or input.dtype.name[0] not in "iu"
        or input.numel()
        and int(F.amin(input)) < 0
    ):
        raise DTypeError(
            f"bincount: must be 1-d integers of at least 0, got {input.dtype.name} of shape"
            f" {tuple(input.shape)}. Convert or shift them."
        )
    if weights is None:
        return F.count_integers(input, None, minlength)
    out = F.count_integers(input, weights.detach(), minlength)
    return out.float() if weights.dtype.name == "float32" else out.double()
