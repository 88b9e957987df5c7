// layer_normalization: out = (x - mean) rstd weight + bias over rows of `cols` elements, with
// rstd = 1 / sqrt(var + eps); weight and bias may be null
//
//  rung  idea                                     bytes per element
//  1     plain loops                              16 (x three times, out once)
//  2     vectors, rows split over threads         16, from the cache
//  3     four sums at once, scaled as it is       16, from the cache; no sum waits for another
//        written
//
// layer_normalization_backward: out = rstd (d - mean(d) - xhat mean(d xhat)), d = u weight,
// xhat = (x - mean) rstd
// normalization_weight_backward: out_i = sum over rows of u_i (x_i - mean) rstd; mean may be null
#include "common.hpp"

// The sum of f(i), vectors of LANES elements, over 0..cols in four sums, and g(i), one element, over
// what is left.
template <class F, class G> float sum_four(long cols, F f, G g) {
    Vec a = {}, b = {}, c = {}, d = {};
    long i = 0;
    for (; i + 4 * LANES <= cols; i += 4 * LANES) {
        a += f(i);
        b += f(i + LANES);
        c += f(i + 2 * LANES);
        d += f(i + 3 * LANES);
    }
    for (; i + LANES <= cols; i += LANES) a += f(i);
    float sum = sum_of((a + b) + (c + d));
    for (; i < cols; i++) sum += g(i);
    return sum;
}

// f(i) for vectors of LANES elements over 0..cols, and g(i), one element, for what is left.
template <class F, class G> void each(long cols, F f, G g) {
    long i = 0;
    for (; i + LANES <= cols; i += LANES) f(i);
    for (; i < cols; i++) g(i);
}

ENTRY layer_normalization_1_naive(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, long rows, long cols, float eps, int threads) {
    for (long r = 0; r < rows; r++, x += cols, out += cols) {
        float m = 0, v = 0;
        for (long i = 0; i < cols; i++) m += x[i];
        m /= cols;
        for (long i = 0; i < cols; i++) v += (x[i] - m) * (x[i] - m);
        float s = 1 / std::sqrt(v / cols + eps);
        mean[r] = m;
        rstd[r] = s;
        for (long i = 0; i < cols; i++) out[i] = (x[i] - m) * s * (weight ? weight[i] : 1) + (bias ? bias[i] : 0);
    }
}

ENTRY layer_normalization_2_vectors(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, long rows, long cols, float eps, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            float *b = out + r * cols, m = 0, v = 0;
            #pragma omp simd reduction(+ : m)
            for (long i = 0; i < cols; i++) m += a[i];
            m /= cols;
            #pragma omp simd reduction(+ : v)
            for (long i = 0; i < cols; i++) v += (a[i] - m) * (a[i] - m);
            float s = 1 / std::sqrt(v / cols + eps);
            mean[r] = m;
            rstd[r] = s;
            for (long i = 0; i < cols; i++) b[i] = (a[i] - m) * s;
            if (weight)
                for (long i = 0; i < cols; i++) b[i] *= weight[i];
            if (bias)
                for (long i = 0; i < cols; i++) b[i] += bias[i];
        }
    });
}

template <bool WEIGHT, bool BIAS>
void scaled_row(float* out, const float* x, const float* weight, const float* bias, long cols, float m, float s) {
    each(
        cols,
        [=](long i) {
            Vec y = (load(x + i) - m) * s;
            if (WEIGHT) y *= load(weight + i);
            if (BIAS) y += load(bias + i);
            store(out + i, y);
        },
        [=](long i) { out[i] = (x[i] - m) * s * (WEIGHT ? weight[i] : 1) + (BIAS ? bias[i] : 0); });
}

ENTRY layer_normalization_3_fused(float* out, float* mean, float* rstd, const float* x, const float* weight, const float* bias, long rows, long cols, float eps, int threads) {
    auto scaled = weight ? (bias ? scaled_row<true, true> : scaled_row<true, false>)
                         : (bias ? scaled_row<false, true> : scaled_row<false, false>);
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float* a = x + r * cols;
            auto one = [=](long i) { return a[i]; };
            float m = sum_four(cols, [=](long i) { return load(a + i); }, one) / cols;
            auto square = [=](auto d) { return d * d; };
            float v = sum_four(cols, [=](long i) { return square(load(a + i) - m); }, [=](long i) { return square(a[i] - m); });
            float s = 1 / std::sqrt(v / cols + eps);
            mean[r] = m;
            rstd[r] = s;
            scaled(out + r * cols, a, weight, bias, cols, m, s);
        }
    });
}

