// gelu: out = x Phi(x), Phi the chance that a normal number is below x; the gate Phi(x) is kept.
// With approximate="tanh": Phi(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
//
//  rung  idea                                              bytes per element
//  1     plain loop, erf and tanh of the C library         12
//  2     vectors: erf by an exponential and a polynomial   12, the gate twice; split over threads
//  3     fused: one loop, erf as a quotient of             12
//        polynomials, which needs no exponential
//
// gelu_backward: out = u (gate + x gate'), from the cotangent u of the output
#include "common.hpp"

// 1 - erf(z) for z >= 0 to a relative 2e-7 (W. Press et al., 1992, "Numerical recipes", section 6.2)
static inline float erfc_above_zero(float z) {
    float t = 1 / (1 + 0.5f * z), p = 0.17087277f;
    p = p * t - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    return t * fast_exp(p - z * z);
}

static inline float normal_cdf(float x) {
    float tail = 0.5f * erfc_above_zero(std::fabs(x) * 0.70710678f);
    return x < 0 ? tail : 1 - tail;
}

static inline float tanh_gate(float x) {
    return 0.5f + 0.5f * fast_tanh(0.7978845608f * (x + 0.044715f * x * x * x));
}

// Phi(x) to 2e-7 without an exponential: 1/2 + x P(x^2) / Q(x^2), the least largest error for |x| <= 5.6.
static inline float quotient_cdf(float x) {
    float y = x < -5.6f ? -5.6f : x;
    y = y > 5.6f ? 5.6f : y;
    float s = y * y, p = 2.2232679697e-8f, q = 1.1803223288e-6f;
    p = p * s + 6.3238567236e-6f;
    q = q * s + 7.4211391620e-5f;
    p = p * s + 1.7133486108e-4f;
    q = q * s + 1.8989100354e-3f;
    p = p * s + 4.6919658780e-3f;
    q = q * s + 2.8805136681e-2f;
    p = p * s + 3.4145802259e-2f;
    q = q * s + 2.5225687027e-1f;
    p = p * s + 3.9894226193e-1f;
    q = q * s + 1.0f;
    float gate = 0.5f + y * p / q;
    gate = gate < 0 ? 0 : gate;
    return gate > 1 ? 1 : gate;
}

ENTRY gelu_1_naive(float* out, float* gate, const float* x, long n, int tanh, int threads) {
    for (long i = 0; i < n; i++) {
        float inside = 0.7978845608f * (x[i] + 0.044715f * x[i] * x[i] * x[i]);
        gate[i] = 0.5f + 0.5f * (tanh ? std::tanh(inside) : std::erf(x[i] * 0.70710678f));
        out[i] = x[i] * gate[i];
    }
}

ENTRY gelu_2_vectors(float* out, float* gate, const float* x, long n, int tanh, int threads) {
    parallel(n, 16384, threads, [=](long begin, long end) {
        if (tanh)
            for (long i = begin; i < end; i++) gate[i] = tanh_gate(x[i]);
        else
            for (long i = begin; i < end; i++) gate[i] = normal_cdf(x[i]);
        for (long i = begin; i < end; i++) out[i] = x[i] * gate[i];
    });
}

ENTRY gelu_3_fused(float* out, float* gate, const float* x, long n, int tanh, int threads) {
    parallel(n, 16384, threads, [=](long begin, long end) {
        if (tanh) {
            #pragma omp simd
            for (long i = begin; i < end; i++) out[i] = x[i] * (gate[i] = tanh_gate(x[i]));
        } else {
            #pragma omp simd
            for (long i = begin; i < end; i++) out[i] = x[i] * (gate[i] = quotient_cdf(x[i]));
        }
    });
}

ENTRY gelu_backward_1_naive(float* out, const float* u, const float* x, const float* gate, long n, int tanh, int threads) {
    for (long i = 0; i < n; i++) {
        float density = 0.3989422804f * std::exp(-0.5f * x[i] * x[i]);
        float slope = gate[i] * (1 - gate[i]) * 1.5957691216f * (1 + 0.134145f * x[i] * x[i]);
        out[i] = u[i] * (gate[i] + x[i] * (tanh ? slope : density));
    }
}

ENTRY gelu_backward_2_vectors(float* out, const float* u, const float* x, const float* gate, long n, int tanh, int threads) {
    parallel(n, 16384, threads, [=](long begin, long end) {
        if (tanh)
            for (long i = begin; i < end; i++)
                out[i] = u[i] * (gate[i] + x[i] * gate[i] * (1 - gate[i]) * 1.5957691216f * (1 + 0.134145f * x[i] * x[i]));
        else
            for (long i = begin; i < end; i++)
                out[i] = u[i] * (gate[i] + x[i] * 0.3989422804f * fast_exp(-0.5f * x[i] * x[i]));
    });
}
