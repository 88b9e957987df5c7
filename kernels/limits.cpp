// What this machine cannot beat: arithmetic without memory, and memory without arithmetic. `tinygrad-edu
// bench --device cpu` measures them in the same run as the kernels and gives each kernel's share of them.
//
//  entry         what one round does                                     limited by
//  limit_fma     CHAINS independent chains of a = a m + c in registers   units for multiply and add
//  limit_read    a sum of n floats, 8 vectors side by side               reading
//  limit_copy    memcpy of n floats to another place                     reading and writing
//  limit_update  n floats times 1, written where they were read          reading, and writing the same
//
// Each thread takes one run of the array; a round is repeated `rounds` times by all threads at once.
#include "common.hpp"

constexpr int CHAINS = REGISTERS - 4;  // longer than an FMA takes (4 or 5 cycles) at two or three a cycle

// f(thread, begin, end): each thread once, with its run of 0..n
template <class F> void in_runs(long n, int threads, F f) {
    parallel(threads, 1, threads, [=](long first, long last) {
        for (long t = first; t < last; t++) f(t, n * t / threads, n * (t + 1) / threads);
    });
}

// Keeps the compiler from leaving out a round that repeats the last.
inline void memory_is_used() { asm volatile("" ::: "memory"); }

// out: per thread, anything; out[threads]: FLOPs of one round of one thread
ENTRY limit_fma(float* out, long rounds, int threads) {
    in_runs(0, threads, [=](long t, long, long) {
        Vec chain[CHAINS], m = Vec{} + 0.999f, c = Vec{} + 0.001f;
        for (int i = 0; i < CHAINS; i++) chain[i] = Vec{} + (float)i;
        for (long r = 0; r < rounds; r++)
            #pragma GCC unroll 32
            for (int i = 0; i < CHAINS; i++) chain[i] = chain[i] * m + c;
        Vec sum = {};
        for (int i = 0; i < CHAINS; i++) sum += chain[i];
        out[t] = sum_of(sum);
    });
    out[threads] = 2.0f * CHAINS * LANES;
}

ENTRY limit_read(float* out, const float* x, long n, long rounds, int threads) {
    constexpr int SUMS = 8;
    in_runs(n, threads, [=](long t, long begin, long end) {
        Vec sum[SUMS] = {};
        for (long r = 0; r < rounds; r++) {
            for (long i = begin; i + SUMS * LANES <= end; i += SUMS * LANES)
                for (int s = 0; s < SUMS; s++) sum[s] += load(x + i + s * LANES);
            memory_is_used();
        }
        Vec all = {};
        for (int s = 0; s < SUMS; s++) all += sum[s];
        out[t] = sum_of(all);
    });
}

ENTRY limit_copy(float* out, const float* x, long n, long rounds, int threads) {
    in_runs(n, threads, [=](long, long begin, long end) {
        for (long r = 0; r < rounds; r++) {
            std::memcpy(out + begin, x + begin, 4 * (end - begin));
            memory_is_used();
        }
    });
}

ENTRY limit_update(float* x, float by, long n, long rounds, int threads) {
    in_runs(n, threads, [=](long, long begin, long end) {
        for (long r = 0; r < rounds; r++) {
            for (long i = begin; i < end; i++) x[i] *= by;
            memory_is_used();
        }
    });
}
