// matmul: out = a b, with a (M, K), b (K, N), row-major; blockIdx.z counts a stack of such products, `step_a` elements
// from one a to the next (0: all share one a)
//
//  rung  idea                               bytes per element   FLOPs per element
//  1     a thread an element, lanes down    8 K + 4             2 K
//
// Bytes and FLOPs are per element of out, bytes as the threads ask for them. Here the 32 lanes of a warp stand in 32 rows: each
// of their loads from a, and their store, touches 32 places far apart, where one line of 128 bytes could have served them all.
#include "common.cuh"

extern "C" __global__ void matmul_1_naive(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
                                          int M, int N, int K, long long step_a, long long step_b) {
    int row = blockIdx.x * blockDim.x + threadIdx.x, col = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= M || col >= N) return;
    a += blockIdx.z * step_a + (long long)row * K;
    b += blockIdx.z * step_b + col;
    float sum = 0.0f;
    for (int k = 0; k < K; ++k) sum += a[k] * b[(long long)k * N];
    out[((long long)blockIdx.z * M + row) * N + col] = sum;
}
