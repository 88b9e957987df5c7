// sum: x as (outer, n, inner), row-major, becomes (outer, inner). Everything is one long row; columns have inner > 1
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     an atomic addition an element       4 + 8 (atomic)      1
//  1c    columns: one thread walks down      4                   1
//  2     a block's tree in shared memory     4                   1
//  2c    columns: tiles of 32 by 8           4                   1
//  3     a warp's pieces, shuffles           4                   1
//  4     float4 loads in a grid stride       4                   1
//
// From rung 2 on, a long row is cut into `pieces`: out holds one sum per piece, and the launcher runs the same kernel
// over these until one is left. No atomics, so that the same input gives the same bits.
#include "common.cuh"

// Correct as soon as it is written, and slow: all threads of a row queue for one place. out starts as zeros.
extern "C" __global__ void sum_1_atomics(float* __restrict__ out, const float* __restrict__ x, int size, int n, int inner) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= size) return;
    atomicAdd(&out[e / inner / n * inner + e % inner], x[e]);
}

// Neighbouring threads read neighbouring columns, so each row of a warp's columns is one request.
extern "C" __global__ void sum_1c_columns(float* __restrict__ out, const float* __restrict__ x, int columns, int n, int inner) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= columns) return;
    const float* column = x + (long long)(c / inner) * n * inner + c % inner;
    float sum = 0.0f;
    for (int r = 0; r < n; ++r) sum += column[(long long)r * inner];
    out[c] = sum;
}

extern "C" __global__ void __launch_bounds__(256) sum_2_shared(float* __restrict__ out, const float* __restrict__ x, int n, int pieces) {
    __shared__ float tree[256];
    int row = blockIdx.x / pieces, t = threadIdx.x;
    int c = blockIdx.x % pieces * 256 + t;
    tree[t] = c < n ? x[(long long)row * n + c] : 0.0f;
    for (int half = 128; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] += tree[t + half];
    }
    if (t == 0) out[blockIdx.x] = tree[0];  // which thread 0 itself has written last
}

// A block takes 32 columns of 256 rows: 8 rows at once, then the 8 partial sums of each column.
extern "C" __global__ void __launch_bounds__(256) sum_2c_tiles(float* __restrict__ out, const float* __restrict__ x, int n, int inner, int tiles, int pieces) {
    __shared__ float part[8][32];
    int lane = threadIdx.x, y = threadIdx.y, c = blockIdx.x % tiles * 32 + lane, group = blockIdx.x / tiles;  // group: (outer, piece)
    int first = group % pieces * 256, last = min(first + 256, n);
    const float* column = x + (long long)(group / pieces) * n * inner;
    float sum = 0.0f;
    for (int r = first + y; r < last && c < inner; r += 8) sum += column[(long long)r * inner + c];
    part[y][lane] = sum;
    __syncthreads();  // all 8 partial sums are there
    if (y > 0 || c >= inner) return;
    for (int k = 1; k < 8; ++k) sum += part[k][lane];
    out[(long long)group * inner + c] = sum;
}

// A warp takes up to 1024 elements; nothing is shared, so nobody waits at a barrier.
extern "C" __global__ void __launch_bounds__(128) sum_3_warp(float* __restrict__ out, const float* __restrict__ x, int n, int pieces, int count) {
    int piece = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (piece >= count) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)(piece / pieces) * n;
    int first = piece % pieces * 1024, last = min(first + 1024, n);
    float sum = 0.0f;
    for (int c = first + lane; c < last; c += 32) sum += line[c];
    sum = warp_sum(sum);
    if (lane == 0) out[piece] = sum;
}

// Four elements a load, and a few long-lived blocks: each strides over its row by all threads of that row's blocks.
extern "C" __global__ void __launch_bounds__(256) sum_4_vectors(float* __restrict__ out, const float* __restrict__ x, int n, int pieces) {
    __shared__ float box[8];
    const float* line = x + (long long)(blockIdx.x / pieces) * n;
    int start = blockIdx.x % pieces * blockDim.x + threadIdx.x, stride = pieces * blockDim.x;
    int head = min(n, floats_to_16_bytes(line)), quads = (n - head) / 4;
    const float4* middle = (const float4*)(line + head);
    float sum = 0.0f;
    for (int q = start; q < quads; q += stride) {
        float4 v = middle[q];
        sum += (v.x + v.y) + (v.z + v.w);
    }
    // What does not fill a float4: fewer than 4 elements at each end.
    if (start < head) sum += line[start];
    if (start < n - head - quads * 4) sum += line[head + quads * 4 + start];
    sum = block_sum(sum, box);
    if (threadIdx.x == 0) out[blockIdx.x] = sum;
}
