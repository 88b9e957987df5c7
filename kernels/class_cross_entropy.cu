// class_cross_entropy: loss_n = ln sum_c e^x_nc - x_n,target_n; top = max x and logsum = ln sum e^(x - top) are kept for the backward
//
//  rung  idea                                  bytes per element   FLOPs per element
//  1     one thread walks a row                8  (x twice)        4
//  2     one warp a row, online sum            4                   6
//  3     one block a row, float4 loads         4                   6
//
// class_cross_entropy_backward: out_nc = u_n (e^(x_nc - top_n - logsum_n) - [c = target_n])
//
//  1     one thread an element                 8 (+ 20 from cache) 4
//  2     one block a row, float4               8                   4
//
// Unfused, log_softmax, the choice of the target's and their backward read and write a row about ten times. An item whose target is
// `ignore` has loss 0 and no gradient.
#include "common.cuh"

extern "C" __global__ void class_cross_entropy_1_naive(
        float* __restrict__ loss, float* __restrict__ top, float* __restrict__ logsum, const float* __restrict__ x,
        const long long* __restrict__ target, int rows, int classes, long long ignore) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    const float* line = x + (long long)row * classes;
    float highest = -INFINITY, sum = 0.0f;
    for (int c = 0; c < classes; ++c) highest = max_nan(line[c], highest);
    for (int c = 0; c < classes; ++c) sum += __expf(line[c] - highest);
    top[row] = highest;
    logsum[row] = logf(sum);
    loss[row] = target[row] == ignore ? 0.0f : logf(sum) - (line[target[row]] - highest);
}

extern "C" __global__ void __launch_bounds__(128) class_cross_entropy_2_warp(
        float* __restrict__ loss, float* __restrict__ top, float* __restrict__ logsum, const float* __restrict__ x,
        const long long* __restrict__ target, int rows, int classes, long long ignore) {
    int row = blockIdx.x * blockDim.y + threadIdx.y, lane = threadIdx.x;
    if (row >= rows) return;  // a whole warp leaves: no lane is missed below
    const float* line = x + (long long)row * classes;
    float mine = -INFINITY, sum = 0.0f;
    for (int c = lane; c < classes; c += 32) add_exponential(line[c], mine, sum);
    float highest = warp_max(mine);
    sum = logf(warp_sum(rescaled(sum, mine, highest)));
    if (lane > 0) return;
    top[row] = highest;
    logsum[row] = sum;
    loss[row] = target[row] == ignore ? 0.0f : sum - (line[target[row]] - highest);
}

extern "C" __global__ void __launch_bounds__(256) class_cross_entropy_3_vectors(
        float* __restrict__ loss, float* __restrict__ top, float* __restrict__ logsum, const float* __restrict__ x,
        const long long* __restrict__ target, int classes, long long ignore) {
    __shared__ float box[8];
    int row = blockIdx.x, t = threadIdx.x;
    const float* line = x + (long long)row * classes;
    int head = min(classes, floats_to_16_bytes(line)), quads = (classes - head) / 4;
    const float4* middle = (const float4*)(line + head);
    float mine = -INFINITY, sum = 0.0f;
    for (int q = t; q < quads; q += blockDim.x) {  // the scale changes once for four elements
        float4 v = middle[q];
        float higher = max_nan(max_nan(v.x, v.y), max_nan(max_nan(v.z, v.w), mine));
        sum = rescaled(sum, mine, higher) + __expf(v.x - higher) + __expf(v.y - higher) + __expf(v.z - higher) + __expf(v.w - higher);
        mine = higher;
    }
    // What does not fill a float4: fewer than 4 elements at each end.
    if (t < head) add_exponential(line[t], mine, sum);
    if (t < classes - head - quads * 4) add_exponential(line[head + quads * 4 + t], mine, sum);
    float highest = block_max(mine, box);
    sum = logf(block_sum(rescaled(sum, mine, highest), box));
    if (t > 0) return;
    top[row] = highest;
    logsum[row] = sum;
    loss[row] = target[row] == ignore ? 0.0f : sum - (line[target[row]] - highest);
}

extern "C" __global__ void class_cross_entropy_backward_1_naive(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const long long* __restrict__ target,
        const float* __restrict__ top, const float* __restrict__ logsum, int size, int classes, long long ignore) {
    int e = blockIdx.x * blockDim.x + threadIdx.x;
    if (e >= size) return;
    int row = e / classes;
    float scale = target[row] == ignore ? 0.0f : u[row];
    out[e] = scale * (__expf(x[e] - top[row] - logsum[row]) - (e % classes == target[row] ? 1.0f : 0.0f));
}

extern "C" __global__ void __launch_bounds__(256) class_cross_entropy_backward_2_vectors(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const long long* __restrict__ target,
        const float* __restrict__ top, const float* __restrict__ logsum, int classes, long long ignore) {
    int row = blockIdx.x, t = threadIdx.x;
    const float* line = x + (long long)row * classes;
    float* to = out + (long long)row * classes;
    int head = min(classes, floats_to_16_bytes(line)), quads = (classes - head) / 4;  // the same for `to`: both arrays begin at a multiple of 16 bytes
    const float4* middle = (const float4*)(line + head);
    float4* middle_to = (float4*)(to + head);
    float scale = target[row] == ignore ? 0.0f : u[row], less = top[row], rest = logsum[row];
    int right = target[row] == ignore ? -1 : (int)target[row];
    for (int q = t; q < quads; q += blockDim.x) {
        float4 v = middle[q];
        int c = head + q * 4;
        v.x = scale * (__expf(v.x - less - rest) - (c == right));
        v.y = scale * (__expf(v.y - less - rest) - (c + 1 == right));
        v.z = scale * (__expf(v.z - less - rest) - (c + 2 == right));
        v.w = scale * (__expf(v.w - less - rest) - (c + 3 == right));
        middle_to[q] = v;
    }
    // What does not fill a float4: fewer than 4 elements at each end.
    if (t < head) to[t] = scale * (__expf(line[t] - less - rest) - (t == right));
    int c = head + quads * 4 + t;
    if (c < classes) to[c] = scale * (__expf(line[c] - less - rest) - (c == right));
}
