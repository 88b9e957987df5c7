"""Python's operators on tensors, and what belongs to them: rounding, clamping and choosing.

Each output element depends on one element of each (broadcast) input.
"""

from __future__ import annotations

from ...engine.case import Case, Sample, bools, ints, positive
from ...engine.dtype import promote_types, result_dtype
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, composite, op, piece
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


@op(cases=ONE)
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
def rsub(F, input: Tensor, other: Tensor | float, *, alpha: float = 1):
    """Difference with the operands exchanged: other minus input.

    Math:   out = other - alpha input
    """
    return other - (input if alpha == 1 else input * alpha)


@op(operator="*", types="promote", inplace=True, alias=("multiply",), elementwise=True, cases=TWO)
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
    cases=[Case([2, 3], positive(2, 3)), Case([2, 3], positive(3)), Case(positive(2), 2.5)],
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
        Case([2, 3], positive(3)),
        Case([2, 3], positive(3), rounding_mode="floor", grad=False),
        Case([2, 3], positive(3), rounding_mode="trunc", grad=False),
    ],
)
def div(F, input: Tensor, other: Tensor | float, *, rounding_mode: str | None = None):
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
        Case([2, 3], positive(3), second=False, grad=False),
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
        Case([2, 3], positive(3), second=False, grad=False),
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
    cases=[Case([2, 3], positive(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
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
    cases=[Case([2, 3], positive(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
)
def fmod(xp, input: Array, other: Array):
    """Remainder with the sign of input.

    Math:   out = input - other trunc(input / other);   d input = g,
            d other = -g trunc(input / other)
    """
    check_divisor("fmod", xp, input, other)
    return xp.fmod(input, other)


fmod.vjp(input=lambda g: g, other=lambda F, g, input, other: -g * F.trunc_divide(input, other))


@op(operator="neg", inplace=True, alias=("negative",), elementwise=True, cases=ONE)
def neg(xp, input: Array):
    """Negative.

    Math:   out = -input;   d input = -g
    """
    return xp.negative(input)


neg.vjp(input=lambda g: -g)


def itself(F, input: Tensor):
    """The input itself (`+input`).

    Math:   out = input
    """
    if input.dtype.name == "bool":
        raise DTypeError(
            "positive: input must hold numbers, got bool. Use logical operations instead."
        )
    return input


itself.__name__ = "positive"  # a helper for cases has that name in this file
composite(itself, operator="pos", cases=ONE)


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
        Case(positive(2, 3), 0.5),
        Case(positive(2, 3), Sample(3)),
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


@op(operator="abs", inplace=True, alias=("absolute",), elementwise=True, cases=ONE)
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


# ---- rounding ------------------------------------------------------------------------------------


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


# ---- the larger and the smaller ------------------------------------------------------------------


def winners_share(F, g, won, tied):
    """The gradient of the one that won; half of it where both are equal."""
    return F.where(tied, g / 2, F.keep_where(g, won))


@op(
    types="promote",
    elementwise=True,
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
def clamp(F, input: Tensor, min: Tensor | float | None = None, max: Tensor | float | None = None):
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
def clamp_min(F, input: Tensor, min: Tensor | float):
    """Values below `min` become min.

    Math:   out = max(input, min)
    """
    return F.clamp(input, min=min)


@composite(inplace=True, cases=[Case([2, 3], 0.3), Case([2, 3], [3])])
def clamp_max(F, input: Tensor, max: Tensor | float):
    """Values above `max` become max.

    Math:   out = min(input, max)
    """
    return F.clamp(input, max=max)


# ---- choosing ------------------------------------------------------------------------------------


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
def masked_fill(F, input: Tensor, mask: Tensor, value: Tensor | float):
    """Input with `value`, a number or a 0-d tensor, where mask is True.

    Math:   out = value where mask, else input
    """
    if not hasattr(value, "ndim"):
        return F.fill_at(input, mask, value)
    if value.ndim:
        raise ShapeError(
            f"masked_fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}."
            " Use where()."
        )
    return F.where(mask, value.to(input.dtype), input)


@composite(method=False, cases=[Case([2, 3], 2.0), Case([2, 3], [])])
def fill(F, input: Tensor, value: Tensor | float):
    """A tensor like input with one value everywhere.

    Math:   out = value
    """
    everywhere = (input == input) | (input != input)
    return F.masked_fill(input, everywhere, value)


# ---- several operations in one -------------------------------------------------------------------


def between(xp, input, end, weight):
    """Both ends are exact: the sum starts at the nearer one."""
    near = xp.absolute(weight) < 0.5
    way = end - input
    return xp.where(near, input + weight * way, end - way * (1 - weight))


@op(
    inplace=True,
    types="match",
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
def addcmul(F, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1):
    """Input plus a scaled product.

    Math:   out = input + value tensor1 tensor2
    """
    check_value("addcmul", value, input, tensor1, tensor2)
    dtype = promote_types(promote_types(input.dtype, tensor1.dtype), tensor2.dtype)
    return input + tensor1.to(dtype) * tensor2.to(dtype) * value


@composite(inplace=True, cases=[Case([2, 3], [2, 3], positive(3), value=0.5)])
def addcdiv(F, input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1):
    """Input plus a scaled quotient.

    Math:   out = input + value tensor1 / tensor2
    """
    if not any(x.dtype.is_floating_point for x in (tensor1, tensor2)):
        raise DTypeError(
            f"addcdiv: tensor1 or tensor2 must be floating-point, got {tensor1.dtype.name} and"
            f" {tensor2.dtype.name}. Convert one with .float()."
        )
    return input + tensor1 / tensor2 * value
