"""What the kernels of launch/order.py are measured on."""

from __future__ import annotations

from .work import CPU_ROWS, SMALL_ROWS, one, work

work(
    "argmax",
    one,
    [(16384, 16384)],
    SMALL_ROWS,
    attrs={"dim": -1},
    torch=lambda torch, x, dim: torch.argmax(x, dim),
    cpu=CPU_ROWS,
)
work(
    "max_dim",
    one,
    [(16384, 16384)],
    SMALL_ROWS,
    attrs={"dim": -1},
    torch=lambda torch, x, dim: torch.max(x, dim),
    cpu=CPU_ROWS,
)
work(
    "topk",
    one,
    [(16384, 16384)],
    SMALL_ROWS,
    attrs={"k": 32, "dim": -1},
    torch=lambda torch, x, k, dim: torch.topk(x, k, dim),
    cpu=CPU_ROWS,
)
