// take_rows: out[i] = weight[index[i]], rows of D elements: the forward of an embedding
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     one thread copies a row             8, scattered        0
//  2     one thread an element               8 (+ index, cache)  0
//  3     one thread a float4                 8                   0
#include "common.cuh"

// Neighbouring threads are D elements apart: each request of a warp touches 32 sectors and uses 4 bytes of each.
extern "C" __global__ void take_rows_1_naive(float* __restrict__ out, const long long* __restrict__ index, const float* __restrict__ weight, int rows, int D) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    for (int d = 0; d < D; ++d) out[(long long)row * D + d] = weight[index[row] * D + d];
}

extern "C" __global__ void take_rows_2_elements(
        float* __restrict__ out, const long long* __restrict__ index, const float* __restrict__ weight, int size, int D) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e < size) out[e] = weight[index[e / D] * D + e % D];
}

// D is a multiple of 4 and the table begins at one of 16 bytes.
extern "C" __global__ void take_rows_3_vectors(
        float4* __restrict__ out, const long long* __restrict__ index, const float4* __restrict__ weight, int quads, int quads_a_row) {
    int q = blockIdx.x * blockDim.x + threadIdx.x;
    if (q < quads) out[q] = weight[index[q / quads_a_row] * quads_a_row + q % quads_a_row];
}
