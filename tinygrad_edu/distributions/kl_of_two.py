"""The Kullback-Leibler divergence of two distributions of different families."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from ..engine.tensor import Tensor
from .continuous_bernoulli import ContinuousBernoulli
from .counts import Bernoulli, Binomial, Poisson
from .distribution import Distribution
from .gamma import Beta, Exponential, Gamma
from .kl import kl_gamma, register_kl
from .location_scale import HALF_LOG_2PI, Gumbel, Laplace, Normal, Uniform
from .powers import Pareto

# ---- q does not reach all of p's outcomes --------------------------------------------------------


def kl_infinite(p: Distribution, q: Distribution) -> Tensor:
    """p has outcomes that q never gives."""
    like: Any = p.entropy()
    shape = F.broadcast_shapes(p.batch_shape, q.batch_shape)
    return F.full(shape, math.inf, dtype=like.dtype, device=like.device)


UNREACHED: dict[type[Distribution], tuple[type[Distribution], ...]] = {
    Beta: (Pareto,),
    ContinuousBernoulli: (Pareto,),
    Exponential: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gamma: (Beta, ContinuousBernoulli, Pareto, Uniform),
    Gumbel: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Laplace: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Normal: (Beta, ContinuousBernoulli, Exponential, Gamma, Pareto, Uniform),
    Pareto: (Beta, ContinuousBernoulli, Uniform),
}
for type_p, types_q in UNREACHED.items():
    for type_q in types_q:
        register_kl(type_p, type_q)(kl_infinite)


@register_kl(Poisson, Bernoulli)
@register_kl(Poisson, Binomial)
def kl_poisson_infinite(p: Poisson, q: Distribution) -> Tensor:
    shape = F.broadcast_shapes(p.batch_shape, q.batch_shape)
    return F.full(shape, math.inf, dtype=p.rate.dtype, device=p.rate.device)


def unless_outside(p: Any, q: Any, known: Tensor) -> Tensor:
    """`known`, but infinite where an interval of q does not hold all of p's."""
    inside = (ends(q)[0] <= ends(p)[0]) & (ends(p)[1] <= ends(q)[1])
    return F.where(inside, known, math.inf)


def ends(d: Any) -> tuple[Tensor, Tensor]:
    """The least and the largest outcome."""
    if isinstance(d, Uniform):
        return d.low, d.high
    if isinstance(d, Pareto):
        return d.scale, F.full_like(d.scale, math.inf)
    zero = F.zeros_like(d.mean)
    one = isinstance(d, (Beta, ContinuousBernoulli))
    return zero, zero + (1.0 if one else math.inf)


# ---- ln q(x) is made of x and ln x: KL = -H(p) - E_p[ln q(x)] ------------------------------------


def mean_log(p: Any) -> Tensor:
    """E_p[ln x]."""
    if isinstance(p, Beta):
        return F.digamma(p.concentration1) - F.digamma(p.concentration1 + p.concentration0)
    if isinstance(p, Pareto):
        return p.scale.log() + 1 / p.alpha
    return mean_log_between(p.low, p.high)  # of a Uniform


def mean_log_between(low: Tensor, high: Tensor) -> Tensor:
    return (F.xlogy(high, high) - F.xlogy(low, low)) / (high - low) - 1


@register_kl(Beta, ContinuousBernoulli)
@register_kl(Beta, Exponential)
@register_kl(ContinuousBernoulli, ContinuousBernoulli)
@register_kl(ContinuousBernoulli, Exponential)
@register_kl(Pareto, Exponential)
@register_kl(Uniform, ContinuousBernoulli)
@register_kl(Uniform, Exponential)
def kl_to_exponential(p: Any, q: Any) -> Tensor:
    """ln q is linear in x: it is that of the mean."""
    if isinstance(q, Exponential):
        there = q.rate.log() - q.rate * p.mean
    else:
        there = q.logits * p.mean - q._log_volume()
    return unless_outside(p, q, -p.entropy() - there)


@register_kl(Beta, Gamma)
@register_kl(Pareto, Gamma)
@register_kl(Uniform, Gamma)
def kl_to_gamma(p: Any, q: Gamma) -> Tensor:
    a = q.concentration
    there = F.xlogy(a, q.rate) - F.lgamma(a) + (a - 1) * mean_log(p) - q.rate * p.mean
    return unless_outside(p, q, -p.entropy() - there)


