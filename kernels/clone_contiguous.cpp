// clone_contiguous of a transposed matrix: out (cols, rows) = x (rows, cols) turned, for each of `batch`
//
//  rung  idea                                      bytes per element   what is wasted
//  1     two loops: a column of x becomes a row    8                   a cache line of x for each number; and
//                                                                      lines a power of two apart drive each
//                                                                      other out of the cache
//  2     in blocks of 32 x 32                      8                   little: both blocks stay in L1. But
//                                                                      numbers move one by one
//  3     squares of LANES x LANES turned in        8                   reading and writing are the limit
//        registers, gathered to whole lines;
//        threads
//
// No FLOPs.
#include "common.hpp"

ENTRY clone_contiguous_1_loops(float* out, const float* x, long batch, long rows, long cols, int threads) {
    for (long b = 0; b < batch; b++, out += rows * cols, x += rows * cols)
        for (long c = 0; c < cols; c++)
            for (long r = 0; r < rows; r++) out[c * rows + r] = x[r * cols + c];
}

// f(r0, r1, c0, c1) for each block of a matrix, columns first
template <class F> void in_blocks(long rows, long cols, long side, F f) {
    for (long c = 0; c < cols; c += side)
        for (long r = 0; r < rows; r += side) f(r, std::min(r + side, rows), c, std::min(c + side, cols));
}

ENTRY clone_contiguous_2_blocks(float* out, const float* x, long batch, long rows, long cols, int threads) {
    for (long b = 0; b < batch; b++, out += rows * cols, x += rows * cols)
        in_blocks(rows, cols, 32, [=](long r0, long r1, long c0, long c1) {
            for (long c = c0; c < c1; c++)
                for (long r = r0; r < r1; r++) out[c * rows + r] = x[r * cols + c];
        });
}

// Of two rows a, b that stand `step` apart: which lanes of (a, b) make the upper and the lower one when the
// off-diagonal blocks of `step` lanes change places.
inline Ints upper(int step) {
    Ints out = {};
    for (int i = 0; i < LANES; i++) out[i] = i & step ? LANES + i - step : i;
    return out;
}
inline Ints lower(int step) {
    Ints out = {};
    for (int i = 0; i < LANES; i++) out[i] = i & step ? LANES + i : i + step;
    return out;
}

// Blocks of STEP lanes change places, then those of half the size within them, down to single numbers.
template <int STEP> inline void turn(Vec* v) {
    const Ints up = upper(STEP), down = lower(STEP);
    for (int i = 0; i < LANES; i++)
        if (!(i & STEP)) {
            Vec a = v[i], b = v[i + STEP];
            v[i] = choose(a, b, up);
            v[i + STEP] = choose(a, b, down);
        }
    if constexpr (STEP > 1) turn<STEP / 2>(v);
}

// to (LANES, LANES) = from turned; rows `to_pitch` and `from_pitch` apart
inline void turn_square(float* to, long to_pitch, const float* from, long from_pitch) {
    Vec v[LANES];
    for (int i = 0; i < LANES; i++) v[i] = load(from + i * from_pitch);
    turn<LANES / 2>(v);
    for (int i = 0; i < LANES; i++) store(to + i * to_pitch, v[i]);
}

constexpr long SIDE = 64;  // of a block; the turned block, 16 KiB, stays in L1

// One block, by way of a buffer, so that out is written in whole cache lines.
inline void turn_block(float* out, const float* x, long rows, long cols, long r0, long r1, long c0, long c1) {
    float turned[SIDE * SIDE];
    long whole_r = r0 + (r1 - r0) / LANES * LANES, whole_c = c0 + (c1 - c0) / LANES * LANES;
    for (long r = r0; r < whole_r; r += LANES)
        for (long c = c0; c < whole_c; c += LANES) turn_square(turned + (c - c0) * SIDE + r - r0, SIDE, x + r * cols + c, cols);
    for (long c = c0; c < c1; c++)  // what no square covers
        for (long r = c < whole_c ? whole_r : r0; r < r1; r++) turned[(c - c0) * SIDE + r - r0] = x[r * cols + c];
    for (long c = c0; c < c1; c++) std::memcpy(out + c * rows + r0, turned + (c - c0) * SIDE, sizeof(float) * (r1 - r0));
}

ENTRY clone_contiguous_3_registers(float* out, const float* x, long batch, long rows, long cols, int threads) {
    long bands = ceil_div(cols, SIDE);  // of columns of x: rows of out
    parallel(batch * bands, ceil_div(1 << 15, rows * SIDE), threads, [=](long begin, long end) {
        for (long t = begin; t < end; t++) {
            long b = t / bands * rows * cols, c0 = t % bands * SIDE, c1 = std::min(c0 + SIDE, cols);
            for (long r0 = 0; r0 < rows; r0 += SIDE) turn_block(out + b, x + b, rows, cols, r0, std::min(r0 + SIDE, rows), c0, c1);
        }
    });
}
