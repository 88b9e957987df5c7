"""One ladder from correctness to the last figure."""

from __future__ import annotations

import datetime
import gc
import inspect
import json
import subprocess
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from .. import optim  # declares the steps that kernels stand for
from ..devices.launch import ladders
from ..devices.rungs import Rung
from ..devices.source import kernels_folder
from ..devices.table import use_kernel
from ..engine.device import Device, registry
from ..engine.errors import KernelError, TinygradEduError
from ..engine.updates import updates
from .counters import counted, summed
from .timing import Clock, Contender, captured, quantiles
from .works import Work, works_of


def rungs_of(name: str) -> list[Rung]:
    """The rungs that "softmax" (all), "softmax_3_warp" or "softmax_3" name."""
    if name in ladders:
        return ladders[name]
    found = [
        r
        for rungs in ladders.values()
        for r in rungs
        if name in (r.name, f"{r.op}_{r.number}{r.track}")
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


def changed(op: str, args: tuple) -> list[Any]:
    """The arrays among an update's arguments that it writes to."""
    return [
        a
        for name, a in zip(list(inspect.signature(updates[op]).parameters)[1:], args)
        if hasattr(a, "dtype") and name not in ("grad", "norm")
    ]


def forward_of(op: str) -> Callable:
    """The definition of an op, or of an update, which then returns what it changed."""
    return (
        (lambda xp, *args, **attrs: (updates[op](xp, *args, **attrs), changed(op, args))[1])
        if op in updates
        else registry[op].forward
    )


def slot_of(op: str, device: Device) -> Callable:
    """What runs an op on a device: its kernel, where it has one."""
    if op in updates:
        return lambda *args, **attrs: (device.F.in_place(op)(*args, **attrs), changed(op, args))[1]
    return getattr(device.F, op + "_full" if getattr(registry[op], "residuals", ()) else op)


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
    host = work.make(np.random.default_rng(0), *sizes)
    args = tuple(device.asarray(a) if isinstance(a, np.ndarray) else a for a in host)
    args = tuple(work.view(a) for a in args) if work.view else args
    wide = tuple(a.astype("float64") if getattr(a, "dtype", None) == "float32" else a for a in args)
    expected = outputs(forward_of(op)(device.xp, *wide, **work.attrs))
    del wide
    slot = slot_of(op, device)
    bytes_, flops = (
        nbytes(args) + sum(o.nbytes // 2 if o.dtype == "float64" else o.nbytes for o in expected),
        work.flops(*sizes),
    )
    common = {
        "op": op,
        "shape": list(sizes),
        "dtype": "float32",
        "device": str(device),
        "bytes": bytes_,
        "flops": flops,
    } | about(device)
    rows, contenders = [], []

    def pinned(rung: Rung) -> Callable[[], Any]:
        def call() -> Any:
            with use_kernel(**{op: f"{rung.number}{rung.track}"}):
                return slot(*args, **work.attrs)

        return call

    todo: list[tuple[str, Callable[[], Any], Callable | None, dict]] = [
        (r.name, pinned(r), None, {"rung": f"{r.number}{r.track}"} | compiled(r) | coarse(r))
        for r in rungs
    ]
    if device.type == "cuda":
        todo += [
            (peer, call, capture, {"peer": True})
            for peer, call, capture in peers(op, work, device, args)
        ]
    for kernel, call, capture, more in todo:
        row = common | {"kernel": kernel} | more
        rows.append(row)
        try:
            if op in updates:  # the one before has changed them
                for a, start in zip(args, host):
                    if hasattr(a, "dtype"):
                        a[...] = device.asarray(start)
            result = call()
            if "peer" in more and kernel == "PyTorch":
                result = [device.xp.from_dlpack(r) for r in outputs(result)]
            row["max_error"], row["right"] = error_of(
                device,
                result,
                expected,
                (work.coarse if "coarse" in more else work.tolerance)(*sizes),
            )
            del result
        except (
            TinygradEduError,
            RuntimeError,
            TypeError,
            ValueError,
            AttributeError,
            MemoryError,
        ) as error:  # the others still get their figures
            row["skipped"] = " ".join(str(error).split())[:200]
            if "peer" not in more and "arguments that the kernel takes" not in row["skipped"]:
                row["right"] = False
            continue
        if not row["right"]:
            row["skipped"] = "wrong result: not timed"
        elif device.type == "cuda":
            contenders.append((row, Contender(kernel, call, capture or captured(device, call))))
        else:
            row |= summed(counted(call))
    del expected
    if contenders:
        clock = Clock(device, quick)
        clock.race([c for _, c in contenders], seconds)
        for row, contender in contenders:
            row |= times(contender, bytes_, flops, limits or {})
        fastest = {row["kernel"]: row["cold_ms"][1] for row, _ in contenders if row.get("peer")}
        for row, _ in contenders:
            row["share_of_peer"] = {
                peer: round(ms / row["cold_ms"][1], 4)
                for peer, ms in fastest.items()
                if peer != row["kernel"]
            }
    yield from rows


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
        )
    except (OSError, subprocess.CalledProcessError):
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
