// What each weight of a convolution gave to the output: out[o, c, i, j] = sum_{n, p, q} u[n, o, p, q] input[n, c, SY p + DY i - PY, SX q + DX j - PX]
//
//  rung  idea                            bytes per multiply-add   FLOPs per multiply-add
//  1     one thread a weight             8                        2
//  2     one block a weight, one sum     8                        2
#include "common.cuh"

// The part of one weight that the output positions from, from + step, ... give.
__device__ __forceinline__ float weight_part(const float* __restrict__ u, const float* __restrict__ input, int weight, int from, int step, int N, int C, int H, int W, int O,
                                             int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    int in_group = C / groups, j = weight % KW, i = weight / KW % KH, c = weight / KW / KH % in_group, o = weight / KW / KH / in_group;
    int channel = o / (O / groups) * in_group + c;
    float sum = 0.0f;
    for (int place = from; place < N * OH * OW; place += step) {
        int q = place % OW, p = place / OW % OH, n = place / OW / OH, y = SY * p + DY * i - PY, x = SX * q + DX * j - PX;
        if (y >= 0 && y < H && x >= 0 && x < W) sum += u[((n * O + o) * OH + p) * OW + q] * input[((n * C + channel) * H + y) * W + x];
    }
    return sum;
}

extern "C" __global__ void convolution_weight_1_naive(float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ input, int total, int N, int C, int H, int W,
                                                      int O, int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    int weight = blockIdx.x * blockDim.x + threadIdx.x;
    if (weight < total) out[weight] = weight_part(u, input, weight, 0, 1, N, C, H, W, O, OH, OW, KH, KW, SY, SX, PY, PX, DY, DX, groups);
}

extern "C" __global__ void __launch_bounds__(128) convolution_weight_2_block(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ input, int total, int N, int C, int H, int W, int O, int OH, int OW, int KH, int KW,
        int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    __shared__ float box[4];
    float sum = block_sum(weight_part(u, input, blockIdx.x, threadIdx.x, 128, N, C, H, W, O, OH, OW, KH, KW, SY, SX, PY, PX, DY, DX, groups), box);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
