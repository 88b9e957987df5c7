"""Probability distributions with PyTorch's names: samples, log-probabilities, entropies,
divergences.

distribution.py          the base of all
constraints.py           sets of values, by which arguments are checked
categorical.py           one of K classes, and counts of several draws
counts.py                whole numbers: Bernoulli, Poisson and kin
location_scale.py        real numbers with a location and a scale, or with two ends
gamma.py                 what is made of gamma numbers
multivariate_normal.py   vectors
independent.py           batch dims as dims of the event
mixture_same_family.py   several distributions of one type
transforms.py            functions that know by how much they stretch volumes
transformed_distribution.py   outcomes that go through transforms
relaxed.py               soft versions of discrete distributions
kl.py                    the divergence of two distributions
"""

from ..left_out import explain_missing as _explain_missing
from . import constraints as constraints
from . import kl as kl
from .categorical import Categorical as Categorical
from .categorical import Multinomial as Multinomial
from .categorical import OneHotCategorical as OneHotCategorical
from .categorical import OneHotCategoricalStraightThrough as OneHotCategoricalStraightThrough
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
from .gamma import Gamma as Gamma
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
from .mixture_same_family import MixtureSameFamily as MixtureSameFamily
from .multivariate_normal import MultivariateNormal as MultivariateNormal
from .relaxed import RelaxedBernoulli as RelaxedBernoulli
from .relaxed import RelaxedOneHotCategorical as RelaxedOneHotCategorical
from .transformed_distribution import LogNormal as LogNormal
from .transformed_distribution import TransformedDistribution as TransformedDistribution
from .transforms import AbsTransform as AbsTransform
from .transforms import AffineTransform as AffineTransform
from .transforms import ComposeTransform as ComposeTransform
from .transforms import ExpTransform as ExpTransform
from .transforms import IndependentTransform as IndependentTransform
from .transforms import PowerTransform as PowerTransform
from .transforms import ReshapeTransform as ReshapeTransform
from .transforms import SigmoidTransform as SigmoidTransform
from .transforms import SoftmaxTransform as SoftmaxTransform
from .transforms import SoftplusTransform as SoftplusTransform
from .transforms import StickBreakingTransform as StickBreakingTransform
from .transforms import TanhTransform as TanhTransform
from .transforms import Transform as Transform
from .transforms import identity_transform as identity_transform

_explain_missing(__name__)
