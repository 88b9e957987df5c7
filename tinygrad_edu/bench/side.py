"""What the benchmark asks of a device: its ladders, its peers, and how its figures are taken."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from ..devices.rungs import Rung
from ..devices.source import kernels_folder
from ..devices.table import all_ladders, pins, use_kernel
from ..engine.errors import TinygradEduError
from .results import slot_of
from .timing import Clock, Contender, quantiles
from .works import Sizes, Work

# what a rung or a peer may raise without stopping the others
FAILURES = (
    TinygradEduError,
    RuntimeError,
    TypeError,
    ValueError,
    AttributeError,
    MemoryError,
    NotImplementedError,
)


class Moved(NamedTuple):
    """Bytes that an op must move, each once. `in_place`: it writes where it has read."""

    read: int
    written: int
    in_place: bool


class Peer(NamedTuple):
    """What the rungs are compared with."""

    name: str
    call: Callable[[], Any]
    capture: Callable[[int], Callable[[], None]] | None = None


class Side:
    """One device, as the benchmark sees it.

    `headline`: which of its times (if it takes any) is compared with limits and peers.
    """

    headline = ""

    def __init__(self, device: Any, quick: bool = False):
        self.device, self.quick = device, quick

    @property
    def ladders(self) -> dict[str, list[Rung]]:
        return all_ladders()

    def shapes(self, work: Work) -> Sizes:
        """What is measured unless the user asks for a shape."""
        return work.quick if self.quick else work.full

    def about(self) -> dict[str, Any]:
        """What every row says of the machine."""
        return {}

    def peers(self, op: str, work: Work, args: tuple) -> Iterator[Peer]:
        """What the rungs are compared with."""
        yield from ()

    def fill(self, entries: list, moved: Moved, flops: float, seconds: float) -> None:
        """Write figures into the rows of entries, all of which are right."""
        raise NotImplementedError

    def pinned(self, op: str, rung: str, work: Work, args: tuple) -> Callable[[], Any]:
        """A call of one rung of an op; "0" is the op's own forward over arrays."""
        with use_kernel(**{op: rung}):  # refuses a rung that is not there
            slot = slot_of(op, self.device)
        pin: dict[str, int | str] = {op: rung}

        def call() -> Any:
            before, pins.rungs = pins.rungs, pin  # as use_kernel does, in less time
            try:
                return slot(*args, **work.attrs)
            finally:
                pins.rungs = before

        return call

    def notes(self, rung: Rung) -> dict[str, Any]:
        """What the row of a rung says beside its figures."""
        return compiled(rung) | coarse(rung)


class Timed(Side):
    """A device on which times are taken."""

    headline = "cold_ms"

    def clock(self) -> Clock:
        raise NotImplementedError

    def captured(self, call: Callable[[], Any]) -> Callable[[int], Callable[[], None]]:
        """`capture` of a call of this package; see timing.Contender."""
        raise NotImplementedError

    def look(self, moved: Moved) -> None:
        """Measure what the limits need, before and after the times are taken."""

    def limit(self, moved: Moved, flops: float) -> dict[str, Any]:
        """The time that the machine cannot beat, what sets it, and what was measured for that."""
        raise NotImplementedError

    def fill(self, entries: list, moved: Moved, flops: float, seconds: float) -> None:
        """The times of all entries, and the share that each has of its peers' speed."""
        contenders = [
            Contender(e.row["kernel"], e.call, e.capture or self.captured(e.call)) for e in entries
        ]
        self.look(moved)
        self.clock().race(contenders, seconds, FAILURES)
        self.look(moved)  # again: the machine may have been busy before
        limit = self.limit(moved, flops)
        for entry, contender in zip(entries, contenders):
            if contender.failed:
                entry.row["skipped"] = contender.failed
            else:
                entry.row |= self.times(contender, moved, flops, limit)
        rows = [entry.row for entry in entries if "cold_ms" in entry.row]
        peers = {row["kernel"]: row[self.headline][1] for row in rows if row.get("peer")}
        for row in rows:
            row["share_of_peer"] = {
                peer: round(ms / row[self.headline][1], 4)
                for peer, ms in peers.items()
                if peer != row["kernel"]
            }

    def times(
        self, contender: Contender, moved: Moved, flops: float, limit: dict[str, Any]
    ) -> dict[str, Any]:
        """The figures of one contender."""
        found: dict[str, Any] = {
            "cold_ms": quantiles(contender.cold),
            "hot_ms": quantiles(contender.hot),
            "samples": len(contender.hot),
            "graph_of": contender.repeats,
            "headline": self.headline,
        }
        ms = found[self.headline][1]
        found |= {
            "gb_s": float(f"{(moved.read + moved.written) / ms / 1e6:.5g}"),
            "tflop_s": float(f"{flops / ms / 1e9:.5g}"),
        }
        if limit:
            found |= limit | {"share_of_limit": round(limit["limit_ms"] / ms, 4)}
        return found


# ---- kernels in CUDA -----------------------------------------------------------------------------


@lru_cache
def registers() -> dict[str, dict[str, list[int]]]:
    """kernels/registers.json: registers a thread and static shared bytes a block, as NVRTC gave
    them.
    """
    path = kernels_folder() / "registers.json"
    return json.loads(path.read_text(encoding="utf-8"))["kernels"] if path.exists() else {}


def compiled(rung: Rung) -> dict[str, Any]:
    row = registers().get(rung.name, {}).get("sm_90")
    return {"registers_sm_90": row[0], "static_shared": row[1]} if row else {}


def coarse(rung: Rung) -> dict[str, Any]:
    """A mark for a rung that rounds more than its op does."""
    return {"coarse": True} if getattr(rung, "pinned_only", False) else {}
