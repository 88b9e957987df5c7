"""What a puzzle is: a kernel to write, data of several sizes, and a goal on the counters."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...devices.emu.profile import Report


class Out:
    """An argument that the kernel writes.

    Args: want: the expected values
          start: what it holds before; None: nothing yet (NaN, or -1 for integers)
    """

    def __init__(self, want: Any, start: Any = None):
        self.want, self.start = np.asarray(want), start


@dataclass
class Case:
    """One launch: the arguments in the kernel's order, and its shape."""

    args: list[Any]
    block: Any
    grid: Any = 1
    shared: int = 0  # bytes of dynamic shared memory


@dataclass(frozen=True)
class Counters:
    """What the launches of a kernel did to memory."""

    sectors: float  # of global memory, for each request of a warp
    wanted: float  # how many would do
    passes: float  # over the banks of shared memory, for each request; 0 without shared memory
    asked: float  # how often each byte of global memory that is used is asked for
    loads: int  # requests to shared memory
    atomics: int  # requests of global atomics
    barriers: int  # that a block meets at, all blocks together

    @classmethod
    def of(cls, report: Report) -> Counters:
        """The counters of one launch."""
        rows = [r for r in report.rows if r.requests]
        outside = [r for r in rows if r.space == "global"]
        inside = [r for r in rows if r.space == "shared"]
        requests = sum(r.requests for r in outside) or 1
        shared = sum(r.requests for r in inside)
        return cls(
            sectors=sum(r.units for r in outside) / requests,
            wanted=sum(r.ideal for r in outside) / requests,
            passes=sum(r.units for r in inside) / sum(r.ideal for r in inside) if shared else 0.0,
            asked=report.bytes_requested / max(report.bytes_touched, 1),
            loads=shared,
            atomics=sum(r.requests for r in outside if r.kind == "atomic"),
            barriers=sum(count for kind, _, count in report.events if kind == "barrier"),
        )


@dataclass(frozen=True)
class Goal:
    """What a right kernel must reach besides, None: nothing.

    Args: scattered: sectors a request, as a multiple of what would do
          passes: over the banks, as a multiple of what would do
          asked: how often each byte of global memory may be asked for
          loads, atomics, barriers: how many at most, as a multiple of the solution's
          must: a regular expression that the text must hold, and in words what it stands for
    """

    scattered: float | None = None
    passes: float | None = None
    asked: float | None = None
    loads: float | None = None
    atomics: float | None = None
    barriers: float | None = None
    must: tuple[str, str] | None = None


@dataclass(frozen=True)
class Puzzle:
    """A puzzle: its name is that of its folder and of its kernel."""

    number: str
    name: str
    case: Callable[[int], Case]
    sizes: tuple[int, ...]  # of the checks, the last one is counted
    goal: Goal = Goal()

    @property
    def folder(self) -> str:
        return f"{self.number}_{self.name}"

    @property
    def id(self) -> str:
        """Under which progress is kept."""
        return f"puzzle {self.number}"


def plain(text: str) -> str:
    """CUDA C without its comments."""
    return re.sub(r"//[^\n]*|/\*.*?\*/", " ", text, flags=re.S)
