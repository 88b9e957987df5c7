// matmul in bfloat16: out = a b, summed in float; a (.., wide_K), b (wide_K, wide_N) are rounded and filled up by 8_round.cu
//
//  rung  idea                               bytes per element   FLOPs per element
//  9     copies under way while multiplying 4 K / 128 + 4       2 K
//
// Rung 8b with the instructions beneath wmma. cp.async brings tiles into shared memory while the tensor cores work at earlier
// ones: three stages, two of them under way. ldmatrix loads what mma needs, and because we now know where each element goes, the
// rows can be laid out so that no two of the eight that ldmatrix reads together share a bank: their 16-byte pieces are permuted
// by an exclusive or with the row's number, which costs no padding.
// arch: sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
#include "common.cuh"
#include "ptx.cuh"
#include <cuda_bf16.h>

constexpr int TILE = 128, DEPTH = 32, THREADS = 256, STAGES = 3;
constexpr int DOWN = 4, ALONG = 4;                                // a warp's 64 x 32 as products of 16 x 8
constexpr int PIECES_A = DEPTH / 8, PIECES_B = TILE / 8;          // 16-byte pieces of a row

// Where a piece of a row stands in its tile. Rows of a are 64 bytes long, so two of them pass through all banks; those of b 256.
__device__ __forceinline__ int place_a(int row, int piece) { return (row * PIECES_A + (piece ^ row / 2 % 4)) * 8; }
__device__ __forceinline__ int place_b(int k, int piece) { return (k * PIECES_B + (piece ^ k % 8)) * 8; }

extern "C" __global__ void __launch_bounds__(THREADS)
matmul_9_mma(float* __restrict__ out, const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b,
             int M, int N, int wide_N, int wide_K, long long step_a, long long step_b) {
    __shared__ __align__(128) __nv_bfloat16 tile_a[STAGES][TILE * DEPTH], tile_b[STAGES][DEPTH * TILE];
    int t = threadIdx.x, warp = t / 32, lane = t % 32;
    int y = warp / 4 * DOWN * 16, x = warp % 4 * ALONG * 8, first_row = blockIdx.y * TILE, first_col = blockIdx.x * TILE;
    int steps = wide_K / DEPTH;
    a += blockIdx.z * step_a + (long long)first_row * wide_K;
    b += blockIdx.z * step_b + first_col;

    auto fetch = [&](int step) {  // start the copies for one step along K; an empty group after the last keeps the count
        int stage = step % STAGES;
        if (step < steps)
#pragma unroll
            for (int i = t; i < TILE * PIECES_A; i += THREADS) {
                int row = i / PIECES_A, piece = i % PIECES_A, k = i / PIECES_B, piece_b = i % PIECES_B;
                cp_async16(&tile_a[stage][place_a(row, piece)], a + (long long)row * wide_K + step * DEPTH + piece * 8);
                cp_async16(&tile_b[stage][place_b(k, piece_b)], b + (long long)(step * DEPTH + k) * wide_N + piece_b * 8);
            }
        cp_async_commit();
    };

    float sum[DOWN][ALONG][4] = {};
    for (int step = 0; step < STAGES - 1; ++step) fetch(step);
    for (int step = 0; step < steps; ++step) {
        cp_async_wait<STAGES - 2>();
        __syncthreads();          // this step's tiles are there, from all threads; and nobody reads the last step's any more
        fetch(step + STAGES - 1);  // into their place
        const __nv_bfloat16 *now_a = tile_a[step % STAGES], *now_b = tile_b[step % STAGES];
#pragma unroll
        for (int k = 0; k < DEPTH; k += 16) {
            unsigned from_a[DOWN][4], from_b[ALONG / 2][4];
#pragma unroll
            for (int i = 0; i < DOWN; ++i) ldmatrix_x4(from_a[i], now_a + place_a(y + i * 16 + lane % 16, k / 8 + lane / 16));
#pragma unroll
            for (int j = 0; j < ALONG / 2; ++j) ldmatrix_x4_turned(from_b[j], now_b + place_b(k + lane % 16, x / 8 + j * 2 + lane / 16));
#pragma unroll
            for (int i = 0; i < DOWN; ++i)
#pragma unroll
                for (int j = 0; j < ALONG; ++j) mma_m16n8k16(sum[i][j], from_a[i], from_b[j / 2][j % 2 * 2], from_b[j / 2][j % 2 * 2 + 1]);
        }
    }
    // Store: each lane knows which elements it holds.
#pragma unroll
    for (int i = 0; i < DOWN; ++i)
#pragma unroll
        for (int j = 0; j < ALONG; ++j)
#pragma unroll
            for (int e = 0; e < 4; ++e) {
                int row = first_row + y + i * 16 + lane / 4 + e / 2 * 8, col = first_col + x + j * 8 + lane % 4 * 2 + e % 2;
                if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = sum[i][j][e];
            }
}
