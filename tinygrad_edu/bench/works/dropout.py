"""What the kernels of launch/dropout.py are measured on."""

from __future__ import annotations

from .work import CPU_FLAT, FLAT, SMALL_FLAT, one, work

work(
    "dropout_keyed",
    one,
    FLAT,
    SMALL_FLAT,
    attrs={"p": 0.5, "key": 1234},
    # no result to compare: the random numbers differ
    torch=lambda torch, x, p, key: [torch.nn.functional.dropout(x, p)][:0],
    cpu=CPU_FLAT,
)
