// What the kernels of attention share: how arrays stand in memory, and products of small matrices.
#pragma once
#include <utility>
#include "common.hpp"

struct Sizes { int64_t batches, heads, queries, keys, depth, width; };  // B, H, T, S, D, V
struct Layout {  // how far apart neighbours stand, in floats: no copy is made of transposed arrays
    int64_t batch, head, row, column;
    long at(long n, long heads) const { return n / heads * batch + n % heads * head; }  // head n of all B H
};

// A product's tile: ROWS rows of the left matrix times a panel of the right one. All sums stay in registers.
constexpr int ROWS = 6, VECS = LANES == 4 ? REGISTERS / 8 : 2, PANEL = VECS * LANES;
constexpr long QUERIES = 48, KEYS = 128;     // of a block: its keys and values stay in the first two caches
constexpr long WIDE = KEYS + PANEL;          // a row of scores; no power of two: its columns meet other cache sets

inline long padded(long n) { return ceil_div(n, PANEL) * PANEL; }

// A matrix of `depth` x `cols` in panels of PANEL columns, one panel after the other; zeros beyond the last column.
// Read along its rows, or along its columns where those are in one piece.
inline void pack(float* out, const float* from, long row, long column, long depth, long cols) {
    for (long j = 0; j < cols; j += PANEL, from += PANEL * column, out += PANEL * depth) {
        int there = std::min<long>(PANEL, cols - j);
        if (column == 1 && there == PANEL)
            for (long d = 0; d < depth; d++)
                for (int i = 0; i < PANEL; i += LANES) store(out + d * PANEL + i, load(from + d * row + i));
        else
            for (int i = 0; i < there; i++) {
                const float* across = from + i * column;
                for (long d = 0; d < depth; d++) out[d * PANEL + i] = across[d * row];
            }
        for (long d = 0; d < depth && there < PANEL; d++)
            std::fill(out + d * PANEL + there, out + (d + 1) * PANEL, 0.0f);
    }
}

// Rows of `cols` columns, which stand `row` and `wide` apart, times a factor.
inline void copy(float* to, long row, const float* from, long wide, long rows, long cols, float factor) {
    for (long r = 0; r < rows; r++, to += row, from += wide)
        for (long c = 0; c < cols; c++) to[c] = from[c] * factor;
}

// f(0), f(1) ... f(N - 1) written out: an array whose indices are known then lives in registers.
template <class F, int... I> inline void each(F f, std::integer_sequence<int, I...>) { (f(I), ...); }
template <int N, class F> inline void each(F f) { each(f, std::make_integer_sequence<int, N>{}); }
#define INLINE __attribute__((always_inline))

// c = a b, or c += a b: N rows of a, a panel of b, a panel of c. Elements of a stand `row` and `step` apart.
template <int N, bool ADD>
inline void tile(float* c, long c_row, const float* a, long row, long step, const float* b, long depth) {
    Vec sum[N * VECS];
    each<N * VECS>([&](int i) INLINE { sum[i] = ADD ? load(c + i / VECS * c_row + i % VECS * LANES) : Vec{}; });
    for (long d = 0; d < depth; d++, a += step, b += PANEL) {
        Vec right[VECS];
        each<VECS>([&](int v) INLINE { right[v] = load(b + v * LANES); });
        each<N * VECS>([&](int i) INLINE { sum[i] += a[i / VECS * row] * right[i % VECS]; });
    }
    each<N * VECS>([&](int i) INLINE { store(c + i / VECS * c_row + i % VECS * LANES, sum[i]); });
}

// Up to ROWS rows of a times all panels of b, which stand `apart`.
template <bool ADD, int N = ROWS>
inline void strip(float* c, long c_row, const float* a, long row, long step, const float* b, long apart, int rows,
                  long depth, long cols) {
    if constexpr (N > 1)
        if (rows < N) return strip<ADD, N - 1>(c, c_row, a, row, step, b, apart, rows, depth, cols);
    for (long j = 0; j < cols; j += PANEL, b += apart) tile<N, ADD>(c + j, c_row, a, row, step, b, depth);
}

// How many of the `keys` keys from j0 on the query sees.
inline long seen(long query, long j0, long keys, int causal) {
    return causal ? std::max(0L, std::min(keys, query + 1 - j0)) : keys;
}

inline void add_mask(float* scores, const float* mask, const Layout& at, long query, long j0, long keys) {
    const float* row = mask + query * at.row + j0 * at.column;
    for (long j = 0; j < keys; j++) scores[j] += row[j * at.column];
}

// Whether the mask hides every key from the query; without a mask it hides none.
inline bool blind(const float* mask, const Layout& at, long query, long keys) {
    if (!mask) return false;
    for (long j = 0; j < keys; j++)
        if (mask[query * at.row + j * at.column] != -INFINITY) return false;
    return true;
}
