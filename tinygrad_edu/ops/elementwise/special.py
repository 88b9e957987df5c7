"""Special functions, which NumPy lacks: the error function, the normal distribution, the gamma
family.

All but erf are computed in float64 and returned in the input's dtype.
"""

from __future__ import annotations

import math

from ...engine.case import Case, Sample, positive
from ...engine.composite import composite
from ...engine.dtype import check_number
from ...engine.errors import ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .error_function import erf_array, erfc_precise

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
INSIDE = [Case(Sample(2, 3, low=-0.9, high=0.9)), Case(Sample(low=-0.9, high=0.9))]
POLES = [Case(Sample(2, 3, low=0.2, high=6.0)), Case(Sample(values=[-0.5, -1.3, -2.7, 0.1, 30.5]))]
LANCZOS = (
    0.99999999999980993,
    676.5203681218851,
    -1259.1392167224028,
    771.32342877765313,
    -176.61502916214059,
    12.507343278686905,
    -0.13857109526572012,
    9.9843695780195716e-6,
    1.5056327351493116e-7,
)
# B_2, B_4, ...
BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
)


@op(elementwise=lambda xp, input: xp.erf(input), inplace=True, types="float", cases=ONE)
def erf(xp, input: Array):
    """Error function, to the precision of the dtype.

    Math:   out = 2/sqrt(pi) integral_0^input e^-t^2 dt;   d input = g 2/sqrt(pi) e^-input^2
    Reference: series and continued fraction, M. Abramowitz, I. Stegun, 1964, 7.1.5 and 7.1.14
    """
    return erf_array(xp, input)


erf.vjp(input=lambda F, g, input: g * (F.exp(-(input * input)) * 1.1283791670955126))


@op(inplace=True, types="float", cases=ONE)
def erfc(xp, input: Array):
    """One minus the error function, exact far out too.

    Math:   out = 1 - erf(input);   d input = -g 2/sqrt(pi) e^-input^2
    """
    return erfc_precise(xp, input)


erfc.vjp(input=lambda F, g, input: g * (F.exp(-(input * input)) * -1.1283791670955126))


@op(inplace=True, types="float", cases=INSIDE)
def erfinv(xp, input: Array):
    """Inverse of the error function.

    Math:   out = erf^-1 input;   d input = g sqrt(pi)/2 e^(out^2)
    Note:   a closed first guess (S. Winitzki, 2008), then Halley steps on erfc, so that values near
            1 are exact too
    """
    z = xp.absolute(input).astype(xp.float64)
    inside = z < 1
    s = xp.where(inside, z, 0.5)
    log = xp.log1p(-s * s)
    a = 2 / (math.pi * 0.147) + log / 2
    y = xp.sqrt(xp.sqrt(a * a - log / 0.147) - a)
    for _ in range(3):
        error = xp.where(s < 0.5, erf_array(xp, y) - s, (1 - s) - erfc_precise(xp, y))
        u = error / (1.1283791670955126 * xp.exp(-y * y))
        y = y - u / (1 + y * u)
    y = xp.where(inside, y, xp.where(z == 1, xp.inf, xp.nan))
    return xp.copysign(y, input).astype(input.dtype)


erfinv.vjp(input=lambda F, g, out: g * (F.exp(out * out) * 0.886226925452758))


@op(inplace=True, types="float", cases=POLES)
def lgamma(xp, input: Array):
    """Logarithm of the absolute value of the gamma function.

    Math:   out = ln |Gamma(input)|;   d input = g digamma(input)
    Reference: C. Lanczos, 1964 (g = 7, 9 terms); Euler's reflection for input < 1/2
    """
    z = input.astype(xp.float64)
    reflected = z < 0.5
    w = xp.where(reflected, 1 - z, z) - 1
    total = LANCZOS[0]
    for i, c in enumerate(LANCZOS[1:], 1):
        total = total + c / (w + i)
    t = w + 7.5
    value = 0.9189385332046727 + (w + 0.5) * xp.log(t) - t + xp.log(total)
    pole = (z <= 0) & (z == xp.floor(z))
    sine = xp.absolute(xp.sin(math.pi * (z - xp.floor(z))))
    value = xp.where(
        reflected, 1.1447298858494002 - xp.log(xp.where(sine == 0, 1, sine)) - value, value
    )
    return xp.where(pole | xp.isinf(z), xp.inf, value).astype(input.dtype)


