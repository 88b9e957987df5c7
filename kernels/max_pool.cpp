// max_pool: the largest element of each window of images (N, C, H, W), and the number of its tap in
// the window, row by row. The first of equals wins; of NaNs the last; a window whose best is -inf is
// won by its first tap inside the image.
//
//  rung  idea                                                  bytes per output of 2 x 2 windows
//  1     any window, plain loops, images over threads          21
//  2     2 x 2 windows side by side: rows of pairs as vectors  21
//
// max_pool_spread: zeros with the cotangent u of each output added at its winner
#include "common.hpp"

struct Windows {
    long height, width, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x;
};

static void pool_plane(float* out, uint8_t* winners, const float* x, const Windows& w) {
    for (long oy = 0; oy < w.out_height; oy++)
        for (long ox = 0; ox < w.out_width; ox++, out++, winners++) {
            float best = -INFINITY;
            long winner = -1;
            for (long ky = 0; ky < w.kernel_y; ky++)
                for (long kx = 0; kx < w.kernel_x; kx++) {
                    long y = oy * w.stride_y + ky * w.dilation_y - w.pad_y, z = ox * w.stride_x + kx * w.dilation_x - w.pad_x;
                    if (y < 0 || y >= w.height || z < 0 || z >= w.width) continue;
                    float value = x[y * w.width + z];
                    if (value > best || value != value || winner < 0) {
                        best = value;
                        winner = ky * w.kernel_x + kx;
                    }
                }
            *out = best;
            *winners = winner < 0 ? 0 : winner;
        }
}

ENTRY max_pool_1_naive(float* out, uint8_t* winners, const float* x, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, int threads) {
    Windows w = {height, width, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x};
    parallel(planes, ceil_div(8192, height * width), threads, [=](long begin, long end) {
        for (long p = begin; p < end; p++)
            pool_plane(out + p * out_height * out_width, winners + p * out_height * out_width, x + p * height * width, w);
    });
}

// f(first window) of the vectors that cover a row: the last one overlaps the one before. In a row
// shorter than a vector it runs over into the next row, which is written later.
template <class F> void cover(long cols, F f) {
    for (long j = 0; j < cols; j += LANES) f(std::max(0L, std::min(j, cols - LANES)));
}

// The winners of LANES windows side by side: from both rows, 2 LANES elements each.
static void pool_vector(float* out, uint8_t* winners, const float* upper, const float* lower) {
    const Ints even = count_from(0, 2), odd = count_from(1, 2), zero = {};
    Vec best = choose(load(upper), load(upper + LANES), even);
    Ints winner = zero;
    auto challenge = [&](Vec v, int tap) {  // greater, or NaN
        Ints wins = (v > best) | (v != v);
        best = wins ? v : best;
        winner = wins ? zero + tap : winner;
    };
    challenge(choose(load(upper), load(upper + LANES), odd), 1);
    challenge(choose(load(lower), load(lower + LANES), even), 2);
    challenge(choose(load(lower), load(lower + LANES), odd), 3);
    store(out, best);
    *(Bytes*)winners = __builtin_convertvector(winner, Bytes);
}

ENTRY max_pool_2_pairs(float* out, uint8_t* winners, const float* x, long planes, long height, long width, int threads) {
    long rows = height / 2, cols = width / 2;
    parallel(planes, ceil_div(32768, height * width), threads, [=](long begin, long end) {
        for (long p = begin; p < end; p++)
            for (long r = 0; r < rows; r++) {
                const float* upper = x + (p * height + 2 * r) * width;
                long at = (p * rows + r) * cols;
                if (at + LANES <= end * rows * cols)
                    cover(cols, [=](long i) { pool_vector(out + at + i, winners + at + i, upper + 2 * i, upper + width + 2 * i); });
                else
                    pool_plane(out + at, winners + at, upper, {2, width, 1, cols, 2, 2, 2, 2, 0, 0, 1, 1});
            }
    });
}

static void spread_plane(float* out, const float* u, const uint8_t* winners, const Windows& w) {
    std::fill(out, out + w.height * w.width, 0.0f);
    for (long oy = 0; oy < w.out_height; oy++)
        for (long ox = 0; ox < w.out_width; ox++, u++, winners++) {
            long y = oy * w.stride_y + *winners / w.kernel_x * w.dilation_y - w.pad_y;
            long z = ox * w.stride_x + *winners % w.kernel_x * w.dilation_x - w.pad_x;
            if (y >= 0 && y < w.height && z >= 0 && z < w.width) out[y * w.width + z] += *u;
        }
}

ENTRY max_pool_spread_1_scatter(float* out, const float* u, const uint8_t* winners, long planes, long height, long width, long out_height, long out_width, long kernel_y, long kernel_x, long stride_y, long stride_x, long pad_y, long pad_x, long dilation_y, long dilation_x, int threads) {
    Windows w = {height, width, out_height, out_width, kernel_y, kernel_x, stride_y, stride_x, pad_y, pad_x, dilation_y, dilation_x};
    parallel(planes, ceil_div(16384, height * width), threads, [=](long begin, long end) {
        for (long p = begin; p < end; p++)
            spread_plane(out + p * height * width, u + p * out_height * out_width, winners + p * out_height * out_width, w);
    });
}

static void spread_vector(float* upper, float* lower, const float* u, const uint8_t* winners) {
    Ints left = {}, right = {};  // lanes of two vectors, one by one in turn
    for (int i = 0; i < LANES; i++) {
        left[i] = i / 2 + i % 2 * LANES;
        right[i] = left[i] + LANES / 2;
    }
    Vec g = load(u), zero = {};
    Ints winner = __builtin_convertvector(*(const Bytes*)winners, Ints);
    Vec a = winner == 0 ? g : zero, b = winner == 1 ? g : zero, c = winner == 2 ? g : zero, d = winner == 3 ? g : zero;
    store(upper, choose(a, b, left));
    store(upper + LANES, choose(a, b, right));
    store(lower, choose(c, d, left));
    store(lower + LANES, choose(c, d, right));
}

ENTRY max_pool_spread_2_pairs(float* out, const float* u, const uint8_t* winners, long planes, long height, long width, int threads) {
    long rows = height / 2, cols = width / 2;
    parallel(planes, ceil_div(32768, height * width), threads, [=](long begin, long end) {
        for (long p = begin; p < end; p++)
            for (long r = 0; r < rows; r++) {
                float* upper = out + (p * height + 2 * r) * width;
                long at = (p * rows + r) * cols;
                if (at + LANES <= end * rows * cols)
                    cover(cols, [=](long i) { spread_vector(upper + 2 * i, upper + width + 2 * i, u + at + i, winners + at + i); });
                else
                    spread_plane(upper, u + at, winners + at, {2, width, 1, cols, 2, 2, 2, 2, 0, 0, 1, 1});
            }
    });
}
