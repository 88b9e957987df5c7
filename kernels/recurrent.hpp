// The product that a recurrent layer makes at each step: few rows times one matrix that stays the same.
#pragma once
#include "common.hpp"

constexpr int PANEL = 2 * LANES, BATCH = REGISTERS == 32 ? 12 : 6;  // a tile's columns and rows

inline long panels(long cols) { return ceil_div(cols, PANEL); }

// A matrix (depth, cols) in panels of PANEL columns, padded with zeros: element(k, j) is asked for each.
template <class F> void pack_panels(float* to, long depth, long cols, F element) {
    for (long first = 0; first < cols; first += PANEL)
        for (long k = 0; k < depth; k++)
            for (long j = first; j < first + PANEL; j++) *to++ = j < cols ? element(k, j) : 0;
}

template <int R> void row_tile(float* out, long pitch, const float* a, long depth, const float* w) {
    Vec sums[R][2] = {};
    for (long k = 0; k < depth; k++, w += PANEL) {
        Vec left = load(w), right = load(w + LANES);
        for (int r = 0; r < R; r++) {
            sums[r][0] += a[r * depth + k] * left;
            sums[r][1] += a[r * depth + k] * right;
        }
    }
    for (int r = 0; r < R; r++) {
        store(out + r * pitch, sums[r][0]);
        store(out + r * pitch + LANES, sums[r][1]);
    }
}

template <int R> void row_tile_of(int rows, float* out, long pitch, const float* a, long depth, const float* w) {
    if (rows == R)
        row_tile<R>(out, pitch, a, depth, w);
    else if constexpr (R > 1)
        row_tile_of<R - 1>(rows, out, pitch, a, depth, w);
}

// out (rows, panels * PANEL) = a (rows, depth) times the packed matrix
inline void times_panels(float* out, const float* a, long rows, long depth, const float* w, long cols) {
    long pitch = panels(cols) * PANEL;
    for (long p = 0; p < panels(cols); p++)
        for (long r = 0; r < rows; r += BATCH)
            row_tile_of<BATCH>(std::min<long>(BATCH, rows - r), out + r * pitch + p * PANEL, pitch, a + r * depth, depth, w + p * depth * PANEL);
}

// The first rung's product, out (rows, cols) = a (rows, depth) times matrix^T (cols, depth) or, `turned`, times
// matrix (depth, cols): three loops.
inline void times_plain(float* out, const float* a, long rows, long depth, const float* matrix, long cols, bool turned) {
    for (long r = 0; r < rows; r++)
        for (long j = 0; j < cols; j++) {
            float sum = 0;
            for (long k = 0; k < depth; k++) sum += a[r * depth + k] * (turned ? matrix[k * cols + j] : matrix[j * depth + k]);
            out[r * cols + j] = sum;
        }
}

inline float sigmoid(float x) { return 1 / (1 + std::exp(-x)); }
