"""Convolution, pooling and normalisation beside PyTorch where a call once differed."""

from __future__ import annotations

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
