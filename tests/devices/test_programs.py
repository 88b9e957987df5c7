"""Whole CUDA programs run on the CPU as they stand: with their output, exit code and mistakes."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.cli import call

from tinygrad_edu.devices import text
from tinygrad_edu.devices.emu.program import Program, run
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
PROGRAMS = Path(__file__).parent / "programs"
MISTAKES = PROGRAMS / "mistakes.cu"


def ran(path, *arguments, watch=False, launches=1, **options):
    """A program's exit code, output, words on stderr and Profile."""
    import subprocess

    done = []

    def keep(command, **kwargs):
        done.append(original(command, **kwargs))
        return done[-1]

    original, subprocess.run = subprocess.run, keep
    try:
        finished = run(
            Program([path], **options), arguments, watch, launches, capture_output=True, text=True
        )
    finally:
        subprocess.run = original
    one = next(d for d in done if path.stem in str(d.args[0]))  # not the compiler's
    return finished.code, one.stdout, one.stderr, finished.profile


def test_a_program_runs_with_its_arguments_its_output_and_its_exit_code():
    code, out, err, _ = ran(MISTAKES, "200")
    assert code == 3
    assert out == "hello from 0\n1 399 200\n3\n"
    assert err == ""


@pytest.mark.parametrize(
    "letter, said, words",
    [
        ("o", "", "line 40: fill: must write inside its arrays, got a write 0 bytes after the end"),
        ("f", "an illegal memory access", "mistakes.cu line 17: memory must be inside the arrays"),
        ("p", "an illegal memory access", "argument 1 must point to device memory"),
        ("t", "invalid configuration argument", "at most 1024 threads"),
        ("m", "", "cudaMemcpyDeviceToHost: source and target must lie where the direction says"),
    ],
)
def test_a_mistake_is_an_error_of_cuda_and_a_sentence(letter, said, words):
    code, out, err, _ = ran(MISTAKES, "200", letter)
    assert code == 3
    assert said in out
    assert words in err


def test_host_code_that_reads_device_memory_is_caught_at_its_line():
    code, _, err, _ = ran(MISTAKES, "200", "h")
    assert code == -11
    assert "mistakes.cu line 39: host code must not read or write device memory" in err


def test_a_watched_program_tells_the_line_of_an_access_outside():
    _, _, _, profile = ran(MISTAKES, "200", "o", watch=True)
    assert [report.kernel for report in profile.launches] == ["scale<64>", "fill", "fill"]
    (problem,) = profile.problems
    assert "mistakes.cu line 17: thread 8 of block (3, 0, 0) writes outside y" in problem
    assert [(r.line, r.kind, r.array) for r in profile.launches[1].rows] == [(17, "store", "y")]


def test_the_command_gives_the_programs_code_and_with_check_1_for_a_problem(tmp_path):
    good = tmp_path / "good.cu"
    good.write_text(
        "#include <cstdio>\n__global__ void f(int* x) { x[threadIdx.x + SHIFT] = 1; }\n"
        "int main() { int* x; cudaMalloc(&x, 128); f<<<1, 32>>>(x);\n"
        '  printf("%s\\n", cudaGetErrorName(cudaDeviceSynchronize())); }\n'
    )
    code, out, _ = call("kernels", "run", "-D", "SHIFT=0", "--check", "good.cu", cwd=tmp_path)
    assert (code, out) == (0, "cudaSuccess\nNo problem found.\n")
    code, out, _ = call("kernels", "run", "-D", "SHIFT=1", "--check", "good.cu", cwd=tmp_path)
    assert code == 1
    assert "good.cu line 2: thread 31 of block (0, 0, 0) writes outside x, byte 128 of 128" in out


def test_a_compile_error_names_the_users_line_and_a_missing_header_what_to_do(tmp_path):
    path = tmp_path / "wrong.cu"
    path.write_text("__global__ void f() {}\nint main() {\n  f<<<1, 1>>>(3);\n}\n")
    with pytest.raises(KernelError, match=r"wrong\.cu:3:\d+: error"):
        run(Program([path]))
    path.write_text("#include <thrust/nothing.h>\nint main() {}\n")
    with pytest.raises(KernelError, match="got no thrust/nothing.h") as error:
        run(Program([path]))
    assert "-I" in str(error.value)
    with pytest.raises(KernelError, match="must be a file or folder that exists"):
        Program([tmp_path / "none.cu"])


LAUNCHES = """
template <int BM, const int BN = 4> __global__ void __launch_bounds__(256, 2)
sgemm(int M, float *A, const float* __restrict__ B) {}
extern "C" __global__ void plain(float (*f)[3], size_t n = 3) {}
template <typename T> static __global__ void add(T* x, T v) {}
template <> __global__ void add<int>(int* x, int v) {}
void host() {
  sgemm<BM, 3><<<grid, dim3(1, 2)>>>(M, A, "x <<< y"); // a<<<1,2>>>(3)
  ns::add<<<1, (2 > 1), 3 * sizeof(float), s>>>(x, 3.f);
  plain<<<g, b>>>(f);
}
"""


