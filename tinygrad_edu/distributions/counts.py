"""Distributions over whole numbers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..ops.create.gamma_random import binomial
from ..ops.elementwise.activation import softplus
from . import constraints
from .distribution import Distribution
from .utils import (
    Number,
    as_float,
    broadcast_all,
    lazy_property,
    logits_to_probs,
    one_of,
    open_uniform,
    probs_to_logits,
)


class Binary(Distribution):
    """What distributions of trials share: `probs` of a success, or `logits`, its log odds."""

    arg_constraints: Any = {"probs": constraints.unit_interval, "logits": constraints.real}

    def _take(self, probs: Number | None, logits: Number | None, *others: Number) -> list[Tensor]:
        """Set probs or logits, broadcast with `others`, which are returned."""
        given = one_of(type(self).__name__, probs=probs, logits=logits)
        value = as_float(probs if logits is None else logits)  # type: ignore[arg-type]
        value, *rest = broadcast_all(value, *others)
        setattr(self, given, value)
        return rest

    @lazy_property
    def logits(self) -> Tensor:
        """Log odds of a success."""
        return probs_to_logits(self.probs, is_binary=True)

    @lazy_property
    def probs(self) -> Tensor:
        """Probabilities of a success."""
        return logits_to_probs(self.logits, is_binary=True)

    @property
    def _param(self) -> Tensor:
        known = self.__dict__  # one of the two is there
        return known["logits"] if "logits" in known else known["probs"]

    @property
    def param_shape(self) -> tuple[int, ...]:
        """The shape of probs or logits."""
        return tuple(self._param.shape)


class Bernoulli(Binary):
    """1 with probability `probs`, otherwise 0.

    Math:   P(1) = probs = 1 / (1 + e^-logits)
    Shape:  batch_shape: that of probs or logits; event_shape: ()
    """

    support = constraints.boolean
    has_enumerate_support = True

    def __init__(
        self,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ):
        self._take(probs, logits)
        super().__init__(self.param_shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.probs

    @property
    def mode(self) -> Tensor:
        """1 or 0; NaN where both are as likely."""
        p = self.probs
        return F.where(p == 0.5, float("nan"), (p > 0.5).to(p.dtype))

    @property
    def variance(self) -> Tensor:
        return self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return F.bernoulli(self.probs.expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        logits, value = broadcast_all(self.logits, value)
        return -F.binary_cross_entropy_with_logits(logits, value, reduction="none")

    def entropy(self) -> Tensor:
        return F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")

    def enumerate_support(self, expand: bool = True) -> Tensor:
        values = F.arange(2, dtype=self._param.dtype, device=self._param.device)
        return self._enumerated(values, expand)


class Binomial(Binary):
    """How many of `total_count` trials succeed.

    Math:   P(k) = n! / (k! (n - k)!) probs^k (1 - probs)^(n - k)
    Shape:  batch_shape: that of total_count and probs or logits, broadcast; event_shape: ()
    """

    arg_constraints = {"total_count": constraints.nonnegative_integer} | Binary.arg_constraints
    has_enumerate_support = True

    def __init__(
        self,
        total_count: Number = 1,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ):
        (self.total_count,) = self._take(probs, logits, total_count)
        self.total_count = self.total_count.to(self._param.dtype)
        super().__init__(self.param_shape, (), validate_args)

    @constraints.dependent_property(is_discrete=True)
    def support(self) -> Any:
        return constraints.integer_interval(0, self.total_count)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.probs

    @property
    def mode(self) -> Tensor:
        return F.minimum(((self.total_count + 1) * self.probs).floor(), self.total_count)

    @property
    def variance(self) -> Tensor:
        return self.total_count * self.probs * (1 - self.probs)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        with no_grad():
            return binomial(self.total_count.expand(*shape), self.probs.expand(*shape))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = F.lgamma(n + 1) - F.lgamma(value + 1) - F.lgamma(n - value + 1)
        return ways + value * logits - n * softplus(logits)

    def entropy(self) -> Tensor:
        """Expected -log_prob; every batch element must have the same total_count."""
        if self.total_count.numel() and bool((self.total_count != self.total_count.max()).any()):
            raise ShapeError(
                "Binomial: total_count must be the same in all of the batch for entropy, got"
                " several. Use one distribution for each."
            )
        log_prob = self.log_prob(self.enumerate_support())
        return -(log_prob.exp() * log_prob).sum(0)

    def enumerate_support(self, expand: bool = True) -> Tensor:
        most = int(self.total_count.max().item())
        if bool((self.total_count != most).any()):
            raise ShapeError(
                "Binomial: total_count must be the same in all of the batch for"
                " enumerate_support, got several. Use one distribution for each."
            )
        values = F.arange(most + 1, dtype=self._param.dtype, device=self._param.device)
        return self._enumerated(values, expand)


class Geometric(Binary):
    """How many trials fail before the first success.

    Math:   P(k) = (1 - probs)^k probs, k = 0, 1, ...
    Shape:  batch_shape: that of probs or logits; event_shape: ()
    """

    support = constraints.nonnegative_integer

    def __init__(
        self,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ):
        self._take(probs, logits)
        super().__init__(self.param_shape, (), validate_args)
        if self._validate_args and "probs" in self.__dict__:
            self._check("probs", constraints.positive, self.probs)

    @property
    def mean(self) -> Tensor:
        return 1 / self.probs - 1

    @property
    def mode(self) -> Tensor:
        return F.zeros_like(self.probs)

    @property
    def variance(self) -> Tensor:
        return (1 / self.probs - 1) / self.probs

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            u = open_uniform(self._extended_shape(sample_shape), self.probs)
            return (u.log() / F.log1p(-self.probs)).floor()

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        value, p = broadcast_all(value, self.probs)
        at_once = (p == 1) & (value == 0)
        return value * F.log1p(-F.where(at_once, 0.0, p)) + p.log()

    def entropy(self) -> Tensor:
        return (
            F.binary_cross_entropy_with_logits(self.logits, self.probs, reduction="none")
            / self.probs
        )


class NegativeBinomial(Binary):
    """How many trials succeed before `total_count` fail.

    Math:   P(k) = Gamma(n + k) / (k! Gamma(n)) (1 - probs)^n probs^k
    Shape:  batch_shape: that of total_count and probs or logits, broadcast; event_shape: ()
    """

    arg_constraints = {
        "total_count": constraints.greater_than_eq(0),
        "probs": constraints.half_open_interval(0.0, 1.0),
        "logits": constraints.real,
    }
    support = constraints.nonnegative_integer

    def __init__(
        self,
        total_count: Number,
        probs: Number | None = None,
        logits: Number | None = None,
        validate_args: bool | None = None,
    ):
        (self.total_count,) = self._take(probs, logits, total_count)
        self.total_count = self.total_count.to(self._param.dtype)
        super().__init__(self.param_shape, (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.total_count * self.logits.exp()

    @property
    def mode(self) -> Tensor:
        return ((self.total_count - 1) * self.logits.exp()).floor().clamp(min=0.0)

    @property
    def variance(self) -> Tensor:
        return self.mean / (-self.logits).sigmoid()

    def sample(self, sample_shape: Any = ()) -> Tensor:
        from .gamma import Gamma

        with no_grad():
            rates = Gamma(self.total_count, (-self.logits).exp(), False).sample(sample_shape)
            return F.poisson(rates)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        n, logits = self.total_count, self.logits
        ways = F.lgamma(n + value) - F.lgamma(1 + value) - F.lgamma(n)
        ways = F.where(n + value == 0, 0.0, ways)
        return ways - n * softplus(logits) - value * softplus(-logits)


class Poisson(Distribution):
    """How many events happen when `rate` are expected.

    Math:   P(k) = rate^k e^-rate / k!
    Shape:  batch_shape: that of rate; event_shape: ()
    """

    arg_constraints = {"rate": constraints.nonnegative}
    support = constraints.nonnegative_integer

    def __init__(self, rate: Number, validate_args: bool | None = None):
        (self.rate,) = broadcast_all(rate)
        super().__init__(tuple(self.rate.shape), (), validate_args)

    @property
    def mean(self) -> Tensor:
        return self.rate

    @property
    def mode(self) -> Tensor:
        return self.rate.floor()

    @property
    def variance(self) -> Tensor:
        return self.rate

    def sample(self, sample_shape: Any = ()) -> Tensor:
        with no_grad():
            return F.poisson(self.rate.expand(*self._extended_shape(sample_shape)))

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        rate, value = broadcast_all(self.rate, value)
        return F.xlogy(value, rate) - rate - F.lgamma(value + 1)
