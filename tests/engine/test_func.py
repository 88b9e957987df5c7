"""Transforms of functions and products with Jacobians and Hessians: against the matrices
themselves, nested, and against PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import func, nn
from tinygrad_edu.autograd import functional as derivatives
from tinygrad_edu.autograd import gradcheck

A = tg.tensor(np.random.default_rng(0).standard_normal((3, 2)))
X = tg.tensor([0.3, -1.2], dtype=tg.float64)


def f(x):
    return (A @ x).sin() * x.sum()


def scalar(x):
    return (x.exp() * x.flip(0)).sum()


def close(a, b):
    np.testing.assert_allclose(a.detach().array, b.detach().array, rtol=1e-10, atol=1e-12)


def test_products_are_those_of_the_matrices():
    v, u = tg.tensor([1.0, 2.0, -1.0], dtype=tg.float64), tg.tensor([0.5, -2.0], dtype=tg.float64)
    matrix, curvature = derivatives.jacobian(f, X), derivatives.hessian(scalar, X)
    close(derivatives.vjp(f, X, v)[1], v @ matrix)
    close(derivatives.jvp(f, X, u)[1], matrix @ u)
    close(derivatives.hvp(scalar, X, u)[1], curvature @ u)
    close(derivatives.vhp(scalar, X, u)[1], u @ curvature)
    close(func.jacrev(f)(X), matrix)
    close(func.jacfwd(f)(X), matrix)
    close(func.hessian(scalar)(X), curvature)
    close(func.jvp(f, (X,), (u,))[1], matrix @ u)
    value, pull = func.vjp(f, X)
    close(value, f(X))
    close(pull(v)[0], v @ matrix)


def test_transforms_nest_to_any_order():
    cube = lambda x: x**3  # noqa: E731  # shorter
    x = tg.tensor(2.0)
    assert [
        func.grad(cube)(x).item(),
        func.grad(func.grad(cube))(x).item(),
        func.grad(func.grad(func.grad(cube)))(x).item(),
    ] == [12.0, 12.0, 6.0]
    close(func.jacrev(func.jacfwd(scalar))(X), derivatives.hessian(scalar, X))
    close(func.jacfwd(func.grad(scalar))(X), derivatives.hessian(scalar, X))
    inner = func.grad(lambda x, y: x * y * y, argnums=1)
    assert func.grad(inner, argnums=0)(tg.tensor(3.0), tg.tensor(5.0)).item() == 10.0


def test_results_are_part_of_the_graph_where_inputs_require_gradients():
    x = X.clone().requires_grad_()
    assert gradcheck(lambda x: func.grad(scalar)(x), [x])
    assert gradcheck(lambda x: func.jvp(f, (x,), (tg.ones(2, dtype=tg.float64),))[1], [x])
    assert not func.grad(scalar)(X).requires_grad


def test_grad_takes_several_and_nested_arguments_and_further_results():
    g, extra = func.grad(lambda p, x: ((p["w"] * x).sum(), "more"), has_aux=True)(
        {"w": tg.ones(2)}, tg.tensor([2.0, 3.0])
    )
    assert g["w"].tolist() == [2.0, 3.0]
    assert extra == "more"
    a, b = func.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(tg.tensor([1.0]), tg.tensor([4.0]))
    assert (a.item(), b.item()) == (4.0, 1.0)
    g, value = func.grad_and_value(lambda x: (x * x).sum())(tg.tensor([1.0, 3.0]))
    assert g.tolist() == [2.0, 6.0]
    assert value.item() == 10.0


def test_vmap_runs_over_the_named_dims():
    rows, other = tg.randn(5, 3, dtype=tg.float64), tg.randn(3, 5, dtype=tg.float64)
    close(func.vmap(lambda a, b: a @ b, in_dims=(0, 1))(rows, other), (rows * other.T).sum(1))
    close(
        func.vmap(lambda a, b: a * b, in_dims=(0, None), out_dims=1)(rows, rows[0]),
        (rows * rows[0]).T,
    )
    per_example = func.vmap(func.grad(lambda x, w: (x @ w) ** 2), in_dims=(0, None))(
        rows, tg.ones(3, dtype=tg.float64)
    )
    close(per_example, 2 * rows.sum(1, keepdim=True).expand(5, 3))
    with pytest.raises(tg.ShapeError, match="vmap: the batch dims must have one size"):
        func.vmap(lambda a, b: a + b)(tg.ones(2), tg.ones(3))


def test_functional_call_uses_other_parameters_and_puts_the_own_ones_back():
    layer = nn.Linear(2, 1)
    before = layer.weight
    out = func.functional_call(
        layer, {"weight": tg.ones(1, 2), "bias": tg.zeros(1)}, tg.tensor([[2.0, 3.0]])
    )
    assert out.item() == 5.0
    assert layer.weight is before
    with pytest.raises(tg.ShapeError, match="functional_call: names"):
        func.functional_call(layer, {"weights": tg.ones(1, 2)}, tg.ones(1, 2))


def test_transforms_equal_pytorchs():
    torch = pytest.importorskip("torch")
    a, x = torch.tensor(A.array), torch.tensor(X.array)
    theirs = lambda x: (a @ x).sin() * x.sum()  # noqa: E731  # shorter
    np.testing.assert_allclose(func.jacrev(f)(X).array, torch.func.jacrev(theirs)(x).numpy())
    for ours, other in zip(derivatives.jvp(f, X, X), torch.autograd.functional.jvp(theirs, x, x)):
        np.testing.assert_allclose(ours.array, other.numpy())
