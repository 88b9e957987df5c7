// Convolution with kernels of 3 x 3 and steps of 1 by Winograd's F(2 x 2, 3 x 3): tiles of 2 x 2 outputs
// take 16 products in the place of 36. With d a tile of 4 x 4 inputs and k the kernel,
//
//     out = A^T [ (G k G^T) * (B^T d B) ] A        (* multiplies entry by entry, summed over channels)
//
//     B^T = | 1  0 -1  0 |    G = |  1    0    0  |    A^T = | 1  1  1  0 |
//           | 0  1  1  0 |        | 1/2  1/2  1/2 |          | 0  1 -1 -1 |
//           | 0 -1  1  0 |        | 1/2 -1/2  1/2 |
//           | 0  1  0 -1 |        |  0    0    1  |
//
// For each of the 16 entries the sum over channels is a matrix product, (features x channels) times
// (channels x tiles); it runs in the register tiles of direct.hpp, and vectors run along the tiles.
// Reference: A. Lavin and S. Gray, 2016, "Fast algorithms for convolutional neural networks".
#pragma once
#include "direct.hpp"

constexpr int ENTRIES = 16, STRIP = 2 * TILE;  // tiles that are taken through all three steps together

// G k G^T for the kernel k(tap): 16 numbers
template <class F> void transform_kernel(float* to, F k) {
    float rows[4][3];
    for (int c = 0; c < 3; c++) {
        rows[0][c] = k(c);
        rows[1][c] = (k(c) + k(3 + c) + k(6 + c)) / 2;
        rows[2][c] = (k(c) - k(3 + c) + k(6 + c)) / 2;
        rows[3][c] = k(6 + c);
    }
    for (int r = 0; r < 4; r++) {
        to[4 * r] = rows[r][0];
        to[4 * r + 1] = (rows[r][0] + rows[r][1] + rows[r][2]) / 2;
        to[4 * r + 2] = (rows[r][0] - rows[r][1] + rows[r][2]) / 2;
        to[4 * r + 3] = rows[r][2];
    }
}

// B^T d B for LANES tiles; `step` apart stand the 16 entries. Pixel (i, j) of the tiles stands in phase
// (i % 2, j % 2) of the image, see direct.hpp.
inline void transform_tiles(float* to, long step, const float* image, const Phases& phases) {
    Vec d[4][4], half[4][4];
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < 4; j++) {
            long phase = i % 2 * 2 + j % 2;
            d[i][j] = load(image + (phase * phases.rows + i / 2) * phases.cols + j / 2);
        }
    for (int j = 0; j < 4; j++) {
        half[0][j] = d[0][j] - d[2][j];
        half[1][j] = d[1][j] + d[2][j];
        half[2][j] = d[2][j] - d[1][j];
        half[3][j] = d[1][j] - d[3][j];
    }
    for (int i = 0; i < 4; i++, to += 4 * step) {
        store(to, half[i][0] - half[i][2]);
        store(to + step, half[i][1] + half[i][2]);
        store(to + 2 * step, half[i][2] - half[i][1]);
        store(to + 3 * step, half[i][1] - half[i][3]);
    }
}

// A^T m A for LANES tiles: output (a, b) of each tile goes to line 2 a + b, lines `pitch` apart.
inline void transform_back(float* to, long pitch, const float* from, long step) {
    Vec half[2][4];
    for (int j = 0; j < 4; j++) {
        Vec m0 = load(from + j * step), m1 = load(from + (4 + j) * step), m2 = load(from + (8 + j) * step), m3 = load(from + (12 + j) * step);
        half[0][j] = m0 + m1 + m2;
        half[1][j] = m1 - m2 - m3;
    }
    for (int a = 0; a < 2; a++, to += 2 * pitch) {
        store(to, half[a][0] + half[a][1] + half[a][2]);
        store(to + pitch, half[a][1] - half[a][2] - half[a][3]);
    }
}

// The lines of one output channel, put together to its picture. Whether all of it is finite.
inline bool interleave(float* to, const float* lines, long pitch, long cols, float add, const Geometry& g) {
    float odd = 0;  // 0 or NaN
    for (long y = 0; y < g.out_height; y++, to += g.out_width) {
        const float *even = lines + y % 2 * 2 * pitch + y / 2 * cols, *next = even + pitch;
        long pairs = g.out_width / 2;
        #pragma omp simd reduction(+ : odd)
        for (long p = 0; p < pairs; p++) {
            float first = even[p] + add, second = next[p] + add;
            odd += (first - first) + (second - second);
            to[2 * p] = first;
            to[2 * p + 1] = second;
        }
        if (g.out_width % 2) {
            to[2 * pairs] = even[pairs] + add;
            odd += to[2 * pairs] - to[2 * pairs];
        }
    }
    return odd == 0;
}

