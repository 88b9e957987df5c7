"""Order: sorting, ranks, medians and quantiles, distinct values, places in sorted sequences,
counting.
"""

from __future__ import annotations

import math
from typing import Any, overload

from ... import return_types
from ...engine.case import Case, Sample, ints, positive
from ...engine.dtype import check_number
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError, check_dim
from ...engine.op import Array, composite, op, piece
from ...engine.tensor import Tensor
from ..create.creation import linspace

NAN = Sample(values=[[3.0, float("nan"), 1.0], [2.0, 5.0, 4.0]])


def put_back(F, gs, indices, input_shape, dim):
    """The cotangent of values picked along dim, back at their places."""
    return F.scatter_zeros(gs[0], indices, dim, input_shape) if input_shape else gs[0]


def put_back_one(F, gs, indices, input_shape, dim, keepdim):
    if not input_shape:
        return gs[0]
    g, places = (
        (gs[0], indices) if keepdim else (F.unsqueeze(gs[0], dim), F.unsqueeze(indices, dim))
    )
    return F.scatter_zeros(g, places, dim, input_shape)


@op(
    outputs=return_types.sort,
    cases=[
        Case([3, 4]),
        Case([3, 4], 0),
        Case([5], descending=True),
        Case(NAN, 1, grad=False),
        Case([]),
    ],
)
def sort(xp, input: Array, dim: int = -1, descending: bool = False, *, stable: bool = False):
    """Sorted along dim, with indexes. Stable in both directions; NaN counts as largest.

    Math:   values = sorted input;   d input = g put back
    """
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    if descending:  # reversed twice, so that equal values keep their order
        n = input.shape[dim]
        index = n - 1 - xp.flip(xp.argsort(xp.flip(input, dim), axis=dim, kind="stable"), dim)
    else:
        index = xp.argsort(input, axis=dim, kind="stable")
    return xp.take_along_axis(input, index, dim), index


sort.vjp(input=put_back)


@composite(cases=[Case([3, 4], grad=False), Case([3, 4], 0, True, grad=False)])
def argsort(
    F, input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool = False
) -> Tensor:
    """Indexes that sort.

    Math:   out = argsort input
    """
    return F.sort(input, dim, descending, stable=stable)[1]


@composite(cases=[Case([3, 2])])
def msort(F, input: Tensor) -> Tensor:
    """Sorted along the first dim.

    Math:   out = sorted input
    """
    return F.sort(input, 0)[0]


@op(
    outputs=return_types.topk,
    cases=[
        Case([3, 5], 2),
        Case([3, 5], 3, 0),
        Case([5], 2, largest=False),
        Case(NAN, 2, grad=False),
    ],
)
def topk(xp, input: Array, k: int, dim: int = -1, largest: bool = True, sorted: bool = True):
    """The k largest (or smallest) along dim, in order; NaN counts as largest.

    Math:   values = first k of sorted input;   d input = g put back
    Note:   of equal elements the earlier ones are taken; PyTorch leaves open which
    """
    check_number("topk", input)
    n = input.shape[dim] if input.ndim else 1
    if not 0 <= k <= n:
        raise ShapeError(f"topk: k must be in [0, {n}], got {k}. Choose a smaller k.")
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    values, index = sort.forward(xp, input, dim, largest)
    first = xp.arange(k)
    return xp.take(values, first, axis=dim), xp.take(index, first, axis=dim)


topk.vjp(input=put_back)


