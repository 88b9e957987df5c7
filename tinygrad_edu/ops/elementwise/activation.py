"""The activation functions, in this order: rectifiers, exponential units, sigmoids and gated
units, shrinks, glu. softmax and softmin stand in `reduction/softmax.py`.
"""

from __future__ import annotations

from ...engine.case import Case, Sample, positive
from ...engine.composite import composite
from ...engine.dtype import check_float, check_number
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .choosing import keep_where
from .error_function import erf_array

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
X = [3, 5]  # the shape most cases use
WIDE = Sample(3, 5, low=-4.0, high=4.0)  # beyond the kinks at -3 and 3


ZEROS: dict = {}  # of relu, by array module and dtype: NumPy takes an array faster than a number


@op(elementwise=lambda xp, input: xp.maximum(input, 0), inplace=True, cases=ONE)
def relu(xp, input: Array):
    """Rectifier.

    Math:   out = max(input, 0);   d input = g [out > 0]
    Note:   the subgradient at 0 is 0
    Reference: V. Nair, G. Hinton, 2010, "Rectified linear units improve restricted Boltzmann
               machines"
    """
    zero = ZEROS.get((xp, input.dtype))
    if zero is None:
        check_number("relu", input)
        zero = ZEROS[xp, input.dtype] = xp.zeros((), input.dtype)
    return xp.maximum(input, zero)


relu.vjp(input=lambda F, g, out: F.mul_mask(g, out))


@piece(
    elementwise=lambda xp, u, y: xp.where(xp.logical_not(y <= 0.0), u, 0.0),
    cases=[Case([2, 3], [2, 3])],
)
def mul_mask(xp, u: Array, y: Array):
    """The cotangent of relu, from the output's cotangent u and the output y.

    Math:   out = u [y > 0];   d u = g [y > 0],   d y = 0
    Note:   as in PyTorch u passes where y is NaN
    """
    return keep_where.forward(xp, u, xp.logical_not(y <= 0))


mul_mask.vjp(u=lambda F, g, y: F.mul_mask(g, y), y=None)


@composite(method=False, cases=[Case(X), Case(positive(7, low=5.0, high=7.0))])
def relu6(F, input: Tensor) -> Tensor:
    """Input clamped to [0, 6].

    Math:   out = min(max(input, 0), 6);   no gradient at the ends
    """
    return F.hardtanh(input, 0.0, 6.0)


@op(elementwise=True, method=False, cases=[Case(X), Case(X, negative_slope=0.3)])
def leaky_relu(xp, input: Array, negative_slope: float = 0.01):
    """Rectifier with a small slope below 0.

    Math:   out = input where input > 0, else negative_slope input;
            d input = g where input > 0, else negative_slope g
    """
    check_float("leaky_relu", input)
    return xp.where(input > 0, input, input * negative_slope)


leaky_relu.vjp(input=lambda F, g, input, negative_slope: F.where(input > 0, g, g * negative_slope))


@composite(
    cases=[
        Case([2, 4, 3], positive(1)),
        Case([2, 4, 3], positive(4)),
        Case([4], positive(1)),
        Case([3], positive()),
    ]
)
def prelu(F, input: Tensor, weight: Tensor) -> Tensor:
    """Rectifier with a learnt slope below 0: one for all, or one per channel (dim 1).

    Math:   out = input where input > 0, else weight input
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
    weight = F.reshape(weight, (-1, *(1,) * max(input.ndim - 2, 0)) if input.ndim else ())
    return F.where(input > 0, input, weight * input)


@composite(method=False, cases=[Case(X), Case(X, 0.1, 0.3)])
def rrelu(
    F, input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """Rectifier whose slope s below 0 is random in [lower, upper) in training, else their mean.

    Math:   out = input where input > 0, else s input
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


@op(elementwise=True, method=False, cases=[Case(X, 0.3, -2.0), Case([7], -0.5, 20.0)])
def threshold(xp, input: Array, threshold: float, value: float):
    """Input where it is above the threshold, else a fixed value.

    Math:   out = input where input > threshold, else value;   d input = g [input > threshold]
    """
    check_number("threshold", input)
    number = input.dtype.type
    return xp.where(input <= number(threshold), number(value), input)  # so that NaN stays


threshold.vjp(input=lambda F, g, input, threshold: F.where(input <= threshold, 0.0, g))


