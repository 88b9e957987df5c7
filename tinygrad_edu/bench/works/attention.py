"""What the kernels of launch/attention.py are measured on."""

from __future__ import annotations

import numpy as np

from .work import normal, work


def attended(rng: np.random.Generator, n: int, t: int, d: int) -> tuple:
    """Cotangent, queries, keys, values, output and lse of an attention whose output is given: no op
    checks that it is theirs.
    """
    g, q, k, v, out = (normal(rng, n, t, d) for _ in range(5))
    return g, q, k, v, out, np.full((n, t, 1), np.log(t) + 0.5, np.float32), None, d**-0.5


work(
    "attention",
    lambda rng, n, t, d: (
        normal(rng, n, t, d),
        normal(rng, n, t, d),
        normal(rng, n, t, d),
        None,
        d**-0.5,
    ),
    [(64, 4096, 128)],
    [(2, 40, 16)],
    lambda n, t, d: 4 * n * t * t * d,
    torch=lambda torch, q, k, v, mask, scale: torch.nn.functional.scaled_dot_product_attention(
        q, k, v, scale=scale
    ),
    tolerance=lambda *s: 1e-4,
    cpu=[(16, 256, 64)],
)
work(
    "attention_backward",
    attended,
    [(64, 4096, 128)],
    [(2, 40, 16)],
    lambda n, t, d: 14 * n * t * t * d,
    tolerance=lambda *s: 1e-3,
    cpu=[(16, 256, 64)],
)
