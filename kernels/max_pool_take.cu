// The elements of x (N C, H, W) at the winners (N C, OH, OW) of max_pool: what the gradient of max_pool's gradient needs
//
//  rung  idea                  bytes per output   FLOPs per output
//  1     one thread a window   9                  0
#include "common.cuh"

extern "C" __global__ void max_pool_take_1_naive(float* __restrict__ out, const float* __restrict__ x, const unsigned char* __restrict__ winners, int total, int H, int W, int OH, int OW,
                                                 int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH, plane = index / OW / OH, winner = winners[index];
    int row = SY * p + DY * (winner / KW) - PY, column = SX * q + DX * (winner % KW) - PX;
    out[index] = row >= 0 && row < H && column >= 0 && column < W ? x[(plane * H + row) * W + column] : 0.0f;
}
