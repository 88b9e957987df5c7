"""What the kernels of launch/shape.py are measured on."""

from __future__ import annotations

from .work import one, work

work(
    "clone_contiguous",
    one,
    [(16384, 16384)],
    [(96, 130)],
    torch=lambda torch, x: x.contiguous(),
    view=lambda x: x.T,
    cpu=[(2048, 2048)],
)
