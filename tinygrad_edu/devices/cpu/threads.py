"""The one place that owns thread settings: how many threads NumPy's BLAS uses, and how long they
spin between calls.

`import tinygrad_edu` before NumPy, or start `tinygrad-edu`, and idle BLAS threads go to sleep at
once instead of spinning for some 25 ms: beside another busy process, spinning threads made the
digits training three times slower than one thread. Anything set in the environment has precedence.
DataLoader workers are few and mostly wait; `num_workers` sets these.
"""

from __future__ import annotations

import os
import sys
from functools import cache
from typing import Any

from ...engine.errors import DTypeError, ShapeError
from ..cores import usable_cores

# OpenBLAS spins 2^4 cycles, OpenMP libraries not at all
IDLE_SPIN = {"OPENBLAS_THREAD_TIMEOUT": "4", "OMP_WAIT_POLICY": "PASSIVE"}


def sleep_when_idle() -> bool:
    """Keep BLAS threads from spinning; called at import. Only possible before NumPy loads its BLAS:
    returns whether it was.
    """
    if "numpy" in sys.modules:
        return False
    for name, value in IDLE_SPIN.items():
        os.environ.setdefault(name, value)
    return True


def controller(asked: str) -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"{asked}: needs the package threadpoolctl, which is not installed. Run `pip install"
            " threadpoolctl`, or set OPENBLAS_NUM_THREADS before Python starts."
        ) from error
    return ThreadpoolController()


def set_num_threads(threads: int) -> None:
    """Use that many threads inside one op (matrix products). 1 is the best choice on a busy
    machine.

    Raises: DTypeError, ShapeError unless threads is an int >= 1; ModuleNotFoundError without
            threadpoolctl.
    """
    if type(threads) is not int:
        raise DTypeError(
            f"set_num_threads: threads must be an int, got {threads!r}. Give a number from 1 to"
            f" {usable_cores()}."
        )
    if threads < 1:
        raise ShapeError(
            f"set_num_threads: threads must be at least 1, got {threads}. Give a number from 1 to"
            f" {usable_cores()}."
        )
    controller("set_num_threads").select(user_api="blas").limit(limits=threads)
    native_threads.cache_clear()


def get_num_threads() -> int:
    """How many threads an op may use.

    Raises: ModuleNotFoundError without threadpoolctl; `known_num_threads` gives None then.
    """
    pools = controller("get_num_threads").select(user_api="blas").info()
    return max((pool["num_threads"] for pool in pools), default=1)


def known_num_threads() -> int | None:
    """`get_num_threads()` where it can be told, else None: for records and reports, which a missing
    package must not stop.
    """
    try:
        return get_num_threads()
    except ModuleNotFoundError:
        return None


@cache
def native_threads() -> int:
    """How many threads a C++ kernel may use: as many as a matrix product, but one in a fork, which
    has none of the threads that its parent's kernels wait for.
    """
    return 1 if forked else known_num_threads() or 1


def note_fork() -> None:
    global forked
    forked = True
    native_threads.cache_clear()


forked = False
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=note_fork)
