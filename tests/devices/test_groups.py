"""Cooperative groups, barriers, pipelines and atomics of the C++ library, on the emulator."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import RawKernel
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
HEAD = (
    "#include <cooperative_groups.h>\n#include <cooperative_groups/reduce.h>\n"
    "#include <cooperative_groups/scan.h>\n#include <cuda/barrier>\n#include <cuda/pipeline>\n"
    "#include <cuda/atomic>\n#include <cuda_pipeline.h>\n#include <cuda/std/type_traits>\n"
    "namespace cg = cooperative_groups;\n"
)


def values(body, threads=64, blocks=1, n=None, before=""):
    """What a kernel writes to y; x[i] = i. Checked by the profiler, and run without it."""
    text = (
        f"{HEAD}{before}\n__global__ void f(float* y, const float* x) {{\n"
        f"int i = blockIdx.x * blockDim.x + threadIdx.x; auto block = cg::this_thread_block();\n"
        f"{body}\n}}"
    )
    n = n or threads * blocks
    x, found = tg.arange(float(n)).to("emu"), []
    for watch in (False, True):
        y = tg.zeros(n).to("emu")
        kernel = RawKernel(text, "f")
        if watch:
            with tg.profile(flops=False) as p:
                kernel((blocks,), (threads,), (y, x))
            p.check()
        else:
            kernel((blocks,), (threads,), (y, x))
        found.append(y.cpu().numpy())
    assert np.array_equal(*found)
    return found[0]


def test_lanes_of_a_branch_are_a_group_of_their_own():
    body = """
    if (i % 3 == 1) {
        auto g = cg::coalesced_threads();
        y[i] = g.size() * 100 + g.thread_rank() + 1000 * cg::reduce(g, 1, cg::plus<int>());
    }
    """
    found = values(body, threads=32)
    lanes = np.arange(1, 32, 3)
    assert found[lanes].tolist() == [1000 * len(lanes) + len(lanes) * 100 + r for r in range(11)][
        : len(lanes)]  # fmt: skip
    assert not found[np.arange(0, 32, 3)].any()


def test_a_tile_is_cut_by_a_predicate_and_by_a_label():
    body = """
    auto warp = cg::tiled_partition<32>(block);
    auto side = cg::binary_partition(warp, i % 4 == 0);
    auto same = cg::labeled_partition(warp, i % 5);
    y[i] = side.size() * 100 + same.size() + side.shfl(i % 32, 0) * 10000;
    """
    found = values(body)
    lane = np.arange(64) % 32
    i = np.arange(64)
    sides = np.where(i % 4 == 0, 8, 24)
    same = [sum(k % 5 == j % 5 for k in range(j // 32 * 32, j // 32 * 32 + 32)) for j in i]
    assert found.tolist() == (sides * 100 + same + np.where(lane % 4, 1, 0) * 10000).tolist()


def test_groups_of_a_size_that_is_known_at_run_time():
    body = """
    cg::thread_group g = cg::tiled_partition((cg::thread_group)block, 16);
    auto four = cg::tiled_partition<4>(block);
    y[i] = g.size() * 1000 + g.thread_rank() * 10 + four.meta_group_rank() % 10;
    g.sync();
    """
    i = np.arange(64)
    assert values(body).tolist() == (16000 + i % 16 * 10 + i // 4 % 10).tolist()


def test_scans_and_reductions_of_tiles():
    body = """
    auto t = cg::tiled_partition<8>(block);
    y[i] = cg::inclusive_scan(t, (int)x[i]) * 1000 + cg::exclusive_scan(t, 1);
    """
    i = np.arange(64)
    wanted = np.cumsum(i.reshape(8, 8), 1).ravel() * 1000 + i % 8
    assert values(body).tolist() == wanted.tolist()


def test_a_barrier_of_the_library_orders_shared_memory():
    body = """
    __shared__ cuda::barrier<cuda::thread_scope_block> bar;
    __shared__ float s[128];
    if (i == 0) init(&bar, 128);
    block.sync();
    s[i] = x[i];
    auto token = bar.arrive();
    bar.wait(std::move(token));
    y[i] = s[127 - i];
    """
    assert values(body, threads=128).tolist() == list(range(127, -1, -1))


def test_a_pipeline_copies_and_waits():
    body = """
    __shared__ float s[2][64];
    __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
    auto pipe = cuda::make_pipeline(block, &state);
    float sum = 0;
    for (int k = 0; k < 2; ++k) {
        pipe.producer_acquire();
        cuda::memcpy_async(block, s[k], x + 64 * k, cuda::aligned_size_t<16>(256), pipe);
        pipe.producer_commit();
        pipe.consumer_wait();
        sum += s[k][63 - i];
        pipe.consumer_release();
    }
    y[i] = sum;
    """
    found = values(body, n=128)[:64]
    assert found.tolist() == [63 - i + 64 + 63 - i for i in range(64)]


def test_a_threads_own_asynchronous_copies():
    body = """
    __shared__ __align__(16) float s[256];
    __pipeline_memcpy_async(&s[4 * i], &x[4 * i], 16);
    __pipeline_commit();
    __pipeline_wait_prior(0);
    __syncthreads();
    y[i] = s[255 - i];
    """
    assert values(body, n=256)[:64].tolist() == list(range(255, 191, -1))


def test_atomics_of_the_library_wait_for_one_another():
    body = """
    cuda::atomic_ref<int, cuda::thread_scope_device> ref(count);
    int mine = ref.fetch_add(1, cuda::memory_order_relaxed);
    if (i == 40) flag.store(1, cuda::memory_order_release);
    if (i == 3) while (flag.load(cuda::memory_order_acquire) == 0) ;
    y[i] = mine;
    """
    before = "__device__ int count; __device__ cuda::atomic<int, cuda::thread_scope_device> flag;"
    text = HEAD + before + (
        "\n__global__ void f(float* y) { int i = threadIdx.x;" + body + "}"
    )  # fmt: skip
    y = tg.zeros(64).to("emu")
    RawKernel(text, "f")((1,), (64,), (y,))
    assert sorted(y.cpu().tolist()) == list(range(64))


def test_a_barrier_of_the_grid_works_for_one_block_and_is_refused_for_more():
    body = "auto g = cg::this_grid(); y[i] = g.thread_rank();\ng.sync();"
    assert values(body).tolist() == list(range(64))
    with pytest.raises(KernelError, match="one block on the emulator"):
        values(body, blocks=2)
