"""Where the time and the memory go: by op, by module and by line, forward and backward.

`profile` has the names of `torch.profiler`; `Times` is what it measures with. Time on a GPU is what
the host waits for.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from typing import Any

from ..engine.device import devices
from ..left_out import explain_missing as _explain_missing
from .averages import Average, Averages, averages
from .chrome import trace
from .times import Event, Timed, Times


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


class profile:  # noqa: N801  # PyTorch's name
    """Measure the ops of a `with` block, or of the steps that a schedule picks.

    Args:
        schedule: from the number of a step to what to do with it; `step()` ends a step.
        on_trace_ready: called with this object after each round of active steps.
        record_shapes: put the shapes of inputs into the Chrome trace.
        profile_memory: follow which results still exist: `peak_memory`, and a curve in the trace.
        activities, with_stack, with_flops, with_modules, use_cuda: accepted; calls, times, lines
            and modules are found in any case, FLOPs are not.

    Note: looking up who called costs some 30 microseconds a call. They are in no op's time, but in
        that of the block or program.
    """

    def __init__(
        self,
        activities: Any = None,
        schedule: Callable[[int], int] | None = None,
        on_trace_ready: Callable | None = None,
        record_shapes: bool = False,
        profile_memory: bool = False,
        **kwargs: Any,
    ):
        self.schedule, self.on_trace_ready = schedule, on_trace_ready
        self.shapes, self.memory = record_shapes, profile_memory
        self.step_num, self.times, self.running = 0, self._times(), False
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

    def _times(self) -> Times:
        times = Times(memory=self.memory, shapes=self.shapes)
        times.events = []
        return times

    def _run(self, on: bool) -> None:
        if on and not self.running:
            self.times = self._times()
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

    def key_averages(
        self,
        group_by_input_shape: bool = False,
        group_by_stack_n: int = 0,
        *,
        group_by: str = "function",
        **kwargs: Any,
    ) -> Averages:
        """One Average a row, and one for each block of `record_function`.

        Args: group_by: "function" of the device's table, "op" (what its formula runs on the way
            back counts for it), "module" (with what runs inside it), or "line" of the program.
        """
        found = averages(self.times, group_by)
        if group_by == "function":
            for name, block in self.times.blocks.items():
                row = Average(name)
                row.count = block.calls
                row.add(block, backward=False, nested=True)
                found.append(row)
        return found

    def events(self) -> list[Event]:
        """Every call, in order."""
        return self.times.events or []

    @property
    def peak_memory(self) -> int:
        """The most bytes that results of ops took at one time, with profile_memory=True."""
        return self.times.peak

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
        """Write the calls to a file for chrome://tracing or https://ui.perfetto.dev."""
        write_trace(self.times, path)


def write_trace(times: Times, path: str) -> None:
    """Write what was measured as a Chrome trace."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump(trace(times), file)


def tensorboard_trace_handler(
    dir_name: str, worker_name: str | None = None, use_gzip: bool = False
) -> Callable[[profile], None]:
    """For `on_trace_ready`: writes a trace to a new file of the folder."""

    def write(measured: profile) -> None:
        os.makedirs(dir_name, exist_ok=True)
        name = f"{worker_name or 'worker'}.{time.time_ns()}.pt.trace.json"
        measured.export_chrome_trace(os.path.join(dir_name, name))

    return write


def measuring() -> Times | None:
    """The measurement that runs now."""
    table = next(iter(devices.values())).F
    return table._times if isinstance(table, Timed) else None


class record_function:  # noqa: N801  # PyTorch's name
    """A `with` block or decorator with a name of its own in the profile."""

    def __init__(self, name: str, args: Any = None):
        self.name = name

    def __enter__(self) -> record_function:
        self.times = measuring()
        self.before = self.times.inner.ops if self.times else 0.0
        self.start = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        spent = time.perf_counter() - self.start
        if self.times is not None and self.times is measuring():
            self.times.mark(self.name, self.start, spent, self.times.inner.ops - self.before)

    def __call__(self, function: Callable) -> Callable:
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


_explain_missing(__name__)
