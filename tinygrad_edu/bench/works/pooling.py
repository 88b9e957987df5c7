"""What the kernels of launch/pooling.py are measured on."""

from __future__ import annotations

import numpy as np

from .work import normal, one, work

POOLED: dict = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0)}


work(
    "max_pool",
    one,
    [(64, 256, 128, 128)],
    [(2, 3, 6, 8)],
    attrs={**POOLED, "dilation": (1, 1)},
    torch=lambda torch, x, **a: torch.nn.functional.max_pool2d(
        x, a["kernel"], a["stride"], return_indices=True
    )[0],
    cpu=[(64, 32, 28, 28)],
)
work(
    "max_pool_spread",
    lambda rng, n, c, size: (
        normal(rng, n, c, size // 2, size // 2),
        rng.integers(0, 4, (n, c, size // 2, size // 2), dtype=np.uint8),
        (n, c, size, size),
    ),
    [(64, 256, 128)],
    [(2, 3, 8)],
    attrs={**POOLED, "dilation": (1, 1)},
    cpu=[(64, 32, 28)],
)
work(
    "max_pool_take",
    lambda rng, n, c, size: (
        normal(rng, n, c, size, size),
        rng.integers(0, 4, (n, c, size // 2, size // 2), dtype=np.uint8),
    ),
    [(64, 256, 128)],
    [(2, 3, 8)],
    attrs={**POOLED, "dilation": (1, 1)},
    cpu=[(64, 32, 28)],
)
work(
    "sum_pool",
    one,
    [(64, 256, 128, 128)],
    [(2, 3, 6, 8)],
    attrs={**POOLED, "high": (0, 0)},
    torch=lambda torch, x, **a: torch.nn.functional.avg_pool2d(x, 2) * 4,
    cpu=[(64, 32, 28, 28)],
)
work(
    "sum_spread",
    lambda rng, n, c, size: (normal(rng, n, c, size // 2, size // 2), (n, c, size, size)),
    [(64, 256, 128)],
    [(2, 3, 8)],
    attrs={**POOLED, "high": (0, 0)},
    cpu=[(64, 32, 28)],
)
