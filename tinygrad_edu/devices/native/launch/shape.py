"""Launchers of kernels/clone_contiguous.cpp: stacks of matrices that stand turned in memory."""

from __future__ import annotations

import math

from ...launch.shapes import float32
from ..rungs import native


def turned(input):
    """Whether the last two dims have changed places, and nothing else."""
    return (
        float32(input)
        and input.ndim > 1
        and input.size > 0
        and not input.flags.c_contiguous
        and input.swapaxes(-1, -2).flags.c_contiguous
    )


def launch(fn, input):
    cols, rows = input.shape[-2:]  # of what stands in memory
    out = fn.empty(input.shape, input)
    fn(out, input, math.prod(input.shape[:-2]), rows, cols)
    return out


@native("clone_contiguous_1_loops", supports=turned, pinned_only=True)
def clone_contiguous_1_loops(fn, input):
    return launch(fn, input)


@native("clone_contiguous_2_blocks", supports=turned, pinned_only=True)
def clone_contiguous_2_blocks(fn, input):
    return launch(fn, input)


@native("clone_contiguous_3_registers", supports=turned, least=1 << 14)
def clone_contiguous_3_registers(fn, input):
    return launch(fn, input)