ENTRY layer_normalization_backward_1_naive(float* out, const float* u, const float* x, const float* mean, const float* rstd, const float* weight, long rows, long cols, int threads) {
    for (long r = 0; r < rows; r++, u += cols, x += cols, out += cols) {
        float d_mean = 0, dx_mean = 0, m = mean[r], s = rstd[r];
        for (long i = 0; i < cols; i++) {
            float d = u[i] * (weight ? weight[i] : 1);
            d_mean += d / cols;
            dx_mean += d * (x[i] - m) * s / cols;
        }
        for (long i = 0; i < cols; i++)
            out[i] = s * (u[i] * (weight ? weight[i] : 1) - d_mean - (x[i] - m) * s * dx_mean);
    }
}

ENTRY layer_normalization_backward_2_vectors(float* out, const float* u, const float* x, const float* mean, const float* rstd, const float* weight, long rows, long cols, int threads) {
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++) {
            const float *a = u + r * cols, *b = x + r * cols;
            float *c = out + r * cols, m = mean[r], s = rstd[r], d_sum = 0, dx_sum = 0;
            if (weight)
                for (long i = 0; i < cols; i++) c[i] = a[i] * weight[i];
            else
                std::memcpy(c, a, sizeof(float) * cols);
            #pragma omp simd reduction(+ : d_sum, dx_sum)
            for (long i = 0; i < cols; i++) {
                d_sum += c[i];
                dx_sum += c[i] * (b[i] - m);
            }
            float shift = d_sum / cols, slope = dx_sum * s * s / cols;
            for (long i = 0; i < cols; i++) c[i] = s * (c[i] - shift - (b[i] - m) * slope);
        }
    });
}

// One row, WEIGHT or not: both sums in one pass, then the result in another.
template <bool WEIGHT>
void backward_row(float* out, const float* u, const float* x, const float* weight, long cols, float m, float s) {
    auto d = [=](long i) { return WEIGHT ? load(u + i) * load(weight + i) : load(u + i); };
    auto d_one = [=](long i) { return WEIGHT ? u[i] * weight[i] : u[i]; };
    Vec sums[2] = {}, slopes[2] = {};
    long i = 0;
    for (; i + 2 * LANES <= cols; i += 2 * LANES)
        for (int k = 0; k < 2; k++) {
            Vec here = d(i + k * LANES);
            sums[k] += here;
            slopes[k] += here * (load(x + i + k * LANES) - m);
        }
    float sum = sum_of(sums[0] + sums[1]), slope = sum_of(slopes[0] + slopes[1]);
    for (; i < cols; i++) {
        sum += d_one(i);
        slope += d_one(i) * (x[i] - m);
    }
    float shift = s * sum / cols;
    slope *= s * s * s / cols;
    each(
        cols,
        [=](long i) { store(out + i, d(i) * s - (load(x + i) - m) * slope - shift); },
        [=](long i) { out[i] = d_one(i) * s - (x[i] - m) * slope - shift; });
}

ENTRY layer_normalization_backward_3_fused(float* out, const float* u, const float* x, const float* mean, const float* rstd, const float* weight, long rows, long cols, int threads) {
    auto row = weight ? backward_row<true> : backward_row<false>;
    parallel(rows, ceil_div(16384, cols), threads, [=](long begin, long end) {
        for (long r = begin; r < end; r++)
            row(out + r * cols, u + r * cols, x + r * cols, weight, cols, mean[r], rstd[r]);
    });
}

ENTRY normalization_weight_backward_1_naive(float* out, const float* u, const float* x, const float* rstd, const float* mean, long rows, long cols, int threads) {
    for (long i = 0; i < cols; i++) {
        out[i] = 0;
        for (long r = 0; r < rows; r++) out[i] += u[r * cols + i] * (x[r * cols + i] - (mean ? mean[r] : 0)) * rstd[r];
    }
}

ENTRY normalization_weight_backward_2_vectors(float* out, const float* u, const float* x, const float* rstd, const float* mean, long rows, long cols, int threads) {
    parallel(cols, std::max(64L, ceil_div(32768, rows)), threads, [=](long begin, long end) {
        std::fill(out + begin, out + end, 0.0f);
        for (long r = 0; r < rows; r++) {
            const float *a = u + r * cols, *b = x + r * cols;
            float m = mean ? mean[r] : 0, s = rstd[r];
            for (long i = begin; i < end; i++) out[i] += a[i] * (b[i] - m) * s;
        }
    });
}
