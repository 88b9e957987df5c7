// convolution: out[n, o, p] = bias[o] + sum_{c, t} weight[o, c, t] x[n, c, stride p + dilation t - pad]
// of images (N, C, H, W) with kernels (O, C / groups, KY, KX)
//
//  rung  idea                                                  FLOPs of each load
//  1     the seven loops                                       1
//  2     tiles of shifted images in registers (direct.hpp)     about 3
#include "direct.hpp"

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

ENTRY convolution_2_direct(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    Phases phases(g);
    long per = g.group_channels(), some = g.group_features(), depth = per * g.taps();
    long plane = phases.plane(g), length = phases.length(g), pitch = length + TILE;
    std::unique_ptr<long[]> shift(new long[depth]);
    for (long k = 0; k < depth; k++) shift[k] = k / g.taps() * plane + phases.shift(g, k % g.taps() / kernel_x, k % kernel_x);
    std::unique_ptr<float[]> packed(new float[features * depth]);
    for (long q = 0; q < groups; q++)
        pack(packed.get() + q * some * depth, some, depth, [&](long o, long k) { return weight[(q * some + o) * depth + k]; });
    parallel(n, ceil_div(1 << 18, features * depth * length), threads, [&](long begin, long end) {
        float* image = scratch<0>(channels * plane + TILE);
        float* lines = scratch<1>(some * pitch);
        std::fill(image + channels * plane, image + channels * plane + TILE, 0.0f);
        for (long i = begin; i < end; i++) {
            lay_out(image, x + i * channels * height * width, channels, g);
            for (long q = 0; q < groups; q++) {
                convolve(lines, pitch, image + q * per * plane, shift.get(), depth, packed.get() + q * some * depth, some, length);
                for (long o = 0; o < some; o++) {
                    float* to = out + (i * features + q * some + o) * g.pixels();
                    float add = bias ? bias[q * some + o] : 0;
                    for (long y = 0; y < out_height; y++, to += out_width)
                        for (long z = 0; z < out_width; z++) to[z] = lines[o * pitch + y * phases.cols + z] + add;
                }
            }
        }
    });
}
