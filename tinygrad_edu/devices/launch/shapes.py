"""Small questions that launchers and their `supports` ask about arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def ceil_div(n: int, by: int) -> int:
    return -(-n // by)


FLOAT32 = np.dtype("float32")


def float32(*arrays: Any) -> bool:
    """Whether all arrays (None is left out) hold float32."""
    for a in arrays:
        if a is not None:
            dtype = getattr(a, "dtype", None)
            if dtype is not FLOAT32 and dtype != FLOAT32:  # the same object, nearly always
                return False
    return True


def last(x: Any, dim: Any) -> bool:
    """Whether `dim` is the last dim of x, and elements can be counted in an int."""
    return type(dim) is int and x.ndim > 0 and dim in (-1, x.ndim - 1) and x.size < 2**31


def flatten_rows(x: Any) -> tuple[int, int]:
    """x as rows of its last dim: how many, how long."""
    return math.prod(x.shape[:-1]), x.shape[-1]


def aligned(*arrays: Any) -> bool:
    """Whether float4 loads may be used: row-major and starting at a multiple of 16 bytes."""
    return all(
        (
            a.flags.c_contiguous and a.ctypes.data % 16 == 0
            if hasattr(a, "ctypes")
            else a.flags.c_contiguous and a.data.ptr % 16 == 0
        )
        for a in arrays
    )


def wide(cols: int, *arrays: Any) -> bool:
    """Whether rows of `cols` elements are for a block's registers (`wide_load` in common.cuh): too
    long for a warp's, whole float4, aligned (as a copy is).
    """
    return (
        1024 < cols <= 8192
        and cols % 4 == 0
        and all(not a.flags.c_contiguous or aligned(a) for a in arrays)
    )
