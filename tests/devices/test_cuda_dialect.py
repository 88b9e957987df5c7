"""What the emulator knows of CUDA C beyond what the project's own kernels use: cooperative groups
and constant memory, as on a GPU.
"""

from __future__ import annotations

import ctypes
import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
GROUPS = (
    "#include <cooperative_groups.h>\n#include <cooperative_groups/reduce.h>\nnamespace cg ="
    " cooperative_groups;\n"
)


def groups(*values, declared="", blocks=2, threads=64):
    """For each expression in i (a thread's number in the grid) and x[i] = i, its value in every
    thread, from one kernel; checked by the profiler.
    """
    n = blocks * threads
    lines = [f"y[{k * n} + i] = {value};" for k, value in enumerate(values)]
    kernel = RawKernel(
        GROUPS + 'extern "C" __global__ void f(float* y, const float* x) {\nauto block ='
        " cg::this_thread_block(); int i = blockIdx.x * blockDim.x +"
        f" block.thread_rank();\n{declared}\n" + "\n".join(lines) + "\n}",
        "f",
    )
    y, x = tg.zeros(len(values) * n).to("emu"), tg.arange(float(n)).to("emu")
    with tg.profile(flops=False) as p:
        kernel((blocks,), (threads,), (y, x))
    p.check()
    kernel((blocks,), (threads,), (y, x))
    return y.cpu().numpy().reshape(len(values), n), np.arange(n, dtype=np.float32)


def test_block_sync_orders_shared_memory():
    (y,), x = groups(
        "s[block.size() - 1 - block.thread_rank()]",
        declared="__shared__ float s[64]; s[block.thread_rank()] = x[i]; block.sync();",
    )
    assert np.array_equal(y, x.reshape(2, 64)[:, ::-1].ravel())


