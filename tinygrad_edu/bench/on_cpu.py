"""Times of C++ kernels on this machine's cores, beside what the same cores reach in the same run.

The caches of a CPU are large and many arrays of a small network stay in them, so the hot time is
the one that is compared. The limit of memory is measured on arrays of the same size: a small array
is limited by the cache that it fits, a large one by memory (kernels/limits.cpp).
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..devices.build import compiler
from ..devices.cpu.table import why_not
from ..devices.cpu.threads import known_num_threads, native_threads, set_num_threads
from ..devices.native.source import entry, instructions, read
from ..devices.rungs import Rung
from ..devices.source import kernels_folder
from ..devices.table import native_ladders
from ..engine.errors import DeviceError
from .side import Moved, Peer, Timed
from .timing import Clock
from .works import Sizes, Work

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
LARGEST = 32 << 20  # bytes of the last cache where the system does not tell
BATCH = 2e-3  # seconds that a sample of a limit takes at least
BATCHES = 5


def caches() -> list[int]:
    """Bytes of the data caches, smallest first; what the system does not tell is a guess."""
    found = []
    for index in CACHES.glob("index*"):
        try:
            text, kind = ((index / name).read_text().strip() for name in ("size", "type"))
        except OSError:
            continue
        if kind != "Instruction" and text.endswith("K"):
            found.append(int(text[:-1]) << 10)
    return sorted(found) or [32 << 10, 512 << 10, LARGEST]


class CpuClock(Clock):
    """Reads the system's clock. Overwriting the caches takes long: one cold sample for five hot."""

    each = 1

    def __init__(self, device: Any, quick: bool = False):
        super().__init__(device, min(caches()[-1], 256 << 20), quick)

    def scrub(self) -> None:
        self.scrap += 1  # reads too, so that no store goes around the caches

    def samples(
        self, call: Callable[[], Any], n: int, before: Callable[[], None] | None = None
    ) -> list[float]:
        found = []
        for _ in range(n):
            if before is not None:
                before()
            begun = time.perf_counter()
            call()
            found.append(1e3 * (time.perf_counter() - begun))
        return found


# ---- limits --------------------------------------------------------------------------------------


def limit_kernel(name: str) -> Callable:
    return entry(read(kernels_folder() / "limits.cpp"), name)


def best_rate(amount: float, run: Callable[[int], None]) -> float:
    """The most of `amount` a second that rounds reach; `run(rounds)` runs them."""
    rounds, seconds = 1, 0.0
    while True:
        begun = time.perf_counter()
        run(rounds)
        seconds = time.perf_counter() - begun
        if seconds >= BATCH:
            break
        rounds *= 2 if seconds < BATCH / 16 else max(2, int(BATCH / seconds) + 1)
    for _ in range(BATCHES):
        begun = time.perf_counter()
        run(rounds)
        seconds = min(seconds, time.perf_counter() - begun)
    return amount * rounds / seconds


@lru_cache
def peak(threads: int) -> float:
    """FLOPs a second of multiply-adds in registers."""
    out, fma = np.zeros(threads + 1, np.float32), limit_kernel("limit_fma")
    fma(out.ctypes.data, 1, threads)
    each = float(out[threads]) * threads
    return best_rate(each, lambda rounds: fma(out.ctypes.data, rounds, threads))


