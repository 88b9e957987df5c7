"""The command `tinygrad-edu bench`."""

from __future__ import annotations

import argparse
import importlib.util
from functools import cache
from pathlib import Path

from ..devices.launch import ladders
from ..engine.device import Device, get_device
from ..engine.errors import DeviceError, KernelError
from . import report
from .ladder import measure, rungs_of
from .timing import ceilings
from .works import parse_shape


@cache
def ceilings_of(device: str, quick: bool) -> dict[str, float]:
    """The limits of a GPU, measured once in a process."""
    return ceilings(get_device(device), quick)


def bench(flags: argparse.Namespace) -> int:
    """Measure the ladders that the flags name."""
    names = sorted(ladders) if flags.kernel == "all" else [flags.kernel]
    # a wrong name is an error before a GPU is looked for
    ops = [rungs_of(name)[0].op for name in names]
    shape = parse_shape(ops[0], flags.shape) if flags.shape else None
    if flags.device.split(":")[0] not in ("cuda", "emu"):
        raise DeviceError(
            f"bench: --device must be cuda or emu, which run kernels, got {flags.device!r}. Choose"
            " one of them."
        )
    device = get_device(flags.device)
    limits = ceilings_of(str(device), flags.quick) if device.type == "cuda" else None
    wrong = False
    for name in names:
        try:
            rows = measured(name, device, shape, flags, limits)
        except KernelError as error:
            if len(names) == 1:
                raise
            print(f"{name} not measured: {error}\n")  # the others still get their figures
            continue
        print(report.table(rows), flush=True)
        wrong |= any(row.get("right") is False and "peer" not in row for row in rows)
        if flags.plot:
            stem = flags.plot.stem if len(names) == 1 else f"{flags.plot.stem}-{name}"
            draw(rows, flags.plot.with_stem(stem))
        print()
    return int(wrong)


def measured(
    name: str, device: Device, shape: tuple | None, flags: argparse.Namespace, limits: dict | None
) -> list[dict]:
    """The rows of one ladder, each shape written to the file as soon as it is done."""
    rows = []
    for row in measure(name, device, shape, flags.quick, flags.seconds, limits):
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
