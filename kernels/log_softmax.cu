// log_softmax: out_i = x_i - max x - ln sum_j e^(x_j - max x), along rows of `cols` elements
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one thread walks a row            16 (x three times)  5
//  2     one warp a row, shuffles          16                  5
//  3     online: maximum and sum together  12 (x twice)        7
//  4     the row stays in registers        8  (x once)         5
//  5     in a block's registers, float4    8                   5
//
// log_softmax_backward: out_i = u_i - e^y_i sum_j u_j, from the cotangent u of the output y
//
//  1     one thread walks a row            16 (u twice, y)     4
//  2     one warp a row, shuffles          16                  4
//  3     u stays in registers              12 (u, y once)      4
//  4     in a block's registers, float4    12                  4
#include "common.cuh"

extern "C" __global__ void log_softmax_1_naive(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = 0; c < cols; ++c) top = max_nan(line[c], top);
    for (int c = 0; c < cols; ++c) sum += __expf(line[c] - top);
    sum = logf(sum);
    for (int c = 0; c < cols; ++c) out[(long long)row * cols + c] = line[c] - top - sum;  // in this order: top may be large, the rest is not
}

extern "C" __global__ void __launch_bounds__(128) log_softmax_2_warp(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) top = max_nan(line[c], top);
    top = warp_max(top);
    for (int c = lane; c < cols; c += 32) sum += __expf(line[c] - top);
    sum = logf(warp_sum(sum));
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = line[c] - top - sum;
}

// One pass finds maximum and sum, as in softmax_4_online.
extern "C" __global__ void __launch_bounds__(128) log_softmax_3_online(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * cols;
    float top = -INFINITY, sum = 0.0f;
    for (int c = lane; c < cols; c += 32) add_exponential(line[c], top, sum);
    float highest = warp_max(top);
    sum = logf(warp_sum(rescaled(sum, top, highest)));
    for (int c = lane; c < cols; c += 32) out[(long long)row * cols + c] = line[c] - highest - sum;
}

extern "C" __global__ void __launch_bounds__(128) log_softmax_4_registers(float* __restrict__ out, const float* __restrict__ x, int rows, int cols) {
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
    for (int i = 0; i < 32; ++i) sum += lane + i * 32 < cols ? __expf(v[i] - top) : 0.0f;
    sum = logf(warp_sum(sum));
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[(long long)row * cols + c] = v[i] - top - sum;
    }
}

// For rows of 1025 to 8192 elements, which would not fit into one warp's registers.
extern "C" __global__ void __launch_bounds__(256) log_softmax_5_vectors(float* __restrict__ out, const float* __restrict__ x, int cols) {
    __shared__ float box[8];
    float v[32], top = -INFINITY, sum = 0.0f;
    wide_load(v, x + (long long)blockIdx.x * cols, cols, -INFINITY);
#pragma unroll
    for (int i = 0; i < 32; ++i) top = max_nan(v[i], top);
    top = block_max(top, box);
#pragma unroll
    for (int i = 0; i < 32; ++i) sum += __expf(v[i] - top);  // 0 beyond the row
    sum = logf(block_sum(sum, box));
#pragma unroll
    for (int i = 0; i < 32; ++i) v[i] = v[i] - top - sum;
    wide_store(v, out + (long long)blockIdx.x * cols, cols);
}

extern "C" __global__ void log_softmax_backward_1_naive(float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float sum = 0.0f;
    for (int c = 0; c < cols; ++c) sum += u[start + c];
    for (int c = 0; c < cols; ++c) out[start + c] = u[start + c] - __expf(y[start + c]) * sum;
}

extern "C" __global__ void __launch_bounds__(128) log_softmax_backward_2_warp(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    long long start = (long long)row * cols;
    float sum = 0.0f;
    for (int c = lane; c < cols; c += 32) sum += u[start + c];
    sum = warp_sum(sum);
    for (int c = lane; c < cols; c += 32) out[start + c] = u[start + c] - __expf(y[start + c]) * sum;
}

extern "C" __global__ void __launch_bounds__(128) log_softmax_backward_3_registers(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int rows, int cols) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;
    long long start = (long long)row * cols;
    float v[32], sum = 0.0f;  // 32 lanes hold rows of up to 1024 elements
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        v[i] = c < cols ? u[start + c] : 0.0f;
        sum += v[i];
    }
    sum = warp_sum(sum);
#pragma unroll
    for (int i = 0; i < 32; ++i) {
        int c = lane + i * 32;
        if (c < cols) out[start + c] = v[i] - __expf(y[start + c]) * sum;
    }
}

extern "C" __global__ void __launch_bounds__(256) log_softmax_backward_4_vectors(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ y, int cols) {
    __shared__ float box[8];
    long long start = (long long)blockIdx.x * cols;
    float a[32], b[32], sum = 0.0f;
    wide_load(a, u + start, cols, 0.0f);
    wide_load(b, y + start, cols, 0.0f);
#pragma unroll
    for (int i = 0; i < 32; ++i) sum += a[i];
    sum = block_sum(sum, box);
#pragma unroll
    for (int i = 0; i < 32; ++i) a[i] -= __expf(b[i]) * sum;
    wide_store(a, out + start, cols);
}
