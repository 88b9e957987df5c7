"""How long a statement takes, with the names of `torch.utils.benchmark`."""

from __future__ import annotations

import timeit
from collections.abc import Sequence
from statistics import mean, median, quantiles
from typing import Any


class Measurement:
    """Times of one statement: `times` holds seconds a run."""

    def __init__(self, number_per_run: int, raw_times: Sequence[float], timer: Timer):
        self.number_per_run, self.raw_times, self.timer = number_per_run, list(raw_times), timer
        self.title = timer.label or timer.stmt

    times = property(lambda self: [t / self.number_per_run for t in self.raw_times])
    mean = property(lambda self: mean(self.times))
    median = property(lambda self: median(self.times))

    @property
    def iqr(self) -> float:
        """Distance between the first and the third quartile, in seconds."""
        if len(self.times) < 2:
            return 0.0
        low, _, high = quantiles(self.times, n=4)
        return high - low

    def __repr__(self) -> str:
        many = len(self.raw_times)
        runs = f"{many} measurement{'s' if many > 1 else ''}, {self.number_per_run} runs each"
        return f"{self.title}\n  {in_words(self.median)}\n  {runs}"


def in_words(seconds: float) -> str:
    """0.0012 is 1.20 ms."""
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:.2f} {unit}"
    return f"{seconds / 1e-9:.2f} ns"


class Timer:
    """Measures a statement, a text of Python.

    Args:
        stmt: what is measured.
        setup: what runs once before.
        globals: names that both may use.
        label, sub_label, description, env: shown with the result.
        num_threads: threads of NumPy's products while it is measured.
    """

    def __init__(
        self,
        stmt: str = "pass",
        setup: str = "pass",
        global_setup: str = "",
        timer: Any = timeit.default_timer,
        globals: dict | None = None,
        label: str | None = None,
        sub_label: str | None = None,
        description: str | None = None,
        env: str | None = None,
        num_threads: int = 1,
    ):
        self.stmt, self.label, self.sub_label, self.description = (
            stmt,
            label,
            sub_label,
            description,
        )
        self.num_threads = num_threads
        self._timer = timeit.Timer(stmt, setup, timer, dict(globals or {}))

    def _run(self, number: int) -> float:
        from ..devices.cpu.threads import get_num_threads, set_num_threads

        before = get_num_threads()
        set_num_threads(self.num_threads)
        try:
            return self._timer.timeit(number)
        finally:
            set_num_threads(before)

    def timeit(self, number: int = 1_000_000) -> Measurement:
        """One measurement of `number` runs."""
        self._run(max(number // 100, 2))  # the first runs are slower
        return Measurement(number, [self._run(number)], self)

    def blocked_autorange(self, callback: Any = None, min_run_time: float = 0.2) -> Measurement:
        """Measurements of as many runs as take 1 ms or more, for `min_run_time` seconds."""
        number, spent = 1, self._run(1)
        while spent < 1e-3:
            number *= 10
            spent = self._run(number)
        times = [spent]
        while sum(times) < min_run_time:
            times.append(self._run(number))
        return Measurement(number, times, self)

    def adaptive_autorange(
        self, threshold: float = 0.1, *, min_run_time: float = 0.01, max_run_time: float = 10.0
    ) -> Measurement:
        """Measurements until the quartiles are within `threshold` of the median."""
        found = self.blocked_autorange(min_run_time=min_run_time)
        while sum(found.raw_times) < max_run_time and found.iqr > threshold * found.median:
            found.raw_times.append(self._run(found.number_per_run))
        return found


class Compare:
    """A table of measurements: rows are sub_labels, columns descriptions."""

    def __init__(self, results: Sequence[Measurement]):
        self.results = list(results)

    def __str__(self) -> str:
        rows: dict[str, dict[str, str]] = {}
        for m in self.results:
            row = rows.setdefault(m.timer.sub_label or m.timer.stmt, {})
            row[m.timer.description or "time"] = in_words(m.median)
        heads = list(dict.fromkeys(name for row in rows.values() for name in row))
        wide = max(map(len, rows), default=0)
        lines = [" " * wide + "".join(f" | {h:>12}" for h in heads)]
        for label, row in rows.items():
            lines.append(label.ljust(wide) + "".join(f" | {row.get(h, ''):>12}" for h in heads))
        return "\n".join(lines)

    def print(self) -> None:
        """Print the table."""
        print(self)

    def trim_significant_figures(self) -> None:
        """Accepted: three figures are shown in any case."""

    def colorize(self, rowwise: bool = False) -> None:
        """Accepted: the table has no colours."""
