"""Transforms to triangular and positive-definite matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import functional as F
from ... import linalg
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .. import constraints
from .basic import Transform


class LowerCholeskyTransform(Transform):
    """Square matrices to lower triangular ones with a positive diagonal: e^x on the diagonal."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.lower_cholesky

    def _call(self, x: Tensor) -> Tensor:
        return x.tril(-1) + F.diag_embed(x.diagonal(dim1=-2, dim2=-1).exp())

    def _inverse(self, y: Tensor) -> Tensor:
        return y.tril(-1) + F.diag_embed(y.diagonal(dim1=-2, dim2=-1).log())


class PositiveDefiniteTransform(Transform):
    """Square matrices to positive-definite ones: L L^T, L of LowerCholeskyTransform."""

    domain = constraints.independent(constraints.real, 2)
    codomain = constraints.positive_definite

    def _call(self, x: Tensor) -> Tensor:
        factor = LowerCholeskyTransform()(x)
        return factor @ factor.mT

    def _inverse(self, y: Tensor) -> Tensor:
        return LowerCholeskyTransform()._inverse(linalg.cholesky(y))


class CorrCholeskyTransform(Transform):
    """D (D - 1) / 2 numbers to the Cholesky factor of a D x D correlation matrix.

    Math:   t = tanh x, put row by row below the diagonal; y_ij = t_ij prod_{k<j} sqrt(1 - t_ik^2),
            and the diagonal makes the length of each row 1
    """

    bijective = True
    domain, codomain = constraints.real_vector, constraints.corr_cholesky

    def _call(self, x: Tensor) -> Tensor:
        size = matrix_size(x.shape[-1])
        t = F.zeros(*x.shape[:-1], size, size, dtype=x.dtype, device=x.device)
        row, column = F.tril_indices(size, size, -1, device=x.device)
        t[..., row, column] = x.tanh()
        left = (1 - t * t).cumprod(-1)  # of each row's squared length, after each entry
        before = F.cat([F.ones_like(left[..., :1]), left[..., :-1]], -1)
        eye = F.eye(size, dtype=x.dtype, device=x.device)
        return (t + eye) * before.sqrt()

    def _inverse(self, y: Tensor) -> Tensor:
        t = below_diagonal(y) / below_diagonal(self._before(y)).sqrt()
        return t.atanh()

    def _before(self, y: Tensor) -> Tensor:
        """1 - the squared length of what stands to the left in the row."""
        squares = y * y
        return 1 - (squares.cumsum(-1) - squares)

    def log_abs_det_jacobian(self, x: Tensor, y: Tensor) -> Tensor:
        # dy_ij/dx_ij = (1 - t_ij^2) prod_{k<j} sqrt(1 - t_ik^2), and the matrix is triangular
        slope = 1 - x.tanh() ** 2
        return (slope.log() + below_diagonal(self._before(y)).log() / 2).sum(-1)

    def forward_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        size = matrix_size(shape[-1])
        return (*shape[:-1], size, size)

    def inverse_shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        size = shape[-1]
        return (*shape[:-2], size * (size - 1) // 2)


def matrix_size(count: int) -> int:
    """D of D (D - 1) / 2 = count."""
    size = round((0.25 + 2 * count) ** 0.5 + 0.5)
    if size * (size - 1) // 2 != count:
        raise ShapeError(
            "CorrCholeskyTransform: the last size must be D (D - 1) / 2 for a whole D, got"
            f" {count}. Use 1, 3, 6, 10 ..."
        )
    return size


def below_diagonal(matrix: Tensor) -> Tensor:
    """The entries below the diagonal, row by row.

    Shape:  (..., D, D) -> (..., D (D - 1) / 2)
    """
    size: Any = matrix.shape[-1]
    row, column = F.tril_indices(size, size, -1, device=matrix.device)
    return matrix[..., row, column]
