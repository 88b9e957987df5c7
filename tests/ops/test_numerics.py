"""Numerical care: where formulas overflow, cancel or divide by zero, values and gradients stay
right (and equal PyTorch's).
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.nn import functional as F

BIG = [1e4, -1e4, 0.0]


def gradient(function, *values, dtype=tg.float64):
    xs = [tg.tensor(v, dtype=dtype).requires_grad_() for v in values]
    out = function(*xs)
    out.sum().backward()
    return (out.tolist(), *(x.grad.tolist() for x in xs))


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_softmax_and_its_kin_do_not_overflow(dtype):
    assert gradient(lambda x: F.softmax(x, 0), BIG, dtype=dtype) == (
        [1.0, 0.0, 0.0],
        [0.0, 0.0, 0.0],
    )
    out, g = gradient(lambda x: F.log_softmax(x, 0)[1:2], BIG, dtype=dtype)
    assert out == [-2e4]
    assert g == [-1.0, 1.0, 0.0]
    assert gradient(lambda x: tg.logsumexp(x, 0), BIG, dtype=dtype) == (1e4, [1.0, 0.0, 0.0])
    assert tg.logsumexp(tg.tensor([-math.inf, -math.inf]), 0).item() == -math.inf
    assert gradient(
        lambda x: F.cross_entropy(x.unsqueeze(0), tg.tensor([1])), BIG, dtype=dtype
    ) == (2e4, [1.0, -1.0, 0.0])
    out, g = gradient(lambda x: tg.logaddexp(x, x + 1), [1e4, -1e4], dtype=dtype)
    np.testing.assert_allclose(out, [1e4 + 1.3132617, -1e4 + 1.3132617], rtol=1e-6)
    assert g == pytest.approx([1.0, 1.0])


@pytest.mark.parametrize("dtype", [tg.float32, tg.float64])
def test_sigmoids_and_their_losses_do_not_overflow(dtype):
    assert gradient(F.logsigmoid, BIG, dtype=dtype) == (
        [0.0, -1e4, pytest.approx(-math.log(2))],
        [0.0, 1.0, 0.5],
    )
    assert gradient(tg.sigmoid, [1e4, -1e4], dtype=dtype) == ([1.0, 0.0], [0.0, 0.0])
    loss = lambda x: F.binary_cross_entropy_with_logits(
        x, tg.tensor([0.0, 1.0, 1.0], dtype=dtype), reduction="sum"
    )  # noqa: E731
    assert gradient(loss, BIG, dtype=dtype) == (pytest.approx(2e4 + math.log(2)), [1.0, -1.0, -0.5])
    assert gradient(F.softplus, BIG, dtype=dtype) == (
        [1e4, 0.0, pytest.approx(math.log(2))],
        [1.0, 0.0, 0.5],
    )
    for activation in (F.silu, F.gelu, F.mish, F.elu, F.celu, F.selu, tg.tanh, F.softsign):
        out, g = gradient(activation, BIG, dtype=dtype)
        assert np.isfinite([out, g]).all(), activation


def test_variance_of_large_means_keeps_its_digits():
    x = np.random.default_rng(0).standard_normal(1000)
    for shift in (1e4, 1e8):
        np.testing.assert_allclose(tg.tensor(x + shift).var().item(), x.var(ddof=1), rtol=1e-6)
    small = tg.tensor((x + 1e3).astype("float32"))
    np.testing.assert_allclose(small.var().item(), x.var(ddof=1), rtol=1e-3)
    np.testing.assert_allclose(F.layer_norm(small, (1000,)).array.std(), 1.0, rtol=1e-3)
    np.testing.assert_allclose(
        F.batch_norm(small.unsqueeze(1), None, None, training=True).array.std(), 1.0, rtol=1e-3
    )


def test_norms_at_zero_have_gradient_zero():
    zeros = [[0.0, 0.0], [3.0, 4.0]]
    assert gradient(lambda x: x.norm(dim=1), zeros) == (
        [0.0, 5.0],
        [[0.0, 0.0], pytest.approx([0.6, 0.8])],
    )
    assert gradient(lambda x: x.norm(), [0.0, 0.0])[1] == [0.0, 0.0]
    assert gradient(lambda x: tg.linalg.vector_norm(x, 3), [0.0, 0.0])[1] == [0.0, 0.0]
    assert gradient(lambda x, y: F.pairwise_distance(x, y, eps=0.0), [[1.0, 2.0]], [[1.0, 2.0]])[
        1
    ] == [[0.0, 0.0]]
    assert gradient(lambda x, y: tg.cdist(x, y), [[1.0, 2.0]], [[1.0, 2.0]])[1] == [[0.0, 0.0]]
    assert gradient(
        lambda x: F.cosine_similarity(x, tg.ones(1, 2, dtype=tg.float64)), [[0.0, 0.0]]
    )[0] == [0.0]
    assert np.isfinite(gradient(lambda x: F.normalize(x), zeros)[1]).all()
    assert gradient(lambda x: x.std(correction=0), [2.0, 2.0, 2.0])[1] == [0.0, 0.0, 0.0]


def test_powers_and_roots_at_zero():
    assert gradient(lambda x: x**0, [0.0, 2.0]) == ([1.0, 1.0], [0.0, 0.0])
    assert gradient(lambda x: x**1, [0.0])[1] == [1.0]
    assert gradient(lambda x: x**2, [0.0])[1] == [0.0]
    assert gradient(lambda x, p: x**p, [0.0, 0.0], [2.0, 0.0]) == (
        [0.0, 1.0],
        [0.0, 0.0],
        [0.0, 0.0],
    )
    assert gradient(tg.sqrt, [0.0, 4.0]) == ([0.0, 2.0], [math.inf, 0.25])
    assert gradient(tg.rsqrt, [0.0])[0] == [math.inf]
    assert gradient(tg.abs, [0.0])[1] == [0.0]
    assert gradient(lambda x: tg.xlogy(x, x), [0.0])[0] == [0.0]
    assert gradient(lambda x: x.prod(), [0.0, 3.0, 2.0])[1] == [6.0, 0.0, 0.0]
    assert gradient(lambda x: x.cumprod(0), [2.0, 0.0, 3.0])[1] == [1.0, 8.0, 0.0]


def test_ties_of_maxima_share_or_choose_as_pytorch_does():
    ties = [2.0, 2.0, 1.0]
    assert gradient(lambda x: x.max(), ties)[1] == [0.5, 0.5, 0.0]
    assert gradient(lambda x: x.amax(0), ties)[1] == [0.5, 0.5, 0.0]
    assert gradient(lambda x: x.max(0)[0], ties)[1] == [1.0, 0.0, 0.0]
    assert gradient(lambda x: tg.maximum(x, tg.tensor(2.0, dtype=tg.float64)), ties)[1] == [
        0.5,
        0.5,
        0.0,
    ]
    assert gradient(lambda x: x.clamp(min=2.0), ties)[1] == [1.0, 1.0, 0.0]
    assert gradient(lambda x: F.max_pool1d(x.reshape(1, 1, 3), 3), ties)[1] == [1.0, 0.0, 0.0]
    assert gradient(F.relu, [0.0, 1.0])[1] == [0.0, 1.0]


def test_nothing_comes_out_of_the_untaken_branch_of_where():
    # log's own 0 * inf, as in PyTorch
    assert gradient(lambda x: tg.where(x > 0, x.log(), 0.0), [0.0, 1.0]) == (
        [0.0, 0.0],
        [pytest.approx(math.nan, nan_ok=True), 1.0],
    )
    assert gradient(lambda x: tg.where(x > 0, tg.where(x > 0, x, 1.0).log(), 0.0), [0.0, 1.0]) == (
        [0.0, 0.0],
        [0.0, 1.0],
    )
    x = tg.tensor([math.nan, 1.0]).requires_grad_()
    tg.where(tg.tensor([False, True]), x, 0.0).sum().backward()
    assert x.grad.tolist() == [0.0, 1.0]


def test_an_infinite_cotangent_stays_out_of_masked_places():
    x = tg.tensor([-1.0, 2.0]).requires_grad_()
    for function in (
        F.relu,
        lambda x: x.clamp(min=0.0),
        lambda x: tg.where(x > 0, x, 0.0),
        lambda x: tg.maximum(x, tg.zeros(2)),
        lambda x: x.masked_fill(x < 0, 0.0),
    ):
        x.grad = None
        function(x).backward(tg.tensor([math.inf, math.inf]))
        assert x.grad.tolist() == [0.0, math.inf]
    x.grad = None
    tg.sign(x).backward(tg.tensor([math.inf, 1.0]))
    assert x.grad.tolist() == [0.0, 0.0]


def test_sums_of_many_float32_numbers_keep_their_digits():
    x = tg.full((1_000_000,), 0.1)
    assert x.sum().item() == pytest.approx(100_000, rel=1e-6)
    assert x.mean().item() == pytest.approx(0.1, rel=1e-6)


def test_small_arguments_keep_their_digits():
    tiny = tg.tensor([1e-10], dtype=tg.float64)
    assert tiny.expm1().item() == pytest.approx(1e-10, rel=1e-12)
    assert tiny.log1p().item() == pytest.approx(1e-10, rel=1e-9)
    assert tg.erfc(tg.tensor([20.0], dtype=tg.float64)).item() == pytest.approx(
        5.3958656116079e-176, rel=1e-9
    )
    assert tg.lgamma(tg.tensor([1e-300], dtype=tg.float64)).item() == pytest.approx(
        690.7755278982137, rel=1e-12
    )
    assert tg.hypot(
        tg.tensor([1e200], dtype=tg.float64), tg.tensor([1e200], dtype=tg.float64)
    ).item() == pytest.approx(1.4142135623730951e200)


@pytest.mark.parametrize(
    "name",
    [
        "softmax",
        "log_softmax",
        "logsumexp",
        "logsigmoid",
        "softplus",
        "gelu",
        "silu",
        "tanh",
        "sigmoid",
        "elu",
        "mish",
    ],
)
def test_values_and_gradients_at_extremes_equal_pytorchs(name):
    torch = pytest.importorskip("torch")
    values = [1e4, -1e4, 88.0, -88.0, 710.0, -710.0, 1e-30, 0.0]
    args = (0,) if name in ("softmax", "log_softmax", "logsumexp") else ()
    x, y = (
        tg.tensor(values, dtype=tg.float64).requires_grad_(),
        torch.tensor(values, dtype=torch.float64, requires_grad=True),
    )
    a = getattr(tg.functional, name)(x, *args)
    b = getattr(torch.nn.functional if hasattr(torch.nn.functional, name) else torch, name)(
        y, *args
    )
    np.testing.assert_allclose(a.detach().array, b.detach().numpy(), rtol=1e-9, atol=1e-300)
    weight = np.linspace(0.5, 1.5, a.numel()).reshape(a.shape)
    (a * tg.tensor(weight)).sum().backward()
    (b * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(x.grad.array, y.grad.numpy(), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("kind", ["LSTM", "GRU"])
def test_gates_far_from_zero_close_or_open_without_a_warning(kind):
    """e^-x of a closed gate is infinite in float32; the gate is 0, and gradients are finite."""
    layer = getattr(tg.nn, kind)(1, 4)
    x = tg.tensor([[[-1e4]], [[1e4]], [[0.5]]], requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = layer(x)[0]
        out.sum().backward()
    assert out.isfinite().all() and (out.abs() <= 1).all()
    assert all(p.grad.isfinite().all() for p in (x, *layer.parameters()))
