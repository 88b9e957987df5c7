"""Soft versions of discrete distributions, through which gradients pass."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..engine.tensor import Tensor
from . import constraints
from .categorical import Categorical, OfClasses
from .counts import Binary
from .utils import Number, inside_unit, open_uniform


class RelaxedBernoulli(Binary):
    """A number in (0, 1) that comes nearer to 0 or 1 the lower the temperature.

    Math:   y = sigmoid((logits + ln u - ln(1 - u)) / temperature), u uniform in (0, 1)
    Shape:  batch_shape: that of probs or logits; event_shape: ()
    Reference: C. Maddison et al., 2017, "The concrete distribution"; E. Jang et al., 2017,
               "Categorical reparameterization with Gumbel-softmax"
    """

    support = constraints.unit_interval
    has_rsample = True

    def __init__(
        self,
        temperature: Number,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ):
        self._take(probs, logits)
        self.temperature = beside(temperature, self._param)
        super().__init__(self.param_shape, (), validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self._param)
        odds = (self.logits + u.log() - F.log1p(-u)) / self.temperature
        return inside_unit(odds.sigmoid())

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        odds = F.logit(value)
        z = self.logits - self.temperature * odds
        stretch = value.log() + F.log1p(-value)
        return self.temperature.log() + z - 2 * F.logaddexp(z, F.zeros_like(z)) - stretch


class RelaxedOneHotCategorical(OfClasses):
    """Probabilities that come nearer to a one-hot vector the lower the temperature.

    Math:   y = softmax((logits + G) / temperature), G of Gumbel's distribution
    Shape:  probs or logits: (*batch_shape, K); event_shape: (K,)
    Reference: C. Maddison et al., 2017, "The concrete distribution", eq. 10; E. Jang et al., 2017,
               "Categorical reparameterization with Gumbel-softmax"
    """

    support = constraints.simplex
    has_rsample = True

    def __init__(
        self,
        temperature: Number,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        self._categorical = Categorical(probs, logits, validate_args)
        self.temperature = beside(temperature, self._categorical._param)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        u = open_uniform(self._extended_shape(sample_shape), self.logits)
        return inside_unit(F.softmax((self.logits - (-u.log()).log()) / self.temperature, -1))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        k, t = self._event_shape[0], self.temperature
        score = self.logits - t * value.log()
        score = (score - F.logsumexp(score, -1, keepdim=True)).sum(-1)
        return score + (k - 1) * t.log() + math.lgamma(k) - value.log().sum(-1)


def beside(number: Number, like: Tensor) -> Tensor:
    """A number with dtype and device of a parameter; a tensor as it is."""
    return number if isinstance(number, Tensor) else like.new_tensor(number)
