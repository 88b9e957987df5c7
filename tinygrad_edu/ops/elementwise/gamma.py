"""Incomplete gamma functions, Hurwitz's zeta function, and the scaled error function; computed in
float64 and returned in the input's dtype.
"""

from __future__ import annotations

import math

from ...engine.case import Case, Sample, positive
from ...engine.errors import GraphError
from ...engine.op import Array, op
from .error_function import erfc_precise
from .special import lgamma, zeta_tail

PAIRS = [
    Case(positive(2, 3, low=0.3, high=5), positive(3, low=0.1, high=9), grad=False),
    Case(Sample(values=[0.5, 20.0, 20.0, 3.0]), Sample(values=[30.0, 19.0, 23.0, 0.0]), grad=False),
    Case(Sample(values=[0.0, 0.0, -1.0, 2.0]), Sample(values=[1.0, 0.0, 1.0, -1.0]), grad=False),
]
ROUNDS = 10_000  # of a series or a continued fraction, which end once nothing changes


def no_gradient(name, argument):
    """The formula of an argument that PyTorch knows no derivative for either."""

    def refuse(g):
        raise GraphError(
            f"{name}: has no derivative by {argument}, got one that requires gradients. Use"
            f" {argument}.detach()."
        )

    return refuse


def lower_series(xp, a, x):
    """sum_n x^n / ((a + 1) ... (a + n)): quick for x < a + 1 (Abramowitz, 6.5.29)."""
    term = total = xp.ones_like(a)
    for n in range(1, ROUNDS):
        term = term * x / (a + n)
        total = total + term
        if not (term > total * 1e-17).any():
            break
    return total


def upper_fraction(xp, a, x):
    """The continued fraction of Gamma(a, x) e^x x^-a: quick for x > a + 1 (Abramowitz, 6.5.31, in
    the form that takes two of its steps at once, from the front).
    """
    b = x + 1 - a
    c, d = xp.full_like(b, 1e300), 1 / b
    total = d
    for n in range(1, ROUNDS):
        b = b + 2
        d = 1 / (n * (a - n) * d + b)
        c = b + n * (a - n) / c
        total = total * (c * d)
        if not (xp.absolute(c * d - 1) > 4e-16).any():
            break
    return total


def incomplete(xp, input, other):
    """(P, Q), the lower and the upper part of the gamma integral, with P + Q = 1."""
    dtype = getattr(input, "dtype", None) or other.dtype
    a, x = xp.broadcast_arrays(xp.asarray(input, dtype="float64"), xp.asarray(other, "float64"))
    some = (a > 0) & (x > 0) & xp.isfinite(a) & xp.isfinite(x)
    a_in, x_in = xp.where(some, a, 1.0), xp.where(some, x, 1.0)
    log_size = a_in * xp.log(x_in) - x_in - lgamma.forward(xp, a_in)
    near = x_in < a_in + 1
    below = lower_series(xp, xp.where(near, a_in, 1.0), xp.where(near, x_in, 1.0)) / a_in
    above = upper_fraction(xp, xp.where(near, 1.0, a_in), xp.where(near, 3.0, x_in))
    part = xp.exp(log_size) * xp.where(near, below, above)
    lower, upper = xp.where(near, part, 1 - part), xp.where(near, 1 - part, part)
    # at the ends: all of it lies above x = 0, and below a = 0 or x = infinity
    valid = (a >= 0) & (x >= 0) & ((a > 0) | (x > 0)) & (xp.isfinite(a) | xp.isfinite(x))
    end = xp.where((a == 0) | xp.isinf(x), 1.0, 0.0)
    lower = xp.where(some, lower, xp.where(valid, end, xp.nan))
    upper = xp.where(some, upper, xp.where(valid, 1 - end, xp.nan))
    return lower.astype(dtype), upper.astype(dtype)


def density(F, g, input, other):
    """g times d/dx P(a, x) = x^(a - 1) e^-x / Gamma(a)."""
    return g * F.exp(F.xlogy(input - 1, other) - other - F.lgamma(input))


