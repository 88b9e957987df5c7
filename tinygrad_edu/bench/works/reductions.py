"""What the kernels of launch/reductions.py are measured on."""

from __future__ import annotations

import math

from .work import CPU_FLAT, SMALL_FLAT, one, per_element, work

work(
    "sum",
    one,
    [(2**28,), (16384, 16384)],
    [(20_000,)],
    per_element(1),
    {"dim": None},
    lambda torch, x, dim: torch.sum(x),
    lambda *s: 1e-6 * math.prod(s) ** 0.5 + 2e-5,
    cpu=[(2**22,), (2**16,)],
)
work(
    "amax",
    one,
    [(2**28,)],
    SMALL_FLAT,
    per_element(1),
    {"dim": None},
    lambda torch, x, dim: torch.amax(x, ()),
    cpu=CPU_FLAT,
)