def test_launches_become_calls_and_no_line_moves():
    known = text.kernels(LAUNCHES)
    assert {name: k.names for name, k in known.items()} == {
        "sgemm": ["M", "A", "B"],
        "plain": ["", "n"],
        "add": ["x", "v"],
    }
    new = text.translated(LAUNCHES, known)
    assert new.count("\n") == LAUNCHES.count("\n")
    lines = new.splitlines()
    assert lines[7].startswith("  emu::launcher(EMU_KERNEL(sgemm<BM, 3>), __LINE__, ")
    assert lines[7].endswith('(M, A, "x <<< y"); // a<<<1,2>>>(3)')
    assert "EMU_DEDUCED(ns::add)" in lines[8]  # T follows from the arguments
    assert "EMU_DEDUCED(plain)" in lines[9]  # a default argument


def test_a_program_of_several_files_with_its_own_headers(tmp_path):
    (tmp_path / "inc").mkdir()
    (tmp_path / "inc" / "twice.cuh").write_text(
        "#pragma once\n__device__ inline float twice(float x) { return 2 * x; }\n"
        "void start(float* x, int n);\n"
    )
    (tmp_path / "kernel.cu").write_text(
        "#include <twice.cuh>\n__global__ void f(float* x, int n) {\n"
        "  int i = threadIdx.x; if (i < n) x[i] = twice(x[i]); }\n"
        "void start(float* x, int n) { f<<<1, dim3(32)>>>(x, n); }\n"
    )
    (tmp_path / "main.cu").write_text(
        '#include <cstdio>\n#include "twice.cuh"\nint main() {\n  float* x;\n'
        "  cudaMallocManaged(&x, 12); x[0] = 1; x[1] = 2; x[2] = 3;\n  start(x, 3);\n"
        '  cudaDeviceSynchronize(); printf("%g %g %g\\n", x[0], x[1], x[2]);\n}\n'
    )
    command = ("-I", str(tmp_path / "inc"), "--with", str(tmp_path / "kernel.cu"))
    code, out, err = call("kernels", "run", *command, "main.cu", cwd=tmp_path)
    assert (code, out, err) == (0, "2 4 6\n", "")


def test_a_kernel_that_starts_another_is_refused_in_a_sentence(tmp_path):
    path = tmp_path / "nested.cu"
    path.write_text(
        "__global__ void child() {}\n__global__ void parent() {\n  child<<<1, 1>>>();\n}\n"
        "int main() { parent<<<1, 1>>>(); return cudaDeviceSynchronize() != cudaSuccess; }\n"
    )
    code, _, err, _ = ran(path)
    assert code == 1
    assert "dynamic parallelism" in err and "Start it from host code" in err


def test_a_cooperative_or_pointed_launch_takes_the_kernel_by_its_cast_address(tmp_path):
    path = tmp_path / "pointed.cu"
    path.write_text(
        "#include <cstdio>\n__global__ void f(int* x, int v) { x[threadIdx.x] = v; }\n"
        "int main() {\n  int* x; int v = 7, h[4]; cudaMalloc(&x, 16);\n"
        "  void* args[] = {&x, &v};\n  cudaLaunchKernel((void*)f, dim3(1), dim3(4), args);\n"
        "  cudaMemcpy(h, x, 16, cudaMemcpyDeviceToHost);\n"
        '  printf("%d %d\\n", h[0], h[3]); cudaFree(x);\n'
        "  return cudaFree(x) != cudaErrorInvalidValue;\n}\n"
    )
    code, out, err, _ = ran(path)
    assert (code, out) == (0, "7 7\n")
    assert "cudaFree: must get a pointer that cudaMalloc gave and that is not yet freed" in err


@pytest.mark.parametrize("n", ["3", "70"])
def test_libraries_and_helpers_do_what_their_names_say(n):
    code, out, err, _ = ran(PROGRAMS / "libraries.cu", f"--n={n}")
    a = np.arange(int(n) ** 2, dtype=float)
    lines = out.splitlines()
    assert lines[0].startswith('GPU Device 0: "CPU emulator')
    assert (
        lines[2] == f"gemm right dot {a @ (a % 3):g} norm {np.float32(np.sqrt((a * a).sum())):.4f}"
    )
    # the first word of Philox4x32-10 for key 0 and counter 0 (Random123's known answers)
    assert lines[3:] == ["philox 6627e8d5", "normal right", "time right", "gemm without memory 1"]
    assert code == 1
    assert "CUDA error at" in err and "code=2(cudaErrorMemoryAllocation)" in err


@pytest.mark.parametrize("watch", [False, True])
def test_textures_filter_and_wrap_and_surfaces_write(watch):
    code, out, err, profile = ran(PROGRAMS / "textures.cu", watch=watch, launches=0)
    assert (code, err) == (0, "")
    # inside, clamped twice, between four, a centre, a corner, wrapped, border, surface, line
    assert out.split() == ["11", "0", "12", "5.5", "1", "0", "0", "0", "2", "102", "7"]
    assert not profile.problems


@pytest.mark.parametrize("watch", [False, True])
def test_forms_of_published_programs(watch):
    code, out, err, profile = ran(PROGRAMS / "launches.cu", watch=watch, launches=0)
    assert (code, err) == (0, "")
    first, second = out.splitlines()
    assert first == "16 4 1536 8 0"
    # [1 4; 2 5; 3 6] [1 0; 0 -1], the bias on each row, then no value below zero
    assert [float(v) for v in second.split()] == [1, 12, 3, 0, 5, 0]
    assert not profile.problems
