"""The clock of a GPU.

Events mark the stream before and after a call; what lies between them is the call, if the stream
never runs dry. So calls of less than 0.2 ms are captured many times into one graph, whose replay is
timed. Each figure is a median with the 20 % and 80 % quantiles over at least 50 samples, after a
warm-up of at least 10 calls and 100 ms. "cold": the second-level cache was overwritten just before
each call; "hot": the same call again and again.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

SHORT = 0.2  # ms: a shorter call is timed as a graph of many
SLOW = 50.0  # ms: a longer call is timed FEW times, without a warm-up
LEAST, FEW = 50, 3  # samples


def quantiles(samples: list[float]) -> list[float]:
    """The 20 %, 50 % and 80 % quantiles."""
    return [float(f"{q:.6g}") for q in np.percentile(np.asarray(samples, float), [20, 50, 80])]


class Contender:
    """What is timed: a call that starts one run. `capture(n)` gives a function that replays n of
    them.
    """

    def __init__(
        self, name: str, call: Callable[[], Any], capture: Callable[[int], Callable[[], None]]
    ):
        self.name, self.call, self.capture = name, call, capture
        self.repeats, self.replay = 1, call
        self.hot: list[float] = []
        self.cold: list[float] = []
        self.failed = ""  # why it could not be timed


def captured(device: Any, call: Callable[[], Any]) -> Callable[[int], Callable[[], None]]:
    """How a call of this package is captured."""

    def capture(n: int) -> Callable[[], None]:
        with device.capture() as graph:
            for _ in range(n):
                call()
        return graph.replay

    return capture


class Clock:
    """Times calls on one GPU."""

    def __init__(self, device: Any, quick: bool = False):
        self.device, self.least, self.warm_up = device, 5 if quick else LEAST, 0.0 if quick else 0.1
        cache = 1 << 20 if quick else device.info()["l2"]
        self.scrap = device.xp.zeros(max(4 * cache // 4, 1), "float32")  # four times the cache

    def scrub(self) -> None:
        self.scrap.fill(0)

    def prepare(self, contender: Contender) -> None:
        """Warm up, and capture what is too short to be timed alone."""
        if self.samples(contender.call, 1)[0] > SLOW:
            contender.hot = self.samples(contender.call, FEW)
            contender.cold = self.samples(contender.call, FEW, self.scrub)
            return
        begun, calls = time.perf_counter(), 0
        while calls < 10 or time.perf_counter() - begun < self.warm_up:
            contender.call()
            calls += 1
            if calls % 10 == 0:
                self.device.synchronize()
        self.device.synchronize()
        estimate = float(np.median(self.samples(contender.call, 5)))
        if estimate < SHORT:
            contender.repeats = int(
                np.clip(np.ceil(round(2 * SHORT / max(estimate, 1e-4), 6)), 20, 100)
            )
            try:
                contender.replay = contender.capture(contender.repeats)
            except Exception:  # noqa: BLE001  # a library call cannot be captured: timed one by one
                contender.repeats, contender.replay = 1, contender.call
            contender.replay()
            self.device.synchronize()

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

    def race(self, contenders: list[Contender], seconds: float, failures: tuple = ()) -> None:
        """Fill `hot` and `cold` of each, in turns, so that a drift of the GPU's clock meets all of
        them. What raises one of `failures` leaves the race.
        """
        for contender in contenders:
            try:
                self.prepare(contender)
            except failures as error:
                contender.failed = " ".join(str(error).split())[:200]
        contenders = [c for c in contenders if not c.failed and not c.cold]
        if not contenders:
            return
        begun, rounds = time.perf_counter(), 0
        while rounds * 5 < self.least or (time.perf_counter() - begun < seconds and rounds < 100):
            for contender in contenders:
                contender.hot += [
                    ms / contender.repeats for ms in self.samples(contender.replay, 5)
                ]
                contender.cold += self.samples(contender.call, 5, self.scrub)
            rounds += 1
            # far too slow: fewer samples, and the count is reported
            if time.perf_counter() - begun > 3 * seconds + 1 and rounds * 5 >= 10:
                break


def ceilings(device: Any, quick: bool = False) -> dict[str, float]:
    """What this GPU reaches now: a copy in GB/s, cuBLAS products in TFLOP/s, all on random data."""
    xp, clock = device.xp, Clock(device, quick)
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
