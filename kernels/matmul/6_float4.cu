// matmul: out = a b, see 1_naive.cu for the sizes; N and K are multiples of 4, all arrays start at multiples of 16 bytes
//
//  rung  idea                               bytes per element   FLOPs per element
//  6     four floats at a time              8 K / 128 + 4       2 K
//
// Rung 5 with a quarter of its memory instructions: every load and store moves a float4. For that the tile of a is turned
// on its way into shared memory, so that a thread's 8 rows stand side by side there.
#include "common.cuh"

constexpr int TILE = 128, DEPTH = 8, SIDE = 8, THREADS = (TILE / SIDE) * (TILE / SIDE);
constexpr int PAD = 4;  // moves each row of the turned tile by 4 banks: a warp's stores, 4 rows apart, do not collide

extern "C" __global__ void __launch_bounds__(THREADS)
matmul_6_float4(float* __restrict__ out, const float* __restrict__ a, const float* __restrict__ b,
                int M, int N, int K, long long step_a, long long step_b) {
    __shared__ __align__(16) float tile_a[DEPTH][TILE + PAD], tile_b[DEPTH][TILE];
    int t = threadIdx.x, x = t % (TILE / SIDE) * SIDE, y = t / (TILE / SIDE) * SIDE;  // the corner of this thread's square
    int a_row = t / 2, a_k = t % 2 * 4, b_k = t / 32, b_col = t % 32 * 4;             // the four elements of each tile that it fetches
    int first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    a += blockIdx.z * step_a + (long long)(first_row + a_row) * K + a_k;
    b += blockIdx.z * step_b + first_col + b_col;
    int a_end = first_row + a_row < M ? K - a_k : 0, b_end = first_col + b_col < N ? K : 0;  // beyond the edge there is nothing
    float4 none = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float sum[SIDE][SIDE] = {};
    for (int start = 0; start < K; start += DEPTH) {
        // Fetch: 256 threads, 256 fours of each tile; zeros beyond the edges. No four is cut by an edge.
        float4 four = start < a_end ? load4(a + start) : none;
        tile_a[a_k][a_row] = four.x;
        tile_a[a_k + 1][a_row] = four.y;
        tile_a[a_k + 2][a_row] = four.z;
        tile_a[a_k + 3][a_row] = four.w;
        store4(&tile_b[b_k][b_col], start + b_k < b_end ? load4(b + (long long)(start + b_k) * N) : none);
        __syncthreads();  // both tiles are there
#pragma unroll
        for (int k = 0; k < DEPTH; ++k) {
            float from_a[SIDE], from_b[SIDE];
            copy4(from_a, &tile_a[k][y]);
            copy4(from_a + 4, &tile_a[k][y + 4]);
            copy4(from_b, &tile_b[k][x]);
            copy4(from_b + 4, &tile_b[k][x + 4]);
#pragma unroll
            for (int i = 0; i < SIDE; ++i)
#pragma unroll
                for (int j = 0; j < SIDE; ++j) sum[i][j] += from_a[i] * from_b[j];
        }
        __syncthreads();  // nobody reads them any more
    }
#pragma unroll
    for (int i = 0; i < SIDE; ++i)
#pragma unroll
        for (int j = 0; j < SIDE; j += 4) {
            int row = first_row + y + i, col = first_col + x + j;
            float4 v = make_float4(sum[i][j], sum[i][j + 1], sum[i][j + 2], sum[i][j + 3]);
            if (row < M && col < N) store4(out + ((long long)blockIdx.z * M + row) * N + col, v);
        }
}
