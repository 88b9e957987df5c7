"""Type checkers on users' code: they accept tests/typing/users.py and refuse all of wrong.py."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_edu

ROOT = Path(tinygrad_edu.__file__).parents[1]
FILES = ["tests/typing/users.py", "tests/typing/wrong.py"]


def checker(*words: str) -> subprocess.CompletedProcess[str]:
    if not (ROOT / FILES[0]).exists():
        pytest.skip("tests/ is part of a checkout only")
    command = [sys.executable, "-m", *words]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600)


def test_what_users_write_runs():
    runpy.run_path(str(ROOT / FILES[0]))


def test_both_files_hold_enough_to_mean_something():
    users, wrong = [(ROOT / name).read_text(encoding="utf-8") for name in FILES]
    assert users.count("assert_type(") > 100
    assert len(re.findall(r"# type: ignore\[[a-z-]+\]$", wrong, re.M)) > 50
    assert "ignore" not in users


@pytest.mark.slow
def test_mypy_accepts_what_users_write_and_refuses_each_mistake():
    pytest.importorskip("mypy")
    done = checker("mypy", *FILES)  # pyproject.toml makes an unused ignore an error
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_pyright_accepts_what_users_write_and_refuses_each_mistake():
    pytest.importorskip("pyright")
    if checker("pyright", "--version").returncode:
        pytest.skip("pyright cannot be downloaded here")
    done = checker("pyright", "--pythonpath", sys.executable, *FILES)
    assert done.returncode == 0, done.stdout + done.stderr
