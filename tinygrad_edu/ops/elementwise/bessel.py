"""Bessel functions and the Airy function, computed in float64 and returned in the input's dtype.

Most are integrals of smooth functions, for which the trapezoidal rule converges as fast as a series
and without its cancellation. Far out, Hankel's asymptotic series take over.
"""

from __future__ import annotations

import math

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.op import Array, op
from ...engine.tensor import Tensor

FAR_OUT = Sample(4, low=-40.0, high=40.0)
GROWING = [
    Case([2, 3]),
    Case(FAR_OUT, grad=False),  # a finite difference of e^40 has no digits
    Case(Sample(values=[0.0, 1.0, -2.0]), second=False),
]
WIDE = [Case([2, 3], torch=False), Case(FAR_OUT, torch=False)]  # PyTorch has six digits
RIGHT = [Case(Sample(5, low=0.01, high=4.0)), Case(Sample(4, low=4.0, high=60.0)), Case([2, 3])]
RIGHT_OF_J = [Case(Sample(6, low=0.01, high=40.0), torch=False)]
FAR = 25.0  # from here on Hankel's series is exact to float64
EULER = 0.5772156649015329
POINTS = 128  # of the trapezoidal rule over a period
ANGLES = [math.pi * j / (POINTS // 2) for j in range(POINTS // 2 + 1)]
SINES = [math.sin(t) for t in ANGLES]
WEIGHTS = [(1 if 0 < j < POINTS // 2 else 0.5) / (POINTS // 2) for j in range(POINTS // 2 + 1)]
# of Y_0: sum over k of (-1)^k cos(2 k t) / k, which collects the J_2k of its Neumann series
SECOND = [sum((-1) ** k * math.cos(2 * k * t) / k for k in range(1, 31)) for t in ANGLES]


def hankel_terms(order, count=30):
    """Coefficients a_k of Hankel's series, whose terms are a_k / x^k (Abramowitz, 9.2.9)."""
    terms = [1.0]
    for k in range(1, count):
        terms.append(terms[-1] * (4 * order**2 - (2 * k - 1) ** 2) / (8 * k))
    return terms


def series(xp, terms, z):
    """sum_k terms_k z^k."""
    total = xp.zeros_like(z)
    for term in reversed(terms):
        total = total * z + term
    return total


# ---- modified: I and K ---------------------------------------------------------------------------


def i_scaled(xp, order, x):
    """e^-|x| I_order(x) for order 0 or 1 (Abramowitz, 9.6.10 and 9.7.1)."""
    z = xp.absolute(x)
    near, far = xp.minimum(z, FAR), xp.maximum(z, FAR)
    term = (near / 2) ** order
    total = term
    for k in range(1, 70):
        term = term * (near * near / 4) / (k * (k + order))
        total = total + term
    terms = [a * (-1) ** k for k, a in enumerate(hankel_terms(order))]
    tail = series(xp, terms, 1 / far) / xp.sqrt(2 * math.pi * far)
    value = xp.where(z < FAR, total * xp.exp(-near), tail)
    return xp.where(xp.isinf(z), 0.0, xp.copysign(value, x) if order else value)


def k_scaled(xp, order, x):
    """e^x K_order(x) for x > 0 of any size but the smallest, as e^x integral e^(-x cosh t)
    cosh(order t) dt (Abramowitz, 9.6.24).
    """
    reach = 40 / x
    step = xp.log1p(reach + xp.sqrt(reach * (reach + 2))) / 64  # cosh - 1 reaches 40 / x
    total = 0.5
    for j in range(1, 65):
        t = j * step
        total = total + xp.exp(-2 * x * xp.sinh(t / 2) ** 2) * xp.cosh(order * t)
    return total * step


def k_near(xp, order, x):
    """K_order(x) for order 0 or 1 and x up to 2 (Abramowitz, 9.6.11)."""
    z, log = x * x / 4, xp.log(x / 2)
    term, total, harmonic = 1.0, 0.0, -EULER
    for k in range(16):
        if order == 0:
            total = total + term * (harmonic - log)
        else:
            total = total + term * (log - harmonic - 0.5 / (k + 1)) / (k + 1)
        harmonic += 1 / (k + 1)
        term = term * z / (k + 1) ** 2
    return total if order == 0 else 1 / x + x / 2 * total


def k_any(xp, order, input, scaled):
    """K_order, or e^x K_order: infinite at 0, NaN below."""
    x = input.astype(xp.float64)
    some = x > 0
    near, far = xp.where(some & (x < 2), x, 1.0), xp.where(x >= 2, xp.minimum(x, 1e300), 2.0)
    left = k_near(xp, order, near) * (xp.exp(near) if scaled else 1.0)
    right = k_scaled(xp, order, far) * (1.0 if scaled else xp.exp(-far))
    value = xp.where(x < 2, left, right)
    value = xp.where(some, value, xp.where(x == 0, xp.inf, xp.nan))
    return xp.where(xp.isinf(x) & some, 0.0, value).astype(input.dtype)


def i_any(xp, order, input, scaled):
    x = input.astype(xp.float64)
    value = i_scaled(xp, order, x)
    if not scaled:
        grown = xp.exp(xp.minimum(xp.absolute(x), 800.0))
        value = xp.where(xp.isinf(x), x if order else xp.inf, value * grown)
    return value.astype(input.dtype)


@op(inplace=True, types="float", cases=GROWING)
def i0(xp, input: Array):
    """Modified Bessel function of the first kind, order 0.

    Math:   out = I_0(input);   d input = g I_1(input)
    Reference: M. Abramowitz, I. Stegun, 1964, 9.6.10 (series), 9.7.1 (from 25 on)
    """
    return i_any(xp, 0, input, False)


@op(method=False, torch="special.i0e", types="float", cases=GROWING)
def i0e(xp, input: Array):
    """I_0, scaled so that it cannot overflow.

    Math:   out = e^-|input| I_0(input);   d input = g (i1e(input) - sign(input) out)
    """
    return i_any(xp, 0, input, True)


@op(method=False, torch="special.i1", types="float", cases=GROWING)
def i1(xp, input: Array):
    """Modified Bessel function of the first kind, order 1.

    Math:   out = I_1(input);   d input = g (I_0(input) - out / input), g / 2 at 0
    """
    return i_any(xp, 1, input, False)


@op(method=False, torch="special.i1e", types="float", cases=GROWING)
def i1e(xp, input: Array):
    """I_1, scaled so that it cannot overflow.

    Math:   out = e^-|input| I_1(input);
            d input = g (i0e(input) - out (sign(input) + 1 / input)), g / 2 at 0
    """
    return i_any(xp, 1, input, True)


def ratio_to(F, out, input):
    """out / input, 1/2 at 0: how I_1 begins."""
    zero = input == 0
    return F.where(zero, 0.5, out / F.where(zero, 1.0, input))


i0.vjp(input=lambda F, g, input: g * F.i1(input))
i0e.vjp(input=lambda F, g, input, out: g * (F.i1e(input) - F.sign(input) * out))
i1.vjp(input=lambda F, g, input, out: g * (F.i0(input) - ratio_to(F, out, input)))
i1e.vjp(
    input=lambda F, g, input, out: (
        g * (F.i0e(input) - F.sign(input) * out - ratio_to(F, out, input))
    )
)


@op(
    method=False,
    torch="special.modified_bessel_i0",
    types="float",
    differentiable=False,
    cases=GROWING,
)
def modified_bessel_i0(xp, input: Array):
    """`i0` without a gradient, under its other name.

    Math:   out = I_0(input)
    """
    return i_any(xp, 0, input, False)


@op(
    method=False,
    torch="special.modified_bessel_i1",
    types="float",
    differentiable=False,
    cases=GROWING,
)
def modified_bessel_i1(xp, input: Array):
    """`i1` without a gradient, under its other name.

    Math:   out = I_1(input)
    """
    return i_any(xp, 1, input, False)


@op(
    method=False,
    torch="special.modified_bessel_k0",
    types="float",
    differentiable=False,
    cases=RIGHT,
)
def modified_bessel_k0(xp, input: Array):
    """Modified Bessel function of the second kind, order 0; NaN below 0.

    Math:   out = K_0(input)
    Reference: M. Abramowitz, I. Stegun, 1964, 9.6.11 (series up to 2), 9.6.24 (integral)
    """
    return k_any(xp, 0, input, False)


@op(
    method=False,
    torch="special.modified_bessel_k1",
    types="float",
    differentiable=False,
    cases=RIGHT,
)
def modified_bessel_k1(xp, input: Array):
    """Modified Bessel function of the second kind, order 1; NaN below 0.

    Math:   out = K_1(input)
    """
    return k_any(xp, 1, input, False)


@op(
    method=False,
    torch="special.scaled_modified_bessel_k0",
    types="float",
    differentiable=False,
    cases=RIGHT,
    also={"x": "input"},
)
def scaled_modified_bessel_k0(xp, input: Array):
    """K_0, scaled so that it does not vanish far out; NaN below 0.

    Math:   out = e^input K_0(input)
    """
    return k_any(xp, 0, input, True)


@op(
    method=False,
    torch="special.scaled_modified_bessel_k1",
    types="float",
    differentiable=False,
    cases=RIGHT,
    also={"x": "input"},
)
def scaled_modified_bessel_k1(xp, input: Array):
    """K_1, scaled so that it does not vanish far out; NaN below 0.

    Math:   out = e^input K_1(input)
    """
    return k_any(xp, 1, input, True)


# ---- J and Y -------------------------------------------------------------------------------------


def hankel(xp, order, x):
    """(J, Y) for x >= 25 (Abramowitz, 9.2.5 to 9.2.10)."""
    terms, z = hankel_terms(order), -1 / (x * x)
    p, q = series(xp, terms[0::2], z), series(xp, terms[1::2], z) / x
    angle = x - (order / 2 + 0.25) * math.pi
    cos, sin, size = xp.cos(angle), xp.sin(angle), xp.sqrt(2 / (math.pi * x))
    return size * (p * cos - q * sin), size * (p * sin + q * cos)


def trapezoid(xp, x, weights, order):
    """(2 / period) integral of weight(t) cos(x sin t), order 0, or sin t sin(x sin t), order 1."""
    total = 0.0
    for weight, sine in zip(weights, SINES):
        total = total + (weight * sine * xp.sin(x * sine) if order else weight * xp.cos(x * sine))
    return total


def j_any(xp, order, input):
    """J_0 or J_1 (Abramowitz, 9.1.21)."""
    x = xp.absolute(input.astype(xp.float64))
    near, far = xp.minimum(x, FAR), xp.maximum(x, FAR)
    value = xp.where(x < FAR, trapezoid(xp, near, WEIGHTS, order), hankel(xp, order, far)[0])
    return (xp.where(input < 0, -value, value) if order else value).astype(input.dtype)


def y_any(xp, order, input):
    """Y_0 by its Neumann series (Abramowitz, 9.1.89), or Y_1 = -Y_0'; -inf at 0, NaN below."""
    x = input.astype(xp.float64)
    near, far = xp.where((x > 0) & (x < FAR), x, 1.0), xp.maximum(x, FAR)
    first = trapezoid(xp, near, WEIGHTS, order)
    rest = trapezoid(xp, near, [a * b for a, b in zip(WEIGHTS, SECOND)], order)
    value = (xp.log(near / 2) + EULER) * first - 2 * rest
    if order:
        value = value - trapezoid(xp, near, WEIGHTS, 0) / near
    value = xp.where(x < FAR, value * (2 / math.pi), hankel(xp, order, far)[1])
    return xp.where(x > 0, value, xp.where(x == 0, -xp.inf, xp.nan)).astype(input.dtype)


@op(method=False, torch="special.bessel_j0", types="float", differentiable=False, cases=WIDE)
def bessel_j0(xp, input: Array):
    """Bessel function of the first kind, order 0.

    Math:   out = J_0(input) = 1/pi integral_0^pi cos(input sin t) dt
    Reference: M. Abramowitz, I. Stegun, 1964, 9.1.18, and 9.2.5 from 25 on
    """
    return j_any(xp, 0, input)


@op(method=False, torch="special.bessel_j1", types="float", differentiable=False, cases=WIDE)
def bessel_j1(xp, input: Array):
    """Bessel function of the first kind, order 1.

    Math:   out = J_1(input) = 1/pi integral_0^pi sin t sin(input sin t) dt
    """
    return j_any(xp, 1, input)


@op(method=False, torch="special.bessel_y0", types="float", differentiable=False, cases=RIGHT_OF_J)
def bessel_y0(xp, input: Array):
    """Bessel function of the second kind, order 0; NaN below 0.

    Math:   out = Y_0(input) = 2/pi (ln(input/2) + gamma) J_0 - 4/pi sum_k (-1)^k J_2k / k
    Reference: M. Abramowitz, I. Stegun, 1964, 9.1.89, and 9.2.6 from 25 on
    """
    return y_any(xp, 0, input)


@op(method=False, torch="special.bessel_y1", types="float", differentiable=False, cases=RIGHT_OF_J)
def bessel_y1(xp, input: Array):
    """Bessel function of the second kind, order 1; NaN below 0.

    Math:   out = Y_1(input) = -d/dx Y_0(input)
    """
    return y_any(xp, 1, input)


@composite(
    method=False,
    torch="special.spherical_bessel_j0",
    also={"x": "input"},
    cases=[Case([2, 3], grad=False)],
)
def spherical_bessel_j0(F, input: Tensor) -> Tensor:
    """Spherical Bessel function of the first kind, order 0.

    Math:   out = sin(input) / input, 1 at 0
    """
    x = input.detach()
    return F.where(F.isinf(x), 0.0, F.sinc(x / math.pi))


# ---- Airy ----------------------------------------------------------------------------------------


def airy_middle(xp, x):
    """Ai(x) for -9 <= x <= 1: its integral along a line above the real axis, where the integrand
    falls as e^(-s^2 / 2) (Abramowitz, 10.4.32, shifted by i/2).
    """
    step, total = 0.06, 0.0
    for j in range(150):
        s = j * step
        size = math.exp(-0.5 * s * s + 1 / 24) * (0.5 if j == 0 else 1.0)
        total = total + size * xp.cos(s**3 / 3 - s / 4 + x * s)
    return total * xp.exp(-x / 2) * (step / math.pi)


def airy_left(xp, z):
    """Ai(-z) for z >= 9 (Abramowitz, 10.4.60)."""
    zeta = 2 / 3 * z * xp.sqrt(z)
    terms = hankel_terms(1 / 3)  # with order 1/3 these are the c_k of the Airy functions
    even, odd = series(xp, terms[0::2], -1 / zeta**2), series(xp, terms[1::2], -1 / zeta**2) / zeta
    angle = zeta + math.pi / 4
    return (xp.sin(angle) * even + xp.cos(angle) * odd) / (math.sqrt(math.pi) * z**0.25)


@op(
    method=False,
    torch="special.airy_ai",
    types="float",
    differentiable=False,
    also={"x": "input"},
    cases=[Case([2, 3], torch=False), Case(Sample(6, low=-30.0, high=8.0), torch=False)],
)
def airy_ai(xp, input: Array):
    """Airy function Ai.

    Math:   out = 1/pi integral_0^inf cos(t^3/3 + input t) dt
    Reference: M. Abramowitz, I. Stegun, 1964, 10.4.14 (by K_1/3), 10.4.32, 10.4.60
    """
    x = input.astype(xp.float64)
    right = xp.minimum(xp.maximum(x, 1.0), 200.0)
    zeta = 2 / 3 * right * xp.sqrt(right)
    above = xp.sqrt(right / 3) / math.pi * k_scaled(xp, 1 / 3, zeta) * xp.exp(-zeta)
    middle = airy_middle(xp, xp.minimum(xp.maximum(x, -9.0), 1.0))
    value = xp.where(x < -9, airy_left(xp, xp.maximum(-x, 9.0)), xp.where(x > 1, above, middle))
    return xp.where(xp.isnan(x), x, value).astype(input.dtype)
