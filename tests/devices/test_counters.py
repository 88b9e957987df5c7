"""The profile's counters of small kernels, against values worked out by hand or published; the
occupancy calculator against NVIDIA's own tables; the views of a report.
"""

from __future__ import annotations

import shutil

import pytest
from support.cli import call

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.devices.occupancy import LIMITS, occupancy, registers_of
from tinygrad_edu.engine.errors import KernelError

needs_compiler = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")


def report(body, block=256, grid=1, n=4096, shared="", parameters="float* y, const float* x"):
    """The report of one launch whose body begins on line 2; y and x have n elements."""
    text = f"__global__ void f({parameters}) {{ int i = threadIdx.x; {shared}\n{body}\n}}"
    with tg.profile(flops=False) as p:
        RawKernel(text, "f")((grid,), block, (tg.zeros(n).to("emu"), tg.ones(n).to("emu")))
    return p.launches[0]


def per_request(found, kind, array, line=None):
    rows = [r for r in found.rows if (r.kind, r.array) == (kind, array)]
    rows = [r for r in rows if line is None or r.line == line]
    return sum(r.units for r in rows) / sum(r.requests for r in rows)


TILE = "__shared__ float s[32][{w}]; int a = threadIdx.x, b = threadIdx.y;"
# what is read or written how, and how many sectors of 32 bytes (or passes over 32 banks) one
# request of a warp takes: by hand, from 32 lanes of 4 bytes and the addresses
BY_HAND = {
    "neighbours": ("y[i] = 1.0f;", "store", "y", 4),
    "stride of two": ("y[2 * i] = 1.0f;", "store", "y", 8),
    "stride of eight": ("y[8 * i] = 1.0f;", "store", "y", 32),
    "one place for all": ("y[i] = x[7];", "load", "x", 1),
    "shifted by one": ("y[i + 1] = 1.0f;", "store", "y", 5),
    "reversed": ("y[255 - i] = 1.0f;", "store", "y", 4),
    "float4": ("((float4*)y)[i] = make_float4(1, 2, 3, 4);", "store", "y", 16),
    "float2": ("((float2*)y)[i] = make_float2(1, 2);", "store", "y", 8),
    "two bytes": ("((short*)y)[i] = 1;", "store", "y", 2),
    "one byte": ("((char*)y)[i] = 1;", "store", "y", 1),
    "three floats apart": ("y[3 * i] = 1.0f;", "store", "y", 12),
    "half a warp": ("if (i % 2) y[i] = 1.0f;", "store", "y", 4),
    "one lane": ("if (i % 32 == 3) y[i] = 1.0f;", "store", "y", 1),
    "atomics to one place": ("atomicAdd(y, 1.0f);", "atomic", "y", 1),
    "atomics in order": ("atomicAdd(y + i, 1.0f);", "atomic", "y", 4),
}


@needs_compiler
@pytest.mark.parametrize("name", BY_HAND)
def test_sectors_are_those_worked_out_by_hand(name):
    body, kind, array, sectors = BY_HAND[name]
    assert per_request(report(body), kind, array) == sectors


@needs_compiler
@pytest.mark.parametrize(
    ("index", "passes"),
    [
        ("i", 1),
        ("2 * i", 2),
        ("4 * i", 4),
        ("32 * i % 2048", 32),
        ("33 * i % 2048", 1),
        ("i / 2", 1),  # two lanes read one word
        ("i ^ 5", 1),
    ],
)
def test_passes_over_the_banks_are_those_worked_out_by_hand(index, passes):
    found = report(
        f"for (int k = i; k < 2048; k += 32) s[k] = x[k];\n__syncwarp();\ny[i] = s[{index}];",
        block=32,
        shared="__shared__ float s[2048];",
    )
    assert per_request(found, "load", "shared", 4) == passes


@needs_compiler
@pytest.mark.parametrize(("width", "passes"), [(32, 32), (33, 1)])
def test_a_tile_read_by_columns_conflicts_unless_it_is_padded(width, passes):
    found = report(
        "s[b][a] = x[32 * b + a];\n__syncthreads();\ny[32 * b + a] = s[a][b];",
        block=(32, 32),
        shared=TILE.format(w=width),
    )
    assert per_request(found, "load", "shared") == passes
    assert per_request(found, "load", "x") == per_request(found, "store", "y") == 4


@needs_compiler
def test_harris_first_reduction_takes_23_passes_in_8_steps():
    # M. Harris, Optimizing Parallel Reduction in CUDA: interleaved addresses, modulo
    body = (
        "s[i] = x[i]; __syncthreads();\nfor (int d = 1; d < 256; d *= 2) {\n"
        "  if (i % (2 * d) == 0) s[i] += s[i + d];\n  __syncthreads();\n}\nif (!i) y[0] = s[0];"
    )
    found = report(body, shared="__shared__ float s[256];")
    barriers = {line: count for kind, line, count in found.events if kind == "barrier"}
    assert barriers == {2: 1, 5: 8}
    rows = [r for r in found.rows if r.space == "shared" and r.line == 4]
    assert all(r.units == r.ideal for r in rows)
    assert min(r.active for r in rows) < 8  # lanes of a warp take both branches


