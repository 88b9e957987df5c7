"""Random numbers of the gamma and binomial families, and the gradient of a gamma sample."""

from __future__ import annotations

import math

from ...engine.border import public
from ...engine.case import Case, Sample, positive
from ...engine.device import Generator, functional, get_device
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from ..elementwise.gamma import no_gradient
from ..elementwise.special import digamma
from .random import make, source

STEP, NODES = 0.08, range(-52, 57)  # of the quadrature: places t = STEP n, the rest adds < 1e-12


def series_slope(xp, a, log_x):
    """d ln x / d a from the power series of the gamma integral, for x < 1.

    Math:   P(a, x) = x^a e^-x / Gamma(a) sum_n t_n, t_n = x^n / (a (a + 1) ... (a + n))
    """
    x = xp.exp(log_x)
    term, rise = 1 / a, 1 / a
    start = log_x - digamma.forward(xp, a)
    total = term * (start - rise)
    for n in range(1, 22):  # 1/22! < 1e-21
        term = term * x / (a + n)
        rise = rise + 1 / (a + n)
        total = total + term * (start - rise)
    return -total


def integral_slope(xp, a, log_x):
    """d ln x / d a as an integral from x outward, for x >= 1.

    Math:   -int_0^x = int_x^inf (p(t) / p(x)) (ln t - psi(a)) dt / x, with t = x e^u
    Note:   psi(a) decides the side, so that all terms have one sign; the places are those of
            H. Takahasi, M. Mori, 1974, for integrands that fall off: u = w exp(t - e^-t)
    """
    x, start = xp.exp(log_x), log_x - digamma.forward(xp, a)
    side = xp.where(start > 0, 1.0, -1.0)
    width = 1 / (xp.absolute(a - x) + xp.sqrt(xp.maximum(a, x)))
    total = 0.0
    for n in NODES:
        t = STEP * n
        ratio = math.exp(t - math.exp(-t))
        u = side * width * ratio
        share = xp.exp(a * u - x * xp.expm1(u))
        total = total + share * (start + u) * (STEP * (1 + math.exp(-t)) * ratio)
    return side * width * total


@piece(
    types="float",
    cases=[
        Case(positive(2, 3, low=0.3, high=5), Sample(2, 3, low=-2.0, high=2.0), grad=False),
        Case(
            Sample(values=[0.01, 50.0, 1e5, 3.0]),
            Sample(values=[-200.0, 4.0, 11.5, 0.5]),
            grad=False,
        ),
    ],
)
def log_gamma_slope(xp, concentration: Array, log_sample: Array):
    """How the logarithm of a gamma sample moves with its concentration.

    Math:   out = d ln x / d a = -(dP(a, x) / da) / (x p(x)), where P(a, x) stays the same
    Reference: M. Figurnov et al., 2018, "Implicit reparameterization gradients", eq. 5
    """
    a, log_x = xp.broadcast_arrays(concentration.astype(xp.float64), log_sample.astype(xp.float64))
    small = log_x < 0
    near = series_slope(xp, a, xp.where(small, log_x, 0.0))
    far = integral_slope(xp, a, xp.where(small, 0.0, log_x))
    return xp.where(small, near, far).astype(log_sample.dtype)


log_gamma_slope.vjp(
    concentration=no_gradient("log_gamma_slope", "concentration"),
    log_sample=no_gradient("log_gamma_slope", "log_sample"),
)


@piece(
    types="float",
    cases=[Case(positive(2, 3, low=0.3, high=5), Sample(2, 3, low=-2.0, high=2.0), grad=False)],
)
def log_gamma_path(xp, concentration: Array, log_sample: Array):
    """The logarithm of a gamma sample, with a gradient to its concentration.

    Math:   out = log_sample;   d concentration = g log_gamma_slope(concentration, log_sample)
    Reference: M. Figurnov et al., 2018, "Implicit reparameterization gradients"
    """
    return xp.array(log_sample)


log_gamma_path.vjp(
    concentration=lambda F, g, concentration, log_sample: (
        g * F.log_gamma_slope(concentration, log_sample)
    ),
    log_sample=None,
)


def log_gamma_sample(concentration: Tensor, generator: Generator | None = None) -> Tensor:
    """Logarithms of gamma numbers of rate 1. Small concentrations do not take them to -inf.

    Math:   ln x = ln x' + ln(u) / a, x' of concentration a + 1, u uniform in (0, 1]
    Reference: G. Marsaglia, W. Tsang, 2000, "A simple method for generating gamma variables", § 6
    """
    rng, raw = source(generator), concentration.device.to_host(concentration.array)
    raw = raw.astype("float64")
    above = get_device("cpu").xp.log(rng.standard_gamma(raw + 1))
    log_x = above - rng.standard_exponential(raw.shape) / raw
    drawn = make(log_x, concentration.dtype, concentration.device, False)
    return functional.log_gamma_path(concentration, drawn)


@public
def binomial(count: Tensor, prob: Tensor, generator: Generator | None = None) -> Tensor:
    """How many of `count` trials succeed, each with probability `prob`.

    Shape:  count, prob have the same shape
    """
    host = count.device.to_host
    n, p = host(count.array), host(prob.array)
    if n.size and not ((n >= 0).all() and (p >= 0).all() and (p <= 1).all()):
        raise ShapeError(
            "binomial: count must be at least 0 and prob in [0, 1], got others. Correct them."
        )
    drawn = source(generator).binomial(n.astype("int64"), p.astype("float64"))
    return make(drawn, prob.dtype, prob.device, False)


def multinomial_counts(total: int, probs: Tensor, sample_shape: tuple = ()) -> Tensor:
    """How often each class comes up in `total` draws.

    Shape:  probs: (*batch, K) with sums of 1; result: (*sample_shape, *batch, K)
    """
    raw = probs.device.to_host(probs.array).astype("float64")
    raw = raw / raw.sum(-1, keepdims=True)  # float32 adds up to 1 less exactly
    shape = (*sample_shape, *raw.shape[:-1])
    return make(source(None).multinomial(total, raw, shape), probs.dtype, probs.device, False)
