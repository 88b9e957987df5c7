"""Elementwise ops at the edges: bounds, origins, integers, tensor arguments, beside PyTorch."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg


def in_both(code, *arrays):
    """`code` (of x, y, z and the library L) in both libraries: result and gradients of its sum."""
    torch = pytest.importorskip("torch")
    found = []
    for L in (tg, torch):
        xs = [L.tensor(a, dtype=L.float64).requires_grad_() for a in arrays]
        env = {"L": L, **dict(zip("xyz", xs))}
        exec("r = " + code, env)  # noqa: S102
        env["r"].sum().backward()
        grads = [np.zeros(x.shape) if x.grad is None else x.grad.numpy() for x in xs]
        found.append([env["r"].detach().numpy(), *grads])
    return zip(*found, strict=True)


EDGES = [
    ("x.clamp(y, z)", [0.0, 0.5, 1.0, -1.0, 2.0], [0.0] * 5, [1.0] * 5),
    ("x.clamp(y, z)", [0.0, 1.5, 3.0], [2.0] * 3, [1.0, 1.0, 4.0]),  # bounds that cross
    ("x.clamp(min=y)", [0.0, 0.5, -1.0], [0.0, 0.5, 0.0]),
    ("x.clamp(max=y)", [[0.0, 0.5, 2.0]], [[0.5], [1.0]]),
    ("L.clamp(x, L.tensor(0.5), 1.0)", [0.0, 0.5, 1.0, 2.0]),
    ("L.atan2(x, y)", [0.0, 0.0, 1.0, -0.0], [0.0, -1.0, 0.0, -0.0]),
    ("L.lerp(x, y, z)", [1.0, 2.0, 3.0], [5.0, 6.0, 7.0], [0.0, 0.25, 1.0]),
    ("L.lerp(x, y, z)", [1.0, 2.0, 3.0], [[5.0], [6.0]], 0.75),
    ("L.lerp(x, end=y, weight=-0.75)", [1.0, 2.0], [5.0, 6.0]),
    ("(x * 1).lerp_(y, z)", [1.0, 2.0], [5.0, 6.0], [0.5, -0.25]),
    ("L.where(condition=x > 0, input=x, other=y)", [1.0, -2.0], [5.0, 6.0]),
    ("x ** 0.5 + x ** 1.5 + x ** 3 + x ** 0", [0.0, 2.0]),
    ("L.pow(0.0, x)", [0.0, 2.0]),
    ("L.pow(x, y)", [0.0, 0.0, 0.0, 2.0], [0.0, 1.0, 2.0, -1.5]),
    ("L.nextafter(x, y)", [1.0, 2.0, 3.0], [2.0, 2.0, 0.0]),
    ("L.fill(x, value=3) * x", [1.0, 2.0]),
    ("L.fill(x, y)", [1.0, 2.0], 4.0),
    ("L.xlogy(x, y)", [0.0, 0.0, 2.0], [0.0, 3.0, 3.0]),
]


@pytest.mark.parametrize(("code", "arrays"), [(code, arrays) for code, *arrays in EDGES])
def test_values_and_gradients_at_the_edges_are_pytorchs(code, arrays):
    for ours, theirs in in_both(code, *arrays):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_a_quotient_may_be_changed_in_place_before_backward():
    a = tg.tensor([1.0, 2.0], requires_grad=True)
    b = tg.tensor([4.0, 8.0], requires_grad=True)
    y = a / b
    y.mul_(2)
    y.sum().backward()
    np.testing.assert_allclose(a.grad.numpy(), [0.5, 0.25])
    np.testing.assert_allclose(b.grad.numpy(), [-0.125, -0.0625])


@pytest.mark.parametrize(
    "code",
    [
        "L.tensor([1, 2]) << 2",
        "2 << L.tensor([1, 2])",
        "L.tensor([-9, 4]) >> 1",
        "L.tensor([1, 2, -1, -1, 0]) ** L.tensor([-1, -2, -3, -2, -1])",
        "L.tensor([3, 2]) ** L.tensor([2, -1])",
        "L.tensor([1.0]) // 0",
        "L.tensor([1.0, -1.0]) % 0",
        "L.clamp(L.tensor([1, 2]), L.tensor(1.5))",
        "L.clamp(L.tensor([1, 2, 3]), 1.5)",
        "L.nextafter(L.tensor([1.0, 0.0, 2.0]), L.tensor([2.0, -1.0, 2.0]))",
        "L.sgn(L.tensor([-2.0, 0.0]))",
    ],
)
def test_values_and_dtypes_of_numbers_and_integers_are_pytorchs(code):
    torch = pytest.importorskip("torch")
    ours, theirs = (eval(code, {"L": L}) for L in (tg, torch))  # noqa: S307
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x // 0,
        lambda x: x // tg.tensor([0]),
        lambda x: x % tg.tensor([0]),
        lambda x: tg.fmod(x, 0),
        lambda x: tg.div(x, 0, rounding_mode="trunc"),
    ],
)
def test_integers_divided_by_zero_are_refused(call):
    with pytest.raises(tg.ShapeError, match="must not be divided by 0"):
        call(tg.tensor([1]))


def test_a_weight_of_another_dtype_is_refused():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(tg.DTypeError, match="lerp: weight must have the dtype of input"):
        tg.lerp(x, x * 2, tg.tensor([0.5, 0.5], dtype=tg.float64))


FAR = np.array([float("nan"), -40.0, -20.0, -6.0, -4.0, -3.0, -1.0, 0.0, 0.5, 4.0, 8.0])


def test_log_ndtr_is_exact_far_below_zero():
    torch = pytest.importorskip("torch")
    ours = tg.functional.log_ndtr(tg.tensor(FAR)).numpy()
    theirs = torch.special.log_ndtr(torch.tensor(FAR)).numpy()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_ndtri_undoes_ndtr_also_at_tiny_chances():
    torch = pytest.importorskip("torch")
    p = np.array([1e-300, 1e-30, 1e-10, 0.01, 0.3, 0.5, 0.9, 1 - 1e-9])
    ours = tg.functional.ndtri(tg.tensor(p)).numpy()
    np.testing.assert_allclose(ours, torch.special.ndtri(torch.tensor(p)).numpy(), 1e-9, 1e-15)
    np.testing.assert_allclose(tg.functional.ndtr(tg.tensor(ours)).numpy(), p, rtol=1e-9)
