// softmax: out_i = e^(x_i - max x) / sum_j e^(x_j - max x), along rows of `cols` elements
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one thread walks a row            16 (x three times)  5
//  2     one block a row, shared tree      16                  5
//  3     one warp a row, shuffles          16                  5
//  4     online: maximum and sum together  12 (x twice)        7
//  5     the row stays in registers        8  (x once)         5
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
    sum = tree[0];
    for (int c = t; c < cols; c += 128) out[(long long)row * cols + c] = __expf(line[c] - top) / sum;
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
    sum = warp_sum(sum);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[(long long)row * cols + c] = v[i] / sum;
    }
}
