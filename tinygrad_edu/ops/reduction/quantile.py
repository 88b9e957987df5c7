"""Quantiles, and sums and means of what is not NaN."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...engine.case import Case, Sample, ints
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from .order import NAN


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
    q: float | Tensor,
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
    q: float | Tensor,
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
    F, input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype=None
) -> Tensor:
    """Sum of what is not NaN.

    Math:   out = sum of input without NaN
    """
    clean = F.where(F.isnan(input), 0.0, input) if input.dtype.is_floating_point else input
    return F.sum(clean, dim, keepdim, dtype=dtype)


@composite(cases=[Case(NAN), Case(NAN, 1), Case([2, 3], 0, True)])
def nanmean(
    F, input: Tensor, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype=None
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
