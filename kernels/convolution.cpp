// convolution: out[n, o, p] = bias[o] + sum_{c, t} weight[o, c, t] x[n, c, stride p + dilation t - pad]
// of images (N, C, H, W) with kernels (O, C / groups, KY, KX)
//
//  rung  idea                                                  products an output, channel and feature
//  1     the seven loops                                       KY KX
//  2     im2col: each image's patches written as a matrix,     KY KX, 12 for 8 loads, and KY KX writes
//        then a matrix product in register tiles
//  3     tiles of shifted images in registers (direct.hpp):    KY KX, 12 for 8 loads
//        the same product without the matrix
//  4     Winograd's F(2 x 2, 3 x 3) (winograd.hpp)             4 in the place of 9
#include "winograd.hpp"

ENTRY convolution_1_naive(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    long per = channels / groups;
    for (long i = 0; i < n; i++)
        for (long o = 0; o < features; o++)
            for (long oy = 0; oy < out_height; oy++)
                for (long ox = 0; ox < out_width; ox++) {
                    float sum = 0;
                    for (long c = 0; c < per; c++)
                        for (long ky = 0; ky < kernel_y; ky++)
                            for (long kx = 0; kx < kernel_x; kx++) {
                                long y = oy * stride_y + ky * dilation_y - pad_y, z = ox * stride_x + kx * dilation_x - pad_x;
                                if (y < 0 || y >= height || z < 0 || z >= width) continue;
                                long channel = o / (features / groups) * per + c;
                                sum += weight[((o * per + c) * kernel_y + ky) * kernel_x + kx] * x[((i * channels + channel) * height + y) * width + z];
                            }
                    *out++ = sum + (bias ? bias[o] : 0);
                }
}

// to[k][p]: what tap k of a group's channels sees at output p, 0 outside of the image
static void columns(float* to, long pitch, const float* x, const Geometry& g) {
    for (long k = 0; k < g.group_channels() * g.taps(); k++, to += pitch) {
        long c = k / g.taps(), ky = k % g.taps() / g.kernel_x, kx = k % g.kernel_x, p = 0;
        for (long oy = 0; oy < g.out_height; oy++)
            for (long ox = 0; ox < g.out_width; ox++, p++) {
                long y = oy * g.stride_y + ky * g.dilation_y - g.pad_y, z = ox * g.stride_x + kx * g.dilation_x - g.pad_x;
                bool inside = 0 <= y && y < g.height && 0 <= z && z < g.width;
                to[p] = inside ? x[(c * g.height + y) * g.width + z] : 0;
            }
    }
}

ENTRY convolution_2_columns(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    long per = g.group_channels(), some = g.group_features(), depth = per * g.taps(), pitch = g.pixels() + TILE;
    std::unique_ptr<float[]> packed(new float[features * depth]);
    std::unique_ptr<long[]> rows(new long[depth]);
    for (long k = 0; k < depth; k++) rows[k] = k * pitch;
    for (long q = 0; q < groups; q++)
        pack(packed.get() + q * some * depth, some, depth, [&](long o, long k) { return weight[(q * some + o) * depth + k]; });
    parallel(n, 1, threads, [&](long begin, long end) {
        float *patches = scratch<0>(depth * pitch), *lines = scratch<1>(some * pitch);
        std::fill(patches, patches + depth * pitch, 0.0f);
        for (long i = begin; i < end; i++)
            for (long q = 0; q < groups; q++) {
                columns(patches, pitch, x + (i * channels + q * per) * height * width, g);
                convolve(lines, pitch, patches, rows.get(), depth, packed.get() + q * some * depth, some, g.pixels());
                for (long o = 0; o < some; o++) {
                    float *to = out + (i * features + q * some + o) * g.pixels(), add = bias ? bias[q * some + o] : 0;
                    for (long p = 0; p < g.pixels(); p++) to[p] = lines[o * pitch + p] + add;
                }
            }
    });
}

ENTRY convolution_3_direct(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    long depth = channels / groups * kernel_y * kernel_x;
    convolve_images(out, x, g, [=](long o, long k) { return weight[o * depth + k]; }, bias, threads);
}

ENTRY convolution_4_winograd(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups}, one = g;
    one.n = 1;
    auto weight_of = [=, depth = channels / groups * 9](long o, long k) { return weight[o * depth + k]; };
    auto direct = [=](long i) { convolve_images(out + i * features * one.pixels(), x + i * channels * height * width, one, weight_of, bias, 1); };
    winograd_images(out, x, g, weight_of, bias, threads, direct);
}
