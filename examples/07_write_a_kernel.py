"""Write a CUDA kernel, run it, break it, find the mistake, and make it better, without a GPU. Needs
g++. Text: docs/kernels.md

python examples/07_write_a_kernel.py
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import RawKernel, profile
from tinygrad_edu.devices.emu.profile import Profile

# 1. Write. The sum of each row; a thread takes a row.
NAIVE = """
#include "common.cuh"
extern "C" __global__ void row_sum(float* out, const float* x, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    float sum = 0.0f;
    for (int c = 0; c < cols; ++c) sum += x[row * cols + c];
    out[row] = sum;
}
"""

# 3. Better: a block takes a row, neighbours read neighbours, and the threads' sums meet in shared
# memory.
SHARED = """
#include "common.cuh"
extern "C" __global__ void row_sum(float* out, const float* x, int rows, int cols) {
    __shared__ float tree[128];
    int t = threadIdx.x;
    float sum = 0.0f;
    for (int c = t; c < cols; c += 128) sum += x[blockIdx.x * cols + c];
    tree[t] = sum;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();
        if (t < half) tree[t] += tree[t + half];
    }
    if (t == 0) out[blockIdx.x] = tree[0];
}
"""
BROKEN = SHARED.replace("        __syncthreads();\n", "")  # 4. a mistake that often goes unnoticed

# 5. Best: warps need no barrier. common.cuh has the sum over a warp.
WARP = """
#include "common.cuh"
extern "C" __global__ void row_sum(float* out, const float* x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves
    float sum = 0.0f;
    for (int c = lane; c < cols; c += 32) sum += x[row * cols + c];
    sum = warp_sum(sum);
    if (lane == 0) out[row] = sum;
}
"""


def run(text: str, grid: tuple, block: tuple, x: torch.Tensor) -> tuple[torch.Tensor, Profile]:
    """Row sums by a kernel, and what the profiler saw."""
    rows, cols = x.shape
    out = torch.zeros(rows, device="emu")
    kernel = RawKernel(text, "row_sum")  # on a GPU: device="cuda"
    with profile() as p:
        kernel(grid, block, (out, x, rows, cols))
    return out, p


def main() -> None:
    torch.manual_seed(0)
    x = torch.randn(64, 300)
    expected, x = x.sum(1), x.to("emu")
    for title, text, grid, block in (
        ("2. Run and look: one thread a row", NAIVE, (1,), (64,)),
        ("3. One block a row", SHARED, (64,), (128,)),
        ("4. The same with its barrier forgotten", BROKEN, (64,), (128,)),
        ("5. One warp a row", WARP, (16,), (32, 4)),
    ):
        out, p = run(text, grid, block, x)
        print(
            f"==== {title}: largest error"
            f" {(out.cpu() - expected).abs().max().item():.1e}\n{p.launches[0]}\n"
        )


if __name__ == "__main__":
    main()
