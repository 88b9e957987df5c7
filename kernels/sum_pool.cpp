// sum_pool: the sum of each window of images (N, C, H, W); beyond the edges there are zeros
//
//  rung  idea                                                    bytes per output
//  1     window by window, plain loops                           4 KY KX + 4
//  2     row by row: each tap adds a run of x to a row of        4 KY KX + 4, KY KX of them from the
//        outputs, which vectorises; planes over threads          cache
//
// sum_spread: each element of u added to its whole window, the transpose; the rungs are the same
#include "common.hpp"

ENTRY sum_pool_1_naive(float* out, const float* x, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, int threads) {
    for (long p = 0; p < planes; p++, x += height * width)
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++) {
                float sum = 0;
                for (long ky = 0; ky < kernel_y; ky++)
                    for (long kx = 0; kx < kernel_x; kx++) {
                        long y = oy * stride_y + ky - pad_y, z = ox * stride_x + kx - pad_x;
                        if (0 <= y && y < height && 0 <= z && z < width) sum += x[y * width + z];
                    }
                *out++ = sum;
            }
}

struct Run { long first, last, shift; };  // outputs first <= o < last read x at o * stride + shift

// Which outputs of a row tap k reaches inside of the image.
inline Run run_of(long k, long pad, long stride, long size, long outputs) {
    long shift = k - pad, first = shift < 0 ? ceil_div(-shift, stride) : 0;
    long last = size - shift <= 0 ? 0 : ceil_div(size - shift, stride);
    return {first, std::max(first, std::min(outputs, last)), shift};
}

// f(outputs, inputs, first, last) for each tap of each row of the planes begin..end: outputs and inputs say
// where the row of outputs begins, and where its first output's tap stands.
template <class F> void each_run(long begin, long end, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, F f) {
    for (long row = begin * out_height; row < end * out_height; row++)
        for (long ky = 0; ky < kernel_y; ky++) {
            long y = row % out_height * stride_y + ky - pad_y;
            if (y < 0 || y >= height) continue;
            for (long kx = 0; kx < kernel_x; kx++) {
                Run run = run_of(kx, pad_x, stride_x, width, out_width);
                f(row * out_width, (row / out_height * height + y) * width + run.shift, run.first, run.last);
            }
        }
}

ENTRY sum_pool_2_rows(float* out, const float* x, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, int threads) {
    parallel(planes, ceil_div(16384, out_height * out_width * kernel_y * kernel_x), threads, [=](long begin, long end) {
        std::fill(out + begin * out_height * out_width, out + end * out_height * out_width, 0.0f);
        each_run(begin, end, height, width, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, [=](long outputs, long inputs, long first, long last) {
            float* to = out + outputs;
            const float* from = x + inputs;
            if (stride_x == 1)
                for (long o = first; o < last; o++) to[o] += from[o];
            else if (stride_x == 2)
                for (long o = first; o < last; o++) to[o] += from[2 * o];
            else
                for (long o = first; o < last; o++) to[o] += from[o * stride_x];
        });
    });
}

ENTRY sum_spread_1_naive(float* out, const float* u, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, int threads) {
    std::fill(out, out + planes * height * width, 0.0f);
    for (long p = 0; p < planes; p++, out += height * width)
        for (long oy = 0; oy < out_height; oy++)
            for (long ox = 0; ox < out_width; ox++, u++)
                for (long ky = 0; ky < kernel_y; ky++)
                    for (long kx = 0; kx < kernel_x; kx++) {
                        long y = oy * stride_y + ky - pad_y, z = ox * stride_x + kx - pad_x;
                        if (0 <= y && y < height && 0 <= z && z < width) out[y * width + z] += *u;
                    }
}

ENTRY sum_spread_2_rows(float* out, const float* u, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, int threads) {
    parallel(planes, ceil_div(16384, out_height * out_width * kernel_y * kernel_x), threads, [=](long begin, long end) {
        std::fill(out + begin * height * width, out + end * height * width, 0.0f);
        each_run(begin, end, height, width, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, [=](long outputs, long inputs, long first, long last) {
            float* to = out + inputs;
            const float* from = u + outputs;
            if (stride_x == 1)
                for (long o = first; o < last; o++) to[o] += from[o];
            else
                for (long o = first; o < last; o++) to[o * stride_x] += from[o];
        });
    });
}
