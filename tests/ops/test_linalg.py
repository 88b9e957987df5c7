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
