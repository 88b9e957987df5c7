"""The promise of the main job: the embedded digits are enough for 96.5 % on MNIST's own test set,
within two minutes of CPU time.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

pytest.importorskip("safetensors")

ROOT = Path(tinygrad_edu.__file__).parents[1]
MNIST = Path(os.environ.get("TINYGRAD_EDU_TEST_DATA", ROOT.parent / "shared" / "data")) / "mnist"


def cpu_seconds_of_children() -> float:
    """What a busy machine does not change, unlike the wall clock."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.slow
@pytest.mark.skipif(
    not (MNIST / "t10k-images-idx3-ubyte.gz").exists(),
    reason=f"MNIST's test set is not in {MNIST}; set TINYGRAD_EDU_TEST_DATA",
)
def test_the_embedded_digits_reach_their_score_on_the_whole_test_set_in_little_time(tmp_path):
    env = os.environ | {"TINYGRAD_EDU_DATA": str(MNIST), "PYTHONPATH": str(ROOT)}
    begun = cpu_seconds_of_children()
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "train", "mnist-cnn", "--out", "run"],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
    )
    seconds = cpu_seconds_of_children() - begun
    assert done.returncode == 0, done.stderr
    assert (
        "Training on 5,000 embedded digits, testing on 10,000 images of MNIST's test set."
        in done.stdout
    )
    end = json.loads((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()[-1])
    assert end["event"] == "end" and end["test_accuracy"] >= 0.965
    assert seconds <= 120, f"took {seconds:.0f} s of CPU time"
