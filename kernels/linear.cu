// linear: out = x weight^T + bias, with x (M, K), weight (N, K) row-major as PyTorch keeps it, bias (N) or null
//
//  rung  idea                               bytes per element   FLOPs per element
//  1     both tiles fetched along K         8 K / 32 + 8        2 K + 1
//  2     warp tiles of registers            8 K / 128 + 8       2 K + 1
//
// Rungs 3 and 7 of matmul for a right operand that stands turned: its tile is turned on the way into shared memory, so no
// transpose is ever written to global memory; and the bias is added before the only store.
#include "common.cuh"

constexpr int SQUARE = 32;

extern "C" __global__ void __launch_bounds__(SQUARE * SQUARE)
linear_1_shared(float* __restrict__ out, const float* __restrict__ x, const float* __restrict__ weight,
                const float* __restrict__ bias, int M, int N, int K) {
    __shared__ float tile_x[SQUARE][SQUARE], tile_w[SQUARE][SQUARE + 1];  // tile_w is read down its columns: rows one bank apart
    int i = threadIdx.y, j = threadIdx.x, row = blockIdx.y * SQUARE + i, col = blockIdx.x * SQUARE + j, w_row = blockIdx.x * SQUARE + i;
    float sum = 0.0f;
    for (int start = 0; start < K; start += SQUARE) {
        // Fetch; zeros beyond the edges add nothing.
        tile_x[i][j] = row < M && start + j < K ? x[(long long)row * K + start + j] : 0.0f;
        tile_w[i][j] = w_row < N && start + j < K ? weight[(long long)w_row * K + start + j] : 0.0f;
        __syncthreads();  // both squares are there
        for (int k = 0; k < SQUARE; ++k) sum += tile_x[i][k] * tile_w[j][k];
        __syncthreads();  // nobody reads them any more
    }
    if (row < M && col < N) out[(long long)row * N + col] = bias ? sum + bias[col] : sum;
}

constexpr int TILE = 128, DEPTH = 8, THREADS = 256, PAD = 4, HALF_ROWS = 32, HALF_COLS = 16;  // a warp computes 64 x 32, see matmul/7_warp.cu

// K and N are multiples of 4, all arrays start at multiples of 16 bytes.
extern "C" __global__ void __launch_bounds__(THREADS)
linear_2_warp(float* __restrict__ out, const float* __restrict__ x, const float* __restrict__ weight,
              const float* __restrict__ bias, int M, int N, int K) {
    __shared__ __align__(16) float tile_x[DEPTH][TILE + PAD], tile_w[DEPTH][TILE + PAD];
    int t = threadIdx.x, warp = t / 32, lane = t % 32;
    int down = warp / 4 * 2 * HALF_ROWS + lane / 4 * 4, along = warp % 4 * 2 * HALF_COLS + lane % 4 * 4;  // the first of this lane's four squares
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE, from = t / 2, from_k = t % 2 * 4;   // the four elements of each tile that it fetches
    float sum[8][8] = {};
    for (int start = 0; start < K; start += DEPTH) {
        // Fetch: a four of each, turned; zeros beyond the edges.
        float4 none = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        float4 xs = first_row + from < M && start + from_k < K ? load4(x + (long long)(first_row + from) * K + start + from_k) : none;
        float4 ws = first_col + from < N && start + from_k < K ? load4(weight + (long long)(first_col + from) * K + start + from_k) : none;
        tile_x[from_k][from] = xs.x, tile_x[from_k + 1][from] = xs.y, tile_x[from_k + 2][from] = xs.z, tile_x[from_k + 3][from] = xs.w;
        tile_w[from_k][from] = ws.x, tile_w[from_k + 1][from] = ws.y, tile_w[from_k + 2][from] = ws.z, tile_w[from_k + 3][from] = ws.w;
        __syncthreads();  // both tiles are there
#pragma unroll
        for (int k = 0; k < DEPTH; ++k) {
            float from_x[8], from_w[8];
            copy4(from_x, &tile_x[k][down]);
            copy4(from_x + 4, &tile_x[k][down + HALF_ROWS]);
            copy4(from_w, &tile_w[k][along]);
            copy4(from_w + 4, &tile_w[k][along + HALF_COLS]);
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < 8; ++j) sum[i][j] += from_x[i] * from_w[j];
        }
        __syncthreads();  // nobody reads them any more
    }
#pragma unroll
    for (int j = 0; j < 8; j += 4) {
        int col = first_col + along + j / 4 * HALF_COLS;
        if (col >= N) continue;
        float4 add = bias ? load4(bias + col) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
#pragma unroll
        for (int i = 0; i < 8; ++i) {
            int row = first_row + down + i % 4 + i / 4 * HALF_ROWS;
            float4 v = make_float4(sum[i][j] + add.x, sum[i][j + 1] + add.y, sum[i][j + 2] + add.z, sum[i][j + 3] + add.w);
            if (row < M) store4(out + (long long)row * N + col, v);
        }
    }
}
