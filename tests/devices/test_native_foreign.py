"""The C++ kernels on instruction sets that this machine need not have: AArch64 under an emulator,
and every compiler that is here, without warnings.
"""

from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pytest
from support.native import DRAWN, agree, drawn, normal, results, rng
from support.native.foreign import Program, emulator

import tinygrad_edu as tg
import tinygrad_edu.optim  # declares the steps
from tinygrad_edu.devices.native import rungs as native_rungs
from tinygrad_edu.devices.native.source import FLAGS
from tinygrad_edu.devices.source import kernels_folder
from tinygrad_edu.devices.table import native_ladders
from tinygrad_edu.engine.device import cpu

pytestmark = pytest.mark.slow
LADDERS = native_ladders()
SOURCES = sorted({rung.source.path for ladder in LADDERS.values() for rung in ladder})


@pytest.fixture
def abroad(monkeypatch, tmp_path):
    """Calls of kernels go to programs for AArch64, and new arrays start as NaN."""
    if emulator() is None:
        pytest.skip("needs aarch64-linux-gnu-g++ and qemu-aarch64")
    programs = {}

    def call(self, *arguments):
        source, name = self.rung.source, self.rung.name
        if source not in programs:
            programs[source] = Program(source, tmp_path)
        programs[source].call(name, source.entries[name], (*arguments, 2))

    def empty(shape, like):
        out = np.empty(shape, getattr(like, "dtype", like))
        out.fill(np.nan if out.dtype.kind == "f" else 255)
        return out

    monkeypatch.setattr(native_rungs.Call, "__call__", call)
    monkeypatch.setattr(native_rungs.Call, "empty", staticmethod(empty))
    yield
    for program in programs.values():
        program.end()


def rungs_of(path):
    return [(op, r) for op, ladder in LADDERS.items() for r in ladder if r.source.path == path]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_every_rung_gives_the_generic_forwards_values_on_aarch64(path, abroad):
    """NEON: 4 lanes and 32 registers, and the compiler's other choices of rounding."""
    ran = 0
    for op, rung in rungs_of(path):
        if op not in DRAWN:
            continue  # the steps of optimisers: below
        for seed in range(6):
            with np.errstate(all="ignore"):
                args = drawn(op, rung.label, rng(seed))
                with tg.use_kernel(**{op: 0}):
                    expected = results(getattr(cpu.F, op)(*args))
                call = native_rungs.Call(rung, lambda: 2)
                agree(results(rung.launcher(call, *args)), expected)
                ran += 1
    if not ran:
        pytest.skip("no arguments are drawn for this file: tested below, or not an op's")


@pytest.mark.parametrize("op", ["adam_update", "sgd_update"])
def test_a_step_of_an_optimiser_does_on_aarch64_what_it_does_here(op, abroad):
    for rung in LADDERS[op]:
        g = rng()
        state = [normal(g, 71), normal(g, 71), np.abs(normal(g, 71)), np.abs(normal(g, 71))]
        if op == "adam_update":
            state.append(None)
            settings = (3, 0.01, 0.8, 0.9, 1e-6, 0.1, True, False)
        else:
            state, settings = state[:3], (0.1, 0.9, 0.3, 0.1)
        here = [None if a is None else a.copy() for a in state]
        with tg.use_kernel(**{op: 0}):
            getattr(cpu.F, op)(*here, *settings)
        rung.launcher(native_rungs.Call(rung, lambda: 2), *state, *settings)
        pairs = [(a, b) for a, b in zip(state, here) if a is not None]
        agree([a for a, _ in pairs], [b for _, b in pairs], rtol=2e-6)


COMPILERS = ["g++ -march=x86-64", "g++ -march=x86-64-v3", "g++ -march=x86-64-v4"]
COMPILERS += ["clang++ -march=x86-64-v3", "clang++ -march=x86-64-v4", "aarch64-linux-gnu-g++"]


@pytest.mark.parametrize("compiler", COMPILERS)
def test_kernels_compile_without_a_warning(compiler):
    """AVX-512 too, which no emulator at hand runs."""
    program, *march = compiler.split()
    if shutil.which(program) is None:
        pytest.skip(f"needs {program}")
    flags = [flag for flag in FLAGS if flag not in ("-w", "-shared")]
    warnings = ["-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-fsyntax-only"]
    for path in sorted(kernels_folder().glob("*.cpp")):
        command = [program, *march, *flags, *warnings, "-fopenmp", str(path)]
        said = subprocess.run(command, capture_output=True, text=True, timeout=120)
        assert not said.returncode, f"{path.name}: {said.stderr}"
