"""tinygrad-edu bench: measure kernels."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..engine.errors import DeviceError
from .errors import Stop, did_you_mean
from .parser import Parser, number

NAME = "bench"
HELP = "measure kernels: times on a GPU or the CPU, counters on the emulator"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Check each rung of a ladder against float64. Then, on cuda and cpu, time it beside its"
        " limit and other libraries; on emu, count the memory it moves."
    )
    parser.add_examples(
        "tinygrad-edu bench softmax --device cpu",
        "tinygrad-edu bench softmax --device emu",
        "tinygrad-edu bench matmul --shape 4096x4096x4096 --out results.jsonl --plot matmul.png",
    )
    parser.add_argument(
        "kernel",
        metavar="KERNEL",
        help="an op (softmax: all its rungs), one kernel (softmax_3_warp), or all",
    )
    parser.add_argument(
        "--device",
        default="cuda",
        metavar="D",
        help=(
            "cuda (default): times of the CUDA kernels. cpu: times of the C++ kernels; needs g++."
            " emu: the counters of the GPU's emulator; needs no GPU"
        ),
    )
    parser.add_argument(
        "--threads",
        type=number(int, 1),
        metavar="N",
        help="threads of the kernels and of the other libraries on cpu (default 1)",
    )
    parser.add_argument(
        "--shape",
        metavar="AxB",
        help="sizes, such as 16384x8192 (default: shapes that are large enough)",
    )
    parser.add_argument(
        "--quick", action="store_true", help="small sizes and few samples, to see whether it works"
    )
    parser.add_argument(
        "--seconds",
        type=number(float, 0),
        metavar="S",
        help="time for the samples of each shape (default 5, on cpu 1)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="append each result to a file as a line of JSON"
    )
    parser.add_argument(
        "--plot",
        type=Path,
        metavar="PNG",
        help="draw each rung under the limits of the machine (needs matplotlib)",
    )


def run(flags: argparse.Namespace) -> int:
    from ..bench.command import bench, ladders_of

    ladders = ladders_of(flags.device.split(":")[0])
    kernels = {r.name: r for rungs in ladders.values() for r in rungs}
    short = {f"{r.op}_{r.label}" for r in kernels.values()}
    known = ["all", *ladders, *kernels, *short]
    if flags.kernel not in known:
        advice = did_you_mean(flags.kernel, known, "See `tinygrad-edu kernels list`.")
        raise Stop(
            "KERNEL must be an op with kernels, the name of one kernel, or all, got"
            f" {flags.kernel!r}. {advice}"
        )
    try:
        return bench(flags)
    except DeviceError as error:
        if flags.device != "cuda":
            raise
        raise Stop(
            f"bench: needs a GPU for times, got none ({str(error).split('. ')[0]}). Time the"
            " kernels of the CPU with --device cpu, or count what those of a GPU do with --device"
            " emu."
        ) from error
