"""Comparisons, logic and tests of values: boolean results, no gradients."""

from __future__ import annotations

from ...engine.case import Case, Sample, bools, ints
from ...engine.composite import composite
from ...engine.op import Array, op
from ...engine.tensor import Tensor

PAIRS = [Case([2, 3], [2, 3]), Case([2, 3], 0.3), Case(ints(2, 3), ints(3))]
MASKS = [Case(bools(2, 3), bools(3)), Case(bools(2, 3), bools(2, 3))]
WHOLE = [*MASKS, Case(ints(2, 3, high=9), ints(3, high=9))]
SPECIAL = [Case(Sample(values=[0.0, float("nan"), float("inf"), -float("inf"), 1.0]))]


@op(
    operator="==",
    types="promote",
    differentiable=False,
    inplace=True,
    elementwise=True,
    slot="equal",
    cases=PAIRS,
)
def eq(xp, input: Array, other: Array):
    """Whether input equals other, elementwise.

    Math:   out = [input == other]
    """
    return xp.equal(input, other)


@op(
    operator="!=",
    types="promote",
    differentiable=False,
    inplace=True,
    alias=("not_equal",),
    elementwise=True,
    slot="not_equal",
    cases=PAIRS,
)
def ne(xp, input: Array, other: Array):
    """Whether input differs from other, elementwise.

    Math:   out = [input != other]
    """
    return xp.not_equal(input, other)


@op(
    operator="<",
    types="promote",
    differentiable=False,
    inplace=True,
    alias=("less",),
    elementwise=True,
    slot="less",
    cases=PAIRS,
)
def lt(xp, input: Array, other: Array):
    """Whether input is less than other, elementwise.

    Math:   out = [input < other]
    """
    return xp.less(input, other)


@op(
    operator="<=",
    types="promote",
    differentiable=False,
    inplace=True,
    alias=("less_equal",),
    elementwise=True,
    slot="less_equal",
    cases=PAIRS,
)
def le(xp, input: Array, other: Array):
    """Whether input is at most other, elementwise.

    Math:   out = [input <= other]
    """
    return xp.less_equal(input, other)


@op(
    operator=">",
    types="promote",
    differentiable=False,
    inplace=True,
    alias=("greater",),
    elementwise=True,
    slot="greater",
    cases=PAIRS,
)
def gt(xp, input: Array, other: Array):
    """Whether input is greater than other, elementwise.

    Math:   out = [input > other]
    """
    return xp.greater(input, other)


@op(
    operator=">=",
    types="promote",
    differentiable=False,
    inplace=True,
    alias=("greater_equal",),
    elementwise=True,
    slot="greater_equal",
    cases=PAIRS,
)
def ge(xp, input: Array, other: Array):
    """Whether input is at least other, elementwise.

    Math:   out = [input >= other]
    """
    return xp.greater_equal(input, other)


@op(
    operator="&",
    types="promote",
    differentiable=False,
    inplace=True,
    slot="bitwise_and",
    cases=WHOLE,
)
def bitwise_and(xp, input: Array, other: Array):
    """And, bit by bit.

    Math:   out = input and other, for each bit
    """
    return xp.bitwise_and(input, other)


@op(
    operator="|",
    types="promote",
    differentiable=False,
    inplace=True,
    slot="bitwise_or",
    cases=WHOLE,
)
def bitwise_or(xp, input: Array, other: Array):
    """Or, bit by bit.

    Math:   out = input or other, for each bit
    """
    return xp.bitwise_or(input, other)


@op(
    operator="^",
    types="promote",
    differentiable=False,
    inplace=True,
    slot="bitwise_xor",
    cases=WHOLE,
)
def bitwise_xor(xp, input: Array, other: Array):
    """Exclusive or, bit by bit.

    Math:   out = input xor other, for each bit
    """
    return xp.bitwise_xor(input, other)


@op(
    operator="~",
    differentiable=False,
    inplace=True,
    slot="invert",
    cases=[Case(bools(2, 3)), Case(ints(3, high=9))],
)
def bitwise_not(xp, input: Array):
    """Not, bit by bit.

    Math:   out = not input, for each bit
    """
    return xp.invert(input)


@op(differentiable=False, inplace=True, slot="logical_and", cases=WHOLE)
def logical_and(xp, input: Array, other: Array):
    """Whether both are non-zero.

    Math:   out = [input != 0] and [other != 0]
    """
    return xp.logical_and(input, other)


@op(differentiable=False, inplace=True, slot="logical_or", cases=WHOLE)
def logical_or(xp, input: Array, other: Array):
    """Whether at least one is non-zero.

    Math:   out = [input != 0] or [other != 0]
    """
    return xp.logical_or(input, other)


@op(differentiable=False, inplace=True, slot="logical_xor", cases=WHOLE)
def logical_xor(xp, input: Array, other: Array):
    """Whether exactly one is non-zero.

    Math:   out = [input != 0] xor [other != 0]
    """
    return xp.logical_xor(input, other)


@op(differentiable=False, inplace=True, slot="logical_not", cases=[Case(bools(2, 3)), Case([3])])
def logical_not(xp, input: Array):
    """Whether input is zero.

    Math:   out = [input = 0]
    """
    return xp.logical_not(input)


@op(differentiable=False, elementwise=True, slot="isnan", cases=SPECIAL)
def isnan(xp, input: Array):
    """Whether input is NaN.

    Math:   out = [input != input]
    """
    return xp.isnan(input)


@op(differentiable=False, elementwise=True, slot="isinf", cases=SPECIAL)
def isinf(xp, input: Array):
    """Whether input is infinite.

    Math:   out = [|input| = inf]
    """
    return xp.isinf(input)


@op(differentiable=False, elementwise=True, slot="isfinite", cases=SPECIAL)
def isfinite(xp, input: Array):
    """Whether input is neither infinite nor NaN.

    Math:   out = [|input| < inf]
    """
    return xp.isfinite(input)


@op(
    types="match",
    differentiable=False,
    cases=[
        Case([2, 3], [2, 3]),
        Case(
            Sample(values=[1.0, float("nan")]), Sample(values=[1.0, float("nan")]), equal_nan=True
        ),
    ],
)
def isclose(
    xp, input: Array, other: Array, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
):
    """Whether two values are nearly equal.

    Math:   out = [|input - other| <= atol + rtol |other|]
    """
    return xp.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan)


@composite(cases=[Case([2, 3], [2, 3], grad=False)])
def allclose(
    F, input: Tensor, other: Tensor, rtol: float = 1e-5, atol: float = 1e-8, equal_nan: bool = False
) -> bool:
    """Whether all values are nearly equal, as a Python bool.

    Math:   all |input - other| <= atol + rtol |other|
    """
    return bool(F.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan).array.all())


@composite(cases=[Case([2, 3], [2, 3], grad=False), Case([2, 3], [3], grad=False)])
def equal(F, input: Tensor, other: Tensor) -> bool:
    """Whether the shapes and all values are equal, as a Python bool.

    Math:   input = other
    """
    return input.shape == other.shape and bool(F.eq(input, other).array.all())
