// convolution_weight: the transpose of convolution in its weight,
// out[o, c, t] = sum_{n, p} y[n, o, p] x[n, c, stride p + dilation t - pad]
//
//  rung  idea
//  1     the seven loops
//  2     products of y's lines with shifted images' lines, 2 x 6 (AVX-512: 4 x 6) sums of vectors in
//        registers; threads share out the output channels, so that each sum has one order
//  3     y turned so that the output channels of a pixel stand side by side: each pixel of x, spread over a
//        vector, meets 2 vectors of channels; 2 x 6 (AVX-512: 2 x 12) sums in registers, none across lanes
//
// Rung 2 multiplies the columns between two rows of the padded image by 0: where x is infinite there, the
// sum is NaN.
#include "direct.hpp"

ENTRY convolution_weight_1_naive(float* out, const float* y, const float* x, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    long per = channels / groups, some = features / groups;
    std::fill(out, out + features * per * kernel_y * kernel_x, 0.0f);
    for (long i = 0; i < n; i++)
        for (long o = 0; o < features; o++)
            for (long oy = 0; oy < out_height; oy++)
                for (long ox = 0; ox < out_width; ox++, y++)
                    for (long c = 0; c < per; c++)
                        for (long ky = 0; ky < kernel_y; ky++)
                            for (long kx = 0; kx < kernel_x; kx++) {
                                long row = oy * stride_y + ky * dilation_y - pad_y, col = ox * stride_x + kx * dilation_x - pad_x;
                                if (row < 0 || row >= height || col < 0 || col >= width) continue;
                                out[((o * per + c) * kernel_y + ky) * kernel_x + kx] += *y * x[((i * channels + o / some * per + c) * height + row) * width + col];
                            }
}

constexpr int LINES = REGISTERS == 32 ? 4 : 2, SHIFTS = 6;

// out[r][k] += sum over images and pixels of y[r] x[shift k]; lines of y are `pitch` apart and end in
// zeros
template <int R, int K> void products(float* out, long depth, const float* y, long pitch, const float* x, const long* shift, long images, long y_step, long x_step) {
    Vec sums[R][K] = {};
    for (long i = 0; i < images; i++, y += y_step, x += x_step)
        for (long p = 0; p < pitch; p += LANES) {
            Vec lines[R];
            for (int r = 0; r < R; r++) lines[r] = load(y + r * pitch + p);
            for (int k = 0; k < K; k++) {
                Vec pixels = load(x + shift[k] + p);
                for (int r = 0; r < R; r++) sums[r][k] += lines[r] * pixels;
            }
        }
    for (int r = 0; r < R; r++)
        for (int k = 0; k < K; k++) out[r * depth + k] += sum_of(sums[r][k]);
}

// The same for any number of shifts, and for fewer than R lines.
template <int R, int K> void products_of(long rows, float* out, long depth, long left, const float* y, long pitch, const float* x, const long* shift, long images, long y_step, long x_step) {
    if constexpr (R > 1)
        if (rows < R) return products_of<R - 1, K>(rows, out, depth, left, y, pitch, x, shift, images, y_step, x_step);
    for (; left >= K; left -= K, out += K, shift += K) products<R, K>(out, depth, y, pitch, x, shift, images, y_step, x_step);
    if constexpr (K > 1)
        if (left) products_of<R, K - 1>(rows, out, depth, left, y, pitch, x, shift, images, y_step, x_step);
}

ENTRY convolution_weight_2_direct(float* out, const float* y, const float* x, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features(), depth = per * g.taps();
    long plane = phases.plane(g), pitch = ceil_div(phases.length(g), LANES) * LANES;
    std::unique_ptr<long[]> shift(new long[depth]);
    for (long k = 0; k < depth; k++) shift[k] = k / g.taps() * plane + phases.shift(g, k % g.taps() / kernel_x, k % kernel_x);
    std::fill(out, out + features * depth, 0.0f);
    // as many images at a time as the cache holds
    long x_step = channels * plane + LANES + pad_x, y_step = features * pitch, block = std::max(1L, std::min(n, (1L << 16) / (x_step + y_step)));
    float *images = scratch<2>(block * x_step), *lines = scratch<3>(block * y_step);
    std::fill(images, images + block * x_step, 0.0f);
    std::fill(lines, lines + block * y_step, 0.0f);
    for (long first = 0; first < n; first += block) {
        long now = std::min(block, n - first);
        parallel(now, ceil_div(32768, x_step), threads, [&](long begin, long end) {
            for (long i = begin; i < end; i++) {
                lay_out(images + i * x_step, x + (first + i) * channels * height * width, channels, g, phases);
                for (long o = 0; o < features; o++)
                    for (long r = 0; r < out_height; r++)
                        std::memcpy(lines + i * y_step + o * pitch + r * phases.cols, y + (((first + i) * features + o) * out_height + r) * out_width, sizeof(float) * out_width);
            }
        });
        parallel(features, std::max<long>(LINES, ceil_div(1 << 18, now * depth * pitch)), threads, [&](long begin, long end) {
            for (long o = begin; o < end;) {
                long q = o / some, rows = std::min<long>({LINES, end - o, (q + 1) * some - o});
                const float* from = images + q * per * plane;
                products_of<LINES, SHIFTS>(rows, out + o * depth, depth, depth, lines + o * pitch, pitch, from, shift.get(), now, y_step, x_step);
                o += rows;
            }
        });
    }
}

