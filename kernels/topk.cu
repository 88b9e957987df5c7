// topk: the k <= 32 largest (or smallest) of each row of `cols` elements in order, with their indexes; NaN counts as largest, of equal ones the first
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     k rounds: the next below            4 k                 k
//  2     a sorted list in a warp's lanes     4                   1, more while the list still changes
//
// Value and index travel together as one number (`candidate` in common.cuh). For the smallest, the order of the values is turned round.
#include "common.cuh"

// flip: 0 for the largest, all ones for the smallest.
__device__ __forceinline__ unsigned long long candidate_for(float v, int index, unsigned flip) { return candidate(v, index) ^ (unsigned long long)flip << 32; }

// No element needs to be marked as taken: candidates are all different, and the next one is the best of those below the last.
extern "C" __global__ void __launch_bounds__(128) topk_1_rounds(
        float* __restrict__ values, long long* __restrict__ indices, const float* __restrict__ x, int cols, int k, unsigned flip) {
    __shared__ unsigned long long box[4];
    const float* line = x + (long long)blockIdx.x * cols;
    unsigned long long last = ~0ull;
    for (int i = 0; i < k; ++i) {
        unsigned long long best = 0;
        for (int c = threadIdx.x; c < cols; c += 128) {
            unsigned long long one = candidate_for(line[c], c, flip);
            if (one < last && one > best) best = one;
        }
        last = block_best(best, box);
        if (threadIdx.x > 0) continue;
        values[(long long)blockIdx.x * k + i] = line[index_of(last)];
        indices[(long long)blockIdx.x * k + i] = index_of(last);
    }
}

// Lane i keeps the i-th best so far. Of 32 new elements at a time, those above the k-th best are put in, one after another; soon there are few.
// Reference: J. Johnson, M. Douze, H. Jegou, 2017, "Billion-scale similarity search with GPUs", section 4 (the list in registers)
extern "C" __global__ void __launch_bounds__(128) topk_2_warp(
        float* __restrict__ values, long long* __restrict__ indices, const float* __restrict__ x, int rows, int cols, int k, unsigned flip) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * cols;
    unsigned long long kept = 0, worst = 0;
    for (int start = 0; start < cols; start += 32) {
        int c = start + lane;
        unsigned long long mine = c < cols ? candidate_for(line[c], c, flip) : 0;
        while (unsigned better = __ballot_sync(FULL_MASK, mine > worst)) {  // the same in all lanes
            int from = __ffs(better) - 1;
            unsigned long long one = __shfl_sync(FULL_MASK, mine, from), above = __shfl_up_sync(FULL_MASK, kept, 1);
            if (kept < one) kept = lane == 0 || above > one ? one : above;  // its place, or one place down
            worst = __shfl_sync(FULL_MASK, kept, k - 1);
            if (lane == from) mine = 0;
        }
    }
    if (lane >= k) return;
    values[(long long)row * k + lane] = line[index_of(kept)];
    indices[(long long)row * k + lane] = index_of(kept);
}
