"""Factorisations of matrices: Cholesky, QR, singular values, symmetric eigenvalues."""

from __future__ import annotations

from ... import return_types
from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import GraphError, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .linalg import (
    POSITIVE,
    SQUARE,
    STACK,
    TALL,
    WIDE,
    check_matrix,
    each_matrix,
    identity,
    mT,
    refuse_failures,
)


@piece(cases=[Case(POSITIVE, grad=False)])
def cholesky_lower(xp, input: Array):
    """Lower Cholesky factor of symmetric positive-definite matrices; reads the lower triangle.

    Math:   out out^T = input;   d input = (S + S^T) / 2, S = L^-T P(L^T g) L^-1, P: lower triangle
            with half the diagonal
    Reference: I. Murray, 2016, "Differentiation of the Cholesky decomposition", eq. 10
    """
    check_matrix("linalg.cholesky", input, True)
    return xp.linalg.cholesky(input)


def cholesky_vjp(F, g, out):
    inner = F.tril(F.matmul(mT(F, out), g))
    inner = inner - F.tril(F.triu(inner)) * 0.5
    s = F.solve_matrices(mT(F, out), inner)
    s = mT(F, F.solve_matrices(mT(F, out), mT(F, s)))
    return (s + mT(F, s)) * 0.5


cholesky_lower.vjp(input=cholesky_vjp)


@composite(method=False, cases=[Case(POSITIVE, grad=False), Case(POSITIVE, upper=True, grad=False)])
def linalg_cholesky(F, A: Tensor, *, upper: bool = False) -> Tensor:
    """Cholesky factor of symmetric positive-definite matrices.

    Math:   L L^T = A (upper: U^T U = A)
    Note:   A's symmetry is not checked; its gradient is symmetric
    """
    return mT(F, F.cholesky_lower(mT(F, A))) if upper else F.cholesky_lower(A)


@piece(outputs=("L", "info"), cases=[Case(POSITIVE, grad=False)])
def checked_cholesky(xp, input: Array):
    """Lower Cholesky factor, and per matrix 0 or the size of the first leading block that is not
    positive-definite.

    Math:   L L^T = input;   d input as of cholesky_lower
    """

    def first_block(matrix):
        for k in range(1, matrix.shape[-1]):
            try:
                xp.linalg.cholesky(matrix[:k, :k])
            except xp.linalg.LinAlgError:
                return k
        return matrix.shape[-1]

    return each_matrix(xp, xp.linalg.cholesky, input, first_block)


checked_cholesky.vjp(input=lambda F, gs, L: cholesky_vjp(F, gs[0], L))


@composite(method=False, cases=[Case(POSITIVE, grad=False), Case(POSITIVE, upper=True, grad=False)])
def linalg_cholesky_ex(
    F, A: Tensor, *, upper: bool = False, check_errors: bool = False
) -> return_types.linalg_cholesky_ex:
    """Cholesky factor that does not raise: `info` is 0, or the size of the first leading block that
    is not positive-definite; the factor of such a matrix is NaN.

    Math:   L L^T = A (upper: U^T U = A)
    """
    check_matrix("linalg.cholesky_ex", A, True)
    factor, info = F.checked_cholesky(mT(F, A) if upper else A)
    if check_errors:
        refuse_failures("linalg.cholesky_ex", info, "positive-definite")
    return return_types.linalg_cholesky_ex(mT(F, factor) if upper else factor, info)


@composite(cases=[Case(POSITIVE, grad=False), Case(POSITIVE, True, grad=False)])
def cholesky(F, input: Tensor, upper: bool = False) -> Tensor:
    """Cholesky factor of symmetric positive-definite matrices.

    Math:   L L^T = input (upper: U^T U = input)
    """
    return F.linalg_cholesky(input, upper=upper)


@composite(
    cases=[
        Case(
            [3, 2], Sample(values=[[2.0, 0.0, 0.0], [0.3, 1.5, 0.0], [-0.2, 0.4, 1.1]]), grad=False
        )
    ]
)
def cholesky_solve(F, input: Tensor, L: Tensor, upper: bool = False) -> Tensor:
    """The X with A X = input, from A's Cholesky factor.

    Math:   out = (L L^T)^-1 input
    """
    L = F.tril(mT(F, L)) if upper else F.tril(L)
    return F.linalg_solve(mT(F, L), F.linalg_solve(L, input))


