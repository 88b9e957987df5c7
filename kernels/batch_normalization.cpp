// batch_normalization of images (N, C, P): out = (x - mean) / sqrt(var + eps) weight + bias, mean and
// variance of a channel over N and P; weight and bias (C) may be null
//
//  rung  idea                                                       bytes per element
//  1     plain loops over each channel                              16 (x three times, out once)
//  2     vectors, channels split over threads                       16
//
// batch_normalization_backward: out = weight rstd (u - mean(u) - xhat mean(u xhat)),
// d_weight = sum u xhat, d_bias = sum u, xhat = (x - mean) rstd
#include "common.hpp"

ENTRY batch_normalization_1_naive(float* out, float* mean, float* var, const float* x, const float* weight, const float* bias, long n, long channels, long pixels, float eps, int threads) {
    for (long c = 0; c < channels; c++) {
        double total = 0, spread = 0, count = double(n) * pixels;
        for (long i = 0; i < n; i++)
            for (long p = 0; p < pixels; p++) total += x[(i * channels + c) * pixels + p];
        mean[c] = total / count;
        for (long i = 0; i < n; i++)
            for (long p = 0; p < pixels; p++) {
                float d = x[(i * channels + c) * pixels + p] - mean[c];
                spread += d * d;
            }
        var[c] = spread / count;
        float scale = (weight ? weight[c] : 1) / std::sqrt(var[c] + eps);
        for (long i = 0; i < n; i++)
            for (long p = 0; p < pixels; p++) {
                long at = (i * channels + c) * pixels + p;
                out[at] = (x[at] - mean[c]) * scale + (bias ? bias[c] : 0);
            }
    }
}

ENTRY batch_normalization_2_vectors(float* out, float* mean, float* var, const float* x, const float* weight, const float* bias, long n, long channels, long pixels, float eps, int threads) {
    parallel(channels, ceil_div(16384, n * pixels), threads, [=](long begin, long end) {
        for (long c = begin; c < end; c++) {
            double total = 0, spread = 0, count = double(n) * pixels;
            for (long i = 0; i < n; i++) {
                const float* a = x + (i * channels + c) * pixels;
                float sum = 0;
                #pragma omp simd reduction(+ : sum)
                for (long p = 0; p < pixels; p++) sum += a[p];
                total += sum;
            }
            float m = mean[c] = total / count;
            for (long i = 0; i < n; i++) {
                const float* a = x + (i * channels + c) * pixels;
                float sum = 0;
                #pragma omp simd reduction(+ : sum)
                for (long p = 0; p < pixels; p++) sum += (a[p] - m) * (a[p] - m);
                spread += sum;
            }
            var[c] = spread / count;
            float scale = (weight ? weight[c] : 1) / std::sqrt(var[c] + eps), shift = bias ? bias[c] : 0;
            for (long i = 0; i < n; i++) {
                const float* a = x + (i * channels + c) * pixels;
                float* b = out + (i * channels + c) * pixels;
                for (long p = 0; p < pixels; p++) b[p] = (a[p] - m) * scale + shift;
            }
        }
    });
}

ENTRY batch_normalization_backward_1_naive(float* out, float* d_weight, float* d_bias, const float* u, const float* x, const float* weight, const float* mean, const float* var, long n, long channels, long pixels, float eps, int threads) {
    for (long c = 0; c < channels; c++) {
        double sum = 0, product = 0, count = double(n) * pixels;
        float rstd = 1 / std::sqrt(var[c] + eps);
        for (long i = 0; i < n; i++)
            for (long p = 0; p < pixels; p++) {
                long at = (i * channels + c) * pixels + p;
                sum += u[at];
                product += u[at] * (x[at] - mean[c]) * rstd;
            }
        d_weight[c] = product;
        d_bias[c] = sum;
        float scale = (weight ? weight[c] : 1) * rstd, shift = sum / count, slope = product / count * rstd;
        for (long i = 0; i < n; i++)
            for (long p = 0; p < pixels; p++) {
                long at = (i * channels + c) * pixels + p;
                out[at] = scale * (u[at] - shift - (x[at] - mean[c]) * slope);
            }
    }
}

ENTRY batch_normalization_backward_2_vectors(float* out, float* d_weight, float* d_bias, const float* u, const float* x, const float* weight, const float* mean, const float* var, long n, long channels, long pixels, float eps, int threads) {
    parallel(channels, ceil_div(16384, n * pixels), threads, [=](long begin, long end) {
        for (long c = begin; c < end; c++) {
            double sum = 0, product = 0, count = double(n) * pixels;
            float m = mean[c], rstd = 1 / std::sqrt(var[c] + eps);
            for (long i = 0; i < n; i++) {
                const float *a = u + (i * channels + c) * pixels, *b = x + (i * channels + c) * pixels;
                float s = 0, q = 0;
                #pragma omp simd reduction(+ : s, q)
                for (long p = 0; p < pixels; p++) {
                    s += a[p];
                    q += a[p] * (b[p] - m);
                }
                sum += s;
                product += q;
            }
            product *= rstd;
            d_weight[c] = product;
            d_bias[c] = sum;
            float scale = (weight ? weight[c] : 1) * rstd, shift = sum / count, slope = product / count * rstd;
            for (long i = 0; i < n; i++) {
                const float *a = u + (i * channels + c) * pixels, *b = x + (i * channels + c) * pixels;
                float* d = out + (i * channels + c) * pixels;
                for (long p = 0; p < pixels; p++) d[p] = scale * (a[p] - shift - (b[p] - m) * slope);
            }
        }
    });
}
