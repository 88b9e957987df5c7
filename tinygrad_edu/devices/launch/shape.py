"""Launchers of kernels/clone_contiguous.cu."""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import ceil_div, float32

MOST = 65535  # blocks along y and z


def turned(x):
    """The row-major (batch, rows, cols) array that x shows as (batch, cols, rows), with these
    sizes; each may be several dims. None if x is no such view.
    """
    for lead in range(x.ndim - 1):
        for split in range(lead + 1, x.ndim):
            memory = x.transpose((*range(lead), *range(split, x.ndim), *range(lead, split)))
            if memory.flags.c_contiguous:
                return memory, (
                    math.prod(x.shape[:lead]),
                    math.prod(x.shape[split:]),
                    math.prod(x.shape[lead:split]),
                )
    return None


def transposes(input):
    found = float32(input) and not input.flags.c_contiguous and turned(input)
    if not found:
        return False
    batch, rows, cols = found[1]
    return batch <= MOST and rows <= 32 * MOST and cols < 2**31 - 32


def launch(fn, input):
    memory, (batch, rows, cols) = turned(input)
    out = fn.empty(input.shape, input)
    fn((ceil_div(cols, 32), ceil_div(rows, 32), batch), (32, 8), (out, memory, rows, cols))
    return out


@kernel("clone_contiguous_1_naive", supports=transposes)
def clone_contiguous_1_naive(fn, input):
    return launch(fn, input)


@kernel("clone_contiguous_2_shared", supports=transposes)
def clone_contiguous_2_shared(fn, input):
    return launch(fn, input)


@kernel("clone_contiguous_3_padded", supports=transposes)
def clone_contiguous_3_padded(fn, input):
    return launch(fn, input)
