// matmul: out = a b, see 1_naive.cu for the sizes; N and K are multiples of 4, all arrays start at multiples of 16 bytes
//
//  rung  idea                               bytes per element   FLOPs per element
//  7     a warp a 64 x 32 rectangle         8 K / 128 + 4       2 K
//
// In rung 6 a warp covers 16 x 128 elements: 144 numbers from shared memory for 2048 products, and its lanes, 32 bytes apart in
// tile_b, collide in the banks. Here it covers 64 x 32, 96 numbers for as many products: 8 x 4 lanes, whose 8 x 8 squares are cut
// into four 4 x 4 ones, 32 rows and 16 columns apart. So neighbouring lanes read neighbouring fours: one wavefront a load.
// Reference: the tiling of block, warp and thread is that of CUTLASS (A. Kerr, D. Merrill, J. Demouth, J. Tran, 2017,
// "CUTLASS: Fast Linear Algebra in CUDA C++"); S. Boehm, 2022, "How to Optimize a CUDA Matmul Kernel", gives the ladder.
#include "common.cuh"

constexpr int TILE = 128, DEPTH = 8, THREADS = 256, PAD = 4;
constexpr int WARP_ROWS = 64, WARP_COLS = 32, HALF_ROWS = WARP_ROWS / 2, HALF_COLS = WARP_COLS / 2;  // 2 x 4 warps fill the tile

extern "C" __global__ void __launch_bounds__(THREADS, 2)
matmul_7_warp(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
              int M, int N, int K, long long step_a, long long step_b) {
    __shared__ __align__(16) float tile_a[DEPTH][TILE + PAD], tile_b[DEPTH][TILE];
    int t = threadIdx.x, warp = t / 32, lane = t % 32;
    int y = warp / 4 * WARP_ROWS + lane / 4 * 4, x = warp % 4 * WARP_COLS + lane % 4 * 4;  // the first of this lane's four squares
    int a_row = t / 2, a_k = t % 2 * 4, b_k = t / 32, b_col = t % 32 * 4;                  // the four elements of each tile that it fetches
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    a += blockIdx.z * step_a + (long long)(first_row + a_row) * K + a_k;
    b += blockIdx.z * step_b + first_col + b_col;
    int a_end = first_row + a_row < M ? K - a_k : 0, b_end = first_col + b_col < N ? K : 0;  // beyond the edge there is nothing
    float4 none = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float sum[8][8] = {};
    for (int start = 0; start < K; start += DEPTH) {
        // Fetch, as in rung 6.
        float4 four = start < a_end ? load4(a + start) : none;
        tile_a[a_k][a_row] = four.x;
        tile_a[a_k + 1][a_row] = four.y;
        tile_a[a_k + 2][a_row] = four.z;
        tile_a[a_k + 3][a_row] = four.w;
        store4(&tile_b[b_k][b_col], start + b_k < b_end ? load4(b + (long long)(start + b_k) * N) : none);
        __syncthreads();  // both tiles are there
#pragma unroll
        for (int k = 0; k < DEPTH; ++k) {
            float from_a[8], from_b[8];
            copy4(from_a, &tile_a[k][y]);
            copy4(from_a + 4, &tile_a[k][y + HALF_ROWS]);
            copy4(from_b, &tile_b[k][x]);
            copy4(from_b + 4, &tile_b[k][x + HALF_COLS]);
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < 8; ++j) sum[i][j] += from_a[i] * from_b[j];
        }
        __syncthreads();  // nobody reads them any more
    }
#pragma unroll
    for (int i = 0; i < 8; ++i)
#pragma unroll
        for (int j = 0; j < 8; j += 4) {
            int row = first_row + y + i % 4 + i / 4 * HALF_ROWS, col = first_col + x + j / 4 * HALF_COLS;
            float4 v = make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]);
            if (row < M && col < N) store4(out + ((long long)blockIdx.z * M + row) * N + col, v);
        }
}
