// matmul in bfloat16 on Hopper (sm_90a): out = a b, summed in float
//
//  rung  idea                               bytes per element   FLOPs per element
//  10    warpgroups and a copy engine       4 K / 128 + 4       2 K
//
// COMPILE-ONLY so far: runs on the emulated device, compiles for sm_90a, was never run on a GPU.
//
// wgmma: four warps together start a product of 64 x 128 that reads both operands from shared memory, and go on. The copy engine
// brings whole tiles, asked by one thread. It copies a tile in one piece because round_to_tiles has laid it out in global memory
// as wgmma wants it: 128 rows of 64 numbers (128 bytes), the 16-byte pieces of row r permuted by an exclusive or with r % 8.
// Reference: NVIDIA, "Parallel Thread Execution ISA", the chapters on wgmma, mbarrier and cp.async.bulk
// arch: sm_90a
#include "common.cuh"
#include "ptx.cuh"
#include <cuda_bf16.h>

constexpr int TILE = 128, DEPTH = 64, SIZE = TILE * DEPTH, STAGES = 4, THREADS = 256;

// x (rows, K), or turned (K, rows), becomes tiles: x's rows r and columns k in place (r / 128, k / 64) of a row-major array of tiles. Zeros fill them up.
extern "C" __global__ void round_to_tiles(__nv_bfloat16* __restrict__ out, const float* __restrict__ x, int rows, int K, int turned) {
    int down = blockIdx.y * TILE, along = blockIdx.x * DEPTH;
    x += (long long)blockIdx.z * rows * K;
    out += (((long long)blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x) * SIZE;
    for (int i = threadIdx.x; i < SIZE; i += blockDim.x) {  // neighbours read neighbours
        int r = turned ? i % TILE : i / DEPTH, k = turned ? i / TILE : i % DEPTH, row = down + r, col = along + k;
        float v = row < rows && col < K ? x[turned ? (long long)col * rows + row : (long long)row * K + col] : 0.0f;
        out[r * DEPTH + (k / 8 ^ r % 8) * 8 + k % 8] = __float2bfloat16(v);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS)
matmul_10_hopper(float* __restrict__ out, const __nv_bfloat16* __restrict__ a, const __nv_bfloat16* __restrict__ b,
                 int M, int N, int steps, long long step_a, long long step_b) {
    extern __shared__ __align__(1024) unsigned char shared[];
    __nv_bfloat16 *tile_a = (__nv_bfloat16*)shared, *tile_b = tile_a + STAGES * SIZE;
    unsigned long long* full = (unsigned long long*)(tile_b + STAGES * SIZE);  // a barrier a stage: its tiles have come
    int t = threadIdx.x, group = t / 128, warp = t / 32 % 4, lane = t % 32;
    a += blockIdx.z * step_a + (long long)blockIdx.y * steps * SIZE;
    b += blockIdx.z * step_b + (long long)blockIdx.x * steps * SIZE;

    auto fetch = [&](int step) {  // thread 0 alone
        int stage = step % STAGES;
        copy_barrier_expect(&full[stage], 2 * SIZE * 2);
        bulk_copy(tile_a + stage * SIZE, a + (long long)step * SIZE, SIZE * 2, &full[stage]);
        bulk_copy(tile_b + stage * SIZE, b + (long long)step * SIZE, SIZE * 2, &full[stage]);
    };
    if (t == 0) {
        for (int stage = 0; stage < STAGES; ++stage) copy_barrier_init(&full[stage]);
        for (int step = 0; step < STAGES && step < steps; ++step) fetch(step);
    }
    __syncthreads();  // the barriers are ready

    float sum[64] = {};  // a warpgroup computes 64 x 128 of the block's 128 x 128
    for (int step = 0; step < steps; ++step) {
        int stage = step % STAGES;
        copy_barrier_wait(&full[stage], step / STAGES % 2);
        wgmma_fence();
#pragma unroll
        for (int k = 0; k < DEPTH; k += 16) wgmma_m64n128k16(sum, tile_a + stage * SIZE + group * 64 * DEPTH + k, tile_b + stage * SIZE + k);
        wgmma_commit();
        wgmma_wait<1>();  // this step's products may be under way, the last step's have ended
        __syncthreads();  // in both warpgroups: the last step's tiles are free
        if (t == 0 && step > 0 && step - 1 + STAGES < steps) fetch(step - 1 + STAGES);
    }
    wgmma_wait<0>();
    // Store: each lane knows which elements it holds.
#pragma unroll
    for (int i = 0; i < 64; ++i) {
        int row = blockIdx.y * TILE + group * 64 + warp * 16 + lane / 4 + i % 4 / 2 * 8, col = blockIdx.x * TILE + i / 4 * 8 + lane % 4 * 2 + i % 2;
        if (row < M && col < N) out[((long long)blockIdx.z * M + row) * N + col] = sum[i];
    }
}
