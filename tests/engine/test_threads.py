"""Thread settings: one place owns them, the environment has the last word."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.cli import call

import tinygrad_edu as tg
from tinygrad_edu.devices.cpu import threads


def settings_after(code: str, **environment: str) -> str:
    clean = {
        k: v
        for k, v in os.environ.items()
        if k not in ("OPENBLAS_THREAD_TIMEOUT", "OMP_WAIT_POLICY")
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_the_number_of_threads_can_be_chosen_and_is_told():
    pytest.importorskip("threadpoolctl")
    before = tg.get_num_threads()
    try:
        tg.set_num_threads(1)
        assert tg.get_num_threads() == 1
        assert (tg.ones(64, 64) @ tg.ones(64, 64)).sum().item() == 64**3
    finally:
        tg.set_num_threads(before)
    assert tg.get_num_threads() == before


@pytest.mark.parametrize("wrong", [0, -1, 1.5, True, "2", None])
def test_a_number_of_threads_that_is_none_is_refused_with_a_remedy(wrong):
    with pytest.raises(
        (TypeError, ValueError), match=r"set_num_threads: threads must be .* got .* Give a number"
    ):
        tg.set_num_threads(wrong)


def test_blas_threads_sleep_when_idle_unless_the_environment_says_otherwise():
    ask = "import tinygrad_edu, os; print(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))"
    assert settings_after(ask) == "4"
    assert settings_after(ask, OPENBLAS_THREAD_TIMEOUT="20") == "20"
    assert settings_after("import numpy; " + ask) == "None", (
        "too late: the setting must not be claimed"
    )


def test_the_training_command_takes_a_number_of_threads(tmp_path):
    words = ("train", "mnist-cnn", "--limit", 100, "--epochs", 1, "--threads", 1, "--out", "run")
    code, _, err = call(*words, cwd=tmp_path)
    assert code == 0, err
    assert (tmp_path / "run" / "last.safetensors").exists()


def test_a_missing_package_does_not_stop_a_record(monkeypatch):
    """NumPy alone is enough to train: what cannot be told is None, not an error."""
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    assert threads.known_num_threads() is None
    with pytest.raises(
        ModuleNotFoundError, match="get_num_threads: needs the package threadpoolctl"
    ):
        tg.get_num_threads()
