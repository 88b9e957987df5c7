"""Counters of the emulator instead of times."""

from __future__ import annotations

from .counters import counted, summed
from .side import Moved, Side
from .works import Sizes, Work


class OnEmu(Side):
    """The CPU emulator of a GPU."""

    def shapes(self, work: Work) -> Sizes:
        return work.quick

    def fill(self, entries: list, moved: Moved, flops: float, seconds: float) -> None:
        for entry in entries:
            entry.row |= summed(counted(entry.call))
