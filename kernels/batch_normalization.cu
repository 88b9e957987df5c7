// batch_normalization: out = (x - mean) / sqrt(var + eps) weight + bias; x is (N, C, S), mean and variance of each channel over N and S
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one thread a channel              16 (x three times)  8
//  2     one block a channel               16                  8
//  3     mean and variance in one pass     12 (x twice)        10
#include "common.cuh"

// Neighbouring threads have neighbouring channels: right for S = 1, where their reads share a request.
extern "C" __global__ void batch_normalization_1_naive(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ var, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int N, int C, int S, float eps) {
    int channel = blockIdx.x * blockDim.x + threadIdx.x;
    if (channel >= C) return;
    float sum = 0.0f, squares = 0.0f;
    for (int n = 0; n < N; ++n)
        for (int s = 0; s < S; ++s) sum += x[((long long)n * C + channel) * S + s];
    float m = sum / ((float)N * S);
    for (int n = 0; n < N; ++n)
        for (int s = 0; s < S; ++s) {
            float d = x[((long long)n * C + channel) * S + s] - m;
            squares += d * d;
        }
    float v = squares / ((float)N * S), scale = (weight ? weight[channel] : 1.0f) / sqrtf(v + eps), shift = bias ? bias[channel] : 0.0f;
    for (int n = 0; n < N; ++n)
        for (int s = 0; s < S; ++s) {
            long long e = ((long long)n * C + channel) * S + s;
            out[e] = (x[e] - m) * scale + shift;
        }
    mean[channel] = m;
    var[channel] = v;
}

// The block walks the N S elements of its channel together; every thread counts its own place as (n, s).
extern "C" __global__ void __launch_bounds__(256) batch_normalization_2_block(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ var, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int N, int C, int S, float eps) {
    __shared__ float box[8];
    int channel = blockIdx.x, t = threadIdx.x, count = N * S;
    float sum = 0.0f, squares = 0.0f;
    for (int i = t; i < count; i += 256) sum += x[((long long)(i / S) * C + channel) * S + i % S];
    float m = block_sum(sum, box) / count;
    for (int i = t; i < count; i += 256) {
        float d = x[((long long)(i / S) * C + channel) * S + i % S] - m;
        squares += d * d;
    }
    float v = block_sum(squares, box) / count, scale = (weight ? weight[channel] : 1.0f) / sqrtf(v + eps), shift = bias ? bias[channel] : 0.0f;
    for (int i = t; i < count; i += 256) {
        long long e = ((long long)(i / S) * C + channel) * S + i % S;
        out[e] = (x[e] - m) * scale + shift;
    }
    if (t == 0) mean[channel] = m, var[channel] = v;
}

struct Moments { float count, mean, squares; };  // of some elements: how many, their mean, the sum of (x - mean)^2

// The moments of two sets together. References: B. Welford, 1962, "Note on a method for calculating corrected sums of squares and products";
// T. Chan, G. Golub, R. LeVeque, 1983, "Algorithms for computing the sample variance", eq. 2.1
__device__ __forceinline__ Moments merged(Moments a, Moments b) {
    float count = a.count + b.count, share = count > 0.0f ? b.count / count : 0.0f, d = b.mean - a.mean;
    return {count, a.mean + d * share, a.squares + b.squares + d * d * a.count * share};
}

__device__ __forceinline__ Moments warp_merged(Moments a) {
    for (int offset = 16; offset > 0; offset >>= 1) {
        float count = __shfl_xor_sync(FULL_MASK, a.count, offset), mean = __shfl_xor_sync(FULL_MASK, a.mean, offset);
        a = merged(a, {count, mean, __shfl_xor_sync(FULL_MASK, a.squares, offset)});
    }
    return a;
}

extern "C" __global__ void __launch_bounds__(256) batch_normalization_3_moments(
        float* __restrict__ out, float* __restrict__ mean, float* __restrict__ var, const float* __restrict__ x, const float* __restrict__ weight,
        const float* __restrict__ bias, int N, int C, int S, float eps) {
    __shared__ Moments box[8];
    int channel = blockIdx.x, t = threadIdx.x, count = N * S;
    Moments mine = {0.0f, 0.0f, 0.0f};
    for (int i = t; i < count; i += 256) mine = merged(mine, {1.0f, x[((long long)(i / S) * C + channel) * S + i % S], 0.0f});
    mine = warp_merged(mine);
    if (t % 32 == 0) box[t / 32] = mine;
    __syncthreads();  // all 8 warps have put theirs in
    Moments all = box[0];
    for (int w = 1; w < 8; ++w) all = merged(all, box[w]);  // by every thread in the same order, so that all agree
    float m = all.mean, v = all.squares / count, scale = (weight ? weight[channel] : 1.0f) / sqrtf(v + eps), shift = bias ? bias[channel] : 0.0f;
    for (int i = t; i < count; i += 256) {
        long long e = ((long long)(i / S) * C + channel) * S + i % S;
        out[e] = (x[e] - m) * scale + shift;
    }
    if (t == 0) mean[channel] = m, var[channel] = v;
}
