// What several kernels share: limits that NVRTC lacks, sums and maxima over a warp and over a block.
#pragma once
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#define FULL_MASK 0xffffffffu

__device__ __forceinline__ float warp_sum(float v) {
    for (int offset = 16; offset > 0; offset >>= 1) v += __shfl_xor_sync(FULL_MASK, v, offset);
    return v;  // in every lane
}

// As PyTorch's: a NaN wins.
__device__ __forceinline__ float max_nan(float a, float b) { return a > b || a != a ? a : b; }

__device__ __forceinline__ float warp_max(float v) {
    for (int offset = 16; offset > 0; offset >>= 1) v = max_nan(v, __shfl_xor_sync(FULL_MASK, v, offset));
    return v;
}

// Sum over a one-dimensional block of whole warps; `box` has one place per warp. Every thread gets the sum.
__device__ __forceinline__ float block_sum(float v, float* box) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    v = warp_sum(v);
    __syncthreads();  // the box may still be read from the last time
    if (lane == 0) box[warp] = v;
    __syncthreads();  // all warps have put theirs in
    return warp_sum(lane < warps ? box[lane] : 0.0f);
}

__device__ __forceinline__ float block_max(float v, float* box) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, warps = blockDim.x / 32;
    v = warp_max(v);
    __syncthreads();  // the box may still be read from the last time
    if (lane == 0) box[warp] = v;
    __syncthreads();  // all warps have put theirs in
    return warp_max(lane < warps ? box[lane] : -INFINITY);
}
