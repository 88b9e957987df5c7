"""The emulator's checker and profiler: each planted mistake is found at its line, correct kernels
are clean, and the counters are exact.
"""

from __future__ import annotations

import os
import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.devices.emu.launch import independent
from tinygrad_edu.engine.errors import DeviceError, KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")


def raw(body, name="f", parameters="float* y, const float* x, int n"):
    """A kernel whose body begins on line 3."""
    return RawKernel(
        f'#include "common.cuh"\nextern "C" __global__ void {name}({parameters}) {{\n{body}\n}}',
        name,
    )


def emu(values):
    return tg.tensor(np.asarray(values, np.float32)).to("emu")


def profiled(body, grid=(1,), block=(64,), n=64, shared=0, flops=False):
    y, x = emu(np.zeros(n)), emu(np.arange(n))
    with tg.profile(flops) as p:
        raw(body)(grid, block, (y, x, n), shared)
    return p, y


def only(p, what, line):
    """The one problem of the profile."""
    found = [(w, at) for report in p.launches for w, _, at, _ in report.problems]
    assert found == [(what, line)], p.text()
    return p.problems[0]


T = "int t = threadIdx.x;"


# ---- what the checker finds ----


def test_a_race_in_shared_memory_is_found_where_the_barrier_is_missing():
    good = f"__shared__ float s[64]; {T}\ns[t] = x[t];\n__syncthreads();\ny[t] = s[63 - t];"
    p, y = profiled(good)
    assert not p.problems
    np.testing.assert_array_equal(y.cpu().numpy(), np.arange(64)[::-1])
    p, _ = profiled(good.replace("__syncthreads();", ""))
    kinds = {w for w, _, _, _ in p.launches[0].problems}
    assert (
        "race" in kinds
        and "line 4" in p.text()
        and "line 6" in p.text()
        and "__syncthreads()" in p.text()
    )


@pytest.mark.parametrize(
    "body",
    [
        "if (threadIdx.x == 0) s[0] = 1.0f;\nif (threadIdx.x == 63) s[0] = 2.0f;",
        "if (threadIdx.x == 63) s[0] = 1.0f;\nif (threadIdx.x == 0) s[0] = 2.0f;",
        "if (threadIdx.x == 0) s[0] = 1.0f;\nif (threadIdx.x == 1) s[0] = 2.0f;",
    ],
)
def test_a_race_is_found_whatever_order_the_threads_ran_in(body):
    p, _ = profiled(f"__shared__ float s[1];\n{body}\n__syncthreads();\ny[threadIdx.x] = s[0];")
    assert (
        [w for w, _, _, _ in p.launches[0].problems] == ["race"]
        and "line 4" in p.problems[0]
        and "line 5" in p.problems[0]
    )


def test_a_lost_update_in_global_memory_is_a_race_and_an_atomic_is_none():
    p, _ = profiled("y[0] += x[threadIdx.x];")
    assert "thread 1 of block (0, 0, 0)" in only(p, "race", 3)
    p, y = profiled("atomicAdd(y, x[threadIdx.x]);")
    assert not p.problems and y.cpu()[0].item() == 63 * 32


def test_a_race_between_blocks_is_found():
    p, _ = profiled("if (threadIdx.x == 0) y[0] = blockIdx.x;", grid=(2,))
    assert "block number 0" in only(p, "race", 3)


def test_lanes_are_ordered_by_syncwarp_and_not_by_a_shuffle():
    body = f"__shared__ float s[32]; {T}\ns[t] = x[t];\nORDER\ny[t] = s[31 - t];"
    p, _ = profiled(body.replace("ORDER", "__syncwarp();"), block=(32,))
    assert not p.problems
    p, _ = profiled(
        body.replace("ORDER", "float v = __shfl_xor_sync(FULL_MASK, x[t], 1); y[t] = v;"),
        block=(32,),
    )
    assert "race" in {w for w, _, _, _ in p.launches[0].problems}


@pytest.mark.parametrize(
    "access", ["y[n] = 1.0f;", "y[0] = x[n];", "y[0] = x[-1];", "y[n + 500] = 1.0f;"]
)
def test_an_access_outside_an_array_is_found_with_its_line_and_thread(access):
    p, _ = profiled(f"if (threadIdx.x == 5)\n{access}")
    assert "thread 5 of block (0, 0, 0)" in only(p, "out of bounds", 4)


