"""A training that is killed again and again ends as one that was left alone. The long form is
`python tests/reliability/train_kills.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.cli import environment

pytest.importorskip("safetensors")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_kills_at_random_moments_lose_nothing_and_change_no_bit(tmp_path):
    tool = Path(__file__).with_name("train_kills.py")
    words = [sys.executable, str(tool), "--kills", "6", "--recipes", "names", "seq2seq"]
    done = subprocess.run(
        words, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=540
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "'kills': 6" in done.stdout.splitlines()[-1]
    assert "'unreadable': 0, 'different': 0" in done.stdout.splitlines()[-1]
