// matmul in bfloat16: out = a b, summed in float; a (.., wide_K), b (wide_K, wide_N) are rounded and filled up by 8_round.cu
//
//  rung  idea                               bytes per element   FLOPs per element
//  8a    tensor cores, a warp a tile        4 K / 16 + 4        2 K
//
// A tensor core multiplies 16 x 16 matrices at one go. A warp holds them as fragments, spread over its 32 lanes; where each
// element lies is the hardware's business. Everything comes straight from global memory, as in rung 2.
// arch: sm_80, sm_86, sm_89, sm_90, sm_100, sm_120
#include "common.cuh"
#include <cuda_bf16.h>
#include <mma.h>
using namespace nvcuda;

constexpr int SIDE = 16, WARPS = 4;  // a warp computes 16 x 16, a block four of these side by side

extern "C" __global__ void __launch_bounds__(32 * WARPS)
matmul_8a_wmma(float* __restrict__ out, const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b,
               int M, int N, int wide_N, int wide_K, long long step_a, long long step_b) {
    __shared__ __align__(32) float box[WARPS][SIDE * SIDE];
    int lane = threadIdx.x, warp = threadIdx.y, first_row = blockIdx.y * SIDE, first_col = (blockIdx.x * WARPS + warp) * SIDE;
    a += blockIdx.z * step_a + (long long)first_row * wide_K;
    b += blockIdx.z * step_b + first_col;
    wmma::fragment<wmma::matrix_a, SIDE, SIDE, SIDE, __nv_bfloat16, wmma::row_major> from_a;
    wmma::fragment<wmma::matrix_b, SIDE, SIDE, SIDE, __nv_bfloat16, wmma::row_major> from_b;
    wmma::fragment<wmma::accumulator, SIDE, SIDE, SIDE, float> sum;
    wmma::fill_fragment(sum, 0.0f);
    for (int start = 0; start < wide_K; start += SIDE) {
        wmma::load_matrix_sync(from_a, a + start, wide_K);
        wmma::load_matrix_sync(from_b, b + (long long)start * wide_N, wide_N);
        wmma::mma_sync(sum, from_a, from_b, sum);
    }
    // A fragment can only be stored whole; the way over shared memory lets each lane ask whether its element exists.
    wmma::store_matrix_sync(box[warp], sum, SIDE, wmma::mem_row_major);
    __syncwarp();  // the box is full
    for (int i = lane; i < SIDE * SIDE; i += 32) {
        int row = first_row + i / SIDE, col = first_col + i % SIDE;
        if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = box[warp][i];
    }
}
