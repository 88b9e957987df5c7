"""One allocator setting that removes most of the page-fault cost of large temporaries."""

from __future__ import annotations

import os
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # <malloc.h>
LARGEST_MMAP_THRESHOLD = 32 << 20  # glibc refuses more on 64-bit machines


def keep_freed_memory() -> bool:
    """Ask glibc to reuse freed memory instead of giving it back to the system after every array.

    A fresh large array costs as much in page faults as the arithmetic that fills it. Called once at
    import; freed memory then stays with the process. Switch off with the environment variable
    `TINYGRAD_EDU_MALLOC=0`. Returns whether the setting was made (False on systems without glibc).
    Source: mallopt(3).
    """
    if os.environ.get("TINYGRAD_EDU_MALLOC") == "0" or not sys.platform.startswith("linux"):
        return False
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(M_MMAP_THRESHOLD, LARGEST_MMAP_THRESHOLD)) and bool(
        mallopt(M_TRIM_THRESHOLD, 512 << 20)
    )
