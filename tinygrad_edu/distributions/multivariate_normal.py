"""The multivariate normal distribution."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import linalg
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .location_scale import HALF_LOG_2PI
from .utils import lazy_property, one_of


class MultivariateNormal(Distribution):
    """The normal distribution of vectors.

    Math:   p(x) = e^(-d^T S^-1 d / 2) / sqrt((2 pi)^D |S|), d = x - loc, S = L L^T
    Shape:  loc: (..., D); the matrices: (..., D, D); batch dims broadcast; event_shape: (D,)
    Args:   covariance_matrix: S. precision_matrix: S^-1. scale_tril: L, lower triangular with a
            positive diagonal. Give one of the three; scale_tril is the quickest.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc: Tensor,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = one_of(
            "MultivariateNormal",
            covariance_matrix=covariance_matrix,
            precision_matrix=precision_matrix,
            scale_tril=scale_tril,
        )
        matrix: Any = {
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
            "scale_tril": scale_tril,
        }[given]
        if loc.ndim < 1 or matrix.ndim < 2 or tuple(matrix.shape[-2:]) != (loc.shape[-1],) * 2:
            raise ShapeError(
                f"MultivariateNormal: loc must be (..., D) and {given} (..., D, D), got"
                f" {tuple(loc.shape)} and {tuple(matrix.shape)}. Reshape them."
            )
        batch = F.broadcast_shapes(tuple(loc.shape[:-1]), tuple(matrix.shape[:-2]))
        self.loc = loc.expand(*batch, -1)
        setattr(self, given, matrix.expand(*batch, -1, -1))
        super().__init__(batch, tuple(loc.shape[-1:]), validate_args)

    @lazy_property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of the covariance matrix."""
        if "covariance_matrix" in self.__dict__:
            return linalg.cholesky(self.covariance_matrix)
        # S^-1 = U U^T with U upper triangular, so that L = U^-T
        upper = linalg.cholesky(self.precision_matrix.flip((-2, -1))).flip((-2, -1))
        return linalg.solve_triangular(upper.mT, self._identity(), upper=False)

    @lazy_property
    def covariance_matrix(self) -> Tensor:
        """S = L L^T."""
        return self.scale_tril @ self.scale_tril.mT

    @lazy_property
    def precision_matrix(self) -> Tensor:
        """S^-1."""
        inverse = linalg.solve_triangular(self.scale_tril, self._identity(), upper=False)
        return inverse.mT @ inverse

    def _identity(self) -> Tensor:
        n = self._event_shape[0]
        eye = F.eye(n, dtype=self.loc.dtype, device=self.loc.device)
        return eye.expand(*self._batch_shape, n, n)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        """The diagonal of the covariance matrix."""
        return (self.scale_tril * self.scale_tril).sum(-1)

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        noise = F.randn(*shape, dtype=self.loc.dtype, device=self.loc.device)
        return self.loc + (self.scale_tril @ noise.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        distance = squared_distance(self.scale_tril, value - self.loc)
        return -0.5 * distance - half_log_det(self.scale_tril) - self._event_shape[0] * HALF_LOG_2PI

    def entropy(self) -> Tensor:
        return half_log_det(self.scale_tril) + self._event_shape[0] * (0.5 + HALF_LOG_2PI)


def half_log_det(scale_tril: Tensor) -> Tensor:
    """ln |L| = ln |L L^T| / 2.

    Shape:  (..., D, D) -> (...)
    """
    return scale_tril.diagonal(dim1=-2, dim2=-1).log().sum(-1)


def squared_distance(scale_tril: Tensor, difference: Tensor) -> Tensor:
    """d^T (L L^T)^-1 d, the squared Mahalanobis distance.

    Shape:  (*batch, D, D), (*sample, *batch, D) -> (*sample, *batch)
    """
    n, batch = (
        difference.shape[-1],
        F.broadcast_shapes(tuple(scale_tril.shape[:-2]), tuple(difference.shape[:-1])),
    )
    whitened = linalg.solve_triangular(
        scale_tril.expand(*batch, n, n), difference.expand(*batch, n).unsqueeze(-1), upper=False
    )
    return (whitened * whitened).sum((-2, -1))
