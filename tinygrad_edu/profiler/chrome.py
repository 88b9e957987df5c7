"""Calls as a Chrome trace, for chrome://tracing and https://ui.perfetto.dev.

Reference: "Trace Event Format", the Chromium project: complete events (ph X), counters (C) and
           names (M); times in microseconds.
"""

from __future__ import annotations

import os
from typing import Any

from .times import Event, Times

GAP = 0.05  # microseconds by which a module's bar ends after its last op's


def trace(times: Times) -> dict[str, Any]:
    """Everything measured: ops, the modules around them, named blocks, and memory if followed."""
    process = os.getpid()
    events = sorted(times.events or [], key=lambda e: e.start)
    zero = min([e.start for e in events] + [start for _, start, _, _ in times.marks], default=0.0)
    threads: dict[int, list[Event]] = {}
    for event in events:
        threads.setdefault(event.thread, []).append(event)
    rows: list[dict[str, Any]] = [named("process_name", process, 0, "tinygrad_edu")]
    for thread, calls in threads.items():
        rows.append(named("thread_name", process, thread, f"thread {thread}"))
        rows += [bar(*span, zero, process, thread, "module") for span in spans_of(calls)]
        rows += [op_bar(call, zero, process) for call in calls]
    rows += [bar(n, s, s + d, zero, process, t, "block") for n, s, d, t in times.marks]
    rows += [counter(e, zero, process) for e in events if e.live is not None]
    return {"traceEvents": rows, "displayTimeUnit": "ms"}


def bar(
    name: str, start: float, end: float, zero: float, process: int, thread: int, kind: str
) -> dict[str, Any]:
    """A complete event."""
    at, length = 1e6 * (start - zero), 1e6 * (end - start)
    row = {"name": name, "cat": kind, "ph": "X", "ts": at, "dur": length}
    return {**row, "pid": process, "tid": thread}


def op_bar(event: Event, zero: float, process: int) -> dict[str, Any]:
    key = event.key
    kind = "backward" if key.backward else "forward"
    row = bar(event.name, event.start, event.end, zero, process, event.thread, kind)
    row["args"] = {"op": key.op, "line": key.line, "bytes": event.bytes}
    if key.modules:
        row["args"]["module"] = key.modules[-1]
    if event.shapes is not None:
        row["args"]["shapes"] = [list(shape) for shape in event.shapes]
    return row


def counter(event: Event, zero: float, process: int) -> dict[str, Any]:
    at = 1e6 * (event.end - zero)
    row = {"name": "memory of results", "ph": "C", "ts": at, "pid": process, "tid": 0}
    return {**row, "args": {"bytes": event.live}}


def named(kind: str, process: int, thread: int, name: str) -> dict[str, Any]:
    return {"name": kind, "ph": "M", "pid": process, "tid": thread, "args": {"name": name}}


def spans_of(calls: list[Event]) -> list[tuple[str, float, float]]:
    """(name, start, end) of each module's part, from its first op to its last, on the way forward
    and on the way back.
    """
    spans: list[tuple[str, float, float]] = []
    open_now: list[tuple[str, float]] = []
    end = 0.0
    for call in calls:
        way = ["backward"] if call.key.backward else []
        path = way + [f"{name} backward" if way else name for name in call.key.modules]
        same = 0
        while same < min(len(path), len(open_now)) and path[same] == open_now[same][0]:
            same += 1
        while len(open_now) > same:
            spans.append((*open_now.pop(), end))
        open_now += [(name, call.start) for name in path[same:]]
        end = max(end, call.end) if same else call.end
    while open_now:
        spans.append((*open_now.pop(), end))
    return spans