@needs_compiler
def test_the_naive_product_reads_and_multiplies_as_its_formula_says():
    text = (
        "__global__ void f(float* c, const float* a, const float* b) {\n"
        "  int col = threadIdx.x, row = threadIdx.y; float sum = 0;\n"
        "  for (int k = 0; k < 32; ++k) sum += a[32 * row + k] * b[32 * k + col];\n"
        "  c[32 * row + col] = sum;\n}"
    )
    a, b, c = (tg.ones(32, 32).to("emu") for _ in range(3))
    with tg.profile() as p:
        RawKernel(text, "f")((1,), (32, 32), (c, a, b))
    found = p.launches[0]
    assert found.total_flops == 2 * 32**3
    assert per_request(found, "load", "a") == 1 and per_request(found, "load", "b") == 4
    assert found.bytes_touched == 3 * 32 * 32 * 4
    assert found.instructions == {"load": 2 * 32 * 32, "store": 32}


# ---- occupancy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "blocks", "limit"),
    [
        ((256, 0, 32, "8.0"), 8, "threads"),
        ((256, 0, 32, "8.6"), 6, "threads"),
        ((256, 0, 64, "8.0"), 4, "registers"),
        ((1024, 0, 64, "9.0"), 1, "registers"),
        ((32, 0, 32, "9.0"), 32, "blocks"),
        ((32, 0, 32, "7.5"), 16, "blocks"),
        ((128, 48 << 10, 32, "8.0"), 3, "shared memory"),
        ((128, 48 << 10, 32, "9.0"), 4, "shared memory"),
        ((128, 99 << 10, 32, "8.6"), 1, "shared memory"),
        ((96, 0, 168, "8.0"), 4, "registers"),
    ],
)
def test_occupancy_is_that_of_nvidias_tables(arguments, blocks, limit):
    found = occupancy(*arguments)
    assert (found.blocks, found.limit) == (blocks, limit)
    assert found.warps == blocks * -(-arguments[0] // 32)
    assert 0 < found.share <= 1


def test_occupancy_refuses_what_cannot_run():
    for arguments in ((2000,), (128, 200 << 10, 32, "8.0"), (128, 0, 300), (64, 0, 32, "3.5")):
        with pytest.raises(KernelError, match="occupancy"):
            occupancy(*arguments)
    assert set(LIMITS) >= {"7.5", "8.0", "8.6", "8.9", "9.0", "10.0", "12.0"}
    assert registers_of("softmax_5_registers") and registers_of("nothing") is None


def test_the_command_tells_the_occupancy_for_each_kind_of_gpu(tmp_path):
    words = ("kernels", "occupancy", "--threads", "256")
    code, out, _ = call(*words, "--registers", "64", "--shared", "49152", cwd=tmp_path)
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert code == 0 and set(lines) == set(LIMITS)
    assert "3 blocks a multiprocessor, 24 of 64 warps (38%), limited by shared" in lines["8.0"]
    assert "1 blocks" in lines["7.5"]
    _, out, _ = call(*words, "--kernel", "softmax_5_registers", cwd=tmp_path)
    assert "registers" in out and "are not known" in out
    assert call(*words, cwd=tmp_path)[0] == 2
    _, out, _ = call(*words, "--registers", "64", "--shared", "120000", cwd=tmp_path)
    assert "a block does not fit" in out


# ---- views ---------------------------------------------------------------------------------------


@needs_compiler
def test_a_report_tells_lanes_barriers_instructions_and_occupancy(tmp_path):
    found = report(
        "if (i % 32 < 4) s[i] = x[i];\n__syncthreads();\nif (i % 32 < 4) y[i] = s[i];",
        shared="__shared__ float s[256];",
    )
    assert {r.active for r in found.rows} == {4.0}
    assert found.instructions == {"load": 16, "store": 16, "barrier": 8}
    assert found.shared == 1024
    assert "only 4.0 of 32 lanes" in found.advice()
    text = found.text()
    assert "barriers of a block: line 3 1 times" in text
    assert "limited by threads at 32 registers a thread (a guess)" in text
    assert found.occupancy(registers=255).limit == "registers"
    with tg.profile() as p, tg.no_grad():
        tg.ones(4, 300).to("emu").softmax(-1)
    page = p.html(tmp_path / "p.html").read_text(encoding="utf-8")
    assert "lanes touch" in page and "Roofline" in page and "name=viewport" in page
    picture = p.roofline(tmp_path / "roof.svg").read_text(encoding="utf-8")
    assert picture.startswith("<svg xmlns=") and p.launches[0].kernel in picture


@needs_compiler
def test_two_profiles_stand_side_by_side():
    def profiled(stride):
        text = f"__global__ void f(float* y) {{ y[threadIdx.x * {stride}] = 1.0f; }}"
        with tg.profile(flops=False) as p:
            RawKernel(text, "f")((1,), (32,), (tg.zeros(256).to("emu"),))
        return p

    lines = profiled(8).compare(profiled(1), ("mine", "solution")).splitlines()
    assert lines[0] == "f" and lines[1].split() == ["mine", "solution"]
    assert [line.split() for line in lines if "sectors  " in line or line.split()[0] == "sectors"][
        0] == ["sectors", "32", "4"]  # fmt: skip
