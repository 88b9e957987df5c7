// The gradient of sum_pool: each window's x added to all its elements; out (N C, H, W), x (N C, OH, OW)
//
//  rung  idea                                   bytes per input (2 x 2 windows)   FLOPs per input
//  1     gather: one thread an input element    5                                 1
#include "common.cuh"

extern "C" __global__ void sum_spread_1_gather(float* __restrict__ out, const float* __restrict__ x, int total, int H, int W, int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int column = index % W + PX, row = index / W % H + PY, plane = index / W / H;  // place in the padded image
    int last_p = min(row / SY, OH - 1), last_q = min(column / SX, OW - 1);
    float sum = 0.0f;
    for (int p = max((row - KH + SY) / SY, 0); p <= last_p; ++p)                  // the windows that begin at most KH - 1 rows above
        for (int q = max((column - KW + SX) / SX, 0); q <= last_q; ++q) sum += x[(plane * OH + p) * OW + q];
    out[index] = sum;
}
