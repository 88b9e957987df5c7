// Convolution as a sum of shifted images: out[o][p] = sum_k w[k][o] x[shift[k] + p], where k counts the
// pairs of an input channel and a tap, and p runs through a whole image as if it were one line. Where a
// row of the padded image ends, p computes a few values that nobody reads.
//
// A tile of ROWS output channels and 2 vectors of pixels stays in registers while k runs, so that each
// load serves several products and no patch matrix (im2col) is ever written.
// Reference: E. Georganas et al., 2018, "Anatomy of high-performance deep learning convolutions".
#pragma once
#include "common.hpp"

constexpr int ROWS = REGISTERS == 32 ? 14 : 6;  // tiles of ROWS x 2 vectors, with 3 registers to spare
constexpr int TILE = 2 * LANES;                 // pixels in a tile

struct Geometry {  // of one convolution of images; sizes in elements
    long n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x;
    long stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups;

    long group_channels() const { return channels / groups; }
    long group_features() const { return features / groups; }
    long taps() const { return kernel_y * kernel_x; }
    long pixels() const { return out_height * out_width; }
};

// The padded image apart by phases, so that a step of the stride is a step of one: phase (a, b) has the
// rows a, a + stride_y, ... and the columns b, b + stride_x, ...
struct Phases {
    long rows, cols;  // of each phase
    explicit Phases(const Geometry& g) : rows(ceil_div(g.height + 2 * g.pad_y, g.stride_y)), cols(ceil_div(g.width + 2 * g.pad_x, g.stride_x)) {
        // the zeros to the left of a row are those to the right of the row before
        if (g.stride_x == 1) cols = std::max(g.width + g.pad_x, g.out_width);
    }
    long plane(const Geometry& g) const { return g.stride_y * g.stride_x * rows * cols; }
    // where tap (ky, kx) begins in the planes of a channel
    long shift(const Geometry& g, long ky, long kx) const {
        long y = ky * g.dilation_y, x = kx * g.dilation_x;
        return ((y % g.stride_y * g.stride_x + x % g.stride_x) * rows + y / g.stride_y) * cols + x / g.stride_x;
    }
    // how many phases of a direction the taps reach: of a kernel of 1 x 1 with a stride of 2 only the first
    static long reached(long kernel, long dilation, long stride) { return dilation == 1 ? std::min(kernel, stride) : stride; }
    // how far the outputs reach on that line
    long length(const Geometry& g) const { return (g.out_height - 1) * cols + g.out_width; }
};

// The phases of `channels` channels of an image x, as far as the taps reach them.
inline void lay_out(float* to, const float* x, long channels, const Geometry& g, const Phases& phases) {
    long reach_y = Phases::reached(g.kernel_y, g.dilation_y, g.stride_y), reach_x = Phases::reached(g.kernel_x, g.dilation_x, g.stride_x);
    std::fill(to, to + channels * phases.plane(g), 0.0f);
    for (long c = 0; c < channels; c++, to += phases.plane(g), x += g.height * g.width)
        for (long y = 0; y < g.height; y++) {
            long py = y + g.pad_y, row = py / g.stride_y;
            if (py % g.stride_y >= reach_y) continue;
            float* line = to + (py % g.stride_y * g.stride_x * phases.rows + row) * phases.cols;
            const float* from = x + y * g.width;
            if (g.stride_x == 1) {
                std::memcpy(line + g.pad_x, from, sizeof(float) * g.width);
                continue;
            }
            for (long phase = 0; phase < reach_x; phase++) {
                long first = ceil_div(std::max(0L, g.pad_x - phase), g.stride_x);
                float* part = line + phase * phases.rows * phases.cols;
                for (long p = first, z = first * g.stride_x + phase - g.pad_x; z < g.width; p++, z += g.stride_x) part[p] = from[z];
            }
        }
}

template <int R, int V> void tile(float* out, long pitch, const float* x, const long* shift, long depth, const float* w) {
    Vec sums[R][V] = {};
    for (long k = 0; k < depth; k++, w += R) {
        const float* at = x + shift[k];
        Vec pixels[V];
        for (int v = 0; v < V; v++) pixels[v] = load(at + v * LANES);
        for (int r = 0; r < R; r++)
            for (int v = 0; v < V; v++) sums[r][v] += w[r] * pixels[v];
    }
    for (int r = 0; r < R; r++)
        for (int v = 0; v < V; v++) store(out + r * pitch + v * LANES, sums[r][v]);
}

