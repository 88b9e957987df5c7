// max_dim: the largest of each row of `cols` elements with its index; a NaN counts as largest, of equal ones the first
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     one block a row, shuffles           4                   1
#include "common.cuh"

// As argmax_3_shuffles; the winner's value is read once more, from the cache.
extern "C" __global__ void __launch_bounds__(256) max_dim_1_shuffles(
        float* __restrict__ values, long long* __restrict__ indices, const float* __restrict__ x, int cols) {
    __shared__ unsigned long long box[8];
    const float* line = x + (long long)blockIdx.x * cols;
    unsigned long long best = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) best = max(best, candidate(line[c], c));
    best = block_best(best, box);
    if (threadIdx.x > 0) return;
    values[blockIdx.x] = line[index_of(best)];
    indices[blockIdx.x] = index_of(best);
}
