"""Train the network that the playground's digit page asks, and write its weights into the package.

    python tools/make_digit_weights.py             about a minute

It is the recipe mnist-cnn on the 5,000 embedded digits, seed 0. The weights are stored in half
precision: 160 kB. The score on the recipe's 500 test digits is printed before and after rounding.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

import tinygrad_edu as torch
from tinygrad_edu import storage
from tinygrad_edu.cli import main
from tinygrad_edu.models import DigitNet
from tinygrad_edu.recipes.mnist_cnn import normalize
from tinygrad_edu.train import logits_of, scores
from tinygrad_edu.train.sources.pictures import find_digits

WEIGHTS = ROOT / "tinygrad_edu" / "learn" / "playground" / "digits.safetensors"


def make() -> int:
    with tempfile.TemporaryDirectory() as folder:
        code = main(["train", "mnist-cnn", "--out", f"{folder}/run"])
        if code:
            return code
        saved = storage.load(f"{folder}/run/best.safetensors")
    exact = saved["model"]
    rounded = {
        name: value.half() if value.dtype == torch.float32 else value
        for name, value in exact.items()
    }
    storage.save({"recipe": saved["recipe"], "model": rounded}, WEIGHTS)
    for text, weights in (("as trained", exact), ("rounded", rounded)):
        print(f"{text:<11} {100 * accuracy(weights):.2f} % of the test digits")
    print(f"{WEIGHTS.relative_to(ROOT)}: {WEIGHTS.stat().st_size:,} bytes")
    return 0


def accuracy(weights: dict) -> float:
    data = find_digits("embedded")
    model = DigitNet()
    model.load_state_dict(weights)
    return scores(logits_of(model, normalize(data.test_images)), data.test_labels)[1]


if __name__ == "__main__":
    sys.exit(make())