// Sums in registers: V vectors of output channels x TAPS<V> shifts.
template <int V> constexpr int TAPS = (REGISTERS == 32 ? 24 : 12) / V;

// out[k][channel] += sum over rows x cols pixels of x[shift k][pixel] y[pixel][channel]
template <int V, int K> void turned_products(float* out, const float* y, const float* x, const long* shift, long rows, long cols, long pitch) {
    Vec sums[K][V] = {};
    for (long r = 0; r < rows; r++, x += pitch)
        for (long c = 0; c < cols; c++, y += V * LANES) {
            Vec channels[V];
            for (int v = 0; v < V; v++) channels[v] = load(y + v * LANES);
            for (int k = 0; k < K; k++) {
                float pixel = x[shift[k] + c];
                for (int v = 0; v < V; v++) sums[k][v] += pixel * channels[v];
            }
        }
    for (int k = 0; k < K; k++)
        for (int v = 0; v < V; v++, out += LANES) store(out, load(out) + sums[k][v]);
}

// The same for any number of shifts.
template <int V, int K> void turned_products_of(long left, float* out, const float* y, const float* x, const long* shift, long rows, long cols, long pitch) {
    for (; left >= K; left -= K, out += K * V * LANES, shift += K) turned_products<V, K>(out, y, x, shift, rows, cols, pitch);
    if constexpr (K > 1)
        if (left) turned_products_of<V, K - 1>(left, out, y, x, shift, rows, cols, pitch);
}

// to[pixel][channel] of `some` channels, with zeros after them up to `width`
static void turn(float* to, const float* y, long pixels, long some, long width) {
    if (some < width) std::fill(to, to + pixels * width, 0.0f);
    for (long p = 0; p < pixels; p++)
        for (long o = 0; o < some; o++) to[p * width + o] = y[o * pixels + p];
}

// The sums of all images. Output channels stand in blocks of `wide`, the shifts in parts.
template <int V> void turned_weight(float* out, const float* y, const float* x, const Geometry& g, int threads) {
    constexpr long wide = V * LANES, most = 48 / V;
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features(), depth = per * g.taps(), plane = phases.plane(g), pixels = g.pixels();
    std::unique_ptr<long[]> shift(new long[depth]);
    for (long k = 0; k < depth; k++) shift[k] = k / g.taps() * plane + phases.shift(g, k % g.taps() / g.kernel_x, k % g.kernel_x);
    long each = ceil_div(some, wide), blocks = g.groups * each, parts = ceil_div(depth, most);
    long image = g.channels * plane + g.pad_x, turned = blocks * pixels * wide;
    long now = std::min(g.n, std::max<long>(threads, (1L << 16) / (image + turned)));  // as many images as the cache holds
    long strip = std::max(1L, std::min(g.out_height, 512 / V / g.out_width));          // rows that the nearest cache holds
    float *images = scratch<2>(now * image), *lines = scratch<3>(now * turned), *sums = scratch<4>(blocks * depth * wide);
    std::fill(sums, sums + blocks * depth * wide, 0.0f);
    for (long first = 0; first < g.n; first += now) {
        now = std::min(now, g.n - first);
        parallel(now, ceil_div(16384, image + turned), threads, [&](long begin, long end) {
            for (long i = begin; i < end; i++) {
                lay_out(images + i * image, x + (first + i) * g.channels * g.height * g.width, g.channels, g, phases);
                std::fill(images + i * image + g.channels * plane, images + (i + 1) * image, 0.0f);
                for (long b = 0; b < blocks; b++) {
                    long o = b % each * wide, channel = (first + i) * g.features + b / each * some + o;
                    turn(lines + i * turned + b * pixels * wide, y + channel * pixels, pixels, std::min(wide, some - o), wide);
                }
            }
        });
        parallel(blocks * parts, ceil_div(1 << 18, now * pixels * wide * most), threads, [&](long begin, long end) {
            for (long w = begin; w < end; w++) {
                long b = w / parts, k = w % parts * most;
                for (long i = 0; i < now; i++)
                    for (long r = 0; r < g.out_height; r += strip)
                        turned_products_of<V, TAPS<V>>(std::min(most, depth - k), sums + (b * depth + k) * wide, lines + i * turned + (b * pixels + r * g.out_width) * wide, images + i * image + b / each * per * plane + r * phases.cols, shift.get() + k, std::min(strip, g.out_height - r), g.out_width, phases.cols);
            }
        });
    }
    for (long o = 0; o < g.features; o++) {
        long block = o / some * each + o % some / wide;
        for (long k = 0; k < depth; k++) out[o * depth + k] = sums[(block * depth + k) * wide + o % some % wide];
    }
}

ENTRY convolution_weight_3_turned(float* out, const float* y, const float* x, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    (g.group_features() <= LANES ? turned_weight<1> : turned_weight<2>)(out, y, x, g, threads);
}
