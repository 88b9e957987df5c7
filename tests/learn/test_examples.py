"""The examples of the course learn what they say: each is run as a reader runs it."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "examples"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not FOLDER.exists(), reason="examples/ is part of a checkout only"),
]


@pytest.mark.parametrize(
    "name, least",
    [
        ("03_tensor_engine.py", 85.0),
        ("04_cnn.py", 88.0),
        ("05_rnn.py", 98.0),
        ("06_transformer.py", 97.0),
    ],
)
def test_an_example_learns(name, least, capsys):
    runpy.run_path(str(FOLDER / name), run_name="__main__")
    reached = re.findall(r"([\d.]+)% of", capsys.readouterr().out)
    assert reached and min(map(float, reached)) >= least


@pytest.mark.parametrize("path", sorted(FOLDER.glob("0[3-6]_*.py")), ids=lambda p: p.stem)
def test_an_example_can_be_read_at_a_glance(path):
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    assert len(lines) <= 60
