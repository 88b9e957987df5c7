"""Python's operators on tensors: + - * / // % ** and the unary ones, and clone.

Each output element depends on one element of each (broadcast) input.
"""

from __future__ import annotations

from ...engine.case import Case, Sample, ints
from ...engine.case import positive as positives
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
TWO = [
    Case([2, 3], [2, 3]),
    Case([2, 3], [3]),
    Case([2, 1], [1, 3]),
    Case([], [2]),
    Case([0, 3], [3]),
    Case([2, 3], 2.5),
]


@piece(cases=[Case([2, 3])])
def alias(xp, input: Array):
    """The same values, as a new node.

    Math:   out = input;   d input = g
    """
    return input


alias.vjp(input=lambda g: g)


@op(slot="array", cases=ONE)
def clone(xp, input: Array):
    """A copy that gradients flow through.

    Math:   out = input;   d input = g
    """
    return xp.array(input)


clone.vjp(input=lambda g: g)


def is_floating(value):
    """Whether a raw array or Python number is floating-point."""
    return value.dtype.kind == "f" if hasattr(value, "dtype") else type(value) is float


def scaled(name, alpha, input, other):
    """alpha other; refused if that would turn integers into floating-point numbers."""
    if type(alpha) is float and not (is_floating(input) or is_floating(other)):
        raise DTypeError(
            f"{name}: alpha must be a whole number for integers, got {alpha}. Convert the inputs"
            " with .float()."
        )
    return other * alpha


@op(
    operator="+",
    types="promote",
    inplace=True,
    elementwise=True,
    cases=[*TWO, Case([2, 3], [3], alpha=2.0)],
)
def add(xp, input: Array, other: Array, *, alpha: float = 1):
    """Sum.

    Math:   out = input + alpha other;   d input = g,   d other = alpha g
    Shape:  input, other broadcast together
    """
    return xp.add(input, other if alpha == 1 else scaled("add", alpha, input, other))


add.vjp(input=lambda g: g, other=lambda g, alpha: g if alpha == 1 else g * alpha)


@op(
    operator="-",
    types="promote",
    inplace=True,
    alias=("subtract",),
    elementwise=True,
    cases=[*TWO, Case([2, 3], [3], alpha=2.0)],
)
def sub(xp, input: Array, other: Array, *, alpha: float = 1):
    """Difference.

    Math:   out = input - alpha other;   d input = g,   d other = -alpha g
    Shape:  input, other broadcast together
    """
    return xp.subtract(input, other if alpha == 1 else scaled("sub", alpha, input, other))


sub.vjp(input=lambda g: g, other=lambda g, alpha: -g if alpha == 1 else g * -alpha)


@composite(method=False, cases=[Case([2, 3], [3]), Case([2, 3], 1.0)])
def rsub(F, input: Tensor, other: Tensor | float, *, alpha: float = 1) -> Tensor:
    """Difference with the operands exchanged: other minus input.

    Math:   out = other - alpha input
    """
    return other - (input if alpha == 1 else input * alpha)


@op(
    operator="*",
    types="promote",
    inplace=True,
    alias=("multiply",),
    elementwise=True,
    slot="multiply",
    cases=TWO,
)
def mul(xp, input: Array, other: Array):
    """Elementwise product.

    Math:   out = input other;   d input = g other,   d other = g input
    Shape:  input, other broadcast together
    """
    return xp.multiply(input, other)


mul.vjp(input=lambda g, other: g * other, other=lambda g, input: g * input)


@op(
    types="float",
    inplace=True,
    elementwise=True,
    slot="true_divide",
    cases=[Case([2, 3], positives(2, 3)), Case([2, 3], positives(3)), Case(positives(2), 2.5)],
)
def true_divide(xp, input: Array, other: Array):
    """Quotient; integers are divided in the default float dtype.

    Math:   out = input / other;   d input = g / other,   d other = -g input / other^2
    Shape:  input, other broadcast together
    """
    return xp.true_divide(input, other)


