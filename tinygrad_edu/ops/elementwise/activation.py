"""Piecewise activation functions.

Those with an exponential in them (sigmoid, silu, gelu, mish …) stand in `smooth.py`.
"""

from __future__ import annotations

from ...engine.case import Case, positive
from ...engine.dtype import check_float, check_number
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import composite, op

X = [3, 5]  # the shape most cases use


@op(method=False, cases=[Case(X, 0.3, -2.0), Case([7], -0.5, 20.0)])
def threshold(xp, x, /, threshold, value):
    """x where it is above the threshold, else a value.

    Math:   out = x where x > threshold, else value;   d x = g [x > threshold]
    """
    check_number("threshold", x)
    number = x.dtype.type
    return xp.where(x <= number(threshold), number(value), x)  # so that NaN stays


threshold.vjp(x=lambda F, g, x, threshold: F.where(x <= threshold, 0.0, g))


@op(method=False, cases=[Case(X), Case(X, -0.5, 1.5)])
def hardtanh(xp, x, /, min_val=-1.0, max_val=1.0):
    """x held in [min_val, max_val].

    Math:   out = min(max(x, min_val), max_val);   d x = g [min_val < x < max_val]
    """
    check_number("hardtanh", x)
    if min_val > max_val:
        raise ShapeError(
            f"hardtanh: min_val must not be above max_val, got {min_val} and {max_val}. Swap them."
        )
    return xp.clip(x, x.dtype.type(min_val), x.dtype.type(max_val))


hardtanh.vjp(x=lambda F, g, x, min_val, max_val: F.where((x <= min_val) | (x >= max_val), 0.0, g))


@composite(method=False, cases=[Case(X), Case(positive(7, low=5.0, high=7.0))])
def relu6(F, input):
    """x held in [0, 6].

    Math:   out = min(max(x, 0), 6);   no gradient at the ends
    """
    return F.hardtanh(input, 0.0, 6.0)


@op(method=False, cases=[Case(X), Case(X, negative_slope=0.3)])
def leaky_relu(xp, x, /, negative_slope=0.01):
    """x with a slope below 0.

    Math:   out = x where x > 0, else negative_slope x;   d x = g where x > 0, else negative_slope g
    """
    check_float("leaky_relu", x)
    return xp.where(x > 0, x, x * negative_slope)


leaky_relu.vjp(x=lambda F, g, x, negative_slope: F.where(x > 0, g, g * negative_slope))


@composite(
    cases=[
        Case([2, 4, 3], positive(1)),
        Case([2, 4, 3], positive(4)),
        Case([4], positive(1)),
        Case([3], positive()),
    ]
)
def prelu(F, input, weight):
    """x with a learnt slope below 0: one in all, or one per channel (dim 1).

    Math:   out = x where x > 0, else weight x
    Reference: K. He et al., 2015, "Delving deep into rectifiers"
    """
    channels = input.shape[1] if input.ndim > 1 else 1
    if weight.ndim > 1 or weight.numel() not in (1, channels):
        raise ShapeError(
            f"prelu: weight must have 1 number, or one per channel ({channels}), for input"
            f" {tuple(input.shape)}, got shape {tuple(weight.shape)}. Set num_parameters to that."
        )
    check_float("prelu", input)
    if weight.dtype is not input.dtype:
        raise DTypeError(
            f"prelu: input and weight must have one floating-point dtype, got {input.dtype.name}"
            f" and {weight.dtype.name}. Convert one of them."
        )
    if input.ndim != 1 or weight.ndim:
        weight = (
            F.reshape(weight, (-1,) + (1,) * max(input.ndim - 2, 0))
            if input.ndim
            else F.reshape(weight, ())
        )
    return F.where(input > 0, input, weight * input)


@composite(method=False, cases=[Case(X), Case(X, 0.1, 0.3)])
def rrelu(F, input, lower=1 / 8, upper=1 / 3, training=False):
    """x with a slope below 0 that is random in [lower, upper) in training, else their mean.

    Math:   out = x where x > 0, else s x
    Reference: B. Xu et al., 2015, "Empirical evaluation of rectified activations in convolutional
               network"
    """
    if lower > upper:
        raise ShapeError(
            f"rrelu: lower must not be above upper, got {lower} and {upper}. Swap them."
        )
    if not training:
        return F.leaky_relu(input, (lower + upper) / 2)
    check_float("rrelu", input)
    return F.where(input > 0, input, input * (F.rand_like(input) * (upper - lower) + lower))


@op(method=False, cases=[])
def exponential_unit(xp, x, /, name, alpha, scale, rate):
    """The common form of elu, selu and celu.

    Math:   out = scale x where x > 0, else scale alpha (e^(rate x) - 1);   d x = g scale where x >
            0, else g scale alpha rate e^(rate x)
    Note:   the exponential sees min(x, 0) only, so large x do not overflow
    """
    check_float(name, x)
    return xp.where(x < 0, xp.expm1(xp.minimum(x, 0) * rate) * (scale * alpha), x * scale)


exponential_unit.vjp(
    x=lambda F, g, x, alpha, scale, rate: (
        g * F.where(x <= 0, F.exp(F.where(x <= 0, x, 0.0) * rate) * (scale * alpha * rate), scale)
    )
)


