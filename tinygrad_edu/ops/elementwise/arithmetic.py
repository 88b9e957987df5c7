"""Elementwise arithmetic that has no operator, from lerp to nextafter."""

from __future__ import annotations

import math

from ...engine.case import Case, Sample, ints, positive
from ...engine.composite import composite
from ...engine.dtype import promote_types
from ...engine.errors import DTypeError
from ...engine.op import Array, op
from ...engine.tensor import Tensor
from .operators import zero_gradient

PAIRS = [Case([2, 3], Sample(3, low=-1.9, high=1.7)), Case([2, 3], [2, 3])]
ODD = Sample(values=[0.0, -0.0, float("nan"), float("inf"), -float("inf"), 1.5])


def between(xp, input, end, weight):
    """Both ends are exact: the sum starts at the nearer one."""
    near = xp.absolute(weight) < 0.5
    way = end - input
    return xp.where(near, input + weight * way, end - way * (1 - weight))


@op(
    inplace=True,
    types="match",
    plain=("weight",),
    elementwise=between,
    cases=[
        Case([2, 3], [2, 3], 0.3),
        Case([2, 3], [3], 0.7),
        Case([2, 3], [2, 3], Sample(3, low=0.1, high=0.9)),
        Case([3], [2, 1], []),
    ],
)
def lerp(xp, input: Array, end: Array, weight: Array):
    """Linear interpolation between input (weight 0) and end (weight 1).

    Math:   out = input + weight (end - input);   d input = g (1 - weight),   d end = g weight,
            d weight = g (end - input)
    """
    if hasattr(weight, "dtype"):
        if weight.dtype != input.dtype:
            raise DTypeError(
                f"lerp: weight must have the dtype of input, {input.dtype}, got {weight.dtype}."
                " Convert it with .to(dtype)."
            )
        return between(xp, input, end, weight)
    if -0.5 < weight < 0.5:
        return input + weight * (end - input)
    return end - (end - input) * (1 - weight)


lerp.vjp(
    input=lambda g, weight: g * (1 - weight),
    end=lambda g, weight: g * weight,
    weight=lambda g, input, end: g * (end - input),
)


def check_value(name, value, *tensors):
    if type(value) is float and not any(x.dtype.is_floating_point for x in tensors):
        raise DTypeError(
            f"{name}: value must be a whole number for integers, got {value}. Convert the tensors"
            " with .float()."
        )


