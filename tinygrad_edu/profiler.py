"""Where the time goes: each op's time, by op and by line of the program.

`Times` measures a block. `profile` does so with the names of `torch.profiler`.

Measuring puts a stopwatch round every function of a device's table, on the way forward and on the
way back. Time on a GPU is what the host waits for.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any

from .engine.device import Device, devices
from .left_out import explain_missing as _explain_missing

PACKAGE = os.path.dirname(os.path.abspath(__file__))


class Timed:
    """A device's table with a stopwatch round each function."""

    def __init__(self, table: Any, times: Times):
        self._table, self._times = table, times

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._table, name)
        if not callable(found):
            return found
        timed = self._times.around(name, found)
        setattr(self, name, timed)
        return timed


class Times:
    """Inside a `with` block: the calls and seconds of each op and line.

    Args: folder: lines of files in it are told apart; by default those of any file that is not part
        of this package.
    """

    def __init__(self, folder: str | None = None):
        self.folder = folder
        self.found: dict[tuple[str, str], list[float]] = {}  # (op, line): [calls, seconds]
        self.blocks: dict[str, list[float]] = {}  # of record_function: [calls, seconds with ops]
        self.events: list[tuple[str, float, float]] | None = None  # (op, start, seconds)
        self.inner: list[float] = []  # seconds that calls inside the present ones have taken
        self.total = 0.0

    def __enter__(self) -> Times:
        self.tables: list[tuple[Device, Any]] = [(d, d.F) for d in {*devices.values()}]
        for device, table in self.tables:
            device.F = Timed(table, self)  # type: ignore[assignment]
        self.began = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.total += time.perf_counter() - self.began
        for device, table in self.tables:
            device.F = table

    def around(self, name: str, function: Callable) -> Callable:
        """The function, measured."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            self.inner.append(0.0)
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                spent = time.perf_counter() - start
                own = spent - self.inner.pop()
                if self.inner:
                    self.inner[-1] += spent
                self.note(name, start, own)

        return timed

    def note(self, name: str, start: float, seconds: float) -> None:
        """Count one call."""
        entry = self.found.setdefault((name, self.line()), [0, 0.0])
        entry[0] += 1
        entry[1] += seconds
        if self.events is not None:
            self.events.append((name, start, seconds))

    def line(self) -> str:
        """The line of the program that the present call comes from: file:line."""
        frame = sys._getframe(3)
        while frame is not None:
            name = frame.f_code.co_filename
            file = os.path.abspath(name)  # `python script.py` gives a relative name
            theirs = not (name.startswith("<") or file.startswith(PACKAGE))
            if theirs and file.startswith(self.folder or ""):
                return f"{os.path.relpath(file, self.folder or os.getcwd())}:{frame.f_lineno}"
            frame = frame.f_back  # type: ignore[assignment]
        return "elsewhere"

    def sums(self, which: int) -> list[tuple[str, int, float]]:
        """(name, calls, seconds) of each op (which = 0) or line (1), the longest first."""
        total: dict[str, list[float]] = {}
        for key, (calls, seconds) in self.found.items():
            entry = total.setdefault(key[which], [0, 0.0])
            entry[0] += calls
            entry[1] += seconds
        rows = [(name, int(calls), seconds) for name, (calls, seconds) in total.items()]
        return sorted(rows, key=lambda row: -row[2])

    def report(self, limit: int = 15) -> str:
        """Two tables: by op, and by line."""
        within = sum(seconds for _, seconds in self.found.values())
        outside = max(self.total - within, 0.0)
        parts = [
            f"{self.total:.2f} s in all: {within:.2f} s in ops, {outside:.2f} s outside (Python,"
            " the graph, data)"
        ]
        for title, which in (("op", 0), ("line", 1)):
            parts += ["", table(title, self.sums(which)[:limit], self.total)]
        return "\n".join(parts)


def table(title: str, rows: Iterable[tuple[str, int, float]], total: float) -> str:
    """Names, seconds, shares and calls in columns."""
    lines = [f"{title:<36} {'seconds':>9} {'share':>6} {'calls':>8} {'us/call':>9}"]
    for name, calls, seconds in rows:
        share = 100 * seconds / total if total else 0.0
        lines.append(
            f"{name:<36} {seconds:>9.3f} {share:>5.1f}% {calls:>8} {1e6 * seconds / calls:>9.1f}"
        )
    return "\n".join(lines)


# ---- the names of torch.profiler -----------------------------------------------------------------


class ProfilerActivity:
    """What is measured; the ops of every device always are."""

    CPU, CUDA, XPU = "cpu", "cuda", "xpu"


class ProfilerAction:
    """What a schedule wants for a step."""

    NONE, WARMUP, RECORD, RECORD_AND_SAVE = range(4)


def schedule(
    *, wait: int, warmup: int, active: int, repeat: int = 0, skip_first: int = 0, **more: Any
) -> Callable[[int], int]:
    """After `skip_first` steps, in turn: `wait` steps nothing, `warmup` steps measured and thrown
    away, `active` steps measured; `repeat` times (0: without end).
    """

    def action(step: int) -> int:
        step -= skip_first
        cycle = wait + warmup + active
        if step < 0 or (repeat and step >= repeat * cycle):
            return ProfilerAction.NONE
        at = step % cycle
        if at < wait:
            return ProfilerAction.NONE
        if at < wait + warmup:
            return ProfilerAction.WARMUP
        last = at == cycle - 1
        return ProfilerAction.RECORD_AND_SAVE if last else ProfilerAction.RECORD

    return action


class Average:
    """The calls of one op. Times are in microseconds, as in PyTorch."""

    def __init__(self, key: str, count: int, seconds: float):
        self.key, self.count = key, count
        self.cpu_time_total = self.self_cpu_time_total = 1e6 * seconds
        self.cpu_time = self.cpu_time_total / count
        self.cuda_time_total = self.device_time_total = self.self_device_time_total = 0.0

    def __repr__(self) -> str:
        return f"<{self.key}: {self.count} calls, {self.cpu_time_total:.0f} us>"


class Averages(list):
    """One Average an op."""

    def table(self, sort_by: str | None = None, row_limit: int = 100, **kwargs: Any) -> str:
        """The ops in a table, the longest first."""
        total = self.total_average().cpu_time_total / 1e6
        rows = sorted(self, key=lambda a: -a.cpu_time_total)[: row_limit if row_limit > 0 else None]
        return table("Name", ((a.key, a.count, a.cpu_time_total / 1e6) for a in rows), total)

    def total_average(self) -> Average:
        """All ops in one."""
        seconds = sum(a.cpu_time_total for a in self) / 1e6
        return Average("Total", max(sum(a.count for a in self), 1), seconds)


class profile:  # noqa: N801  # PyTorch's name
    """Measure the ops of a `with` block, or of the steps that a schedule picks.

    Args:
        schedule: from the number of a step to what to do with it; `step()` ends a step.
        on_trace_ready: called with this object after each round of active steps.
        activities, record_shapes, profile_memory, with_stack, with_flops, with_modules, use_cuda:
            accepted; calls, times and lines are measured in any case, memory and FLOPs are not.
    """

    def __init__(
        self,
        activities: Any = None,
        schedule: Callable[[int], int] | None = None,
        on_trace_ready: Callable | None = None,
        **kwargs: Any,
    ):
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.step_num, self.times, self.running = 0, Times(), False
        self.action = ProfilerAction.RECORD

    def __enter__(self) -> profile:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin to measure."""
        if self.schedule is not None:
            self.action = self.schedule(0)
        self._run(self.action != ProfilerAction.NONE)

    def stop(self) -> None:
        """Stop measuring."""
        unfinished = self.action in (ProfilerAction.RECORD, ProfilerAction.RECORD_AND_SAVE)
        self._run(False)
        if self.on_trace_ready is not None and unfinished and self.times.found:
            self.on_trace_ready(self)

    def _run(self, on: bool) -> None:
        if on and not self.running:
            self.times = Times()
            self.times.events = []
            self.times.__enter__()
        elif self.running and not on:
            self.times.__exit__()
        self.running = on

    def step(self) -> None:
        """End a step of the schedule."""
        self.step_num += 1
        if self.schedule is None:
            return
        before, self.action = self.action, self.schedule(self.step_num)
        if before == ProfilerAction.RECORD_AND_SAVE:
            self._run(False)
            if self.on_trace_ready is not None:
                self.on_trace_ready(self)
        elif before == ProfilerAction.WARMUP and self.action >= ProfilerAction.RECORD:
            self._run(False)
        self._run(self.action != ProfilerAction.NONE)

    def key_averages(self, *args: Any, **kwargs: Any) -> Averages:
        """One Average an op, and one a block of `record_function`."""
        blocks = [(name, int(n), seconds) for name, (n, seconds) in self.times.blocks.items()]
        return Averages(Average(*row) for row in self.times.sums(0) + blocks)

    def events(self) -> list[tuple[str, float, float]]:
        """(op, start, seconds) of every call."""
        return self.times.events or []

    def __str__(self) -> str:
        return self.key_averages().table()

    def table(self, **kwargs: Any) -> str:
        """The ops in a table."""
        return self.key_averages().table(**kwargs)

    @property
    def self_cpu_time_total(self) -> float:
        """Microseconds in all ops."""
        return self.key_averages().total_average().self_cpu_time_total

    def export_chrome_trace(self, path: str) -> None:
        """Write the calls to a file for chrome://tracing or Perfetto."""
        rows = [
            {"name": op, "ph": "X", "ts": 1e6 * start, "dur": 1e6 * seconds, "pid": 0, "tid": 0}
            for op, start, seconds in self.events()
        ]
        with open(path, "w", encoding="utf-8") as file:
            json.dump({"traceEvents": rows}, file)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes a trace to a new file of the folder."""

    def write(measured: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker_name or 'worker'}.{time.time_ns()}.pt.trace.json"
        measured.export_chrome_trace(os.path.join(dir_name, name))

    return write


class record_function:  # noqa: N801  # PyTorch's name
    """A `with` block or decorator with a name of its own in the profile."""

    def __init__(self, name: str, args: Any = None):
        self.name = name

    def __enter__(self) -> record_function:
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        table = next(iter(devices.values())).F
        if isinstance(table, Timed):
            entry = table._times.blocks.setdefault(self.name, [0, 0.0])
            entry[0] += 1
            entry[1] += time.perf_counter() - self.start

    def __call__(self, function: Callable) -> Callable:
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


_explain_missing(__name__)
