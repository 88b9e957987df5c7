"""What one op costs beside PyTorch, when the arrays are so small that only the engine counts.

    python benchmarks/overhead.py [--rounds 9] [--out benchmarks/results/overhead.json]

A chain of 1,000 multiplies on 4 elements, both engines in one process on one thread, taken in turns
so that a slow moment of the machine meets both. A round is the quickest of three runs; the figures
are medians over the rounds. Needs PyTorch.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np
import torch

import tinygrad_edu

LENGTH = 1_000
RESULT = Path(__file__).parent / "results" / "overhead.json"


def chain(x: Any, w: Any) -> Any:
    for _ in range(LENGTH):
        x = x * w
    return x


def tasks(lib: Any) -> dict[str, Callable[[], Any]]:
    """The four measured jobs, the same lines for both libraries."""
    plain, x, w, g = (
        lib.ones(4),
        lib.ones(4, requires_grad=True),
        lib.ones(4, requires_grad=True),
        lib.ones(4),
    )

    def forward_backward() -> None:
        x.grad = w.grad = None
        chain(x, w).backward(g)

    return {
        "no graph": lambda: chain(plain, plain),
        "recording": lambda: chain(x, w),
        "forward + backward": forward_backward,
        "the same with create_graph": lambda: lib.autograd.grad(
            chain(x, w), (x, w), g, create_graph=True
        ),
    }


def once(task: Callable[[], Any]) -> float:
    """Microseconds an op, from the first op until the graph is gone again."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    task()
    seconds = time.perf_counter() - begun
    gc.enable()
    return seconds / LENGTH * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULT)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    ours, theirs, rows = tasks(tinygrad_edu), tasks(torch), {}
    print(f"{'us per op':28s}{'tinygrad_edu':>14s}{'PyTorch':>10s}{'ratio':>8s}")
    for name in ours:
        once(ours[name]), once(theirs[name])
        pairs = [
            (min(once(ours[name]) for _ in range(3)), min(once(theirs[name]) for _ in range(3)))
            for _ in range(flags.rounds)
        ]
        a, b = (statistics.median(column) for column in zip(*pairs))
        spread = sorted(p / q for p, q in pairs)
        rows[name] = {
            "tinygrad_edu_us": round(a, 3),
            "pytorch_us": round(b, 3),
            "ratio": round(a / b, 3),
            "ratio_low": round(spread[0], 3),
            "ratio_high": round(spread[-1], 3),
        }
        print(f"{name:28s}{a:14.2f}{b:10.2f}{a / b:8.2f}", flush=True)
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(
        json.dumps(
            {
                "what": (
                    f"chain of {LENGTH} multiplies on 4 float32 elements, one thread, median of"
                    f" {flags.rounds} rounds, microseconds per op"
                ),
                "versions": {
                    "python": platform.python_version(),
                    "numpy": np.__version__,
                    "torch": torch.__version__,
                },
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "rows": rows,
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
