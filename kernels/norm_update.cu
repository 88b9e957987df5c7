// norm_update: adds the squares of all elements of x to `total`, one number on the device; gradient clipping calls it for each gradient
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one atomic addition a block       4                   2
//  2     blocks' sums, added in order      4                   2
//
// Rung 1 adds blocks in the order they come, so its last bits may change from run to run; rung 2 writes each block's sum down, and one block adds these up.
#include "common.cuh"

__device__ __forceinline__ float squares(const float* __restrict__ x, int n, float* box) {
    float sum = 0.0f;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i] * x[i];
    return block_sum(sum, box);
}

extern "C" __global__ void norm_update_1_atomics(float* total, const float* __restrict__ x, int n) {
    __shared__ float box[32];
    float sum = squares(x, n, box);
    if (threadIdx.x == 0) atomicAdd(total, sum);
}

extern "C" __global__ void norm_update_2_ordered(float* __restrict__ partial, const float* __restrict__ x, int n) {
    __shared__ float box[32];
    float sum = squares(x, n, box);
    if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

// One block: total += the sum of `count` numbers.
extern "C" __global__ void norm_update_add(float* __restrict__ total, const float* __restrict__ partial, int count) {
    __shared__ float box[32];
    float sum = 0.0f;
    for (int i = threadIdx.x; i < count; i += blockDim.x) sum += partial[i];
    sum = block_sum(sum, box);
    if (threadIdx.x == 0) *total += sum;
}
