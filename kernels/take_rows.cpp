// take_rows: rows of a table (V, D) by number, out[i] = table[index[i]]; NumPy's own is a little faster and
// serves
//
//  rung  idea                                    bytes per element
//  1     element by element                      8
//  2     whole rows, split over threads          8
#include "common.hpp"

ENTRY take_rows_1_naive(float* out, const float* table, const int64_t* index, long n, long cols, int threads) {
    for (long i = 0; i < n; i++)
        for (long j = 0; j < cols; j++) out[i * cols + j] = table[index[i] * cols + j];
}

ENTRY take_rows_2_rows(float* out, const float* table, const int64_t* index, long n, long cols, int threads) {
    parallel(n, ceil_div(65536, std::max(cols, 1L)), threads, [=](long begin, long end) {
        for (long i = begin; i < end; i++) std::memcpy(out + i * cols, table + index[i] * cols, sizeof(float) * cols);
    });
}