@composite(inplace=True, cases=[Case([2, 3], [2, 3], [3], value=0.5)])
def addcmul(F, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Input plus a scaled product.

    Math:   out = input + value tensor1 tensor2
    """
    check_value("addcmul", value, input, tensor1, tensor2)
    dtype = promote_types(promote_types(input.dtype, tensor1.dtype), tensor2.dtype)
    return input + tensor1.to(dtype) * tensor2.to(dtype) * value


@composite(inplace=True, cases=[Case([2, 3], [2, 3], positive(3), value=0.5)])
def addcdiv(F, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Tensor:
    """Input plus a scaled quotient.

    Math:   out = input + value tensor1 / tensor2
    """
    if not any(x.dtype.is_floating_point for x in (tensor1, tensor2)):
        raise DTypeError(
            f"addcdiv: tensor1 or tensor2 must be floating-point, got {tensor1.dtype.name} and"
            f" {tensor2.dtype.name}. Convert one with .float()."
        )
    return input + tensor1 / tensor2 * value


@op(
    elementwise=True,
    types="promote",
    slot="fmax",
    cases=[*PAIRS, Case(ODD, Sample(values=[1.0, 1.0, 2.0, float("nan"), 0.0, 1.5]), grad=False)],
)
def fmax(xp, input: Array, other: Array):
    """The larger of two; a NaN loses to a number.

    Math:   out = max(input, other);   d input = g [input >= other],   d other = g [input < other]
    """
    return xp.fmax(input, other)


fmax.vjp(
    input=lambda F, g, input, other: F.where((input >= other) | (other != other), g, g * 0),
    other=lambda F, g, input, other: F.where((input >= other) | (other != other), g * 0, g),
)


@op(
    elementwise=True,
    types="promote",
    slot="fmin",
    cases=[*PAIRS, Case(ODD, Sample(values=[1.0, 1.0, 2.0, float("nan"), 0.0, 1.5]), grad=False)],
)
def fmin(xp, input: Array, other: Array):
    """The smaller of two; a NaN loses to a number.

    Math:   out = min(input, other);   d input = g [input <= other],   d other = g [input > other]
    """
    return xp.fmin(input, other)


fmin.vjp(
    input=lambda F, g, input, other: F.where((input <= other) | (other != other), g, g * 0),
    other=lambda F, g, input, other: F.where((input <= other) | (other != other), g * 0, g),
)


@op(
    elementwise=True,
    types="promote",
    inplace=True,
    slot="hypot",
    cases=[Case([2, 3], positive(3)), Case([2, 1], [3])],
)
def hypot(xp, input: Array, other: Array):
    """Length of the hypotenuse, without overflow on the way.

    Math:   out = sqrt(input^2 + other^2);   d input = g input / out,   d other = g other / out
    """
    return xp.hypot(input, other)


hypot.vjp(
    input=lambda g, input, out: g * (input / out), other=lambda g, other, out: g * (other / out)
)


@op(
    elementwise=True,
    types="float",
    slot="logaddexp",
    cases=[Case([2, 3], [3]), Case([2, 3], [2, 3])],
)
def logaddexp(xp, input: Array, other: Array):
    """Logarithm of a sum of exponentials.

    Math:   out = ln(e^input + e^other);   d input = g sigmoid(input - other),
            d other = g sigmoid(other - input)
    """
    return xp.logaddexp(input, other)


logaddexp.vjp(
    input=lambda F, g, input, other: g * F.sigmoid(input - other),
    other=lambda F, g, input, other: g * F.sigmoid(other - input),
)


@op(types="float", slot="logaddexp2", cases=[Case([2, 3], [3])])
def logaddexp2(xp, input: Array, other: Array):
    """Logarithm to base 2 of a sum of powers of two.

    Math:   out = log2(2^input + 2^other);   d input = g / (1 + 2^(other - input)),
            d other = g / (1 + 2^(input - other))
    """
    return xp.logaddexp2(input, other)


logaddexp2.vjp(
    input=lambda F, g, input, other: g / (F.exp2(other - input) + 1),
    other=lambda F, g, input, other: g / (F.exp2(input - other) + 1),
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
def nan_to_num(
    xp,
    input: Array,
    nan: float | None = None,
    posinf: float | None = None,
    neginf: float | None = None,
):
    """Replace NaN and infinities by finite numbers.

    Math:   out = input where it is finite;   d input = g where input is finite, else 0
    Args:   nan: default 0; posinf, neginf: default the dtype's largest and smallest number
    """
    if input.dtype.kind != "f":
        return xp.array(input)
    return xp.nan_to_num(input, nan=0.0 if nan is None else nan, posinf=posinf, neginf=neginf)


nan_to_num.vjp(input=lambda F, g, input: F.where(F.isfinite(input), g, g * 0))


@op(
    elementwise=True,
    types="float",
    inplace=True,
    slot="copysign",
    cases=[Case([2, 3], [3]), Case([2, 3], -1.5)],
)
def copysign(xp, input: Array, other: Array):
    """The absolute value of input with the sign of other.

    Math:   out = |input| sign(other);   d input = g out / input (0 where input = 0),   d other = 0
    """
    return xp.copysign(input, other)


copysign.vjp(
    input=lambda F, g, input, out: (
        g * F.where(input == 0, input * 0, out / F.where(input == 0, 1.0, input))
    ),
    other=zero_gradient,
)


@op(
    elementwise=True,
    types="match",
    inplace=True,
    differentiable=False,
    cases=[Case(ODD, Sample(6), grad=False)],
)
def heaviside(xp, input: Array, values: Array):
    """0 below zero (and for NaN), 1 above, `values` at zero.

    Math:   out = [input > 0] + values [input = 0]
    """
    return xp.where(input == 0, values, (input > 0).astype(input.dtype))


@composite(
    inplace=True,
    cases=[
        Case(positive(2, 3), 2),
        Case(positive(2, 3), Sample(3)),
        Case(ints(3, low=1, high=4), 0.5),
    ],
)
def float_power(F, input: Tensor, exponent: Tensor | float) -> Tensor:
    """Power in float64.

    Math:   out = input^exponent
    """
    power = exponent.double() if isinstance(exponent, Tensor) else exponent
    return F.pow(input.double() if isinstance(input, Tensor) else input, power)


@op(elementwise=True, inplace=True, types="float", cases=[Case([2, 3])])
def deg2rad(xp, input: Array):
    """Degrees as radians.

    Math:   out = input pi / 180;   d input = g pi / 180
    """
    return input * (math.pi / 180)


deg2rad.vjp(input=lambda g: g * (math.pi / 180))


@op(elementwise=True, inplace=True, types="float", cases=[Case([2, 3])])
def rad2deg(xp, input: Array):
    """Radians as degrees.

    Math:   out = input 180 / pi;   d input = g 180 / pi
    """
    return input * (180 / math.pi)


rad2deg.vjp(input=lambda g: g * (180 / math.pi))


@op(elementwise=True, differentiable=False, cases=[Case(ODD), Case([2, 3])])
def signbit(xp, input: Array):
    """Whether the sign bit is set (True for -0.0).

    Math:   out = [input < 0]
    """
    return xp.signbit(input) if input.dtype.kind == "f" else input < 0


@op(elementwise=True, inplace=True, cases=[Case([2, 3])])
def frac(xp, input: Array):
    """The fractional part, with the sign of input.

    Math:   out = input - trunc(input);   d input = g
    """
    if input.dtype.kind != "f":
        raise DTypeError(
            f"frac: input must be a floating-point tensor, got {input.dtype}. Convert it with"
            " .float()."
        )
    return input - xp.trunc(input)


frac.vjp(input=lambda g: g)


@composite(inplace=True, cases=[Case([2, 3], ints(3))])
def ldexp(F, input: Tensor, other: Tensor) -> Tensor:
    """Input times two to the power of other.

    Math:   out = input 2^other
    """
    return F.mul(
        input, F.pow(2.0, other.to(input.dtype) if input.dtype.is_floating_point else other)
    )


@op(
    operator="<<",
    types="promote",
    inplace=True,
    differentiable=False,
    slot="left_shift",
    cases=[Case(ints(2, 3, high=9), ints(3, high=4)), Case(ints(3, high=9), 2)],
)
def bitwise_left_shift(xp, input: Array, other: Array):
    """Bits shifted to the left.

    Math:   out = input 2^other
    """
    return xp.left_shift(input, other)


@op(
    operator=">>",
    types="promote",
    inplace=True,
    differentiable=False,
    slot="right_shift",
    cases=[Case(ints(2, 3, low=-9, high=9), ints(3, high=4)), Case(ints(3, high=9), 2)],
)
def bitwise_right_shift(xp, input: Array, other: Array):
    """Bits shifted to the right.

    Math:   out = floor(input / 2^other)
    """
    return xp.right_shift(input, other)


@op(
    types="promote",
    differentiable=False,
    inplace=True,
    slot="gcd",
    cases=[Case(ints(2, 3, low=-9, high=30), ints(3, high=12))],
)
def gcd(xp, input: Array, other: Array):
    """Greatest common divisor of integers.

    Math:   out = gcd(input, other)
    """
    return xp.gcd(input, other)


@op(
    types="promote",
    differentiable=False,
    inplace=True,
    slot="lcm",
    cases=[Case(ints(2, 3, low=-9, high=30), ints(3, high=12))],
)
def lcm(xp, input: Array, other: Array):
    """Least common multiple of integers.

    Math:   out = lcm(input, other)
    """
    return xp.lcm(input, other)


@op(
    types="promote",
    inplace=True,
    slot="nextafter",
    cases=[Case([2, 3], [3], grad=False), Case(ODD, Sample(6), grad=False)],
)
def nextafter(xp, input: Array, other: Array):
    """The next number of the dtype after input, in the direction of other.

    Math:   out = input where input = other, else the neighbour of input that is nearer to other;
            d input = g where input != other, else 0,   d other = 0
    """
    return xp.nextafter(input, other)


nextafter.vjp(input=lambda F, g, input, other: F.where(input == other, 0.0, g), other=zero_gradient)


@op(elementwise=True, differentiable=False, cases=[Case(ODD), Case(ints(3))])
def isposinf(xp, input: Array):
    """Whether input is +inf.

    Math:   out = [input = +inf]
    """
    return xp.isinf(input) & (input > 0)


@op(elementwise=True, differentiable=False, cases=[Case(ODD), Case(ints(3))])
def isneginf(xp, input: Array):
    """Whether input is -inf.

    Math:   out = [input = -inf]
    """
    return xp.isinf(input) & (input < 0)


@op(differentiable=False, cases=[Case([2, 3])])
def isreal(xp, input: Array):
    """Whether the number is real: always True, as there are no complex numbers here.

    Math:   out = True
    """
    return xp.ones(input.shape, dtype=bool)


@composite(
    method=False,
    cases=[
        Case(ints(4, high=5), ints(2, high=5)),
        Case([2, 3], Sample(values=[0.5])),
        Case(ints(4, high=5), ints(2, high=5), invert=True),
    ],
)
def isin(
    F, elements: Tensor, test_elements: Tensor, *, assume_unique: bool = False, invert: bool = False
) -> Tensor:
    """Which elements occur among `test_elements`.

    Math:   out_i = [elements_i in test_elements]
    """
    found = F.any(F.eq(F.unsqueeze(elements, -1), F.reshape(test_elements, (-1,))), -1)
    return F.logical_not(found) if invert else found
