"""Elementwise arithmetic and functions: each output element depends on one element of each
(broadcast) input.
"""

from __future__ import annotations

from ...engine.case import Array, Case, ints, positive
from ...engine.dtype import promote_types, result_dtype
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import composite, op

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
TWO = [
    Case([2, 3], [2, 3]),
    Case([2, 3], [3]),
    Case([2, 1], [1, 3]),
    Case([], [2]),
    Case([0, 3], [3]),
    Case([2, 3], 2.5),
]


@op(method=False, cases=[])
def alias(xp, x, /):
    """The same values, as a new node.

    Math:   out = x;   d x = g
    """
    return x


alias.vjp(x=lambda g: g)


@op(cases=ONE)
def clone(xp, x, /):
    """A copy that gradients flow through.

    Math:   out = x;   d x = g
    """
    return xp.array(x)


clone.vjp(x=lambda g: g)


def whole(name, alpha, a, b):
    """alpha, if it is a whole number or a or b is floating-point."""
    if type(alpha) is float and "f" not in [
        getattr(getattr(x, "dtype", None), "kind", "f" if type(x) is float else "i") for x in (a, b)
    ]:
        raise DTypeError(
            f"{name}: alpha must be a whole number for integers, got {alpha}. Convert the inputs"
            " with .float()."
        )
    return alpha


def alpha_case(first, second):
    return [*TWO, Case(first, second, alpha=2.0)]


@op(operator="+", types="promote", inplace=True, cases=alpha_case([2, 3], [3]))
def add(xp, a, b, /, alpha=1):
    """Sum.

    Math:   out = a + alpha b;   d a = g,   d b = alpha g
    Shape:  a, b broadcast together
    """
    return xp.add(a, b) if alpha == 1 else xp.add(a, b * whole("add", alpha, a, b))


add.vjp(a=lambda g: g, b=lambda g, alpha: g if alpha == 1 else g * alpha)


@op(operator="-", types="promote", inplace=True, cases=alpha_case([2, 3], [3]))
def sub(xp, a, b, /, alpha=1):
    """Difference.

    Math:   out = a - alpha b;   d a = g,   d b = -alpha g
    Shape:  a, b broadcast together
    """
    return xp.subtract(a, b) if alpha == 1 else xp.subtract(a, b * whole("sub", alpha, a, b))


sub.vjp(a=lambda g: g, b=lambda g, alpha: -g if alpha == 1 else g * -alpha)


@op(operator="*", types="promote", inplace=True, cases=TWO)
def mul(xp, a, b, /):
    """Elementwise product.

    Math:   out = a b;   d a = g b,   d b = g a
    Shape:  a, b broadcast together
    """
    return xp.multiply(a, b)


mul.vjp(a=lambda g, b: g * b, b=lambda g, a: g * a)


@op(
    types="float",
    inplace=True,
    cases=[Case([2, 3], positive(2, 3)), Case([2, 3], positive(3)), Case(positive(2), 2.5)],
)
def true_divide(xp, a, b, /):
    """Quotient; integers are divided in the default float dtype.

    Math:   out = a / b;   d a = g / b,   d b = -g out / b
    Shape:  a, b broadcast together
    """
    return xp.true_divide(a, b)


true_divide.vjp(a=lambda g, b: g / b, b=lambda g, b, out: -g * out / b)


@composite(
    operator="/",
    inplace=True,
    cases=[
        Case([2, 3], positive(3)),
        Case([2, 3], positive(3), rounding_mode="floor", grad=False),
        Case([2, 3], positive(3), rounding_mode="trunc", grad=False),
    ],
)
def div(F, input, other, rounding_mode=None):
    """Quotient; `rounding_mode` "floor" or "trunc" rounds it (then the gradient is 0).

    Math:   out = input / other
    """
    if rounding_mode is None:
        return F.true_divide(input, other)
    if rounding_mode == "floor":
        return F.floor_divide(input, other)
    if rounding_mode == "trunc":
        return F.trunc_divide(input, other)
    raise ValueError(
        f"div: rounding_mode must be None, 'floor' or 'trunc', got {rounding_mode!r}. Use one of"
        " these."
    )


@op(method=False, cases=[])
def keep_where(xp, x, mask, /):
    """x where mask, else 0: what lets a cotangent through, or not.

    Math:   out = x where mask, else 0;   d x = g where mask, else 0
    Note:   the bits of x times 0 or 1, which is quick, and exact where x times 0 is not (inf, NaN)
    """
    return xp.multiply(x.view(f"i{x.dtype.itemsize}"), mask.view("u1")).view(x.dtype)


