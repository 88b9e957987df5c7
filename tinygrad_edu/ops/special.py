"""Special functions of raw arrays, which NumPy lacks."""
from __future__ import annotations


def erf_array(xp, x):
    """erf to about 1e-16: a Taylor series with e^-x^2 factored out for |x| < 3, the continued fraction of erfc beyond.

    Reference: M. Abramowitz, I. Stegun, 1964, 7.1.6 and 7.1.14.
    """
    z = xp.minimum(xp.absolute(x), 6.5).astype(xp.float64)  # 1 - erf(6.5) is below every dtype's resolution
    small = xp.minimum(z, 3.0)
    square = small * small
    term = small * (2 / 1.7724538509055159)
    total = term
    for n in range(1, 45):
        term = term * square * (2 / (2 * n + 1))
        total = total + term
    large = xp.maximum(z, 3.0)
    fraction = large
    for n in range(50, 0, -1):
        fraction = large + (n / 2) / fraction
    tail = 1 - xp.exp(-large * large) / (fraction * 1.7724538509055159)
    result = xp.where(z < 3.0, total * xp.exp(-square), tail)
    return xp.copysign(xp.where(xp.isnan(x), x, result), x).astype(x.dtype)
