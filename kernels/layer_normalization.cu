// layer_normalization: out = (x - mean) rstd weight + bias, rstd = 1 / sqrt(var + eps), along rows of `cols` elements
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one block a row, three passes     16 (x three times)  8
//  2     one warp a row, shuffles          16                  8
//  3     the row in a warp's registers     8  (x once)         8
//  4     in a block's registers, float4    8                   8
//
// layer_normalization_backward: out = rstd (d - mean(d) - xhat mean(d xhat)), d = u weight, xhat = (x - mean) rstd
//
//  1     one block a row                   20 (u, x twice)     10
//  2     one warp a row, shuffles          20                  10
//  3     the row in a warp's registers     12 (u, x once)      10
//  4     in a block's registers, float4    12                  10
//
// The variance is of x - mean, found after the mean: the difference of two large sums of squares would lose its digits.
// A null weight counts as ones, a null bias as zeros. Weight and bias are the same for all rows and come from the cache.
#include "common.cuh"

__device__ __forceinline__ float scaled(float v, const float* weight, const float* bias, int c) {
    return v * (weight ? weight[c] : 1.0f) + (bias ? bias[c] : 0.0f);
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_1_block(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int cols, float eps) {
    __shared__ float box[4];
    int row = blockIdx.x, t = threadIdx.x;
    const float* line = x + (long long)row * cols;
    float sum = 0.0f, squares = 0.0f;
    for (int c = t; c < cols; c += 128) sum += line[c];
    float m = block_sum(sum, box) / cols;
    for (int c = t; c < cols; c += 128) squares += (line[c] - m) * (line[c] - m);
    float r = 1.0f / sqrtf(block_sum(squares, box) / cols + eps);
    for (int c = t; c < cols; c += 128) out[(long long)row * cols + c] = scaled((line[c] - m) * r, weight, bias, c);
    if (t == 0) mean[row] = m, rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_2_warp(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int rows, int cols, float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * cols;
    float sum = 0.0f, squares = 0.0f;
    for (int c = lane; c < cols; c += 32) sum += line[c];
    float m = warp_sum(sum) / cols;
    for (int c = lane; c < cols; c += 32) squares += (line[c] - m) * (line[c] - m);
    float r = 1.0f / sqrtf(warp_sum(squares) / cols + eps);
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = scaled((line[c] - m) * r, weight, bias, c);
    if (lane == 0) mean[row] = m, rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_3_registers(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int rows, int cols, float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    float v[32], sum = 0.0f, squares = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        v[i] = c < cols ? x[(long long)row * cols + c] : 0.0f;
        sum += v[i];
    }
    float m = warp_sum(sum) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        v[i] = lane + i * 32 < cols ? v[i] - m : 0.0f;
        squares += v[i] * v[i];
    }
    float r = 1.0f / sqrtf(warp_sum(squares) / cols + eps);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[(long long)row * cols + c] = scaled(v[i] * r, weight, bias, c);
    }
    if (lane == 0) mean[row] = m, rstd[row] = r;
}

// For rows of 1025 to 8192 elements, which would not fit into one warp's registers.
extern "C" __global__ void __launch_bounds__(256, 2) layer_normalization_4_vectors(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int cols, float eps) {
    __shared__ float box[8];
    int row = blockIdx.x;
    float v[32], sum = 0.0f, squares = 0.0f;
    wide_load(v, x + (long long)row * cols, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) sum += v[i];
    float m = block_sum(sum, box) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        v[i] = wide_column(i) < cols ? v[i] - m : 0.0f;
        squares += v[i] * v[i];
    }
    float r = 1.0f / sqrtf(block_sum(squares, box) / cols + eps);
#pragma unroll
    for (int i = 0; i < 32; ++i)
        if (wide_column(i) < cols) v[i] = scaled(v[i] * r, weight, bias, wide_column(i));
    wide_store(v, out + (long long)row * cols, cols);
    if (threadIdx.x == 0) mean[row] = m, rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_backward_1_block(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ mean,
        const float* __restrict__ rstd, const float* __restrict__ weight, int cols) {
    __shared__ float box[4];
    int row = blockIdx.x, t = threadIdx.x;
    long long start = (long long)row * cols;
    float m = mean[row], r = rstd[row], sum = 0.0f, dot = 0.0f;
    for (int c = t; c < cols; c += 128) {
        float d = scaled(u[start + c], weight, nullptr, c);
        sum += d;
        dot += d * (x[start + c] - m) * r;
    }
    sum = block_sum(sum, box) / cols;
    dot = block_sum(dot, box) / cols;
    for (int c = t; c < cols; c += 128) out[start + c] = r * (scaled(u[start + c], weight, nullptr, c) - sum - (x[start + c] - m) * r * dot);
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_backward_2_warp(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ mean,
        const float* __restrict__ rstd, const float* __restrict__ weight, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    long long start = (long long)row * cols;
    float m = mean[row], r = rstd[row], sum = 0.0f, dot = 0.0f;
    for (int c = lane; c < cols; c += 32) {
        float d = scaled(u[start + c], weight, nullptr, c);
        sum += d;
        dot += d * (x[start + c] - m) * r;
    }
    sum = warp_sum(sum) / cols;
    dot = warp_sum(dot) / cols;
    for (int c = lane; c < cols; c += 32) out[start + c] = r * (scaled(u[start + c], weight, nullptr, c) - sum - (x[start + c] - m) * r * dot);
}

extern "C" __global__ void __launch_bounds__(128) layer_normalization_backward_3_registers(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ mean,
        const float* __restrict__ rstd, const float* __restrict__ weight, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float d[32], xhat[32], m = mean[row], r = rstd[row], sum = 0.0f, dot = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        d[i] = c < cols ? scaled(u[start + c], weight, nullptr, c) : 0.0f;
        xhat[i] = c < cols ? (x[start + c] - m) * r : 0.0f;
        sum += d[i];
        dot += d[i] * xhat[i];
    }
    sum = warp_sum(sum) / cols;
    dot = warp_sum(dot) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[start + c] = r * (d[i] - sum - xhat[i] * dot);
    }
}

extern "C" __global__ void __launch_bounds__(256) layer_normalization_backward_4_vectors(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ mean,
        const float* __restrict__ rstd, const float* __restrict__ weight, int cols) {
    __shared__ float box[8];
    int row = blockIdx.x;
    long long start = (long long)row * cols;
    float d[32], xhat[32], m = mean[row], r = rstd[row], sum = 0.0f, dot = 0.0f;
    wide_load(d, u + start, cols, 0.0f);
    wide_load(xhat, x + start, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        d[i] = wide_column(i) < cols ? scaled(d[i], weight, nullptr, wide_column(i)) : 0.0f;
        xhat[i] = (xhat[i] - m) * r;
        sum += d[i];
        dot += d[i] * xhat[i];
    }
    sum = block_sum(sum, box) / cols;
    dot = block_sum(dot, box) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) d[i] = r * (d[i] - sum - xhat[i] * dot);
    wide_store(d, out + start, cols);
}