keep_where.vjp(x=lambda F, g, mask: F.keep_where(g, mask), mask=None)


def zero_gradient(F, g):
    return F.masked_fill(g, (g == g) | (g != g), 0.0)  # g * 0 would make NaN of inf


@op(
    operator="//",
    types="promote",
    inplace=True,
    cases=[
        Case([2, 3], positive(3), second=False, grad=False),
        Case(ints(2, 3, low=-5, high=5), ints(3, low=1, high=4)),
    ],
)
def floor_divide(xp, a, b, /):
    """Quotient rounded down.

    Math:   out = floor(a / b);   d a = d b = 0
    """
    return xp.floor_divide(a, b)


floor_divide.vjp(a=zero_gradient, b=zero_gradient)


@op(types="promote", method=False, cases=[])
def trunc_divide(xp, a, b, /):
    """Quotient rounded towards zero (`div` with rounding_mode="trunc").

    Math:   out = trunc(a / b);   d a = d b = 0
    """
    if xp.result_type(a, b).kind == "f":
        return xp.trunc(xp.true_divide(a, b))
    if not xp.all(b):
        raise ShapeError(
            "div: integers must not be divided by 0, got a 0 in the divisor. Use floating-point"
            " numbers for inf and NaN."
        )
    q = xp.floor_divide(a, b)
    return q + ((q < 0) & (q * b != a))


trunc_divide.vjp(a=zero_gradient, b=zero_gradient)


