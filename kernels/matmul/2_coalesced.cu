// matmul: out = a b, see 1_naive.cu for the sizes
//
//  rung  idea                               bytes per element   FLOPs per element
//  2     a thread an element, lanes along   8 K + 4             2 K
//
// The same work as rung 1, but threadIdx.x walks along a row: the lanes of a warp read neighbours in b and write neighbours
// in out (whole lines), and all read one element of a (a broadcast).
#include "common.cuh"

extern "C" __global__ void matmul_2_coalesced(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
                                              int M, int N, int K, long long step_a, long long step_b) {
    int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= M || col >= N) return;
    a += blockIdx.z * step_a + (long long)row * K;
    b += blockIdx.z * step_b + col;
    float sum = 0.0f;
    for (int k = 0; k < K; ++k) sum += a[k] * b[(long long)k * N];
    out[((long long)blockIdx.z * M + row) * N + col] = sum;
}
