"""What the kernels of launch/matmul.py are measured on."""

from __future__ import annotations

from .work import normal, work


def rounded(m: int, n: int, k: int) -> float:
    """What a product may be off by whose operands were rounded to 8 bits: errors add up as a random
    walk.
    """
    return 0.01 * k**0.5 + 0.02


work(
    "matmul",
    lambda rng, m, n, k: (normal(rng, m, k), normal(rng, k, n)),
    [(4096, 4096, 4096)],
    [(64, 64, 64), (50, 70, 33)],
    lambda m, n, k: 2 * m * n * k,
    torch=lambda torch, a, b: torch.matmul(a, b),
    tolerance=lambda m, n, k: 1e-6 * k + 2e-5,
    coarse=rounded,
    cpu=[(512, 512, 512), (128, 10, 256)],
)
work(
    "linear",
    lambda rng, m, n, k: (normal(rng, m, k), normal(rng, n, k), normal(rng, n)),
    [(4096, 4096, 4096)],
    [(64, 64, 64), (50, 70, 33)],
    lambda m, n, k: 2 * m * n * k,
    torch=lambda torch, x, w, b: torch.nn.functional.linear(x, w, b),
    tolerance=lambda m, n, k: 1e-6 * k + 2e-5,
    coarse=rounded,
    cpu=[(512, 512, 512), (128, 10, 256)],
)
