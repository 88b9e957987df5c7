// relu, leaky_relu, sigmoid, tanh, silu and mish, element by element
//
//  rung  idea                                                          bytes per element
//  1     plain loop, exponentials of the C library                     8
//  2     vectors: exponentials without branches, split over threads    8
//
// An element costs a comparison (relu) or 12 to 25 FLOPs of an exponential, and the array is read and written once:
// relu is as fast as memory, the others as their exponential.
#include "common.hpp"

template <class F> static void plain(float* out, const float* x, long n, F f) {
    for (long i = 0; i < n; i++) out[i] = f(x[i]);
}

template <class F> static void vectors(float* out, const float* x, long n, int threads, F f) {
    parallel(n, 16384, threads, [=](long begin, long end) {
        #pragma omp simd
        for (long i = begin; i < end; i++) out[i] = f(x[i]);
    });
}

static inline float rectified(float x) { return x <= 0 ? 0 : x; }  // NaN stays

// tanh(ln(1 + e^x)), from e = e^-|x| so that nothing overflows
static inline float mish_gate(float x, float e) {
    float above = (1 + 2 * e) / (1 + 2 * e + 2 * e * e), below = e * (e + 2) / (e * (e + 2) + 2);
    return x > 0 ? above : below;
}

ENTRY relu_1_naive(float* out, const float* x, long n, int threads) { plain(out, x, n, rectified); }

ENTRY relu_2_vectors(float* out, const float* x, long n, int threads) {
    vectors(out, x, n, threads, [](float v) { return rectified(v); });
}

ENTRY leaky_relu_1_naive(float* out, const float* x, float slope, long n, int threads) {
    plain(out, x, n, [=](float v) { return v > 0 ? v : v * slope; });
}

ENTRY leaky_relu_2_vectors(float* out, const float* x, float slope, long n, int threads) {
    vectors(out, x, n, threads, [=](float v) { return v > 0 ? v : v * slope; });
}

ENTRY sigmoid_1_naive(float* out, const float* x, long n, int threads) {
    plain(out, x, n, [](float v) { return 1 / (1 + std::exp(-v)); });
}

ENTRY sigmoid_2_vectors(float* out, const float* x, long n, int threads) {
    vectors(out, x, n, threads, [](float v) { return fast_sigmoid(v); });
}

ENTRY tanh_1_naive(float* out, const float* x, long n, int threads) {
    plain(out, x, n, [](float v) { return std::tanh(v); });
}

ENTRY tanh_2_vectors(float* out, const float* x, long n, int threads) {
    vectors(out, x, n, threads, [](float v) { return fast_tanh(v); });
}

ENTRY silu_1_naive(float* out, const float* x, long n, int threads) {
    plain(out, x, n, [](float v) { return v / (1 + std::exp(-v)); });
}

ENTRY silu_2_vectors(float* out, const float* x, long n, int threads) {
    vectors(out, x, n, threads, [](float v) { return v * fast_sigmoid(v); });
}

ENTRY mish_1_naive(float* out, const float* x, long n, int threads) {
    plain(out, x, n, [](float v) { return v * mish_gate(v, std::exp(-std::fabs(v))); });
}

ENTRY mish_2_vectors(float* out, const float* x, long n, int threads) {
    vectors(out, x, n, threads, [](float v) { return v * mish_gate(v, fast_exp(-std::fabs(v))); });
}
