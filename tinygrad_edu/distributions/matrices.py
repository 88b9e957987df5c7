"""Distributions of matrices: covariances and correlations."""

from __future__ import annotations

import math
from typing import Any

from .. import functional as F
from .. import linalg
from ..autograd import no_grad
from ..engine.errors import ShapeError
from ..engine.limits import finfo
from ..engine.tensor import Tensor
from ..ops.create.gamma_random import log_gamma_sample
from . import constraints
from .distribution import Distribution
from .gamma import Beta
from .multivariate_normal import MultivariateNormal, half_log_det
from .utils import Number, broadcast_all

LOG_2 = math.log(2)


class Wishart(Distribution):
    """The distribution of sums X = sum_i x_i x_i^T of df normal vectors with covariance V.

    Math:   p(X) = |X|^((df - D - 1) / 2) e^(-tr(V^-1 X) / 2)
            / (2^(df D / 2) |V|^(df / 2) Gamma_D(df / 2))
    Shape:  df: (...); the matrices: (..., D, D); batch dims broadcast; event_shape: (D, D)
    Args:   df: degrees of freedom, above D - 1; need not be whole. covariance_matrix: V.
            precision_matrix: V^-1. scale_tril: L with V = L L^T. Give one of the three.
    Reference: M. Bartlett, 1933, "On the theory of statistical regression" (rsample)
    """

    arg_constraints = {
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
        "df": constraints.positive,
    }
    support = constraints.positive_definite
    has_rsample = True
    _parts = ("_vectors",)

    def __init__(
        self,
        df: Number,
        covariance_matrix: Tensor | None = None,
        precision_matrix: Tensor | None = None,
        scale_tril: Tensor | None = None,
        validate_args: bool | None = None,
    ):
        given = [m for m in (covariance_matrix, precision_matrix, scale_tril) if m is not None]
        matrix = given[0] if given else F.zeros(())
        if matrix.ndim < 2:
            raise ShapeError(
                "Wishart: one of covariance_matrix, precision_matrix and scale_tril must be"
                f" (..., D, D), got {tuple(matrix.shape) if given else 'none'}. Give one."
            )
        df = df if isinstance(df, Tensor) else matrix.new_tensor(df)
        batch = F.broadcast_shapes(tuple(df.shape), tuple(matrix.shape[:-2]))
        size = matrix.shape[-1]
        loc = F.zeros(*batch, size, dtype=matrix.dtype, device=matrix.device)
        self._vectors = MultivariateNormal(
            loc, covariance_matrix, precision_matrix, scale_tril, validate_args
        )
        self.df = df.expand(*batch)
        super().__init__(batch, (size, size), validate_args)
        if self._validate_args:
            self._check("df", constraints.greater_than(size - 1), self.df)

    def _given(self) -> dict[str, Any]:
        return {"df": self.df}  # the normal distribution has checked the matrix

    @property
    def covariance_matrix(self) -> Tensor:
        """V."""
        return self._vectors.covariance_matrix

    @property
    def precision_matrix(self) -> Tensor:
        """V^-1."""
        return self._vectors.precision_matrix

    @property
    def scale_tril(self) -> Tensor:
        """The Cholesky factor of V."""
        return self._vectors.scale_tril

    @property
    def _wide_df(self) -> Tensor:
        return self.df.unsqueeze(-1).unsqueeze(-1)  # (*batch, 1, 1)

    @property
    def mean(self) -> Tensor:
        return self._wide_df * self.covariance_matrix

    @property
    def mode(self) -> Tensor:
        """NaN unless df > D + 1."""
        factor = self._wide_df - self._event_shape[0] - 1
        return F.where(factor > 0, factor, math.nan) * self.covariance_matrix

    @property
    def variance(self) -> Tensor:
        v = self.covariance_matrix
        diagonal = v.diagonal(dim1=-2, dim2=-1)
        return self._wide_df * (v * v + diagonal.unsqueeze(-1) * diagonal.unsqueeze(-2))

    def rsample(self, sample_shape: Any = ()) -> Tensor:
        shape, size = self._extended_shape(sample_shape), self._event_shape[0]
        steps = F.arange(size, dtype=self.df.dtype, device=self.df.device)
        half = ((self.df.unsqueeze(-1) - steps) / 2).expand(*shape[:-1])
        root = ((log_gamma_sample(half) + LOG_2) / 2).exp()  # of chi-squared numbers
        normal = F.randn(*shape, dtype=root.dtype, device=root.device)
        factor = self.scale_tril @ (normal.tril(-1) + F.diag_embed(root))
        return factor @ factor.mT

    def _log_gamma(self) -> Tensor:
        return F.mvlgamma(self.df / 2, self._event_shape[0])

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        df, size = self.df, self._event_shape[0]
        trace = (self.precision_matrix * value).sum((-2, -1))  # both are symmetric
        return (
            (df - size - 1) * half_log_det(linalg.cholesky(value))
            - trace / 2
            - df * (size * LOG_2 / 2 + half_log_det(self.scale_tril))
            - self._log_gamma()
        )

    def entropy(self) -> Tensor:
        df, size = self.df, self._event_shape[0]
        steps = F.arange(size, dtype=df.dtype, device=df.device)
        slope = F.digamma((df.unsqueeze(-1) - steps) / 2).sum(-1)
        volume = (size + 1) * (size * LOG_2 / 2 + half_log_det(self.scale_tril))
        return volume + self._log_gamma() - (df - size - 1) / 2 * slope + df * size / 2


