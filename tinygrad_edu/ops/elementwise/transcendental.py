"""Exponentials, logarithms, roots, trigonometric and hyperbolic functions: one input, one formula
each.
"""

from __future__ import annotations

from ...engine.case import Array, Case, positive
from ...engine.op import composite, op

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
POSITIVE = [Case(positive(2, 3)), Case(positive()), Case(positive(0, 3))]
INSIDE = [Case(Array(2, 3, low=-0.9, high=0.9)), Case(Array(low=-0.9, high=0.9))]


@op(inplace=True, types="float", cases=ONE)
def exp(xp, x, /):
    """Exponential.

    Math:   out = e^x;   d x = g out
    """
    return xp.exp(x)


exp.vjp(x=lambda g, out: g * out)


@op(inplace=True, types="float", cases=ONE)
def exp2(xp, x, /):
    """Power of two.

    Math:   out = 2^x;   d x = g out ln 2
    """
    return xp.exp2(x)


exp2.vjp(x=lambda g, out: g * (out * 0.6931471805599453))


@op(inplace=True, types="float", cases=ONE)
def expm1(xp, x, /):
    """e^x - 1, exact near 0.

    Math:   out = e^x - 1;   d x = g (out + 1)
    """
    return xp.expm1(x)


expm1.vjp(x=lambda g, out: g * (out + 1))


@op(inplace=True, types="float", cases=POSITIVE)
def log(xp, x, /):
    """Natural logarithm.

    Math:   out = ln x;   d x = g / x
    """
    return xp.log(x)


log.vjp(x=lambda g, x: g / x)


@op(inplace=True, types="float", cases=POSITIVE)
def log2(xp, x, /):
    """Logarithm to base 2.

    Math:   out = log2 x;   d x = g / (x ln 2)
    """
    return xp.log2(x)


log2.vjp(x=lambda g, x: g / (x * 0.6931471805599453))


@op(inplace=True, types="float", cases=POSITIVE)
def log10(xp, x, /):
    """Logarithm to base 10.

    Math:   out = log10 x;   d x = g / (x ln 10)
    """
    return xp.log10(x)


log10.vjp(x=lambda g, x: g / (x * 2.302585092994046))


@op(inplace=True, types="float", cases=POSITIVE)
def log1p(xp, x, /):
    """ln(1 + x), exact near 0.

    Math:   out = ln(1 + x);   d x = g / (1 + x)
    """
    return xp.log1p(x)


log1p.vjp(x=lambda g, x: g / (x + 1))


@op(inplace=True, types="float", cases=POSITIVE)
def sqrt(xp, x, /):
    """Square root.

    Math:   out = sqrt(x);   d x = g / (2 out)
    Note:   the gradient at 0 is infinite, as in PyTorch
    """
    return xp.sqrt(x)


sqrt.vjp(x=lambda g, out: g / (out * 2))


@op(inplace=True, types="float", cases=POSITIVE)
def rsqrt(xp, x, /):
    """Reciprocal square root.

    Math:   out = 1 / sqrt(x);   d x = -g out^3 / 2
    """
    return 1 / xp.sqrt(x)


rsqrt.vjp(x=lambda g, out: g * (out * out * out * -0.5))


@composite(inplace=True, cases=ONE)
def square(F, input):
    """Square.

    Math:   out = x x
    """
    return F.pow(input, 2)


@op(inplace=True, types="float", cases=POSITIVE)
def reciprocal(xp, x, /):
    """One over x.

    Math:   out = 1 / x;   d x = -g out^2
    """
    return 1 / x


reciprocal.vjp(x=lambda g, out: -g * (out * out))


@op(inplace=True, types="float", cases=ONE)
def sin(xp, x, /):
    """Sine.

    Math:   out = sin x;   d x = g cos x
    """
    return xp.sin(x)


sin.vjp(x=lambda F, g, x: g * F.cos(x))


@op(inplace=True, types="float", cases=ONE)
def cos(xp, x, /):
    """Cosine.

    Math:   out = cos x;   d x = -g sin x
    """
    return xp.cos(x)


cos.vjp(x=lambda F, g, x: -g * F.sin(x))


@op(inplace=True, types="float", cases=INSIDE)
def tan(xp, x, /):
    """Tangent.

    Math:   out = tan x;   d x = g (1 + out^2)
    """
    return xp.tan(x)


tan.vjp(x=lambda g, out: g * (out * out + 1))