@lru_cache
def bandwidths(nbytes: int, threads: int) -> dict[str, float]:
    """Bytes a second that are read, copied (both counted), and updated in place (both counted), in
    arrays that take `nbytes` together.
    """
    n = max(nbytes // 4, 64 * threads)
    x, half, out = np.ones(n, np.float32), n // 2, np.zeros(threads, np.float32)
    at, partial_sums = x.ctypes.data, out.ctypes.data
    reading, copying, updating = map(limit_kernel, ("limit_read", "limit_copy", "limit_update"))
    return {
        "read": best_rate(4 * n, lambda rounds: reading(partial_sums, at, n, rounds, threads)),
        "copy": best_rate(
            8 * half, lambda rounds: copying(at, at + 4 * half, half, rounds, threads)
        ),
        "update": best_rate(8 * n, lambda rounds: updating(at, 1.0, n, rounds, threads)),
    }


def memory_seconds(moved: Moved, speed: dict[str, float]) -> float:
    """The least time to move the bytes. What is read takes as long as in a sum; what is written,
    what a copy takes beyond its reading.
    """
    if moved.in_place:
        return (moved.read + moved.written) / speed["update"]
    writing = max(2 / speed["copy"] - 1 / speed["read"], 0.0)
    return moved.read / speed["read"] + moved.written * writing


# ---- the device ----------------------------------------------------------------------------------


class OnCpu(Timed):
    """This machine's cores."""

    headline = "hot_ms"

    def __init__(self, device: Any, quick: bool = False):
        reason = why_not()
        if reason:
            raise DeviceError(
                f"bench: --device cpu must have a C++ compiler, got none ({reason.split('. ')[0]})."
                " Install g++ (apt install g++), set CXX, or unset TINYGRAD_EDU_NATIVE."
            )
        super().__init__(device, quick)
        self.threads = native_threads()

    @property
    def ladders(self) -> dict[str, list[Rung]]:
        return native_ladders()

    def notes(self, rung: Rung) -> dict[str, Any]:
        return {}

    def shapes(self, work: Work) -> Sizes:
        return work.quick if self.quick else work.cpu

    def clock(self) -> Clock:
        return CpuClock(self.device, self.quick)

    def captured(self, call: Callable[[], Any]) -> Callable[[int], Callable[[], None]]:
        def capture(n: int) -> Callable[[], None]:
            def replay() -> None:
                for _ in range(n):
                    call()

            return replay

        return capture

    def peers(self, op: str, work: Work, args: tuple) -> Iterator[Peer]:
        """The op's forward over NumPy (a product there is OpenBLAS's), and PyTorch if it is there.
        The same memory.
        """
        product = op in ("matmul", "linear")
        name = f"{blas()} (NumPy)" if product else "NumPy"
        yield Peer(name, self.pinned(op, "0", work, args))
        try:
            import torch
        except ImportError:
            return
        counterpart = work.torch
        if counterpart is None:
            return
        torch.set_num_threads(self.threads)
        theirs = tuple(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in args)

        def call() -> Any:
            with torch.no_grad():
                return counterpart(torch, *theirs, **work.attrs)

        yield Peer("PyTorch", call)

    def limit(self, moved: Moved, flops: float) -> dict[str, Any]:
        """All bytes once in arrays of this size, or all FLOPs as multiply-adds in registers."""
        nbytes = moved.read + (0 if moved.in_place else moved.written)
        speed, top = bandwidths(nbytes, self.threads), peak(self.threads)
        memory, arithmetic = memory_seconds(moved, speed), flops / top
        level = next((f"L{i + 1}" for i, size in enumerate(caches()) if nbytes <= size), "memory")
        limits = {f"{name}_gb_s": rate / 1e9 for name, rate in speed.items()}
        limits["fp32_tflop_s"] = top / 1e12
        return {
            "limit_ms": float(f"{1e3 * max(memory, arithmetic):.5g}"),
            "limited_by": level if memory >= arithmetic else "arithmetic",
            "limits": {name: float(f"{rate:.4g}") for name, rate in limits.items()}
            | {"bytes": nbytes, "level": level},
        }

    def about(self) -> dict[str, Any]:
        return {
            "cpu": model(),
            "threads": self.threads,
            "march": instructions(),
            "compiler": " ".join(compiler()),
            "numpy": np.__version__,
        }


@lru_cache
def blas() -> str:
    """The name of the library of NumPy's products."""
    found: Any = np.show_config(mode="dicts")
    name = found["Build Dependencies"]["blas"]["name"]
    return "OpenBLAS" if "openblas" in name else name


@lru_cache
def model() -> str:
    """What the CPU is called."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    names = [line.split(":")[1] for line in text.splitlines() if line.startswith("model name")]
    return " ".join((names or [platform.processor() or platform.machine()])[0].split())


@contextmanager
def using_threads(threads: int) -> Iterator[None]:
    """Kernels and products use that many threads inside the block."""
    before = known_num_threads()
    set_num_threads(threads)
    try:
        yield
    finally:
        if before is not None:
            set_num_threads(before)
