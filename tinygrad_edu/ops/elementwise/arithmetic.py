"""More elementwise arithmetic: two-argument functions beyond the operators, and other names of
functions.
"""

from __future__ import annotations

import math

from ...engine.case import Array, Case, ints, positive
from ...engine.errors import DTypeError
from ...engine.op import composite, op
from . import compare, transcendental  # noqa: F401  # declare what gets other names here
from .elementwise import zero_gradient

PAIRS = [Case([2, 3], Array(3, low=-1.9, high=1.7)), Case([2, 3], [2, 3])]
ODD = Array(values=[0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.5])


@op(
    types="promote",
    cases=[*PAIRS, Case(ODD, Array(values=[1.0, 1.0, 2.0, float("nan"), 0.0, 1.5]), grad=False)],
)
def fmax(xp, a, b, /):
    """The larger of two; a NaN loses to a number.

    Math:   out = max(a, b);   d a = g [a >= b],   d b = g [a < b]
    """
    return xp.fmax(a, b)


fmax.vjp(
    a=lambda F, g, a, b: F.where((a >= b) | (b != b), g, g * 0),
    b=lambda F, g, a, b: F.where((a >= b) | (b != b), g * 0, g),
)


@op(
    types="promote",
    cases=[*PAIRS, Case(ODD, Array(values=[1.0, 1.0, 2.0, float("nan"), 0.0, 1.5]), grad=False)],
)
def fmin(xp, a, b, /):
    """The smaller of two; a NaN loses to a number.

    Math:   out = min(a, b);   d a = g [a <= b],   d b = g [a > b]
    """
    return xp.fmin(a, b)


fmin.vjp(
    a=lambda F, g, a, b: F.where((a <= b) | (b != b), g, g * 0),
    b=lambda F, g, a, b: F.where((a <= b) | (b != b), g * 0, g),
)


@op(types="promote", inplace=True, cases=[Case([2, 3], positive(3)), Case([2, 1], [3])])
def hypot(xp, a, b, /):
    """Length of the hypotenuse, without overflow on the way.

    Math:   out = sqrt(a^2 + b^2);   d a = g a / out,   d b = g b / out
    """
    return xp.hypot(a, b)


hypot.vjp(a=lambda g, a, out: g * (a / out), b=lambda g, b, out: g * (b / out))


@op(types="float", cases=[Case([2, 3], [3]), Case([2, 3], [2, 3])])
def logaddexp(xp, a, b, /):
    """Logarithm of a sum of exponentials.

    Math:   out = ln(e^a + e^b);   d a = g sigmoid(a - b),   d b = g sigmoid(b - a)
    """
    return xp.logaddexp(a, b)


logaddexp.vjp(a=lambda F, g, a, b: g * F.sigmoid(a - b), b=lambda F, g, a, b: g * F.sigmoid(b - a))


@op(types="float", cases=[Case([2, 3], [3])])
def logaddexp2(xp, a, b, /):
    """Logarithm to base 2 of a sum of powers of two.

    Math:   out = log2(2^a + 2^b);   d a = g / (1 + 2^(b - a)),   d b = g / (1 + 2^(a - b))
    """
    return xp.logaddexp2(a, b)


logaddexp2.vjp(
    a=lambda F, g, a, b: g / (F.exp2(b - a) + 1), b=lambda F, g, a, b: g / (F.exp2(a - b) + 1)
)


