// convolution: out[n, o, p] = bias[o] + sum_{c, t} weight[o, c, t] x[n, c, stride p + dilation t - pad]
// of images (N, C, H, W) with kernels (O, C / groups, KY, KX)
//
//  rung  idea                                                  products an output, channel and feature
//  1     the seven loops                                       KY KX
//  2     tiles of shifted images in registers (direct.hpp)     KY KX, 12 for 8 loads
//  3     Winograd's F(2 x 2, 3 x 3) (winograd.hpp)             4 in the place of 9
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

ENTRY convolution_2_direct(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups};
    long depth = channels / groups * kernel_y * kernel_x;
    convolve_images(out, x, g, [=](long o, long k) { return weight[o * depth + k]; }, bias, threads);
}

ENTRY convolution_3_winograd(float* out, const float* x, const float* weight, const float* bias, long n, long channels, long height, long width, long features, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, long groups, int threads) {
    Geometry g = {n, channels, height, width, features, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x, groups}, one = g;
    one.n = 1;
    auto weight_of = [=, depth = channels / groups * 9](long o, long k) { return weight[o * depth + k]; };
    auto direct = [=](long i) { convolve_images(out + i * features * one.pixels(), x + i * channels * height * width, one, weight_of, bias, 1); };
    winograd_images(out, x, g, weight_of, bias, threads, direct);
}