true_divide.vjp(
    input=lambda g, other: g / other, other=lambda g, input, other: -g * (input / other / other)
)


@composite(
    operator="/",
    inplace=True,
    alias=("divide",),
    cases=[
        Case([2, 3], positives(3)),
        Case([2, 3], positives(3), rounding_mode="floor", grad=False),
        Case([2, 3], positives(3), rounding_mode="trunc", grad=False),
    ],
)
def div(F, input: Tensor, other: Tensor | float, *, rounding_mode: str | None = None) -> Tensor:
    """Quotient; `rounding_mode` "floor" or "trunc" rounds it (then the gradient is 0).

    Math:   out = input / other
    """
    if rounding_mode is None:
        return F.true_divide(input, other)
    if rounding_mode == "floor":
        return F.floor_divide(input, other)
    if rounding_mode == "trunc":
        return F.trunc_divide(input, other)
    raise ShapeError(
        f"div: rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}. Use one of"
        " these."
    )


def zero_gradient(F, g):
    """Zeros like g, also where g is infinite or NaN."""
    return F.masked_fill(g, (g == g) | (g != g), 0.0)


def check_divisor(name, xp, input, other):
    """Refuse integers divided by 0."""
    if not (is_floating(input) or is_floating(other) or xp.all(other)):
        raise ShapeError(
            f"{name}: integers must not be divided by 0, got a 0 in the divisor"
            " (ZeroDivisionError). Use floating-point numbers for inf and NaN."
        )


@op(
    operator="//",
    types="promote",
    inplace=True,
    elementwise=lambda xp, input, other: xp.floor_divide(input, other),
    cases=[
        Case([2, 3], positives(3), second=False, grad=False),
        Case(ints(2, 3, low=-5, high=5), ints(3, low=1, high=4)),
    ],
)
def floor_divide(xp, input: Array, other: Array):
    """Quotient rounded down.

    Math:   out = floor(input / other);   d input = d other = 0
    """
    check_divisor("floor_divide", xp, input, other)
    return xp.floor_divide(input, other)


floor_divide.vjp(input=zero_gradient, other=zero_gradient)


@piece(
    types="promote",
    cases=[
        Case([2, 3], positives(3), second=False, grad=False),
        Case(ints(2, 3, low=-5, high=5), ints(3, low=1, high=4)),
    ],
)
def trunc_divide(xp, input: Array, other: Array):
    """Quotient rounded towards zero (`div` with rounding_mode="trunc").

    Math:   out = trunc(input / other);   d input = d other = 0
    """
    if is_floating(input) or is_floating(other):
        return xp.trunc(xp.true_divide(input, other))
    check_divisor("div", xp, input, other)
    quotient = xp.floor_divide(input, other)
    return quotient + ((quotient < 0) & (quotient * other != input))


trunc_divide.vjp(input=zero_gradient, other=zero_gradient)


