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

// ---- rows: reductions, softmax, normalisation, argmax, topk ----

// How many floats stand before the next multiple of 16 bytes, where float4 loads may begin.
__device__ __forceinline__ int floats_to_16_bytes(const float* p) { return (int)((0 - (unsigned long long)p) / 4 % 4); }

// The online sum of exponentials, as in softmax_4_online: takes in v, where `sum` is of e^(x - top) so far. Starts from -infinity and 0.
__device__ __forceinline__ void add_exponential(float v, float& top, float& sum) {
    float higher = max_nan(v, top);
    sum = (top == -INFINITY ? 0.0f : sum * __expf(top - higher)) + __expf(v - higher);
    top = higher;
}

// A sum of e^(x - top) as one of e^(x - higher); where no number was above -infinity yet it counts nothing.
__device__ __forceinline__ float rescaled(float sum, float top, float higher) {
    return top == higher ? sum : top == -INFINITY ? 0.0f : sum * __expf(top - higher);
}

// A value with its place in one number: the larger value wins, a NaN over all, and among equal values the smaller index. Neither 0 nor all ones.
__device__ __forceinline__ unsigned ordered(float v) {
    if (v != v) return 0xffc00000u;  // above infinity
    unsigned bits = __float_as_uint(v + 0.0f);  // -0 becomes 0: they are equal
    return bits >> 31 ? ~bits : bits | 0x80000000u;  // negative numbers fall as their bits rise
}
__device__ __forceinline__ unsigned long long candidate(float v, int index) { return (unsigned long long)ordered(v) << 32 | (0xffffffffu - (unsigned)index); }
__device__ __forceinline__ int index_of(unsigned long long candidate) { return (int)(0xffffffffu - (unsigned)candidate); }

__device__ __forceinline__ unsigned long long warp_best(unsigned long long a) {
    for (int offset = 16; offset > 0; offset >>= 1) {
        unsigned long long b = __shfl_xor_sync(FULL_MASK, a, offset);
        a = a > b ? a : b;
    }
    return a;  // in every lane
}

// The best of a one-dimensional block of whole warps; `box` has one place per warp. Every thread gets it.
__device__ __forceinline__ unsigned long long block_best(unsigned long long a, unsigned long long* box) {
    int lane = threadIdx.x % 32, warps = blockDim.x / 32;
    a = warp_best(a);
    __syncthreads();  // the box may still be read from the last time
    if (lane == 0) box[threadIdx.x / 32] = a;
    __syncthreads();  // all warps have put theirs in
    return warp_best(lane < warps ? box[lane] : 0);
}

// A row of up to 8192 elements in the registers of 256 threads: 32 each, moved as 8 float4. Element i of a thread is that of column wide_column(i).
// The number of columns is a multiple of 4, and the row begins at a multiple of 16 bytes.
__device__ __forceinline__ int wide_column(int i) { return (threadIdx.x + i / 4 * 256) * 4 + i % 4; }

__device__ __forceinline__ void wide_load(float (&v)[32], const float* line, int cols, float beyond) {
#pragma unroll
    for (int i = 0; i < 32; i += 4) {
        int c = wide_column(i);
        float4 q = c < cols ? *(const float4*)(line + c) : make_float4(beyond, beyond, beyond, beyond);
        v[i] = q.x, v[i + 1] = q.y, v[i + 2] = q.z, v[i + 3] = q.w;
    }
}

__device__ __forceinline__ void wide_store(const float (&v)[32], float* line, int cols) {
#pragma unroll
    for (int i = 0; i < 32; i += 4) {
        int c = wide_column(i);
        if (c < cols) *(float4*)(line + c) = make_float4(v[i], v[i + 1], v[i + 2], v[i + 3]);
    }
}

// Four floats at once, at an address that is a multiple of 16 bytes.
__device__ __forceinline__ float4 load4(const float* from) { return *reinterpret_cast<const float4*>(from); }
__device__ __forceinline__ void store4(float* to, float4 v) { *reinterpret_cast<float4*>(to) = v; }
__device__ __forceinline__ void copy4(float* to, const float* from) {
    float4 v = load4(from);
    to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}
__device__ __forceinline__ void copy16(void* to, const void* from) { *reinterpret_cast<uint4*>(to) = *reinterpret_cast<const uint4*>(from); }