def test_an_access_outside_dynamic_shared_memory_is_found():
    p, _ = profiled(f"extern __shared__ float s[]; {T}\ns[t] = 1.0f;", shared=4 * 63)
    only(p, "out of bounds", 4)


def test_neighbours_of_two_bytes_are_no_race():
    k = RawKernel(
        'extern "C" __global__ void f(unsigned char* y) {\n  y[threadIdx.x] += 1;\n}', "f"
    )
    with tg.profile(flops=False) as p:
        k((1,), (64,), (tg.zeros(64, dtype=tg.uint8).to("emu"),))
    assert not p.problems


def test_shared_memory_that_nobody_wrote_is_found_when_read():
    p, _ = profiled(
        f"__shared__ float s[65]; {T}\ns[t] = x[t];\n__syncthreads();\ny[t] = s[t + 1];"
    )
    only(p, "uninitialised", 6)


def test_shared_memory_of_the_last_block_is_not_this_blocks():
    p, _ = profiled(
        "__shared__ float s[1];\nif (blockIdx.x == 0 && threadIdx.x == 0) s[0] ="
        " 1.0f;\n__syncthreads();\nif (threadIdx.x == 0) y[blockIdx.x] = s[0];",
        grid=(2,),
    )
    only(p, "uninitialised", 6)


def test_a_wide_access_at_a_narrow_address_is_found():
    p, _ = profiled("float4 v = *(const float4*)(x + 1);\nif (threadIdx.x == 0) y[0] = v.x;", n=64)
    assert "16 bytes" in only(p, "misaligned", 3)


def test_check_raises_with_all_problems_and_passes_without():
    p, _ = profiled("y[0] += 1.0f;")
    with pytest.raises(KernelError, match="f.cu line 3.*Use an atomic"):
        p.check()
    profiled("y[threadIdx.x] = 1.0f;")[0].check()


