"""Order: sorting, ranks, medians, modes."""

from __future__ import annotations

import math
from typing import Any, overload

from ... import return_types
from ...engine.case import Case, Sample, ints
from ...engine.composite import composite
from ...engine.dtype import check_number
from ...engine.errors import IndexOutOfRange, ShapeError, check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor

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
