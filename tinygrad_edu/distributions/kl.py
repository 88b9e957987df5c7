"""The Kullback-Leibler divergence of two distributions, by their types."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .. import functional as F
from ..engine.errors import DTypeError
from ..engine.tensor import Tensor
from ..ops.elementwise.activation import softplus
from .categorical import Categorical, OneHotCategorical
from .counts import Bernoulli, Binomial, Geometric, Poisson
from .distribution import Distribution, NotKnown
from .gamma import Beta, Dirichlet, Exponential, Gamma
from .independent import Independent
from .location_scale import EULER, Cauchy, Gumbel, HalfNormal, Laplace, Normal, Uniform
from .low_rank_multivariate_normal import LowRankMultivariateNormal
from .multivariate_normal import MultivariateNormal, half_log_det, squared_distance
from .powers import Pareto
from .transformed_distribution import TransformedDistribution
from .utils import sum_rightmost

formulas: dict[tuple[type, type], Callable[[Any, Any], Tensor]] = {}


def register_kl(type_p: type, type_q: type) -> Callable[[Callable], Callable]:
    """Register a formula for kl_divergence(p, q) of two types and what inherits from them.

    Example:
        @register_kl(Normal, Normal)
        def kl_normal_normal(p, q): ...
    """
    for given in (type_p, type_q):
        if not (isinstance(given, type) and issubclass(given, Distribution)):
            raise DTypeError(
                f"register_kl: both types must be subclasses of Distribution, got {given!r:.60}."
                " Give the class, not an instance."
            )

    def register(formula: Callable) -> Callable:
        formulas[type_p, type_q] = formula
        return formula

    return register


def formula_for(type_p: type, type_q: type) -> Callable[[Any, Any], Tensor] | None:
    """The formula registered for the nearest ancestors: p's first, then q's."""
    for p in type_p.__mro__:
        for q in type_q.__mro__:
            if (p, q) in formulas:
                return formulas[p, q]
    return None


def kl_divergence(p: Distribution, q: Distribution) -> Tensor:
    """How much worse q describes outcomes of p than p does, in nats.

    Math:   KL(p || q) = E_p [ln p(x) - ln q(x)]
    Shape:  batch_shape
    Raises: NotKnown (a NotImplementedError) for two types without a formula
    """
    formula = formula_for(type(p), type(q))
    if formula is None:
        raise NotKnown(
            "kl_divergence: the two types must have a formula, got"
            f" {type(p).__name__} and {type(q).__name__}. Register one with register_kl, or"
            " average p.log_prob(x) - q.log_prob(x) over samples x of p."
        )
    return formula(p, q)


# ---- of one family -------------------------------------------------------------------------------


@register_kl(Bernoulli, Bernoulli)
def kl_bernoulli(p: Any, q: Any) -> Tensor:
    one = p.probs * (softplus(-q.logits) - softplus(-p.logits))
    zero = (1 - p.probs) * (softplus(q.logits) - softplus(p.logits))
    return where_possible(p.probs, one, q.probs) + where_possible(1 - p.probs, zero, 1 - q.probs)


def where_possible(p: Tensor, term: Tensor, q: Tensor) -> Tensor:
    """A term of a sum over outcomes: 0 where p is 0, otherwise infinite where q is 0."""
    return F.where(p == 0, 0.0, F.where(q == 0, math.inf, term))


@register_kl(Binomial, Binomial)
def kl_binomial(p: Binomial, q: Binomial) -> Tensor:
    if bool((p.total_count < q.total_count).any()):
        raise NotKnown(
            "kl_divergence: total_count of p must be at least that of q, got less. Average"
            " p.log_prob(x) - q.log_prob(x) over samples x of p."
        )
    return F.where(p.total_count > q.total_count, math.inf, p.total_count * kl_bernoulli(p, q))


@register_kl(Categorical, Categorical)
def kl_categorical(p: Categorical, q: Categorical) -> Tensor:
    term = p.probs * (p.logits - q.logits)
    return where_possible(p.probs, term, q.probs.expand_as(term)).sum(-1)


@register_kl(OneHotCategorical, OneHotCategorical)
def kl_one_hot(p: OneHotCategorical, q: OneHotCategorical) -> Tensor:
    return kl_categorical(p._categorical, q._categorical)


@register_kl(Geometric, Geometric)
def kl_geometric(p: Geometric, q: Geometric) -> Tensor:
    return -p.entropy() - F.log1p(-q.probs) / p.probs - q.logits


@register_kl(Poisson, Poisson)
def kl_poisson(p: Poisson, q: Poisson) -> Tensor:
    return F.xlogy(p.rate, p.rate / q.rate) - (p.rate - q.rate)


@register_kl(Normal, Normal)
def kl_normal(p: Normal, q: Normal) -> Tensor:
    ratio, shift = (p.scale / q.scale) ** 2, ((p.loc - q.loc) / q.scale) ** 2
    return 0.5 * (ratio + shift - 1 - ratio.log())


@register_kl(HalfNormal, HalfNormal)
def kl_half_normal(p: HalfNormal, q: HalfNormal) -> Tensor:
    ratio = (p.scale / q.scale) ** 2
    return 0.5 * (ratio - 1 - ratio.log())


@register_kl(Laplace, Laplace)
def kl_laplace(p: Laplace, q: Laplace) -> Tensor:
    ratio, gap = p.scale / q.scale, (p.loc - q.loc).abs()
    return -ratio.log() + gap / q.scale + ratio * (-gap / p.scale).exp() - 1


@register_kl(Cauchy, Cauchy)
def kl_cauchy(p: Cauchy, q: Cauchy) -> Tensor:
    far = (p.scale + q.scale) ** 2 + (p.loc - q.loc) ** 2
    return far.log() - (4 * p.scale * q.scale).log()


@register_kl(Gumbel, Gumbel)
def kl_gumbel(p: Gumbel, q: Gumbel) -> Tensor:
    ratio, shift = p.scale / q.scale, (p.loc - q.loc) / q.scale
    return -ratio.log() - 1 - EULER + shift + ratio * EULER + (F.lgamma(1 + ratio) - shift).exp()


@register_kl(Uniform, Uniform)
def kl_uniform(p: Uniform, q: Uniform) -> Tensor:
    outside = (q.low > p.low) | (q.high < p.high)
    return F.where(outside, math.inf, ((q.high - q.low) / (p.high - p.low)).log())


@register_kl(Exponential, Exponential)
def kl_exponential(p: Exponential, q: Exponential) -> Tensor:
    ratio = q.rate / p.rate
    return ratio - ratio.log() - 1


@register_kl(Gamma, Gamma)
def kl_gamma(p: Gamma, q: Gamma) -> Tensor:
    a, b = p.concentration, q.concentration
    return (
        b * (p.rate / q.rate).log()
        + F.lgamma(b)
        - F.lgamma(a)
        + (a - b) * F.digamma(a)
        + (q.rate - p.rate) * (a / p.rate)
    )


@register_kl(Dirichlet, Dirichlet)
def kl_dirichlet(p: Dirichlet, q: Dirichlet) -> Tensor:
    a, b = p.concentration, q.concentration
    pull = F.digamma(a) - F.digamma(a.sum(-1, keepdim=True))
    return q._log_volume() - p._log_volume() + ((a - b) * pull).sum(-1)


@register_kl(Beta, Beta)
def kl_beta(p: Beta, q: Beta) -> Tensor:
    return kl_dirichlet(p._dirichlet, q._dirichlet)


@register_kl(Pareto, Pareto)
def kl_pareto(p: Pareto, q: Pareto) -> Tensor:
    ratio = q.alpha / p.alpha
    known = ratio - ratio.log() - 1 + q.alpha * (p.scale / q.scale).log()
    return F.where(p.scale < q.scale, math.inf, known)


@register_kl(LowRankMultivariateNormal, LowRankMultivariateNormal)
@register_kl(LowRankMultivariateNormal, MultivariateNormal)
@register_kl(MultivariateNormal, LowRankMultivariateNormal)
@register_kl(MultivariateNormal, MultivariateNormal)
def kl_multivariate_normal(p: Any, q: Any) -> Tensor:
    log_ratio = half_log_det(q.scale_tril) - half_log_det(p.scale_tril)
    spread = (q.precision_matrix * p.covariance_matrix).sum((-2, -1))
    distance = squared_distance(q.scale_tril, q.loc - p.loc)
    return log_ratio + 0.5 * (spread + distance - p.event_shape[0])


@register_kl(Independent, Independent)
def kl_independent(p: Independent, q: Independent) -> Tensor:
    n = p.reinterpreted_batch_ndims
    if n != q.reinterpreted_batch_ndims:
        raise NotKnown(
            "kl_divergence: both must be Independent over as many dims, got"
            f" {n} and {q.reinterpreted_batch_ndims}. Make them equal."
        )
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), n)


@register_kl(TransformedDistribution, TransformedDistribution)
def kl_transformed(p: TransformedDistribution, q: TransformedDistribution) -> Tensor:
    """A bijection changes no divergence."""
    if p.transforms != q.transforms or p.event_shape != q.event_shape:
        raise NotKnown(
            "kl_divergence: both must have the same transforms and event_shape, got"
            f" {p.transforms} and {q.transforms}. Average p.log_prob(x) - q.log_prob(x) over"
            " samples x of p."
        )
    more = len(p.event_shape) - len(p.base_dist.event_shape)
    return sum_rightmost(kl_divergence(p.base_dist, q.base_dist), more)
