// embed_rows: zeros (V, D) with row i of x added at index[i]
//
//  rung  idea                                                       bytes per element of x
//  1     row by row                                                 12
//  2     threads share out the columns, so that each sum has one    12
//        order
#include "common.hpp"

static void add_rows(float* out, const float* x, const int64_t* index, long n, long rows, long cols, long begin, long end) {
    for (long r = 0; r < rows; r++) std::fill(out + r * cols + begin, out + r * cols + end, 0.0f);
    for (long i = 0; i < n; i++) {
        float* to = out + index[i] * cols;
        const float* from = x + i * cols;
        for (long j = begin; j < end; j++) to[j] += from[j];
    }
}

ENTRY embed_rows_1_naive(float* out, const float* x, const int64_t* index, long n, long rows, long cols, int threads) {
    add_rows(out, x, index, n, rows, cols, 0, cols);
}

ENTRY embed_rows_2_columns(float* out, const float* x, const int64_t* index, long n, long rows, long cols, int threads) {
    parallel(cols, std::max(16L, ceil_div(65536, std::max(n, 1L))), threads, [=](long begin, long end) {
        add_rows(out, x, index, n, rows, cols, begin, end);
    });
}