@op(inplace=True, types="float", cases=PAIRS)
def igamma(xp, input: Array, other: Array):
    """Regularised lower incomplete gamma function.

    Math:   out = 1/Gamma(input) integral_0^other t^(input-1) e^-t dt;
            d other = g other^(input-1) e^-other / Gamma(input)
    Raises: GraphError if input requires gradients, when they are asked for
    Reference: M. Abramowitz, I. Stegun, 1964, 6.5.29 (series), 6.5.31 (continued fraction)
    """
    return incomplete(xp, input, other)[0]


@op(inplace=True, types="float", cases=PAIRS)
def igammac(xp, input: Array, other: Array):
    """Regularised upper incomplete gamma function.

    Math:   out = 1 - igamma(input, other);
            d other = -g other^(input-1) e^-other / Gamma(input)
    Raises: GraphError if input requires gradients, when they are asked for
    """
    return incomplete(xp, input, other)[1]


igamma.vjp(input=no_gradient("igamma", "input"), other=density)
igammac.vjp(
    input=no_gradient("igammac", "input"),
    other=lambda F, g, input, other: -density(F, g, input, other),
)


@op(
    method=False,
    torch="special.zeta",
    types="float",
    cases=[
        Case(positive(2, 3, low=1.2, high=6), positive(3, low=0.2, high=20), grad=False),
        Case(
            Sample(values=[1.0, 0.5, 2.0, 3.0]), Sample(values=[2.0, 2.0, -1.0, -1.5]), grad=False
        ),
    ],
)
def zeta(xp, input: Array, other: Array):
    """Hurwitz's zeta function; infinite at input = 1 and at other = 0, -1, ..., NaN below 1.

    Math:   out = sum_{k >= 0} (k + other)^-input;   d other = -g input zeta(input + 1, other)
    Raises: GraphError if input requires gradients, when they are asked for
    Reference: M. Abramowitz, I. Stegun, 1964, 23.1.30 (Euler-Maclaurin)
    """
    dtype = getattr(input, "dtype", None) or other.dtype
    s, q = xp.broadcast_arrays(xp.asarray(input, dtype="float64"), xp.asarray(other, "float64"))
    pole = (q <= 0) & (q == xp.floor(q))
    lost = (q <= 0) & ~pole & (s != xp.floor(s))  # a power of a negative number
    some = (s > 1) & ~pole & ~lost & ~xp.isnan(q)
    value = zeta_tail(xp, xp.where(some, s, 2.0), xp.where(some, q, 1.0))
    edge = xp.where((s == 1) | pole & (s > 1), xp.inf, xp.nan)
    return xp.where(some, value, edge).astype(dtype)


zeta.vjp(
    input=no_gradient("zeta", "input"),
    other=lambda F, g, input, other: -g * input * F.zeta(input + 1, other),
)


@op(
    method=False,
    torch="special.erfcx",
    types="float",
    cases=[Case([2, 3]), Case(Sample(5, low=-3.0, high=30.0))],
)
def erfcx(xp, input: Array):
    """erfc, scaled so that it does not vanish far out.

    Math:   out = e^(input^2) erfc(input);   d input = g (2 input out - 2/sqrt(pi))
    Reference: M. Abramowitz, I. Stegun, 1964, 7.1.14 (continued fraction, from 2 on)
    """
    x = input.astype(xp.float64)
    near, far = xp.minimum(x, 2.0), xp.maximum(x, 2.0)
    fraction = far
    for n in range(120, 0, -1):
        fraction = far + (n / 2) / fraction
    tail = 1 / (fraction * math.sqrt(math.pi))
    return xp.where(x < 2, xp.exp(near * near) * erfc_precise(xp, near), tail).astype(input.dtype)


erfcx.vjp(input=lambda F, g, input, out: g * (input * out * 2 - 1.1283791670955126))