// All tiles of one group of one image: `packed` holds for each entry the transformed kernels, as `pack`
// leaves them; `lines` take the four outputs of the tiles of each channel.
inline void winograd_group(float* lines, long pitch, const float* image, const Phases& phases, const float* packed, long per, long some, long tiles, const long* steps, long plane) {
    // entries a power of two apart would fall into the same few lines of the cache
    long in_step = per * STRIP + TILE, out_step = some * STRIP + TILE;
    float *inputs = scratch<5>(ENTRIES * in_step), *products = scratch<6>(ENTRIES * out_step);
    for (long first = 0; first < tiles; first += STRIP) {
        long count = std::min<long>(STRIP, ceil_div(tiles - first, LANES) * LANES);
        for (long c = 0; c < per; c++)
            for (long t = 0; t < count; t += LANES) transform_tiles(inputs + c * STRIP + t, in_step, image + c * plane + first + t, phases);
        for (int e = 0; e < ENTRIES; e++)
            convolve(products + e * out_step, STRIP, inputs + e * in_step, steps, per, packed + e * some * per, some, count);
        for (long o = 0; o < some; o++)
            for (long t = 0; t < count; t += LANES) transform_back(lines + o * 4 * pitch + first + t, pitch, products + o * STRIP + t, out_step);
    }
}

// As convolve_images does it. An image whose results are not all finite goes to `direct(i)` instead: inf -
// inf would spread to pixels that the infinite one does not reach.
template <class F, class D> void winograd_images(float* out, const float* x, const Geometry& g, F weight, const float* bias, int threads, D direct) {
    Geometry apart = g;  // the image as 2 x 2 phases
    apart.stride_y = apart.stride_x = 2;
    Phases phases(apart);
    phases.rows = std::max(phases.rows, (g.out_height + 1) / 2 + 1);
    phases.cols = std::max(phases.cols, (g.out_width + 1) / 2 + 1);
    long per = g.group_channels(), some = g.group_features(), plane = 4 * phases.rows * phases.cols;
    long tiles = (g.out_height - 1) / 2 * phases.cols + (g.out_width + 1) / 2, pitch = tiles + STRIP;
    std::unique_ptr<float[]> packed(new float[ENTRIES * g.features * per]), kernels(new float[ENTRIES * some * per]);
    std::unique_ptr<long[]> steps(new long[per]);
    for (long c = 0; c < per; c++) steps[c] = c * STRIP;
    for (long q = 0; q < g.groups; q++) {
        for (long o = 0; o < some; o++)
            for (long c = 0; c < per; c++)
                transform_kernel(kernels.get() + (o * per + c) * ENTRIES, [&](long tap) { return weight(q * some + o, c * 9 + tap); });
        for (int e = 0; e < ENTRIES; e++)
            pack(packed.get() + (q * ENTRIES + e) * some * per, some, per, [&](long o, long c) { return kernels[(o * per + c) * ENTRIES + e]; });
    }
    parallel(g.n, ceil_div(1 << 18, 4 * g.features * per * tiles), threads, [&](long begin, long end) {
        long size = g.channels * plane, room = size + 2 * phases.cols + STRIP;
        float *image = scratch<0>(room), *lines = scratch<1>(4 * some * pitch);
        std::fill(image + size, image + room, 0.0f);
        for (long i = begin; i < end; i++) {
            bool finite = true;
            lay_out(image, x + i * g.channels * g.height * g.width, g.channels, apart, phases);
            for (long q = 0; q < g.groups; q++) {
                winograd_group(lines, pitch, image + q * per * plane, phases, packed.get() + q * ENTRIES * some * per, per, some, tiles, steps.get(), plane);
                for (long o = q * some; o < (q + 1) * some; o++)
                    finite &= interleave(out + (i * g.features + o) * g.pixels(), lines + (o - q * some) * 4 * pitch, pitch, phases.cols, bias ? bias[o] : 0, g);
            }
            if (!finite) direct(i);
        }
    });
}
