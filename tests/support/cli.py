"""The command line, run as a user runs it, and what a run leaves in its folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

import tinygrad_edu
from tinygrad_edu import storage as io

ROOT = Path(tinygrad_edu.__file__).parents[1]
BARE = Path(__file__).parent / "bare"  # a Matplotlib that cannot be imported


def environment(plots: bool = False, **more: str) -> dict[str, str]:
    """What a process of a test finds. Plots take longer than a small training: only a test that
    looks at them asks for them.
    """
    env = {key: value for key, value in os.environ.items() if key != "TINYGRAD_EDU_DATA"}
    path = [str(ROOT)] if plots else [str(BARE), str(ROOT)]
    return env | {"PYTHONPATH": os.pathsep.join(path), "PYTHONUNBUFFERED": "1"} | more


def start(*words: object, cwd: Path, **env: Any) -> subprocess.Popen:
    """Start `tinygrad-edu WORDS...` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "tinygrad_edu", *map(str, words)],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def call(*words: object, cwd: Path, **env: Any) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of `tinygrad-edu WORDS...`."""
    process = start(*words, cwd=cwd, **env)
    out, err = process.communicate(timeout=240)
    return process.returncode, out, err


def weights(folder: Path) -> dict[str, np.ndarray]:
    """The weights of a run's last checkpoint."""
    model = io.load(folder / "last.safetensors")["model"]
    return {name: value.numpy() for name, value in model.items()}


def lines(folder: Path) -> list[dict]:
    """The events of a run's metrics."""
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def assert_same_run(a: Path, b: Path) -> None:
    """Every bit of the state is equal, and the metrics too, but for the clock."""
    one, two = weights(a), weights(b)
    assert one.keys() == two.keys()
    assert all(one[name].tobytes() == two[name].tobytes() for name in one)
    first, second = (io.load(folder / "last.safetensors") for folder in (a, b))
    assert str(first["optimizer"]) == str(second["optimizer"])
    assert first["state"]["losses"].tolist() == second["state"]["losses"].tolist()
    generators = (np.asarray(run["default_generator"]) for run in (first, second))
    assert np.array_equal(*generators)
    assert timeless(lines(a)) == timeless(lines(b))


def timeless(events: list[dict]) -> list[dict]:
    """Steps and epochs without what the clock decides."""
    return [
        {k: v for k, v in event.items() if "second" not in k}
        for event in events
        if event["event"] in ("step", "epoch")
    ]


SIGNALLED = """
import os, signal, sys
from tinygrad_edu.cli import main
from tinygrad_edu.train.run import Run

number, step = map(int, sys.argv[1:3])
if number != signal.SIGKILL:
    signal.signal(number, signal.SIG_DFL)  # nohup and a shell's & leave some ignored
record = Run.record

def record_and_signal(run, *args, **kwargs):
    record(run, *args, **kwargs)
    if run.step == step:
        os.kill(os.getpid(), number)

Run.record = record_and_signal
sys.argv[:3] = ["tinygrad-edu"]
sys.exit(main(sys.argv[1:]))
"""


def stopped(number: int, step: int, *words: object, cwd: Path, **env: Any) -> tuple[int, str]:
    """Run `tinygrad-edu WORDS...` until signal `number` arrives after that step of the training,
    however fast or slow the machine is. Returns the exit code and standard error.
    """
    process = subprocess.Popen(
        [sys.executable, "-c", SIGNALLED, str(int(number)), str(step), *map(str, words)],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _, err = process.communicate(timeout=900)
    return process.returncode, err
