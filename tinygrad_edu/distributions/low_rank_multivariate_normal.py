"""The multivariate normal distribution with few directions of correlation."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .. import linalg
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import constraints
from .distribution import Distribution
from .location_scale import HALF_LOG_2PI
from .multivariate_normal import half_log_det, squared_distance
from .utils import lazy_property


class LowRankMultivariateNormal(Distribution):
    """The normal distribution of vectors with covariance S = W W^T + diag(d).

    Math:   |S| = |K| prod d, S^-1 = d^-1 - d^-1 W K^-1 W^T d^-1, K = I + W^T d^-1 W: only R x R
            matrices are factorised
    Shape:  loc: (..., D); cov_factor W: (..., D, R); cov_diag d: (..., D); event_shape: (D,)
    Reference: M. Woodbury, 1950, "Inverting modified matrices"
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self, loc: Tensor, cov_factor: Tensor, cov_diag: Tensor, validate_args: bool | None = None
    ):
        sizes = [tuple(x.shape) for x in (loc, cov_factor, cov_diag)]
        if (
            loc.ndim < 1
            or cov_factor.ndim < 2
            or cov_diag.ndim < 1
            or not (loc.shape[-1] == cov_factor.shape[-2] == cov_diag.shape[-1])
        ):
            raise ShapeError(
                "LowRankMultivariateNormal: loc must be (..., D), cov_factor (..., D, R) and"
                f" cov_diag (..., D), got {sizes[0]}, {sizes[1]} and {sizes[2]}. Reshape them."
            )
        batch = F.broadcast_shapes(sizes[0][:-1], sizes[1][:-2], sizes[2][:-1])
        self.loc, self.cov_diag = loc.expand(*batch, -1), cov_diag.expand(*batch, -1)
        self.cov_factor = cov_factor.expand(*batch, -1, -1)
        super().__init__(batch, sizes[0][-1:], validate_args)

    @property
    def mean(self) -> Tensor:
        return self.loc

    @property
    def mode(self) -> Tensor:
        return self.loc

    @property
    def variance(self) -> Tensor:
        return (self.cov_factor**2).sum(-1) + self.cov_diag

    @property
    def covariance_matrix(self) -> Tensor:
        """S."""
        return self.cov_factor @ self.cov_factor.mT + F.diag_embed(self.cov_diag)

    @property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of S."""
        return linalg.cholesky(self.covariance_matrix)

    @property
    def precision_matrix(self) -> Tensor:
        """S^-1."""
        scaled = self._scaled_factor
        inner = linalg.solve_triangular(self._root, scaled.mT, upper=False)  # (..., R, D)
        return F.diag_embed(1 / self.cov_diag) - inner.mT @ inner

    @property
    def _scaled_factor(self) -> Tensor:
        return self.cov_factor / self.cov_diag.unsqueeze(-1)  # d^-1 W

    @lazy_property
    def _root(self) -> Tensor:
        """The Cholesky factor of K."""
        inner = self.cov_factor.mT @ self._scaled_factor
        return linalg.cholesky(
            inner + F.eye(inner.shape[-1], dtype=inner.dtype, device=inner.device)
        )

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        new = super().expand(batch_shape, _instance)
        new.__dict__.pop("_root", None)
        return new

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape = self._extended_shape(sample_shape)
        kind: Any = {"dtype": self.loc.dtype, "device": self.loc.device}
        along = F.randn(*shape[:-1], self.cov_factor.shape[-1], 1, **kind)
        own = F.randn(*shape, **kind)
        return self.loc + (self.cov_factor @ along).squeeze(-1) + self.cov_diag.sqrt() * own

    def _half_log_det(self) -> Tensor:
        return half_log_det(self._root) + self.cov_diag.log().sum(-1) / 2

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        d = value - self.loc
        along = (self._scaled_factor.mT @ d.unsqueeze(-1)).squeeze(-1)  # (..., R)
        distance = (d * d / self.cov_diag).sum(-1) - squared_distance(self._root, along)
        return -0.5 * distance - self._half_log_det() - self._event_shape[0] * HALF_LOG_2PI

    def entropy(self) -> Tensor:
        return self._half_log_det() + self._event_shape[0] * (0.5 + HALF_LOG_2PI)