@op(
    operator="%",
    types="promote",
    inplace=True,
    cases=[Case([2, 3], positive(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
)
def remainder(xp, a, b, /):
    """Remainder with the sign of b.

    Math:   out = a - b floor(a / b);   d a = g,   d b = -g floor(a / b)
    """
    return xp.remainder(a, b)


remainder.vjp(a=lambda g: g, b=lambda F, g, a, b: -g * F.floor_divide(a, b))


@op(
    types="promote",
    inplace=True,
    cases=[Case([2, 3], positive(3), second=False), Case(ints(2, 3, low=-5, high=5), 3)],
)
def fmod(xp, a, b, /):
    """Remainder with the sign of a.

    Math:   out = a - b trunc(a / b);   d a = g,   d b = -g trunc(a / b)
    """
    return xp.fmod(a, b)


fmod.vjp(a=lambda g: g, b=lambda F, g, a, b: -g * F.trunc_divide(a, b))


@op(operator="neg", inplace=True, cases=ONE)
def neg(xp, x, /):
    """Negative.

    Math:   out = -x;   d x = -g
    """
    return xp.negative(x)


neg.vjp(x=lambda g: -g)


@op(
    operator="**",
    types="promote",
    inplace=True,
    cases=[
        Case([2, 3], 2),
        Case([2, 3], 3),
        Case(positive(2, 3), 0.5),
        Case(positive(2, 3), Array(3)),
        Case(2.0, [2, 3]),
        Case([2, 3], 0),
        Case([2, 3], 1),
    ],
)
def pow(xp, a, b, /):
    """Power.

    Math:   out = a^b;   d a = g b a^(b-1) (0 where b = 0),   d b = g out ln a (0 where a = 0 and b
            >= 0)
    """
    if type(b) in (int, float) and b == 2:
        return xp.multiply(a, a)
    if type(b) is int and b < 0 and a.dtype.kind != "f":
        raise ValueError(
            f"pow: integers must have exponents >= 0, got {b}. Convert the base with x.float()"
        )
    return xp.power(a, b)


def pow_d_base(F, g, a, b):
    if type(b) in (int, float):
        return (
            g * 0
            if b == 0
            else g * b
            if b == 1
            else g * (a * (2 * 1))
            if b == 2
            else g * (F.pow(a, b - 1) * b)
        )
    return g * F.where(b == 0, b * 0, b * F.pow(a, F.where(b == 0, b * 0 + 1, b) - 1))


def pow_d_exponent(F, g, a, b, out):
    if type(a) in (int, float):
        return g * 0 if a == 0 else g * (out * F.log(b * 0 + a))
    zero = (a == 0) & (b >= 0)
    return g * F.where(zero, out * 0, out * F.log(F.where(zero, a * 0 + 1, a)))


pow.vjp(a=pow_d_base, b=pow_d_exponent)


@op(operator="abs", inplace=True, cases=ONE)
def abs(xp, x, /):
    """Absolute value.

    Math:   out = |x|;   d x = g sign(x)
    Note:   the subgradient at 0 is 0
    """
    return xp.absolute(x)


abs.vjp(x=lambda F, g, x: g * F.sign(x))


@op(inplace=True, cases=ONE)
def sign(xp, x, /):
    """-1, 0 or 1 (0 for NaN, as in PyTorch).

    Math:   out = sign(x);   d x = 0
    """
    return xp.subtract(x > 0, x < 0, dtype=x.dtype) if x.dtype.kind != "b" else xp.array(x)


sign.vjp(x=zero_gradient)


@op(types="promote", cases=[Case([2, 3], [2, 3]), Case([2, 3], Array(3, low=-1.9, high=1.7))])
def maximum(xp, a, b, /):
    """The larger of two; NaN if either is.

    Math:   out = max(a, b);   d a = g [a > b] + g/2 [a = b],   d b likewise
    """
    return xp.maximum(a, b)


def share(F, g, won, tied):
    return F.where(tied, g / 2, F.keep_where(g, won))


maximum.vjp(
    a=lambda F, g, a, b: share(F, g, a > b, a == b), b=lambda F, g, a, b: share(F, g, b > a, a == b)
)


@op(types="promote", cases=[Case([2, 3], [2, 3]), Case([2, 3], Array(3, low=-1.9, high=1.7))])
def minimum(xp, a, b, /):
    """The smaller of two; NaN if either is.

    Math:   out = min(a, b);   d a = g [a < b] + g/2 [a = b],   d b likewise
    """
    return xp.minimum(a, b)


minimum.vjp(
    a=lambda F, g, a, b: share(F, g, a < b, a == b), b=lambda F, g, a, b: share(F, g, b < a, a == b)
)


@op(inplace=True, method=False, cases=[])
def clamp_numbers(xp, x, /, min, max):
    """Clamp by numbers.

    Math:   out = min(max(x, lo), hi);   d x = g [lo <= x <= hi]
    """
    return xp.clip(x, min, max)


def clamp_numbers_vjp(F, g, x, min, max):
    inside = x >= min if max is None else x <= max if min is None else (x >= min) & (x <= max)
    return F.keep_where(g, inside)


clamp_numbers.vjp(x=clamp_numbers_vjp)


@composite(
    inplace=True, cases=[Case([2, 3], -0.5, 0.7), Case([2, 3], min=-0.3), Case([2, 3], max=0.4)]
)
def clamp(F, input, min=None, max=None):
    """Values below `min` become min, values above `max` become max (numbers or tensors).

    Math:   out = min(max(x, lo), hi)
    """
    if min is None and max is None:
        raise ValueError("clamp: needs min, max or both, got neither. Give at least one.")
    if isinstance(min, (int, float, type(None))) and isinstance(max, (int, float, type(None))):
        if input.dtype.name[0] in "iub" and (type(min) is float or type(max) is float):
            input = input.float()
        return F.clamp_numbers(input, min, max)
    out = input if min is None else F.maximum(input, min)
    return out if max is None else F.minimum(out, max)


@composite(inplace=True, cases=[Case([2, 3], -0.5, 0.7)])
def clip(F, input, min=None, max=None):
    """`clamp` under NumPy's name.

    Math:   out = min(max(x, lo), hi)
    """
    return F.clamp(input, min, max)


def rounding(name, text):
    def forward(xp, x, /):
        return xp.array(x) if x.dtype.kind != "f" else getattr(xp, name)(x)

    forward.__name__ = name
    forward.__doc__ = f"{text}\n\nMath:   out = {name}(x);   d x = 0"
    op(forward, inplace=True, cases=ONE).vjp(x=zero_gradient)


for _name, _text in dict(
    floor="Round down.", ceil="Round up.", trunc="Round towards zero."
).items():
    rounding(_name, _text)


@op(inplace=True, cases=ONE)
def round(xp, x, /, decimals=0):
    """Round to `decimals` places, halves to the even neighbour.

    Math:   out = round(x);   d x = 0
    """
    return xp.round(x, decimals)


round.vjp(x=zero_gradient)


@op(
    types="promote",
    plain=("condition",),
    method=False,
    cases=[
        Case(Array(2, 3, kind="bool"), [2, 3], [2, 3]),
        Case(Array(3, kind="bool"), [2, 3], [1]),
        Case(Array(2, 3, kind="bool"), [2, 3], 0.5),
    ],
)
def where(xp, condition, a, b, /):
    """Choose elementwise; no gradient, not even NaN, comes from the untaken branch.

    Math:   out = a where condition, else b;   d a = g where condition,   d b = g elsewhere
    """
    if getattr(condition, "dtype", None) != xp.bool_:
        raise DTypeError(
            "where: condition must be a bool tensor, got"
            f" {getattr(condition, 'dtype', type(condition).__name__)}. Compare it with 0 first."
        )
    out = xp.where(condition, a, b)
    return out if hasattr(a, "dtype") or hasattr(b, "dtype") else out.astype(result_dtype([a, b]))


where.vjp(
    condition=None,
    a=lambda F, g, condition: F.keep_where(g, condition),
    b=lambda F, g, condition: F.keep_where(g, ~condition),
)


@op(
    method=False,
    cases=[
        Case([2, 3], Array(2, 3, kind="bool"), 0.5),
        Case([2, 3], Array(3, kind="bool"), value=-1.0),
    ],
)
def fill_at(xp, x, mask, /, value):
    """`masked_fill` with a number.

    Math:   out = value where mask, else x;   d x = 0 where mask, else g
    """
    if mask.dtype.kind != "b":
        raise DTypeError(
            f"masked_fill: mask must be bool, got {mask.dtype}. Compare it with 0 first."
        )
    return xp.where(
        mask,
        (
            x.dtype.type(value)
            if isinstance(value, (int, float))
            else xp.asarray(value, dtype=x.dtype)
        ),
        x,
    )


fill_at.vjp(x=lambda F, g, mask: F.fill_at(g, mask, 0.0), mask=None)


@composite(
    inplace=True,
    cases=[
        Case([2, 3], Array(2, 3, kind="bool"), 0.5),
        Case([2, 3], Array(3, kind="bool"), value=-1.0),
        Case([3], Array(3, kind="bool"), []),
    ],
)
def masked_fill(F, x, mask, value):
    """x with `value`, a number or a 0-d tensor, where mask is True.

    Math:   out = value where mask, else x
    """
    if not hasattr(value, "ndim"):
        return F.fill_at(x, mask, value)
    if value.ndim:
        raise ShapeError(
            f"masked_fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}."
            " Use where()."
        )
    return F.where(mask, value.to(x.dtype), x)


@op(inplace=True, types="match", cases=[Case([2, 3], [2, 3], 0.3), Case([2, 3], [3], 0.7)])
def lerp(xp, a, b, /, weight):
    """Between a and b.

    Math:   out = a + weight (b - a);   d a = g (1 - weight),   d b = g weight
    """
    # exact at both ends
    return a + weight * (b - a) if weight < 0.5 else b - (b - a) * (1 - weight)


lerp.vjp(a=lambda g, weight: g * (1 - weight), b=lambda g, weight: g * weight)


def check_value(name, value, *tensors):
    if type(value) is float and not any(x.dtype.is_floating_point for x in tensors):
        raise DTypeError(
            f"{name}: value must be a whole number for integers, got {value}. Convert the tensors"
            " with .float()."
        )


@composite(inplace=True, cases=[Case([2, 3], [2, 3], [3], value=0.5)])
def addcmul(F, input, tensor1, tensor2, value=1):
    """A scaled product, added.

    Math:   out = input + value tensor1 tensor2
    """
    check_value("addcmul", value, input, tensor1, tensor2)
    dtype = promote_types(promote_types(input.dtype, tensor1.dtype), tensor2.dtype)
    return input + tensor1.to(dtype) * tensor2.to(dtype) * value


@composite(inplace=True, cases=[Case([2, 3], [2, 3], positive(3), value=0.5)])
def addcdiv(F, input, tensor1, tensor2, value=1):
    """A scaled quotient, added.

    Math:   out = input + value tensor1 / tensor2
    """
    if not any(x.dtype.is_floating_point for x in (tensor1, tensor2)):
        raise DTypeError(
            f"addcdiv: tensor1 or tensor2 must be floating-point, got {tensor1.dtype.name} and"
            f" {tensor2.dtype.name}. Convert one with .float()."
        )
    return input + tensor1 / tensor2 * value


def itself(F, input):
    """The input itself (`+x`).

    Math:   out = x
    """
    if input.dtype.name == "bool":
        raise DTypeError("positive: must hold numbers, got bool. Use logical operations.")
    return input


itself.__name__ = "positive"  # a helper of the cases has that name here
composite(itself, operator="pos", cases=ONE)


@composite(method=False, cases=[Case([2, 3], [3]), Case([2, 3], 1.0)])
def rsub(F, input, other, *, alpha=1):
    """The other way round: other minus input.

    Math:   out = other - alpha input
    """
    return other - (input if alpha == 1 else input * alpha)