@op(elementwise=True, method=False, cases=[Case(X), Case(X, -0.5, 1.5)])
def hardtanh(xp, input: Array, min_val: float = -1.0, max_val: float = 1.0):
    """Input clamped to [min_val, max_val].

    Math:   out = min(max(input, min_val), max_val);   d input = g [min_val < input < max_val]
    """
    check_number("hardtanh", input)
    if min_val > max_val:
        raise ShapeError(
            f"hardtanh: min_val must not be above max_val, got {min_val} and {max_val}. Swap them."
        )
    return xp.clip(input, input.dtype.type(min_val), input.dtype.type(max_val))


hardtanh.vjp(
    input=lambda F, g, input, min_val, max_val: F.where(
        (input <= min_val) | (input >= max_val), 0.0, g
    )
)


@piece(elementwise=True, cases=[Case(X, "elu", 1.0, 1.0, 1.0), Case(X, "celu", 0.7, 1.0, 1.4)])
def exponential_unit(xp, input: Array, name: str, alpha: float, scale: float, rate: float):
    """The common form of elu, selu and celu.

    Math:   out = scale input where input > 0, else scale alpha (e^(rate input) - 1);
            d input = g scale where input > 0, else g scale alpha rate e^(rate input)
    Note:   the exponential sees min(input, 0) only, so nothing overflows
    """
    check_float(name, input)
    below = xp.expm1(xp.minimum(input, 0) * rate) * (scale * alpha)
    return xp.where(input < 0, below, input * scale)


def exponential_unit_vjp(F, g, input, alpha, scale, rate):
    below = F.exp(F.where(input <= 0, input, 0.0) * rate) * (scale * alpha * rate)
    return g * F.where(input <= 0, below, scale)


exponential_unit.vjp(input=exponential_unit_vjp)


@composite(method=False, cases=[Case(X), Case(X, 1.7)])
def elu(F, input: Tensor, alpha: float = 1.0) -> Tensor:
    """Input above 0, below 0 an exponential that approaches -alpha.

    Math:   out = input where input > 0, else alpha (e^input - 1)
    Reference: D.-A. Clevert et al., 2016, "Fast and accurate deep network learning by exponential
               linear units"
    """
    return F.exponential_unit(input, "elu", alpha, 1.0, 1.0)


@composite(method=False, cases=[Case(X)])
def selu(F, input: Tensor) -> Tensor:
    """elu with the constants that keep mean 0 and variance 1 through a deep network.

    Math:   out = 1.0507 elu(input, alpha=1.6733)
    Reference: G. Klambauer et al., 2017, "Self-normalizing neural networks", eq. 2 and 14
    """
    return F.exponential_unit(
        input, "selu", 1.6732632423543772848170429916717, 1.0507009873554804934193349852946, 1.0
    )


@composite(method=False, cases=[Case(X), Case(X, 0.7, rtol=1e-6)])
def celu(F, input: Tensor, alpha: float = 1.0) -> Tensor:
    """elu with a continuous slope for every alpha.

    Math:   out = input where input > 0, else alpha (e^(input / alpha) - 1)
    Reference: J. Barron, 2017, "Continuously differentiable exponential linear units"
    """
    if alpha == 0:
        raise ShapeError("celu: alpha must not be 0, got 0. Use relu, which is the limit.")
    return F.exponential_unit(input, "celu", alpha, 1.0, 1 / alpha)


@op(elementwise=True, inplace=True, types="float", cases=ONE)
def sigmoid(xp, input: Array):
    """Logistic function.

    Math:   out = 1 / (1 + e^-input);   d input = g out (1 - out)
    Note:   computed with e^-|input|, so nothing overflows
    """
    e = xp.exp(-xp.absolute(input))
    return xp.where(input >= 0, 1 / (1 + e), e / (1 + e))


sigmoid.vjp(input=lambda g, out: g * (out * (1 - out)))


@op(
    elementwise=True, method=False, cases=[Case([2, 3]), Case(positive(3, low=-200.0, high=-100.0))]
)
def logsigmoid(xp, input: Array):
    """Logarithm of the sigmoid.

    Math:   out = -ln(1 + e^-input) = min(input, 0) - ln(1 + e^-|input|);
            d input = g sigmoid(-input)
    Note:   neither end overflows
    """
    check_float("logsigmoid", input)
    return xp.minimum(input, 0) - xp.log1p(xp.exp(-xp.absolute(input)))


logsigmoid.vjp(input=lambda F, g, input: g * F.sigmoid(-input))


