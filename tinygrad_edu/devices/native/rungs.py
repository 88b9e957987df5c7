"""Ladders of the CPU's C++ kernels, declared as those of the GPU are (../rungs.py).

    @native("softmax_2_vectors", supports=rows_of_last_dim)
    def softmax_2_vectors(fn, input, dim, dtype=None): ...

`fn(*arguments)` runs the entry point: arrays are given as they are, None stands for a null pointer,
and the number of threads is added at the end.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

from ..rungs import Rung, add_rung
from .source import cpp_file, entry

ladders: dict[str, list[Rung]] = {}  # op -> rungs, lowest first


SMALL = 4096  # elements of the first input: below, to start a kernel costs more than it saves


def native(
    name: str, supports: Callable | None = None, pinned_only: bool = False, least: int = SMALL
) -> Callable:
    """Declare the launcher of an entry point in kernels/*.cpp. Args: see ../rungs.kernel.

    `pinned_only` marks a rung that teaches but is slower than NumPy's way, or that rounds more.
    `least`: from how many elements of the first input on the rung is faster than NumPy.
    """

    def add(launcher: Callable) -> Callable:
        source = cpp_file(name.rsplit("_", 2)[0], name)
        rung = Rung(name, launcher, supports, source, pinned_only)
        rung.least = least
        add_rung(ladders, rung)
        return launcher

    return add


first_byte = (ctypes.c_char * 1).from_buffer


def address(array: np.ndarray) -> Any:
    """Where an array begins, as ctypes passes it on."""
    try:
        return first_byte(array)  # type: ignore[arg-type]  # half the time of the line below
    except (TypeError, ValueError):  # empty, or not to be written to
        return array.ctypes.data


class Call:
    """What a launcher gets as `fn`: runs the entry point, and makes arrays.

    `threads()` tells how many threads a kernel may use.
    """

    def __init__(self, rung: Rung, threads: Callable[[], int]):
        self.rung, self.threads = rung, threads
        self.function: Any = None

    def __call__(self, *arguments: Any) -> None:
        if self.function is None:
            self.function = entry(self.rung.source, self.rung.name)
        given = [address(a) if type(a) is np.ndarray else a for a in arguments]
        self.function(*given, self.threads())

    @staticmethod
    def empty(shape: Any, like: Any) -> np.ndarray:
        """A new array, not yet written, of the dtype `like` or of the array `like`."""
        return np.empty(shape, getattr(like, "dtype", like))

    contiguous = staticmethod(np.ascontiguousarray)