@composite(cases=[Case(Sample(values=[[2.0, 0.0], [0.3, 1.5]]), grad=False)])
def cholesky_inverse(F, L: Tensor, upper: bool = False) -> Tensor:
    """A^-1 from A's Cholesky factor.

    Math:   out = (L L^T)^-1
    """
    return F.cholesky_solve(identity(F, L.shape[-1], L), L, upper)


@piece(
    outputs=("Q", "R"),
    cases=[Case(SQUARE, "reduced"), Case(TALL, "reduced"), Case(WIDE, "reduced")],
)
def qr_parts(xp, input: Array, mode: str):
    """Orthonormal columns times an upper triangle.

    Math:   Q R = input;   d input = (gQ + Q copyltu(M)) R^-T, M = R gR^T - gQ^T Q, copyltu: the
            lower triangle mirrored
    Reference: S. Walter, L. Lehmann, 2018, "Algorithmic differentiation of linear algebra functions
               with application in optimum experimental design"
    """
    return tuple(xp.linalg.qr(input, mode))


def qr_square_vjp(F, gq, gr, q, r):
    m = F.matmul(r, mT(F, gr)) - F.matmul(mT(F, gq), q)
    mirrored = F.tril(m) + mT(F, F.tril(m, -1))
    return mT(F, F.solve_matrices(r, mT(F, gq + F.matmul(q, mirrored))))


def qr_vjp(F, gs, input, Q, R, mode, input_shape):
    m, n = input_shape[-2:]
    gq, gr = gs
    if mode == "complete" and m > n:
        raise GraphError(
            "linalg.qr: mode 'complete' of a tall matrix has no gradient, got more rows than"
            " columns. Use mode 'reduced'."
        )
    if m >= n:
        return qr_square_vjp(F, gq, gr, Q, R)
    left, right = F.narrow(R, -1, 0, m), F.narrow(input, -1, m, n - m)
    g_left, g_right = F.narrow(gr, -1, 0, m), F.narrow(gr, -1, m, n - m)
    return F.cat(
        [
            qr_square_vjp(F, gq + F.matmul(right, mT(F, g_right)), g_left, Q, left),
            F.matmul(Q, g_right),
        ],
        -1,
    )


qr_parts.vjp(input=qr_vjp)


@composite(
    method=False,
    cases=[
        Case(SQUARE),
        Case(TALL),
        Case(WIDE),
        Case(STACK),
        Case(TALL, "r", grad=False),
        Case(TALL, "complete", grad=False),
    ],
)
def linalg_qr(F, A: Tensor, mode: str = "reduced") -> return_types.linalg_qr:
    """Q with orthonormal columns and R upper triangular.

    Math:   Q R = A
    Args:   mode: "reduced" (Q (M, K), R (K, N), K the smaller size), "complete" (Q (M, M), R (M,
            N)) or "r" (Q empty)
    """
    check_matrix("linalg.qr", A)
    if mode not in ("reduced", "complete", "r"):
        raise ShapeError(
            f"linalg.qr: mode must be 'reduced', 'complete' or 'r', got {mode!r}. Choose one of"
            " them."
        )
    q, r = F.qr_parts(A, "reduced" if mode == "r" else mode)
    if mode == "r":
        q, r = F.zeros(0, dtype=A.dtype, device=A.device), r.detach()
    return return_types.linalg_qr(q, r)


@composite(cases=[Case(SQUARE), Case(TALL), Case(TALL, False, grad=False)])
def qr(F, input: Tensor, some: bool = True) -> return_types.qr:
    """Q with orthonormal columns and R upper triangular; the older form of linalg.qr.

    Math:   Q R = input
    Args:   some: the reduced Q and R, not the complete ones
    """
    return return_types.qr(*F.linalg_qr(input, "reduced" if some else "complete"))


@op(
    method=False,
    outputs=return_types.linalg_svd,
    cases=[
        Case(SQUARE, torch=False),
        Case(TALL, False, torch=False),
        Case(WIDE, False, torch=False),
        Case(STACK, torch=False),
    ],
)
def linalg_svd(xp, A: Array, full_matrices: bool = True):
    """Singular value decomposition.

    Math:   U diag(S) Vh = A;   d A = U ((E * skew(U^T gU)) S + S (E * skew(V^T gV)) + diag(gS)) Vh
            + the parts outside U's and V's span,
            E_ij = 1 / (s_j^2 - s_i^2) off the diagonal, skew(A) = A - A^T
    Note:   between equal singular values E counts as 0; only what does not depend on the choice of
            U and V has a meaningful gradient.
            With full_matrices the columns beyond the smaller size get no gradient
    """
    check_matrix("linalg.svd", A)
    return tuple(xp.linalg.svd(A, full_matrices))


