"""Every kernel compiles for real GPUs, without spills, and takes the registers that
kernels/registers.json says. Needs NVRTC, not a GPU.
"""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path

import pytest

import tinygrad_edu
from tinygrad_edu.devices import launch as ladder
from tinygrad_edu.devices.launch.elementwise import GENERATED
from tinygrad_edu.devices.source import read

ROOT = Path(tinygrad_edu.__file__).parents[1]
TOOL = ROOT / "tools" / "check_kernels.py"
if not TOOL.exists():
    pytest.skip("tools/ is part of a checkout only", allow_module_level=True)
spec = importlib.util.spec_from_file_location("check_kernels", TOOL)
check = importlib.util.module_from_spec(spec)
spec.loader.exec_module(check)

LOG = """ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'a_2_b' for 'sm_90'
ptxas info    : Function properties for a_2_b
ptxas         .     24 bytes stack frame, 4 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 32 registers, used 1 barriers, 24 bytes cumulative stack size, 512 bytes smem
ptxas info    : Compiling entry function 'a_1_b' for 'sm_90'
ptxas info    : Function properties for a_1_b
ptxas         .     0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 8 registers, used 0 barriers"""


@pytest.fixture(scope="module")
def nvrtc():
    try:
        return check.Nvrtc()
    except check.Missing as reason:
        pytest.skip(str(reason))


# ---- the tool, without a compiler ----


def test_the_log_of_ptxas_is_read():
    assert check.usage(LOG) == {
        "a_2_b": {"registers": 32, "shared": 512, "stack": 24, "spills": 12},
        "a_1_b": {"registers": 8, "shared": 0, "stack": 0, "spills": 0},
    }


def test_a_marker_line_restricts_the_architectures():
    assert check.architectures("// uses wgmma\n// arch: sm_90a\n") == ("sm_90a",)
    assert check.architectures("int arch; // arch: sm_90a") == check.ARCHS


def test_another_compiler_is_not_held_to_the_registers_but_to_shared_memory():
    found = {"a_1_b": {"sm_90": {"registers": 9, "shared": 0, "stack": 0, "spills": 0}}}
    table = {"nvrtc": "13.5", "kernels": {"a_1_b": {"sm_90": [8, 0]}}}
    assert len(check.differences(found, table, "13.5")) == 1
    assert not check.differences(found, table, "14.0")
    found["a_1_b"]["sm_90"]["shared"] = 512
    assert len(check.differences(found, table, "14.0")) == 1


def test_the_table_lists_exactly_the_kernels_of_the_sources():
    rows = json.loads(check.TABLE.read_text(encoding="utf-8"))["kernels"]
    entries = {
        name: set(check.architectures(path.read_text(encoding="utf-8")))
        for path in check.sources()
        for name in read(path).entries
    }
    assert {name: set(row) for name, row in rows.items()} == entries, (
        "run tools/check_kernels.py --write"
    )


def test_every_rung_of_a_ladder_is_in_the_table():
    rows = json.loads(check.TABLE.read_text(encoding="utf-8"))["kernels"]
    assert {
        rung.name for op, rungs in ladder.ladders.items() if op not in GENERATED for rung in rungs
    } <= set(rows)


# ---- with NVRTC ----


@pytest.mark.parametrize(
    "path", check.sources(), ids=lambda path: path.relative_to(check.KERNELS).as_posix()
)
def test_each_file_compiles_without_spills_and_as_the_table_says(nvrtc, path):
    found, wrong = check.compile_all(nvrtc, [path])
    assert not wrong + check.differences(found, check.read_table(), nvrtc.version)
    assert set(found) == set(read(path).entries)


@pytest.mark.parametrize("arch", ["sm_75", "sm_100"])
def test_generated_kernels_compile_without_spills(nvrtc, arch):
    text = "\n".join(made.source.text for made in GENERATED.values())
    found = check.usage(nvrtc.compile(text, "generated.cu", arch))
    assert set(found) == {name for made in GENERATED.values() for name in made.source.entries}
    assert not [name for name, row in found.items() if row["spills"]]


def test_a_source_that_does_not_compile_is_told_with_its_line(nvrtc):
    with pytest.raises(check.Refused, match=re.escape("bad.cu(2)")):
        nvrtc.compile(
            '#include "common.cuh"\nextern "C" __global__ void f(float* x) { y = 1; }\n',
            "bad.cu",
            "sm_90",
        )
