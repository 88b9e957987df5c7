"""The promise of the main job: the embedded digits are enough for 96.5 % on MNIST's own test set,
within two minutes of CPU time.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu import storage
from tinygrad_edu.models import DigitNet
from tinygrad_edu.recipes.mnist_cnn import normalize
from tinygrad_edu.train import logits_of
from tinygrad_edu.vision.datasets import MNIST as MNIST_CLASS

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
    env = os.environ | {"PYTHONPATH": str(ROOT)}
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
    assert "Training on 4,000 embedded digits" in done.stdout
    test = MNIST_CLASS(MNIST, train=False)
    model = DigitNet()
    model.load_state_dict(storage.load(tmp_path / "run" / "best.safetensors")["model"])
    logits = logits_of(model, normalize(test.data))
    assert (logits.argmax(1) == test.targets).float().mean().item() >= 0.965
    assert seconds <= 120, f"took {seconds:.0f} s of CPU time"
