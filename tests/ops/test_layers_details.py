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
