"""Run every kernel a few times and check the results. It is short enough for compute-sanitizer and
ncu, which slow a program down.

    python benchmarks/smoke.py --device cuda
    compute-sanitizer --tool memcheck python benchmarks/smoke.py --device cuda --bare
    python benchmarks/smoke.py --device emu --only softmax_1_naive --shape 64x256

Each rung runs on the cases of its op, and on the quick shapes of tinygrad_edu/bench/works/ (or
--shape). --bare: each array gets memory of its own from the driver, so that memcheck sees where it
ends (CuPy's pool would hide that).
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

import tinygrad_edu
from tinygrad_edu.bench.ladder import rungs_of
from tinygrad_edu.bench.results import error_of, forward_of, outputs, slot_of
from tinygrad_edu.bench.side import coarse
from tinygrad_edu.bench.works import parse_shape, works, works_of
from tinygrad_edu.devices.cuda.compile import architecture, machine_code
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.rungs import Rung
from tinygrad_edu.devices.source import Source
from tinygrad_edu.devices.table import use_kernel
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.errors import KernelError


def calls(rung: Rung, shape: str | None) -> list[tuple[tuple, dict, float]]:
    """Host arguments, attributes and tolerance of each call."""
    op, rounds = rung.op, bool(coarse(rung))
    found, rng = [], np.random.default_rng(0)
    cases = getattr(registry.get(op), "cases", [])  # a step of an optimiser has none
    if op in works or cases:
        work = works_of(op)
        found = [
            (tuple(work.make(rng, *s)), work.attrs, (work.coarse if rounds else work.tolerance)(*s))
            for s in ([parse_shape(op, shape)] if shape else work.quick)
        ]
    return (
        found
        if shape
        else found
        + [(tuple(case.make("float32")), case.attrs, 0.05 if rounds else 2e-4) for case in cases]
    )


def run(rung: Rung, device: tinygrad_edu.Device, shape: str | None) -> tuple[int, int]:
    """How often the rung ran, and how often it was wrong."""
    ran = wrong = 0
    view = works[rung.op].view if rung.op in works else None
    for args, attrs, tolerance in calls(rung, shape):
        given = tuple(device.asarray(a) if isinstance(a, np.ndarray) else a for a in args)
        given, args = (
            (tuple(view(a) for a in given), tuple(view(a) for a in args)) if view else (given, args)
        )
        try:
            with use_kernel(**{rung.op: rung.label}):
                result = slot_of(rung.op, device)(*given, **attrs)
        except KernelError as error:
            if "arguments that the kernel takes" in str(error):
                continue
            raise
        device.synchronize()
        wide = tuple(
            a.astype("float64") if getattr(a, "dtype", None) == "float32" else a for a in args
        )
        # on the CPU: under a sanitizer each launch takes its time
        expected = outputs(forward_of(rung.op)(np, *wide, **attrs))
        ran += 1
        wrong += not error_of(
            tinygrad_edu.device("cpu"),
            [device.to_host(r) for r in outputs(result)],
            [np.asarray(e) for e in expected],
            tolerance,
        )[1]
    return ran, wrong


def compile_all(device: Any) -> int:
    """Compile the sources of all rungs, one a core; what failed is printed."""
    sources = {rung.source for rungs in ladders.values() for rung in rungs}
    failed = []

    def one(source: Source) -> None:
        try:
            arch = architecture(source, device.gpu.compute_capability)
            machine_code(device.cupy.cuda.nvrtc, source, arch)
        except KernelError as error:
            failed.append(str(error))

    with ThreadPoolExecutor() as pool:
        list(pool.map(one, sources))
    print(f"{len(sources)} sources, {len(failed)} failed", *failed, sep="\n")
    return 0  # a source for another GPU is no failure; its rung says so when it is used


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument(
        "--only", nargs="*", default=[], metavar="KERNEL", help="an op or a kernel; default: all"
    )
    parser.add_argument("--shape", metavar="AxB")
    parser.add_argument("--compile-only", action="store_true", help="compile the kernels for cuda")
    parser.add_argument("--bare", action="store_true", help="no memory pool")
    flags = parser.parse_args()
    device = tinygrad_edu.device(flags.device)
    if flags.bare and device.type == "cuda":
        device.cupy.cuda.set_allocator(None)
    if flags.compile_only:
        return compile_all(device)
    bad = 0
    for name in flags.only or sorted(ladders):
        for rung in rungs_of(name):
            ran, wrong = run(rung, device, flags.shape)
            bad += wrong
            print(f"{rung.name:40s}{ran:4d} runs{f', {wrong} WRONG' if wrong else ''}", flush=True)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
