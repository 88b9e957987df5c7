// matmul: out = a b, see 1_naive.cu for the sizes
//
//  rung  idea                               bytes per element   FLOPs per element
//  3     tiles in shared memory             8 K / 32 + 4        2 K
//
// A block of 32 x 32 threads needs the same 32 rows of a and 32 columns of b again and again. It walks along K in steps of
// 32: fetch a square of each into shared memory, each element once, then multiply from there.
#include "common.cuh"

constexpr int TILE = 32;

extern "C" __global__ void __launch_bounds__(TILE * TILE)
matmul_3_shared(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
                int M, int N, int K, long long step_a, long long step_b) {
    __shared__ float tile_a[TILE][TILE], tile_b[TILE][TILE];
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * TILE + x, row = blockIdx.y * TILE + y;
    a += blockIdx.z * step_a;
    b += blockIdx.z * step_b;
    float sum = 0.0f;
    for (int start = 0; start < K; start += TILE) {
        // Fetch; zeros beyond the edges add nothing.
        tile_a[y][x] = row < M && start + x < K ? a[(long long)row * K + start + x] : 0.0f;
        tile_b[y][x] = start + y < K && col < N ? b[(long long)(start + y) * N + col] : 0.0f;
        __syncthreads();  // both squares are there
        for (int k = 0; k < TILE; ++k) sum += tile_a[y][k] * tile_b[k][x];
        __syncthreads();  // nobody reads them any more
    }
    if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = sum;
}
