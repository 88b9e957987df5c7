// gelu: out = x Phi(x), Phi the chance that a normal number is below x; the gate Phi(x) is kept.
// With approximate="tanh": Phi(x) = (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))) / 2.
//
//  rung  idea                                              bytes per element
//  1     plain loop, erf and tanh of the C library         12
//  2     vectors: erf by an exponential and a polynomial   12, split over threads
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