@op(elementwise=True, method=False, cases=[Case(WIDE, rtol=1e-6)])
def hardsigmoid(xp, input: Array):
    """A sigmoid of three straight pieces.

    Math:   out = min(max(input + 3, 0), 6) / 6;   d input = g / 6 where -3 < input < 3
    Reference: M. Courbariaux et al., 2015, "BinaryConnect"
    """
    check_float("hardsigmoid", input)
    return xp.clip(input + 3, 0, 6) / 6


hardsigmoid.vjp(input=lambda F, g, input: F.where((input > -3) & (input < 3), g / 6, 0.0))


@op(elementwise=True, inplace=True, types="float", method=False, cases=ONE)
def silu(xp, input: Array):
    """Input times its sigmoid (swish).

    Math:   out = input s, s = 1 / (1 + e^-input);   d input = g s (1 + input (1 - s))
    Reference: S. Elfwing et al., 2018, "Sigmoid-weighted linear units"
    """
    return input * sigmoid.forward(xp, input)


def silu_vjp(F, g, input):
    s = F.sigmoid(input)
    return g * (s * (input * (1 - s) + 1))


silu.vjp(input=silu_vjp)


@op(elementwise=True, method=False, cases=[Case(WIDE)])
def hardswish(xp, input: Array):
    """Input times its hardsigmoid.

    Math:   out = input min(max(input + 3, 0), 6) / 6;
            d input = 0 where input <= -3, g (input / 3 + 1/2) where input < 3, else g
    Reference: A. Howard et al., 2019, "Searching for MobileNetV3"
    """
    check_float("hardswish", input)
    return input * xp.clip(input + 3, 0, 6) / 6


def hardswish_vjp(F, g, input):
    slope = F.where(input < 3, input / 3 + 0.5, 1.0)
    return F.where(input <= -3, 0.0, g * slope)


hardswish.vjp(input=hardswish_vjp)


@op(elementwise=True, method=False, cases=[Case([2, 3]), Case([3], rtol=1e-6)])
def mish(xp, input: Array):
    """Input times the tanh of its softplus.

    Math:   out = input t, t = tanh(ln(1 + e^input));   d input = g (t + input s (1 - t^2)),
            s = sigmoid(input)
    Note:   t is a fraction in e = e^-|input|, so one exponential is enough and nothing overflows
    Reference: D. Misra, 2019, "Mish: a self regularized non-monotonic activation function"
    """
    check_float("mish", input)
    e = xp.exp(-xp.absolute(input))
    two = 2 * e
    square = e * e
    above = (1 + two) / (1 + two + 2 * square)
    below = (square + two) / (square + two + 2)
    return input * xp.where(input > 0, above, below)


def mish_vjp(F, g, input):
    t = F.tanh(F.softplus(input))
    return g * (t + input * (F.sigmoid(input) * (1 - t * t)))


mish.vjp(input=mish_vjp)


@op(elementwise=True, types="float", method=False, cases=[Case(X), Case(X, 2.0, 1.5)])
def softplus(xp, input: Array, beta: float = 1.0, threshold: float = 20.0):
    """Smooth rectifier; linear where beta input > threshold.

    Math:   out = ln(1 + e^(beta input)) / beta;   d input = g sigmoid(beta input)
    """
    z = input * beta
    smooth = (xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.absolute(z)))) / beta
    return xp.where(z > threshold, input, smooth)


softplus.vjp(
    input=lambda F, g, input, beta, threshold: (
        g * F.where(input * beta > threshold, input * 0 + 1, F.sigmoid(input * beta))
    )
)


def gelu_reference(F, input, approximate):
    if approximate == "none":
        return input * ((F.erf(input * 0.7071067811865476) + 1) * 0.5)
    inside = (input + input * input * input * 0.044715) * 0.7978845608028654
    return input * ((F.tanh(inside) + 1) * 0.5)


def gelu_plain(xp, input, approximate):
    """The forward of gelu as one expression, without NumPy's updates in place."""
    if approximate == "none":
        gate = xp.erf(input * 0.7071067811865476)
    else:
        gate = xp.tanh((input + input * input * input * 0.044715) * 0.7978845608028654)
    gate = (gate + 1.0) * 0.5
    return input * gate, gate


