"""What the kernels of launch/elementwise.py are measured on."""

from __future__ import annotations

import numpy as np

from ...engine.device import registry
from .work import CPU_FLAT, FLAT, SMALL_FLAT, normal, one, per_element, work


def gated(x: np.ndarray) -> tuple:
    """An input of gelu, and what its forward keeps for the gradient."""
    return x, registry["gelu"].forward(np, x)[1]


work(
    "gelu",
    one,
    FLAT,
    SMALL_FLAT,
    per_element(8),
    {},
    lambda torch, x: torch.nn.functional.gelu(x),
    cpu=CPU_FLAT,
)
work(
    "gelu_backward",
    lambda rng, n: (normal(rng, n), *gated(normal(rng, n))),
    FLAT,
    SMALL_FLAT,
    per_element(8),
    torch=lambda torch, u, x, gate: torch.ops.aten.gelu_backward(u, x),
    cpu=CPU_FLAT,
)
work(
    "relu", one, FLAT, SMALL_FLAT, per_element(1), {}, lambda torch, x: torch.relu(x), cpu=CPU_FLAT
)
work(
    "exponential_unit",
    one,
    FLAT,
    SMALL_FLAT,
    per_element(4),
    {"name": "elu", "alpha": 1.0, "scale": 1.0, "rate": 1.0},
    cpu=CPU_FLAT,
)
work(
    "clamp_numbers",
    one,
    FLAT,
    SMALL_FLAT,
    per_element(2),
    {"min": -1.0, "max": 1.0},
    lambda torch, x, min, max: torch.clamp(x, min, max),
    cpu=CPU_FLAT,
)
work("held_above", one, FLAT, SMALL_FLAT, per_element(1), {"low": 0.5}, cpu=CPU_FLAT)
work(
    "keep_where",
    lambda rng, n: (normal(rng, n), rng.random(n) < 0.5),
    FLAT,
    SMALL_FLAT,
    per_element(1),
    cpu=CPU_FLAT,
)
work(
    "mul_mask",
    lambda rng, n: (normal(rng, n), normal(rng, n)),
    FLAT,
    SMALL_FLAT,
    per_element(1),
    cpu=CPU_FLAT,
)
