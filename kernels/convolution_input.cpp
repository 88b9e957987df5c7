// convolution_input: the transpose of convolution in its input: what each pixel of x gave to y,
// out[n, c, stride p + dilation t - pad] += sum_o weight[o, c, t] y[n, o, p]
//
//  rung  idea
//  1     the seven loops
//  2     each phase of the padded image (the pixels that are a stride apart) is a convolution of y with
//        those taps that reach it, in tiles of shifted images (direct.hpp)
#include "direct.hpp"
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

ENTRY convolution_input_2_direct(float* out, const float* y, const float* weight, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features();
    // y stands behind `top` empty rows and `left` empty columns, which the last taps look back into
    long top = (kernel_y - 1) * dilation_y / stride_y, left = (kernel_x - 1) * dilation_x / stride_x;
    long rows = std::max(phases.rows, out_height) + top, cols = std::max(phases.cols, out_width) + left, plane = rows * cols;
    long length = (phases.rows - 1) * cols + phases.cols, pitch = length + TILE;
    std::vector<Reached> reached(stride_y * stride_x);
    for (long ky = 0; ky < kernel_y; ky++)
        for (long kx = 0; kx < kernel_x; kx++) {
            long dy = ky * dilation_y, dx = kx * dilation_x;
            Reached& phase = reached[dy % stride_y * stride_x + dx % stride_x];
            phase.taps.push_back(ky * kernel_x + kx);
            phase.shift.push_back((top - dy / stride_y) * cols + left - dx / stride_x);
        }
    for (Reached& phase : reached) {
        long taps = phase.taps.size(), depth = some * taps;
        std::vector<long> first = phase.shift;
        phase.shift.resize(depth);
        for (long k = 0; k < depth; k++) phase.shift[k] = k / taps * plane + first[k % taps];
        phase.packed.resize(channels * depth);
        for (long q = 0; q < groups && depth; q++)
            pack(phase.packed.data() + q * per * depth, per, depth, [&](long c, long k) {
                return weight[((q * some + k / taps) * per + c) * g.taps() + phase.taps[k % taps]];
            });
    }
    parallel(n, ceil_div(1 << 18, features * per * g.taps() * length), threads, [&](long begin, long end) {
        float* image = scratch<0>(features * plane + TILE);
        float* lines = scratch<1>(per * pitch);
        std::fill(image, image + features * plane + TILE, 0.0f);
        for (long i = begin; i < end; i++) {
            for (long o = 0; o < features; o++)
                for (long r = 0; r < out_height; r++)
                    std::memcpy(image + o * plane + (r + top) * cols + left, y + ((i * features + o) * out_height + r) * out_width, sizeof(float) * out_width);
            for (long phase = 0; phase < stride_y * stride_x; phase++)
                for (long q = 0; q < groups; q++) {
                    const Reached& here = reached[phase];
                    long depth = here.shift.size();
                    convolve(lines, pitch, image + q * some * plane, here.shift.data(), depth, here.packed.data() + q * per * depth, per, length);
                    for (long c = 0; c < per; c++)
                        for (long r = 0; r < phases.rows; r++) {
                            long row = phase / stride_x + r * stride_y - pad_y;
                            if (row < 0 || row >= height) continue;
                            float* to = out + ((i * channels + q * per + c) * height + row) * width;
                            const float* from = lines + c * pitch + r * cols;
                            long z = 0;  // the first column of the phase inside the image
                            while (phase % stride_x + z * stride_x < pad_x) z++;
                            for (; z < phases.cols; z++) {
                                long col = phase % stride_x + z * stride_x - pad_x;
                                if (col >= width) break;
                                to[col] = from[z];
                            }
                        }
                }
        }
    });
}
