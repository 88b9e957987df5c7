"""Distributions that are powers of uniform or exponential numbers."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .location_scale import EULER
from .utils import Number, broadcast_all, inside_unit, open_uniform

NEAR = 0.01  # below, ln(1 + u) / u and (e^u - 1) / u are taken through series


class OfUniform(Distribution):
    """What they share: a sample is the quantile at a uniform number."""

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        like = next(iter(self._given().values()))
        return self.icdf(1 - open_uniform(self._extended_shape(sample_shape), like))


class Pareto(OfUniform):
    """Numbers above a scale whose tail falls as a power.

    Math:   p(x) = alpha scale^alpha / x^(alpha + 1), x >= scale
    Shape:  batch_shape: that of scale and alpha, broadcast; event_shape: ()
    """

    arg_constraints = {"alpha": constraints.positive, "scale": constraints.positive}

    def __init__(self, scale: Number, alpha: Number, validate_args: bool | None = None):
        self.scale, self.alpha = broadcast_all(scale, alpha)
        super().__init__(tuple(self.scale.shape), (), validate_args)

    @constraints.dependent_property()
    def support(self) -> Any:
        return constraints.greater_than_eq(self.scale)

    @property
    def mean(self) -> Tensor:
        """Infinite for alpha up to 1."""
        a = self.alpha
        return F.where(a > 1, a * self.scale / F.where(a > 1, a - 1, 1.0), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        """Infinite for alpha up to 2."""
        a, known = self.alpha, self.alpha > 2
        below = F.where(known, (a - 1) ** 2 * (a - 2), 1.0)
        return F.where(known, self.scale**2 * a / below, math.inf)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        ratio = self.scale.log() - value.log()
        return F.where(
            value >= self.scale, self.alpha.log() + self.alpha * ratio - value.log(), -math.inf
        )

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -F.expm1(self.alpha * (self.scale.log() - value.log()))

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * (-F.log1p(-value) / self.alpha).exp()

    def entropy(self) -> Tensor:
        return (self.scale / self.alpha).log() + 1 + 1 / self.alpha


class Weibull(OfUniform):
    """The time until a part breaks whose wear grows as a power of its age.

    Math:   p(x) = k / scale z^(k - 1) e^(-z^k), z = x / scale, k = concentration
    Shape:  batch_shape: that of scale and concentration, broadcast; event_shape: ()
    """

    arg_constraints = {"scale": constraints.positive, "concentration": constraints.positive}
    support = constraints.positive

    def __init__(self, scale: Number, concentration: Number, validate_args: bool | None = None):
        self.scale, self.concentration = broadcast_all(scale, concentration)
        super().__init__(tuple(self.scale.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.scale * F.lgamma(1 + 1 / self.concentration).exp()

    @property
    def mode(self) -> Tensor:
        """NaN for a concentration below 1: the density has no maximum."""
        k = self.concentration
        return self.scale * ((k - 1) / k) ** (1 / k)

    @property
    def variance(self) -> Tensor:
        first, second = (F.lgamma(1 + n / self.concentration) for n in (1, 2))
        return self.scale**2 * (second.exp() - (2 * first).exp())

    def _power(self, value: Tensor) -> Tensor:
        return (self.concentration * (value / self.scale).log()).exp()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k, power = self.concentration, self._power(value)
        return k.log() + k * (value / self.scale).log() - value.log() - power

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -F.expm1(-self._power(value))

    def icdf(self, value: Tensor) -> Tensor:
        return self.scale * ((-F.log1p(-value)).log() / self.concentration).exp()

    def entropy(self) -> Tensor:
        k = self.concentration
        return EULER * (1 - 1 / k) + (self.scale / k).log() + 1


class Kumaraswamy(OfUniform):
    """Numbers in (0, 1) much like those of a Beta distribution, with a cdf in closed form.

    Math:   p(x) = a b x^(a - 1) (1 - x^a)^(b - 1), a = concentration1, b = concentration0
    Shape:  batch_shape: that of concentration1 and concentration0, broadcast; event_shape: ()
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval

    def __init__(
        self, concentration1: Number, concentration0: Number, validate_args: bool | None = None
    ):
        self.concentration1, self.concentration0 = broadcast_all(concentration1, concentration0)
        super().__init__(tuple(self.concentration1.shape), (), validate_args)

    def _moment(self, n: int) -> Tensor:
        """E[x^n] = b B(1 + n / a, b)."""
        b, first = self.concentration0, 1 + n / self.concentration1
        return b * (F.lgamma(first) + F.lgamma(b) - F.lgamma(first + b)).exp()

    @property
    def mean(self) -> Tensor:
        return self._moment(1)

    @property
    def mode(self) -> Tensor:
        """NaN unless both concentrations are at least 1 and one is above."""
        a, b = self.concentration1, self.concentration0
        inside = (a >= 1) & (b >= 1) & (a * b > 1)
        share = F.where(inside, (a - 1) / F.where(inside, a * b - 1, 1.0), math.nan)
        return share ** (1 / a)

    @property
    def variance(self) -> Tensor:
        return self._moment(2) - self.mean**2

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return inside_unit(super().rsample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, b = self.concentration1, self.concentration0
        rest = F.xlog1py(b - 1, -(value**a))
        return a.log() + b.log() + F.xlogy(a - 1, value) + rest

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -F.expm1(self.concentration0 * F.log1p(-(value**self.concentration1)))

    def icdf(self, value: Tensor) -> Tensor:
        power = -F.expm1(F.log1p(-value) / self.concentration0)
        return power ** (1 / self.concentration1)

    def entropy(self) -> Tensor:
        a, b = self.concentration1, self.concentration0
        return 1 - 1 / b + (1 - 1 / a) * (F.digamma(b + 1) + EULER) - (a * b).log()


class GeneralizedPareto(OfUniform):
    """What exceeds a high threshold: a tail that falls as a power, as e^-z, or ends.

    Math:   p(x) = (1 + c z)^(-1 / c - 1) / scale, z = (x - loc) / scale, c = concentration;
            e^-z / scale for c = 0
    Shape:  batch_shape: that of loc, scale and concentration, broadcast; event_shape: ()
    Reference: J. Pickands, 1975, "Statistical inference using extreme order statistics"
    """

    arg_constraints = {
        "loc": constraints.real,
        "scale": constraints.positive,
        "concentration": constraints.real,
    }

    def __init__(
        self, loc: Number, scale: Number, concentration: Number, validate_args: bool | None = None
    ):
        self.loc, self.scale, self.concentration = broadcast_all(loc, scale, concentration)
        super().__init__(tuple(self.loc.shape), (), validate_args)

    @constraints.dependent_property()
    def support(self) -> Any:
        c = self.concentration
        end = self.loc - self.scale / F.where(c < 0, c, -1.0)
        return constraints.interval(self.loc, F.where(c < 0, end, math.inf))

    def _tail(self, value: Tensor) -> Tensor:
        """-ln P(x > value) = ln(1 + c z) / c, also for c near 0."""
        z = (value - self.loc) / self.scale
        u = self.concentration * z
        near = u.abs() < NEAR
        series = 1 - u * (1 / 2 - u * (1 / 3 - u * (1 / 4 - u * (1 / 5 - u / 6))))
        return z * F.where(near, series, F.log1p(u) / F.where(near, 1.0, u))

    @property
    def mean(self) -> Tensor:
        """NaN, as in PyTorch, for a concentration of at least 1, where it is infinite."""
        c, known = self.concentration, self.concentration < 1
        return F.where(known, self.loc + self.scale / F.where(known, 1 - c, 1.0), math.nan)

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """NaN, as in PyTorch, for a concentration of at least 1/2, where it is infinite."""
        c, known = self.concentration, self.concentration < 0.5
        below = F.where(known, (1 - c) ** 2 * (1 - 2 * c), 1.0)
        return F.where(known, self.scale**2 / below, math.nan)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -(1 + self.concentration) * self._tail(value) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -F.expm1(-self._tail(value))

    def icdf(self, value: Tensor) -> Tensor:
        tail = -F.log1p(-value)
        u = self.concentration * tail
        near = u.abs() < NEAR
        series = 1 + u / 2 * (1 + u / 3 * (1 + u / 4 * (1 + u / 5 * (1 + u / 6))))
        z = tail * F.where(near, series, F.expm1(u) / F.where(near, 1.0, u))
        return self.loc + self.scale * z

    def entropy(self) -> Tensor:
        return self.scale.log() + self.concentration + 1
