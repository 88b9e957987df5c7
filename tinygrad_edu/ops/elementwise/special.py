"""Special functions, which NumPy lacks: the gamma family and the relatives of the error function.
Computed in float64, given in x's dtype.
"""

from __future__ import annotations

import math

from ...engine.case import Array, Case, positive
from ...engine.dtype import check_number
from ...engine.op import composite, op
from .error_function import erf_array, erfc_precise

ONE = [Case([2, 3]), Case([]), Case([0, 3])]
INSIDE = [Case(Array(2, 3, low=-0.9, high=0.9)), Case(Array(low=-0.9, high=0.9))]
POLES = [Case(Array(2, 3, low=0.2, high=6.0)), Case(Array(values=[-0.5, -1.3, -2.7, 0.1, 30.5]))]
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


@op(inplace=True, types="float", cases=ONE)
def erfc(xp, x, /):
    """One minus the error function, exact far out too.

    Math:   out = 1 - erf x;   d x = -g 2/sqrt(pi) e^-x^2
    """
    return erfc_precise(xp, x)


erfc.vjp(x=lambda F, g, x: g * (F.exp(-(x * x)) * -1.1283791670955126))


@op(inplace=True, types="float", cases=INSIDE)
def erfinv(xp, x, /):
    """Inverse of the error function.

    Math:   out = erf^-1 x;   d x = g sqrt(pi)/2 e^(out^2)
    Note:   a closed first guess (S. Winitzki, 2008), then Halley steps on erfc, so that values near
            1 are exact too
    """
    z = xp.absolute(x).astype(xp.float64)
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
    return xp.copysign(y, x).astype(x.dtype)


erfinv.vjp(x=lambda F, g, out: g * (F.exp(out * out) * 0.886226925452758))


@op(inplace=True, types="float", cases=POLES)
def lgamma(xp, x, /):
    """Logarithm of the absolute value of the gamma function.

    Math:   out = ln |Gamma(x)|;   d x = g digamma(x)
    Reference: C. Lanczos, 1964 (g = 7, 9 terms); Euler's reflection for x < 1/2
    """
    z = x.astype(xp.float64)
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
    return xp.where(pole | xp.isinf(z), xp.inf, value).astype(x.dtype)


lgamma.vjp(x=lambda F, g, x: g * F.digamma(x))


@op(inplace=True, types="float", cases=POLES)
def digamma(xp, x, /):
    """Derivative of lgamma.

    Math:   out = d/dx ln |Gamma(x)|;   d x = g polygamma(1, x)
    Note:   recurrence up to x >= 10, then the asymptotic series; reflection for x < 0; -inf at 0,
            NaN at negative integers
    """
    z = x.astype(xp.float64)
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
    return xp.where(z == 0, xp.copysign(xp.inf, -z), value).astype(x.dtype)


digamma.vjp(x=lambda F, g, x: g * F.polygamma(1, x))


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


@op(
    types="float",
    method=False,
    cases=[Case(positive(2, 3, low=0.3, high=5), n=1), Case(positive(2, 3, low=0.3, high=5), n=2)],
)
def polygamma_of(xp, x, /, n):
    """The n-th derivative of digamma, n >= 1.

    Math:   out = (-1)^(n+1) n! zeta(n + 1, x);   d x = g polygamma(n + 1, x)
    Note:   terms one by one up to x >= 12, then Euler-Maclaurin
    """
    sign = (-1.0) ** (n + 1)
    z = x.astype(xp.float64)
    pole = (z <= 0) & (z == xp.floor(z))
    value = sign * math.factorial(n) * zeta_tail(xp, n + 1.0, xp.where(pole, 1.0, z))
    return xp.where(pole, sign * xp.inf, value).astype(x.dtype)


polygamma_of.vjp(x=lambda F, g, x, n: g * F.polygamma_of(x, n + 1))


@composite(
    method=False,
    cases=[Case(0, positive(2, 3, low=0.3, high=5)), Case(2, positive(3, low=0.3, high=5))],
)
def polygamma(F, n, input):
    """The n-th derivative of digamma.

    Math:   out = (-1)^(n+1) n! zeta(n + 1, x);   d x = g polygamma(n + 1, x)
    """
    if type(n) is not int or n < 0:
        raise ValueError(
            f"polygamma: n must be an integer of at least 0, got {n!r}. Give the order of the"
            " derivative."
        )
    return F.digamma(input) if n == 0 else F.polygamma_of(input, n)


