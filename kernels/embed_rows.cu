// embed_rows: zeros of (V, D) with x[i] added at row index[i]: the backward of an embedding
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     an atomic addition an element       12, more if shared  1
//  2     equal indexes sorted into segments  8 (+ the sort)      1
//
// out starts as zeros. Rung 1 adds in the order in which threads happen to come, so its last bits may differ from run to run; rung 2 adds
// in the order of the input. Indexes outside the table, which the forward refuses, are left out.
#include "common.cuh"

extern "C" __global__ void embed_rows_1_atomics(
        float* __restrict__ out, const float* __restrict__ x, const long long* __restrict__ index, int size, int V, int D) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= size) return;
    long long row = index[e / D];
    if (row >= 0 && row < V) atomicAdd(&out[row * D + e % D], x[e]);
}

// `sorted` are the indexes in rising order, order[p] is where the p-th of them stood. One warp per place p: the first of equal indexes adds up
// all of them and writes the row, which is no one else's; the other warps leave. A word that is everywhere makes one warp's walk long.
extern "C" __global__ void __launch_bounds__(128) embed_rows_2_segments(
        float* __restrict__ out, const float* __restrict__ x, const long long* __restrict__ sorted, const long long* __restrict__ order, int count,
        int V, int D) {
    int p = blockIdx.x * blockDim.y + threadIdx.y;
    if (p >= count || p > 0 && sorted[p - 1] == sorted[p]) return;
    long long row = sorted[p];
    if (row < 0 || row >= V) return;
    for (int d = threadIdx.x; d < D; d += 32) {
        float sum = 0.0f;
        for (int q = p; q < count && sorted[q] == row; ++q) sum += x[order[q] * D + d];
        out[row * D + d] = sum;
    }
}
