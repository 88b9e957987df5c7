"""Threads or processes as DataLoader workers: how long an epoch takes with each.

    python benchmarks/data_loading.py [--out benchmarks/results/data_loading.json]

Two datasets: one whose samples are made by NumPy, which releases Python's lock, and one whose
augmentation is a loop in Python, which holds it. Times are the least of several epochs; the first
epoch, which starts the workers, is given beside them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"):
    os.environ.setdefault(name, "1")
sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np

from tinygrad_edu.data import DataLoader

SAMPLES, BATCH, WORKERS, EPOCHS = 192, 16, 2, 3
WAYS = {
    "no workers": {},
    "2 threads": {"num_workers": WORKERS},
    "2 processes, fork": {"num_workers": WORKERS, "multiprocessing_context": "fork"},
    "2 processes, spawn": {"num_workers": WORKERS, "multiprocessing_context": "spawn"},
}


class ByNumPy:
    """Pictures (3, 256, 256) that are blurred by NumPy."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> np.ndarray:
        x = np.full((3, 256, 256), i, np.float32)
        for axis in (1, 2):
            for _ in range(6):
                x = (x + np.roll(x, 1, axis) + np.roll(x, -1, axis)) / 3
        return x


class ByPython:
    """Rows of 20,000 numbers that a loop in Python mixes."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> np.ndarray:
        state, row = i + 1, []
        for _ in range(20_000):
            state = (1103515245 * state + 12345) % 2**31
            row.append(state % 256)
        return np.array(row, np.float32)


class Large:
    """Pictures (3, 512, 512) that cost next to nothing to make: what the way to the loop costs."""

    def __len__(self) -> int:
        return SAMPLES

    def __getitem__(self, i: int) -> np.ndarray:
        return np.full((3, 512, 512), i, np.float32)


def seconds(loader: DataLoader) -> float:
    begun = time.perf_counter()
    count = sum(len(batch) for batch in loader)
    assert count == SAMPLES
    return time.perf_counter() - begun


def measure(dataset: object) -> dict[str, dict[str, float]]:
    found = {}
    for name, flags in WAYS.items():
        loader = DataLoader(dataset, BATCH, persistent_workers=bool(flags), **flags)
        first = seconds(loader)
        rest = min(seconds(loader) for _ in range(EPOCHS))
        found[name] = {"first_epoch_s": round(first, 3), "epoch_s": round(rest, 3)}
        print(f"{type(dataset).__name__:<10} {name:<20} {first:7.3f} s first, {rest:7.3f} s after")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    rows = {type(data).__name__: measure(data) for data in (ByNumPy(), ByPython(), Large())}
    result = {
        "what": f"seconds for an epoch of {SAMPLES} samples in batches of {BATCH}",
        "cores": os.cpu_count(),
        "note": "on a machine shared with other work",
        "rows": rows,
    }
    if args.out:
        args.out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
