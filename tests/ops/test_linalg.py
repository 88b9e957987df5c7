"""Linear algebra: what the registry's cases cannot show: symmetric inputs, signs that may differ,
stacks, odd sizes.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.autograd import gradcheck, gradgradcheck


def symmetric(*shape, seed=0):
    x = np.random.default_rng(seed).standard_normal((*shape, shape[-1]))
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.eye(shape[-1])


def both(x):
    return x + x.mT


FUNCTIONS = {
    "cholesky": lambda lib, x: lib.linalg.cholesky(both(x)),
    "cholesky upper": lambda lib, x: lib.linalg.cholesky(both(x), upper=True),
    "eigenvalues": lambda lib, x: lib.linalg.eigvalsh(both(x)),
    "eigenvectors, whatever their sign": lambda lib, x: lib.linalg.eigh(both(x))[1] ** 2,
    "eigenvectors of the upper triangle": (
        lambda lib, x: lib.linalg.eigh(both(x), UPLO="U").eigenvectors.abs()
    ),
    "singular vectors, whatever their sign": (
        lambda lib, x: lib.linalg.svd(x).U ** 2 + lib.linalg.svd(x).Vh.mT ** 2
    ),
    "least squares": lambda lib, x: lib.linalg.lstsq(x[..., :2], x[..., 2:]).solution,
    "cholesky_solve": lambda lib, x: lib.cholesky_solve(x, lib.linalg.cholesky(both(x))),
    "cholesky_inverse": lambda lib, x: lib.cholesky_inverse(lib.linalg.cholesky(both(x))),
    "pseudo-inverse of a symmetric matrix": lambda lib, x: lib.linalg.pinv(both(x), hermitian=True),
    "Cholesky factor that reports failures": lambda lib, x: lib.linalg.cholesky_ex(both(x)).L,
    "covariance with weights": lambda lib, x: lib.cov(
        x[..., :2].reshape(-1, 2),
        fweights=lib.tensor([1, 3]),
        aweights=lib.tensor([0.5, 2.0], dtype=lib.float64),
    ),
    "correlation of a vector": lambda lib, x: lib.corrcoef(x.reshape(-1)) * x.sum(),
}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3,), (2, 3)])
def test_symmetric_functions_have_right_gradients_of_both_orders(name, shape):
    x = tg.tensor(symmetric(*shape)).requires_grad_()
    assert gradcheck(lambda x: FUNCTIONS[name](tg, x), [x])
    assert gradgradcheck(lambda x: FUNCTIONS[name](tg, x), [x])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("shape", [(3,), (2, 4)])
def test_symmetric_functions_equal_pytorchs(name, shape):
    torch = pytest.importorskip("torch")
    value = symmetric(*shape)
    ours, theirs = tg.tensor(value).requires_grad_(), torch.tensor(value).requires_grad_()
    a, b = FUNCTIONS[name](tg, ours), FUNCTIONS[name](torch, theirs)
    np.testing.assert_allclose(a.detach().array, b.detach().numpy(), rtol=1e-9, atol=1e-9)
    (a * tg.arange(a.numel(), dtype=tg.float64).reshape(a.shape)).sum().backward()
    (b * torch.arange(b.numel(), dtype=torch.float64).reshape(b.shape)).sum().backward()
    np.testing.assert_allclose(ours.grad.array, theirs.grad.numpy(), rtol=1e-8, atol=1e-8)


def alike(ours, theirs):
    """Compare values, shapes, dtypes, and field names of several results."""
    assert getattr(ours, "_fields", ()) == tuple(
        f for f in getattr(ours, "_fields", ()) if hasattr(theirs, f)
    )
    pairs = zip(ours, theirs, strict=True) if isinstance(theirs, tuple) else [(ours, theirs)]
    for a, b in pairs:
        assert tuple(a.shape) == tuple(b.shape)
        assert str(a.dtype).split(".")[-1] == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(
            a.detach().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6, equal_nan=True
        )


LIKE_PYTORCH = [
    "L.linalg.pinv(L.tensor([[2.0, 9.0], [1.0, 3.0]]), hermitian=True)",
    "L.linalg.pinv(L.tensor([[[2.0, 0], [0, 1]], [[3, 0], [0, 1]]]), rtol=L.tensor([0.6, 0.2]))",
    "L.linalg.pinv(L.tensor([[[2.0, 0], [0, 1]], [[3, 0], [0, 1]]]), atol=L.tensor(1.5))",
    "L.linalg.pinv(L.zeros(2, 0, 3))",
    "L.linalg.matrix_rank(L.tensor([[[2.0, 0], [0, 1]], [[3, 0], [0, 1]]]), tol=L.tensor(1.5))",
    "L.linalg.matrix_rank(L.eye(3), atol=L.tensor([0.5, 1.5]), rtol=L.tensor(0.0))",
    "L.linalg.matrix_rank(L.tensor([[1.0, 9.0], [1.0, 1.0]]), hermitian=True)",
    "L.linalg.lstsq(L.eye(3)[:, :2] + 1, L.ones(3), driver='gelsd')",
    "L.linalg.lstsq(L.eye(3)[:, :2] + 1, L.ones(3, 2), driver='gels')",
    "L.linalg.lstsq(L.eye(3)[:2], L.ones(2, 2), driver='gelsd')",
    "L.linalg.inv_ex(L.tensor([[2.0, 1], [1, 3]]))",
    "L.linalg.inv_ex(L.tensor([[1.0, 2], [2, 4]])).info",
    "L.linalg.inv_ex(L.diag(L.tensor([1.0, 0, 1]))).info",
    "L.linalg.solve_ex(L.tensor([[2.0, 1], [1, 3]]), L.ones(2))",
    "L.linalg.solve_ex(L.tensor([[1.0, 2], [2, 4]]), L.ones(2)).info",
    "L.linalg.cholesky_ex(L.tensor([[2.0, 1], [1, 3]]), upper=True)",
    "L.linalg.cholesky_ex(L.diag(L.tensor([1.0, -2, 3]))).info",
    "L.cov(L.tensor([[1.0, 2, 4], [2, 1, 5]]), fweights=L.tensor([1, 2, 3]))",
    "L.cov(L.tensor([[1.0, 2], [2, 1]]), aweights=L.tensor([0.1, 0.2]), fweights=L.tensor([0, 1]))",
    "L.cov(L.tensor([[1.0, 2], [2, 1]]), aweights=L.tensor([0.1, 0.2]), correction=0)",
    "L.mm(L.eye(2), mat2=L.ones(2, 3))",
    "L.bmm(L.ones(1, 2, 2), mat2=L.ones(1, 2, 3))",
    "L.mv(L.eye(2), vec=L.ones(2))",
    "L.dot(L.ones(2), tensor=L.ones(2))",
    "L.outer(L.ones(2), vec2=L.ones(3))",
    "L.ger(L.ones(2), vec2=L.ones(3))",
    "L.addmm(L.ones(2, 2), mat1=L.eye(2), mat2=L.ones(2, 2), beta=0.5)",
    "L.matmul(input=L.eye(2), other=L.ones(2))",
    "L.baddbmm(*[L.ones(2, 2, 2, dtype=L.int64)] * 3, beta=2.7, alpha=1.9)",
    "L.tensordot(L.ones(2, 1), L.ones(3, 4), 1)",
    "L.tensordot(L.ones(3, 2, dtype=L.int32), L.ones(1, 4, dtype=L.int32), ((0,), (0,)))",
    "L.norm(L.tensor([[1.0, 2], [3, 4]]), p='nuc')",
    "L.qr(L.eye(3)[:, :2] * 2)[1].abs()",
    "L.svd(L.eye(3)[:, :2] * 2).S",
    "L.svd(L.eye(3)[:, :2] * 2, compute_uv=False)",
]


@pytest.mark.parametrize("call", LIKE_PYTORCH)
@pytest.mark.filterwarnings("ignore")
def test_calls_that_once_differed_equal_pytorchs(call):
    torch = pytest.importorskip("torch")
    ours, theirs = (eval(call, {"L": lib}) for lib in (tg, torch))
    alike(ours, theirs)


@pytest.mark.parametrize("driver", ["gels", "gelsd"])
def test_least_squares_has_gradients_of_solution_and_residuals(driver):
    torch = pytest.importorskip("torch")
    a, b = symmetric(4)[:, :2], symmetric(4, seed=1)[:, :3]
    found = []
    for lib in (tg, torch):
        x, y = (lib.tensor(v).requires_grad_() for v in (a, b))
        out = lib.linalg.lstsq(x, y, driver=driver)
        ((out.solution**2).sum() + (out.residuals**2).sum()).backward()
        found.append((x.grad.numpy(), y.grad.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)


def test_covariance_has_gradients_of_its_weights():
    x, w = tg.tensor(symmetric(3)), tg.tensor([0.5, 2.0, 1.5], dtype=tg.float64)
    f = tg.tensor([2, 1, 3])
    leaves = [x.requires_grad_(), w.requires_grad_()]
    assert gradcheck(lambda x, w: tg.cov(x, fweights=f, aweights=w), leaves)


def test_a_power_or_chain_of_one_matrix_is_a_copy():
    for function in (lambda x: tg.matrix_power(x, 1), lambda x: tg.chain_matmul(x)):
        x = tg.zeros(2, 2)
        out = function(x)
        x.fill_(3)
        assert out.tolist() == [[0, 0], [0, 0]]


def test_a_singular_matrix_among_others_is_reported_and_leaves_the_others_alone():
    x = tg.tensor([[[2.0, 0], [0, 4]], [[1, 2], [2, 4]]])
    inverse, info = tg.linalg.inv_ex(x)
    assert inverse[0].tolist() == [[0.5, 0], [0, 0.25]]
    assert info.tolist() == [0, 2]
    assert bool(tg.isnan(inverse[1]).all())
    result, info = tg.linalg.solve_ex(x, tg.ones(2, 2, 1))
    assert result[0].tolist() == [[0.5], [0.25]]
    assert info.tolist() == [0, 2]
    assert bool(tg.isnan(result[1]).all())


def test_results_have_pytorchs_field_names():
    x = tg.tensor(symmetric(3))
    assert tg.linalg.qr(x)._fields == ("Q", "R")
    assert tg.linalg.svd(x)._fields == ("U", "S", "Vh")
    assert tg.linalg.eigh(x)._fields == ("eigenvalues", "eigenvectors")
    assert tg.linalg.slogdet(x)._fields == ("sign", "logabsdet")
    assert tg.linalg.lstsq(x, x)._fields == ("solution", "residuals", "rank", "singular_values")


@pytest.mark.parametrize("driver", [None, "gelsd"])
def test_least_squares_of_a_tall_matrix_gives_residuals_and_rank_as_pytorch(driver):
    torch = pytest.importorskip("torch")
    a, b = (
        np.random.default_rng(0).standard_normal((2, 5, 3)),
        np.random.default_rng(1).standard_normal((2, 5, 2)),
    )
    ours, theirs = (
        tg.linalg.lstsq(tg.tensor(a), tg.tensor(b), driver=driver),
        torch.linalg.lstsq(torch.tensor(a), torch.tensor(b), driver=driver),
    )
    for x, y in zip(ours, theirs):
        np.testing.assert_allclose(x.array, y.numpy(), rtol=1e-9)


def test_equal_singular_values_and_eigenvalues_leave_finite_gradients():
    x = tg.eye(3, dtype=tg.float64).requires_grad_()
    (tg.linalg.svdvals(x).sum() + tg.linalg.eigvalsh(x).sum()).backward()
    np.testing.assert_allclose(x.grad.array, 2 * np.eye(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: tg.ones(2, 3) @ tg.ones(2, 3),
            r"matmul: the last size of input and the second-last size of other must be equal, got 3"
            r" and 2 in \(2, 3\) @ \(2, 3\)",
        ),
        (lambda: tg.ones(2, 3) @ tg.ones(2), r"the size of other must be equal, got 3 and 2 in"),
        (lambda: tg.ones(5, 2, 3) @ tg.ones(4, 3, 2), "the leading sizes must broadcast, got"),
        (lambda: tg.ones(2) @ tg.tensor(2.0), "both tensors must have at least one dim, got"),
        (
            lambda: tg.linalg.inv_ex(tg.ones(2, 2), check_errors=True),
            "must be invertible, got fail",
        ),
        (lambda: tg.linalg.cholesky_ex(-tg.eye(2), check_errors=True), "must be positive-definite"),
        (lambda: tg.linalg.tensorinv(tg.ones(2, 3)), "linalg.tensorinv: ind must be positive"),
        (lambda: tg.linalg.tensorsolve(tg.ones(2, 3), tg.ones(2)), "linalg.tensorsolve: A must"),
        (lambda: tg.linalg.inv(tg.zeros(2, 3)), "linalg.inv: must be square matrices"),
        (lambda: tg.linalg.inv(tg.ones(2, 2)), "linalg_inv: Singular matrix"),
        (lambda: tg.linalg.cholesky(-tg.eye(2)), "cholesky_lower: .*positive definite"),
        (
            lambda: tg.linalg.solve(tg.eye(3, dtype=tg.int64), tg.ones(3)),
            "linalg.solve: input must be a floating-point tensor",
        ),
        (lambda: tg.linalg.matrix_norm(tg.ones(3)), "linalg.matrix_norm: must be matrices"),
        (lambda: tg.linalg.qr(tg.ones(2, 2), "full"), "linalg.qr: mode must be"),
        (lambda: tg.linalg.multi_dot([tg.ones(2, 2)]), "linalg.multi_dot: needs at least two"),
    ],
)
def test_bad_input_is_refused_with_what_to_do(call, message):
    with pytest.raises(tg.TinygradEduError, match=message):
        call()
