"""Launchers of kernels/dropout_keyed.cu: any shape, as one row of float32."""

from __future__ import annotations

from ...engine.arrays import capture
from ..rungs import kernel
from .shapes import aligned, ceil_div, float32


def some_dropped(input, p, key):
    """Whether the kernels take the call.

    Not in a captured graph, which would drop the same elements at each replay: the generic forward
    refuses that.
    """
    return (
        not capture.active
        and float32(input)
        and 0 <= p < 1
        and 0 <= key < 2**64
        and input.size < 2**31 - 2048
    )


def masked(fn, x, p, key, each):
    x = fn.contiguous(x)
    out = fn.empty(x.shape, x)
    fn(
        (ceil_div(x.size, 256 * each),),
        (256,),
        (out, x, x.size, key, min(int(p * 2**32), 2**32 - 1), 1 / (1 - p)),
    )
    return out


@kernel("dropout_keyed_1_naive", supports=some_dropped)
def dropout_keyed_1_naive(fn, input, p, key):
    return masked(fn, input, p, key, 1)


@kernel("dropout_keyed_2_eights", supports=some_dropped)
def dropout_keyed_2_eights(fn, input, p, key):
    return masked(fn, input, p, key, 8)


@kernel(
    "dropout_keyed_3_vectors",
    supports=lambda input, p, key: (
        some_dropped(input, p, key) and (not input.flags.c_contiguous or aligned(input))
    ),
)
def dropout_keyed_3_vectors(fn, input, p, key):
    return masked(fn, input, p, key, 8)
