// argmax: the index of the largest of each row of `cols` elements; a NaN counts as largest, of equal ones the first
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     one thread walks a row              4                   1
//  2     one block a row, shared tree        4                   1
//  3     one block a row, shuffles           4                   1
//  4     float4 loads                        4                   1
//
// Value and index travel together as one number (`candidate` in common.cuh), so that an argmax is a maximum.
#include "common.cuh"

extern "C" __global__ void argmax_1_naive(long long* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * cols;
    unsigned long long best = 0;
    for (int c = 0; c < cols; ++c) best = max(best, candidate(line[c], c));
    out[row] = index_of(best);
}

extern "C" __global__ void __launch_bounds__(128) argmax_2_shared(long long* __restrict__ out, const float* __restrict__ x, int cols) {
    __shared__ unsigned long long tree[128];
    int t = threadIdx.x;
    const float* line = x + (long long)blockIdx.x * cols;
    unsigned long long best = 0;
    for (int c = t; c < cols; c += 128) best = max(best, candidate(line[c], c));
    tree[t] = best;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] = max(tree[t], tree[t + half]);
    }
    if (t == 0) out[blockIdx.x] = index_of(tree[0]);  // which thread 0 itself has written last
}

extern "C" __global__ void __launch_bounds__(256) argmax_3_shuffles(long long* __restrict__ out, const float* __restrict__ x, int cols) {
    __shared__ unsigned long long box[8];
    const float* line = x + (long long)blockIdx.x * cols;
    unsigned long long best = 0;
    for (int c = threadIdx.x; c < cols; c += blockDim.x) best = max(best, candidate(line[c], c));
    best = block_best(best, box);
    if (threadIdx.x == 0) out[blockIdx.x] = index_of(best);
}

extern "C" __global__ void __launch_bounds__(256) argmax_4_vectors(long long* __restrict__ out, const float* __restrict__ x, int cols) {
    __shared__ unsigned long long box[8];
    int t = threadIdx.x;
    const float* line = x + (long long)blockIdx.x * cols;
    int head = min(cols, floats_to_16_bytes(line)), quads = (cols - head) / 4, end = head + quads * 4;
    const float4* middle = (const float4*)(line + head);
    unsigned long long best = 0;
    for (int q = t; q < quads; q += blockDim.x) {
        float4 v = middle[q];
        int c = head + q * 4;
        best = max(max(best, max(candidate(v.x, c), candidate(v.y, c + 1))), max(candidate(v.z, c + 2), candidate(v.w, c + 3)));
    }
    // What does not fill a float4: fewer than 4 elements at each end.
    if (t < head) best = max(best, candidate(line[t], t));
    if (t < cols - end) best = max(best, candidate(line[end + t], end + t));
    best = block_best(best, box);
    if (t == 0) out[blockIdx.x] = index_of(best);
}
