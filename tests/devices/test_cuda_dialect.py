"""What the emulator knows of CUDA C beyond what the project's own kernels use: cooperative groups
and constant memory, as on a GPU.
"""

from __future__ import annotations

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
