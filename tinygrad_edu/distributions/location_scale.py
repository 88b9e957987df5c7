"""Distributions of real numbers with a location and a scale, or with two ends."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .utils import Number, broadcast_all, open_uniform

HALF_LOG_2PI = math.log(2 * math.pi) / 2


class LocationScale(Distribution):
    """What they share: samples are loc + scale z, where z does not depend on the parameters.

    Subclasses define the standard form: `_noise(shape)`, and, of z, `_log_density(z)`, `_cdf(z)`,
    `_icdf(p)`.
    """

    arg_constraints: Any = {"loc": constraints.real, "scale": constraints.positive}
    support: Any = constraints.real
    has_rsample = True

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        self.loc, self.scale = broadcast_all(loc, scale)
        super().__init__(tuple(self.scale.shape), (), validate_args)

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        raise self._unknown("rsample")

    def _log_density(self, z: Tensor) -> Tensor:
        raise self._unknown("log_prob")

    def _cdf(self, z: Tensor) -> Tensor:
        raise self._unknown("cdf")

    def _icdf(self, p: Tensor) -> Tensor:
        raise self._unknown("icdf")

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def stddev(self) -> Tensor:
        return self.variance.sqrt()

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.loc + self.scale * self._noise(self._extended_shape(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._log_density((value - self.loc) / self.scale) - self.scale.log()

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._cdf((value - self.loc) / self.scale)

    def icdf(self, value: Tensor) -> Tensor:
        return self.loc + self.scale * self._icdf(value)


class Normal(LocationScale):
    """The normal distribution.

    Math:   p(x) = e^(-z^2 / 2) / (scale sqrt(2 pi)), z = (x - loc) / scale
    Shape:  batch_shape: that of loc and scale, broadcast; event_shape: ()
    Args:   loc: mean. scale: standard deviation, above 0
    """

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        super().__init__(loc, scale, validate_args)

    @property
    def stddev(self) -> Tensor:
        return self.scale

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return F.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)

    def _log_density(self, z: Tensor) -> Tensor:
        return z * z * -0.5 - HALF_LOG_2PI

    def _cdf(self, z: Tensor) -> Tensor:
        return F.erfc(z * -math.sqrt(0.5)) * 0.5

    def _icdf(self, p: Tensor) -> Tensor:
        return F.erfinv(2 * p - 1) * math.sqrt(2)

    def entropy(self) -> Tensor:
        return self.scale.log() + (0.5 + HALF_LOG_2PI)


class Laplace(LocationScale):
    """The two-sided exponential distribution.

    Math:   p(x) = e^-|z| / (2 scale), z = (x - loc) / scale
    Shape:  batch_shape: that of loc and scale, broadcast; event_shape: ()
    """

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        super().__init__(loc, scale, validate_args)

    @property
    def variance(self) -> Tensor:
        return 2 * self.scale * self.scale

    @property
    def stddev(self) -> Tensor:
        return math.sqrt(2) * self.scale

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        u = 2 * open_uniform(shape, self.loc) - 1
        return -u.sign() * F.log1p(-u.abs())

    def _log_density(self, z: Tensor) -> Tensor:
        return -z.abs() - math.log(2)

    def _cdf(self, z: Tensor) -> Tensor:
        return 0.5 - 0.5 * z.sign() * F.expm1(-z.abs())

    def _icdf(self, p: Tensor) -> Tensor:
        u = p - 0.5
        return -u.sign() * F.log1p(-2 * u.abs())

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + math.log(2))


class Cauchy(LocationScale):
    """The Cauchy distribution, which has neither mean nor variance.

    Math:   p(x) = 1 / (pi scale (1 + z^2)), z = (x - loc) / scale
    Shape:  batch_shape: that of loc and scale, broadcast; event_shape: ()
    """

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        super().__init__(loc, scale, validate_args)

    @property
    def mean(self) -> Tensor:
        return F.full_like(self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        return F.full_like(self.loc, math.inf)

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return F.empty(*shape, dtype=self.loc.dtype, device=self.loc.device).cauchy_()

    def _log_density(self, z: Tensor) -> Tensor:
        return -F.log1p(z * z) - math.log(math.pi)

    def _cdf(self, z: Tensor) -> Tensor:
        return F.atan(z) / math.pi + 0.5

    def _icdf(self, p: Tensor) -> Tensor:
        return F.tan((p - 0.5) * math.pi)

    def entropy(self) -> Tensor:
        return self.scale.log() + math.log(4 * math.pi)


class Gumbel(LocationScale):
    """The distribution of the largest of many numbers.

    Math:   p(x) = e^-(z + e^-z) / scale, z = (x - loc) / scale
    Shape:  batch_shape: that of loc and scale, broadcast; event_shape: ()
    """

    def __init__(self, loc: Number, scale: Number, validate_args: bool | None = None):
        super().__init__(loc, scale, validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc + self.scale * EULER

    @property
    def stddev(self) -> Tensor:
        return self.scale * (math.pi / math.sqrt(6))

    @property
    def variance(self) -> Tensor:
        return self.stddev * self.stddev

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return self._icdf(open_uniform(shape, self.loc))

    def _log_density(self, z: Tensor) -> Tensor:
        return -z - (-z).exp()

    def _cdf(self, z: Tensor) -> Tensor:
        return (-(-z).exp()).exp()

    def _icdf(self, p: Tensor) -> Tensor:
        return -(-p.log()).log()

    def entropy(self) -> Tensor:
        return self.scale.log() + (1 + EULER)


EULER = 0.5772156649015329


class Half(LocationScale):
    """The absolute value of a distribution round 0 with a scale: its standard form is `_of`."""

    arg_constraints: Any = {"scale": constraints.positive}
    support = constraints.nonnegative
    _of: type[LocationScale]

    def __init__(self, scale: Number, validate_args: bool | None = None):
        (self.scale,) = broadcast_all(scale)
        Distribution.__init__(self, tuple(self.scale.shape), (), validate_args)

    @property
    def loc(self) -> Tensor:  # type: ignore[override]
        """0."""
        return F.zeros_like(self.scale)

    @property
    def mode(self) -> Tensor:
        return F.zeros_like(self.scale)

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        return self._of._noise(self, shape).abs()

    def _log_density(self, z: Tensor) -> Tensor:
        inside = self._of._log_density(self, z) + math.log(2)
        return F.where(z >= 0, inside, -math.inf)

    def _cdf(self, z: Tensor) -> Tensor:
        return 2 * self._of._cdf(self, z) - 1

    def _icdf(self, p: Tensor) -> Tensor:
        return self._of._icdf(self, (p + 1) / 2)

    def entropy(self) -> Tensor:
        return self._of.entropy(self) - math.log(2)


class HalfNormal(Half):
    """The absolute value of a normal number.

    Math:   p(x) = 2 e^(-z^2 / 2) / (scale sqrt(2 pi)), z = x / scale, x >= 0
    Shape:  batch_shape: that of scale; event_shape: ()
    """

    _of = Normal

    @property
    def mean(self) -> Tensor:
        return self.scale * math.sqrt(2 / math.pi)

    @property
    def variance(self) -> Tensor:
        return self.scale * self.scale * (1 - 2 / math.pi)


class HalfCauchy(Half):
    """The absolute value of a Cauchy number.

    Math:   p(x) = 2 / (pi scale (1 + z^2)), z = x / scale, x >= 0
    Shape:  batch_shape: that of scale; event_shape: ()
    """

    _of = Cauchy

    @property
    def mean(self) -> Tensor:
        return F.full_like(self.scale, math.inf)

    @property
    def variance(self) -> Tensor:
        return F.full_like(self.scale, math.inf)


class Uniform(Distribution):
    """Every number in [low, high) is as likely.

    Math:   p(x) = 1 / (high - low)
    Shape:  batch_shape: that of low and high, broadcast; event_shape: ()
    Raises: ShapeError unless low < high everywhere
    """

    arg_constraints = {"low": constraints.Dependent(), "high": constraints.Dependent()}
    has_rsample = True

    def __init__(self, low: Number, high: Number, validate_args: bool | None = None):
        self.low, self.high = broadcast_all(low, high)
        super().__init__(tuple(self.low.shape), (), validate_args)
        if self._validate_args:
            self._check("high - low", constraints.positive, self.high - self.low)

    @constraints.dependent_property()
    def support(self) -> Any:
        return constraints.interval(self.low, self.high)

    @property
    def mean(self) -> Tensor:
        return (self.high + self.low) / 2

    @property
    def mode(self) -> Tensor:
        """NaN: there are many."""
        return F.full_like(self.high, math.nan)

    @property
    def stddev(self) -> Tensor:
        return (self.high - self.low) / math.sqrt(12)

    @property
    def variance(self) -> Tensor:
        return (self.high - self.low) ** 2 / 12

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        u = F.rand(*shape, dtype=self.low.dtype, device=self.low.device)
        return self.low + u * (self.high - self.low)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        inside = (value >= self.low) & (value < self.high)
        return F.where(inside, -(self.high - self.low).log(), -math.inf)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)

    def icdf(self, value: Tensor) -> Tensor:
        return self.low + value * (self.high - self.low)

    def entropy(self) -> Tensor:
        return (self.high - self.low).log()
