// matmul: out = a b, see 1_naive.cu for the sizes
//
//  rung  idea                               bytes per element   FLOPs per element
//  4     a thread eight rows                8 K / 64 + 4        2 K
//
// In rung 3 each multiplication waits for two loads from shared memory. Here a thread computes 8 elements of one column: an
// element of b, once loaded, serves 8 multiplications; 9 loads for 8 of them instead of 16.
#include "common.cuh"

constexpr int TILE = 64, DEPTH = 8, ROWS = 8;  // a block's square of out, its step along K, a thread's part of a column

extern "C" __global__ void __launch_bounds__(TILE * TILE / ROWS, 2)
matmul_4_rows(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
              int M, int N, int K, long long step_a, long long step_b) {
    __shared__ float tile_a[TILE][DEPTH], tile_b[DEPTH][TILE];
    int t = threadIdx.x, x = t % TILE, y = t / TILE;  // out: column x, rows y * ROWS ...; fetching b: column x, row y
    int fetch_row = t / DEPTH, fetch_k = t % DEPTH;    // fetching a
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    a += blockIdx.z * step_a + (long long)(first_row + fetch_row) * K;
    b += blockIdx.z * step_b + first_col + x;
    int a_end = first_row + fetch_row < M ? K : 0, b_end = first_col + x < N ? K : 0;  // beyond the edge there is nothing
    float sum[ROWS] = {};
    for (int start = 0; start < K; start += DEPTH) {
        // Fetch: 512 threads, 512 elements of each; zeros beyond the edges.
        tile_a[fetch_row][fetch_k] = start + fetch_k < a_end ? a[start + fetch_k] : 0.0f;
        tile_b[y][x] = start + y < b_end ? b[(long long)(start + y) * N] : 0.0f;
        __syncthreads();  // both tiles are there
#pragma unroll
        for (int k = 0; k < DEPTH; ++k) {
            float from_b = tile_b[k][x];
#pragma unroll
            for (int i = 0; i < ROWS; ++i) sum[i] += tile_a[y * ROWS + i][k] * from_b;
        }
        __syncthreads();  // nobody reads them any more
    }
#pragma unroll
    for (int i = 0; i < ROWS; ++i) {
        int row = first_row + y * ROWS + i, col = first_col + x;
        if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = sum[i];
    }
}
