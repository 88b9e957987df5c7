"""Probability distributions with PyTorch's names: samples, log-probabilities, entropies,
divergences.

distribution.py          the base of all
constraints.py           sets of values, by which arguments are checked
categorical.py           one of K classes, and counts of several draws
counts.py                whole numbers: Bernoulli, Poisson and kin
location_scale.py        real numbers with a location and a scale, or with two ends
gamma.py                 what is made of gamma numbers
powers.py                powers of uniform and exponential numbers
continuous_bernoulli.py  numbers in [0, 1] with an exponential density
von_mises.py             angles
multivariate_normal.py, low_rank_multivariate_normal.py   vectors
matrices.py              covariances and correlations
independent.py           batch dims as dims of the event
mixture_same_family.py   several distributions of one type
transforms/              functions that know by how much they stretch volumes
constraint_registry.py   which transform leads to a set of values
transformed_distribution.py   outcomes that go through transforms
relaxed.py               soft versions of discrete distributions
kl.py, kl_of_two.py      the divergence of two distributions
"""

from ..left_out import explain_missing as _explain_missing
from . import constraints as constraints
from . import kl as kl
from . import kl_of_two as kl_of_two
from .categorical import Categorical as Categorical
from .categorical import Multinomial as Multinomial
from .categorical import OneHotCategorical as OneHotCategorical
from .categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
from .constraint_registry import biject_to as biject_to
from .constraint_registry import transform_to as transform_to
from .continuous_bernoulli import ContinuousBernoulli as ContinuousBernoulli
from .counts import Bernoulli as Bernoulli
from .counts import Binomial as Binomial
from .counts import Geometric as Geometric
from .counts import NegativeBinomial as NegativeBinomial
from .counts import Poisson as Poisson
from .distribution import Distribution as Distribution
from .gamma import Beta as Beta
from .gamma import Chi2 as Chi2
from .gamma import Dirichlet as Dirichlet
from .gamma import Exponential as Exponential
from .gamma import FisherSnedecor as FisherSnedecor
from .gamma import Gamma as Gamma
from .gamma import InverseGamma as InverseGamma
from .gamma import StudentT as StudentT
from .independent import Independent as Independent
from .kl import kl_divergence as kl_divergence
from .kl import register_kl as register_kl
from .location_scale import Cauchy as Cauchy
from .location_scale import Gumbel as Gumbel
from .location_scale import HalfCauchy as HalfCauchy
from .location_scale import HalfNormal as HalfNormal
from .location_scale import Laplace as Laplace
from .location_scale import Normal as Normal
from .location_scale import Uniform as Uniform
from .low_rank_multivariate_normal import LowRankMultivariateNormal as LowRankMultivariateNormal
from .matrices import LKJCholesky as LKJCholesky
from .matrices import Wishart as Wishart
from .mixture_same_family import MixtureSameFamily as MixtureSameFamily
from .multivariate_normal import MultivariateNormal as MultivariateNormal
from .powers import GeneralizedPareto as GeneralizedPareto
from .powers import Kumaraswamy as Kumaraswamy
from .powers import Pareto as Pareto
from .powers import Weibull as Weibull
from .relaxed import RelaxedBernoulli as RelaxedBernoulli
from .relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from .transformed_distribution import LogisticNormal as LogisticNormal
from .transformed_distribution import LogNormal as LogNormal
from .transformed_distribution import TransformedDistribution as TransformedDistribution
from .transforms import AbsTransform as AbsTransform
from .transforms import AffineTransform as AffineTransform
from .transforms import CatTransform as CatTransform
from .transforms import ComposeTransform as ComposeTransform
from .transforms import CorrCholeskyTransform as CorrCholeskyTransform
from .transforms import CumulativeDistributionTransform as CumulativeDistributionTransform
from .transforms import ExpTransform as ExpTransform
from .transforms import IndependentTransform as IndependentTransform
from .transforms import LowerCholeskyTransform as LowerCholeskyTransform
from .transforms import PositiveDefiniteTransform as PositiveDefiniteTransform
from .transforms import PowerTransform as PowerTransform
from .transforms import ReshapeTransform as ReshapeTransform
from .transforms import SigmoidTransform as SigmoidTransform
from .transforms import SoftmaxTransform as SoftmaxTransform
from .transforms import SoftplusTransform as SoftplusTransform
from .transforms import StackTransform as StackTransform
from .transforms import StickBreakingTransform as StickBreakingTransform
from .transforms import TanhTransform as TanhTransform
from .transforms import Transform as Transform
from .transforms import identity_transform as identity_transform
from .von_mises import VonMises as VonMises

_explain_missing(__name__)
