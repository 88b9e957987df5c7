"""Functions of random outcomes that know by how much they stretch volumes.

basic.py      the base, compositions, and functions of numbers and vectors
matrices.py   to triangular and positive-definite matrices
joined.py     of several parts, and of a distribution
"""

from ...left_out import explain_missing as _explain_missing
from .basic import AbsTransform as AbsTransform
from .basic import AffineTransform as AffineTransform
from .basic import ComposeTransform as ComposeTransform
from .basic import ExpTransform as ExpTransform
from .basic import IndependentTransform as IndependentTransform
from .basic import PowerTransform as PowerTransform
from .basic import ReshapeTransform as ReshapeTransform
from .basic import SigmoidTransform as SigmoidTransform
from .basic import SoftmaxTransform as SoftmaxTransform
from .basic import SoftplusTransform as SoftplusTransform
from .basic import StickBreakingTransform as StickBreakingTransform
from .basic import TanhTransform as TanhTransform
from .basic import Transform as Transform
from .basic import identity_transform as identity_transform
from .joined import CatTransform as CatTransform
from .joined import CumulativeDistributionTransform as CumulativeDistributionTransform
from .joined import StackTransform as StackTransform
from .matrices import CorrCholeskyTransform as CorrCholeskyTransform
from .matrices import LowerCholeskyTransform as LowerCholeskyTransform
from .matrices import PositiveDefiniteTransform as PositiveDefiniteTransform

_explain_missing(__name__)
