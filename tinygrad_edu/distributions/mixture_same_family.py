"""Mixtures of distributions of one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .. import functional as F
from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import constraints
from .categorical import Categorical
from .distribution import Distribution


class MixtureSameFamily(Distribution):
    """An outcome of one of K components, which a Categorical chooses.

    Math:   p(x) = sum_k probs_k p_k(x)
    Args:   mixture_distribution: a Categorical of K classes. component_distribution: its last batch
            dim has size K
    """

    arg_constraints: dict = {}

    def __init__(
        self,
        mixture_distribution: Categorical,
        component_distribution: Distribution,
        validate_args: bool | None = None,
    ):
        self._mixture_distribution = mixture = mixture_distribution
        self._component_distribution = parts = component_distribution
        if not isinstance(mixture, Categorical):
            raise ShapeError(
                "MixtureSameFamily: mixture_distribution must be a Categorical, got"
                f" {type(mixture).__name__}. Use Categorical(probs)."
            )
        count = mixture.param_shape[-1]
        if parts.batch_shape[-1:] != (count,):
            raise ShapeError(
                "MixtureSameFamily: the last batch dim of the components must be the number of"
                f" classes, got {parts.batch_shape} and {count} classes. Reshape the parameters."
            )
        batch = parts.batch_shape[:-1]
        if F.broadcast_shapes(mixture.batch_shape, batch) != batch:
            raise ShapeError(
                "MixtureSameFamily: the mixture's batch_shape must broadcast to that of the"
                f" components, got {mixture.batch_shape} and {batch}. Expand the components."
            )
        self._num_component = count
        super().__init__(batch, parts.event_shape, validate_args)

    @property
    def mixture_distribution(self) -> Categorical:
        """Which component."""
        return self._mixture_distribution

    @property
    def component_distribution(self) -> Distribution:
        """The components, along the last batch dim."""
        return self._component_distribution

    @constraints.dependent_property()
    def support(self) -> Any:
        return self._component_distribution.support

    def expand(self, batch_shape: Sequence[int], _instance: Any = None) -> Self:
        new = super().expand(batch_shape, _instance)
        parts = self._component_distribution.expand((*batch_shape, self._num_component))
        new._component_distribution = parts
        new._mixture_distribution = self._mixture_distribution.expand(batch_shape)
        return new

    def _validate_sample(self, value: Any) -> None:
        support = self.support
        if any(isinstance(v, Tensor) and v.ndim for v in vars(support).values()):
            return  # bounds that differ by component: its log_prob checks
        super()._validate_sample(value)

    def _weights(self) -> Tensor:
        """Probabilities of the components, with the event dims after them."""
        probs = self._mixture_distribution.probs
        return probs.reshape(*probs.shape, *(1,) * len(self._event_shape))

    def _average(self, value: Tensor) -> Tensor:
        return (self._weights() * value).sum(-1 - len(self._event_shape))

    @property
    def mean(self) -> Tensor:
        return self._average(self._component_distribution.mean)

    @property
    def variance(self) -> Tensor:
        """The average variance, and the variance of the averages."""
        parts = self._component_distribution
        apart = parts.mean - self._pad(self.mean)
        return self._average(parts.variance) + self._average(apart * apart)

    def _pad(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-1 - len(self._event_shape))

    def cdf(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        each = self._component_distribution.cdf(self._pad(value))
        return (each * self._mixture_distribution.probs).sum(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        each = self._component_distribution.log_prob(self._pad(value))
        return F.logsumexp(each + F.log_softmax(self._mixture_distribution.logits, -1), -1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            dim = -1 - len(self._event_shape)
            all_parts = self._component_distribution.sample(sample_shape)  # (..., K, *event)
            shape = (*all_parts.shape[:dim], 1, *self._event_shape)
            chosen = self._mixture_distribution.expand(self._batch_shape).sample(sample_shape)
            ones = (1,) * (len(self._event_shape) + 1)
            index = chosen.reshape(*chosen.shape, *ones).expand(*shape)
            return all_parts.gather(dim, index).squeeze(dim)

    def __repr__(self) -> str:
        return (
            f"MixtureSameFamily({self._mixture_distribution!r}, {self._component_distribution!r})"
        )
