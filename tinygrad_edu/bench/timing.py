"""How times are taken: contenders take turns, after a warm-up, hot and cold.

Each figure is a median with the 20 % and 80 % quantiles. "hot": the same call again and again;
"cold": the caches were overwritten just before the call. Calls of less than 0.2 ms are timed many
at once. What a GPU and a CPU do differently stands in on_cuda.py and on_cpu.py.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

SHORT = 0.2  # ms: a shorter call is timed as one of many
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


class Clock:
    """Times calls on one device, whose clock a subclass reads.

    `each`: cold samples for five hot ones.
    """

    each = 5

    def __init__(self, device: Any, cache: int, quick: bool = False):
        """Args: cache: bytes of the largest cache"""
        self.device, self.least, self.warm_up = device, 5 if quick else LEAST, 0.0 if quick else 0.1
        cache = 1 << 20 if quick else cache
        self.scrap = device.xp.zeros(max(4 * cache // 4, 1), "float32")  # four times the cache

    def scrub(self) -> None:
        """Overwrite the caches."""
        self.scrap.fill(0)

    def samples(
        self, call: Callable[[], Any], n: int, before: Callable[[], None] | None = None
    ) -> list[float]:
        """Milliseconds of n calls."""
        raise NotImplementedError

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

    def race(self, contenders: list[Contender], seconds: float, failures: tuple = ()) -> None:
        """Fill `hot` and `cold` of each, in turns, so that a drift of the machine's clock meets all
        of them. What raises one of `failures` leaves the race.
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
                contender.cold += self.samples(contender.call, self.each, self.scrub)
            rounds += 1
            # far too slow: fewer samples, and the count is reported
            if time.perf_counter() - begun > 3 * seconds + 1 and rounds * 5 >= 10:
                break