def test_every_launch_is_checked_when_the_environment_asks_for_it(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_EMU", "profile")
    with pytest.raises(KernelError, match="outside y"):
        raw("y[n] = 1.0f;")((1,), (1,), (emu(np.zeros(4)), emu(np.zeros(4)), 4))
    raw("y[0] = 1.0f;")((1,), (1,), (emu(np.zeros(4)), emu(np.zeros(4)), 4))


# ---- what ends a launch, in any build ----


@pytest.mark.parametrize(
    ("body", "block", "said"),
    [
        (
            "if (threadIdx.x < 32) {\n__syncthreads(); } else {\n__syncthreads(); }",
            64,
            "barriers of lines 4 and 5",
        ),
        ("if (threadIdx.x == 0) __syncwarp(2u);", 32, "lane must be in the mask"),
        ("if (threadIdx.x < 16) y[0] = __shfl_sync(FULL_MASK, 1.0f, 0);", 32, "line 3"),
        ("y[0] = n / (n - 64);", 1, "divided by zero"),
        ("y[0] = x[(long long)n << 40];", 1, "got an access"),
        ("*(volatile float*)nullptr = 1.0f;", 1, "access to the address"),
        (
            "float big[1 << 20]; for (int i = 0; i < 1 << 20; ++i) big[i] = x[0]; y[0] = big[n];",
            1,
            "stack overflow",
        ),
    ],
)
def test_a_launch_that_goes_wrong_ends_with_a_message_and_not_with_the_process(body, block, said):
    y, x = emu(np.zeros(64)), emu(np.zeros(64))
    with pytest.raises(KernelError, match=said):
        raw(body)((1,), (block,), (y, x, 64))
    raw("y[threadIdx.x] = 2.0f;")((1,), (64,), (y, x, 64))
    assert (y.cpu().numpy() == 2).all()  # the next launch runs


def test_a_stack_overflow_ends_the_launch_before_anything_is_written():
    """Not after the lowest address of the array, which may be memory of another thread of this
    process.
    """
    y, x = emu(np.zeros(64)), emu(np.zeros(64))
    with pytest.raises(KernelError, match="stack overflow"):
        raw(
            "*(volatile float*)y = 1.0f; float big[1 << 20]; for (int i = 0; i < 1 << 20; ++i)"
            " big[i] = x[0]; y[1] = big[n];"
        )((1,), (1,), (y, x, 64))
    assert y.cpu().numpy()[0] == 0


def test_a_launch_without_end_is_ended(monkeypatch):
    monkeypatch.setenv("TINYGRAD_EDU_EMU_SECONDS", "0.2")
    with pytest.raises(KernelError, match="must end within its time limit"):
        raw("while (*(volatile const float*)x == 0.0f) {}")((1,), (1,), (emu([0.0]), emu([0.0]), 1))


def test_a_write_outside_is_noticed_without_a_profile_too():
    y = emu(np.zeros(4))
    with pytest.raises(
        KernelError,
        match="must write inside its arrays.*4 bytes after its end|0 bytes after its end",
    ):
        raw("y[n] = 1.0f;")((1,), (1,), (y, emu(np.zeros(4)), 4))
    raw("y[0] = 1.0f;")((1,), (1,), (y, emu(np.zeros(4)), 4))


@pytest.mark.parametrize(
    ("grid", "block", "args", "said"),
    [
        ((1,), (512, 4), None, "at most 1024 threads"),
        ((1,), (1025,), None, "the block must be within"),
        ((1, 70000), (1,), None, "the grid must be within"),
        ((1,), (0,), None, "at least 1"),
        ((1,), (1,), 2, "takes 3 arguments"),
        ((1,), (1,), "number", "must get an array"),
        ((1,), (1,), "array", "must get a number"),
        ((1,), (1,), "double", "must get an array of float32"),
        ((1,), (1,), "cpu", "must be on emu"),
        ((1,), (1,), "half", "whole number"),
        ((1,), (1,), "strides", "row-major"),
    ],
)
def test_a_launch_that_the_gpu_would_refuse_is_refused(grid, block, args, said):
    y, x = emu(np.zeros(4)), emu(np.zeros(4))
    given = {
        None: (y, x, 4),
        2: (y, x),
        "number": (y, 3.0, 4),
        "array": (y, x, x),
        "double": (y, tg.zeros(4, dtype=tg.float64).to("emu"), 4),
        "cpu": (y, x.cpu(), 4),
        "half": (y, x, 1.5),
        "strides": (y, emu(np.zeros((4, 4)))[:, 0], 4),
    }[args]
    with pytest.raises(KernelError, match=said):
        raw("y[0] = 1.0f;")(grid, block, given)


def test_too_much_shared_memory_is_refused():
    with pytest.raises(KernelError, match="shared memory must be at most 48 KB"):
        raw("extern __shared__ float s[]; s[0] = 1.0f;")(
            (1,), (1,), (emu([0.0]), emu([0.0]), 1), shared_mem=50_000
        )


def test_a_kernel_that_does_not_compile_says_the_line():
    with pytest.raises(KernelError, match=r"f.cu:3:\d+: error: .*nothing"):
        raw("y[0] = nothing;")((1,), (1,), (emu([0.0]), emu([0.0]), 1))
    with pytest.raises(KernelError, match="must be an entry point"):
        RawKernel('extern "C" __global__ void a(float* y) {}', "b")
    with pytest.raises(DeviceError, match="must run CUDA C"):
        RawKernel('extern "C" __global__ void a(float* y) {}', "a", device="cpu")


# ---- what the profiler counts ----


def counts(p):
    return {
        (r.line, r.kind, r.array): (r.requests, r.per_request, r.ideal_per_request)
        for r in p.launches[0].rows
    }


def test_sectors_of_narrow_strided_and_broadcast_loads():
    p, _ = profiled(f"{T}\ny[t] = x[t];\ny[t] = x[t * 8 % n];\ny[t] = x[0];", block=(32,), n=256)
    assert counts(p) == {
        (4, "load", "x"): (1, 4, 4),
        (4, "store", "y"): (1, 4, 4),
        (5, "load", "x"): (1, 32, 4),
        (5, "store", "y"): (1, 4, 4),
        (6, "load", "x"): (1, 1, 1),
        (6, "store", "y"): (1, 4, 4),
    }


def transpose(width):
    return (
        f"__shared__ float tile[32][{width}];\nint c = threadIdx.x, r = threadIdx.y;\nfor (int i ="
        " r; i < 32; i += 8) tile[i][c] = x[i * 32 + c];\n__syncthreads();\nfor (int i = r; i <"
        " 32; i += 8) y[i * 32 + c] = tile[c][i];"
    )


@pytest.mark.parametrize(("width", "passes"), [(32, 32), (33, 1), (34, 2)])
def test_bank_conflicts_of_a_transpose(width, passes):
    p, y = profiled(transpose(width), block=(32, 8), n=1024)
    assert counts(p)[(7, "load", "shared")] == (32, passes, 1) and counts(p)[
        (5, "store", "shared")
    ] == (32, 1, 1)
    np.testing.assert_array_equal(
        y.cpu().numpy().reshape(32, 32), np.arange(1024).reshape(32, 32).T
    )
    assert ("passes over the banks" in p.text()) == (passes > 1)


def test_wide_accesses_count_as_one_request_of_several_passes():
    p, _ = profiled(
        f"__shared__ float4 s[32]; {T}\ns[t] = ((const"
        " float4*)x)[t];\n__syncthreads();\n((float4*)y)[t] = s[t];",
        block=(32,),
        n=128,
    )
    assert counts(p) == {
        (4, "load", "x"): (1, 16, 16),
        (4, "store", "shared"): (1, 4, 4),
        (6, "load", "shared"): (1, 4, 4),
        (6, "store", "y"): (1, 16, 16),
    }


GEMM = """int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
float sum = 0.0f;
for (int k = 0; k < n; ++k) sum += A[i * n + k] * B[k * n + j];
C[i * n + j] = sum;"""


def test_flops_and_bytes_of_a_product_are_exact():
    n = 32
    a, b, c = tg.randn(n, n).to("emu"), tg.randn(n, n).to("emu"), tg.zeros(n, n).to("emu")
    k = raw(GEMM, "gemm", "float* C, const float* A, const float* B, int n")
    with tg.profile() as p:
        k((1, 4), (32, 8), (c, a, b, n))
    report = p.launches[0]
    assert (
        report.flops == {"adds": n**3, "multiplies": n**3, "divisions": 0, "functions": 0}
        and report.total_flops == 2 * n**3
    )
    assert (
        report.bytes_requested == 4 * (2 * n**3 + n * n) and report.bytes_touched == 3 * 4 * n * n
    )
    assert counts(p)[(5, "load", "A")] == (n * n, 1, 1) and counts(p)[(5, "load", "B")] == (
        n * n,
        4,
        4,
    )
    np.testing.assert_allclose(
        c.cpu().numpy(), a.cpu().numpy() @ b.cpu().numpy(), rtol=1e-4, atol=1e-5
    )


def test_the_run_that_counts_flops_leaves_no_trace():
    p, y = profiled("atomicAdd(y, 1.0f);", flops=True)
    assert y.cpu()[0].item() == 64 and p.launches[0].flops["adds"] == 64


def test_a_kernel_that_cannot_count_says_so():
    p, _ = profiled("int whole = x[0]; y[0] = whole;", block=(1,), flops=True)
    assert p.launches[0].flops is None and "FLOPs unknown" in p.text()


@pytest.mark.parametrize(
    ("rung", "loads", "sectors"), [(1, 3, 32), (2, 3, 4), (3, 3, 4), (4, 2, 4), (5, 1, 4)]
)
def test_the_softmax_ladder_loads_what_its_table_says_and_is_clean(rung, loads, sectors):
    x = tg.randn(64, 256).to("emu")
    with tg.use_kernel(softmax=rung), tg.profile() as p:
        x.softmax(-1)
    rows = [r for r in p.launches[0].rows if r.kind == "load" and r.array == "x"]
    assert sum(r.bytes for r in rows) == loads * 64 * 256 * 4 and {r.per_request for r in rows} == {
        sectors
    }
    assert p.launches[0].flops["functions"] >= 64 * 256 and not p.problems


def test_text_and_page_show_each_line_and_say_what_is_not_known(tmp_path):
    x = tg.randn(8, 64).to("emu")
    with tg.use_kernel(softmax=2), tg.profile() as p:
        x.softmax(-1)
    assert (
        "softmax_2_shared" in str(p)
        and "tree[t] = top;" in str(p)
        and "Not known here: caches" in str(p)
        and "Look at:" in str(p)
    )
    page = p.html(tmp_path / "p.html").read_text(encoding="utf-8")
    assert "<title>Kernel profile" in page and "wavefronts" in page and "__syncthreads();" in page
    with tg.profile() as nothing:
        pass
    assert str(nothing) == "No kernel ran on emu."


def test_a_whole_training_step_is_profiled_launch_by_launch():
    w = tg.randn(4, 3).to("emu").requires_grad_()
    with tg.profile(flops=False) as p:
        (tg.tanh(w) * 2).sum().backward()
    assert len(p.launches) >= 2 and not p.problems


# ---- several cores ----


def split(body, monkeypatch, blocks=64, cores="2"):
    monkeypatch.setenv("TINYGRAD_EDU_EMU_THREADS", cores)
    # also on a machine with one
    monkeypatch.setattr("tinygrad_edu.devices.emu.launch.usable_cores", lambda: 2)
    y, x = emu(np.zeros(64 * blocks)), emu(np.arange(64 * blocks))
    raw(body)((blocks,), (64,), (y, x, 64 * blocks))
    return y.cpu().numpy()


@pytest.mark.parametrize(
    "body",
    [
        f"{T}\ny[blockIdx.x * 64 + t] = 2.0f * x[blockIdx.x * 64 + t];",
        (
            f"__shared__ float s[64]; {T}\ns[t] = x[blockIdx.x * 64 +"
            " t];\n__syncthreads();\ny[blockIdx.x * 64 + 63 - t] = 2.0f * s[t];"
        ),
    ],
)
def test_two_cores_compute_what_one_does(body, monkeypatch):
    assert (
        np.array_equal(split(body, monkeypatch), split(body, monkeypatch, cores="1"))
        and split(body, monkeypatch)[-1] != 0
    )


def test_only_blocks_that_cannot_hear_of_one_another_are_split():
    assert independent(raw("y[0] = 1.0f;").source)
    for body in (
        "atomicAdd(y, 1.0f);",
        "__threadfence(); y[0] = 1.0f;",
        "while (*(volatile float*)y == 0.0f) {}",
    ):
        assert not independent(raw(body).source)
    text = 'DECLARATION\nextern "C" __global__ void f(float* y) { y[0] = 1.0f; }'
    assert not independent(
        RawKernel(text.replace("DECLARATION", "__device__ int seen = 0;"), "f").source
    )
    assert independent(
        RawKernel(
            text.replace("DECLARATION", "__device__ __forceinline__ int seen(int a) { return a; }"),
            "f",
        ).source
    )


@pytest.mark.parametrize("block", [3, 60])
def test_a_fault_on_either_core_is_told_with_its_block(block, monkeypatch):
    with pytest.raises(KernelError, match=rf"f.cu:3.*thread 5.*block \({block}, 0, 0\)"):
        split(
            f"if (blockIdx.x == {block} && threadIdx.x == 5) y[0] = x[(long long)n << 40];",
            monkeypatch,
        )
    assert (split("y[blockIdx.x * 64 + threadIdx.x] = 1.0f;", monkeypatch) == 1).all()


def test_a_child_process_launches_on_several_cores_too(monkeypatch):
    body = f"{T}\ny[blockIdx.x * 64 + t] = 1.0f;"
    split(body, monkeypatch)
    child = os.fork()
    if child == 0:
        os._exit(0 if (split(body, monkeypatch) == 1).all() else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_the_advice_names_a_line_of_wide_accesses_where_several_share_the_blame():
    body = "\n".join(f"y[threadIdx.x * 64 + {k}] = x[threadIdx.x * 64 + {k}];" for k in range(4))
    p, _ = profiled(body, block=(32,), n=2048, flops=True)
    assert "32.0 sectors a request where 4.0 would do" in p.launches[0].advice()