def reciprocal_gaps(F, values):
    """1 / (v_j - v_i), 0 where they are equal."""
    gaps = F.unsqueeze(values, -2) - F.unsqueeze(values, -1)
    equal = gaps == 0
    return F.where(equal, 0.0, 1.0 / F.where(equal, 1.0, gaps))


def svd_vjp(F, gs, U, S, Vh, A_shape):
    m, n = A_shape[-2:]
    k = min(m, n)
    gu, g, gv = F.narrow(gs[0], -1, 0, k), gs[1], mT(F, F.narrow(gs[2], -2, 0, k))
    u, v = F.narrow(U, -1, 0, k), mT(F, F.narrow(Vh, -2, 0, k))
    gap = reciprocal_gaps(F, S * S)
    row, column = F.unsqueeze(S, -2), F.unsqueeze(S, -1)
    ugu, vgv = F.matmul(mT(F, u), gu), F.matmul(mT(F, v), gv)
    middle = (ugu - mT(F, ugu)) * gap * row + column * ((vgv - mT(F, vgv)) * gap) + F.diag_embed(g)
    out = F.matmul(u, F.matmul(middle, mT(F, v)))
    inverse = F.where(row == 0, 0.0, 1.0 / F.where(row == 0, 1.0, row))
    if m > k:
        out = out + F.matmul((gu - F.matmul(u, ugu)) * inverse, mT(F, v))
    if n > k:
        out = out + F.matmul(u, mT(F, (gv - F.matmul(v, vgv)) * inverse))
    return out


linalg_svd.vjp(A=svd_vjp)


@composite(cases=[Case(TALL, torch=False), Case(TALL, compute_uv=False, torch=False)])
def svd(F, input: Tensor, some: bool = True, compute_uv: bool = True) -> return_types.svd:
    """Singular value decomposition; the older form of linalg.svd, with V in place of V^T.

    Math:   U diag(S) V^T = input
    Args:   some: the reduced U and V. compute_uv: False gives zeros for U and V
    """
    if compute_uv:
        u, s, vh = F.linalg_svd(input, not some)
        return return_types.svd(u, s, mT(F, vh))
    check_matrix("svd", input)
    u, v = (
        F.zeros((*input.shape[:-2], n, n), dtype=input.dtype, device=input.device)
        for n in input.shape[-2:]
    )
    return return_types.svd(u, F.linalg_svdvals(input), v)


@composite(method=False, cases=[Case(SQUARE), Case(TALL), Case(STACK)])
def linalg_svdvals(F, A: Tensor) -> Tensor:
    """Singular values, largest first.

    Math:   S of U diag(S) Vh = A
    """
    return F.linalg_svd(A, False)[1]


@op(method=False, outputs=return_types.linalg_eigh, cases=[Case(POSITIVE, grad=False, torch=False)])
def linalg_eigh(xp, A: Array, UPLO: str = "L"):
    """Eigenvalues (rising) and eigenvectors of symmetric matrices; reads one triangle.

    Math:   Q diag(L) Q^T = A;   d A = Q (diag(gL) + E * (Q^T gQ)) Q^T, E_ij = 1 / (L_j - L_i) off
            the diagonal
    Args:   UPLO: "L" or "U", the triangle that is read
    Note:   between equal eigenvalues E counts as 0; only what does not depend on the eigenvectors'
            signs has a meaningful gradient
    """
    check_matrix("linalg.eigh", A, True)
    return tuple(xp.linalg.eigh(A, UPLO))


def eigh_vjp(F, gs, eigenvalues, eigenvectors):
    q = eigenvectors
    middle = F.diag_embed(gs[0]) + reciprocal_gaps(F, eigenvalues) * F.matmul(mT(F, q), gs[1])
    return F.matmul(q, F.matmul(middle, mT(F, q)))


linalg_eigh.vjp(A=eigh_vjp)


@composite(method=False, cases=[Case(POSITIVE, grad=False)])
def linalg_eigvalsh(F, A: Tensor, UPLO: str = "L") -> Tensor:
    """Eigenvalues of symmetric matrices, rising.

    Math:   L of Q diag(L) Q^T = A
    """
    return F.linalg_eigh(A, UPLO)[0]