lgamma.vjp(input=lambda F, g, input: g * F.digamma(input))


@op(inplace=True, types="float", cases=POLES)
def digamma(xp, input: Array):
    """Derivative of lgamma.

    Math:   out = d/dx ln |Gamma(input)|;   d input = g polygamma(1, input)
    Note:   recurrence up to input >= 10, then the asymptotic series; reflection for input < 0;
            -inf at 0, NaN at negative integers
    """
    z = input.astype(xp.float64)
    reflected = z < 0
    w = xp.where(reflected, 1 - z, xp.where(z == 0, 1.0, z))
    value = 0.0
    for _ in range(10):
        low = w < 10
        value = value - xp.where(low, 1 / w, 0)
        w = xp.where(low, w + 1, w)
    value = value + xp.log(w) - 0.5 / w
    square, power = 1 / (w * w), 1 / (w * w)
    for n, b in enumerate(BERNOULLI[:8], 1):
        value = value - b / (2 * n) * power
        power = power * square
    fraction = z - xp.floor(z)
    value = xp.where(
        reflected, value - math.pi / xp.tan(math.pi * xp.where(fraction == 0, 0.5, fraction)), value
    )
    value = xp.where(reflected & (fraction == 0), xp.nan, value)
    return xp.where(z == 0, xp.copysign(xp.inf, -z), value).astype(input.dtype)


digamma.vjp(input=lambda F, g, input: g * F.polygamma(1, input))


def zeta_tail(xp, s, q):
    """Hurwitz zeta(s, q) for integers s > 1: terms up to q >= 12, then Euler-Maclaurin."""
    total, low = 0.0, q < 12
    # q below -100,000 is left to the series, where float64 has no digits after the point to speak
    # of
    for _ in range(100_000):
        total = total + xp.where(low, xp.where(low, q, 1.0) ** -s, 0)
        q = xp.where(low, q + 1, q)
        low = q < 12
        if not low.any():
            break
    total = total + q ** (1 - s) / (s - 1) + 0.5 * q**-s
    factor, power = s, q ** (-s - 1)
    for n, b in enumerate(BERNOULLI, 1):
        total = total + b / math.factorial(2 * n) * factor * power
        factor, power = factor * (s + 2 * n - 1) * (s + 2 * n), power / (q * q)
    return total


@piece(
    types="float",
    cases=[Case(positive(2, 3, low=0.3, high=5), n=1), Case(positive(2, 3, low=0.3, high=5), n=2)],
)
def polygamma_of(xp, input: Array, n: int):
    """The n-th derivative of digamma, n >= 1.

    Math:   out = (-1)^(n+1) n! zeta(n + 1, input);   d input = g polygamma(n + 1, input)
    Note:   terms one by one up to input >= 12, then Euler-Maclaurin
    """
    sign = (-1.0) ** (n + 1)
    z = input.astype(xp.float64)
    pole = (z <= 0) & (z == xp.floor(z))
    value = sign * math.factorial(n) * zeta_tail(xp, n + 1.0, xp.where(pole, 1.0, z))
    return xp.where(pole, sign * xp.inf, value).astype(input.dtype)


polygamma_of.vjp(input=lambda F, g, input, n: g * F.polygamma_of(input, n + 1))


@composite(
    method=False,
    cases=[Case(0, positive(2, 3, low=0.3, high=5)), Case(2, positive(3, low=0.3, high=5))],
)
def polygamma(F, n: int, input: Tensor) -> Tensor:
    """The n-th derivative of digamma.

    Math:   out = (-1)^(n+1) n! zeta(n + 1, input);   d input = g polygamma(n + 1, input)
    """
    if type(n) is not int or n < 0:
        raise ShapeError(
            f"polygamma: n must be an integer of at least 0, got {n!r}. Give the order of the"
            " derivative."
        )
    return F.digamma(input) if n == 0 else F.polygamma_of(input, n)


