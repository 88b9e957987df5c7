"""Rounding, the larger and the smaller of two, and clamping between bounds."""

from __future__ import annotations

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .operators import zero_gradient

ONE = [Case([2, 3]), Case([]), Case([0, 3])]


@op(inplace=True, elementwise=True, cases=ONE)
def floor(xp, input: Array):
    """Round down.

    Math:   out = floor(input);   d input = 0
    """
    return xp.floor(input) if input.dtype.kind == "f" else xp.array(input)


floor.vjp(input=zero_gradient)


@op(inplace=True, elementwise=True, cases=ONE)
def ceil(xp, input: Array):
    """Round up.

    Math:   out = ceil(input);   d input = 0
    """
    return xp.ceil(input) if input.dtype.kind == "f" else xp.array(input)


ceil.vjp(input=zero_gradient)


@op(inplace=True, alias=("fix",), elementwise=True, cases=ONE)
def trunc(xp, input: Array):
    """Round towards zero.

    Math:   out = trunc(input);   d input = 0
    """
    return xp.trunc(input) if input.dtype.kind == "f" else xp.array(input)


trunc.vjp(input=zero_gradient)


@op(inplace=True, elementwise=True, cases=ONE)
def round(xp, input: Array, *, decimals: int = 0):
    """Round to `decimals` places, halves to the even neighbour.

    Math:   out = round(input);   d input = 0
    """
    return xp.round(input, decimals)


round.vjp(input=zero_gradient)


def winners_share(F, g, won, tied):
    """The gradient of the one that won; half of it where both are equal."""
    return F.where(tied, g / 2, F.keep_where(g, won))


@op(
    types="promote",
    elementwise=True,
    slot="maximum",
    cases=[Case([2, 3], [2, 3]), Case([2, 3], Sample(3, low=-1.9, high=1.7))],
)
def maximum(xp, input: Array, other: Array):
    """The larger of two; NaN if either is.

    Math:   out = max(input, other);   d input = g [input > other] + g/2 [input = other],
            d other likewise
    """
    return xp.maximum(input, other)


maximum.vjp(
    input=lambda F, g, input, other: winners_share(F, g, input > other, input == other),
    other=lambda F, g, input, other: winners_share(F, g, other > input, input == other),
)


@op(
    types="promote",
    elementwise=True,
    slot="minimum",
    cases=[Case([2, 3], [2, 3]), Case([2, 3], Sample(3, low=-1.9, high=1.7))],
)
def minimum(xp, input: Array, other: Array):
    """The smaller of two; NaN if either is.

    Math:   out = min(input, other);   d input = g [input < other] + g/2 [input = other],
            d other likewise
    """
    return xp.minimum(input, other)


minimum.vjp(
    input=lambda F, g, input, other: winners_share(F, g, input < other, input == other),
    other=lambda F, g, input, other: winners_share(F, g, other < input, input == other),
)


@piece(
    elementwise=True,
    cases=[Case([2, 3], -0.5, 0.7), Case([2, 3], None, 0.4), Case([2, 3], -0.3, None)],
)
def clamp_numbers(xp, input: Array, min: float | None, max: float | None):
    """Clamp between numbers.

    Math:   out = min(max(input, lo), hi);   d input = g [lo <= input <= hi]
    """
    return xp.clip(input, min, max)


def inside(input, min, max):
    """Whether input lies within the bounds, ends included; None: no bound there."""
    if max is None:
        return input >= min
    if min is None:
        return input <= max
    return (input >= min) & (input <= max)


clamp_numbers.vjp(input=lambda F, g, input, min, max: F.keep_where(g, inside(input, min, max)))


@piece(
    types="promote",
    cases=[
        Case([2, 3], Sample(3, low=-1.0, high=-0.1), Sample(2, 1, low=0.1, high=1.0)),
        Case([2, 3], Sample(3, low=-0.5, high=0.5), Sample(3, low=-0.4, high=0.4)),
        Case([2, 3], [3]),
        Case([2, 3], None, [2, 1]),
    ],
)
def clamp_tensors(xp, input: Array, min: Array | None = None, max: Array | None = None):
    """Clamp between the elements of tensors; where they cross, `max` wins.

    Math:   out = min(max(input, lo), hi);   d input = g [lo <= input <= hi],
            d lo = g [input < lo < hi],   d hi = g [input > hi or hi < lo]
    """
    out = input if min is None else xp.maximum(input, min)
    return out if max is None else xp.minimum(out, max)


def clamp_d_min(F, g, input, min, max):
    return F.keep_where(g, input < min if max is None else (input < min) & (min < max))


def clamp_d_max(F, g, input, min, max):
    return F.keep_where(g, input > max if min is None else (input > max) | (max < min))


clamp_tensors.vjp(
    input=lambda F, g, input, min, max: F.keep_where(g, inside(input, min, max)),
    min=clamp_d_min,
    max=clamp_d_max,
)


@composite(
    inplace=True,
    alias=("clip",),
    cases=[
        Case([2, 3], -0.5, 0.7),
        Case([2, 3], min=-0.3),
        Case([2, 3], max=0.4),
        Case([2, 3], Sample(3, low=-1.0, high=-0.1), Sample(3, low=0.1, high=1.0)),
    ],
)
def clamp(
    F, input: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None
) -> Tensor:
    """Values below `min` become min, values above `max` become max (numbers or tensors).

    Math:   out = min(max(input, lo), hi);   d input = g [lo <= input <= hi]
    """
    if min is None and max is None:
        raise ShapeError("clamp: needs min, max or both, got neither. Give at least one.")
    numbers = (int, float, type(None))
    if not (isinstance(min, numbers) and isinstance(max, numbers)):
        return F.clamp_tensors(input, min, max)
    if input.dtype.name[0] in "iub" and (type(min) is float or type(max) is float):
        input = input.float()
    return F.clamp_numbers(input, min, max)


@composite(inplace=True, cases=[Case([2, 3], -0.3), Case([2, 3], [3])])
def clamp_min(F, input: Tensor, min: Tensor | float) -> Tensor:
    """Values below `min` become min.

    Math:   out = max(input, min)
    """
    return F.clamp(input, min=min)


@composite(inplace=True, cases=[Case([2, 3], 0.3), Case([2, 3], [3])])
def clamp_max(F, input: Tensor, max: Tensor | float) -> Tensor:
    """Values above `max` become max.

    Math:   out = min(input, max)
    """
    return F.clamp(input, max=max)
