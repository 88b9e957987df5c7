"""What the kernels of launch/embedding.py are measured on."""

from __future__ import annotations

from .work import normal, work

work(
    "embed_rows",
    lambda rng, n, v, d: (normal(rng, n, d), rng.integers(0, v, (n,)), (v, d)),
    [(131072, 50257, 1024)],
    [(64, 50, 32)],
    lambda n, v, d: n * d,
    torch=lambda torch, g, index, shape: torch.ops.aten.embedding_dense_backward(
        g, index, shape[0], -1, False
    ),
    tolerance=lambda *s: 5e-5,
    cpu=[(8192, 1024, 64)],
)
work(
    "take_rows",
    lambda rng, n, v, d: (rng.integers(0, v, (n,)), normal(rng, v, d)),
    [(131072, 50257, 1024)],
    [(64, 50, 32)],
    torch=lambda torch, index, weight: torch.nn.functional.embedding(index, weight),
    cpu=[(8192, 1024, 64)],
)
