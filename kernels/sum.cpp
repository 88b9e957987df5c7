// sum: x as (outer, n, inner) becomes (outer, inner)
//
//  rung  idea                                          bytes per element   one core
//  1     one accumulator                               4                   one addition each 3 or 4 cycles,
//                                                                          since each waits for the one before
//  2     8 accumulators, which do not wait             4                   1 or 2 additions a cycle
//  3     8 vectors of accumulators                     4                   LANES as many: reading is the limit
//  4     rung 3 in chunks; threads                     4                   the same; it rounds less
//  2c    columns (inner > 1): 4 rows at a time are     4                   the same
//        added to a row of out, which stays in L1
//
// FLOPs: 1 per element. Rungs 1 to 3 add up ever larger numbers. Rung 4 adds chunks of 4,096 and then their
// sums in pairs, so that the rounding error grows with log n, and the same for any number of threads.
// Reference: N. Higham, 1993, "The accuracy of floating point summation".
#include "common.hpp"

ENTRY sum_1_loop(float* out, const float* x, long outer, long n, long inner, int threads) {
    for (long o = 0; o < outer; o++, x += n * inner)
        for (long i = 0; i < inner; i++) {
            float sum = 0;
            for (long k = 0; k < n; k++) sum += x[k * inner + i];
            out[o * inner + i] = sum;
        }
}

constexpr int SUMS = 8;

ENTRY sum_2_several(float* out, const float* x, long outer, long n, long inner, int threads) {
    for (long o = 0; o < outer; o++, x += n) {
        float sums[SUMS] = {}, rest = 0;
        long k = 0;
        for (; k + SUMS <= n; k += SUMS)
            for (int s = 0; s < SUMS; s++) sums[s] += x[k + s];
        for (; k < n; k++) rest += x[k];
        for (int s = 0; s < SUMS; s++) rest += sums[s];
        out[o] = rest;
    }
}

inline float sum_in_vectors(const float* x, long n) {
    Vec sums[SUMS] = {};
    long k = 0;
    for (; k + SUMS * LANES <= n; k += SUMS * LANES)
        for (int s = 0; s < SUMS; s++) sums[s] += load(x + k + s * LANES);
    for (; k + LANES <= n; k += LANES) sums[0] += load(x + k);
    for (int half = SUMS / 2; half > 0; half /= 2)
        for (int s = 0; s < half; s++) sums[s] += sums[s + half];
    float rest = 0;
    for (; k < n; k++) rest += x[k];
    return sum_of(sums[0]) + rest;
}

ENTRY sum_3_vectors(float* out, const float* x, long outer, long n, long inner, int threads) {
    for (long o = 0; o < outer; o++) out[o] = sum_in_vectors(x + o * n, n);
}

constexpr long CHUNK = 4096;

float sum_in_pairs(const float* x, long n) {
    if (n <= 2) return n == 2 ? x[0] + x[1] : n == 1 ? x[0] : 0.0f;
    return sum_in_pairs(x, n / 2) + sum_in_pairs(x + n / 2, n - n / 2);
}

ENTRY sum_4_threads(float* out, const float* x, long outer, long n, long inner, int threads) {
    long chunks = std::max(1L, ceil_div(n, CHUNK));
    float* parts = chunks == 1 ? out : scratch<0>(outer * chunks);
    parallel(outer * chunks, ceil_div(1 << 16, std::min(n, CHUNK) + 1), threads, [=](long begin, long end) {
        for (long p = begin; p < end; p++) {
            long first = p % chunks * CHUNK;
            parts[p] = sum_in_vectors(x + p / chunks * n + first, std::min(CHUNK, n - first));
        }
    });
    if (chunks > 1)
        for (long o = 0; o < outer; o++) out[o] = sum_in_pairs(parts + o * chunks, chunks);
}

ENTRY sum_2c_columns(float* out, const float* x, long outer, long n, long inner, int threads) {
    long tiles = ceil_div(inner, CHUNK);
    parallel(outer * tiles, ceil_div(1 << 16, n * std::min(inner, CHUNK) + 1), threads, [=](long begin, long end) {
        for (long t = begin; t < end; t++) {
            long first = t % tiles * CHUNK, width = std::min(CHUNK, inner - first), k = 0;
            const float* a = x + t / tiles * n * inner + first;
            float* to = out + t / tiles * inner + first;
            std::fill(to, to + width, 0.0f);
            for (; k + 4 <= n; k += 4, a += 4 * inner) {
                const float *b = a + inner, *c = b + inner, *d = c + inner;
                #pragma omp simd
                for (long i = 0; i < width; i++) to[i] += (a[i] + b[i]) + (c[i] + d[i]);
            }
            for (; k < n; k++, a += inner)
                #pragma omp simd
                for (long i = 0; i < width; i++) to[i] += a[i];
        }
    });
}
