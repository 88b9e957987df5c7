// What the recurrent kernels share: the sigmoid, and the product of a step's states with the recurrent weights.
#pragma once
#include "common.cuh"

__device__ __forceinline__ float sigmoid_of(float x) { return 0.5f * tanhf(0.5f * x) + 0.5f; }

// For GATES gates at once: sums[k] = row b of h (B, H) times row k H + u of w (GATES H, H). Blocks of 16 x 16 threads, x over units u, y over sequences b.
template <int GATES> __device__ __forceinline__ void gate_products(float (&sums)[GATES], const float* __restrict__ h, const float* __restrict__ w, int B, int H) {
    __shared__ float states[16][17], weights[GATES][16][17];
    int tx = threadIdx.x, ty = threadIdx.y, b = blockIdx.y * 16 + ty, row = blockIdx.x * 16 + ty;  // this thread fetches of sequence b and of weight row `row`
#pragma unroll
    for (int k = 0; k < GATES; ++k) sums[k] = 0.0f;
    for (int from = 0; from < H; from += 16) {
        int column = from + tx;
        states[ty][tx] = b < B && column < H ? h[b * H + column] : 0.0f;
#pragma unroll
        for (int k = 0; k < GATES; ++k) weights[k][ty][tx] = row < H && column < H ? w[(long long)(k * H + row) * H + column] : 0.0f;
        __syncthreads();  // the tiles are there
        for (int c = 0; c < 16; ++c)
#pragma unroll
            for (int k = 0; k < GATES; ++k) sums[k] += states[ty][c] * weights[k][tx][c];
        __syncthreads();  // the tiles have been read
    }
}
