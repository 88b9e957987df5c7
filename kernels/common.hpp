// What the CPU kernels share: vectors as wide as the machine's registers, threads, scratch memory,
// and an exponential that compilers can vectorise.
//
// A kernel is `ENTRY <op>_<rung>_<idea>(arrays, sizes, int threads)`: arrays are float32 in row-major
// order unless the text says otherwise. Work is split so that each result is computed by one thread
// in one order: the bits do not depend on the number of threads.
#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <memory>

#define ENTRY extern "C" __attribute__((visibility("default"))) void

#if defined(__AVX512F__)
constexpr int LANES = 16, REGISTERS = 32;
#elif defined(__AVX__)
constexpr int LANES = 8, REGISTERS = 16;
#elif defined(__aarch64__)
constexpr int LANES = 4, REGISTERS = 32;
#else
constexpr int LANES = 4, REGISTERS = 16;
#endif

// LANES floats on which + and * work one by one; they may stand anywhere in memory.
typedef float Vec __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

inline Vec load(const float* p) { return *(const Vec*)p; }
inline void store(float* p, Vec v) { *(Vec*)p = v; }

typedef int32_t Ints __attribute__((vector_size(4 * LANES)));  // and what comparing Vecs gives: -1 or 0
typedef uint8_t Bytes __attribute__((vector_size(LANES), aligned(1), may_alias));

// The lanes of a and b, which stand one after the other, chosen by number.
inline Vec choose(Vec a, Vec b, Ints lanes) {
#if defined(__clang__)
    Vec out;
    for (int i = 0; i < LANES; i++) out[i] = lanes[i] < LANES ? a[lanes[i]] : b[lanes[i] - LANES];
    return out;
#else
    return __builtin_shuffle(a, b, lanes);
#endif
}

// start, start + step, start + 2 step ...
inline Ints count_from(int start, int step) {
    Ints out = {};
    for (int i = 0; i < LANES; i++) out[i] = start + i * step;
    return out;
}

inline float sum_of(Vec v) {  // in pairs: no long chain of additions
    float parts[LANES];
    store(parts, v);
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int i = 0; i < half; i++) parts[i] += parts[i + half];
    return parts[0];
}

inline long ceil_div(long a, long b) { return (a + b - 1) / b; }

// f(begin, end) on runs of 0..n, one run a thread. Fewer than `grain` items are not worth a thread.
template <class F> void parallel(long n, long grain, int threads, F f) {
    long parts = std::max(1L, std::min<long>(threads, n / std::max(grain, 1L)));
    if (parts == 1) return f(0L, n);
    #pragma omp parallel for num_threads(parts) schedule(static, 1)
    for (long p = 0; p < parts; p++) f(n * p / parts, n * (p + 1) / parts);
}

// Memory of this thread that is kept for the next call; what is in it is anything.
template <int SLOT> float* scratch(long n) {
    static thread_local std::unique_ptr<float[]> memory;
    static thread_local long size = 0;
    if (size < n) {
        memory.reset(new float[n]);
        size = n;
    }
    return memory.get();
}

// e^x to 2 units in the last place: 2^n e^r with n = round(x / ln 2), e^r by a polynomial (S. Moshier,
// Cephes, 1992). Infinite from 88.4 on, 0 below -87.7, NaN for NaN. No branch, so that loops vectorise.
inline float fast_exp(float x) {
    float y = x < -88.0f ? -88.0f : x;  // its n is -127, whose bits are those of 0
    y = y > 89.0f ? 89.0f : y;
    float n = __builtin_floorf(y * 1.44269504f + 0.5f);
    float r = y - n * 0.693359375f + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    int32_t bits = ((int32_t)n + 127) << 23;
    float power;
    std::memcpy(&power, &bits, 4);
    return p * power;
}

inline float fast_sigmoid(float x) { return 1.0f / (1.0f + fast_exp(-x)); }

// tanh to 4 units in the last place: an odd polynomial near 0, else 1 - 2 / (e^2x + 1)
inline float fast_tanh(float x) {
    float a = std::fabs(x), s = x * x;
    float large = 1 - 2 / (fast_exp(2 * a) + 1);
    float small = a * (1 + s * (-0.33333331f + s * (0.13333065f + s * (-0.0539683f + s * 0.0208f))));
    return __builtin_copysignf(a < 0.35f ? small : large, x);
}