@composite(method=False, cases=[Case(X), Case(X, 1.7)])
def elu(F, input, alpha=1.0):
    """x above 0, an exponential that falls to -alpha below.

    Math:   out = x where x > 0, else alpha (e^x - 1)
    Reference: D.-A. Clevert et al., 2016, "Fast and accurate deep network learning by exponential
               linear units"
    """
    return F.exponential_unit(input, "elu", alpha, 1.0, 1.0)


@composite(method=False, cases=[Case(X)])
def selu(F, input):
    """elu with the constants that keep mean 0 and variance 1 through a deep network.

    Math:   out = 1.0507 elu(x, alpha=1.6733)
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks", eq. 2 and 14
    """
    return F.exponential_unit(
        input, "selu", 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0
    )


@composite(method=False, cases=[Case(X), Case(X, 0.7, rtol=1e-6)])
def celu(F, input, alpha=1.0):
    """elu whose slope has no jump for any alpha.

    Math:   out = x where x > 0, else alpha (e^(x / alpha) - 1)
    Reference: J. Barron, 2017, "Continuously differentiable exponential linear units"
    """
    if alpha == 0:
        raise ShapeError("celu: alpha must not be 0, got 0. Use relu, which is the limit.")
    return F.exponential_unit(input, "celu", alpha, 1.0, 1 / alpha)


@op(method=False, cases=[Case(X, rtol=1e-6), Case(positive(5, low=2.0, high=4.0), rtol=1e-6)])
def hardsigmoid(xp, x, /):
    """A sigmoid of three straight pieces.

    Math:   out = min(max(x + 3, 0), 6) / 6;   d x = g / 6 where -3 < x < 3
    Reference: M. Courbariaux et al., 2015, "BinaryConnect"
    """
    check_float("hardsigmoid", x)
    return xp.clip(x + 3, 0, 6) / 6


hardsigmoid.vjp(x=lambda F, g, x: F.where((x > -3) & (x < 3), g / 6, 0.0))


@op(method=False, cases=[Case(X), Case(positive(5, low=2.0, high=4.0))])
def hardswish(xp, x, /):
    """x times its hardsigmoid.

    Math:   out = x min(max(x + 3, 0), 6) / 6;   d x = 0 where x <= -3, g (x / 3 + 1/2) where x < 3,
            else g
    Reference: A. Howard et al., 2019, "Searching for MobileNetV3"
    """
    check_float("hardswish", x)
    return x * xp.clip(x + 3, 0, 6) / 6


hardswish.vjp(x=lambda F, g, x: F.where(x <= -3, 0.0, F.where(x < 3, g * (x / 3 + 0.5), g)))


@op(cases=[Case(X), Case(X, 0.9)])
def hardshrink(xp, x, /, lambd=0.5):
    """x, but 0 near 0.

    Math:   out = 0 where |x| <= lambd, else x;   d x = 0 where |x| <= lambd, else g
    """
    check_float("hardshrink", x)
    return xp.where((x >= -lambd) & (x <= lambd), x.dtype.type(0), x)


hardshrink.vjp(x=lambda F, g, x, lambd: F.where((x >= -lambd) & (x <= lambd), 0.0, g))


@op(method=False, cases=[Case(X), Case(X, 0.9)])
def softshrink(xp, x, /, lambd=0.5):
    """x moved towards 0 by lambd.

    Math:   out = sign(x) max(|x| - lambd, 0);   d x = 0 where |x| <= lambd, else g
    """
    check_float("softshrink", x)
    if lambd < 0:
        raise ShapeError(
            f"softshrink: lambd must be 0 or more, got {lambd}. Give its absolute value."
        )
    return x - xp.clip(x, -lambd, lambd)


softshrink.vjp(x=lambda F, g, x, lambd: F.where((x >= -lambd) & (x <= lambd), 0.0, g))


@composite(method=False, cases=[Case(X)])
def tanhshrink(F, input):
    """What tanh takes away.

    Math:   out = x - tanh(x)
    """
    check_number("tanhshrink", input)
    return input - F.tanh(input)


@composite(method=False, cases=[Case(X)])
def softsign(F, input):
    """x squeezed into (-1, 1).

    Math:   out = x / (1 + |x|)
    """
    return input / (F.abs(input) + 1)


@op(method=False, cases=[Case([3, 4]), Case([4, 3], 0), Case([2, 4, 3], -2)])
def glu(xp, x, /, dim=-1):
    """The first half along dim, gated by the sigmoid of the second half.

    Math:   out = a s, s = sigmoid(b), [a, b] = x;   d a = g s,   d b = g a s (1 - s)
    Reference: Y. Dauphin et al., 2017, "Language modeling with gated convolutional networks"
    """
    check_float("glu", x)
    if not -x.ndim <= dim < x.ndim or x.shape[dim] % 2:
        raise ShapeError(
            f"glu: input must have an even size along dim {dim}, got shape {x.shape}. Pad it or"
            " choose another dim."
        )
    a, b = xp.split(x, 2, axis=dim)
    return a / (1 + xp.exp(-b))


def glu_vjp(F, g, x, dim):
    n = x.shape[dim] // 2
    a, s = F.narrow(x, dim, 0, n), F.sigmoid(F.narrow(x, dim, n, n))
    ga = g * s
    return F.cat([ga, ga * (a * (1 - s))], dim)


glu.vjp(x=glu_vjp)


@composite(method=False, cases=[Case(X, 1), Case(X, dim=0)])
def softmin(F, input, dim=None):
    """Softmax of -x along dim.

    Math:   out_i = e^-x_i / sum_j e^-x_j
    """
    return F.softmax(-input, dim)