@composite(cases=[Case(positive(2, 3, low=3, high=6), 2)])
def mvlgamma(F, input: Tensor, p: int) -> Tensor:
    """Logarithm of the multivariate gamma function.

    Math:   out = p (p - 1) / 4 ln pi + sum_{i<p} lgamma(input - i / 2)
    """
    check_number("mvlgamma", input)
    total = F.lgamma(input)
    for i in range(1, p):
        total = total + F.lgamma(input - i / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@op(
    inplace=True,
    types="float",
    slot="sinc",
    cases=[Case([2, 3]), Case(Sample(values=[0.0, 0.5, -2.0]), second=False)],
)
def sinc(xp, input: Array):
    """Normalised sine cardinal, 1 at 0.

    Math:   out = sin(pi input) / (pi input);
            d input = g (cos(pi input) - out) / input, 0 at 0
    """
    return xp.sinc(input)


def sinc_vjp(F, g, input):
    zero = input == 0
    z = F.where(zero, 1.0, input)
    return g * F.where(zero, 0.0, (F.cos(z * math.pi) - F.sinc(z)) / z)


sinc.vjp(input=sinc_vjp)


@op(
    elementwise=True,
    inplace=True,
    types="float",
    cases=[
        Case([2, 3], positive(3)),
        Case(Sample(values=[0.0, 1.0, 2.0]), positive(3)),
        Case(positive(2), 2.0),
        Case(2.0, positive(2)),
    ],
)
def xlogy(xp, input: Array, other: Array):
    """Input times ln(other), 0 where input is 0 (NaN where other is).

    Math:   out = input ln other;   d input = g ln other, 0 where input = 0 and other <= 0;
            d other = g input / other
    """
    dtype = getattr(input, "dtype", None) or other.dtype
    zero = (input == 0) & ~xp.isnan(other)
    return xp.where(zero, 0.0, input * xp.log(xp.where(zero, 1.0, other))).astype(dtype)


def xlogy_d_input(F, g, input, other):
    if type(other) in (int, float):
        return g * (math.log(other) if other > 0 else float("nan") if other < 0 else -math.inf)
    dead = (other <= 0) & (input == 0)
    return g * F.where(dead, 0.0, F.log(F.where(dead, 1.0, other)))


xlogy.vjp(input=xlogy_d_input, other=lambda g, input, other: g * (input / other))


@op(
    method=False,
    torch="special.xlog1py",
    types="float",
    elementwise=True,
    cases=[
        Case([2, 3], positive(3)),
        Case(Sample(values=[0.0, 1.0, 2.0]), positive(3)),
        Case(positive(2), 2.0),
        Case(2.0, positive(2)),
    ],
)
def xlog1py(xp, input: Array, other: Array):
    """Input times ln(1 + other), exact for small other; 0 where input is 0 (NaN where other is).

    Math:   out = input ln(1 + other);   d input = g ln(1 + other), 0 where input = 0, other <= -1;
            d other = g input / (1 + other)
    """
    dtype = getattr(input, "dtype", None) or other.dtype
    zero = (input == 0) & ~xp.isnan(other)
    return xp.where(zero, 0.0, input * xp.log1p(xp.where(zero, 0.0, other))).astype(dtype)


def xlog1py_d_input(F, g, input, other):
    other = other + input * 0  # a number becomes an array of the right dtype
    dead = (other <= -1) & (input == 0)
    return g * F.log1p(F.where(dead, 0.0, other))


xlog1py.vjp(input=xlog1py_d_input, other=lambda g, input, other: g * (input / (other + 1)))


@op(
    method=False,
    torch="special.entr",
    types="float",
    elementwise=True,
    cases=[Case(positive(2, 3)), Case(Sample(values=[0.0, 1.0, -1.0]), grad=False)],
)
def entr(xp, input: Array):
    """Elementwise entropy.

    Math:   out = -input ln input, 0 at 0, -inf below;   d input = g (-ln input - 1)
    Note:   the gradient at 0 is infinite
    """
    some = input > 0
    inside = -input * xp.log(xp.where(some, input, 1))
    outside = xp.where(input == 0, 0, xp.where(input < 0, -xp.inf, xp.nan))
    return xp.where(some, inside, outside).astype(input.dtype)


entr.vjp(input=lambda F, g, input: g * (-F.log(input) - 1))


# ---- the normal distribution ---------------------------------------------------------------------


@composite(method=False, torch="special.ndtr", cases=ONE)
def ndtr(F, input: Tensor) -> Tensor:
    """The chance that a standard normal number is below input.

    Math:   out = (1 + erf(input / sqrt 2)) / 2
    """
    return F.erfc(input * -0.7071067811865476) * 0.5


def log_ndtr_array(xp, x):
    """ln Phi(x) of float64 numbers; far below 0 from the continued fraction of erfc, whose value
    would underflow.
    """
    far = xp.maximum(-x * 0.7071067811865476, 2.0)
    fraction = far
    for n in range(120, 0, -1):
        fraction = far + (n / 2) / fraction
    tail = -far * far - xp.log(fraction * (2 * math.sqrt(math.pi)))
    above = 0.5 * erfc_precise(xp, xp.absolute(x) * 0.7071067811865476)
    near = xp.where(x > 0, xp.log1p(-above), xp.log(xp.where(x < -4, 1.0, above)))
    return xp.where(x < -3, tail, near)


@op(
    method=False,
    torch="special.log_ndtr",
    types="float",
    cases=[Case([2, 3]), Case(Sample(4, low=-30.0, high=-3.0)), Case(Sample(4, low=2.0, high=6.0))],
)
def log_ndtr(xp, input: Array):
    """Logarithm of the chance that a standard normal number is below input, exact far below 0.

    Math:   out = ln Phi(input);   d input = g phi(input) / Phi(input)
    """
    return log_ndtr_array(xp, input.astype(xp.float64)).astype(input.dtype)


log_ndtr.vjp(
    input=lambda F, g, input, out: g * (F.exp(input * input * -0.5 - out) * 0.3989422804014327)
)


@op(
    method=False,
    torch="special.ndtri",
    types="float",
    cases=[
        Case(positive(2, 3, low=0.1, high=0.9)),
        Case(Sample(values=[1e-10, 0.02, 0.98]), second=False, grad=False),
        Case(Sample(values=[0.0, 1.0, -0.5, 0.5]), grad=False),
    ],
)
def ndtri(xp, input: Array):
    """Inverse of ndtr: the number that a standard normal number is below with chance input.

    Math:   out = Phi^-1(input);   d input = g sqrt(2 pi) e^(out^2 / 2)
    Note:   Newton's method on ln Phi, which is concave, so that it converges from any start
    """
    p = input.astype(xp.float64)
    lower = xp.minimum(p, 1 - p)
    inside = lower > 0
    target = xp.log(xp.where(inside, lower, 0.5))
    y = -xp.sqrt(-2 * target)  # below the solution for small p
    for _ in range(8):
        value = log_ndtr_array(xp, y)
        slope = xp.exp(-0.5 * y * y - value) * 0.3989422804014327
        y = y - (value - target) / slope
    y = xp.where(inside, y, xp.where(lower == 0, -xp.inf, xp.nan))
    return xp.where(p > 0.5, -y, y).astype(input.dtype)


ndtri.vjp(input=lambda F, g, out: g * (F.exp(out * out * 0.5) * 2.5066282746310002))


@composite(method=False, torch="special.expit", cases=ONE)
def expit(F, input: Tensor) -> Tensor:
    """`sigmoid` under its name in statistics.

    Math:   out = 1 / (1 + e^-input)
    """
    return F.sigmoid(input)
