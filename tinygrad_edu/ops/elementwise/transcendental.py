"""Exponentials, logarithms, roots, trigonometric and hyperbolic functions: one input, one formula
each.
"""

from __future__ import annotations

from ...engine.case import Case, Sample, positive
from ...engine.composite import composite
from ...engine.op import Array, op
from ...engine.tensor import Tensor

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
POSITIVE = [Case(positive(2, 3)), Case(positive()), Case(positive(0, 3))]
INSIDE = [Case(Sample(2, 3, low=-0.9, high=0.9)), Case(Sample(low=-0.9, high=0.9))]


@op(elementwise=True, inplace=True, types="float", slot="exp", cases=ONE)
def exp(xp, input: Array):
    """Exponential.

    Math:   out = e^input;   d input = g out
    """
    return xp.exp(input)


exp.vjp(input=lambda g, out: g * out)


@op(elementwise=True, inplace=True, types="float", slot="exp2", cases=ONE)
def exp2(xp, input: Array):
    """Power of two.

    Math:   out = 2^input;   d input = g out ln 2
    """
    return xp.exp2(input)


exp2.vjp(input=lambda g, out: g * (out * 0.6931471805599453))


@op(elementwise=True, inplace=True, types="float", slot="expm1", cases=ONE)
def expm1(xp, input: Array):
    """Exponential minus one, exact near 0.

    Math:   out = e^input - 1;   d input = g (out + 1)
    """
    return xp.expm1(input)


expm1.vjp(input=lambda g, out: g * (out + 1))


@op(elementwise=True, inplace=True, types="float", slot="log", cases=POSITIVE)
def log(xp, input: Array):
    """Natural logarithm.

    Math:   out = ln input;   d input = g / input
    """
    return xp.log(input)


log.vjp(input=lambda g, input: g / input)


@op(elementwise=True, inplace=True, types="float", slot="log2", cases=POSITIVE)
def log2(xp, input: Array):
    """Logarithm to base 2.

    Math:   out = log2 input;   d input = g / (input ln 2)
    """
    return xp.log2(input)


log2.vjp(input=lambda g, input: g / (input * 0.6931471805599453))


@op(elementwise=True, inplace=True, types="float", slot="log10", cases=POSITIVE)
def log10(xp, input: Array):
    """Logarithm to base 10.

    Math:   out = log10 input;   d input = g / (input ln 10)
    """
    return xp.log10(input)


log10.vjp(input=lambda g, input: g / (input * 2.302585092994046))


@op(elementwise=True, inplace=True, types="float", slot="log1p", cases=POSITIVE)
def log1p(xp, input: Array):
    """Natural logarithm of 1 + input, exact near 0.

    Math:   out = ln(1 + input);   d input = g / (1 + input)
    """
    return xp.log1p(input)


log1p.vjp(input=lambda g, input: g / (input + 1))


@op(elementwise=True, inplace=True, types="float", slot="sqrt", cases=POSITIVE)
def sqrt(xp, input: Array):
    """Square root.

    Math:   out = sqrt(input);   d input = g / (2 out)
    Note:   the gradient at 0 is infinite, as in PyTorch
    """
    return xp.sqrt(input)


sqrt.vjp(input=lambda g, out: g / (out * 2))


@op(elementwise=True, inplace=True, types="float", cases=POSITIVE)
def rsqrt(xp, input: Array):
    """Reciprocal square root.

    Math:   out = 1 / sqrt(input);   d input = -g out^3 / 2
    """
    return 1 / xp.sqrt(input)


rsqrt.vjp(input=lambda g, out: g * (out * out * out * -0.5))


@composite(inplace=True, cases=ONE)
def square(F, input: Tensor) -> Tensor:
    """Square.

    Math:   out = input input
    """
    return F.pow(input, 2)


@op(elementwise=True, inplace=True, types="float", cases=POSITIVE)
def reciprocal(xp, input: Array):
    """Reciprocal.

    Math:   out = 1 / input;   d input = -g out^2
    """
    return 1 / input


reciprocal.vjp(input=lambda g, out: -g * (out * out))


@op(elementwise=True, inplace=True, types="float", slot="sin", cases=ONE)
def sin(xp, input: Array):
    """Sine.

    Math:   out = sin input;   d input = g cos input
    """
    return xp.sin(input)


sin.vjp(input=lambda F, g, input: g * F.cos(input))


@op(elementwise=True, inplace=True, types="float", slot="cos", cases=ONE)
def cos(xp, input: Array):
    """Cosine.

    Math:   out = cos input;   d input = -g sin input
    """
    return xp.cos(input)


cos.vjp(input=lambda F, g, input: -g * F.sin(input))


@op(elementwise=True, inplace=True, types="float", slot="tan", cases=INSIDE)
def tan(xp, input: Array):
    """Tangent.

    Math:   out = tan input;   d input = g (1 + out^2)
    """
    return xp.tan(input)


tan.vjp(input=lambda g, out: g * (out * out + 1))


@op(elementwise=True, inplace=True, types="float", slot="tanh", cases=ONE)
def tanh(xp, input: Array):
    """Hyperbolic tangent.

    Math:   out = tanh input;   d input = g (1 - out^2)
    """
    return xp.tanh(input)


