"""Distributions made of gamma numbers. Their samples carry gradients to the concentrations."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from .. import special
from ..engine.errors import ShapeError
from ..engine.limits import finfo
from ..engine.tensor import Tensor
from ..ops.create.gamma_random import log_gamma_sample
from . import constraints
from .distribution import Distribution
from .location_scale import HALF_LOG_2PI, LocationScale
from .utils import Number, as_float, broadcast_all, inside_unit, open_uniform


class Exponential(Distribution):
    """The time until an event that happens `rate` times in a unit of time.

    Math:   p(x) = rate e^(-rate x), x >= 0
    Shape:  batch_shape: that of rate; event_shape: ()
    """

    arg_constraints = {"rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, rate: Number, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(tuple(self.rate.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        return 1 / self.rate

    @property
    def mode(self) -> Tensor:
        return F.zeros_like(self.rate)

    @property
    def stddev(self) -> Tensor:
        return 1 / self.rate

    @property
    def variance(self) -> Tensor:
        return 1 / (self.rate * self.rate)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return -open_uniform(self._extended_shape(sample_shape), self.rate).log() / self.rate

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self.rate.log() - self.rate * value

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return -F.expm1(-self.rate * value)

    def icdf(self, value: Tensor) -> Tensor:
        return -F.log1p(-value) / self.rate

    def entropy(self) -> Tensor:
        return 1 - self.rate.log()


class Gamma(Distribution):
    """The gamma distribution.

    Math:   p(x) = rate^a x^(a - 1) e^(-rate x) / Gamma(a), a = concentration, x >= 0
    Shape:  batch_shape: that of concentration and rate, broadcast; event_shape: ()
    Reference: M. Figurnov et al., 2018, "Implicit reparameterization gradients" (rsample)
    """

    arg_constraints: Any = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.nonnegative
    has_rsample = True

    def __init__(self, concentration: Number, rate: Number, validate_args: bool | None = None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(tuple(self.concentration.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.rate

    @property
    def mode(self) -> Tensor:
        return ((self.concentration - 1) / self.rate).clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.concentration / (self.rate * self.rate)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        a = self.concentration.expand(*self._extended_shape(sample_shape))
        return (log_gamma_sample(a).exp() / self.rate).clamp(min=finfo(a.dtype).tiny)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return F.xlogy(a, rate) + F.xlogy(a - 1, value) - rate * value - F.lgamma(a)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return special.gammainc(*F.broadcast_tensors(self.concentration, self.rate * value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a - self.rate.log() + F.lgamma(a) + (1 - a) * F.digamma(a)


class Chi2(Gamma):
    """The distribution of a sum of `df` squared standard normal numbers.

    Math:   Gamma(df / 2, 1 / 2)
    Shape:  batch_shape: that of df; event_shape: ()
    """

    arg_constraints = {"df": constraints.positive}

    def __init__(self, df: Number, validate_args: bool | None = None):
        (self.df,) = broadcast_all(df)
        Distribution.__init__(self, tuple(self.df.shape), (), validate_args)

    @property
    def concentration(self) -> Tensor:  # type: ignore[override]
        """df / 2."""
        return 0.5 * self.df

    @property
    def rate(self) -> Tensor:  # type: ignore[override]
        """1 / 2."""
        return F.full_like(self.df, 0.5)


class StudentT(LocationScale):
    """Student's t distribution.

    Math:   p(x) = Gamma((df + 1) / 2) / (Gamma(df / 2) sqrt(pi df) scale)
            (1 + z^2 / df)^(-(df + 1) / 2), z = (x - loc) / scale
    Shape:  batch_shape: that of df, loc and scale, broadcast; event_shape: ()
    """

    arg_constraints = {"df": constraints.positive} | LocationScale.arg_constraints

    def __init__(
        self, df: Number, loc: Number = 0.0, scale: Number = 1.0, validate_args: bool | None = None
    ):
        self.df, self.loc, self.scale = broadcast_all(df, loc, scale)
        Distribution.__init__(self, tuple(self.df.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        """loc; NaN unless df > 1."""
        return F.where(self.df > 1, self.loc, math.nan)

    @property
    def variance(self) -> Tensor:
        """Infinite for df in (1, 2], NaN below."""
        df = self.df
        known = self.scale * self.scale * df / F.where(df > 2, df - 2, 1.0)
        return F.where(df > 2, known, F.where(df > 1, math.inf, F.full_like(df, math.nan)))

    def _noise(self, shape: tuple[int, ...]) -> Tensor:
        normal = F.randn(*shape, dtype=self.df.dtype, device=self.df.device)
        half = 0.5 * self.df.expand(*shape)
        return normal * ((half.log() - log_gamma_sample(half)) / 2).exp()  # sqrt(df / chi2)

    def _log_density(self, z: Tensor) -> Tensor:
        return -(self.df + 1) / 2 * F.log1p(z * z / self.df) - self._log_volume()

    def _log_volume(self) -> Tensor:
        half = self.df / 2
        return half.log() / 2 + F.lgamma(half) - F.lgamma(half + 0.5) + HALF_LOG_2PI

    def entropy(self) -> Tensor:
        half = self.df / 2
        spread = (half + 0.5) * (F.digamma(half + 0.5) - F.digamma(half))
        return self.scale.log() + spread + self._log_volume()


class InverseGamma(Distribution):
    """The distribution of 1 / y, y of a gamma distribution.

    Math:   p(x) = rate^a x^(-a - 1) e^(-rate / x) / Gamma(a), a = concentration, x > 0
    Shape:  batch_shape: that of concentration and rate, broadcast; event_shape: ()
    """

    arg_constraints = {"concentration": constraints.positive, "rate": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, concentration: Number, rate: Number, validate_args: bool | None = None):
        self.concentration, self.rate = broadcast_all(concentration, rate)
        super().__init__(tuple(self.concentration.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        """Infinite for a concentration up to 1."""
        a, known = self.concentration, self.concentration > 1
        return F.where(known, self.rate / F.where(known, a - 1, 1.0), math.inf)

    @property
    def mode(self) -> Tensor:
        return self.rate / (self.concentration + 1)

    @property
    def variance(self) -> Tensor:
        """Infinite for a concentration up to 2."""
        a, known = self.concentration, self.concentration > 2
        below = F.where(known, (a - 1) ** 2 * (a - 2), 1.0)
        return F.where(known, self.rate**2 / below, math.inf)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        a = self.concentration.expand(*self._extended_shape(sample_shape))
        limits = finfo(a.dtype)
        return (self.rate * (-log_gamma_sample(a)).exp()).clamp(limits.tiny, limits.max)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, rate = self.concentration, self.rate
        return a * rate.log() - F.lgamma(a) - (a + 1) * value.log() - rate / value

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return special.gammaincc(*F.broadcast_tensors(self.concentration, self.rate / value))

    def entropy(self) -> Tensor:
        a = self.concentration
        return a + self.rate.log() + F.lgamma(a) - (1 + a) * F.digamma(a)


class FisherSnedecor(Distribution):
    """The distribution of (X1 / df1) / (X2 / df2), X1 and X2 of chi-squared distributions.

    Math:   p(x) = r^a x^(a - 1) (1 + r x)^(-a - b) / B(a, b), a = df1 / 2, b = df2 / 2,
            r = df1 / df2, x > 0
    Shape:  batch_shape: that of df1 and df2, broadcast; event_shape: ()
    """

    arg_constraints = {"df1": constraints.positive, "df2": constraints.positive}
    support = constraints.positive
    has_rsample = True

    def __init__(self, df1: Number, df2: Number, validate_args: bool | None = None):
        self.df1, self.df2 = broadcast_all(df1, df2)
        super().__init__(tuple(self.df1.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        """NaN unless df2 > 2."""
        df2, known = self.df2, self.df2 > 2
        return F.where(known, df2 / F.where(known, df2 - 2, 1.0), math.nan)

    @property
    def mode(self) -> Tensor:
        """NaN unless df1 > 2."""
        df1, df2 = self.df1, self.df2
        return F.where(df1 > 2, (df1 - 2) / df1 * df2 / (df2 + 2), math.nan)

    @property
    def variance(self) -> Tensor:
        """NaN unless df2 > 4."""
        df1, df2, known = self.df1, self.df2, self.df2 > 4
        below = F.where(known, df1 * (df2 - 2) ** 2 * (df2 - 4), 1.0)
        return F.where(known, 2 * df2**2 * (df1 + df2 - 2) / below, math.nan)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        above, below = (log_gamma_sample((df / 2).expand(*shape)) for df in (self.df1, self.df2))
        limits = finfo(above.dtype)
        return ((above - below).exp() * (self.df2 / self.df1)).clamp(limits.tiny, limits.max)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        a, b, ratio = self.df1 / 2, self.df2 / 2, self.df1 / self.df2
        volume = F.lgamma(a) + F.lgamma(b) - F.lgamma(a + b)
        power = a * ratio.log() + (a - 1) * value.log()
        return power - (a + b) * F.log1p(ratio * value) - volume


class Dirichlet(Distribution):
    """A distribution over probabilities of K classes.

    Math:   p(x) = Gamma(sum a) / prod Gamma(a_k) prod x_k^(a_k - 1), sum x = 1, a = concentration
    Shape:  concentration: (*batch_shape, K); event_shape: (K,)
    Note:   a sample is the softmax of the logarithms of K gamma numbers
    Reference: M. Figurnov et al., 2018, "Implicit reparameterization gradients" (rsample)
    """

    arg_constraints = {"concentration": constraints.independent(constraints.positive, 1)}
    support = constraints.simplex
    has_rsample = True

    def __init__(self, concentration: Tensor, validate_args: bool | None = None):
        self.concentration = concentration = as_float(concentration)
        if concentration.ndim < 1:
            raise ShapeError(
                "Dirichlet: concentration must have at least 1 dim, got a 0-d tensor. Put the"
                " classes along the last dim."
            )
        shape = tuple(concentration.shape)
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.concentration / self.concentration.sum(-1, keepdim=True)

    @property
    def mode(self) -> Tensor:
        """The first class where all concentrations are below 1: the density has no maximum."""
        above = (self.concentration - 1).clamp(min=0.0)
        inner = above / above.sum(-1, keepdim=True)
        corner = F.zeros_like(above)
        corner[..., 0] = 1.0
        return F.where((self.concentration < 1).all(-1, keepdim=True), corner, inner)

    @property
    def variance(self) -> Tensor:
        total, mean = self.concentration.sum(-1, keepdim=True), self.mean
        return mean * (1 - mean) / (total + 1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        a = self.concentration.expand(*self._extended_shape(sample_shape))
        return inside_unit(F.softmax(log_gamma_sample(a), -1))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return F.xlogy(self.concentration - 1, value).sum(-1) - self._log_volume()

    def _log_volume(self) -> Tensor:
        a = self.concentration
        return F.lgamma(a).sum(-1) - F.lgamma(a.sum(-1))

    def entropy(self) -> Tensor:
        a, k = self.concentration, self._event_shape[0]
        total = a.sum(-1)
        pull = ((a - 1) * F.digamma(a)).sum(-1)
        return self._log_volume() + (total - k) * F.digamma(total) - pull


class Beta(Distribution):
    """A distribution over one probability: the first of a Dirichlet distribution of two.

    Math:   p(x) = x^(a - 1) (1 - x)^(b - 1) / B(a, b), a = concentration1, b = concentration0
    Shape:  batch_shape: that of concentration1 and concentration0, broadcast; event_shape: ()
    """

    arg_constraints = {
        "concentration1": constraints.positive,
        "concentration0": constraints.positive,
    }
    support = constraints.unit_interval
    has_rsample = True
    _parts = ("_dirichlet",)

    def __init__(
        self, concentration1: Number, concentration0: Number, validate_args: bool | None = None
    ):
        one, zero = broadcast_all(concentration1, concentration0)
        self._dirichlet = Dirichlet(F.stack([one, zero], -1), validate_args=False)
        super().__init__(tuple(one.shape), (), validate_args)

    @property
    def concentration1(self) -> Tensor:
        """The pull towards 1."""
        return self._dirichlet.concentration[..., 0]

    @property
    def concentration0(self) -> Tensor:
        """The pull towards 0."""
        return self._dirichlet.concentration[..., 1]

    @property
    def mean(self) -> Tensor:
        return self._dirichlet.mean[..., 0]

    @property
    def mode(self) -> Tensor:
        return self._dirichlet.mode[..., 0]

    @property
    def variance(self) -> Tensor:
        return self._dirichlet.variance[..., 0]

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return inside_unit(self._dirichlet.rsample(sample_shape)[..., 0])

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._dirichlet.log_prob(F.stack([value, 1 - value], -1))

    def entropy(self) -> Tensor:
        return self._dirichlet.entropy()
