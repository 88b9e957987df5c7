"""What the kernels of launch/softmax.py are measured on."""

from __future__ import annotations

import numpy as np

from .work import CPU_ROWS, ROWS, SMALL_ROWS, normal, one, per_element, work


def probabilities(rng: np.random.Generator, *shape: int) -> np.ndarray:
    x = rng.random(shape, dtype=np.float32) + np.float32(0.01)
    return x / x.sum(-1, keepdims=True)


work(
    "softmax",
    one,
    ROWS,
    SMALL_ROWS,
    per_element(5),
    {"dim": -1},
    lambda torch, x, dim: torch.softmax(x, dim),
    cpu=CPU_ROWS,
)
work(
    "log_softmax",
    one,
    ROWS,
    SMALL_ROWS,
    per_element(5),
    {"dim": -1},
    lambda torch, x, dim: torch.log_softmax(x, dim),
    lambda *s: 5e-5,
    cpu=CPU_ROWS,
)
work(
    "softmax_backward",
    lambda rng, *s: (normal(rng, *s), probabilities(rng, *s)),
    ROWS,
    SMALL_ROWS,
    per_element(4),
    {"dim": -1},
    lambda torch, u, y, dim: torch._softmax_backward_data(u, y, dim, u.dtype),
    cpu=CPU_ROWS,
)
work(
    "log_softmax_backward",
    lambda rng, *s: (normal(rng, *s), np.log(probabilities(rng, *s))),
    ROWS,
    SMALL_ROWS,
    per_element(4),
    {"dim": -1},
    lambda torch, u, y, dim: torch._log_softmax_backward_data(u, y, dim, u.dtype),
    lambda *s: 1e-6 * s[-1] + 5e-5,
    cpu=CPU_ROWS,
)
