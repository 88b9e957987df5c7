// class_cross_entropy: loss_r = ln sum_c e^x_rc - x_r,target, 0 where the target is ignored; rows of `classes` scores.
// Kept for the gradient: top_r = max x_r and logsum_r = ln sum_c e^(x_rc - top_r).
//
//  rung  idea                                               bytes per score         FLOPs per score
//  1     three passes: largest, exponentials, their sum     16, a row kept apart    4 and an exponential of the C library
//  2     online: one pass, the sum shrinks where a          4                       4 and an exponential of the C library
//        larger score comes
//  3     fused: two passes by vectors, nothing kept         4, then from the cache  3 and 12 of the exponential, LANES
//                                                                                   at a time
//
// class_cross_entropy_backward: out = u (e^(x - top - logsum) - 1 at the target), 0 in ignored rows
//
//  1     plain loops                                        8
//  2     vectors                                            8
//
// Reference: M. Milakov, N. Gimelshein, 2018, "Online normalizer calculation for softmax" (rung 2).
#include "common.hpp"

static inline float loss_of(const float* x, int64_t target, long ignored, float top, float logsum) {
    return target == ignored ? 0 : logsum - (x[target] - top);
}

ENTRY class_cross_entropy_1_naive(float* loss, float* top, float* logsum, const float* x, const int64_t* target,
                                  long rows, long classes, long ignored, int threads) {
    float* e = scratch<0>(classes);
    for (long r = 0; r < rows; r++, x += classes) {
        float high = -INFINITY, sum = 0;
        for (long c = 0; c < classes; c++) high = x[c] > high ? x[c] : high;
        for (long c = 0; c < classes; c++) e[c] = std::exp(x[c] - high);
        for (long c = 0; c < classes; c++) sum += e[c];
        top[r] = high, logsum[r] = std::log(sum);
        loss[r] = loss_of(x, target[r], ignored, high, logsum[r]);
    }
}

ENTRY class_cross_entropy_2_online(float* loss, float* top, float* logsum, const float* x, const int64_t* target,
                                   long rows, long classes, long ignored, int threads) {
    for (long r = 0; r < rows; r++, x += classes) {
        float high = x[0], sum = 1;
        for (long c = 1; c < classes; c++) {
            if (x[c] > high) sum = sum * std::exp(high - x[c]) + 1, high = x[c];
            else sum += std::exp(x[c] - high);
        }
        sum += high - high;  // NaN where all scores are -infinity, or one is infinite
        top[r] = high, logsum[r] = std::log(sum);
        loss[r] = loss_of(x, target[r], ignored, high, logsum[r]);
    }
}

ENTRY class_cross_entropy_3_fused(float* loss, float* top, float* logsum, const float* x, const int64_t* target,
                                  long rows, long classes, long ignored, int threads) {
    parallel(rows, ceil_div(8192, classes), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * classes;
            float high = -INFINITY, sum = 0;
            #pragma omp simd reduction(max : high)
            for (long c = 0; c < classes; c++) high = a[c] > high ? a[c] : high;
            #pragma omp simd reduction(+ : sum)
            for (long c = 0; c < classes; c++) sum += fast_exp(a[c] - high);
            top[r] = high, logsum[r] = std::log(sum);
            loss[r] = loss_of(a, target[r], ignored, high, logsum[r]);
        }
    });
}

ENTRY class_cross_entropy_backward_1_naive(float* out, const float* u, long step, const float* x, const int64_t* target,
                                           const float* top, const float* logsum, long rows, long classes,
                                           long ignored, int threads) {
    for (long r = 0; r < rows; r++, x += classes, out += classes) {
        float scale = target[r] == ignored ? 0 : u[r * step];
        for (long c = 0; c < classes; c++) out[c] = std::exp(x[c] - top[r] - logsum[r]) * scale;
        if (target[r] != ignored) out[target[r]] -= scale;
    }
}

ENTRY class_cross_entropy_backward_2_vectors(float* out, const float* u, long step, const float* x,
                                             const int64_t* target, const float* top, const float* logsum, long rows,
                                             long classes, long ignored, int threads) {
    parallel(rows, ceil_div(8192, classes), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = x + r * classes, high = top[r], log_sum = logsum[r];
            float *b = out + r * classes, scale = target[r] == ignored ? 0 : u[r * step];
            #pragma omp simd
            for (long c = 0; c < classes; c++) b[c] = fast_exp(a[c] - high - log_sum) * scale;
            if (target[r] != ignored) b[target[r]] -= scale;
        }
    });
}