@op(
    inplace=True,
    cases=[
        Case([2, 3]),
        Case(ODD, grad=False),
        Case(ODD, 7.0, 8.0, -9.0, grad=False),
        Case(ints(3)),
    ],
)
def nan_to_num(xp, x, /, nan=None, posinf=None, neginf=None):
    """NaN replaced by `nan` (default 0), infinities by `posinf` and `neginf` (default the dtype's
    largest and smallest number).

    Math:   d x = g where x is finite, else 0
    """
    if x.dtype.kind != "f":
        return xp.array(x)
    return xp.nan_to_num(x, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


nan_to_num.vjp(x=lambda F, g, x: F.where(F.isfinite(x), g, g * 0))


@op(types="float", inplace=True, cases=[Case([2, 3], [3]), Case([2, 3], -1.5)])
def copysign(xp, a, b, /):
    """|a| with the sign of b.

    Math:   d a = g out / a (0 where a = 0),   d b = 0
    """
    return xp.copysign(a, b)


copysign.vjp(
    a=lambda F, g, a, out: g * F.where(a == 0, a * 0, out / F.where(a == 0, a * 0 + 1, a)),
    b=zero_gradient,
)


@op(types="match", inplace=True, differentiable=False, cases=[Case(ODD, Array(6), grad=False)])
def heaviside(xp, x, values, /):
    """0 below zero (and for NaN), 1 above, `values` at zero.

    Math:   out = [x > 0] + values [x = 0]
    """
    return xp.where(x == 0, values, (x > 0).astype(x.dtype))


@composite(
    inplace=True,
    cases=[
        Case(positive(2, 3), 2),
        Case(positive(2, 3), Array(3)),
        Case(ints(3, low=1, high=4), 0.5),
    ],
)
def float_power(F, input, exponent):
    """Power in float64.

    Math:   out = input^exponent
    """
    wide = [x.double() if hasattr(x, "array") else x for x in (input, exponent)]
    return F.pow(*wide)


@op(inplace=True, types="float", cases=[Case([2, 3])])
def deg2rad(xp, x, /):
    """Degrees as radians.

    Math:   out = x pi / 180;   d x = g pi / 180
    """
    return x * (math.pi / 180)


deg2rad.vjp(x=lambda g: g * (math.pi / 180))


@op(inplace=True, types="float", cases=[Case([2, 3])])
def rad2deg(xp, x, /):
    """Radians as degrees.

    Math:   out = x 180 / pi;   d x = g 180 / pi
    """
    return x * (180 / math.pi)


rad2deg.vjp(x=lambda g: g * (180 / math.pi))


@op(differentiable=False, cases=[Case(ODD), Case([2, 3])])
def signbit(xp, x, /):
    """Whether the sign bit is set (True for -0.0).

    Math:   out = [x < 0]
    """
    return xp.signbit(x) if x.dtype.kind == "f" else x < 0


@op(inplace=True, cases=[Case([2, 3])])
def frac(xp, x, /):
    """What follows the point, with the sign of x.

    Math:   out = x - trunc(x);   d x = g
    """
    if x.dtype.kind != "f":
        raise DTypeError(
            f"frac: must be a floating-point tensor, got {x.dtype}. Convert it with x.float()."
        )
    return x - xp.trunc(x)


frac.vjp(x=lambda g: g)


@composite(inplace=True, cases=[Case([2, 3], ints(3))])
def ldexp(F, input, other):
    """A number from its fraction and its power of two.

    Math:   out = input 2^other
    """
    return F.mul(
        input, F.pow(2.0, other.to(input.dtype) if input.dtype.is_floating_point else other)
    )


@composite(inplace=True, cases=[Case([2, 3])])
def sgn(F, input):
    """`sign`, the name for complex numbers too.

    Math:   out = sign(x)
    """
    return F.sign(input)


@op(
    inplace=True,
    types="promote",
    differentiable=False,
    cases=[Case(ints(2, 3, high=9), ints(3, high=4))],
)
def bitwise_left_shift(xp, a, b, /):
    """Bits shifted to the left.

    Math:   out = a 2^b, bits shifted to the left
    """
    return xp.left_shift(a, b)


@op(
    inplace=True,
    types="promote",
    differentiable=False,
    cases=[Case(ints(2, 3, low=-9, high=9), ints(3, high=4))],
)
def bitwise_right_shift(xp, a, b, /):
    """Bits shifted to the right.

    Math:   out = floor(a / 2^b), bits shifted to the right
    """
    return xp.right_shift(a, b)


@op(
    types="promote",
    differentiable=False,
    inplace=True,
    cases=[Case(ints(2, 3, low=-9, high=30), ints(3, high=12))],
)
def gcd(xp, a, b, /):
    """Greatest common divisor of integers.

    Math:   out = gcd(a, b)
    """
    return xp.gcd(a, b)


@op(
    types="promote",
    differentiable=False,
    inplace=True,
    cases=[Case(ints(2, 3, low=-9, high=30), ints(3, high=12))],
)
def lcm(xp, a, b, /):
    """Least common multiple of integers.

    Math:   out = lcm(a, b)
    """
    return xp.lcm(a, b)


@op(differentiable=False, cases=[Case(ODD), Case(ints(3))])
def isposinf(xp, x, /):
    """Whether it is +inf.

    Math:   out = [x = +inf]
    """
    return xp.isinf(x) & (x > 0)


@op(differentiable=False, cases=[Case(ODD), Case(ints(3))])
def isneginf(xp, x, /):
    """Whether it is -inf.

    Math:   out = [x = -inf]
    """
    return xp.isinf(x) & (x < 0)


@op(differentiable=False, cases=[Case([2, 3])])
def isreal(xp, x, /):
    """Whether the number is real: always True here.

    Math:   out = True
    """
    return xp.ones(x.shape, dtype=bool)


@composite(inplace=True, cases=[Case([2, 3], -0.3), Case([2, 3], [3])])
def clamp_min(F, input, min):
    """Values below `min` become min.

    Math:   out = max(x, min)
    """
    return F.clamp(input, min=min)


@composite(inplace=True, cases=[Case([2, 3], 0.3), Case([2, 3], [3])])
def clamp_max(F, input, max):
    """Values above `max` become max.

    Math:   out = min(x, max)
    """
    return F.clamp(input, max=max)


@composite(
    method=False,
    cases=[
        Case(ints(4, high=5), ints(2, high=5)),
        Case([2, 3], Array(values=[0.5])),
        Case(ints(4, high=5), ints(2, high=5), invert=True),
    ],
)
def isin(F, elements, test_elements, *, assume_unique=False, invert=False):
    """Which elements occur among `test_elements`.

    Math:   out_i = [elements_i in test_elements]
    """
    found = F.any(F.eq(F.unsqueeze(elements, -1), F.reshape(test_elements, (-1,))), -1)
    return F.logical_not(found) if invert else found
