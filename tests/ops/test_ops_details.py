"""What a call that once differed from PyTorch does beyond its value: gradients and writes."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

torch = pytest.importorskip("torch")


def gradients(code, *arrays):
    """Gradients of the sum of `code` (of x, y and the library L) weighted by 1, 2, 3, ..., in both
    libraries.
    """
    found = []
    for L in (tg, torch):
        tensors = [L.tensor(a, dtype=L.float64).requires_grad_() for a in arrays]
        env = {"L": L, "F": L.nn.functional, **dict(zip("xyz", tensors))}
        exec(code, env)  # noqa: S102
        r = env["r"]
        (r * L.arange(1, r.numel() + 1, dtype=L.float64).reshape(tuple(r.shape))).sum().backward()
        found.append([np.zeros(t.shape) if t.grad is None else t.grad.numpy() for t in tensors])
    return found


A = np.arange(24.0).reshape(2, 3, 4) / 7


@pytest.mark.parametrize(
    "code, arrays",
    [
        ("r = x[1, :, [0, 0, 2]]", [A]),
        ("r = x * 1\nr[1, :, [0, 2]] = y", [A, A[0, :, :2]]),
        ("r = x[L.tensor(1)]", [A]),
        ("r = x.masked_fill(x > 1, y)", [A, 2.0]),
        (
            "r = F.gaussian_nll_loss(x, y, z, reduction='none')",
            [A[0, 0], A[1, 1], [1.0, 0.0, 1e-9, 2.0]],
        ),
        (
            "r = F.conv_transpose1d(x, y, stride=1, dilation=3, output_padding=2)",
            [A, A[:1].repeat(3, 0)],
        ),
        (
            "r = F.conv_transpose1d(x, y, stride=2, dilation=4, output_padding=3)",
            [A, A[:1].repeat(3, 0)],
        ),
    ],
)
def test_gradients_are_pytorchs(code, arrays):
    for ours, theirs in zip(*gradients(code, *arrays), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_running_statistics_of_float16_inputs_are_updated_in_float32():
    for L in (tg, torch):
        mean, var = L.zeros(2), L.ones(2)
        L.nn.functional.batch_norm(
            L.tensor([[1.0, 3.0], [3000.0, 4.0]], dtype=L.float16), mean, var, training=True
        )
        np.testing.assert_allclose(mean.numpy(), [150.05, 0.35], rtol=1e-6)
        np.testing.assert_allclose(var.numpy(), [449700.96, 0.95], rtol=1e-5)
