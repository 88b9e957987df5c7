"""benchmarks/gpu_run.py and what it starts, on the emulator and with parts that fail: a lent GPU
must not be wasted by a slip.
"""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from support import fake_cupy

import tinygrad_edu as tg

FOLDER = Path(tg.__file__).parents[1] / "benchmarks"
if not FOLDER.exists():
    pytest.skip("benchmarks/ is part of a checkout only", allow_module_level=True)
pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="g++ is not installed: emu cannot run kernels"
)


def load(name):
    spec = importlib.util.spec_from_file_location(name, FOLDER / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


gpu_run = load("gpu_run")


def call(monkeypatch, out, *words):
    monkeypatch.setattr(
        sys, "argv", ["gpu_run.py", "--out", str(out), "--device", "emu", "--quick", *words]
    )
    code = gpu_run.main()
    return code, {path.stem: json.loads(path.read_text()) for path in out.glob("*.json")}


def test_parts_run_on_emu_and_write_their_results(monkeypatch, tmp_path):
    code, results = call(monkeypatch, tmp_path, "--parts", "ladders,sanitizer,ncu")
    assert code == 0
    assert set(results) == {"ladders", "sanitizer", "ncu"}
    assert all(r["state"] == "passed" for r in results.values())
    assert {row["device"] for row in results["ladders"]["rows"]} == {"emu"}
    assert not any("cold_ms" in row for row in results["ladders"]["rows"])
    assert results["ladders"]["targets"] == {}
    assert "without it" in results["sanitizer"]["note"]
    assert "softmax_1_naive" in (tmp_path / "log.txt").read_text()
    assert len(list(tmp_path.iterdir())) == 4, "few files come back from a lent machine"


def test_a_part_that_fails_or_is_late_stops_no_other(monkeypatch, tmp_path):
    def broken(part):
        raise ValueError("broken")

    def late(part):
        done = part.python(
            "-c",
            "import subprocess, sys; print('begun'); subprocess.run([sys.executable, '-c', 'import"
            " time; time.sleep(60)'])",
        )
        part.save(state="out of time" if done["timed_out"] else "passed", said=done["said"])

    monkeypatch.setattr(
        gpu_run,
        "PARTS",
        {
            "broken": (broken, 5),
            "late": (late, 1),
            "fine": (lambda part: part.save(state="passed"), 5),
        },
    )
    begun = time.monotonic()
    code, results = call(monkeypatch, tmp_path, "--parts", "broken,late,fine")
    assert time.monotonic() - begun < 15
    assert code == 1
    assert results["broken"]["error"] == "ValueError: broken"
    assert results["late"]["state"] == "out of time"
    assert "begun" in results["late"]["said"]
    assert results["fine"]["state"] == "passed"


def test_all_parts_together_stay_below_nine_minutes():
    assert sum(seconds for _, seconds in gpu_run.PARTS.values()) <= gpu_run.TOTAL <= 520


def test_the_csv_of_ncu_is_read():
    said = "==PROF== Connected\n" + "\n".join(
        [
            '"ID","Kernel Name","Metric Name","Metric Unit","Metric Value"',
            '"0","a","l1tex__t_sectors_pipe_lsu_mem_global_op_ld.sum","sector","4,096"',
            '"0","a","l1tex__t_requests_pipe_lsu_mem_global_op_ld.sum","","1,024"',
            '"0","a","dram__bytes.sum","byte","131,072.5"',
        ]
    )
    assert gpu_run.read_ncu(said) == {
        "load_sectors": 4096,
        "load_requests": 1024,
        "dram_bytes": 131072.5,
        "load_sectors_per_request": 4.0,
    }


def test_targets_look_at_the_best_rung():
    rows = [
        {
            "op": "softmax",
            "kernel": "softmax_1_naive",
            "shape": [2, 2],
            "cold_ms": [1, 1, 1],
            "share_of_limit": 0.2,
            "share_of_peer": {},
        },
        {
            "op": "softmax",
            "kernel": "softmax_5_registers",
            "shape": [2, 2],
            "cold_ms": [1, 1, 1],
            "share_of_limit": 0.9,
            "share_of_peer": {},
        },
        {
            "op": "softmax",
            "kernel": "PyTorch",
            "peer": True,
            "shape": [2, 2],
            "cold_ms": [1, 1, 1],
            "share_of_limit": 1.0,
            "share_of_peer": {},
        },
        {
            "op": "matmul",
            "kernel": "matmul_1_naive",
            "shape": [2, 2, 2],
            "cold_ms": [1, 1, 1],
            "share_of_limit": 0.99,
            "share_of_peer": {"cuBLAS (CuPy)": 0.1},
        },
        {
            "op": "matmul",
            "kernel": "matmul_9_mma",
            "coarse": True,
            "shape": [2, 2, 2],
            "cold_ms": [1, 1, 1],
            "share_of_limit": 9.0,
            "share_of_peer": {"cuBLAS (CuPy)": 5.0},
        },
    ]
    found = gpu_run.reached(rows)
    assert found["softmax"]["kernel"] == "softmax_5_registers" and found["softmax"]["reached"]
    assert found["matmul"]["share"] == 0.1 and not found["matmul"]["reached"]


@pytest.mark.parametrize("model", ["cnn", "lstm", "gpt"])
def test_training_steps_are_timed_and_captured_on_a_stand_in(monkeypatch, model):
    fake_cupy.install(monkeypatch, fake_cupy.make())
    saved = []
    row = load("training_steps").measure(model, "cuda", True, 0.0, saved.append)
    assert set(row["engines"]) == {"tinygrad_edu", "tinygrad_edu, captured"}
    assert all("ms" in figures for figures in row["engines"].values()), row["engines"]
    assert row["losses"]["tinygrad_edu"][2] < row["losses"]["tinygrad_edu"][0]
    assert row["torch"] in ("not installed", "without CUDA")
    assert saved


@pytest.mark.parametrize("model", ["cnn", "lstm", "gpt"])
def test_both_engines_train_alike_from_the_same_weights(model):
    torch = pytest.importorskip("torch")
    steps = load("training_steps")
    size = steps.SIZES[model][1]
    ours, step = steps.trainer(tg, model, size, "cpu", None)
    weights = {k: v.numpy().copy() for k, v in ours.state_dict().items()}
    _, their_step = steps.trainer(torch, model, size, "cpu", weights)
    np.testing.assert_allclose(
        [step().item() for _ in range(3)], [their_step().item() for _ in range(3)], rtol=1e-4
    )


def test_the_smoke_script_runs_each_kernel_and_checks_it():
    done = subprocess.run(
        [sys.executable, str(FOLDER / "smoke.py"), "--device", "emu", "--only", "softmax_1_naive"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "softmax_1_naive" in done.stdout and "WRONG" not in done.stdout


def test_a_tool_that_is_stopped_by_its_limit_has_not_passed():
    assert gpu_run.state_of({"timed_out": True, "code": -2}) == "out of time"
    assert gpu_run.state_of({"timed_out": False, "code": 1}) == "failed"
    assert gpu_run.state_of({"timed_out": False, "code": 0}) == "passed"


def test_the_kernels_for_the_sanitizer_are_there():
    from tinygrad_edu.bench.ladder import rungs_of

    assert all(rungs_of(name) for name in gpu_run.FOR_SANITIZER)


def test_every_source_is_compiled_once_on_a_stand_in(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TINYGRAD_EDU_CACHE", str(tmp_path))
    fake = fake_cupy.make()
    fake_cupy.install(monkeypatch, fake)
    monkeypatch.setattr(sys, "argv", ["smoke.py", "--compile-only"])
    assert runpy.run_path(str(FOLDER / "smoke.py"))["main"]() == 0
    assert re.search(r"\d+ sources, 0 failed", capsys.readouterr().out)
    names = [path.name for path in (tmp_path / "cuda").glob("*.cubin")]  # each with its checksum
    assert len(names) == len(fake.state.compiled) > 40