def value_at_rank(xp, input, rank, dim, keepdim):
    """The element that has this rank along dim when sorted, and its index."""
    index = xp.take_along_axis(xp.argsort(input, axis=dim, kind="stable"), rank, dim)
    values = xp.take_along_axis(input, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


@op(outputs=return_types.kthvalue, cases=[Case([3, 5], 2), Case([3, 5], 1, 0, True), Case([], 1)])
def kthvalue(xp, input: Array, k: int, dim: int = -1, keepdim: bool = False):
    """The k-th smallest along dim (k counts from 1), with its index.

    Math:   values = sorted input at k - 1;   d input = g at the index
    Note:   equal elements are ranked in their order; PyTorch leaves open which index it gives
    """
    n = input.shape[dim] if input.ndim else 1
    if not 1 <= k <= n:
        raise ShapeError(f"kthvalue: k must be in [1, {n}], got {k}. Choose another k.")
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    shape = tuple(1 if d == dim % input.ndim else n for d, n in enumerate(input.shape))
    return value_at_rank(xp, input, xp.full(shape, k - 1), dim, keepdim)


kthvalue.vjp(input=put_back_one)


def check_elements(name, input, dim):
    check_dim(name, dim, input.ndim)
    if not input.shape[dim]:
        raise IndexOutOfRange(
            f"{name}: needs elements along dim {dim}, got shape {input.shape}. Choose another dim."
        )


MIDDLE = [Case([3, 4], 1), Case([3, 5], 0, keepdim=True), Case([], 0)]


@piece(outputs=return_types.median, cases=MIDDLE)
def median_dim(xp, input: Array, dim: int, keepdim: bool = False):
    """Median along one dim, the lower of two middle elements, or the first NaN, with its index.

    Math:   values = sorted input at (N - 1) // 2;   d input = g at the index
    """
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    check_elements("median", input, dim)
    n, nans = input.shape[dim], (input != input).sum(axis=dim, keepdims=True)
    rank = xp.where(nans > 0, n - nans, (n - 1) // 2)
    return value_at_rank(xp, input, rank, dim, keepdim)


median_dim.vjp(input=put_back_one)


@piece(outputs=return_types.nanmedian, cases=MIDDLE)
def nanmedian_dim(xp, input: Array, dim: int, keepdim: bool = False):
    """Median of the elements along one dim that are not NaN, with its index.

    Math:   values = sorted input at (N - 1) // 2, N counting what is not NaN;   d input = g at the
            index
    """
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    check_elements("nanmedian", input, dim)
    numbers = (input == input).sum(axis=dim, keepdims=True)
    return value_at_rank(xp, input, xp.maximum((numbers - 1) // 2, 0), dim, keepdim)


nanmedian_dim.vjp(input=put_back_one)


def median_of_all(F, input, along):
    """The median of all elements; ties share the gradient."""
    flat = F.reshape(input, (-1,))
    if not flat.shape[0]:
        return F.sum(input) * math.nan
    value = along(flat, 0)[0]
    if not input.dtype.is_floating_point:
        return value
    ties = flat == value.detach()
    ties = F.where(F.any(ties), ties, flat != flat)  # no tie at all: the median is NaN
    share = F.cast_like(ties, flat)
    return F.sum(F.where(ties, flat, 0.0) * share) / F.sum(share)


MEDIANS = [
    Case([3, 3]),
    Case([3, 4], 1),
    Case([3, 5], 0, True),
    Case(NAN, 1, grad=False),
    Case(NAN, grad=False),
    Case(ints(5)),
]


@overload
def median(input: Tensor, dim: None = None) -> Tensor: ...
@overload
def median(input: Tensor, dim: int, keepdim: bool = False) -> return_types.median: ...
@composite(cases=MEDIANS)
def median(F, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Median, the lower of two middle elements; NaN if there is one. Of all elements, or along
    `dim` with its index.

    Math:   out = sorted input at (N - 1) // 2
    """
    if dim is None:
        return median_of_all(F, input, F.median_dim)
    return F.median_dim(input, dim, keepdim)


@overload
def nanmedian(input: Tensor, dim: None = None) -> Tensor: ...
@overload
def nanmedian(input: Tensor, dim: int, keepdim: bool = False) -> return_types.nanmedian: ...
@composite(cases=MEDIANS)
def nanmedian(F, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Median of what is not NaN, the lower of two middle elements. Of all elements, or along `dim`
    with its index.

    Math:   out = sorted input at (N - 1) // 2, N counting what is not NaN
    """
    if dim is None:
        return median_of_all(F, input, F.nanmedian_dim)
    return F.nanmedian_dim(input, dim, keepdim)


@op(
    outputs=return_types.mode,
    cases=[
        Case(ints(3, 7, high=3)),
        Case(ints(3, 7, high=3), 0, True),
        Case(Sample(values=[[1.5, 2.5, 1.5], [3.5, 3.5, 0.5]]), grad=False),
    ],
)
def mode(xp, input: Array, dim: int = -1, keepdim: bool = False):
    """The most frequent element along dim, the smallest of equally frequent ones, with the index of
    its last occurrence.

    Math:   d input = g at the index
    """
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    moved = xp.moveaxis(input, dim, -1)
    counts = (moved[..., :, None] == moved[..., None, :]).sum(-1)
    best = xp.where(
        counts == counts.max(-1, keepdims=True),
        moved,
        xp.inf
        if input.dtype.kind == "f"
        else xp.iinfo(input.dtype).max
        if input.dtype.kind != "b"
        else True,
    )
    values = best.min(-1, keepdims=True)
    n = input.shape[dim]
    index = n - 1 - xp.argmax(xp.flip(moved == values, -1), axis=-1, keepdims=True)
    values, index = xp.moveaxis(values, -1, dim), xp.moveaxis(index, -1, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


mode.vjp(input=put_back_one)


@composite(cases=[Case([3, 4]), Case([3, 4], dim=1), Case([3, 4], dim=0, keepdim=True)])
def aminmax(
    F, input: Tensor, *, dim: int | None = None, keepdim: bool = False
) -> return_types.aminmax:
    """Smallest and largest element.

    Math:   min input, max input
    """
    return return_types.aminmax(F.amin(input, dim, keepdim), F.amax(input, dim, keepdim))


@composite(
    cases=[
        Case([3, 5], 0.3),
        Case([3, 5], 0.5, 1),
        Case([3, 5], 0.25, 0, True),
        Case([3, 5], Sample(values=[0.1, 0.4, 0.9]), 1),
        Case([3, 5], 0.3, interpolation="lower"),
        Case([3, 5], 0.7, 1, interpolation="higher"),
        Case([3, 5], 0.3, 1, interpolation="midpoint"),
        Case([3, 5], 0.3, 1, interpolation="nearest"),
    ]
)
def quantile(
    F,
    input: Tensor,
    q,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """The value below which a share q of the elements lies; NaN if there is one. Dims of q come
    first.

    Math:   out = sorted input at q (n - 1), interpolated
    """
    return quantiles(F, "quantile", input, q, dim, keepdim, interpolation, False)


@composite(
    cases=[
        Case([3, 5], 0.3, 1),
        Case(Sample(values=[[1.0, float("nan"), 4.0], [2.0, 3.0, 9.0]]), 0.5, 1, grad=False),
    ]
)
def nanquantile(
    F,
    input: Tensor,
    q,
    dim: int | None = None,
    keepdim: bool = False,
    *,
    interpolation: str = "linear",
) -> Tensor:
    """`quantile` of what is not NaN.

    Math:   out = sorted input at q (n - 1), interpolated
    """
    return quantiles(F, "nanquantile", input, q, dim, keepdim, interpolation, True)


RULES = ("linear", "lower", "higher", "midpoint", "nearest")


def check_quantile(F, name, input, shares, interpolation):
    if interpolation not in RULES:
        raise ShapeError(
            f"{name}: interpolation must be one of {', '.join(RULES)}, got {interpolation!r}. Use"
            " one of these."
        )
    if input.dtype.name not in ("float32", "float64"):
        raise DTypeError(
            f"{name}: must be a float32 or float64 tensor, got {input.dtype.name}. Convert it with"
            " x.float()."
        )
    if shares.ndim > 1 or shares.numel() and not bool(F.all((shares >= 0) & (shares <= 1))):
        raise ShapeError(
            f"{name}: q must be a number or a 1-d tensor of numbers from 0 to 1, got"
            f" {shares.tolist()}. Correct it."
        )
    if not input.numel():
        raise ShapeError(
            f"{name}: needs at least one element, got shape {tuple(input.shape)}. Check the input."
        )


def neighbours(F, rank, interpolation):
    """The ranks below and above `rank`, and the weight of the one above."""
    if interpolation == "nearest":
        rank = F.round(rank)
    low, high = F.floor(rank), F.ceil(rank)
    if interpolation == "higher":
        return high, high, 0.0
    if interpolation in ("lower", "nearest"):
        return low, low, 0.0
    return low, high, 0.5 if interpolation == "midpoint" else rank - low


def quantiles(F, name, input, q, dim, keepdim, interpolation, ignore):
    """`quantile`, or with `ignore` `nanquantile`: x (*, N) and Q shares give (Q, *)."""
    shares = q if hasattr(q, "array") else F.tensor(q, dtype=input.dtype, device=input.device)
    check_quantile(F, name, input, shares, interpolation)
    if dim is None or not input.ndim:
        x = F.reshape(input, (-1,))
    else:
        x = F.movedim(input, dim, -1)
    values = F.sort(x, -1)[0]
    n = F.clamp(F.sum(x == x, -1, True), min=1) if ignore else x.shape[-1]
    rank = F.reshape(shares, (-1, *(1,) * x.ndim)) * (n - 1)
    low, high, weight = neighbours(F, rank, interpolation)
    shape = (shares.numel(), *x.shape[:-1])

    def at(place):
        index = F.expand(place.long(), (*shape, 1))
        return F.squeeze(F.gather(F.expand(values, (*shape, values.shape[-1])), -1, index), -1)

    below, above = at(low), at(high)
    if hasattr(weight, "array"):
        weight = F.squeeze(F.expand(weight, (*shape, 1)), -1)
        # from the nearer end, so that an infinite neighbour without weight does no harm
        step = above - below
        out = F.where(weight < 0.5, below + step * weight, above - step * (1 - weight))
    else:
        out = below + (above - below) * weight
    if not ignore:
        out = F.where(F.any(F.isnan(x), -1), math.nan, out)
    if keepdim and (dim is None or not input.ndim):
        out = F.reshape(out, (shares.numel(), *(1,) * input.ndim))
    elif keepdim:
        out = F.movedim(F.unsqueeze(out, -1), -1, dim % input.ndim + 1)
    return out if shares.ndim else F.squeeze(out, 0)


@composite(cases=[Case(NAN), Case(NAN, 1), Case(ints(2, 3), 0), Case([2, 3], (0, 1), True)])
def nansum(
    F, input: Tensor, dim: int | tuple[int, ...] | None = None, keepdim: bool = False, *, dtype=None
) -> Tensor:
    """Sum of what is not NaN.

    Math:   out = sum of input without NaN
    """
    clean = F.where(F.isnan(input), 0.0, input) if input.dtype.is_floating_point else input
    return F.sum(clean, dim, keepdim, dtype=dtype)


@composite(cases=[Case(NAN), Case(NAN, 1), Case([2, 3], 0, True)])
def nanmean(
    F, input: Tensor, dim: int | tuple[int, ...] | None = None, keepdim: bool = False, *, dtype=None
) -> Tensor:
    """Mean of what is not NaN.

    Math:   out = sum of input without NaN / how many these are
    """
    if not input.dtype.is_floating_point:
        raise DTypeError(
            f"nanmean: must be a floating-point tensor, got {input.dtype.name}. Convert it with"
            " x.float()."
        )
    total = F.nansum(input, dim, keepdim, dtype=dtype)
    return total / F.cast_like(F.sum(F.logical_not(F.isnan(input)), dim, keepdim), total)


# ---- distinct values, places, counts: integers out, no gradients ---------------------------------


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
    rows, wanted = sequence.reshape(-1, sequence.shape[-1]), values.reshape(-1, values.shape[-1])
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
