// What generated elementwise kernels call: functions that CUDA lacks or that treat NaN as PyTorch does.
#pragma once
#include "common.cuh"

__device__ __forceinline__ float min_nan(float a, float b) { return a < b || a != a ? a : b; }

// a mod b with the sign of b
__device__ __forceinline__ float floor_mod(float a, float b) {
    float r = fmodf(a, b);
    if (r == 0.0f) return copysignf(0.0f, b);
    return (r < 0.0f) != (b < 0.0f) ? r + b : r;
}

// a / b rounded down: the division is exact but for rounding once the remainder is taken off
__device__ __forceinline__ float floor_quotient(float a, float b) {
    if (b == 0.0f) return a / b;
    float r = fmodf(a, b), q = (a - r) / b;
    if (r != 0.0f && (r < 0.0f) != (b < 0.0f)) q -= 1.0f;
    return q == 0.0f ? copysignf(0.0f, a / b) : rintf(q);
}

// ln(e^a + e^b) without overflow
__device__ __forceinline__ float log_add_exp(float a, float b) {
    return a == b ? a + 0.6931471805599453f : max_nan(a, b) + log1pf(expf(-fabsf(a - b)));
}
