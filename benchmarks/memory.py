"""The most memory a training step of a small CNN takes, beside PyTorch.

    python benchmarks/memory.py [--out benchmarks/results/memory.json]

Each engine runs in a process of its own: import, make the data, note the resident memory, do three
steps, and report the highest resident memory less that note. conv 1-32, conv 32-64, ReLU and
pooling after each, one linear layer, batch 256 of 28 x 28, SGD. The median of three processes each.
Linux (reads /proc). Needs PyTorch.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

RESULT = Path(__file__).parent / "results" / "memory.json"
ROOT = Path(__file__).parents[1]
BATCH, STEPS = 256, 3


def status(field: str) -> int:
    """A field of /proc/self/status in kilobytes: VmRSS is the resident memory now, VmHWM the
    highest since the start.
    """
    return next(
        int(line.split()[1])
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(field + ":")
    )


def measure(library: str) -> None:
    """Runs in the child: print the kilobytes that STEPS training steps added."""
    torch = importlib.import_module(library)
    nn = importlib.import_module(library + ".nn")
    optim = importlib.import_module(library + ".optim")
    torch.manual_seed(0)
    x, y = torch.randn(BATCH, 1, 28, 28), torch.randint(0, 10, (BATCH,))
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(64 * 7 * 7, 10),
    )
    optimizer = optim.SGD(model.parameters(), lr=0.01)
    Path("/proc/self/clear_refs").write_text("5")  # the highest mark starts again from here
    before = status("VmRSS")
    for _ in range(STEPS):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    print(status("VmHWM") - before)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--child", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, default=RESULT)
    flags = parser.parse_args()
    if flags.child:
        return measure(flags.child)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    peaks = {}
    for library in ("tinygrad_edu", "torch"):
        runs = [
            subprocess.run(
                [sys.executable, __file__, "--child", library],
                env=env,
                check=True,
                capture_output=True,
                text=True,
                timeout=1200,
            ).stdout
            for _ in range(3)
        ]
        peaks[library] = statistics.median(int(run) for run in runs) / 1024
        print(
            f"{library:14s}{peaks[library]:8.1f} MiB above the start of the first step", flush=True
        )
    ratio = peaks["tinygrad_edu"] / peaks["torch"]
    print(f"{'ratio':14s}{ratio:8.2f}")
    flags.out.parent.mkdir(parents=True, exist_ok=True)
    flags.out.write_text(
        json.dumps(
            {
                "what": (
                    f"peak resident memory of {STEPS} training steps of a two-layer CNN, batch"
                    f" {BATCH} x 1 x 28 x 28, above the start, MiB, median of 3 processes"
                ),
                "versions": {
                    "python": platform.python_version(),
                    **{name: importlib.metadata.version(name) for name in ("numpy", "torch")},
                },
                "machine": f"{platform.machine()}, {os.cpu_count()} cores",
                "tinygrad_edu_mib": round(peaks["tinygrad_edu"], 1),
                "pytorch_mib": round(peaks["torch"], 1),
                "ratio": round(ratio, 3),
            },
            indent=2,
        )
        + "\n"
    )


if __name__ == "__main__":
    main()
