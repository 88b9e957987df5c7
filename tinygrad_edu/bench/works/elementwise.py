"""What the kernels of launch/elementwise.py are measured on."""

from __future__ import annotations

from .work import FLAT, SMALL_FLAT, normal, one, per_element, work

work(
    "gelu", one, FLAT, SMALL_FLAT, per_element(8), {}, lambda torch, x: torch.nn.functional.gelu(x)
)
work("relu", one, FLAT, SMALL_FLAT, per_element(1), {}, lambda torch, x: torch.relu(x))
work(
    "exponential_unit",
    one,
    FLAT,
    SMALL_FLAT,
    per_element(4),
    {"name": "elu", "alpha": 1.0, "scale": 1.0, "rate": 1.0},
)
work(
    "clamp_numbers",
    one,
    FLAT,
    SMALL_FLAT,
    per_element(2),
    {"min": -1.0, "max": 1.0},
    lambda torch, x, min, max: torch.clamp(x, min, max),
)
work("held_above", one, FLAT, SMALL_FLAT, per_element(1), {"low": 0.5})
work(
    "keep_where",
    lambda rng, n: (normal(rng, n), rng.random(n) < 0.5),
    FLAT,
    SMALL_FLAT,
    per_element(1),
)
work("mul_mask", lambda rng, n: (normal(rng, n), normal(rng, n)), FLAT, SMALL_FLAT, per_element(1))
