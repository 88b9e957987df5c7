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
BATCHES = 8


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


def now_of(threads: int) -> Callable[[], float]:
    """The clock for that many threads. One thread has a clock of its own, which other programs on
    the machine do not move; where that one ticks too slowly, and for several threads, it is the
    clock on the wall.
    """
    fine = time.get_clock_info("thread_time").resolution < 1e-6
    return time.thread_time if threads == 1 and fine else time.perf_counter


class CpuClock(Clock):
    """Reads the system's clock. Overwriting the caches takes long: one cold sample for five hot."""

    each = 1

    def __init__(self, device: Any, threads: int = 1, quick: bool = False):
        super().__init__(device, min(caches()[-1], 256 << 20), quick)
        self.now = now_of(threads)

    def scrub(self) -> None:
        self.scrap += 1  # reads too, so that no store goes around the caches

    def samples(
        self, call: Callable[[], Any], n: int, before: Callable[[], None] | None = None
    ) -> list[float]:
        found = []
        for _ in range(n):
            if before is not None:
                before()
            begun = self.now()
            call()
            found.append(1e3 * (self.now() - begun))
        return found


# ---- limits --------------------------------------------------------------------------------------


def limit_kernel(name: str) -> Callable:
    return entry(read(kernels_folder() / "limits.cpp"), name)


def best_rate(amount: float, run: Callable[[int], None], now: Callable, batches: int) -> float:
    """The most of `amount` a second that rounds reach; `run(rounds)` runs them."""

    def taken(rounds: int) -> float:
        begun = now()
        run(rounds)
        return now() - begun

    rounds = 1
    while (seconds := taken(rounds)) < BATCH:
        rounds *= 2 if seconds < BATCH / 16 else int(BATCH / seconds) + 1
    return amount * rounds / min(seconds, *(taken(rounds) for _ in range(batches)))


class Limits:
    """The most that was seen, of arithmetic and of memory for each size of arrays."""

    def __init__(self, threads: int, batches: int):
        self.threads, self.batches, self.now = threads, batches, now_of(threads)
        self.best: dict[tuple[str, int], float] = {}

    def look(self, nbytes: int) -> None:
        """Measure once more; what is slower than before does not count."""
        for name, rate in [*self.arithmetic(), *self.memory(nbytes)]:
            key = (name, 0 if name == "fp32" else nbytes)
            self.best[key] = max(self.best.get(key, 0.0), rate)

    def rate(self, name: str, nbytes: int = 0) -> float:
        return self.best[name, nbytes]

    def measured(self, amount: float, run: Callable[[int], None]) -> float:
        return best_rate(amount, run, self.now, self.batches)

    def arithmetic(self) -> Iterator[tuple[str, float]]:
        """FLOPs a second of multiply-adds in registers."""
        threads, fma = self.threads, limit_kernel("limit_fma")
        out = np.zeros(threads + 1, np.float32)
        at = out.ctypes.data
        fma(at, 1, threads)
        each = float(out[threads]) * threads
        yield "fp32", self.measured(each, lambda rounds: fma(at, rounds, threads))

    def memory(self, nbytes: int) -> Iterator[tuple[str, float]]:
        """Bytes a second that are read, copied (both counted), and updated in place (both counted),
        in arrays that take `nbytes` together.
        """
        threads = self.threads
        n = max(nbytes // 4, 64 * threads)
        x, half, out = np.ones(n, np.float32), n // 2, np.zeros(threads, np.float32)
        at, sums = x.ctypes.data, out.ctypes.data
        read, copy, update = map(limit_kernel, ("limit_read", "limit_copy", "limit_update"))
        runs: dict[str, tuple[int, Callable[[int], None]]] = {
            "read": (4 * n, lambda rounds: read(sums, at, n, rounds, threads)),
            "copy": (8 * half, lambda rounds: copy(at, at + 4 * half, half, rounds, threads)),
            "update": (8 * n, lambda rounds: update(at, 1.0, n, rounds, threads)),
        }
        for name, (amount, run) in runs.items():
            yield name, self.measured(amount, run)


def memory_seconds(moved: Moved, speed: dict[str, float]) -> float:
    """The least time to move the bytes. What is read takes as long as in a sum; what is written,
    what a copy takes beyond its reading.
    """
    if moved.in_place:
        return (moved.read + moved.written) / speed["update"]
    writing = max(2 / speed["copy"] - 1 / speed["read"], 0.0)
    return moved.read / speed["read"] + moved.written * writing


def size_of(moved: Moved) -> int:
    """Bytes of the arrays."""
    return moved.read + (0 if moved.in_place else moved.written)


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
        self.limits = Limits(self.threads, 1 if quick else BATCHES)

    @property
    def ladders(self) -> dict[str, list[Rung]]:
        return native_ladders()

    def notes(self, rung: Rung) -> dict[str, Any]:
        return {}

    def shapes(self, work: Work) -> Sizes:
        return work.quick if self.quick else work.cpu

    def clock(self) -> Clock:
        return CpuClock(self.device, self.threads, self.quick)

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

    def look(self, moved: Moved) -> None:
        self.limits.look(size_of(moved))

    def limit(self, moved: Moved, flops: float) -> dict[str, Any]:
        """All bytes once in arrays of this size, or all FLOPs as multiply-adds in registers."""
        nbytes, top = size_of(moved), self.limits.rate("fp32")
        speed = {name: self.limits.rate(name, nbytes) for name in ("read", "copy", "update")}
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
    try:
        set_num_threads(threads)
    except ModuleNotFoundError as error:  # without it OpenBLAS would run on all cores
        raise DeviceError(str(error)) from error
    try:
        yield
    finally:
        if before is not None:
            set_num_threads(before)
