// matmul: out (M, N) = a (M, K) b (K, N), for each of `count` pairs of matrices
//
//  rung  idea                                       bytes moved a multiply-add    512 x 512 x 512, one core
//  1     three loops; a sum for each output         8: a row of a, a column of b  one chain, a cache line of b
//                                                                                 for each number
//  2     loops in another order: a row of out gets  8 to 12, in rows: vectors     b passes by once for each
//        a multiple of a row of b                                                 row of out
//  3     blocks of b that stay in L2, four rows at  about 6                       b comes from memory once
//        a time
//  4     panels copied into the order in which they (1/TILE + 1/ROWS) 4: each     as fast as the units can
//        are read, tiles of out in registers        load serves a whole tile      multiply and add
//  5     rung 4 on bands of out, one a thread       the same                      by the number of threads
//
// FLOPs: 2 M N K in all. Rungs 4 and 5 take matrices with any strides, since they copy anyway.
// Reference: K. Goto and R. van de Geijn, 2008, "Anatomy of High-Performance Matrix Multiplication".
#include "common.hpp"

ENTRY matmul_1_loops(float* out, const float* a, const float* b, long count, long M, long N, long K, long a_step, long b_step, int threads) {
    for (long c = 0; c < count; c++, out += M * N, a += a_step, b += b_step)
        for (long i = 0; i < M; i++)
            for (long j = 0; j < N; j++) {
                float sum = 0;
                for (long k = 0; k < K; k++) sum += a[i * K + k] * b[k * N + j];
                out[i * N + j] = sum;
            }
}

ENTRY matmul_2_reordered(float* out, const float* a, const float* b, long count, long M, long N, long K, long a_step, long b_step, int threads) {
    std::fill(out, out + count * M * N, 0.0f);
    for (long c = 0; c < count; c++, out += M * N, a += a_step, b += b_step)
        for (long i = 0; i < M; i++)
            for (long k = 0; k < K; k++) {
                float factor = a[i * K + k];
                for (long j = 0; j < N; j++) out[i * N + j] += factor * b[k * N + j];
            }
}

// A block of b is DEEP x WIDE floats, 128 KiB, and stays in L2 while all rows of a go by.
constexpr long DEEP = 128, WIDE = 256;

// Four rows of b at a time, so that a row of out is read and written a quarter as often.
inline void add_rows(float* out, const float* a, const float* b, long depth, long width, long pitch) {
    long k = 0;
    for (; k + 4 <= depth; k += 4) {
        const float *b0 = b + k * pitch, *b1 = b0 + pitch, *b2 = b1 + pitch, *b3 = b2 + pitch;
        float a0 = a[k], a1 = a[k + 1], a2 = a[k + 2], a3 = a[k + 3];
        #pragma omp simd
        for (long j = 0; j < width; j++) out[j] += a0 * b0[j] + a1 * b1[j] + a2 * b2[j] + a3 * b3[j];
    }
    for (; k < depth; k++)
        #pragma omp simd
        for (long j = 0; j < width; j++) out[j] += a[k] * b[k * pitch + j];
}

ENTRY matmul_3_blocked(float* out, const float* a, const float* b, long count, long M, long N, long K, long a_step, long b_step, int threads) {
    std::fill(out, out + count * M * N, 0.0f);
    for (long c = 0; c < count; c++, out += M * N, a += a_step, b += b_step)
        for (long k = 0; k < K; k += DEEP)
            for (long j = 0; j < N; j += WIDE)
                for (long i = 0; i < M; i++)
                    add_rows(out + i * N + j, a + i * K + k, b + k * N + j, std::min(DEEP, K - k), std::min(WIDE, N - j), N);
}

// ---- rung 4: panels and tiles --------------------------------------------------------------------
//
// A tile of out, ROWS x TILE, is 2 ROWS vectors in registers; two more hold a row of b and one a number of
// a, so that none has to leave its register. It walks along k through a panel of a, which holds ROWS numbers
// for each k, and a panel of b, which holds TILE. Panels lie in memory as they are read: one long line.

constexpr int ROWS = REGISTERS == 16 ? 6 : LANES == 16 ? 14 : 10;  // of NEON, GCC can keep 10 in registers
constexpr int TILE = 2 * LANES;
constexpr long DEPTH = 256;        // of panels: one of b is 16 KiB (AVX2) and stays in L1
constexpr long BLOCK = 16 * ROWS;  // rows of a in panels at a time, about 100 KiB: they stay in L2
constexpr long BAND = 2048;        // columns of b in panels at a time

struct Matrix {  // a view: where a number stands is data + row * rows + column * cols
    const float* data;
    long rows, cols;
    const float* at(long r, long c) const { return data + r * rows + c * cols; }
};

// to[k][r] = m[r][k] for r < size, and 0 for further r < WIDTH
template <int WIDTH> void pack(float* to, Matrix m, long size, long depth) {
    for (long k = 0; k < depth; k++, to += WIDTH, m.data += m.cols) {
        if (size == WIDTH && m.rows == 1)  // neighbours: whole vectors
            for (int r = 0; r < WIDTH; r++) to[r] = m.data[r];
        else if (size == WIDTH)
            for (int r = 0; r < WIDTH; r++) to[r] = m.data[r * m.rows];
        else
            for (int r = 0; r < WIDTH; r++) to[r] = r < size ? m.data[r * m.rows] : 0;
    }
}

