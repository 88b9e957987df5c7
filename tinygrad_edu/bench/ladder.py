"""One ladder from correctness to the last figure."""

from __future__ import annotations

import datetime
import gc
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ..devices.rungs import Rung
from ..devices.table import all_ladders
from ..engine.errors import KernelError
from .on_cpu import OnCpu
from .on_cuda import OnCuda
from .on_emu import OnEmu
from .results import error_of, forward_of, nbytes, outputs, widened
from .side import FAILURES, Moved, Peer, Side
from .works import Work, works_of


def side_of(device: Any, quick: bool = False, limits: dict[str, float] | None = None) -> Side:
    """How the benchmark sees a device. `limits`: of a GPU, as on_cuda.ceilings gives them."""
    if device.type == "cuda":
        return OnCuda(device, quick, limits)
    return OnCpu(device, quick) if device.type == "cpu" else OnEmu(device, quick)


def rungs_of(name: str, ladders: dict[str, list[Rung]] | None = None) -> list[Rung]:
    """The rungs that "softmax" (all), "softmax_3_warp" or "softmax_3" name, by default those in
    CUDA.
    """
    ladders = all_ladders() if ladders is None else ladders
    if name in ladders:
        return ladders[name]
    found = [
        r for rungs in ladders.values() for r in rungs if name in (r.name, f"{r.op}_{r.label}")
    ]
    if not found:
        raise KernelError(
            f"bench: KERNEL must be an op with kernels ({', '.join(sorted(ladders))}) or the name"
            f" of one kernel, got {name!r}. Choose one of them."
        )
    return found


def measure(
    name: str,
    device: Any,
    shape: tuple | None = None,
    quick: bool = False,
    seconds: float = 5.0,
    limits: dict[str, float] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row for each rung and peer on each shape: times on `cuda` and `cpu`, counters on `emu`."""
    side = side_of(device, quick, limits)
    rungs = rungs_of(name, side.ladders)
    work = works_of(rungs[0].op)
    for sizes in [shape] if shape else side.shapes(work):
        yield from Trial(rungs[0].op, work, side, sizes).run(rungs, seconds)
        gc.collect()


class Entry:
    """One line of the result: a rung or a peer, and how it is called."""

    def __init__(self, row: dict[str, Any], call: Callable[[], Any], capture: Callable | None):
        self.row, self.call, self.capture = row, call, capture
        self.peer, self.coarse = "peer" in row, "coarse" in row


class Trial:
    """One op on one shape: the arguments, the right results, and what every row says."""

    def __init__(self, op: str, work: Work, side: Side, sizes: tuple):
        self.op, self.work, self.side, self.sizes = op, work, side, sizes
        self.device = device = side.device
        self.host = work.make(np.random.default_rng(0), *sizes)
        # an op that changes its arguments gets copies
        args = [
            device.asarray(a.copy() if work.changes else a) if isinstance(a, np.ndarray) else a
            for a in self.host
        ]
        self.args = tuple(work.view(a) for a in args) if work.view else tuple(args)
        wide = [widened(a) for a in self.args]
        self.expected = outputs(forward_of(op)(device.xp, *wide, **work.attrs))
        written = sum(o.nbytes // 2 if o.dtype == "float64" else o.nbytes for o in self.expected)
        self.moved = Moved(nbytes(self.args), written, bool(work.changes))
        self.flops = work.flops(*sizes)
        self.common = {"commit": commit(), "date": datetime.date.today().isoformat()}
        self.common |= side.about() | {
            "op": op,
            "shape": list(sizes),
            "dtype": "float32",
            "device": str(device),
            "bytes": self.moved.read + self.moved.written,
            "flops": self.flops,
        }

    def run(self, rungs: list[Rung], seconds: float) -> Iterator[dict[str, Any]]:
        """The rows: all are checked first, then what is right is measured in turns."""
        todo = [self.of_rung(rung) for rung in rungs]
        todo += map(self.of_peer, self.side.peers(self.op, self.work, self.args))
        right = [entry for entry in todo if self.check(entry)]
        self.expected = []
        if right:
            self.side.fill(right, self.moved, self.flops, seconds)
        yield from (entry.row for entry in todo)

    def of_rung(self, rung: Rung) -> Entry:
        call = self.side.pinned(self.op, rung.label, self.work, self.args)
        row = {"kernel": rung.name, "rung": rung.label} | self.side.notes(rung)
        return Entry(self.common | row, call, None)

    def of_peer(self, peer: Peer) -> Entry:
        return Entry(self.common | {"kernel": peer.name, "peer": True}, peer.call, peer.capture)

    def check(self, entry: Entry) -> bool:
        """Run it once and compare; what fails is noted, so that the others still get figures."""
        row, work = entry.row, self.work
        tolerance = (work.coarse if entry.coarse else work.tolerance)(*self.sizes)
        try:
            self.restore()
            result = entry.call()
            if entry.peer and row["kernel"] == "PyTorch":
                result = [self.device.xp.from_dlpack(r) for r in outputs(result)]
            error, row["right"] = error_of(self.device, result, self.expected, tolerance)
            if outputs(result):  # else there is nothing to compare
                row["max_error"] = error
        except FAILURES as failure:
            row["skipped"] = " ".join(str(failure).split())[:200]
            if not entry.peer and "arguments that the kernel takes" not in row["skipped"]:
                row["right"] = False
            return False
        if not row["right"]:
            row["skipped"] = "wrong result: not timed"
        return row["right"]

    def restore(self) -> None:
        """Undo what the run before changed."""
        if self.work.changes:
            for a, start in zip(self.args, self.host):
                if hasattr(a, "dtype"):
                    a[...] = self.device.asarray(start)


@lru_cache
def commit() -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip()