@register_kl(Uniform, Pareto)
def kl_uniform_pareto(p: Uniform, q: Pareto) -> Tensor:
    there = q.alpha.log() + q.alpha * q.scale.log() - (q.alpha + 1) * mean_log(p)
    return unless_outside(p, q, -p.entropy() - there)


@register_kl(Uniform, Beta)
def kl_uniform_beta(p: Uniform, q: Beta) -> Tensor:
    from_0, from_1 = mean_log(p), mean_log_between(1 - p.high, 1 - p.low)
    there = (q.concentration1 - 1) * from_0 + (q.concentration0 - 1) * from_1
    return unless_outside(p, q, -p.entropy() - there + q._dirichlet._log_volume())


@register_kl(Beta, Uniform)
@register_kl(ContinuousBernoulli, Uniform)
def kl_to_uniform(p: Any, q: Uniform) -> Tensor:
    return unless_outside(p, q, -p.entropy() + (q.high - q.low).log())


@register_kl(Bernoulli, Poisson)
def kl_bernoulli_poisson(p: Bernoulli, q: Poisson) -> Tensor:
    return -p.entropy() - (F.xlogy(p.probs, q.rate) - q.rate)


# ---- others --------------------------------------------------------------------------------------


@register_kl(Gamma, Gumbel)
def kl_gamma_gumbel(p: Gamma, q: Gumbel) -> Tensor:
    tail = (q.loc / q.scale - p.concentration * F.log1p(1 / (p.rate * q.scale))).exp()
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + tail


@register_kl(Uniform, Gumbel)
def kl_uniform_gumbel(p: Uniform, q: Gumbel) -> Tensor:
    low, high = (p.low - q.loc) / q.scale, (p.high - q.loc) / q.scale
    tail = ((-low).exp() - (-high).exp()) / (high - low)
    return -p.entropy() + q.scale.log() + (low + high) / 2 + tail


@register_kl(Normal, Laplace)
def kl_normal_laplace(p: Normal, q: Laplace) -> Tensor:
    z = (p.loc - q.loc) / p.scale
    gap = p.scale * math.sqrt(2 / math.pi) * (-0.5 * z * z).exp()
    gap = gap + (p.loc - q.loc) * F.erf(z * math.sqrt(0.5))  # E_p |x - q.loc|
    return -p.entropy() + (2 * q.scale).log() + gap / q.scale


@register_kl(Normal, Gumbel)
def kl_normal_gumbel(p: Normal, q: Gumbel) -> Tensor:
    mean, spread = (p.loc - q.loc) / q.scale, (p.scale / q.scale) ** 2
    return -p.entropy() + q.scale.log() + mean + (0.5 * spread - mean).exp()


@register_kl(Exponential, Gamma)
def kl_exponential_gamma(p: Exponential, q: Gamma) -> Tensor:
    return kl_gamma(Gamma(F.ones_like(p.rate), p.rate, validate_args=False), q)


@register_kl(Gamma, Exponential)
def kl_gamma_exponential(p: Gamma, q: Exponential) -> Tensor:
    return kl_gamma(p, Gamma(F.ones_like(q.rate), q.rate, validate_args=False))


@register_kl(Beta, Normal)
@register_kl(ContinuousBernoulli, Normal)
@register_kl(Exponential, Normal)
@register_kl(Gamma, Normal)
@register_kl(Gumbel, Normal)
@register_kl(Laplace, Normal)
@register_kl(Pareto, Normal)
@register_kl(Uniform, Normal)
def kl_normal_from_moments(p: Any, q: Normal) -> Tensor:
    """ln q is a square: mean and variance of p are all it takes."""
    spread = p.variance + (p.mean - q.loc) ** 2
    return -p.entropy() + q.scale.log() + HALF_LOG_2PI + spread / (2 * q.scale**2)


@register_kl(Exponential, Gumbel)
def kl_exponential_gumbel(p: Exponential, q: Gumbel) -> Tensor:
    share = p.rate * q.scale
    tail = (q.loc / q.scale).exp() * share / (share + 1)
    return -p.entropy() + q.scale.log() + (p.mean - q.loc) / q.scale + tail
