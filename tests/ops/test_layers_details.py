"""Convolution, pooling and normalisation beside PyTorch where a call once differed."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

F = tg.nn.functional


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("kind", ["conv", "conv_transpose"])
def test_a_kernel_of_size_0_is_refused(kind, n):
    image, weight = tg.ones(1, 3, *(5,) * n), tg.ones(3, 3, *(0,) * n)
    with pytest.raises(ValueError, match=rf"{kind}{n}d: the kernel's sizes must be at least 1"):
        getattr(F, f"{kind}{n}d")(image, weight)
    layer = {"conv": f"Conv{n}d", "conv_transpose": f"ConvTranspose{n}d"}[kind]
    with pytest.raises(ValueError, match="kernel"):
        getattr(tg.nn, layer)(3, 3, 0)(image)


@pytest.mark.parametrize("training", [True, False])
def test_batch_norm_of_an_empty_vector_is_empty(training):
    out = F.batch_norm(tg.ones(0), tg.ones(0), tg.ones(0), training=training)
    assert out.shape == (0,)


def test_batch_norm_of_an_empty_batch_gives_the_weights_gradients_of_zero():
    weight, mean = tg.ones(3, requires_grad=True), tg.zeros(3)
    out = F.batch_norm(tg.ones(0, 3), mean, tg.ones(3), weight, training=True)
    out.sum().backward()
    assert out.shape == (0, 3) and weight.grad.tolist() == [0, 0, 0] and mean.tolist() == [0, 0, 0]


@pytest.mark.parametrize("n", [2, 3])
def test_fractional_max_pooling_is_pytorchs_for_the_same_random_numbers(n):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(n)
    x, samples = rng.normal(size=(2, 3, 9, 8, 7)[: n + 2]), rng.uniform(size=(2, 3, n))
    results = []
    for lib in (tg, torch):
        layer = getattr(lib.nn, f"FractionalMaxPool{n}d")(
            2, output_ratio=0.6, return_indices=True, _random_samples=lib.tensor(samples)
        )
        leaf = lib.tensor(x).requires_grad_()
        out, indices = layer(leaf)
        (out * out).sum().backward()
        assert repr(layer) == f"FractionalMaxPool{n}d()"
        results.append([out.detach().numpy(), indices.numpy(), leaf.grad.numpy()])
    for ours, theirs in zip(*results, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_fractional_max_pooling_draws_new_windows_unless_they_are_given():
    tg.manual_seed(0)
    x = tg.arange(400.0).reshape(1, 1, 20, 20)
    first, second = (F.fractional_max_pool2d(x, 2, output_size=8) for _ in range(2))
    assert first.shape == (1, 1, 8, 8) and first.tolist() != second.tolist()
    assert F.fractional_max_pool2d_with_indices(x, 2, 8)[1].shape == (1, 1, 8, 8)


def test_fractional_max_pooling_needs_one_size_that_fits():
    with pytest.raises(ValueError, match="needs output_size or output_ratio"):
        F.fractional_max_pool2d(tg.ones(1, 1, 5, 5), 2)
    with pytest.raises(ValueError, match="must not exceed the input's sizes"):
        F.fractional_max_pool2d(tg.ones(1, 1, 5, 5), 2, 5)
    with pytest.raises(ValueError, match="either output_size or output_ratio"):
        tg.nn.FractionalMaxPool2d(2, 3, 0.5)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_poolings_named_with_indices_always_give_them(n):
    x = tg.arange(4.0**n).reshape(1, 1, *(4,) * n)
    values, indices = getattr(F, f"max_pool{n}d_with_indices")(x, 2)
    assert values.tolist() == indices.tolist()
    values, indices = getattr(F, f"adaptive_max_pool{n}d_with_indices")(x, 2)
    assert values.tolist() == indices.tolist()


@pytest.mark.parametrize(
    "name",
    "relu relu6 leaky_relu rrelu elu selu celu silu mish hardtanh hardsigmoid hardswish".split(),
)
def test_an_activation_in_place_writes_and_differentiates_as_the_plain_one(name):
    values = np.linspace(-4, 4, 9)
    plain_leaf, leaf = (tg.tensor(values).requires_grad_() for _ in range(2))
    plain = getattr(F, name)(plain_leaf)
    (plain * plain).sum().backward()
    x = leaf * 1
    out = getattr(F, name)(x, inplace=True)
    (out * out).sum().backward()
    assert out is x and x.tolist() == plain.tolist()
    np.testing.assert_allclose(leaf.grad.numpy(), plain_leaf.grad.numpy(), rtol=1e-12)
