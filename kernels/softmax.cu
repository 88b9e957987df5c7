// softmax: out_i = e^(x_i - max x) / sum_j e^(x_j - max x), along rows of `cols` elements
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one thread walks a row            16 (x three times)  5
//  2     one block a row, shared tree      16                  5
//  3     one warp a row, shuffles          16                  5
//  4     online: maximum and sum together  12 (x twice)        7
//  5     the row stays in registers        8  (x once)         5
//  6     in a block's registers, float4    8                   5
//
// softmax_backward: out_i = y_i (u_i - sum_j u_j y_j), from the cotangent u of the output y
//
//  1     one thread walks a row            20 (u, y twice)     4
//  2     one block a row, shared tree      20                  4
//  3     one warp a row, shuffles          20                  4
//  4     both rows stay in registers       12 (u, y once)      4
//  5     in a block's registers, float4    12                  4
#include "common.cuh"

extern "C" __global__ void softmax_1_naive(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = 0; c < cols; ++c) top = max_nan(line[c], top);
    for (int c = 0; c < cols; ++c) sum += __expf(line[c] - top);
    for (int c = 0; c < cols; ++c) out[(long long)row * cols + c] = __expf(line[c] - top) / sum;
}

extern "C" __global__ void __launch_bounds__(128) softmax_2_shared(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    __shared__ float tree[128];
    int row = blockIdx.x, t = threadIdx.x;
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = t; c < cols; c += 128) top = max_nan(line[c], top);
    tree[t] = top;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] = max_nan(tree[t], tree[t + half]);
    }
    __syncthreads();  // the top of the tree is there
    top = tree[0];
    for (int c = t; c < cols; c += 128) sum += __expf(line[c] - top);
    __syncthreads();  // everyone has read the maximum: the tree is used anew
    tree[t] = sum;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] += tree[t + half];
    }
    __syncthreads();  // the top of the tree is there
    float scale = 1.0f / tree[0];
    for (int c = t; c < cols; c += 128) out[(long long)row * cols + c] = __expf(line[c] - top) * scale;
}

extern "C" __global__ void __launch_bounds__(128) softmax_3_warp(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) top = max_nan(line[c], top);
    top = warp_max(top);
    for (int c = lane; c < cols; c += 32) sum += __expf(line[c] - top);
    sum = warp_sum(sum);
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = __expf(line[c] - top) / sum;
}

// A sum of e^(x - old top) becomes one of e^(x - new top) by the factor e^(old - new): one pass finds both.
// Reference: M. Milakov, N. Gimelshein, 2018, "Online normalizer calculation for softmax", alg. 3
extern "C" __global__ void __launch_bounds__(128) softmax_4_online(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) {
        float v = line[c], higher = max_nan(v, top);
        sum = (top == -INFINITY ? 0.0f : sum * __expf(top - higher)) + __expf(v - higher);
        top = higher;
    }
    float highest = warp_max(top);
    sum = warp_sum(top == -INFINITY ? 0.0f : sum * __expf(top - highest));  // a lane without elements brings nothing
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = __expf(line[c] - highest) / sum;
}

extern "C" __global__ void __launch_bounds__(128) softmax_5_registers(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    float v[32], top = -INFINITY, sum = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        v[i] = c < cols ? x[(long long)row * cols + c] : -INFINITY;
        top = max_nan(v[i], top);
    }
    top = warp_max(top);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        v[i] = lane + i * 32 < cols ? __expf(v[i] - top) : 0.0f;
        sum += v[i];
    }
    float scale = 1.0f / warp_sum(sum);  // one division a lane: 32 of them spill on sm_100
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[(long long)row * cols + c] = v[i] * scale;
    }
}

// For rows of 1025 to 8192 elements, which would not fit into one warp's registers.
extern "C" __global__ void __launch_bounds__(256) softmax_6_vectors(float* __restrict__ out, const float* __restrict__ x, int cols) {
    __shared__ float box[8];
    float v[32], top = -INFINITY, sum = 0.0f;
    wide_load(v, x + (long long)blockIdx.x * cols, cols, -INFINITY);
#pragma unroll
    for (int i = 0; i < 32; ++i) top = max_nan(v[i], top);
    top = block_max(top, box);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        v[i] = __expf(v[i] - top);  // 0 beyond the row
        sum += v[i];
    }
    float scale = 1.0f / block_sum(sum, box);  // one division a thread
#pragma unroll
    for (int i = 0; i < 32; ++i) v[i] *= scale;
    wide_store(v, out + (long long)blockIdx.x * cols, cols);
}

extern "C" __global__ void softmax_backward_1_naive(float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float dot = 0.0f;
    for (int c = 0; c < cols; ++c) dot += u[start + c] * y[start + c];
    for (int c = 0; c < cols; ++c) out[start + c] = y[start + c] * (u[start + c] - dot);
}

extern "C" __global__ void __launch_bounds__(128) softmax_backward_2_shared(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int cols) {
    __shared__ float tree[128];
    int t = threadIdx.x;
    long long start = (long long)blockIdx.x * cols;
    float dot = 0.0f;
    for (int c = t; c < cols; c += 128) dot += u[start + c] * y[start + c];
    tree[t] = dot;
    for (int half = 64; half > 0; half >>= 1) {
        __syncthreads();  // the level below is complete
        if (t < half) tree[t] += tree[t + half];
    }
    __syncthreads();  // the top of the tree is there
    dot = tree[0];
    for (int c = t; c < cols; c += 128) out[start + c] = y[start + c] * (u[start + c] - dot);
}

extern "C" __global__ void __launch_bounds__(128) softmax_backward_3_warp(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    long long start = (long long)row * cols;
    float dot = 0.0f;
    for (int c = lane; c < cols; c += 32) dot += u[start + c] * y[start + c];
    dot = warp_sum(dot);
    for (int c = lane; c < cols; c += 32) out[start + c] = y[start + c] * (u[start + c] - dot);
}

extern "C" __global__ void __launch_bounds__(128) softmax_backward_4_registers(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float a[32], b[32], dot = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        a[i] = c < cols ? u[start + c] : 0.0f;
        b[i] = c < cols ? y[start + c] : 0.0f;
        dot += a[i] * b[i];
    }
    dot = warp_sum(dot);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[start + c] = b[i] * (a[i] - dot);
    }
}

extern "C" __global__ void __launch_bounds__(256) softmax_backward_5_vectors(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int cols) {
    __shared__ float box[8];
    long long start = (long long)blockIdx.x * cols;
    float a[32], b[32], dot = 0.0f;
    wide_load(a, u + start, cols, 0.0f);
    wide_load(b, y + start, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) dot += a[i] * b[i];
    dot = block_sum(dot, box);
#pragma unroll
    for (int i = 0; i < 32; ++i) b[i] *= a[i] - dot;
    wide_store(b, out + start, cols);
}
