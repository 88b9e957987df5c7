"""Norms of vectors and matrices, and what is built on them: distance, covariance."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.dtype import check_float, check_number, get_default_dtype
from ...engine.errors import ShapeError, check_dim
from ...engine.tensor import Tensor
from ..linalg.linalg import SQUARE, STACK, TALL, check_matrix


@composite(
    method=False,
    cases=[
        Case([2, 3]),
        Case([2, 3], 3, 1),
        Case([2, 3], inf, (0, 1), True),
        Case([2, 3], 0, 1),
        Case([2, 3], -1, 0),
        Case([2, 3, 2], 2, (0, 2)),
        Case([2, 3], 0.5, 1),
    ],
)
def linalg_vector_norm(
    F,
    x: Tensor,
    ord: float | str = 2,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype=None,
) -> Tensor:
    """Norm of the elements as one vector, along one or more dims.

    Math:   out = (sum |x|^ord)^(1/ord); 0 counts what is not 0, inf and -inf take the extremes
    Note:   the gradient at a zero vector is 0
    """
    x = x if dtype is None else x.to(dtype)
    check_float("linalg.vector_norm", x)
    out = F.norm(x, float(ord), None if dim is None or dim == () else dim, keepdim)
    return (
        F.reshape(out, (1,) * x.ndim)
        if keepdim and (dim is None or dim == ()) and out.ndim != x.ndim
        else out
    )


def singular_norm(F, A, reduce, dims, keepdim):
    rows, columns = dims
    moved = F.movedim(A, (rows, columns), (-2, -1))
    out = reduce(F.linalg_svdvals(moved))
    if keepdim:
        for d in sorted(dims):
            out = F.unsqueeze(out, d)
    return out


@composite(
    method=False,
    cases=[
        *(Case(TALL, how) for how in ("fro", "nuc", inf, -inf, 1, -1, 2, -2)),
        Case(STACK, "nuc", (-2, -1), True),
        Case([2, 3, 2], 1, (2, 0)),
        Case([2, 3, 2], "fro", (0, 1)),
    ],
)
def linalg_matrix_norm(
    F,
    A: Tensor,
    ord: float | str = "fro",
    dim: tuple[int, int] = (-2, -1),
    keepdim: bool = False,
    *,
    dtype=None,
) -> Tensor:
    """Norm of matrices that lie in two dims.

    Math:   "fro" sqrt(sum a^2), "nuc" sum of singular values, inf / -inf largest / smallest row sum
            of |a|, 1 / -1 column sum, 2 / -2 singular value
    """
    A = A if dtype is None else A.to(dtype)
    check_matrix("linalg.matrix_norm", A)
    dims = [check_dim("linalg.matrix_norm", d, A.ndim) for d in dim]
    if len(dims) != 2 or dims[0] == dims[1]:
        raise ShapeError(
            f"linalg.matrix_norm: dim must be two different dims, got {dim}. Use vector_norm for"
            " one."
        )
    if ord == "fro":
        return F.norm(A, 2.0, tuple(dims), keepdim)
    singular = {
        "nuc": lambda s: F.sum(s, -1),
        2: lambda s: F.amax(s, -1),
        -2: lambda s: F.amin(s, -1),
    }
    if ord in singular:
        return singular_norm(F, A, singular[ord], dims, keepdim)
    if ord not in (1, -1, inf, -inf):
        raise ShapeError(
            f"linalg.matrix_norm: ord must be 'fro', 'nuc', inf, -inf, 1, -1, 2 or -2, got {ord!r}."
            " Choose one of them."
        )
    summed, other = dims if abs(ord) == 1 else reversed(dims)
    sums = F.sum(F.abs(A), summed, True)
    out = (F.amax if ord > 0 else F.amin)(sums, other, True)
    return (
        out if keepdim else F.reshape(out, tuple(n for d, n in enumerate(A.shape) if d not in dims))
    )


@composite(
    method=False,
    cases=[
        Case([2, 3]),
        Case([2, 3], None, 1),
        Case(TALL, 2),
        Case([3], 3),
        Case(TALL, "nuc", (0, 1), True),
        Case([2, 3, 2], 1, (0, 1)),
    ],
)
def linalg_norm(
    F,
    A: Tensor,
    ord: float | str | None = None,
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype=None,
) -> Tensor:
    """Norm of a vector or a matrix: of all elements (ord None), along one dim, or of the matrices
    in two.

    Math:   vector_norm or matrix_norm
    """
    A = A if dtype is None else A.to(dtype)
    check_float("linalg.norm", A)
    dims = None if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    if ord is None or dims is not None and len(dims) == 1:
        return F.linalg_vector_norm(A, 2 if ord is None else ord, dims, keepdim)
    if dims is None and A.ndim == 1:
        return F.linalg_vector_norm(A, ord, None, keepdim)
    if dims is None and A.ndim != 2 or dims is not None and len(dims) != 2:
        raise ShapeError(
            "linalg.norm: with ord the input must be 1-d or 2-d, or dim one or two dims, got shape"
            f" {tuple(A.shape)} and dim {dim}. Give dim."
        )
    return F.linalg_matrix_norm(A, ord, dims or (-2, -1), keepdim)


@composite(
    method=False,
    cases=[
        Case(SQUARE),
        Case(SQUARE, "fro", torch=False),
        Case(SQUARE, 1, torch=False),
        Case(STACK, 2),
        Case(STACK, -2),
    ],
)
def linalg_cond(F, A: Tensor, p: float | str | None = None) -> Tensor:
    """Condition number: how much a relative error may grow when solving with A.

    Math:   out = s_max / s_min (p None or 2; -2 the reciprocal), else |A|_p |A^-1|_p
    """
    check_matrix("linalg.cond", A)
    if p in (None, 2, -2):
        s = F.linalg_svdvals(A)
        large, small = F.select(s, -1, 0), F.select(s, -1, -1)
        return small / large if p == -2 else large / small
    check_matrix("linalg.cond", A, True)
    return F.linalg_matrix_norm(A, p) * F.linalg_matrix_norm(F.linalg_inv(A), p)


@composite(
    cases=[
        Case([2, 3], [2, 3]),
        Case([2, 3], [3], 1),
        Case([3], [3], inf),
        Case([3], [3], 0, grad=False),
    ]
)
def dist(F, input: Tensor, other: Tensor, p: float = 2) -> Tensor:
    """Norm of the difference, over all elements.

    Math:   out = |input - other|_p
    """
    return F.norm(input - other, float(p))


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 2, 0, 1.5),
        Case([3, 4], 1, 1, 2.0),
        Case([2, 3, 2], 2, -1, 1.0),
        Case([2, 3], inf, 0, 1.0),
    ],
)
def renorm(F, input: Tensor, p: float, dim: int, maxnorm: float) -> Tensor:
    """Slices along dim scaled down to a norm of at most maxnorm.

    Math:   out_i = input_i maxnorm / (|input_i|_p + 1e-7) where |input_i|_p > maxnorm, else input_i
    """
    d = check_dim("renorm", dim, input.ndim)
    if not p > 0 or maxnorm < 0 or input.ndim < 2:
        raise ShapeError(
            "renorm: needs at least 2 dims, p above 0 and maxnorm of 0 or more, got shape"
            f" {tuple(input.shape)}, {p} and {maxnorm}. Correct them."
        )
    size = F.norm(input, float(p), tuple(k for k in range(input.ndim) if k != d), True)
    return input * F.where(size > maxnorm, maxnorm / (size + 1e-7), 1.0)


@composite(cases=[Case([3, 5]), Case([5]), Case([3, 5], correction=0)])
def cov(
    F,
    input: Tensor,
    *,
    correction: float = 1,
    fweights: Tensor | None = None,
    aweights: Tensor | None = None,
) -> Tensor:
    """Covariance matrix: a row is a variable, a column an observation.

    Math:   out_ij = sum_k w_k (input_ik - m_i) (input_jk - m_j) / (W - correction sum w aweights /
            W), m the weighted means, W = sum w
    Args:   fweights: how often each observation counts; aweights: how much
    """
    if input.ndim > 2:
        raise ShapeError(
            f"cov: must have at most 2 dims, got shape {tuple(input.shape)}. Give variables as"
            " rows."
        )
    check_number("cov", input)
    input = input if input.dtype.is_floating_point else input.to(get_default_dtype())
    x = F.reshape(input, (1, -1)) if input.ndim < 2 else input
    weight = None
    for given in (fweights, aweights):
        if given is not None:
            weight = given if weight is None else weight * given
    if weight is None:
        total, centred = float(x.shape[1]), x - F.mean(x, 1, True)
        weighted, scale = centred, total - correction
    else:
        weight = weight.to(x.dtype)
        total = F.sum(weight)
        centred = x - F.sum(x * weight, 1, True) / total
        weighted = centred * weight
        mean_weight = 1.0 if aweights is None else F.sum(weight * aweights) / total
        scale = total - mean_weight * correction
    product = F.matmul(centred, F.transpose(weighted, 0, 1))
    # too few observations: NaN or inf, as PyTorch has it
    out = product / scale if float(scale) > 0 else product * inf
    return F.reshape(out, ()) if x.shape[0] == 1 else out


@composite(cases=[Case([3, 5]), Case([5], second=False, grad=False)])
def corrcoef(F, input: Tensor) -> Tensor:
    """Correlation coefficients: the covariance over the standard deviations, within [-1, 1].

    Math:   out_ij = c_ij / sqrt(c_ii c_jj)
    """
    c = F.cov(input)
    if not c.ndim:
        return c / c
    size = F.sqrt(F.diagonal(c))
    return F.clamp(c / F.unsqueeze(size, 1) / F.unsqueeze(size, 0), -1.0, 1.0)
