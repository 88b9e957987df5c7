// softmax: out_i = e^(x_i - max x) / sum_j e^(x_j - max x), along rows of `cols` elements
//
//  rung  idea                                    bytes per element   FLOPs per element
//  1     plain loops, exp of the C library       16 (x twice)        5, one after the other
//  2     vectors: several sums side by side,     16, from the cache  5 and 12 of the exponential,
//        an exponential without branches                             LANES at a time
//
// softmax_backward: out_i = y_i (u_i - sum_j u_j y_j), from the cotangent u of the output y
//
//  1     plain loops                             20                  4
//  2     vectors                                 20, from the cache  4
#include "common.hpp"

ENTRY softmax_1_naive(float* out, const float* x, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, x += cols, out += cols) {
        float top = -INFINITY, sum = 0;
        for (long i = 0; i < cols; i++) top = x[i] > top ? x[i] : top;
        for (long i = 0; i < cols; i++) sum += out[i] = std::exp(x[i] - top);
        for (long i = 0; i < cols; i++) out[i] /= sum;
    }
}

ENTRY softmax_2_vectors(float* out, const float* x, long rows, long cols, int threads) {
    parallel(rows, ceil_div(8192, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            float *b = out + r * cols, top = -INFINITY, sum = 0;
            #pragma omp simd reduction(max : top)
            for (long i = 0; i < cols; i++) top = a[i] > top ? a[i] : top;
            #pragma omp simd reduction(+ : sum)
            for (long i = 0; i < cols; i++) sum += b[i] = fast_exp(a[i] - top);
            float scale = 1 / sum;
            for (long i = 0; i < cols; i++) b[i] *= scale;
        }
    });
}

ENTRY softmax_backward_1_naive(float* out, const float* u, const float* y, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, u += cols, y += cols, out += cols) {
        float sum = 0;
        for (long i = 0; i < cols; i++) sum += u[i] * y[i];
        for (long i = 0; i < cols; i++) out[i] = y[i] * (u[i] - sum);
    }
}

ENTRY softmax_backward_2_vectors(float* out, const float* u, const float* y, long rows, long cols, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = u + r * cols, *b = y + r * cols;
            float *c = out + r * cols, sum = 0;
            #pragma omp simd reduction(+ : sum)
            for (long i = 0; i < cols; i++) sum += a[i] * b[i];
            for (long i = 0; i < cols; i++) c[i] = b[i] * (a[i] - sum);
        }
    });
}
