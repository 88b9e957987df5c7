// matmul in bfloat16: out = a b, summed in float; a (.., wide_K), b (wide_K, wide_N) are rounded and filled up by 8_round.cu
//
//  rung  idea                               bytes per element   FLOPs per element
//  8b    tensor cores fed from shared       4 K / 128 + 4       2 K
//
// Rung 7's plan with fragments in the place of registers: a block computes 128 x 128, each of its 2 x 4 warps 64 x 32 of that,
// 4 x 2 fragments; 6 loads from shared memory for 8 products.
// arch: sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
#include "common.cuh"
#include <cuda_bf16.h>
#include <mma.h>
using namespace nvcuda;

constexpr int TILE = 128, DEPTH = 32, THREADS = 256, SIDE = 16;
constexpr int DOWN = 4, ALONG = 2;                    // fragments of a warp
constexpr int WIDE_A = DEPTH + 8, WIDE_B = TILE + 8;  // 16 bytes more a row: eight pieces below one another lie in different banks

extern "C" __global__ void __launch_bounds__(THREADS)
matmul_8b_wmma_shared(float* __restrict__ out, const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b,
                      int M, int N, int wide_N, int wide_K, long long step_a, long long step_b) {
    __shared__ __align__(32) __nv_bfloat16 tile_a[TILE][WIDE_A], tile_b[DEPTH][WIDE_B];
    __shared__ __align__(32) float box[THREADS / 32][SIDE * SIDE];
    int t = threadIdx.x, warp = t / 32, lane = t % 32;
    int y = warp / 4 * DOWN * SIDE, x = warp % 4 * ALONG * SIDE, first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    a += blockIdx.z * step_a + (long long)first_row * wide_K;
    b += blockIdx.z * step_b + first_col;
    wmma::fragment<wmma::matrix_a, SIDE, SIDE, SIDE, __nv_bfloat16, wmma::row_major> from_a[DOWN];
    wmma::fragment<wmma::matrix_b, SIDE, SIDE, SIDE, __nv_bfloat16, wmma::row_major> from_b[ALONG];
    wmma::fragment<wmma::accumulator, SIDE, SIDE, SIDE, float> sum[DOWN][ALONG];
#pragma unroll
    for (int i = 0; i < DOWN * ALONG; ++i) wmma::fill_fragment(sum[i / ALONG][i % ALONG], 0.0f);
    for (int start = 0; start < wide_K; start += DEPTH) {
        // Fetch: eight numbers (16 bytes) at a time, two rounds of 256 threads for each tile.
        for (int i = t; i < TILE * DEPTH / 8; i += THREADS) {
            int row = i / (DEPTH / 8), k = i % (DEPTH / 8) * 8;
            copy16(&tile_a[row][k], a + (long long)row * wide_K + start + k);
        }
        for (int i = t; i < TILE * DEPTH / 8; i += THREADS) {
            int k = i / (TILE / 8), col = i % (TILE / 8) * 8;
            copy16(&tile_b[k][col], b + (long long)(start + k) * wide_N + col);
        }
        __syncthreads();  // both tiles are there
#pragma unroll
        for (int k = 0; k < DEPTH; k += SIDE) {
#pragma unroll
            for (int i = 0; i < DOWN; ++i) wmma::load_matrix_sync(from_a[i], &tile_a[y + i * SIDE][k], WIDE_A);
#pragma unroll
            for (int j = 0; j < ALONG; ++j) wmma::load_matrix_sync(from_b[j], &tile_b[k][x + j * SIDE], WIDE_B);
#pragma unroll
            for (int i = 0; i < DOWN; ++i)
#pragma unroll
                for (int j = 0; j < ALONG; ++j) wmma::mma_sync(sum[i][j], from_a[i], from_b[j], sum[i][j]);
        }
        __syncthreads();  // nobody reads them any more
    }
    // Store, one fragment after another, by way of the warp's box.
#pragma unroll
    for (int f = 0; f < DOWN * ALONG; ++f) {
        wmma::store_matrix_sync(box[warp], sum[f / ALONG][f % ALONG], SIDE, wmma::mem_row_major);
        __syncwarp();  // the box is full
        for (int i = lane; i < SIDE * SIDE; i += 32) {
            int row = first_row + y + f / ALONG * SIDE + i / SIDE, col = first_col + x + f % ALONG * SIDE + i % SIDE;
            if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = box[warp][i];
        }
        __syncwarp();  // and empty again
    }
}
