"""One ladder from correctness to the last figure."""

from __future__ import annotations

import datetime
import gc
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import optim  # declares the steps that kernels stand for
from ..devices.launch import ladders
from ..devices.rungs import Rung, definition
from ..devices.source import kernels_folder
from ..devices.table import use_kernel
from ..engine.device import Device
from ..engine.errors import KernelError, TinygradEduError
from .counters import counted, summed
from .timing import Clock, Contender, captured, quantiles
from .works import Work, works_of

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


def rungs_of(name: str) -> list[Rung]:
    """The rungs that "softmax" (all), "softmax_3_warp" or "softmax_3" name."""
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


def outputs(result: Any) -> list[Any]:
    return (
        [r for r in result if hasattr(r, "dtype")]
        if isinstance(result, (tuple, list))
        else [result]
    )


def nbytes(values: Any) -> int:
    return sum(
        nbytes(v) if isinstance(v, (tuple, list)) else getattr(v, "nbytes", 0) for v in values
    )


@lru_cache
def registers() -> dict[str, dict[str, list[int]]]:
    """kernels/registers.json: registers a thread and static shared bytes a block, as NVRTC gave
    them.
    """
    path = kernels_folder() / "registers.json"
    return json.loads(path.read_text(encoding="utf-8"))["kernels"] if path.exists() else {}


def error_of(
    device: Device, result: Any, expected: list[Any], tolerance: float
) -> tuple[float, bool]:
    """The largest distance from the float64 results, and whether all are within the tolerance (a
    NaN is not, unless one belongs there).
    """
    xp, worst, right = device.xp, 0.0, True
    for ours, theirs in zip(outputs(result), expected):
        if ours.dtype.kind != "f":
            right = right and bool(device.to_host((ours == theirs).all()))
            continue
        # equal infinities, a NaN where one belongs
        same = (ours == theirs) | (ours != ours) & (theirs != theirs)
        distance = xp.where(same, 0.0, xp.absolute(ours.astype("float64") - theirs))
        within = same | (distance <= tolerance * (1 + xp.absolute(theirs))) & xp.isfinite(distance)
        right = right and ours.shape == theirs.shape and bool(device.to_host(within.all()))
        worst = max(worst, float(device.to_host(distance.max()))) if ours.size else worst
    return worst, right


def peers(
    op: str, work: Work, device: Any, args: tuple
) -> Iterator[tuple[str, Callable[[], Any], Callable | None]]:
    """What the rungs are compared with: the generic forward over CuPy (for matmul that is cuBLAS),
    and PyTorch if it is there. The same memory.
    """

    def generic() -> Any:
        with use_kernel(**{op: 0}):
            return slot_of(op, device)(*args, **work.attrs)

    yield ("cuBLAS (CuPy)" if op == "matmul" else "generic (CuPy)"), generic, None
    try:
        import torch
    except ImportError:
        return
    counterpart = work.torch
    if counterpart is None or not torch.cuda.is_available():
        return
    theirs = tuple(torch.from_dlpack(a) if type(a) is device.array_type else a for a in args)

    def call() -> Any:
        with torch.no_grad():
            return counterpart(torch, *theirs, **work.attrs)

    def capture(n: int) -> Callable[[], None]:
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            for _ in range(n):
                call()
        return graph.replay

    yield "PyTorch", call, capture


def forward_of(op: str) -> Callable:
    """The definition of an op, or of an optimiser step, which then returns what it changed."""
    defined = definition(op)
    if defined is None:
        raise KernelError(
            f"bench: {op} must be an op or an optimiser step, got neither. Rename it."
        )
    return changing(op, defined, 1)


def slot_of(op: str, device: Device) -> Callable:
    """What runs an op on a device: its kernel, where it has one."""
    return changing(op, getattr(device.F, op), 0)