tanh.vjp(input=lambda g, out: g * (1 - out * out))


@op(elementwise=True, inplace=True, types="float", slot="sinh", cases=ONE)
def sinh(xp, input: Array):
    """Hyperbolic sine.

    Math:   out = sinh input;   d input = g cosh input
    """
    return xp.sinh(input)


sinh.vjp(input=lambda F, g, input: g * F.cosh(input))


@op(elementwise=True, inplace=True, types="float", slot="cosh", cases=ONE)
def cosh(xp, input: Array):
    """Hyperbolic cosine.

    Math:   out = cosh input;   d input = g sinh input
    """
    return xp.cosh(input)


cosh.vjp(input=lambda F, g, input: g * F.sinh(input))


@op(elementwise=True, inplace=True, alias=("arcsin",), types="float", slot="arcsin", cases=INSIDE)
def asin(xp, input: Array):
    """Inverse sine.

    Math:   out = arcsin input;   d input = g / sqrt(1 - input^2)
    """
    return xp.arcsin(input)


asin.vjp(input=lambda F, g, input: g * F.rsqrt(1 - input * input))


@op(elementwise=True, inplace=True, alias=("arccos",), types="float", slot="arccos", cases=INSIDE)
def acos(xp, input: Array):
    """Inverse cosine.

    Math:   out = arccos input;   d input = -g / sqrt(1 - input^2)
    """
    return xp.arccos(input)


acos.vjp(input=lambda F, g, input: -g * F.rsqrt(1 - input * input))


@op(elementwise=True, inplace=True, alias=("arctan",), types="float", slot="arctan", cases=ONE)
def atan(xp, input: Array):
    """Inverse tangent.

    Math:   out = arctan input;   d input = g / (1 + input^2)
    """
    return xp.arctan(input)


atan.vjp(input=lambda g, input: g / (input * input + 1))


@op(
    elementwise=True,
    inplace=True,
    alias=("arctan2",),
    types="float",
    slot="arctan2",
    cases=[Case([2, 3], positive(3)), Case([2, 1], [3]), Case([2], positive(2))],
)
def atan2(xp, input: Array, other: Array):
    """The angle of the point (other, input), from -pi to pi.

    Math:   out = arctan(input / other) in the right quadrant;   d input = g other / r,
            d other = -g input / r, r = input^2 + other^2
    Note:   the gradient at (0, 0) is 0, as in PyTorch
    """
    return xp.arctan2(input, other)


def squared_radius(F, input, other):
    """input^2 + other^2, but 1 at (0, 0), where the angle has no gradient."""
    r = input * input + other * other
    return F.where(r == 0, 1.0, r)


atan2.vjp(
    input=lambda F, g, input, other: g * (other / squared_radius(F, input, other)),
    other=lambda F, g, input, other: g * (-input / squared_radius(F, input, other)),
)


@op(elementwise=True, inplace=True, alias=("arcsinh",), types="float", slot="arcsinh", cases=ONE)
def asinh(xp, input: Array):
    """Inverse hyperbolic sine.

    Math:   out = arsinh input;   d input = g / sqrt(input^2 + 1)
    """
    return xp.arcsinh(input)


asinh.vjp(input=lambda F, g, input: g * F.rsqrt(input * input + 1))


@op(
    elementwise=True,
    inplace=True,
    alias=("arccosh",),
    types="float",
    slot="arccosh",
    cases=[Case(positive(2, 3, low=1.2, high=4)), Case(positive(0, 3))],
)
def acosh(xp, input: Array):
    """Inverse hyperbolic cosine.

    Math:   out = arcosh input;   d input = g / sqrt(input^2 - 1)
    """
    return xp.arccosh(input)


acosh.vjp(input=lambda F, g, input: g * F.rsqrt(input * input - 1))


@op(elementwise=True, inplace=True, alias=("arctanh",), types="float", slot="arctanh", cases=INSIDE)
def atanh(xp, input: Array):
    """Inverse hyperbolic tangent.

    Math:   out = artanh input;   d input = g / (1 - input^2)
    """
    return xp.arctanh(input)


atanh.vjp(input=lambda g, input: g / (1 - input * input))


@op(
    elementwise=True,
    inplace=True,
    types="float",
    cases=[
        Case(positive(2, 3, low=0.1, high=0.9)),
        Case(positive(2, 3, low=0.01, high=0.99), 0.2),
        Case(positive(2, 3, low=0.1, high=0.9), eps=1e-6),
    ],
)
def logit(xp, input: Array, eps: float | None = None):
    """Inverse of the sigmoid. If `eps` is given, input is first clamped to [eps, 1 - eps].

    Math:   out = ln(input / (1 - input));   d input = g / (input (1 - input)), 0 where clamped
    """
    z = input if eps is None else xp.clip(input, eps, 1 - eps)
    return xp.log(z / (1 - z))


def logit_vjp(F, g, input, eps):
    if eps is None:
        return F.where((input < 0) | (input > 1), float("nan"), g / (input * (1 - input)))
    inside = (input >= eps) & (input <= 1 - eps)
    z = F.where(inside, input, 0.5)
    return F.where(inside, g / (z * (1 - z)), 0.0)


logit.vjp(input=logit_vjp)