@op(
    operator="%",
    types="promote",
    inplace=True,
    elementwise=lambda xp, input, other: xp.remainder(input, other),
    cases=[Case([2, 3], positives(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
)
def remainder(xp, input: Array, other: Array):
    """Remainder with the sign of other.

    Math:   out = input - other floor(input / other);   d input = g,
            d other = -g floor(input / other)
    """
    check_divisor("remainder", xp, input, other)
    return xp.remainder(input, other)


remainder.vjp(input=lambda g: g, other=lambda F, g, input, other: -g * F.floor_divide(input, other))


@op(
    types="promote",
    inplace=True,
    elementwise=lambda xp, input, other: xp.fmod(input, other),
    cases=[Case([2, 3], positives(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
)
def fmod(xp, input: Array, other: Array):
    """Remainder with the sign of input.

    Math:   out = input - other trunc(input / other);   d input = g,
            d other = -g trunc(input / other)
    """
    check_divisor("fmod", xp, input, other)
    return xp.fmod(input, other)


fmod.vjp(input=lambda g: g, other=lambda F, g, input, other: -g * F.trunc_divide(input, other))


@op(operator="neg", inplace=True, alias=("negative",), elementwise=True, slot="negative", cases=ONE)
def neg(xp, input: Array):
    """Negative.

    Math:   out = -input;   d input = -g
    """
    return xp.negative(input)


neg.vjp(input=lambda g: -g)


@composite(operator="pos", cases=ONE)
def positive(F, input: Tensor) -> Tensor:
    """The input itself (`+input`).

    Math:   out = input
    """
    if input.dtype.name == "bool":
        raise DTypeError(
            "positive: input must hold numbers, got bool. Use logical operations instead."
        )
    return input


def integer_power(xp, base, exponent):
    """base^exponent of integers, rounded towards zero where the exponent is negative."""
    negative = exponent < 0
    if not xp.any(negative):
        return xp.power(base, exponent)
    sign = xp.where(exponent % 2 == 0, 1, -1)
    rounded = xp.where(base == 1, 1, xp.where(base == -1, sign, 0))
    return xp.where(negative, rounded, xp.power(base, xp.where(negative, 0, exponent)))


@op(
    operator="**",
    types="promote",
    inplace=True,
    elementwise=lambda xp, input, exponent: xp.power(input, exponent),
    cases=[
        Case([2, 3], 2),
        Case([2, 3], 3),
        Case(positives(2, 3), 0.5),
        Case(positives(2, 3), Sample(3)),
        Case(2.0, [2, 3]),
        Case([2, 3], 0),
        Case([2, 3], 1),
        Case(Sample(values=[0.0, 1.5]), 3, second=False),
        Case(ints(2, 3, low=-2), ints(3, low=-3)),
    ],
)
def pow(xp, input: Array, exponent: Array):
    """Power.

    Math:   out = input^exponent;   d input = g exponent input^(exponent - 1), 0 where exponent = 0;
            d exponent = g out ln input, 0 where input = 0 and exponent >= 0
    """
    if type(exponent) in (int, float) and exponent == 2:
        return xp.multiply(input, input)
    if is_floating(input) or is_floating(exponent):
        return xp.power(input, exponent)
    if type(exponent) is int and exponent < 0:
        raise ShapeError(
            f"pow: integers must have exponents of at least 0, got {exponent}. Convert the base"
            " with .float()."
        )
    return integer_power(xp, input, exponent)


def pow_d_input(F, g, input, exponent):
    if type(exponent) not in (int, float):
        safe = F.where(exponent == 0, 1.0, exponent)
        return g * F.where(exponent == 0, 0.0, exponent * F.pow(input, safe - 1))
    if exponent == 0:
        return zero_gradient(F, g)
    if exponent == 1:
        return g * exponent
    if exponent == 2:
        return g * (input * 2)
    return g * (F.pow(input, exponent - 1) * exponent)


def pow_d_exponent(F, g, input, exponent, out):
    zero = (input == 0) & (exponent >= 0)
    positive_input = F.where(zero, 1.0, input + exponent * 0)
    return g * F.where(zero, 0.0, out * F.log(positive_input))


pow.vjp(input=pow_d_input, exponent=pow_d_exponent)


@op(operator="abs", inplace=True, alias=("absolute",), elementwise=True, slot="absolute", cases=ONE)
def abs(xp, input: Array):
    """Absolute value.

    Math:   out = |input|;   d input = g sign(input)
    Note:   the subgradient at 0 is 0
    """
    return xp.absolute(input)


abs.vjp(input=lambda F, g, input: g * F.sign(input))


@op(inplace=True, alias=("sgn",), elementwise=True, cases=ONE)
def sign(xp, input: Array):
    """-1, 0 or 1 (0 for NaN, as in PyTorch).

    Math:   out = sign(input);   d input = 0
    """
    if input.dtype.kind == "b":
        return xp.array(input)
    return xp.subtract(input > 0, input < 0, dtype=input.dtype)


sign.vjp(input=zero_gradient)
