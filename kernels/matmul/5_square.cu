// matmul: out = a b, see 1_naive.cu for the sizes
//
//  rung  idea                               bytes per element   FLOPs per element
//  5     a thread an 8 x 8 square           8 K / 128 + 4       2 K
//
// Rung 4 in both directions: 8 elements of a and 8 of b, held in registers, make 64 multiplications; 16 loads for 64 of
// them. The outer product of two short vectors is what the registers work at.
#include "common.cuh"

constexpr int TILE = 128, DEPTH = 8, SIDE = 8, THREADS = (TILE / SIDE) * (TILE / SIDE);

extern "C" __global__ void __launch_bounds__(THREADS, 2)
matmul_5_square(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
                int M, int N, int K, long long step_a, long long step_b) {
    __shared__ float tile_a[TILE][DEPTH], tile_b[DEPTH][TILE];
    int t = threadIdx.x, x = t % (TILE / SIDE) * SIDE, y = t / (TILE / SIDE) * SIDE;  // the corner of this thread's square
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    a += blockIdx.z * step_a;
    b += blockIdx.z * step_b;
    float sum[SIDE][SIDE] = {};
    for (int start = 0; start < K; start += DEPTH) {
        // Fetch: 256 threads, 4 rounds for the 1024 elements of each tile; zeros beyond the edges.
        for (int i = t; i < TILE * DEPTH; i += THREADS) {
            int row = i / DEPTH, k = i % DEPTH;
            tile_a[row][k] = first_row + row < M && start + k < K ? a[(long long)(first_row + row) * K + start + k] : 0.0f;
        }
        for (int i = t; i < TILE * DEPTH; i += THREADS) {
            int k = i / TILE, col = i % TILE;
            tile_b[k][col] = start + k < K && first_col + col < N ? b[(long long)(start + k) * N + first_col + col] : 0.0f;
        }
        __syncthreads();  // both tiles are there
#pragma unroll 2  // all eight would not fit into the 128 registers that two blocks on a processor leave
        for (int k = 0; k < DEPTH; ++k) {
            float from_a[SIDE], from_b[SIDE];
#pragma unroll
            for (int i = 0; i < SIDE; ++i) from_a[i] = tile_a[y + i][k];
#pragma unroll
            for (int j = 0; j < SIDE; ++j) from_b[j] = tile_b[k][x + j];
#pragma unroll
            for (int i = 0; i < SIDE; ++i)
#pragma unroll
                for (int j = 0; j < SIDE; ++j) sum[i][j] += from_a[i] * from_b[j];
        }
        __syncthreads();  // nobody reads them any more
    }
    for (int i = 0; i < SIDE; ++i)
#pragma unroll
        for (int j = 0; j < SIDE; ++j) {
            int row = first_row + y + i, col = first_col + x + j;
            if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = sum[i][j];
        }
}