@op(
    types="float",
    method=False,
    residuals=("gate",),
    reference=gelu_reference,
    elementwise=gelu_plain,
    cases=[Case([2, 3]), Case([2, 3], approximate="tanh")],
)
def gelu(xp, input: Array, *, approximate: str = "none"):
    """Gaussian error linear unit: input times the chance that a normal number is below it.

    Math:   out = input Phi(input);   d input = g (Phi(input) + input phi(input));
            tanh: out = input/2 (1 + tanh(sqrt(2/pi) (input + 0.044715 input^3)))
    Reference: D. Hendrycks, K. Gimpel, 2016, "Gaussian error linear units"
    """
    if approximate == "none":
        gate = erf_array(xp, input * input.dtype.type(0.7071067811865476))
    elif approximate == "tanh":
        gate = input * input
        gate *= 0.044715
        gate += 1
        gate *= input
        gate *= 0.7978845608028654
        gate = xp.tanh(gate)
    else:
        raise ShapeError(
            f"gelu: approximate must be 'none' or 'tanh', got {approximate!r}. Use one of these."
        )
    gate = (gate + 1) * 0.5
    return input * gate, gate


@piece(
    elementwise=True,
    types="float",
    differentiable=False,
    cases=[Case([2, 3], [2, 3], [2, 3], torch=False), Case([3], [3], [3], "tanh", torch=False)],
)
def gelu_backward(xp, u: Array, input: Array, gate: Array, approximate: str = "none"):
    """The cotangent of gelu, from the output's cotangent u, the input and its gate.

    Math:   out = u (gate + input phi(input));
            tanh: out = u (gate + input gate (1 - gate) 2 sqrt(2/pi) (1 + 0.134145 input^2))
    Note:   higher orders go through the reference of gelu
    """
    slope = input * input
    if approximate == "none":
        slope *= -0.5
        slope = xp.exp(slope)
        slope *= 0.3989422804014327
    else:
        slope *= 3 * 0.044715
        slope += 1
        slope *= 2 * 0.7978845608028654
        slope = slope * (gate * (1 - gate))
    return (slope * input + gate) * u


gelu.vjp(input=lambda F, g, input, gate, approximate: F.gelu_backward(g, input, gate, approximate))


@composite(method=False, cases=[Case(X)])
def tanhshrink(F, input: Tensor) -> Tensor:
    """Input minus its tanh.

    Math:   out = input - tanh(input)
    """
    check_number("tanhshrink", input)
    return input - F.tanh(input)


@op(elementwise=True, cases=[Case(X), Case(X, 0.9)])
def hardshrink(xp, input: Array, lambd: float = 0.5):
    """Input, but 0 where it is small.

    Math:   out = 0 where |input| <= lambd, else input;
            d input = 0 where |input| <= lambd, else g
    """
    check_float("hardshrink", input)
    return xp.where((input >= -lambd) & (input <= lambd), input.dtype.type(0), input)


def shrink_vjp(F, g, input, lambd):
    return F.where((input >= -lambd) & (input <= lambd), 0.0, g)


hardshrink.vjp(input=shrink_vjp)


@op(elementwise=True, method=False, cases=[Case(X), Case(X, 0.9)])
def softshrink(xp, input: Array, lambd: float = 0.5):
    """Input moved towards 0 by lambd.

    Math:   out = sign(input) max(|input| - lambd, 0);
            d input = 0 where |input| <= lambd, else g
    """
    check_float("softshrink", input)
    if lambd < 0:
        raise ShapeError(
            f"softshrink: lambd must be 0 or more, got {lambd}. Give its absolute value."
        )
    return input - xp.clip(input, -lambd, lambd)


softshrink.vjp(input=shrink_vjp)


@composite(method=False, cases=[Case(X)])
def softsign(F, input: Tensor) -> Tensor:
    """Input squeezed into (-1, 1).

    Math:   out = input / (1 + |input|)
    """
    return input / (F.abs(input) + 1)


@op(method=False, cases=[Case([3, 4]), Case([4, 3], 0), Case([2, 4, 3], -2)])
def glu(xp, input: Array, dim: int = -1):
    """The first half along dim, gated by the sigmoid of the second half.

    Math:   out = a s, s = sigmoid(b), [a, b] = input;   d input = [g s, g a s (1 - s)]
    Reference: Y. Dauphin et al., 2017, "Language modeling with gated convolutional networks"
    """
    check_float("glu", input)
    if not -input.ndim <= dim < input.ndim or input.shape[dim] % 2:
        raise ShapeError(
            f"glu: input must have an even size along dim {dim}, got shape {input.shape}. Pad it or"
            " choose another dim."
        )
    a, b = xp.split(input, 2, axis=dim)
    return a / (1 + xp.exp(-b))


def glu_vjp(F, g, input, dim):
    n = input.shape[dim] // 2
    a, s = F.narrow(input, dim, 0, n), F.sigmoid(F.narrow(input, dim, n, n))
    return F.cat([g * s, g * (a * s * (1 - s))], dim)


glu.vjp(input=glu_vjp)