@op(inplace=True, types="float", cases=ONE)
def tanh(xp, x, /):
    """Hyperbolic tangent.

    Math:   out = tanh x;   d x = g (1 - out^2)
    """
    return xp.tanh(x)


tanh.vjp(x=lambda g, out: g * (1 - out * out))


@op(inplace=True, types="float", cases=ONE)
def sinh(xp, x, /):
    """Hyperbolic sine.

    Math:   out = sinh x;   d x = g cosh x
    """
    return xp.sinh(x)


sinh.vjp(x=lambda F, g, x: g * F.cosh(x))


@op(inplace=True, types="float", cases=ONE)
def cosh(xp, x, /):
    """Hyperbolic cosine.

    Math:   out = cosh x;   d x = g sinh x
    """
    return xp.cosh(x)


cosh.vjp(x=lambda F, g, x: g * F.sinh(x))


@op(inplace=True, types="float", cases=INSIDE)
def asin(xp, x, /):
    """Inverse sine.

    Math:   out = arcsin x;   d x = g / sqrt(1 - x^2)
    """
    return xp.arcsin(x)


asin.vjp(x=lambda F, g, x: g * F.rsqrt(1 - x * x))


@op(inplace=True, types="float", cases=INSIDE)
def acos(xp, x, /):
    """Inverse cosine.

    Math:   out = arccos x;   d x = -g / sqrt(1 - x^2)
    """
    return xp.arccos(x)


acos.vjp(x=lambda F, g, x: -g * F.rsqrt(1 - x * x))


@op(inplace=True, types="float", cases=ONE)
def atan(xp, x, /):
    """Inverse tangent.

    Math:   out = arctan x;   d x = g / (1 + x^2)
    """
    return xp.arctan(x)


atan.vjp(x=lambda g, x: g / (x * x + 1))


@op(
    inplace=True,
    types="float",
    cases=[Case([2, 3], positive(3)), Case([2, 1], [3]), Case([2], positive(2))],
)
def atan2(xp, a, b, /):
    """The angle of the point (b, a), from -pi to pi.

    Math:   out = arctan(a / b) in the right quadrant;   d a = g b / (a^2 + b^2),   d b = -g a /
            (a^2 + b^2)
    """
    return xp.arctan2(a, b)


atan2.vjp(a=lambda g, a, b: g * (b / (a * a + b * b)), b=lambda g, a, b: g * (-a / (a * a + b * b)))


@op(inplace=True, types="float", cases=ONE)
def asinh(xp, x, /):
    """Inverse hyperbolic sine.

    Math:   out = arsinh x;   d x = g / sqrt(x^2 + 1)
    """
    return xp.arcsinh(x)


asinh.vjp(x=lambda F, g, x: g * F.rsqrt(x * x + 1))


@op(
    inplace=True, types="float", cases=[Case(positive(2, 3, low=1.2, high=4)), Case(positive(0, 3))]
)
def acosh(xp, x, /):
    """Inverse hyperbolic cosine.

    Math:   out = arcosh x;   d x = g / sqrt(x^2 - 1)
    """
    return xp.arccosh(x)


acosh.vjp(x=lambda F, g, x: g * F.rsqrt(x * x - 1))


@op(inplace=True, types="float", cases=INSIDE)
def atanh(xp, x, /):
    """Inverse hyperbolic tangent.

    Math:   out = artanh x;   d x = g / (1 - x^2)
    """
    return xp.arctanh(x)


atanh.vjp(x=lambda g, x: g / (1 - x * x))


@op(
    inplace=True,
    types="float",
    cases=[
        Case(positive(2, 3, low=0.1, high=0.9)),
        Case(positive(2, 3, low=0.01, high=0.99), 0.2),
        Case(positive(2, 3, low=0.1, high=0.9), eps=1e-6),
    ],
)
def logit(xp, x, /, eps=None):
    """Inverse of the sigmoid. `eps`: clamp x to [eps, 1 - eps] first.

    Math:   out = ln(x / (1 - x));   d x = g / (x (1 - x)), 0 where clamped
    """
    z = x if eps is None else xp.clip(x, eps, 1 - eps)
    return xp.log(z / (1 - z))


def logit_vjp(F, g, x, eps):
    if eps is None:
        return F.where((x < 0) | (x > 1), float("nan"), g / (x * (1 - x)))
    inside = (x >= eps) & (x <= 1 - eps)
    z = F.where(inside, x, 0.5)
    return F.where(inside, g / (z * (1 - z)), 0.0)


logit.vjp(x=logit_vjp)
