"""Comparisons, logic and tests of values: boolean results, no gradients."""

from __future__ import annotations

from ...engine.case import Array, Case, bools, ints
from ...engine.op import composite, op

PAIRS = [Case([2, 3], [2, 3]), Case([2, 3], 0.3), Case(ints(2, 3), ints(3))]


def comparison(name, symbol, ufunc):
    def forward(xp, a, b, /):
        return getattr(xp, ufunc)(a, b)

    forward.__name__ = name
    forward.__doc__ = f"Whether a {symbol} b, elementwise.\n\nMath:   out = [a {symbol} b]"
    op(forward, operator=symbol, types="promote", differentiable=False, inplace=True, cases=PAIRS)


for _name, _symbol, _ufunc in (
    ("eq", "==", "equal"),
    ("ne", "!=", "not_equal"),
    ("lt", "<", "less"),
    ("le", "<=", "less_equal"),
    ("gt", ">", "greater"),
    ("ge", ">=", "greater_equal"),
):
    comparison(_name, _symbol, _ufunc)


def logic(name, symbol, inputs, ufunc, doc, cases, **options):
    if inputs == 1:

        def forward(xp, x, /):
            return getattr(xp, ufunc)(x)

    else:

        def forward(xp, a, b, /):  # type: ignore[misc]
            return getattr(xp, ufunc)(a, b)

    forward.__name__ = name
    forward.__doc__ = f"{doc}\n\nMath:   out = {name}"
    op(forward, operator=symbol, differentiable=False, cases=cases, **options)


MASKS = [Case(bools(2, 3), bools(3)), Case(bools(2, 3), bools(2, 3))]
WHOLE = [*MASKS, Case(ints(2, 3, high=9), ints(3, high=9))]
logic(
    "bitwise_and", "&", 2, "bitwise_and", "And, bit by bit.", WHOLE, types="promote", inplace=True
)
logic("bitwise_or", "|", 2, "bitwise_or", "Or, bit by bit.", WHOLE, types="promote", inplace=True)
logic(
    "bitwise_xor",
    "^",
    2,
    "bitwise_xor",
    "Exclusive or, bit by bit.",
    WHOLE,
    types="promote",
    inplace=True,
)
logic(
    "bitwise_not",
    "~",
    1,
    "invert",
    "Not, bit by bit.",
    [Case(bools(2, 3)), Case(ints(3, high=9))],
    inplace=True,
)
logic("logical_and", None, 2, "logical_and", "Whether both are non-zero.", WHOLE, inplace=True)
logic("logical_or", None, 2, "logical_or", "Whether either is non-zero.", WHOLE, inplace=True)
logic(
    "logical_xor", None, 2, "logical_xor", "Whether exactly one is non-zero.", WHOLE, inplace=True
)
logic(
    "logical_not",
    None,
    1,
    "logical_not",
    "Whether it is zero.",
    [Case(bools(2, 3)), Case([3])],
    inplace=True,
)
SPECIAL = [Case(Array(values=[0.0, float("nan"), float("inf"), -float("inf"), 1.0]))]
logic("isnan", None, 1, "isnan", "Whether it is NaN.", SPECIAL)
logic("isinf", None, 1, "isinf", "Whether it is infinite.", SPECIAL)
logic("isfinite", None, 1, "isfinite", "Whether it is neither infinite nor NaN.", SPECIAL)


@op(
    types="match",
    differentiable=False,
    cases=[
        Case([2, 3], [2, 3]),
        Case(Array(values=[1.0, float("nan")]), Array(values=[1.0, float("nan")]), equal_nan=True),
    ],
)
def isclose(xp, a, b, /, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether two values are nearly equal.

    Math:   out = [|a - b| <= atol + rtol |b|]
    """
    return xp.isclose(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan)


@composite(cases=[Case([2, 3], [2, 3], grad=False)])
def allclose(F, input, other, rtol=1e-5, atol=1e-8, equal_nan=False):
    """Whether all values are nearly equal, as a Python bool.

    Math:   all |input - other| <= atol + rtol |other|
    """
    return bool(F.isclose(input, other, rtol=rtol, atol=atol, equal_nan=equal_nan).array.all())


@composite(cases=[Case([2, 3], [2, 3], grad=False), Case([2, 3], [3], grad=False)])
def equal(F, input, other):
    """Whether shapes and all values are equal, as a Python bool.

    Math:   input = other
    """
    return input.shape == other.shape and bool(F.eq(input, other).array.all())
