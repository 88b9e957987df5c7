"""Smooth and piecewise functions with a forward and a formula of their own: the activations that
deserve a kernel.
"""

from __future__ import annotations

from ...engine.case import Case, positive
from ...engine.dtype import check_float, check_number
from ...engine.op import op
from .elementwise import keep_where
from .error_function import erf_array

ONE = [Case([2, 3]), Case([]), Case([0, 3])]


@op(inplace=True, types="float", cases=ONE)
def sigmoid(xp, x, /):
    """Logistic function.

    Math:   out = 1 / (1 + e^-x);   d x = g out (1 - out)
    Note:   computed with e^-|x|, so nothing overflows
    """
    e = xp.exp(-xp.absolute(x))
    return xp.where(x >= 0, 1 / (1 + e), e / (1 + e))


sigmoid.vjp(x=lambda g, out: g * (out * (1 - out)))


@op(inplace=True, cases=ONE)
def relu(xp, x, /):
    """Rectifier.

    Math:   out = max(x, 0);   d x = g [out > 0]
    Note:   the subgradient at 0 is 0
    Reference: V. Nair, G. Hinton, 2010, "Rectified linear units improve restricted Boltzmann
               machines"
    """
    if x.dtype.kind == "b":
        check_number("relu", x)
    return xp.maximum(x, 0)


relu.vjp(x=lambda F, g, out: F.mul_mask(g, out))


@op(method=False, cases=[])
def mul_mask(xp, g, y, /):
    """g where y > 0, else 0: the cotangent of relu.

    Math:   out = g [y > 0];   d g = u [y > 0],   d y = 0
    Note:   as in PyTorch g passes where y is NaN
    """
    return keep_where.forward(xp, g, xp.logical_not(y <= 0))


mul_mask.vjp(g=lambda F, g, y: F.mul_mask(g, y), y=None)


@op(inplace=True, types="float", cases=ONE)
def erf(xp, x, /):
    """Error function, to the precision of the dtype.

    Math:   out = 2/sqrt(pi) integral_0^x e^-t^2 dt;   d x = g 2/sqrt(pi) e^-x^2
    Reference: series and continued fraction, M. Abramowitz, I. Stegun, 1964, 7.1.5 and 7.1.14
    """
    return erf_array(xp, x)


erf.vjp(x=lambda F, g, x: g * (F.exp(-(x * x)) * 1.1283791670955126))


@op(inplace=True, types="float", method=False, cases=ONE)
def silu(xp, x, /):
    """x times its sigmoid (swish).

    Math:   out = x s, s = 1 / (1 + e^-x);   d x = g s (1 + x (1 - s))
    Reference: S. Elfwing et al., 2018, "Sigmoid-weighted linear units"
    """
    return x * sigmoid.forward(xp, x)


def silu_vjp(F, g, x):
    s = F.sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


silu.vjp(x=silu_vjp)


@op(method=False, cases=[Case([2, 3]), Case([3], rtol=1e-6)])
def mish(xp, x, /):
    """x times the tanh of its softplus.

    Math:   out = x t, t = tanh(ln(1 + e^x));   d x = g (t + x s (1 - t^2)), s = sigmoid(x)
    Note:   t is a fraction in e = e^-|x|, so one exponential is enough and nothing overflows
    Reference: D. Misra, 2019, "Mish: a self regularized non-monotonic activation function"
    """
    check_float("mish", x)
    e = xp.exp(-xp.absolute(x))
    two = 2 * e
    square = e * e
    return x * (
        xp.where(x > 0, 1 + two, square + two)
        / xp.where(x > 0, 1 + two + 2 * square, square + two + 2)
    )


def mish_vjp(F, g, x):
    t = F.tanh(F.softplus(x))
    return g * (t + x * (F.sigmoid(x) * (1 - t * t)))


mish.vjp(x=mish_vjp)


@op(method=False, cases=[Case([2, 3]), Case(positive(3, low=-200.0, high=-100.0))])
def logsigmoid(xp, x, /):
    """Logarithm of the sigmoid.

    Math:   out = -ln(1 + e^-x) = min(x, 0) - ln(1 + e^-|x|);   d x = g sigmoid(-x)
    Note:   neither end overflows
    """
    check_float("logsigmoid", x)
    return xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.absolute(x)))


