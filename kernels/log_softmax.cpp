// log_softmax: out_i = x_i - max x - ln sum_j e^(x_j - max x), along rows of `cols` elements
//
//  rung  idea
//  1     plain loops, exp of the C library
//  2     vectors: several sums side by side, an exponential without branches
//
// log_softmax_backward: out_i = u_i - e^y_i sum_j u_j, from the cotangent u of the output y
#include "common.hpp"

ENTRY log_softmax_1_naive(float* out, const float* x, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, x += cols, out += cols) {
        float top = -INFINITY, sum = 0;
        for (long i = 0; i < cols; i++) top = x[i] > top ? x[i] : top;
        for (long i = 0; i < cols; i++) sum += std::exp(x[i] - top);
        for (long i = 0; i < cols; i++) out[i] = x[i] - top - std::log(sum);
    }
}

ENTRY log_softmax_2_vectors(float* out, const float* x, long rows, long cols, int threads) {
    parallel(rows, ceil_div(8192, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            float *b = out + r * cols, top = -INFINITY, sum = 0;
            #pragma omp simd reduction(max : top)
            for (long i = 0; i < cols; i++) top = a[i] > top ? a[i] : top;
            #pragma omp simd reduction(+ : sum)
            for (long i = 0; i < cols; i++) sum += fast_exp(a[i] - top);
            float shift = std::log(sum);
            for (long i = 0; i < cols; i++) b[i] = a[i] - top - shift;
        }
    });
}

ENTRY log_softmax_backward_1_naive(float* out, const float* u, const float* y, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, u += cols, y += cols, out += cols) {
        float sum = 0;
        for (long i = 0; i < cols; i++) sum += u[i];
        for (long i = 0; i < cols; i++) out[i] = u[i] - std::exp(y[i]) * sum;
    }
}

ENTRY log_softmax_backward_2_vectors(float* out, const float* u, const float* y, long rows, long cols, int threads) {
    parallel(rows, ceil_div(8192, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = u + r * cols, *b = y + r * cols;
            float *c = out + r * cols, sum = 0;
            #pragma omp simd reduction(+ : sum)
            for (long i = 0; i < cols; i++) sum += a[i];
            for (long i = 0; i < cols; i++) c[i] = a[i] - fast_exp(b[i]) * sum;
        }
    });
}
