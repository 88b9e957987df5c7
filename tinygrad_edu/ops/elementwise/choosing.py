"""Choosing elements by a mask: where, masked_fill, and the masks of gradients."""

from __future__ import annotations

from ...engine.case import Case, bools
from ...engine.composite import composite
from ...engine.dtype import result_dtype
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor


@piece(
    elementwise=lambda xp, input, mask: xp.where(mask, input, 0.0),
    cases=[Case([2, 3], bools(2, 3)), Case([2, 3], bools(3))],
)
def keep_where(xp, input: Array, mask: Array):
    """input where mask, else 0: it lets a cotangent through, or stops it.

    Math:   out = input where mask, else 0;   d input = g where mask, else 0
    Note:   multiplies the bits by 0 or 1: quick, and exact for inf and NaN too
    """
    bits = input.view(f"i{input.dtype.itemsize}")
    return xp.multiply(bits, mask.view("u1")).view(input.dtype)


keep_where.vjp(input=lambda F, g, mask: F.keep_where(g, mask), mask=None)


@op(
    types="promote",
    plain=("condition",),
    method=False,
    elementwise=True,
    cases=[
        Case(bools(2, 3), [2, 3], [2, 3]),
        Case(bools(3), [2, 3], [1]),
        Case(bools(2, 3), [2, 3], 0.5),
    ],
)
def where(xp, condition: Array, input: Array, other: Array):
    """Choose elementwise; no gradient, not even NaN, comes from the untaken branch.

    Math:   out = input where condition, else other;   d input = g where condition,
            d other = g elsewhere
    """
    kind = getattr(condition, "dtype", type(condition).__name__)
    if kind != xp.bool_:
        raise DTypeError(
            f"where: condition must be a bool tensor, got {kind}. Compare it with 0 first."
        )
    out = xp.where(condition, input, other)
    if hasattr(input, "dtype") or hasattr(other, "dtype"):
        return out
    return out.astype(result_dtype([input, other]))


where.vjp(
    condition=None,
    input=lambda F, g, condition: F.keep_where(g, condition),
    other=lambda F, g, condition: F.keep_where(g, ~condition),
)


@piece(elementwise=True, cases=[Case([2, 3], bools(2, 3), 0.5), Case([2, 3], bools(3), value=-1.0)])
def fill_at(xp, input: Array, mask: Array, value: float):
    """`masked_fill` with a number.

    Math:   out = value where mask, else input;   d input = 0 where mask, else g
    """
    if mask.dtype.kind != "b":
        raise DTypeError(
            f"masked_fill: mask must be bool, got {mask.dtype}. Compare it with 0 first."
        )
    if isinstance(value, (int, float)):
        return xp.where(mask, input.dtype.type(value), input)
    return xp.where(mask, xp.asarray(value, dtype=input.dtype), input)


fill_at.vjp(input=lambda F, g, mask: F.fill_at(g, mask, 0.0), mask=None)


@composite(
    inplace=True,
    cases=[
        Case([2, 3], bools(2, 3), 0.5),
        Case([2, 3], bools(3), value=-1.0),
        Case([3], bools(3), []),
    ],
)
def masked_fill(F, input: Tensor, mask: Tensor, value: Tensor | float) -> Tensor:
    """Input with `value`, a number or a 0-d tensor, where mask is True.

    Math:   out = value where mask, else input
    """
    if not isinstance(value, Tensor):
        return F.fill_at(input, mask, value)
    if value.ndim:
        raise ShapeError(
            f"masked_fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}."
            " Use where()."
        )
    return F.where(mask, value.to(input.dtype), input)


@composite(method=False, cases=[Case([2, 3], 2.0), Case([2, 3], [])])
def fill(F, input: Tensor, value: Tensor | float) -> Tensor:
    """A tensor like input with one value everywhere.

    Math:   out = value
    """
    everywhere = (input == input) | (input != input)
    return F.masked_fill(input, everywhere, value)
