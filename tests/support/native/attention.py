"""Arguments of kernels/attention.cpp and attention_backward.cpp."""

from __future__ import annotations

import numpy as np

from tinygrad_edu.engine.device import cpu

from . import draws, normal


def attended(g):
    """Queries, keys, values, mask, scale, is_causal; heads as they come or split from features."""
    B, H, T, S, D, V = g.integers(1, (3, 4, 70, 160, 20, 40))
    if g.random() < 0.5:  # (B, T, H, D) in memory
        q, k, v = (normal(g, B, n, H, w).swapaxes(1, 2) for n, w in ((T, D), (S, D), (S, V)))
    else:
        q, k, v = (normal(g, B, H, n, w) for n, w in ((T, D), (S, D), (S, V)))
    mask, kind = None, g.integers(4)
    if kind:
        mask = normal(g, *((T, S), (B, 1, 1, S), (B, H, T, S))[kind - 1])
        mask[g.random(mask.shape) < 0.3] = -np.inf
        mask[..., 0, :] = g.choice([-np.inf, 0.0])  # a query that sees nothing
    return q, k, v, mask, float(g.random()), bool(g.random() < 0.5 and not kind)


@draws("attention")
def drawn_attention(g):
    return attended(g)


@draws("attention_backward")
def drawn_attention_backward(g):
    q, k, v, *rest = attended(g)
    out, lse = cpu.F.attention(*(x.astype(np.float64) for x in (q, k, v)), *rest)
    return (normal(g, *out.shape), q, k, v, out.astype("f"), lse.astype("f"), *rest)
