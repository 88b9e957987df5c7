"""Scripts in the manner of well-known courses run unchanged on this engine and on PyTorch, with the
same losses.

Each script draws its weights and data from NumPy, so that both engines start alike, and collects
numbers in its list `losses`.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.compat.hook import Renamed
from tinygrad_edu.compat.names import look_up, read_all
from tinygrad_edu.compat.table import real_name

HERE = Path(__file__).parent
SCRIPTS = sorted(p.stem for p in HERE.glob("*.py") if p.stem not in ("test_scripts", "common"))
ROOTS = {name: Renamed(name, import_module(real_name(name))) for name in ("torch", "torchvision")}
# relative: float32 sums in another order, and steps that make little differences grow
TOLERANCE = 2e-4


def engines_import(name, globals=None, locals=None, fromlist=(), level=0):
    """`__import__` for one script: PyTorch's modules are this engine's, the others themselves."""
    real = None if level else real_name(name)
    if real is None:
        return builtins.__import__(name, globals, locals, fromlist, level)
    module = import_module(real)
    root = name.split(".")[0]
    return ROOTS[root] if not fromlist or name == root else module


def run(script, monkeypatch, on_engine):
    """The losses of a script, and what it printed."""
    path = HERE / f"{script}.py"
    for module in re.findall(r"^# needs: (.+)$", path.read_text(), re.M):
        ours, _, theirs = module.partition(", ")
        module = ours if on_engine else theirs or ours
        pytest.importorskip(module, reason=f"{module} is not installed; pip install {module}")
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.setattr(sys, "argv", [path.name])
    space = {"__name__": "__main__", "__file__": str(path), "__builtins__": {**vars(builtins)}}
    if on_engine:
        space["__builtins__"]["__import__"] = engines_import
    with contextlib.redirect_stdout(io.StringIO()) as said:
        exec(compile(path.read_text(), str(path), "exec"), space)
    return np.array(space["losses"], float), said.getvalue()


@pytest.fixture(autouse=True)
def clean():
    tg.manual_seed(0)
    yield
    assert not tg.distributed.is_initialized()


@pytest.mark.filterwarnings("ignore::UserWarning")  # both engines say a few things once
@pytest.mark.parametrize("script", SCRIPTS)
def test_script_has_pytorchs_losses(script, monkeypatch):
    ours, said = run(script, monkeypatch, on_engine=True)
    assert len(ours) >= 4 and np.isfinite(ours).all() and said.strip()
    pytest.importorskip("torch", reason="PyTorch is not installed; pip install torch")
    text = (HERE / f"{script}.py").read_text()
    if "torchvision" in text:
        pytest.importorskip("torchvision", reason="torchvision is not installed")
    theirs, _ = run(script, monkeypatch, on_engine=False)
    given = re.search(r"^# tolerance: (\S+)", text, re.M)
    tolerance = float(given[1]) if given else TOLERANCE
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance / 10)


@pytest.mark.parametrize("script", SCRIPTS)
def test_check_finds_every_name_that_a_script_uses(script):
    uses, files = read_all(str(HERE / f"{script}.py"))
    assert len(uses) > 3 and str(HERE / "common.py") in files
    assert not {name: why for name in uses if (why := look_up(name)[1])}


def test_the_command_runs_a_script_to_its_result():
    done = subprocess.run(
        [sys.executable, "-m", "tinygrad_edu", "run", str(HERE / "mnist_cnn.py"), "--epochs", "1"],
        capture_output=True,
        text=True,
        cwd=Path(tg.__file__).parents[1],
        timeout=100,
    )
    assert done.returncode == 0, done.stderr
    assert "epoch 1 [0%] loss" in done.stdout and done.stdout.count("right") == 2