// R x V vectors of out. `more`: they hold the sum over earlier k, to which this is added.
template <int R, int V> void tile(float* out, long pitch, const float* a, const float* b, long depth, bool more) {
    for (int r = 0; r < R; r++) __builtin_prefetch(out + r * pitch, 1);  // on its way while k runs
    Vec sums[R][V] = {};
    if (more)
        for (int r = 0; r < R; r++)
            for (int v = 0; v < V; v++) sums[r][v] = load(out + r * pitch + v * LANES);
    for (long k = 0; k < depth; k++, a += ROWS, b += TILE) {
        Vec row[V];
        for (int v = 0; v < V; v++) row[v] = load(b + v * LANES);
        for (int r = 0; r < R; r++)
            for (int v = 0; v < V; v++) sums[r][v] += a[r] * row[v];
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store(out + r * pitch + v * LANES, sums[r][v]);
}

// A tile whose columns end within its vectors: computed beside out, then copied.
template <int R, int V> void edge_tile(float* out, long pitch, long cols, const float* a, const float* b, long depth, bool more) {
    float whole[R * V * LANES];
    if (more)
        for (int r = 0; r < R; r++) std::memcpy(whole + r * V * LANES, out + r * pitch, sizeof(float) * cols);
    tile<R, V>(whole, V * LANES, a, b, depth, more);
    for (int r = 0; r < R; r++) std::memcpy(out + r * pitch, whole + r * V * LANES, sizeof(float) * cols);
}

// `rows` up to R rows of out, and up to TILE columns
template <int R> void some_rows(long rows, float* out, long pitch, long cols, const float* a, const float* b, long depth, bool more) {
    if constexpr (R > 1)
        if (rows < R) return some_rows<R - 1>(rows, out, pitch, cols, a, b, depth, more);
    if (cols == TILE) tile<R, 2>(out, pitch, a, b, depth, more);
    else if (cols > LANES) edge_tile<R, 2>(out, pitch, cols, a, b, depth, more);
    else if (cols == LANES) tile<R, 1>(out, pitch, a, b, depth, more);
    else edge_tile<R, 1>(out, pitch, cols, a, b, depth, more);
}

// out (M, N), rows `pitch` apart, = a b
void product(float* out, long pitch, Matrix a, Matrix b, long M, long N, long K) {
    if (K == 0)
        for (long i = 0; i < M; i++) std::fill(out + i * pitch, out + i * pitch + N, 0.0f);
    long wide = ceil_div(std::min(N, BAND), TILE) * TILE, deep = std::min(K, DEPTH);
    float *b_panels = scratch<0>(wide * deep), *a_panels = scratch<1>(std::min(M + ROWS, BLOCK) * deep);
    for (long j0 = 0; j0 < N; j0 += BAND)
        for (long k0 = 0; k0 < K; k0 += DEPTH) {
            long j1 = std::min(j0 + BAND, N), depth = std::min(DEPTH, K - k0);
            for (long j = j0; j < j1; j += TILE)
                pack<TILE>(b_panels + (j - j0) * depth, {b.at(k0, j), b.cols, b.rows}, std::min<long>(TILE, j1 - j), depth);
            for (long i0 = 0; i0 < M; i0 += BLOCK) {
                long i1 = std::min(i0 + BLOCK, M);
                for (long i = i0; i < i1; i += ROWS)
                    pack<ROWS>(a_panels + (i - i0) * depth, {a.at(i, k0), a.rows, a.cols}, std::min<long>(ROWS, i1 - i), depth);
                for (long j = j0; j < j1; j += TILE)
                    for (long i = i0; i < i1; i += ROWS)
                        some_rows<ROWS>(std::min<long>(ROWS, i1 - i), out + i * pitch + j, pitch, std::min<long>(TILE, j1 - j),
                                        a_panels + (i - i0) * depth, b_panels + (j - j0) * depth, depth, k0 > 0);
            }
        }
}

ENTRY matmul_4_packed(float* out, const float* a, const float* b, long count, long M, long N, long K, long a_step, long a_rows, long a_cols, long b_step, long b_rows, long b_cols, int threads) {
    for (long c = 0; c < count; c++) product(out + c * M * N, N, {a + c * a_step, a_rows, a_cols}, {b + c * b_step, b_rows, b_cols}, M, N, K);
}

// Bands of whole tiles along the longer side; each number of out is computed as in rung 4.
ENTRY matmul_5_threads(float* out, const float* a, const float* b, long count, long M, long N, long K, long a_step, long a_rows, long a_cols, long b_step, long b_rows, long b_cols, int threads) {
    bool down = M / ROWS >= N / TILE;
    long side = down ? ROWS : TILE, tiles = ceil_div(down ? M : N, side);
    long grain = ceil_div(1 << 18, std::max(1L, K * side * (down ? N : M)));
    parallel(count * tiles, grain, threads, [=](long begin, long end) {
        for (long t = begin, next; t < end; t = next) {
            long c = t / tiles, first = t % tiles * side;
            next = std::min(end, (c + 1) * tiles);
            long last = std::min(down ? M : N, (t % tiles + next - t) * side);
            Matrix left{a + c * a_step, a_rows, a_cols}, right{b + c * b_step, b_rows, b_cols};
            float* to = out + c * M * N;
            if (down) product(to + first * N, N, {left.at(first, 0), a_rows, a_cols}, right, last - first, N, K);
            else product(to + first, N, left, {right.at(0, first), b_rows, b_cols}, M, last - first, K);
        }
    });
}