@composite(cases=[Case(positive(2, 3, low=3, high=6), 2)])
def mvlgamma(F, input, p):
    """Logarithm of the multivariate gamma function.

    Math:   out = p (p - 1) / 4 ln pi + sum_{i<p} lgamma(x - i / 2)
    """
    check_number("mvlgamma", input)
    total = F.lgamma(input)
    for i in range(1, p):
        total = total + F.lgamma(input - i / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


@op(
    inplace=True,
    types="float",
    cases=[Case([2, 3]), Case(Array(values=[0.0, 0.5, -2.0]), second=False)],
)
def sinc(xp, x, /):
    """sin(pi x) / (pi x), 1 at 0.

    Math:   d x = g (cos(pi x) - sinc x) / x, 0 at 0
    """
    return xp.sinc(x)


def sinc_vjp(F, g, x):
    zero = x == 0
    z = F.where(zero, 1.0, x)
    return g * F.where(zero, 0.0, (F.cos(z * math.pi) - F.sinc(z)) / z)


sinc.vjp(x=sinc_vjp)


@op(
    inplace=True,
    types="float",
    cases=[
        Case([2, 3], positive(3)),
        Case(Array(values=[0.0, 1.0, 2.0]), positive(3)),
        Case(positive(2), 2.0),
        Case(2.0, positive(2)),
    ],
)
def xlogy(xp, a, b, /):
    """a ln b, 0 where a is 0 (NaN where b is).

    Math:   out = a ln b;   d a = g ln b (0 where a = 0 and b <= 0),   d b = g a / b
    """
    zero = (a == 0) & ~xp.isnan(b)
    return xp.where(zero, 0.0, a * xp.log(xp.where(zero, 1.0, b))).astype(
        getattr(a, "dtype", None) or b.dtype
    )


def xlogy_d_a(F, g, a, b):
    if type(b) in (int, float):
        return g * (math.log(b) if b > 0 else float("nan") if b < 0 else float("-inf"))
    dead = (b <= 0) & (a == 0)
    return g * F.where(dead, 0.0, F.log(F.where(dead, 1.0, b)))


xlogy.vjp(a=xlogy_d_a, b=lambda g, a, b: g * (a / b))


@composite(method=False, cases=[Case([2, 3], positive(3))])
def xlog1py(F, input, other):
    """input times ln(1 + other), exact for small other.

    Math:   out = input ln(1 + other), 0 where input is 0
    """
    nothing = (input == 0) & ((other <= -1) | (other == math.inf))
    return F.where(nothing, 0.0, input * F.log1p(other))


@op(
    method=False,
    types="float",
    cases=[Case(positive(2, 3)), Case(Array(values=[0.0, 1.0, -1.0]), grad=False)],
)
def entr(xp, x, /):
    """Elementwise entropy.

    Math:   out = -x ln x, 0 at 0, -inf below;   d x = g (-ln x - 1), infinite at 0
    """
    some = x > 0
    return xp.where(
        some,
        -x * xp.log(xp.where(some, x, 1)),
        xp.where(x == 0, 0, xp.where(x < 0, -xp.inf, xp.nan)),
    ).astype(x.dtype)


entr.vjp(x=lambda F, g, x: g * (-F.log(x) - 1))


@composite(method=False, cases=ONE)
def ndtr(F, input):
    """The chance that a normal number is below x.

    Math:   out = (1 + erf(x / sqrt 2)) / 2
    """
    return F.erfc(input * -0.7071067811865476) * 0.5


@composite(method=False, cases=[Case(positive(2, 3, low=0.1, high=0.9))])
def ndtri(F, input):
    """Inverse of ndtr.

    Math:   out = sqrt 2 erfinv(2 x - 1)
    """
    return F.erfinv(input * 2.0 - 1) * 1.4142135623730951


@composite(cases=ONE)
def expit(F, input):
    """`sigmoid` under its name in statistics.

    Math:   out = 1 / (1 + e^-x)
    """
    return F.sigmoid(input)
