"""What the kernels of launch/normalization.py are measured on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .work import CPU_ROWS, SMALL_ROWS, normal, per_element, work


def normalized(rng: np.random.Generator, *shape: int) -> tuple:
    """Cotangent, input, mean, 1 / deviation and weight of a layer normalisation."""
    x = normal(rng, *shape)
    return (
        normal(rng, *shape),
        x,
        x.mean(-1, keepdims=True),
        1 / np.sqrt(x.var(-1, keepdims=True) + np.float32(1e-5)),
        normal(rng, shape[-1]),
    )


def channels(rng: np.random.Generator, n: int, c: int, *size: int) -> tuple:
    return normal(rng, n, c, *size), *(normal(rng, 1, c, *(1 for _ in size)) for _ in range(2))


def channels_backward(rng: np.random.Generator, *shape: int) -> tuple:
    """Cotangent, input, mean, variance and weight of a batch normalisation."""
    x, weight, _ = channels(rng, *shape)
    dims = (0, *range(2, len(shape)))
    statistics = x.mean(dims, keepdims=True), x.var(dims, keepdims=True)
    return normal(rng, *shape), x, *statistics, weight


def torch_batch_norm(torch: Any, x: Any, weight: Any, bias: Any, dims: tuple, eps: float) -> Any:
    return torch.nn.functional.batch_norm(
        x, None, None, weight.reshape(-1), bias.reshape(-1), True, 0.1, eps
    )


def torch_layer_norm_backward(
    torch: Any, u: Any, x: Any, mean: Any, rstd: Any, weight: Any, dims: tuple
) -> Any:
    only_input = [True, False, False]
    return torch.ops.aten.native_layer_norm_backward(
        u, x, x.shape[-1:], mean, rstd, weight, None, only_input
    )[0]


def torch_layer_norm_weight(torch: Any, u: Any, x: Any, rstd: Any, mean: Any, dims: tuple) -> Any:
    only_weight = [False, True, False]
    weight = x.new_ones(x.shape[-1:])
    return torch.ops.aten.native_layer_norm_backward(
        u, x, x.shape[-1:], mean, rstd, weight, None, only_weight
    )[1]


def torch_batch_norm_backward(
    torch: Any, u: Any, x: Any, mean: Any, var: Any, weight: Any, dims: tuple, eps: float
) -> Any:
    out, d_weight, d_bias = torch.ops.aten.native_batch_norm_backward(
        u,
        x,
        weight.reshape(-1),
        None,
        None,
        mean.reshape(-1),
        (var.reshape(-1) + eps).rsqrt(),
        True,
        eps,
        [True, True, True],
    )
    return out, d_weight.reshape(mean.shape), d_bias.reshape(mean.shape)


work(
    "layer_normalization",
    lambda rng, *s: (normal(rng, *s), normal(rng, s[-1]), normal(rng, s[-1])),
    [(65536, 4096)],
    SMALL_ROWS,
    per_element(8),
    {"dims": (-1,), "eps": 1e-5},
    lambda torch, x, w, b, dims, eps: torch.nn.functional.layer_norm(x, x.shape[-1:], w, b, eps),
    lambda *s: 1e-4,
    cpu=CPU_ROWS,
)
work(
    "layer_normalization_backward",
    normalized,
    [(65536, 4096)],
    SMALL_ROWS,
    per_element(10),
    {"dims": (-1,)},
    torch=torch_layer_norm_backward,
    tolerance=lambda *s: 1e-4,
    cpu=CPU_ROWS,
)
work(
    "rms_normalization",
    lambda rng, *s: (normal(rng, *s), normal(rng, s[-1])),
    [(65536, 4096)],
    SMALL_ROWS,
    per_element(4),
    {"dims": (-1,), "eps": 1e-5},
    lambda torch, x, w, dims, eps: torch.nn.functional.rms_norm(x, x.shape[-1:], w, eps),
    lambda *s: 1e-4,
    cpu=CPU_ROWS,
)
work(
    "rms_normalization_backward",
    lambda rng, *s: [normalized(rng, *s)[i] for i in (0, 1, 3, 4)],
    [(65536, 4096)],
    SMALL_ROWS,
    per_element(8),
    {"dims": (-1,)},
    tolerance=lambda *s: 1e-4,
    cpu=CPU_ROWS,
)
work(
    "normalization_weight_backward",
    lambda rng, *s: [normalized(rng, *s)[i] for i in (0, 1, 3, 2)],
    [(65536, 4096)],
    SMALL_ROWS,
    per_element(4),
    {"dims": (-1,)},
    torch=torch_layer_norm_weight,
    tolerance=lambda *s: 1e-6 * s[0] + 2e-5,
    cpu=CPU_ROWS,
)
work(
    "batch_normalization",
    channels,
    [(64, 256, 56, 56)],
    [(3, 5, 6, 7)],
    per_element(8),
    {"dims": (0, 2, 3), "eps": 1e-5},
    torch_batch_norm,
    lambda *s: 1e-4,
    cpu=[(32, 64, 16, 16)],
)
work(
    "batch_normalization_backward",
    channels_backward,
    [(64, 256, 56, 56)],
    [(3, 5, 6, 7)],
    per_element(10),
    {"dims": (0, 2, 3), "eps": 1e-5},
    torch=torch_batch_norm_backward,
    tolerance=lambda *s: 1e-6 * s[0] * s[2] * s[3] + 1e-4,
    cpu=[(32, 64, 16, 16)],
)
