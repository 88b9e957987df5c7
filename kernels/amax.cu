// amax: the largest of each row; x as (outer, n, inner), row-major, becomes (outer, inner). A NaN wins, as in PyTorch
//
//  rung  idea                                bytes per element   FLOPs per element
//  1     an atomic maximum an element        4 + 8 (atomic)      1
//  1c    columns: one thread walks down      4                   1
//  2     a block's tree in shared memory     4                   1
//  2c    columns: tiles of 32 by 8           4                   1
//  3     a warp's pieces, shuffles           4                   1
//  4     float4 loads in a grid stride       4                   1
//
// From rung 2 on, a long row is cut into `pieces`: out holds one maximum per piece, and the launcher runs the same
// kernel over these until one is left.
#include "common.cuh"

// There is no atomic maximum of floats, but their bits are ordered as integers are: rising for positive numbers, falling,
// as unsigned numbers above all positive ones, for negative. A NaN without its sign is above infinity. out starts as -infinity.
extern "C" __global__ void amax_1_atomics(float* __restrict__ out, const float* __restrict__ x, int size, int n, int inner) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= size) return;
    float v = x[e], *place = &out[e / inner / n * inner + e % inner];
    int bits = v != v ? 0x7fc00000 : __float_as_int(v);
    if (bits >= 0) atomicMax((int*)place, bits);
    else atomicMin((unsigned*)place, (unsigned)bits);
}

// Neighbouring threads read neighbouring columns, so each row of a warp's columns is one request.
extern "C" __global__ void amax_1c_columns(float* __restrict__ out, const float* __restrict__ x, int columns, int n, int inner) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= columns) return;
    const float* column = x + (long long)(c / inner) * n * inner + c % inner;
    float top = -INFINITY;
    for (int r = 0; r < n; ++r) top = max_nan(column[(long long)r * inner], top);
    out[c] = top;
}

extern "C" __global__ void __launch_bounds__(256) amax_2_shared(float* __restrict__ out, const float* __restrict__ x, int n, int pieces) {
    __shared__ float tree[256];
    int row = blockIdx.x / pieces, t = threadIdx.x;
    int c = blockIdx.x % pieces * 256 + t;
    tree[t] = c < n ? x[(long long)row * n + c] : -INFINITY;
    for (int half = 128; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] = max_nan(tree[t], tree[t + half]);
    }
    if (t == 0) out[blockIdx.x] = tree[0];  // which thread 0 itself has written last
}

// A block takes 32 columns of 256 rows: 8 rows at once, then the 8 partial maxima of each column.
extern "C" __global__ void __launch_bounds__(256) amax_2c_tiles(float* __restrict__ out, const float* __restrict__ x, int n, int inner, int tiles, int pieces) {
    __shared__ float part[8][32];
    int lane = threadIdx.x, y = threadIdx.y, c = blockIdx.x % tiles * 32 + lane, group = blockIdx.x / tiles;  // group: (outer, piece)
    int first = group % pieces * 256, last = min(first + 256, n);
    const float* column = x + (long long)(group / pieces) * n * inner;
    float top = -INFINITY;
    for (int r = first + y; r < last && c < inner; r += 8) top = max_nan(column[(long long)r * inner + c], top);
    part[y][lane] = top;
    __syncthreads();  // all 8 partial maxima are there
    if (y > 0 || c >= inner) return;
    for (int k = 1; k < 8; ++k) top = max_nan(part[k][lane], top);
    out[(long long)group * inner + c] = top;
}

// A warp takes up to 1024 elements; nothing is shared, so nobody waits at a barrier.
extern "C" __global__ void __launch_bounds__(128) amax_3_warp(float* __restrict__ out, const float* __restrict__ x, int n, int pieces, int count) {
    int piece = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (piece >= count) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)(piece / pieces) * n;
    int first = piece % pieces * 1024, last = min(first + 1024, n);
    float top = -INFINITY;
    for (int c = first + lane; c < last; c += 32) top = max_nan(line[c], top);
    top = warp_max(top);
    if (lane == 0) out[piece] = top;
}

// Four elements a load, and a few long-lived blocks: each strides over its row by all threads of that row's blocks.
extern "C" __global__ void __launch_bounds__(256) amax_4_vectors(float* __restrict__ out, const float* __restrict__ x, int n, int pieces) {
    __shared__ float box[8];
    const float* line = x + (long long)(blockIdx.x / pieces) * n;
    int start = blockIdx.x % pieces * blockDim.x + threadIdx.x, stride = pieces * blockDim.x;
    int head = min(n, floats_to_16_bytes(line)), quads = (n - head) / 4;
    const float4* middle = (const float4*)(line + head);
    float top = -INFINITY;
    for (int q = start; q < quads; q += stride) {
        float4 v = middle[q];
        top = max_nan(max_nan(v.x, v.y), max_nan(max_nan(v.z, v.w), top));
    }
    // What does not fill a float4: fewer than 4 elements at each end.
    if (start < head) top = max_nan(line[start], top);
    if (start < n - head - quads * 4) top = max_nan(line[head + quads * 4 + start], top);
    top = block_max(top, box);
    if (threadIdx.x == 0) out[blockIdx.x] = top;
}