def changing(op: str, function: Callable, first: int) -> Callable:
    """A function as it is, or for an optimiser step (whose arguments start at `first`) one that
    returns the arrays that it changed.
    """
    changes = works_of(op).changes
    if not changes:
        return function
    names = [p.name for p in ladders[op][0].parameters]

    def call(*args: Any, **attrs: Any) -> list[Any]:
        function(*args, **attrs)
        given = zip(names, args[first:])
        return [a for name, a in given if name in changes and hasattr(a, "dtype")]

    return call


def measure(
    name: str,
    device: Any,
    shape: tuple | None = None,
    quick: bool = False,
    seconds: float = 5.0,
    limits: dict[str, float] | None = None,
) -> Iterator[dict[str, Any]]:
    """A row for each rung and peer on each shape. On `cuda`: times; on `emu`: counters."""
    rungs = rungs_of(name)
    op = rungs[0].op
    work = works_of(op)
    for sizes in [shape] if shape else work.quick if quick or device.type == "emu" else work.full:
        yield from measure_on(op, rungs, work, device, sizes, quick, seconds, limits)
        gc.collect()


def measure_on(
    op: str,
    rungs: list[Rung],
    work: Work,
    device: Any,
    sizes: tuple,
    quick: bool,
    seconds: float,
    limits: dict[str, float] | None,
) -> Iterator[dict[str, Any]]:
    """The rows of one shape: all are checked first, then what is right is timed in turns."""
    trial = Trial(op, work, device, sizes)
    todo = [trial.of_rung(rung) for rung in rungs]
    if device.type == "cuda":
        todo += trial.of_peers()
    timed = []
    for entry in todo:
        if not trial.check(entry):
            continue
        if device.type == "cuda":
            timed.append(entry)
        else:
            entry.row |= summed(counted(entry.call))
    trial.expected = []
    if timed:
        trial.time(timed, Clock(device, quick), seconds, limits or {})
    yield from (entry.row for entry in todo)


class Entry:
    """One line of the result: a rung or a peer, and how it is called."""

    def __init__(self, row: dict[str, Any], call: Callable[[], Any], capture: Callable | None):
        self.row, self.call, self.capture = row, call, capture
        self.peer, self.coarse = "peer" in row, "coarse" in row