@pytest.mark.parametrize("size", [1, 4, 16, 32])
def test_tiles_exchange_and_reduce(size):
    found, x = groups(
        "cg::reduce(tile, x[i], cg::plus<float>())",
        "cg::reduce(tile, -x[i], cg::greater<float>())",
        "tile.shfl(x[i], tile.size() - 1)",
        "tile.shfl_down(x[i], 1)",
        "tile.ballot(tile.thread_rank() == 0)",
        "tile.any(tile.thread_rank() > 2)",
        "tile.all(true)",
        "tile.meta_group_rank()",
        declared=f"auto tile = cg::tiled_partition<{size}>(block);",
    )
    total, largest, last, down, ballot, some, every, rank = found.reshape(len(found), -1, size)
    rows = x.reshape(-1, size)
    assert np.array_equal(total, rows.sum(1, keepdims=True).repeat(size, 1))
    assert np.array_equal(largest, -rows.min(1, keepdims=True).repeat(size, 1))
    assert np.array_equal(last, rows[:, -1:].repeat(size, 1))
    assert np.array_equal(down[:, :-1], rows[:, 1:])
    assert (ballot == 1).all() and (some == (size > 3)).all() and (every == 1).all()
    assert np.array_equal(rank.ravel(), np.arange(128) % 64 // size)


CONSTANT = (
    '__constant__ float weights[3];\n__constant__ int shift = 2;\nextern "C" __global__ void'
    " f(float* y, const float* x, int n) {\n    int i = blockIdx.x * blockDim.x + threadIdx.x;\n   "
    " if (i + 2 < n) y[i] = weights[0] * x[i] + weights[1] * x[i + 1] + weights[2] * x[i + 2] +"
    " shift;\n}"
)


def test_constant_memory_is_filled_from_outside_in_every_build():
    kernel = RawKernel(CONSTANT, "f")
    y, x = tg.zeros(6).to("emu"), tg.arange(8.0).to("emu")
    kernel.set_constant("weights", [1.0, 10.0, 100.0])
    kernel((1,), (32,), (y, x, 8))
    assert y.cpu().tolist() == [i + 10 * (i + 1) + 100 * (i + 2) + 2 for i in range(6)]
    kernel.set_constant("weights", tg.tensor([0.0, 1.0, 0.0]))
    kernel.set_constant("shift", 5)
    with tg.profile() as p:  # the profile and the FLOP build
        kernel((1,), (32,), (y, x, 8))
    p.check()
    assert y.cpu().tolist() == [i + 6 for i in range(6)]


def test_wrong_constants_are_refused():
    kernel = RawKernel(CONSTANT, "f")
    with pytest.raises(KernelError, match="weights, shift.*got 'weight'"):
        kernel.set_constant("weight", [1.0])
    with pytest.raises(KernelError, match="must get its 12 bytes, got 8"):
        kernel.set_constant("weights", [1.0, 2.0])


TEMPLATES = """
struct Scaling { float by; int add; };
template <int N, typename T> __global__ void scaled(T* y, const T* x, size_t n, Scaling s) {
    __shared__ T row[N];
    int i = blockIdx.x * N + threadIdx.x;
    if (i < n) row[threadIdx.x] = x[i];
    __syncthreads();
    if (i < n) y[i] = row[threadIdx.x] * s.by + s.add;
}
struct Unknown;
__global__ void words(Unknown* u, unsigned* w, unsigned long long* l, int2 pair, int8_t* b) {
    w[0] = 0xfffffff0u; l[0] = 1ull << 40; b[0] = pair.y;
}
"""


class Scaling(ctypes.Structure):
    _fields_ = [("by", ctypes.c_float), ("add", ctypes.c_int)]


def test_a_template_is_named_with_its_arguments_and_takes_a_struct():
    x, y = tg.arange(100.0).to("emu"), tg.zeros(100).to("emu")
    kernel = RawKernel(TEMPLATES, "scaled<64, float>")
    kernel((2,), (64,), (y, x, 100, Scaling(2.0, 3)))
    assert np.array_equal(y.cpu().numpy(), 2 * np.arange(100.0) + 3)
    with tg.profile(flops=False) as p:
        kernel((2,), (64,), (y, x, 100, bytes(Scaling(2.0, 3))))
    p.check()
    assert {row.array for row in p.launches[0].rows} >= {"x", "y"}
    with pytest.raises(KernelError, match="must get its 8 bytes, got 3"):
        kernel((2,), (64,), (y, x, 100, b"abc"))
    with pytest.raises(KernelError, match="must get an array of float32, got float64"):
        kernel((2,), (64,), (y, x.double(), 100, Scaling(2.0, 3)))
    with pytest.raises(KernelError, match="takes 4 arguments"):
        kernel((2,), (64,), (y, x))


def test_words_of_any_size_are_tensors_of_their_bits_and_vectors_are_tuples():
    w, l = (tg.zeros(1, dtype=d).to("emu") for d in (tg.int32, tg.int64))
    b = tg.zeros(1, dtype=tg.int8).to("emu")
    RawKernel(TEMPLATES, "words")((1,), (1,), (None, w, l, (3, -5), b))
    assert [t.cpu().item() for t in (w, l, b)] == [-16, 1 << 40, -5]


def test_a_module_gives_its_kernels_by_name_expression_and_compiles_with_options():
    text = "template <typename T> __global__ void fill(T* y) { y[threadIdx.x] = VALUE; }"
    module = tg.RawModule(code=text, options=("-DVALUE=7",), name_expressions=["fill<double>"])
    y = tg.zeros(4, dtype=tg.float64).to("emu")
    module.get_function("fill<double>")((1,), (4,), (y,))
    assert y.cpu().tolist() == [7.0] * 4
    assert module.get_function("fill<double>") is module.get_function("fill<double>")
    with pytest.raises(KernelError, match="must be one of the name_expressions"):
        module.get_function("fill<float>")
    with pytest.raises(KernelError, match="options must be a list"):
        tg.RawModule(code=text, options="-DVALUE=7").get_function("fill<double>")
    with pytest.raises(KernelError, match="got neither"):
        tg.RawModule()


@pytest.mark.parametrize("name", ["scaled<64>", "scaled<64, float", "scaled"])
def test_a_name_that_the_text_does_not_have_is_told(name):
    x = tg.zeros(4).to("emu")
    with pytest.raises(KernelError, match="a kernel for each of"):
        RawKernel(TEMPLATES, name)((1,), (1,), (x, x, 4, Scaling(1.0, 1)))


def test_an_open_brace_is_told_as_the_end_of_the_text():
    x = tg.zeros(4).to("emu")
    with pytest.raises(KernelError, match="must have all braces closed"):
        RawKernel("__global__ void f(float* x) { x[0] = 1;", "f")((1,), (1,), (x,))
