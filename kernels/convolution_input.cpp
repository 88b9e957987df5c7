// convolution_input: the transpose of convolution in its input: what each pixel of x gave to y,
// out[n, c, stride p + dilation t - pad] += sum_o weight[o, c, t] y[n, o, p]
//
//  rung  idea
//  1     the seven loops
//  2     with steps of 1 a convolution of y with the kernel turned by 180 degrees; else each phase of the
//        padded image (the pixels that are a stride apart) is a convolution of y with
//        those taps that reach it, in tiles of shifted images (direct.hpp)
//  3     kernels of 3 x 3 with steps of 1: the same convolution by Winograd's F(2 x 2, 3 x 3)
//        (winograd.hpp)
#include "winograd.hpp"
#include <vector>

ENTRY convolution_input_1_naive(float* out, const float* y, const float* weight, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    long per = channels / groups, some = features / groups;
    std::fill(out, out + n * channels * height * width, 0.0f);
    for (long i = 0; i < n; i++)
        for (long o = 0; o < features; o++)
            for (long oy = 0; oy < out_height; oy++)
                for (long ox = 0; ox < out_width; ox++, y++)
                    for (long c = 0; c < per; c++)
                        for (long ky = 0; ky < kernel_y; ky++)
                            for (long kx = 0; kx < kernel_x; kx++) {
                                long row = oy * stride_y + ky * dilation_y - pad_y, col = ox * stride_x + kx * dilation_x - pad_x;
                                if (row < 0 || row >= height || col < 0 || col >= width) continue;
                                long channel = o / some * per + c;
                                out[((i * channels + channel) * height + row) * width + col] += weight[((o * per + c) * kernel_y + ky) * kernel_x + kx] * *y;
                            }
}

// The taps that reach one phase, and where each reads the padded y.
struct Reached {
    std::vector<long> taps, shift;
    std::vector<float> packed;
};

static void phase_by_phase(float* out, const float* y, const float* weight, const Geometry& g, int threads) {
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features();
    // y stands behind `top` empty rows and `left` empty columns, which the last taps look back into
    long top = (g.kernel_y - 1) * g.dilation_y / g.stride_y, left = (g.kernel_x - 1) * g.dilation_x / g.stride_x;
    long rows = std::max(phases.rows, g.out_height) + top, cols = std::max(phases.cols, g.out_width) + left, plane = rows * cols;
    long length = (phases.rows - 1) * cols + phases.cols, pitch = length + TILE;
    std::vector<Reached> reached(g.stride_y * g.stride_x);
    for (long ky = 0; ky < g.kernel_y; ky++)
        for (long kx = 0; kx < g.kernel_x; kx++) {
            long dy = ky * g.dilation_y, dx = kx * g.dilation_x;
            Reached& phase = reached[dy % g.stride_y * g.stride_x + dx % g.stride_x];
            phase.taps.push_back(ky * g.kernel_x + kx);
            phase.shift.push_back((top - dy / g.stride_y) * cols + left - dx / g.stride_x);
        }
    for (Reached& phase : reached) {
        long taps = phase.taps.size(), depth = some * taps;
        std::vector<long> first = phase.shift;
        phase.shift.resize(depth);
        for (long k = 0; k < depth; k++) phase.shift[k] = k / taps * plane + first[k % taps];
        phase.packed.resize(g.channels * depth);
        for (long q = 0; q < g.groups && depth; q++)
            pack(phase.packed.data() + q * per * depth, per, depth, [&](long c, long k) {
                return weight[((q * some + k / taps) * per + c) * g.taps() + phase.taps[k % taps]];
            });
    }
    parallel(g.n, ceil_div(1 << 18, g.features * per * g.taps() * length), threads, [&](long begin, long end) {
        float* image = scratch<0>(g.features * plane + TILE);
        float* lines = scratch<1>(per * pitch);
        std::fill(image, image + g.features * plane + TILE, 0.0f);
        for (long i = begin; i < end; i++) {
            for (long o = 0; o < g.features; o++)
                for (long r = 0; r < g.out_height; r++)
                    std::memcpy(image + o * plane + (r + top) * cols + left, y + ((i * g.features + o) * g.out_height + r) * g.out_width, sizeof(float) * g.out_width);
            for (long phase = 0; phase < g.stride_y * g.stride_x; phase++)
                for (long q = 0; q < g.groups; q++) {
                    const Reached& here = reached[phase];
                    long depth = here.shift.size();
                    convolve(lines, pitch, image + q * some * plane, here.shift.data(), depth, here.packed.data() + q * per * depth, per, length);
                    for (long c = 0; c < per; c++)
                        for (long r = 0; r < phases.rows; r++) {
                            long row = phase / g.stride_x + r * g.stride_y - g.pad_y;
                            if (row < 0 || row >= g.height) continue;
                            float* to = out + ((i * g.channels + q * per + c) * g.height + row) * g.width;
                            const float* from = lines + c * pitch + r * cols;
                            // the columns of the phase that lie inside the image
                            long shift = phase % g.stride_x - g.pad_x, first = shift < 0 ? ceil_div(-shift, g.stride_x) : 0;
                            long last = std::min(phases.cols, ceil_div(g.width - shift, g.stride_x));
                            if (g.stride_x == 1 && first < last)
                                std::memcpy(to + first + shift, from + first, sizeof(float) * (last - first));
                            else
                                for (long z = first; z < last; z++) to[z * g.stride_x + shift] = from[z];
                        }
                }
        }
    });
}

ENTRY convolution_input_2_direct(float* out, const float* y, const float* weight, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    long flip_y = (kernel_y - 1) * dilation_y - pad_y, flip_x = (kernel_x - 1) * dilation_x - pad_x;
    if (stride_y == 1 && stride_x == 1 && flip_y >= 0 && flip_x >= 0) {
        Geometry turned = {n, features, out_height, out_width, channels, height, width, kernel_y, kernel_x, 1, 1, flip_y, flip_x, dilation_y, dilation_x, groups};
        long per = g.group_channels(), some = g.group_features(), taps = g.taps();
        auto weight_of = [=](long c, long k) {
            return weight[((c / per * some + k / taps) * per + c % per) * taps + taps - 1 - k % taps];
        };
        return convolve_images(out, y, turned, weight_of, nullptr, threads);
    }
    phase_by_phase(out, y, weight, g, threads);
}

ENTRY convolution_input_3_winograd(float* out, const float* y, const float* weight, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry turned = {n, features, out_height, out_width, channels, height, width, 3, 3, 1, 1, 2 - pad_y, 2 - pad_x, 1, 1, groups}, one = turned;
    one.n = 1;
    long per = channels / groups, some = features / groups;
    auto weight_of = [=](long c, long k) { return weight[((c / per * some + k / 9) * per + c % per) * 9 + 8 - k % 9]; };
    auto direct = [=](long i) { convolve_images(out + i * channels * height * width, y + i * features * out_height * out_width, one, weight_of, nullptr, 1); };
    winograd_images(out, y, turned, weight_of, nullptr, threads, direct);
}
