"""Every ladder of kernels, or some: times on a GPU, counters on the emulator. As `tinygrad-edu
bench all`, with a file for the results.

    python benchmarks/kernels.py                          all ladders on cuda
    python benchmarks/kernels.py softmax matmul           some
    python benchmarks/kernels.py --device emu --quick     what can be counted without a GPU

Lines of JSON go to benchmarks/results/kernels-DEVICE.jsonl (--out), a roofline of each ladder
beside it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tinygrad_edu.cli import main

RESULTS = Path(__file__).parent / "results"


def run() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("kernels", nargs="*", default=["all"], metavar="KERNEL")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seconds", type=float, default=5.0, help="for the samples of each shape")
    parser.add_argument("--out", type=Path, help="file for the lines of JSON")
    parser.add_argument("--no-plot", action="store_true", help="draw no rooflines")
    flags = parser.parse_args()
    out = flags.out or RESULTS / f"kernels-{flags.device.replace(':', '')}.jsonl"
    out.unlink(missing_ok=True)
    code = 0
    for name in flags.kernels:
        words = ["bench", name, "--device", flags.device, "--seconds", str(flags.seconds)]
        words += ["--out", str(out)]
        if not flags.no_plot:
            words += ["--plot", str(out.with_name(f"{out.stem}-{name}.png"))]
        if flags.quick:
            words += ["--quick"]
        code |= main(words)
    return code


if __name__ == "__main__":
    sys.exit(run())
