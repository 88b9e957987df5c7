"""The distribution of numbers in [0, 1] whose density is an exponential."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..engine.tensor import Tensor
from . import constraints
from .counts import Binary
from .utils import Number, open_uniform

NEAR = 0.25  # logits below are taken through series: their formulas would cancel
SMALLEST = 1e-6  # logits nearer to 0 are moved there, where cdf and icdf divide by them


class ContinuousBernoulli(Binary):
    """Numbers in [0, 1] with a density between (1 - probs) and probs, for pictures' grey values.

    Math:   p(x) = C probs^x (1 - probs)^(1 - x) = e^(l x) l / (e^l - 1), l = logits
    Shape:  batch_shape: that of probs or logits; event_shape: ()
    Args:   lims: kept for PyTorch's signature. The formulas hold near probs = 1/2 as they are.
    Reference: G. Loaiza-Ganem, J. Cunningham, 2019, "The continuous Bernoulli"
    """

    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        probs: Number | None = None,
        logits: Number | None = None,
        lims: tuple[float, float] = (0.499, 0.501),
        validate_args: bool | None = None,
    ):
        self._take(probs, logits)
        self._lims = lims
        super().__init__(self.param_shape, (), validate_args)

    def _by_size(self, series: Tensor, formula: Tensor) -> Tensor:
        return F.where(self.logits.abs() < NEAR, series, formula)

    @property
    def _far(self) -> Tensor:
        """Logits, and 1 where the series count."""
        return F.where(self.logits.abs() < NEAR, 1.0, self.logits)

    def _log_volume(self) -> Tensor:
        """ln ((e^l - 1) / l): the logarithm of the integral of e^(l x)."""
        l, far = self.logits, self._far
        s = l * l
        series = l / 2 + s * (1 / 24 - s * (1 / 2880 - s * (1 / 181440 - s / 9676800)))
        size = far.abs()
        formula = F.relu(far) + F.log(-F.expm1(-size) / size)
        return self._by_size(series, formula)

    @property
    def mean(self) -> Tensor:
        """The first derivative of the logarithm of the volume."""
        l, far = self.logits, self._far
        s = l * l
        series = 0.5 + l * (1 / 12 - s * (1 / 720 - s * (1 / 30240 - s / 1209600)))
        return self._by_size(series, -1 / F.expm1(-far) - 1 / far)

    @property
    def variance(self) -> Tensor:
        """The second derivative of the logarithm of the volume."""
        s, far = self.logits**2, self._far
        series = 1 / 12 - s * (1 / 240 - s * (1 / 6048 - s / 172800))
        size = far.abs()
        return self._by_size(series, 1 / far**2 - (-size).exp() / F.expm1(-size) ** 2)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self.logits * value - self._log_volume()

    def entropy(self) -> Tensor:
        return self._log_volume() - self.logits * self.mean

    def _falling(self) -> tuple[Tensor, Tensor]:
        """(whether the density rises, -|logits|): a rising one is a falling one from 1 down."""
        l = self.logits
        return l > 0, -l.abs().clamp(min=SMALLEST)

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        rises, n = self._falling()
        below = F.expm1(n * F.where(rises, 1 - value, value)) / F.expm1(n)
        return F.where(rises, 1 - below, below)

    def icdf(self, value: Tensor) -> Tensor:
        rises, n = self._falling()
        x = F.log1p(F.where(rises, 1 - value, value) * F.expm1(n)) / n
        return F.where(rises, 1 - x, x)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.icdf(open_uniform(self._extended_shape(sample_shape), self._param))
