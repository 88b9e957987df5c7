"""The command `tinygrad-edu bench`."""

from __future__ import annotations

import argparse
import importlib.util
from contextlib import nullcontext
from functools import cache
from pathlib import Path

from ..engine.device import Device, get_device
from ..engine.errors import DeviceError, KernelError
from . import report
from .ladder import measure, rungs_of
from .on_cpu import OnCpu, using_threads
from .on_cuda import ceilings
from .works import parse_shape

SECONDS = {"cuda": 5.0, "cpu": 1.0}  # for the samples of a shape
QUICK = 0.1


@cache
def ceilings_of(device: str, quick: bool) -> dict[str, float]:
    """The limits of a GPU, measured once in a process."""
    return ceilings(get_device(device), quick)


def ladders_of(kind: str) -> dict:
    """The ladders of a kind of device: those in C++ on the CPU, those in CUDA elsewhere."""
    from ..devices.table import all_ladders, native_ladders

    return native_ladders() if kind == "cpu" else all_ladders()


def bench(flags: argparse.Namespace) -> int:
    """Measure the ladders that the flags name."""
    kind = flags.device.split(":")[0]
    if kind not in ("cuda", "cpu", "emu"):
        raise DeviceError(
            "bench: --device must be cuda, cpu or emu, which run kernels, got"
            f" {flags.device!r}. Choose one of them."
        )
    if flags.threads and kind != "cpu":
        raise DeviceError(
            f"bench: --threads must stand with --device cpu, got --device {flags.device}. Leave it"
            " out."
        )
    ladders = ladders_of(kind)
    names = sorted(ladders) if flags.kernel == "all" else [flags.kernel]
    # a wrong name is an error before a GPU is looked for
    ops = [rungs_of(name, ladders)[0].op for name in names]
    shape = parse_shape(ops[0], flags.shape) if flags.shape else None
    device = get_device(flags.device)
    if kind == "cpu":
        OnCpu(device)  # refuses where there is no compiler
    with using_threads(flags.threads or 1) if kind == "cpu" else nullcontext():
        wrong = [ladder_is_wrong(name, device, shape, flags, names) for name in names]
    return int(any(wrong))


def ladder_is_wrong(
    name: str, device: Device, shape: tuple | None, flags: argparse.Namespace, names: list[str]
) -> bool:
    """Measure and show one ladder; whether one of its kernels gave a wrong result."""
    try:
        rows = measured(name, device, shape, flags)
    except KernelError as error:
        if len(names) == 1:
            raise
        print(f"{name} not measured: {error}\n")  # the others still get their figures
        return False
    print(report.table(rows), flush=True)
    if flags.plot:
        stem = flags.plot.stem if len(names) == 1 else f"{flags.plot.stem}-{name}"
        draw(rows, flags.plot.with_stem(stem))
    print()
    return any(row.get("right") is False and "peer" not in row for row in rows)


def measured(
    name: str, device: Device, shape: tuple | None, flags: argparse.Namespace
) -> list[dict]:
    """The rows of one ladder, each shape written to the file as soon as it is done."""
    limits = ceilings_of(str(device), flags.quick) if device.type == "cuda" else None
    seconds = flags.seconds
    if seconds is None:
        seconds = QUICK if flags.quick else SECONDS.get(device.type, 0.0)
    rows = []
    for row in measure(name, device, shape, flags.quick, seconds, limits):
        rows.append(row)
        if flags.out:
            report.write_lines(flags.out, [row])
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """The roofline of one ladder, or why there is none."""
    if importlib.util.find_spec("matplotlib") is None:
        print("No roofline: matplotlib is not installed (pip install matplotlib).")
    elif not report.roofline(rows, path):
        print("No roofline: nothing was timed (emu counts, it does not measure time).")