class Trial:
    """One op on one shape: the arguments, the right results, and what every row says."""

    def __init__(self, op: str, work: Work, device: Any, sizes: tuple):
        self.op, self.work, self.device, self.sizes = op, work, device, sizes
        self.host = work.make(np.random.default_rng(0), *sizes)
        args = [device.asarray(a) if isinstance(a, np.ndarray) else a for a in self.host]
        self.args = tuple(work.view(a) for a in args) if work.view else tuple(args)
        wide = [widened(a) for a in self.args]
        self.expected = outputs(forward_of(op)(device.xp, *wide, **work.attrs))
        written = sum(o.nbytes // 2 if o.dtype == "float64" else o.nbytes for o in self.expected)
        self.bytes, self.flops = nbytes(self.args) + written, work.flops(*sizes)
        self.common = about(device) | {
            "op": op,
            "shape": list(sizes),
            "dtype": "float32",
            "device": str(device),
            "bytes": self.bytes,
            "flops": self.flops,
        }

    def of_rung(self, rung: Rung) -> Entry:
        slot = slot_of(self.op, self.device)

        def call() -> Any:
            with use_kernel(**{self.op: rung.label}):
                return slot(*self.args, **self.work.attrs)

        row = {"kernel": rung.name, "rung": rung.label} | compiled(rung) | coarse(rung)
        return Entry(self.common | row, call, None)

    def of_peers(self) -> list[Entry]:
        return [
            Entry(self.common | {"kernel": name, "peer": True}, call, capture)
            for name, call, capture in peers(self.op, self.work, self.device, self.args)
        ]

    def check(self, entry: Entry) -> bool:
        """Run it once and compare; what fails is noted, so that the others still get figures."""
        row, work = entry.row, self.work
        tolerance = (work.coarse if entry.coarse else work.tolerance)(*self.sizes)
        try:
            self.restore()
            result = entry.call()
            if entry.peer and row["kernel"] == "PyTorch":
                result = [self.device.xp.from_dlpack(r) for r in outputs(result)]
            row["max_error"], row["right"] = error_of(self.device, result, self.expected, tolerance)
        except FAILURES as error:
            row["skipped"] = " ".join(str(error).split())[:200]
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

    def time(
        self, entries: list[Entry], clock: Clock, seconds: float, limits: dict[str, float]
    ) -> None:
        """Fill in the times of all entries, and the share that each has of its peers' speed."""
        contenders = []
        for entry in entries:
            capture = entry.capture or captured(self.device, entry.call)
            contenders.append(Contender(entry.row["kernel"], entry.call, capture))
        clock.race(contenders, seconds, FAILURES)
        for entry, contender in zip(entries, contenders):
            if contender.failed:
                entry.row["skipped"] = contender.failed
            else:
                entry.row |= times(contender, self.bytes, self.flops, limits)
        rows = [entry.row for entry in entries if "cold_ms" in entry.row]
        fastest = {row["kernel"]: row["cold_ms"][1] for row in rows if row.get("peer")}
        for row in rows:
            row["share_of_peer"] = {
                peer: round(ms / row["cold_ms"][1], 4)
                for peer, ms in fastest.items()
                if peer != row["kernel"]
            }


def widened(value: Any) -> Any:
    """A float32 array as float64."""
    return value.astype("float64") if getattr(value, "dtype", None) == "float32" else value


def times(
    contender: Contender, bytes_: int, flops: float, limits: dict[str, float]
) -> dict[str, Any]:
    """The figures of one contender.

    The limit is what the GPU cannot beat: all bytes once at the speed of a copy, or all FLOPs at
    cuBLAS's speed.
    """
    found: dict[str, Any] = {
        "cold_ms": quantiles(contender.cold),
        "hot_ms": quantiles(contender.hot),
        "samples": len(contender.cold),
        "graph_of": contender.repeats,
    }
    ms = found["cold_ms"][1]
    found |= {"gb_s": round(bytes_ / ms / 1e6, 2), "tflop_s": round(flops / ms / 1e9, 4)}
    if limits:
        memory, arithmetic = (
            bytes_ / limits["copy_gb_s"] / 1e6,
            flops / limits["fp32_tflop_s"] / 1e9,
        )
        found |= {
            "limit_ms": float(f"{max(memory, arithmetic):.5g}"),
            "limited_by": "memory" if memory >= arithmetic else "arithmetic",
            "limits": limits,
        }
        found["share_of_limit"] = round(found["limit_ms"] / ms, 4)
    return found


def coarse(rung: Rung) -> dict[str, Any]:
    """A mark for a rung that rounds more than its op does."""
    return {"coarse": True} if getattr(rung, "pinned_only", False) else {}


def compiled(rung: Rung) -> dict[str, Any]:
    row = registers().get(rung.name, {}).get("sm_90")
    return {"registers_sm_90": row[0], "static_shared": row[1]} if row else {}


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


def about(device: Any) -> dict[str, Any]:
    """What every row says of where and when it was measured."""
    row: dict[str, Any] = {"commit": commit(), "date": datetime.date.today().isoformat()}
    if device.type == "cuda":
        info = device.info()
        row |= {
            "gpu": info["name"],
            "driver": info["driver"],
            "cupy": info["cupy"],
            "clocks_mhz": clocks(),
            "tf32": False,
        }
    return row


def clocks() -> list[int] | None:
    """Of the multiprocessors and of the memory, now."""
    try:
        said = subprocess.run(
            ["nvidia-smi", "--query-gpu=clocks.sm,clocks.mem", "--format=csv,noheader,nounits"],
            capture_output=True,
            text=True,
            check=True,
            timeout=10,
        ).stdout
        return [int(n) for n in said.splitlines()[0].split(",")]
    except (OSError, ValueError, IndexError, subprocess.SubprocessError):
        return None
