"""Linear algebra: inverses, determinants, solving, least squares, powers. Public as
`tinygrad_edu.linalg`, without the prefix.

The derivative formulas are from M. Giles, 2008, "Collected matrix derivative results for forward
and reverse mode algorithmic differentiation", unless an op names another source. All ops work on
stacks of matrices (*, M, N).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ... import return_types
from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.dtype import check_float
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor

SQUARE = Sample(values=[[2.0, 0.3, -0.5], [0.1, -1.5, 0.4], [0.7, 0.2, 1.8]])
STACK = Sample(values=[[[2.0, 0.3], [0.1, -1.5]], [[0.5, 1.2], [-1.1, 0.4]]])
POSITIVE = Sample(values=[[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]])
TALL = Sample(values=[[1.0, 0.5], [-0.3, 2.0], [0.8, -1.1]])
WIDE = Sample(values=[[1.0, 0.5, -0.7], [-0.3, 2.0, 0.4]])


def mT(F, x):
    return F.transpose(x, -2, -1)


def identity(F, n, like):
    """The n x n identity, in the dtype of a Tensor."""
    return F.eye(n, dtype=like.dtype, device=like.device)


def check_matrix(name, x, square=False):
    check_float(name, x)
    if x.ndim < 2 or square and x.shape[-1] != x.shape[-2]:
        raise ShapeError(
            f"{name}: must be {'square matrices (*, N, N)' if square else 'matrices (*, M, N)'},"
            f" got shape {tuple(x.shape)}. Unsqueeze or reshape it."
        )


# ---- inverse, determinant, solving ---------------------------------------------------------------


@op(method=False, alias=("inverse",), cases=[Case(SQUARE), Case(STACK)])
def linalg_inv(xp, A: Array):
    """Inverse.

    Math:   out = A^-1;   d A = -A^-T g A^-T
    Raises: ShapeError if a matrix is singular
    """
    check_matrix("linalg.inv", A, True)
    return xp.linalg.inv(A)


linalg_inv.vjp(A=lambda F, g, out: -F.matmul(mT(F, out), F.matmul(g, mT(F, out))))


@op(
    method=False,
    alias=("det",),
    cases=[
        Case(SQUARE),
        Case(STACK),
        Case(Sample(values=[[1.0, 2.0], [2.0, 4.0]]), second=False, torch=False),
    ],
)
def linalg_det(xp, A: Array):
    """Determinant.

    Math:   out = det A;   d A = g C, C the cofactors (det A times A^-T)
    Note:   the gradient is exact at singular matrices too, where PyTorch's is 0
    """
    check_matrix("linalg.det", A, True)
    return xp.linalg.det(A)


def each(F, g):
    """One number per matrix, to be multiplied with the matrix."""
    return F.unsqueeze(F.unsqueeze(g, -1), -1)


linalg_det.vjp(A=lambda F, g, A: each(F, g) * F.cofactors(A))


@piece(cases=[Case(SQUARE), Case(STACK)])
def cofactors(xp, input: Array):
    """Cofactors, by way of the singular values, so that singular matrices have them too.

    Math:   out = det(U) det(V) U diag(prod of the other s) V^T;   d input = <g, out> Y - Y g^T out,
            Y = input^-T
    """
    u, s, vh = xp.linalg.svd(input)
    n = s.shape[-1]
    others = xp.stack([xp.delete(s, i, axis=-1).prod(-1) for i in range(n)], -1) if n else s
    return (xp.linalg.det(u) * xp.linalg.det(vh))[..., None, None] * xp.matmul(
        u * others[..., None, :], vh
    )


def cofactors_vjp(F, g, input, out):
    y = mT(F, F.linalg_inv(input))
    return each(F, F.sum(g * out, (-2, -1))) * y - F.matmul(y, F.matmul(mT(F, g), out))


cofactors.vjp(input=cofactors_vjp)


@op(
    method=False,
    alias=("slogdet",),
    outputs=return_types.linalg_slogdet,
    cases=[Case(SQUARE), Case(STACK)],
)
def linalg_slogdet(xp, A: Array):
    """Sign and logarithm of the absolute determinant, which do not overflow.

    Math:   sign exp(logabsdet) = det A;   d A = g A^-T
    """
    check_matrix("linalg.slogdet", A, True)
    return tuple(xp.linalg.slogdet(A))


linalg_slogdet.vjp(A=lambda F, gs, A: each(F, gs[1]) * mT(F, F.linalg_inv(A)))


@composite(
    cases=[
        Case(POSITIVE),
        Case(Sample(values=[[[2.0, 0.3], [0.1, 1.5]], [[0.5, 1.2], [-1.1, 0.4]]])),
    ]
)
def logdet(F, input: Tensor) -> Tensor:
    """Logarithm of the determinant: NaN where that is negative, -inf where it is 0.

    Math:   out = ln det input
    """
    sign, size = F.linalg_slogdet(input)
    return F.where(sign < 0, float("nan"), size)


@piece(types="match", cases=[Case(SQUARE, [3, 2]), Case(STACK, [2, 2, 1])])
def solve_matrices(xp, a: Array, b: Array):
    """Solution of a X = b for matrices.

    Math:   out = a^-1 b;   d b = a^-T g,   d a = -(a^-T g) out^T
    """
    return xp.linalg.solve(a, b)


solve_matrices.vjp(
    a=lambda F, g, a, out: -F.matmul(F.solve_matrices(mT(F, a), g), mT(F, out)),
    b=lambda F, g, a: F.solve_matrices(mT(F, a), g),
)


@composite(
    method=False,
    cases=[
        Case(SQUARE, [3]),
        Case(SQUARE, [3, 2]),
        Case(STACK, [2, 2, 3]),
        Case(SQUARE, [2, 3], left=False),
        Case(STACK, [2, 2]),
    ],
)
def linalg_solve(F, A: Tensor, B: Tensor, *, left: bool = True) -> Tensor:
    """The X with A X = B (left=False: X A = B).

    Math:   out = A^-1 B
    Shape:  A (*, N, N), B (N), (*, N) with A's leading sizes, or (*, N, K)
    """
    check_matrix("linalg.solve", A, True)
    is_vector = B.ndim == 1 or (A.ndim - 1 == B.ndim and tuple(B.shape) == tuple(A.shape[:-1]))
    if is_vector:
        return F.squeeze(F.solve_matrices(A, F.unsqueeze(B, -1)), -1)
    check_matrix("linalg.solve", B)
    return F.solve_matrices(A, B) if left else mT(F, F.solve_matrices(mT(F, A), mT(F, B)))


@composite(
    method=False,
    cases=[
        Case(Sample(values=[[2.0, 0.0], [0.5, 1.5]]), [2, 3], upper=False),
        Case(Sample(values=[[2.0, 9.0], [0.0, 1.5]]), [2, 3], upper=True),
        Case(Sample(values=[[2.0, 0.3], [0.0, 1.5]]), [3, 2], upper=True, left=False),
        Case(STACK, [2, 2, 1], upper=True, unitriangular=True),
    ],
)
def linalg_solve_triangular(
    F, A: Tensor, B: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """linalg.solve that reads one triangle of A (without its diagonal if unitriangular: ones).

    Math:   out = A^-1 B
    """
    check_matrix("linalg.solve_triangular", A, True)
    A = F.triu(A, int(unitriangular)) if upper else F.tril(A, -int(unitriangular))
    return F.linalg_solve(A + identity(F, A.shape[-1], A) if unitriangular else A, B, left=left)


# ---- forms that report failures instead of raising -----------------------------------------------


def each_matrix(xp, function, input, first_failure):
    """`function` of a stack of matrices, and 0 for each; a matrix that it refuses gives NaN and the
    number that `first_failure(matrix)` finds.
    """
    info = xp.zeros(input.shape[:-2], "int32")
    try:
        return function(input), info
    except xp.linalg.LinAlgError:
        out = xp.full_like(input, xp.nan)
    for i in xp.ndindex(info.shape):
        try:
            out[i] = function(input[i])
        except xp.linalg.LinAlgError:
            info[i] = first_failure(input[i])
    return out, info


def refuse_failures(name, info, wanted):
    """Raise for the matrices that have a number other than 0 (`check_errors=True`)."""
    if bool((info != 0).any()):
        raise ShapeError(
            f"{name}: each matrix must be {wanted}, got failures at {info.tolist()}. Omit"
            " check_errors to have them marked in info."
        )


@piece(outputs=("inverse", "info"), cases=[Case(SQUARE), Case(STACK)])
def checked_inverse(xp, input: Array):
    """Inverse, and per matrix 0 or the number (from 1) of the first column that depends on those
    before it.

    Math:   inverse = input^-1;   d input = -inverse^T g inverse^T
    """

    def first_dependent(matrix):
        n = matrix.shape[-1]
        ranks = (int(xp.linalg.matrix_rank(matrix[:, : k + 1])) for k in range(n))
        return next((k + 1 for k, rank in enumerate(ranks) if rank <= k), n)

    return each_matrix(xp, xp.linalg.inv, input, first_dependent)


checked_inverse.vjp(
    input=lambda F, gs, inverse: -F.matmul(mT(F, inverse), F.matmul(gs[0], mT(F, inverse)))
)


@composite(method=False, cases=[Case(SQUARE), Case(STACK)])
def linalg_inv_ex(F, A: Tensor, *, check_errors: bool = False) -> return_types.linalg_inv_ex:
    """Inverse that does not raise: `info` is 0, or the number of the pivot that is 0 for a singular
    matrix, whose inverse is NaN.

    Math:   inverse = A^-1
    """
    check_matrix("linalg.inv_ex", A, True)
    inverse, info = F.checked_inverse(A)
    if check_errors:
        refuse_failures("linalg.inv_ex", info, "invertible")
    return return_types.linalg_inv_ex(inverse, info)


@composite(method=False, cases=[Case(SQUARE, [3]), Case(STACK, [2, 2, 3])])
def linalg_solve_ex(
    F, A: Tensor, B: Tensor, *, left: bool = True, check_errors: bool = False
) -> return_types.linalg_solve_ex:
    """linalg.solve that does not raise: `info` is 0, or the number of the pivot that is 0 for a
    singular matrix, whose result is NaN.

    Math:   result = A^-1 B
    """
    check_matrix("linalg.solve_ex", A, True)
    info = F.linalg_inv_ex(A.detach())[1]
    if check_errors:
        refuse_failures("linalg.solve_ex", info, "invertible")
    failed = F.unsqueeze(F.unsqueeze(info != 0, -1), -1)
    solvable = F.where(failed, identity(F, A.shape[-1], A) * float("nan"), A)
    return return_types.linalg_solve_ex(F.linalg_solve(solvable, B, left=left), info)


# ---- tensors as matrices -------------------------------------------------------------------------


@composite(method=False, cases=[Case([2, 2, 4]), Case([4, 2, 2], ind=1)])
def linalg_tensorinv(F, A: Tensor, ind: int = 2) -> Tensor:
    """Inverse of a tensor as a matrix: its first `ind` dims are the rows, the others the columns.

    Math:   tensordot(out, A, A.ndim - ind) = identity
    """
    rows, columns = tuple(A.shape[:ind]), tuple(A.shape[ind:])
    if ind <= 0 or math.prod(rows) != math.prod(columns):
        raise ShapeError(
            "linalg.tensorinv: ind must be positive and the sizes before and after dim ind must"
            f" have equal products, got shape {tuple(A.shape)} and ind {ind}. Reshape A."
        )
    n = math.prod(rows)
    return F.reshape(F.linalg_inv(F.reshape(A, (n, n))), (*columns, *rows))


@composite(method=False, cases=[Case([2, 3, 6], [2, 3]), Case([6, 2, 3], [2, 3], dims=(0,))])
def linalg_tensorsolve(F, A: Tensor, B: Tensor, dims: Sequence[int] | None = None) -> Tensor:
    """The X with tensordot(A, X, X.ndim) = B.

    Math:   out = A^-1 B, with A as a matrix of B.numel() rows
    Args:   dims: dims of A that are moved to its end first
    """
    if dims is not None:
        A = F.movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape, n = tuple(A.shape[B.ndim :]), B.numel()
    if math.prod(shape) != n or A.numel() != n * n:
        raise ShapeError(
            "linalg.tensorsolve: A must have as many elements as a square matrix with one row per"
            f" element of B, got {tuple(A.shape)} and {tuple(B.shape)}. Reshape one of them."
        )
    return F.reshape(F.linalg_solve(F.reshape(A, (n, n)), F.reshape(B, (-1,))), shape)


# ---- pseudo-inverse and least squares ------------------------------------------------------------


def tolerance(F, s, sizes, atol, rtol):
    """What a singular value must exceed to count, per matrix: max(atol, rtol s_max).

    Without either, rtol is the larger of the two sizes times the dtype's precision.
    """
    if rtol is None:
        precision = float(s.device.xp.finfo(s.dtype.numpy).eps)
        zero = F.zeros((), dtype=s.dtype, device=s.device)
        default = max(sizes) * precision
        rtol = default if atol is None else F.where(as_like(F, atol, s) > zero, zero, default)
    relative = F.amax(s, -1) * as_like(F, rtol, s)
    bound = relative if atol is None else F.maximum(relative, as_like(F, atol, s))
    return F.unsqueeze(bound, -1)


def as_like(F, value, like):
    """A number or a tensor, in the dtype of a Tensor and on its device."""
    if hasattr(value, "array"):
        return value.to(like.dtype)
    return F.full((), value, dtype=like.dtype, device=like.device)


@piece(cases=[Case(TALL, Sample(values=[0.1])), Case(STACK, Sample(values=[[0.1], [0.2]]))])
def pseudo_inverse(xp, input: Array, bound: Array):
    """Moore-Penrose inverse: singular values up to `bound` count as 0.

    Math:   out = P = V diag(1/s) U^T;   d input = -P^T g P^T + (I - input P) g^T P P^T + P^T P g^T
            (I - P input)
    Reference: G. Golub, V. Pereyra, 1973, "The differentiation of pseudo-inverses and nonlinear
               least squares problems", eq. 4.12
    """
    u, s, vh = xp.linalg.svd(input, False)
    keep = s > bound
    inverse = xp.where(keep, 1 / xp.where(keep, s, 1), 0)
    return xp.matmul(xp.swapaxes(vh, -1, -2) * inverse[..., None, :], xp.swapaxes(u, -1, -2))


def pseudo_inverse_vjp(F, g, input, out):
    p, pt, gt = out, mT(F, out), mT(F, g)
    first = F.matmul(gt, F.matmul(p, pt))
    last = F.matmul(F.matmul(pt, p), gt)
    return (
        first
        - F.matmul(input, F.matmul(p, first))
        + last
        - F.matmul(F.matmul(last, p), input)
        - F.matmul(pt, F.matmul(g, pt))
    )


pseudo_inverse.vjp(input=pseudo_inverse_vjp, bound=None)


@piece(cases=[Case(POSITIVE, grad=False), Case(STACK, grad=False)])
def mirrored(xp, input: Array):
    """The symmetric matrix whose lower triangle is the input's.

    Math:   out = tril(input) + tril(input, -1)^T;   d input = (g + g^T) / 2, as if the input were
            symmetric
    """
    return xp.tril(input) + xp.swapaxes(xp.tril(input, -1), -1, -2)


mirrored.vjp(input=lambda F, g: (g + mT(F, g)) * 0.5)


@composite(
    method=False,
    cases=[
        Case(SQUARE),
        Case(TALL),
        Case(WIDE),
        Case(STACK),
        Case(POSITIVE, hermitian=True, grad=False),
        Case(SQUARE, hermitian=True, grad=False),
        Case(TALL, atol=1.3, grad=False),
        Case(TALL, rtol=0.7),
    ],
)
def linalg_pinv(
    F,
    A: Tensor,
    rcond: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
) -> Tensor:
    """Pseudo-inverse.

    Math:   out = A^+, with A A^+ A = A and A^+ A A^+ = A^+
    Args:   atol, rtol: singular values up to max(atol, rtol s_max) count as 0; rtol is max(M, N)
            times the dtype's precision by default. Tensors give each matrix its own.
            rcond: the older name of rtol. hermitian: A is symmetric, only its lower triangle is
            read
    """
    check_matrix("linalg.pinv", A, hermitian)
    if not A.numel():
        return F.zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), dtype=A.dtype, device=A.device)
    x = F.mirrored(A) if hermitian else A
    s = F.linalg_svdvals(x.detach())
    return F.pseudo_inverse(x, tolerance(F, s, x.shape[-2:], atol, rcond if rtol is None else rtol))


@composite(cases=[Case(TALL), Case(SQUARE)])
def pinverse(F, input: Tensor, rcond: float | Tensor = 1e-15) -> Tensor:
    """Pseudo-inverse.

    Math:   out = input^+
    """
    return F.linalg_pinv(input, rcond)


DRIVERS = (None, "gels", "gelsy", "gelsd", "gelss")


@composite(
    method=False,
    cases=[
        Case(TALL, [3, 2], torch=False),
        Case(SQUARE, [3, 1], torch=False),
        Case(WIDE, [2, 2], torch=False),
        Case(TALL, [3], driver="gelsd", grad=False, torch=False),
    ],
)
def linalg_lstsq(
    F, A: Tensor, B: Tensor, rcond: float | None = None, *, driver: str | None = None
) -> return_types.linalg_lstsq:
    """The X for which |A X - B| is least; of several the shortest.

    Math:   solution = A^+ B, residuals = the columns' sums of squares of A X - B
    Args:   driver: decides, as in PyTorch, which of the other results are empty: residuals need
            "gels", "gelss" or "gelsd" and a tall A of full rank, rank needs another driver than
            "gels", singular_values need "gelss" or "gelsd". The solution is always A^+ B
    """
    check_matrix("linalg.lstsq", A)
    if A.dtype is not B.dtype:
        raise DTypeError(
            f"linalg.lstsq: A and B must have one dtype, got {A.dtype.name} and {B.dtype.name}."
            " Convert one of them."
        )
    if driver not in DRIVERS:
        raise ShapeError(
            f"linalg.lstsq: driver must be one of {DRIVERS}, got {driver!r}. Omit it for the"
            " default."
        )
    vector = B.ndim == A.ndim - 1
    wide = F.unsqueeze(B, -1) if vector else B
    solution = F.matmul(F.linalg_pinv(A, rcond), wide)
    rank = F.linalg_matrix_rank(A, rtol=rcond)
    m, n = A.shape[-2:]
    empty = F.zeros(0, dtype=A.dtype, device=A.device)
    full = driver in ("gels", "gelss", "gelsd") and m > n and bool(F.all(rank == n))
    return return_types.linalg_lstsq(
        F.squeeze(solution, -1) if vector else solution,
        F.sum((F.matmul(A, solution) - wide) ** 2, -2) if full else empty,
        rank if driver != "gels" else F.zeros(0, dtype="int64", device=A.device),
        F.linalg_svdvals(A.detach()) if driver in ("gelsd", "gelss") else empty,
    )


@composite(
    method=False,
    cases=[
        Case(TALL, grad=False),
        Case(Sample(values=[[1.0, 2.0], [2.0, 4.0]]), grad=False),
        Case(SQUARE, atol=1.7, grad=False),
        Case(SQUARE, hermitian=True, grad=False),
    ],
)
def linalg_matrix_rank(
    F,
    A: Tensor,
    tol: float | Tensor | None = None,
    hermitian: bool = False,
    *,
    atol: float | Tensor | None = None,
    rtol: float | Tensor | None = None,
) -> Tensor:
    """How many singular values are above max(atol, rtol s_max).

    Math:   out = |{i : s_i > tolerance}|
    Args:   atol, rtol: as for linalg.pinv. tol: the older name of atol. hermitian: A is symmetric,
            only its lower triangle is read
    """
    check_matrix("linalg.matrix_rank", A, hermitian)
    if not A.numel():
        return F.zeros(A.shape[:-2], dtype="int64", device=A.device)
    x = A.detach()
    s = F.linalg_svdvals(F.mirrored(x) if hermitian else x)
    return F.sum(s > tolerance(F, s, A.shape[-2:], tol if atol is None else atol, rtol), -1)


# ---- powers and chains ---------------------------------------------------------------------------


@composite(cases=[Case(SQUARE, 3), Case(SQUARE, 0, second=False), Case(SQUARE, -2), Case(STACK, 5)])
def matrix_power(F, input: Tensor, n: int) -> Tensor:
    """A matrix multiplied n times with itself (n < 0: its inverse), by repeated squaring.

    Math:   out = input^n
    """
    check_matrix("matrix_power", input, True)
    if n < 0:
        return F.matrix_power(F.linalg_inv(input), -n)
    if n == 0:
        return F.broadcast_to(identity(F, input.shape[-1], input), input.shape) + input * 0
    if n == 1:
        return F.clone(input)
    out: Any = None
    power = input
    while n:
        if n & 1:
            out = power if out is None else F.matmul(out, power)
        n >>= 1
        power = F.matmul(power, power) if n else power
    return out


PADE = [
    64764752532480000,
    32382376266240000,
    7771770303897600,
    1187353796428800,
    129060195264000,
    10559470521600,
    670442572800,
    33522128640,
    1323241920,
    40840800,
    960960,
    16380,
    182,
    1,
]


@composite(
    cases=[Case(SQUARE), Case(STACK), Case(Sample(values=[[6.0, 3.0], [-2.0, 5.0]]), rtol=1e-3)]
)
def matrix_exp(F, input: Tensor) -> Tensor:
    """Exponential of a matrix: a rational function of input / 2^s, squared s times.

    Math:   out = sum input^k / k!
    Reference: N. Higham, 2005, "The scaling and squaring method for the matrix exponential
               revisited" (degree 13)
    """
    check_matrix("matrix_exp", input, True)
    xp, n = input.device.xp, input.shape[-1]
    size = float(xp.abs(input.array).sum(-2).max()) if input.numel() else 0.0
    squarings = max(0, math.ceil(math.log2(size / 5.371920351148152))) if 0 < size < math.inf else 0
    a = input / 2**squarings
    b = [c / PADE[0] for c in PADE]
    one = identity(F, n, input)
    a2 = F.matmul(a, a)
    a4 = F.matmul(a2, a2)
    a6 = F.matmul(a4, a2)
    odd = F.matmul(
        a,
        F.matmul(a6, a6 * b[13] + a4 * b[11] + a2 * b[9])
        + a6 * b[7]
        + a4 * b[5]
        + a2 * b[3]
        + one * b[1],
    )
    even = (
        F.matmul(a6, a6 * b[12] + a4 * b[10] + a2 * b[8])
        + a6 * b[6]
        + a4 * b[4]
        + a2 * b[2]
        + one * b[0]
    )
    out = F.solve_matrices(even - odd, even + odd)
    for _ in range(squarings):
        out = F.matmul(out, out)
    return out


@composite(
    method=False,
    cases=[
        Case((Sample(2, 3), Sample(3, 4), Sample(4, 2))),
        Case((Sample(3), Sample(3, 4), Sample(4))),
        Case((Sample(2, 5), Sample(5, 1), Sample(1, 3), Sample(3, 4))),
    ],
)
def linalg_multi_dot(F, tensors: Sequence[Tensor]) -> Tensor:
    """Product of a chain of matrices in the cheapest order; the first and the last may be vectors.

    Math:   out = x_1 x_2 ... x_n
    Reference: T. Cormen et al., "Introduction to algorithms", matrix-chain multiplication
    """
    many = list(tensors)
    if (
        len(many) < 2
        or many[0].ndim not in (1, 2)
        or many[-1].ndim not in (1, 2)
        or any(x.ndim != 2 for x in many[1:-1])
    ):
        raise ShapeError(
            "linalg.multi_dot: needs at least two matrices, the first and last may be vectors, got"
            f" shapes {[tuple(x.shape) for x in many]}. Reshape them."
        )
    first, last = many[0].ndim == 1, many[-1].ndim == 1
    if first:
        many[0] = F.unsqueeze(many[0], 0)
    if last:
        many[-1] = F.unsqueeze(many[-1], -1)
    split = cheapest_splits([many[0].shape[0], *(x.shape[1] for x in many)])

    def product(i, j):
        return many[i] if i == j else F.matmul(product(i, split[i, j]), product(split[i, j] + 1, j))

    out = product(0, len(many) - 1)
    out = F.squeeze(out, 0) if first else out
    return F.squeeze(out, -1) if last else out


def cheapest_splits(sizes: list[int]) -> dict[tuple[int, int], int]:
    """Where to split each part i..j of a chain of matrices, matrix k of sizes[k] x sizes[k + 1]."""
    n = len(sizes) - 1
    cost, split = {(i, i): 0 for i in range(n)}, {}
    for length in range(2, n + 1):
        for i in range(n - length + 1):
            j = i + length - 1
            cost[i, j], split[i, j] = min(
                (cost[i, k] + cost[k + 1, j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            )
    return split


@composite(method=False, cases=[Case([2, 3], [3, 4], [4, 2])])
def chain_matmul(F, *matrices: Tensor) -> Tensor:
    """Product of a chain of matrices in the cheapest order.

    Math:   out = x_1 x_2 ... x_n
    """
    return F.clone(matrices[0]) if len(matrices) == 1 else F.linalg_multi_dot(matrices)


# ---- methods, under the names without a prefix ---------------------------------------------------

Tensor.inverse, Tensor.det, Tensor.slogdet = linalg_inv, linalg_det, linalg_slogdet  # type: ignore[assignment, method-assign]