// The tiles along a line for R output channels; writes up to TILE - 1 elements past `length`.
template <int R> void line_of(float* out, long pitch, const float* x, const long* shift, long depth, const float* w, long length) {
    long p = 0;
    for (; p + LANES < length; p += TILE) tile<R, 2>(out + p, pitch, x + p, shift, depth, w);
    if (p < length) tile<R, 1>(out + p, pitch, x + p, shift, depth, w);
}

template <int R> void line_of_some(int rows, float* out, long pitch, const float* x, const long* shift, long depth, const float* w, long length) {
    if (rows == R)
        line_of<R>(out, pitch, x, shift, depth, w, length);
    else if constexpr (R > 1)
        line_of_some<R - 1>(rows, out, pitch, x, shift, depth, w, length);
}

// Output channels in blocks of nearly the same size, at most ROWS.
struct Blocks {
    long features, count;
    explicit Blocks(long features) : features(features), count(ceil_div(features, ROWS)) {}
    long first(long block) const { return features * block / count; }
};

// w[k][o] block by block: weight(o, k) is asked for each.
template <class F> void pack(float* to, long features, long depth, F weight) {
    Blocks blocks(features);
    for (long b = 0; b < blocks.count; b++)
        for (long k = 0; k < depth; k++)
            for (long o = blocks.first(b); o < blocks.first(b + 1); o++) *to++ = weight(o, k);
}

// out[o][p] for all features: `w` packed, rows of out `pitch` apart.
inline void convolve(float* out, long pitch, const float* x, const long* shift, long depth, const float* w, long features, long length) {
    Blocks blocks(features);
    for (long b = 0; b < blocks.count; b++) {
        long o = blocks.first(b), rows = blocks.first(b + 1) - o;
        line_of_some<ROWS>(rows, out + o * pitch, pitch, x, shift, depth, w + o * depth, length);
    }
}

// Each image of x by itself: laid out, multiplied, and its rows written to out. `weight(o, k)` with k
// counting the channels of a group and its taps; bias may be null.
template <class F> void convolve_images(float* out, const float* x, const Geometry& g, F weight, const float* bias, int threads) {
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features(), depth = per * g.taps();
    long plane = phases.plane(g), length = phases.length(g), pitch = length + TILE;
    std::unique_ptr<long[]> shift(new long[depth]);
    for (long k = 0; k < depth; k++) shift[k] = k / g.taps() * plane + phases.shift(g, k % g.taps() / g.kernel_x, k % g.kernel_x);
    std::unique_ptr<float[]> packed(new float[g.features * depth]);
    for (long q = 0; q < g.groups; q++)
        pack(packed.get() + q * some * depth, some, depth, [&](long o, long k) { return weight(q * some + o, k); });
    parallel(g.n, ceil_div(1 << 18, g.features * depth * length), threads, [&](long begin, long end) {
        float* image = scratch<0>(g.channels * plane + 2 * TILE + g.pad_x);
        float* lines = scratch<1>(some * pitch);
        std::fill(image + g.channels * plane, image + g.channels * plane + 2 * TILE + g.pad_x, 0.0f);
        for (long i = begin; i < end; i++) {
            lay_out(image, x + i * g.channels * g.height * g.width, g.channels, g, phases);
            for (long q = 0; q < g.groups; q++) {
                convolve(lines, pitch, image + q * per * plane, shift.get(), depth, packed.get() + q * some * depth, some, length);
                for (long o = 0; o < some; o++) {
                    float* to = out + (i * g.features + q * some + o) * g.pixels();
                    float add = bias ? bias[q * some + o] : 0;
                    for (long y = 0; y < g.out_height; y++, to += g.out_width)
                        for (long z = 0; z < g.out_width; z++) to[z] = lines[o * pitch + y * phases.cols + z] + add;
                }
            }
        }
    });
}
