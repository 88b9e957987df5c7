"""What one op costs beside PyTorch, when the arrays are so small that only the engine counts.

    python benchmarks/overhead.py [--rounds 9] [--out benchmarks/results/overhead.json]

Two tables: a chain of 1,000 multiplies on 4 elements (without a graph, recording, with its backward
pass, with a second-order graph), and single ops with attributes and an nn.Linear module, under
no_grad and recording. Both engines run in one process on one thread, in turns, so that a slow
moment of the machine meets both. A round is the quickest of three runs; the figures are medians
over the rounds. Needs PyTorch.
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
CALLS = 300  # of one op in one run
RESULT = Path(__file__).parent / "results" / "overhead.json"
Task = Callable[[], Any]


# ---- a chain of multiplies -----------------------------------------------------------------------


def chain(x: Any, w: Any) -> Any:
    for _ in range(LENGTH):
        x = x * w
    return x


def chains(lib: Any) -> dict[str, Task]:
    """The four measured jobs, the same lines for both libraries."""
    plain, g = lib.ones(4), lib.ones(4)
    x, w = (lib.ones(4, requires_grad=True) for _ in range(2))

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


# ---- single ops ----------------------------------------------------------------------------------


def calls(lib: Any) -> dict[str, Task]:
    """One call of each op on small arrays of parameters."""
    F, nn = lib.nn.functional, lib.nn
    x, w, b = (lib.ones(*shape, requires_grad=True) for shape in ((4, 4), (4, 4), (4,)))
    table, places, layer = lib.ones(8, 4, requires_grad=True), lib.tensor([1, 2]), nn.Linear(4, 4)
    return {
        "x * 2.0": lambda: x * 2.0,
        "relu": lambda: F.relu(x),
        "matmul": lambda: x @ w,
        "linear": lambda: F.linear(x, w, b),
        "view": lambda: x.view(2, 8),
        "transpose": lambda: x.transpose(0, 1),
        "x[:, -1]": lambda: x[:, -1],
        "cat": lambda: lib.cat([x, w], dim=1),
        "softmax": lambda: F.softmax(x, dim=-1),
        "layer_norm": lambda: F.layer_norm(x, (4,), b, b),
        "embedding": lambda: F.embedding(places, table),
        "nn.Linear": lambda: layer(x),
    }


def repeated(task: Task) -> Task:
    """The task many times over, each result dropped at once."""

    def run() -> None:
        for _ in range(CALLS):
            task()

    return run


def without_graph(lib: Any, task: Task) -> Task:
    def run() -> None:
        with lib.no_grad():
            task()

    return run


def ops(lib: Any) -> dict[str, Task]:
    """All measured calls, without a graph and recording."""
    rows: dict[str, Task] = {}
    for name, call in calls(lib).items():
        task = repeated(call)
        rows[f"{name}, no_grad"] = without_graph(lib, task)
        rows[f"{name}, recording"] = task
    return rows


# ---- measuring -----------------------------------------------------------------------------------


def once(task: Task, count: int) -> float:
    """Microseconds an op, from the first op until the graph is gone again."""
    gc.collect()
    gc.disable()
    begun = time.perf_counter()
    task()
    seconds = time.perf_counter() - begun
    gc.enable()
    return seconds / count * 1e6


def compared(ours: Task, theirs: Task, count: int, rounds: int) -> dict[str, float]:
    """The medians of both, measured in turns, and their ratio with its range."""
    once(ours, count), once(theirs, count)
    pairs = []
    for _ in range(rounds):
        quickest = [min(once(task, count) for _ in range(3)) for task in (ours, theirs)]
        pairs.append(quickest)
    a, b = (statistics.median(column) for column in zip(*pairs))
    spread = sorted(p / q for p, q in pairs)
    return {
        "tinygrad_edu_us": round(a, 3),
        "pytorch_us": round(b, 3),
        "ratio": round(a / b, 3),
        "ratio_low": round(spread[0], 3),
        "ratio_high": round(spread[-1], 3),
    }


def measured(tasks: Callable[[Any], dict[str, Task]], count: int, rounds: int) -> dict[str, dict]:
    """One row a task, printed as soon as it is known."""
    ours, theirs, rows = tasks(tinygrad_edu), tasks(torch), {}
    print(f"{'us per op':28s}{'tinygrad_edu':>14s}{'PyTorch':>10s}{'ratio':>8s}")
    for name in ours:
        row = rows[name] = compared(ours[name], theirs[name], count, rounds)
        a, b = row["tinygrad_edu_us"], row["pytorch_us"]
        print(f"{name:28s}{a:14.2f}{b:10.2f}{row['ratio']:8.2f}", flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--out", type=Path, default=RESULT)
    flags = parser.parse_args()
    torch.set_num_threads(1)
    rows = measured(chains, LENGTH, flags.rounds)
    single = measured(ops, CALLS, flags.rounds)
    worst = max(single, key=lambda name: single[name]["ratio"])
    print(f"worst of the single ops: {worst}, {single[worst]['ratio']:.2f} of PyTorch's time")
    result = {
        "what": (
            f"rows: chain of {LENGTH} multiplies on 4 float32 elements; ops: {CALLS} calls of one"
            f" op on at most 32 elements; one thread, median of {flags.rounds} rounds,"
            " microseconds per op"
        ),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "torch": torch.__version__,
        },
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "rows": rows,
        "ops": single,
        "worst": {"name": worst, "ratio": single[worst]["ratio"]},
    }
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