class LKJCholesky(Distribution):
    """The distribution of Cholesky factors of correlation matrices M = L L^T with density
    proportional to |M|^(concentration - 1).

    Math:   p(L) = C prod_i L_ii^(D - i + 2 (concentration - 1)), i = 2 ... D
    Shape:  batch_shape: that of concentration; event_shape: (D, D), D = dim
    Args:   dim: size of the matrices, at least 2. concentration: 1 makes all correlation matrices
            as likely; above, they come near to the identity.
    Reference: D. Lewandowski, D. Kurowicka, H. Joe, 2009, "Generating random correlation matrices
               based on vines and extended onion method", section 3.2
    """

    arg_constraints = {"concentration": constraints.positive}
    support = constraints.corr_cholesky

    def __init__(self, dim: int, concentration: Number = 1.0, validate_args: bool | None = None):
        if dim < 2:
            raise ShapeError(
                f"LKJCholesky: dim must be at least 2, got {dim}. Give the matrix size."
            )
        self.dim = dim
        (self.concentration,) = broadcast_all(concentration)
        super().__init__(tuple(self.concentration.shape), (dim, dim), validate_args)

    def _orders(self) -> Tensor:
        """1 ... D - 1."""
        like = self.concentration
        return F.arange(1, self.dim, dtype=like.dtype, device=like.device)

    def sample(self, sample_shape: Any = ()) -> Tensor:
        """Row i is a direction in i dims at a random length; what is missing to length 1 stands on
        the diagonal.
        """
        shape, i = self._extended_shape(sample_shape), self._orders()
        with no_grad():
            rest = self.concentration.unsqueeze(-1) + (self.dim - 1 - i) / 2
            length = Beta(i / 2, rest, False).sample(shape[: len(shape) - len(rest.shape) - 1])
            normal = F.randn(*shape, dtype=i.dtype, device=i.device).tril(-1)[..., 1:, :]
            rows = normal / linalg.vector_norm(normal, dim=-1, keepdim=True)
            rows = F.cat([F.zeros_like(rows[..., :1, :]), rows * length.unsqueeze(-1).sqrt()], -2)
            own = (1 - (rows * rows).sum(-1)).clamp(min=finfo(rows.dtype).tiny).sqrt()
            return rows + F.diag_embed(own)

    def log_prob(self, value: Tensor) -> Tensor:
        if self._validate_args:
            self._validate_sample(value)
        eta, n = self.concentration, self.dim - 1
        diagonal = value.diagonal(dim1=-2, dim2=-1)[..., 1:]
        order = 2 * (eta.unsqueeze(-1) - 1) + n - self._orders()
        alpha = eta + n / 2
        volume = n * math.log(math.pi) / 2 + F.mvlgamma(alpha - 0.5, n) - n * F.lgamma(alpha)
        return (order * diagonal.log()).sum(-1) - volume
