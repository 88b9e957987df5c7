// rms_normalization: out = x rstd weight, rstd = 1 / sqrt(mean(x^2) + eps), along rows of `cols` elements
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one block a row, two passes       12 (x twice)        4
//  2     one warp a row, shuffles          12                  4
//  3     the row in a warp's registers     8  (x once)         4
//  4     in a block's registers, float4    8                   4
//
// rms_normalization_backward: out = rstd (d - xhat mean(d xhat)), d = u weight, xhat = x rstd
//
//  1     one block a row                   20 (u, x twice)     8
//  2     one warp a row, shuffles          20                  8
//  3     the row in a warp's registers     12 (u, x once)      8
//  4     in a block's registers, float4    12                  8
//
// As layer_normalization without its mean: one sum a row instead of two. A null weight counts as ones.
#include "common.cuh"

__device__ __forceinline__ float scaled(float v, const float* weight, int c) { return weight ? v * weight[c] : v; }

extern "C" __global__ void __launch_bounds__(128) rms_normalization_1_block(
        float* __restrict__ out, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight, int cols, float eps) {
    __shared__ float box[4];
    int row = blockIdx.x, t = threadIdx.x;
    const float* line = x + (long long)row * cols;
    float squares = 0.0f;
    for (int c = t; c < cols; c += 128) squares += line[c] * line[c];
    float r = 1.0f / sqrtf(block_sum(squares, box) / cols + eps);
    for (int c = t; c < cols; c += 128) out[(long long)row * cols + c] = scaled(line[c] * r, weight, c);
    if (t == 0) rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) rms_normalization_2_warp(
        float* __restrict__ out, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight, int rows, int cols,
        float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * cols;
    float squares = 0.0f;
    for (int c = lane; c < cols; c += 32) squares += line[c] * line[c];
    float r = 1.0f / sqrtf(warp_sum(squares) / cols + eps);
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = scaled(line[c] * r, weight, c);
    if (lane == 0) rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) rms_normalization_3_registers(
        float* __restrict__ out, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight, int rows, int cols,
        float eps) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    float v[32], squares = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        v[i] = c < cols ? x[(long long)row * cols + c] : 0.0f;
        squares += v[i] * v[i];
    }
    float r = 1.0f / sqrtf(warp_sum(squares) / cols + eps);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[(long long)row * cols + c] = scaled(v[i] * r, weight, c);
    }
    if (lane == 0) rstd[row] = r;
}

// For rows of 1025 to 8192 elements, which would not fit into one warp's registers.
extern "C" __global__ void __launch_bounds__(256) rms_normalization_4_vectors(
        float* __restrict__ out, float* __restrict__ rstd, const float* __restrict__ x, const float* __restrict__ weight, int cols, float eps) {
    __shared__ float box[8];
    int row = blockIdx.x;
    float v[32], squares = 0.0f;
    wide_load(v, x + (long long)row * cols, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) squares += v[i] * v[i];
    float r = 1.0f / sqrtf(block_sum(squares, box) / cols + eps);
#pragma unroll
    for (int i = 0; i < 32; ++i)
        if (wide_column(i) < cols) v[i] = scaled(v[i] * r, weight, wide_column(i));
    wide_store(v, out + (long long)row * cols, cols);
    if (threadIdx.x == 0) rstd[row] = r;
}

extern "C" __global__ void __launch_bounds__(128) rms_normalization_backward_1_block(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ weight, int cols) {
    __shared__ float box[4];
    int row = blockIdx.x, t = threadIdx.x;
    long long start = (long long)row * cols;
    float r = rstd[row], dot = 0.0f;
    for (int c = t; c < cols; c += 128) dot += scaled(u[start + c], weight, c) * x[start + c] * r;
    dot = block_sum(dot, box) / cols;
    for (int c = t; c < cols; c += 128) out[start + c] = r * (scaled(u[start + c], weight, c) - x[start + c] * r * dot);
}

extern "C" __global__ void __launch_bounds__(128) rms_normalization_backward_2_warp(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ weight, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    long long start = (long long)row * cols;
    float r = rstd[row], dot = 0.0f;
    for (int c = lane; c < cols; c += 32) dot += scaled(u[start + c], weight, c) * x[start + c] * r;
    dot = warp_sum(dot) / cols;
    for (int c = lane; c < cols; c += 32) out[start + c] = r * (scaled(u[start + c], weight, c) - x[start + c] * r * dot);
}

extern "C" __global__ void __launch_bounds__(128) rms_normalization_backward_3_registers(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ weight, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float d[32], xhat[32], r = rstd[row], dot = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        d[i] = c < cols ? scaled(u[start + c], weight, c) : 0.0f;
        xhat[i] = c < cols ? x[start + c] * r : 0.0f;
        dot += d[i] * xhat[i];
    }
    dot = warp_sum(dot) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[start + c] = r * (d[i] - xhat[i] * dot);
    }
}

extern "C" __global__ void __launch_bounds__(256) rms_normalization_backward_4_vectors(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ weight, int cols) {
    __shared__ float box[8];
    long long start = (long long)blockIdx.x * cols;
    float d[32], xhat[32], r = rstd[blockIdx.x], dot = 0.0f;
    wide_load(d, u + start, cols, 0.0f);
    wide_load(xhat, x + start, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        d[i] = wide_column(i) < cols ? scaled(d[i], weight, wide_column(i)) : 0.0f;
        xhat[i] *= r;
        dot += d[i] * xhat[i];
    }
    dot = block_sum(dot, box) / cols;
#pragma unroll
    for (int i = 0; i < 32; ++i) d[i] = r * (d[i] - xhat[i] * dot);
    wide_store(d, out + start, cols);
}
