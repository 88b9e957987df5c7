// The gradient of max_pool: each window's x added where its winner was, zeros elsewhere; out (N C, H, W), x and winners (N C, OH, OW)
//
//  rung  idea                                   bytes per input (2 x 2 windows)   FLOPs per input
//  1     atomics: one thread a window           4 written + 4 zeroed + 1.25       0.25
//  2     gather: one thread an input element    4 written + 1.25 (from caches)    1
//
// The gather needs no zeroed output, and adds in the same order each time.
#include "common.cuh"

extern "C" __global__ void max_pool_spread_1_atomics(float* out, const float* __restrict__ x, const unsigned char* __restrict__ winners, int total, int H, int W, int OH, int OW,
                                                     int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH, plane = index / OW / OH, winner = winners[index];
    int row = SY * p + DY * (winner / KW) - PY, column = SX * q + DX * (winner % KW) - PX;
    if (row >= 0 && row < H && column >= 0 && column < W) atomicAdd(&out[(plane * H + row) * W + column], x[index]);
}

extern "C" __global__ void max_pool_spread_2_gather(float* __restrict__ out, const float* __restrict__ x, const unsigned char* __restrict__ winners, int total, int H, int W, int OH, int OW,
                                                    int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int column = index % W, row = index / W % H, plane = index / W / H;
    float sum = 0.0f;
    for (int i = 0; i < KH; ++i) {
        int y = row + PY - DY * i, p = y / SY;
        if (y < 0 || y % SY || p >= OH) continue;  // no window has this row as its i-th
        for (int j = 0; j < KW; ++j) {
            int from = column + PX - DX * j, q = from / SX;
            if (from < 0 || from % SX || q >= OW) continue;
            int window = (plane * OH + p) * OW + q;
            if (winners[window] == i * KW + j) sum += x[window];
        }
    }
    out[index] = sum;
}
