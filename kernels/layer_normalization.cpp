// layer_normalization: out = (x - mean) rstd weight + bias over rows of `cols` elements, with
// rstd = 1 / sqrt(var + eps); weight and bias may be null
//
//  rung  idea                                     bytes per element
//  1     plain loops                              16 (x three times, out once)
//  2     vectors, rows split over threads         16, from the cache
//
// layer_normalization_backward: out = rstd (d - mean(d) - xhat mean(d xhat)), d = u weight,
// xhat = (x - mean) rstd
// normalization_weight_backward: out_i = sum over rows of u_i (x_i - mean) rstd; mean may be null
#include "common.hpp"

ENTRY layer_normalization_1_naive(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, long rows, long cols, float eps, int threads) {
    for (long r = 0; r < rows; r++, x += cols, out += cols) {
        float m = 0, v = 0;
        for (long i = 0; i < cols; i++) m += x[i];
        m /= cols;
        for (long i = 0; i < cols; i++) v += (x[i] - m) * (x[i] - m);
        float s = 1 / std::sqrt(v / cols + eps);
        mean[r] = m;
        rstd[r] = s;
        for (long i = 0; i < cols; i++) out[i] = (x[i] - m) * s * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    }
}

ENTRY layer_normalization_2_vectors(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, long rows, long cols, float eps, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            float *b = out + r * cols, m = 0, v = 0;
            #pragma omp simd reduction(+ : m)
            for (long i = 0; i < cols; i++) m += a[i];
            m /= cols;
            #pragma omp simd reduction(+ : v)
            for (long i = 0; i < cols; i++) v += (a[i] - m) * (a[i] - m);
            float s = 1 / std::sqrt(v / cols + eps);
            mean[r] = m;
            rstd[r] = s;
            for (long i = 0; i < cols; i++) b[i] = (a[i] - m) * s;
            if (weight)
                for (long i = 0; i < cols; i++) b[i] *= weight[i];
            if (bias)
                for (long i = 0; i < cols; i++) b[i] += bias[i];
        }
    });
}

ENTRY layer_normalization_backward_1_naive(float* out, const float* u, const float* x, const float* mean, const float* rstd, const float* weight, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, u += cols, x += cols, out += cols) {
        float d_mean = 0, dx_mean = 0, m = mean[r], s = rstd[r];
        for (long i = 0; i < cols; i++) {
            float d = u[i] * (weight ? weight[i] : 1);
            d_mean += d / cols;
            dx_mean += d * (x[i] - m) * s / cols;
        }
        for (long i = 0; i < cols; i++)
            out[i] = s * (u[i] * (weight ? weight[i] : 1) - d_mean - (x[i] - m) * s * dx_mean);
    }
}

ENTRY layer_normalization_backward_2_vectors(float* out, const float* u, const float* x, const float* mean, const float* rstd, const float* weight, long rows, long cols, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = u + r * cols, *b = x + r * cols;
            float *c = out + r * cols, m = mean[r], s = rstd[r], d_sum = 0, dx_sum = 0;
            if (weight)
                for (long i = 0; i < cols; i++) c[i] = a[i] * weight[i];
            else
                std::memcpy(c, a, sizeof(float) * cols);
            #pragma omp simd reduction(+ : d_sum, dx_sum)
            for (long i = 0; i < cols; i++) {
                d_sum += c[i];
                dx_sum += c[i] * (b[i] - m);
            }
            float shift = d_sum / cols, slope = dx_sum * s * s / cols;
            for (long i = 0; i < cols; i++) c[i] = s * (c[i] - shift - (b[i] - m) * slope);
        }
    });
}

ENTRY normalization_weight_backward_1_naive(float* out, const float* u, const float* x, const float* rstd, const float* mean, long rows, long cols, int threads) {
    for (long i = 0; i < cols; i++) {
        out[i] = 0;
        for (long r = 0; r < rows; r++) out[i] += u[r * cols + i] * (x[r * cols + i] - (mean ? mean[r] : 0)) * rstd[r];
    }
}

ENTRY normalization_weight_backward_2_vectors(float* out, const float* u, const float* x, const float* rstd, const float* mean, long rows, long cols, int threads) {
    parallel(cols, std::max(64L, ceil_div(32768, rows)), threads, [=](long begin, long end) {
        std::fill(out + begin, out + end, 0.0f);
        for (long r = 0; r < rows; r++) {
            const float *a = u + r * cols, *b = x + r * cols;
            float m = mean ? mean[r] : 0, s = rstd[r];
            for (long i = begin; i < end; i++) out[i] += a[i] * (b[i] - m) * s;
        }
    });
}
