// rms_normalization: out = x rstd weight over rows of `cols` elements, rstd = 1 / sqrt(mean(x^2) + eps);
// weight may be null
//
//  rung  idea                                bytes per element
//  1     plain loops                         12 (x twice, out once)
//  2     vectors, rows split over threads    12, from the cache
//
// rms_normalization_backward: out = rstd (d - xhat mean(d xhat)), d = u weight, xhat = x rstd
#include "common.hpp"

ENTRY rms_normalization_1_naive(float* out, float* rstd, const float* x, const float* weight, long rows, long cols, float eps, int threads) {
    for (long r = 0; r < rows; r++, x += cols, out += cols) {
        float square = 0;
        for (long i = 0; i < cols; i++) square += x[i] * x[i];
        rstd[r] = 1 / std::sqrt(square / cols + eps);
        for (long i = 0; i < cols; i++) out[i] = x[i] * rstd[r] * (weight ? weight[i] : 1);
    }
}

ENTRY rms_normalization_2_vectors(float* out, float* rstd, const float* x, const float* weight, long rows, long cols, float eps, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            float *b = out + r * cols, square = 0;
            #pragma omp simd reduction(+ : square)
            for (long i = 0; i < cols; i++) square += a[i] * a[i];
            float s = rstd[r] = 1 / std::sqrt(square / cols + eps);
            for (long i = 0; i < cols; i++) b[i] = a[i] * s;
            if (weight)
                for (long i = 0; i < cols; i++) b[i] *= weight[i];
        }
    });
}

ENTRY rms_normalization_backward_1_naive(float* out, const float* u, const float* x, const float* rstd, const float* weight, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, u += cols, x += cols, out += cols) {
        float mean = 0, s = rstd[r];
        for (long i = 0; i < cols; i++) mean += u[i] * (weight ? weight[i] : 1) * x[i] * s / cols;
        for (long i = 0; i < cols; i++) out[i] = s * (u[i] * (weight ? weight[i] : 1) - x[i] * s * mean);
    }
}

ENTRY rms_normalization_backward_2_vectors(float* out, const float* u, const float* x, const float* rstd, const float* weight, long rows, long cols, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = u + r * cols, *b = x + r * cols;
            float *c = out + r * cols, s = rstd[r], sum = 0;
            if (weight)
                for (long i = 0; i < cols; i++) c[i] = a[i] * weight[i];
            else
                std::memcpy(c, a, sizeof(float) * cols);
            #pragma omp simd reduction(+ : sum)
            for (long i = 0; i < cols; i++) sum += c[i] * b[i];
            float slope = sum * s * s / cols;
            for (long i = 0; i < cols; i++) c[i] = s * (c[i] - b[i] * slope);
        }
    });
}
