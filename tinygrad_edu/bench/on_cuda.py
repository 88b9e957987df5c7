"""Times of CUDA kernels on a GPU, beside what the same GPU reaches in the same run.

Events mark the stream before and after a call; what lies between them is the call, if the stream
never runs dry. So short calls are captured many times into one graph, whose replay is timed.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from .side import Moved, Peer, Timed
from .timing import Clock
from .works import Work


class CudaClock(Clock):
    """Reads the clock of a GPU."""

    def __init__(self, device: Any, quick: bool = False):
        super().__init__(device, 0 if quick else device.info()["l2"], quick)

    def samples(
        self, call: Callable[[], Any], n: int, before: Callable[[], None] | None = None
    ) -> list[float]:
        """Milliseconds of n calls. All are queued before the first is looked at."""
        pairs = []
        for _ in range(n):
            if before is not None:
                before()
            start, stop = self.device.event(), self.device.event()
            start.record()
            call()
            stop.record()
            pairs.append((start, stop))
        self.device.synchronize()
        return [self.device.elapsed(start, stop) for start, stop in pairs]


def ceilings(device: Any, quick: bool = False) -> dict[str, float]:
    """What this GPU reaches now: a copy in GB/s, cuBLAS products in TFLOP/s, all on random data."""
    xp, clock = device.xp, CudaClock(device, quick)
    n, side = (1 << 16, 64) if quick else (1 << 28, 8192)
    rng = np.random.default_rng(0)
    found = {}
    block = rng.random(
        min(n, 1 << 22), dtype=np.float32
    )  # the GPU repeats it: quicker than drawing
    source, target = xp.tile(device.asarray(block), n // block.size), device.empty((n,), "float32")
    copy = partial(xp.copyto, target, source)
    clock.samples(copy, 10)
    found["copy_gb_s"] = 8 * n / float(np.median(clock.samples(copy, clock.least))) / 1e6
    del source, target, copy
    for name, dtype in (("fp32", "float32"), ("fp16", "float16")):
        edge = min(side, 1024)
        tiles = [rng.standard_normal((edge, edge), dtype=np.float32) for _ in range(2)]
        a, b = (
            xp.tile(device.asarray(tile), (side // edge, side // edge)).astype(dtype)
            for tile in tiles
        )
        clock.samples(partial(device.matmul, a, b), 3)
        times = clock.samples(partial(device.matmul, a, b), 5 if quick else 20)
        found[f"{name}_tflop_s"] = 2 * side**3 / float(np.median(times)) / 1e9
    return {name: float(f"{value:.5g}") for name, value in found.items()}


class OnCuda(Timed):
    """A GPU."""

    def __init__(self, device: Any, quick: bool = False, limits: dict[str, float] | None = None):
        super().__init__(device, quick)
        self.limits = limits or {}

    def clock(self) -> Clock:
        return CudaClock(self.device, self.quick)

    def captured(self, call: Callable[[], Any]) -> Callable[[int], Callable[[], None]]:
        """How a call of this package is captured."""

        def capture(n: int) -> Callable[[], None]:
            with self.device.capture() as graph:
                for _ in range(n):
                    call()
            return graph.replay

        return capture

    def peers(self, op: str, work: Work, args: tuple) -> Iterator[Peer]:
        """The generic forward over CuPy (for matmul that is cuBLAS), and PyTorch if it is there.
        The same memory.
        """
        name = "cuBLAS (CuPy)" if op == "matmul" else "generic (CuPy)"
        yield Peer(name, self.pinned(op, "0", work, args))
        try:
            import torch
        except ImportError:
            return
        counterpart = work.torch
        if counterpart is None or not torch.cuda.is_available():
            return
        kind = self.device.array_type
        theirs = tuple(torch.from_dlpack(a) if type(a) is kind else a for a in args)

        def call() -> Any:
            with torch.no_grad():
                return counterpart(torch, *theirs, **work.attrs)

        def capture(n: int) -> Callable[[], None]:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                for _ in range(n):
                    call()
            return graph.replay

        yield Peer("PyTorch", call, capture)

    def limit(self, moved: Moved, flops: float) -> dict[str, Any]:
        """All bytes once at the speed of a copy, or all FLOPs at cuBLAS's speed."""
        if not self.limits:
            return {}
        memory = (moved.read + moved.written) / self.limits["copy_gb_s"] / 1e6
        arithmetic = flops / self.limits["fp32_tflop_s"] / 1e9
        return {
            "limit_ms": float(f"{max(memory, arithmetic):.5g}"),
            "limited_by": "memory" if memory >= arithmetic else "arithmetic",
            "limits": self.limits,
        }

    def about(self) -> dict[str, Any]:
        info = self.device.info()
        return {
            "gpu": info["name"],
            "driver": info["driver"],
            "cupy": info["cupy"],
            "clocks_mhz": clocks(),
            "tf32": False,
        }


def clocks() -> list[int] | None:
    """Of the multiprocessors and of the memory, now."""
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=clocks.sm,clocks.mem", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
        return [int(n) for n in said.splitlines()[0].split(",")]
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
