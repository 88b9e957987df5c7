"""Categorical and multinomial distributions: one of K classes, and counts of several draws."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.limits import finfo
from ..engine.tensor import Tensor
from ..ops.create.gamma_random import multinomial_counts
from . import constraints
from .distribution import Distribution, sizes
from .utils import as_float, clamp_probs, lazy_property, logits_to_probs, one_of, probs_to_logits


class Categorical(Distribution):
    """One of K classes, numbered from 0.

    Math:   P(k) = probs_k / sum probs = e^logits_k / sum e^logits
    Shape:  probs or logits: (*batch_shape, K); event_shape: ()
    Args:   probs: weights of at least 0, not all 0 in a row. logits: logarithms of weights.
    """

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = one_of(type(self).__name__, probs=probs, logits=logits)
        value = as_float(probs if logits is None else logits)  # type: ignore[arg-type]
        if value.ndim < 1:
            raise ShapeError(
                f"{type(self).__name__}: {given} must have at least 1 dim, got a 0-d tensor. Put"
                " the classes along the last dim."
            )
        if given == "probs":
            if self._validate_args if validate_args is None else validate_args:
                self._check("probs", constraints.weights, value)
            self.probs = value / value.sum(-1, keepdim=True)
        else:
            self.logits = value - F.logsumexp(value, -1, keepdim=True)
        super().__init__(tuple(value.shape[:-1]), (), validate_args)

    @lazy_property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return probs_to_logits(self.probs)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities; each row adds up to 1."""
        return logits_to_probs(self.logits)

    @property
    def _param(self) -> Tensor:
        known = self.__dict__  # one of the two is there
        return known["logits"] if "logits" in known else known["probs"]

    @property
    def param_shape(self) -> tuple[int, ...]:
        """(*batch_shape, K)."""
        return tuple(self._param.shape)

    @property
    def _num_events(self) -> int:
        return self._param.shape[-1]

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> Any:
        return constraints.integer_interval(0, self._num_events - 1)

    @property
    def mean(self) -> Tensor:
        """NaN: classes have no order."""
        return F.full_like(self._param[..., 0], float("nan"))

    @property
    def variance(self) -> Tensor:
        """NaN: classes have no order."""
        return self.mean

    @property
    def mode(self) -> Tensor:
        return self.probs.argmax(-1)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return draw_classes(self.probs, shape)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        index, logits = F.broadcast_tensors(value.long().unsqueeze(-1), self.logits)
        return logits.gather(-1, index[..., :1]).squeeze(-1)

    def entropy(self) -> Tensor:
        logits = self.logits.clamp(min=finfo(self.logits.dtype).min)  # 0 ln 0 = 0
        return -(logits * self.probs).sum(-1)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = F.arange(self._num_events, dtype="int64", device=self._param.device)
        return self._enumerated(values, expand)


class OfClasses(Distribution):
    """What distributions over vectors of K classes share: a Categorical inside."""

    arg_constraints = {"probs": constraints.simplex, "logits": constraints.real_vector}
    _parts = ("_categorical",)
    _categorical: Categorical

    @property
    def probs(self) -> Tensor:
        """Probabilities; each row adds up to 1."""
        return self._categorical.probs

    @property
    def logits(self) -> Tensor:
        """Logarithms of the probabilities."""
        return self._categorical.logits

    @property
    def param_shape(self) -> tuple[int, ...]:
        """(*batch_shape, K)."""
        return self._categorical.param_shape

    def _given(self) -> dict[str, Any]:
        return {}  # the Categorical has checked them

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._categorical!r})"


class OneHotCategorical(OfClasses):
    """One of K classes as a one-hot vector.

    Math:   P(e_k) = probs_k / sum probs = e^logits_k / sum e^logits
    Shape:  probs or logits: (*batch_shape, K); event_shape: (K,)
    """

    support = constraints.one_hot
    has_enumerate_support = True

    def __init__(
        self,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        return self._hot(self._categorical.mode)

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def _hot(self, index: Tensor) -> Tensor:
        return F.one_hot(index, self._event_shape[0]).to(self.probs.dtype)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        return self._hot(self._categorical.sample(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        return self._categorical.log_prob(value.argmax(-1))

    def entropy(self) -> Tensor:
        return self._categorical.entropy()

    def enumerate_support(self, expand: bool = True) -> Tensor:
        n = self._event_shape[0]
        return self._enumerated(F.eye(n, dtype=self.probs.dtype, device=self.probs.device), expand)


class OneHotCategoricalStraightThrough(OneHotCategorical):
    """A one-hot vector whose gradient is that of the probabilities.

    Reference: Y. Bengio et al., 2013, "Estimating or propagating gradients through stochastic
               neurons"
    """

    has_rsample = True

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        return self.sample(sample_shape) + (self.probs - self.probs.detach())


class Multinomial(OfClasses):
    """How often each of K classes comes up in `total_count` draws.

    Math:   P(x) = n! / prod x_k! prod probs_k^x_k, sum x_k = n
    Shape:  probs or logits: (*batch_shape, K); event_shape: (K,)
    Args:   total_count: draws, an int of at least 0
    """

    def __init__(
        self,
        total_count: int = 1,
        probs: Tensor | None = None,
        logits: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        if not isinstance(total_count, int) or total_count < 0:
            raise ShapeError(
                f"Multinomial: total_count must be one int of at least 0, got {total_count!r:.60}."
                " Use one distribution for each count."
            )
        self.total_count = total_count
        self._categorical = Categorical(probs, logits, validate_args)
        shape = self._categorical.param_shape
        super().__init__(shape[:-1], shape[-1:], validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=1)
    def support(self) -> Any:
        return constraints.multinomial(self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.probs * self.total_count

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return multinomial_counts(self.total_count, self.probs, sizes(sample_shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        ways = F.lgamma(value.sum(-1) + 1) - F.lgamma(value + 1).sum(-1)
        never = (value == 0) & (self.logits == float("-inf"))
        return ways + (F.where(never, 0.0, self.logits) * value).sum(-1)

    def entropy(self) -> Tensor:
        n = self.total_count
        counts = F.arange(n + 1, dtype=self.probs.dtype, device=self.probs.device)
        counts = counts.view(-1, *(1,) * self.probs.ndim)  # (n + 1, 1 ... 1)
        p = clamp_probs(self.probs)
        log_ways = F.lgamma(counts.new_tensor(n + 1.0)) - F.lgamma(counts + 1)
        log_ways = log_ways - F.lgamma(n - counts + 1)
        chance = (log_ways + counts * p.log() + (n - counts) * F.log1p(-p)).exp()
        repeats = (chance * F.lgamma(counts + 1)).sum(0).sum(-1)
        return n * self._categorical.entropy() - F.lgamma(p.new_tensor(n + 1.0)) + repeats

    def __repr__(self) -> str:
        return f"Multinomial(total_count: {self.total_count}, {self._categorical!r})"


def draw_classes(probs: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Class numbers, by looking up uniform numbers in the running sum of the probabilities.

    Shape:  probs: (*batch, K); shape: (*sample, *batch)
    """
    rows = probs.double().reshape(-1, probs.shape[-1])  # (B, K)
    total = rows.cumsum(-1)
    total = total / total[:, -1:]  # ends in exactly 1, which no u reaches
    count = rows.shape[0]
    u = F.rand(count, math.prod(shape) // max(count, 1), dtype="float64")
    index = F.searchsorted(total, u.to(probs.device), right=True)  # (B, samples)
    return index.t().reshape(shape)