logsigmoid.vjp(x=lambda F, g, x: g * F.sigmoid(-x))


@op(types="float", method=False, cases=[Case([2, 3]), Case([2, 3], 2.0, 1.5), Case([3], 1.0, 0.5)])
def softplus(xp, x, /, beta=1.0, threshold=20.0):
    """Smooth rectifier; linear where beta x > threshold.

    Math:   out = ln(1 + e^(beta x)) / beta;   d x = g sigmoid(beta x)
    """
    z = x * beta
    return xp.where(z > threshold, x, (xp.maximum(z, 0) + xp.log1p(xp.exp(-xp.absolute(z)))) / beta)


softplus.vjp(
    x=lambda F, g, x, beta, threshold: (
        g * F.where(x * beta > threshold, x * 0 + 1, F.sigmoid(x * beta))
    )
)


def gelu_reference(F, x, approximate):
    if approximate == "none":
        return x * ((F.erf(x * 0.7071067811865476) + 1) * 0.5)
    return x * ((F.tanh((x + x * x * x * 0.044715) * 0.7978845608028654) + 1) * 0.5)


@op(
    types="float",
    method=False,
    residuals=("gate",),
    reference=gelu_reference,
    cases=[Case([2, 3]), Case([2, 3], approximate="tanh")],
)
def gelu(xp, x, /, approximate="none"):
    """Gaussian error linear unit: x times the chance that a normal number is below x.

    Math:   out = x Phi(x);   tanh: out = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3)));   d x = g
            (Phi(x) + x phi(x))
    Reference: D. Hendrycks, K. Gimpel, 2016, "Gaussian error linear units"
    """
    if approximate == "none":
        gate = erf_array(xp, x * x.dtype.type(0.7071067811865476))
    elif approximate == "tanh":
        gate = x * x
        gate *= 0.044715
        gate += 1
        gate *= x
        gate *= 0.7978845608028654
        gate = xp.tanh(gate)
    else:
        raise ValueError(f"approximate must be 'none' or 'tanh', not {approximate!r}")
    gate = (gate + 1) * 0.5
    return x * gate, gate


@op(
    types="float",
    method=False,
    differentiable=False,
    cases=[Case([2, 3], [2, 3], [2, 3], torch=False), Case([3], [3], [3], "tanh", torch=False)],
)
def gelu_backward(xp, u, x, gate, /, approximate="none"):
    """The cotangent of gelu, from the output's cotangent u, the input and its gate.

    Math:   out = u (gate + x phi(x));   tanh: out = u (gate + x gate (1 - gate) 2 sqrt(2/pi) (1 +
            0.134145 x^2))
    Note:   higher orders go through the reference of gelu
    """
    slope = x * x
    if approximate == "none":
        slope *= -0.5
        slope = xp.exp(slope)
        slope *= 0.3989422804014327
    else:
        slope *= 3 * 0.044715
        slope += 1
        slope *= 2 * 0.7978845608028654
        slope = slope * (gate * (1 - gate))
    return (slope * x + gate) * u


gelu.vjp(x=lambda F, g, x, gate, approximate: F.gelu_backward(g, x, gate, approximate))


@op(
    types="float",
    method=False,
    residuals=("gate",),
    reference=lambda F, x, bias, approximate: gelu_reference(F, x + bias, approximate),
    cases=[Case([2, 3], [3], torch=False), Case([2, 1, 3], [3], "tanh", torch=False)],
)
def bias_gelu(xp, x, bias, /, approximate="none"):
    """gelu(x + bias) in one pass over x: what follows the product of a layer.

    Math:   out = gelu(x + bias);   d x = g gelu'(x + bias),   d bias = its sum over the rows
    """
    return gelu.forward(xp, x + bias, approximate)


def bias_gelu_vjp(F, g, x, bias, gate, approximate):
    return F.gelu_backward(g, x + bias, gate, approximate)


bias_gelu.vjp(x=bias_gelu_vjp, bias=bias_gelu_vjp)
