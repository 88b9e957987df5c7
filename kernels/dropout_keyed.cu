// dropout_keyed: x with each element zeroed where its random number is below p, else scaled; the numbers are a function of the key, so no mask is kept
//
//  rung  idea                                       bytes per element   Philox blocks per element
//  1     one thread an element                      8                   1
//  2     one thread a block of eight                8, 8 apart          1/8
//  3     the same with float4                       8                   1/8
//
// Element i takes the i-th 32-bit word of Philox4x64-10, low halves first: bit for bit what NumPy's generator gives on the CPU.
// Reference: J. Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3", section 3.3 and table 2.
#include "common.cuh"

struct Words { unsigned long long w[4]; };

// Block `number` of the stream: ten rounds of two wide products each, which mix a counter with the key. NumPy counts from 1.
__device__ __forceinline__ Words philox(unsigned long long number, unsigned long long key) {
    unsigned long long a = number + 1, b = 0, c = 0, d = 0, high = 0;
#pragma unroll
    for (int round = 0; round < 10; ++round) {
        unsigned long long left = 0xD2E7470EE14C6C93ull, right = 0xCA5A826395121157ull;
        unsigned long long new_a = __umul64hi(right, c) ^ b ^ key, new_c = __umul64hi(left, a) ^ d ^ high;
        b = right * c;
        d = left * a;
        a = new_a;
        c = new_c;
        key += 0x9E3779B97F4A7C15ull;
        high += 0xBB67AE8584CAA73Bull;
    }
    return {{a, b, c, d}};
}

// A product, not a choice: what is dropped of infinity or NaN is NaN, as on the CPU.
__device__ __forceinline__ float kept(float x, const Words& words, int place, unsigned threshold, float scale) {
    unsigned word = (unsigned)(words.w[place / 2] >> place % 2 * 32);
    return x * (word >= threshold ? 1.0f : 0.0f) * scale;
}

extern "C" __global__ void dropout_keyed_1_naive(float* __restrict__ out, const float* __restrict__ x, int n, unsigned long long key, unsigned threshold, float scale) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) out[i] = kept(x[i], philox(i / 8, key), i % 8, threshold, scale);
}

extern "C" __global__ void dropout_keyed_2_eights(float* __restrict__ out, const float* __restrict__ x, int n, unsigned long long key, unsigned threshold, float scale) {
    int first = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (first >= n) return;
    Words words = philox(first / 8, key);
#pragma unroll
    for (int j = 0; j < 8; ++j)
        if (first + j < n) out[first + j] = kept(x[first + j], words, j, threshold, scale);
}

extern "C" __global__ void dropout_keyed_3_vectors(float* __restrict__ out, const float* __restrict__ x, int n, unsigned long long key, unsigned threshold, float scale) {
    int first = (blockIdx.x * blockDim.x + threadIdx.x) * 8;
    if (first >= n) return;
    Words words = philox(first / 8, key);
#pragma unroll
    for (int j = 0; j < 8; j += 4) {
        int i = first + j;
        if (i + 4 <= n) {
            float4 v = load4(x + i);
            store4(out + i, make_float4(kept(v.x, words, j, threshold, scale), kept(v.y, words, j + 1, threshold, scale), kept(v.z, words, j + 2, threshold, scale),
                                        kept(v.w, words, j + 3, threshold, scale)));
        } else {
            for (int k = 0; k < 4; ++k)
                if (i + k < n) out[i + k] = kept(x[i + k], words, j + k, threshold, scale);
        }
    }
}
