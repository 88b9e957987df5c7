// lstm_sequence: [i, f, n, o] = gx_t + W h; c = s(f) c + s(i) tanh(n); h = s(o) tanh(c), s the sigmoid
//
//  rung  idea
//  1     one step after another, plain loops
//  2     the weights packed once, gates and state in one pass; the batch is split over threads, each of
//        which goes through the whole sequence
//
// gx (T, B, 4H), h0, c0 (B, H), weight (4H, H); gates (T, 4, B, H) after their functions, out (2, T, B, H)
#include "recurrent.hpp"

ENTRY lstm_sequence_1_naive(float* out, float* gates, const float* gx, const float* h0, const float* c0, const float* weight, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::unique_ptr<float[]> z(new float[B * 4 * H]);
    for (long t = 0; t < steps; t++) {
        const float *h = t ? out + (t - 1) * B * H : h0, *c = t ? out + (steps + t - 1) * B * H : c0;
        times_plain(z.get(), h, B, H, weight, 4 * H, false);
        for (long b = 0; b < B; b++)
            for (long j = 0; j < H; j++) {
                const float *p = z.get() + b * 4 * H + j, *x = gx + (t * B + b) * 4 * H + j;
                float* gate = gates + (t * 4 * B + b) * H + j;  // gates of a kind are B H apart
                float i = gate[0] = sigmoid(p[0] + x[0]), f = gate[B * H] = sigmoid(p[H] + x[H]);
                float n = gate[2 * B * H] = std::tanh(p[2 * H] + x[2 * H]), o = gate[3 * B * H] = sigmoid(p[3 * H] + x[3 * H]);
                float state = out[((steps + t) * B + b) * H + j] = f * c[b * H + j] + i * n;
                out[(t * B + b) * H + j] = o * std::tanh(state);
            }
    }
}

ENTRY lstm_sequence_2_fused(float* out, float* gates, const float* gx, const float* h0, const float* c0, const float* weight, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::unique_ptr<float[]> packed(new float[panels(4 * H) * PANEL * H]);
    pack_panels(packed.get(), H, 4 * H, [=](long k, long j) { return weight[j * H + k]; });
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        long pitch = panels(4 * H) * PANEL;
        float* product = scratch<0>((end - begin) * pitch);
        for (long t = 0; t < steps; t++) {
            const float *h = t ? out + (t - 1) * B * H : h0, *c = t ? out + (steps + t - 1) * B * H : c0;
            float *h_new = out + t * B * H, *c_new = out + (steps + t) * B * H, *gate = gates + t * 4 * B * H;
            times_panels(product, h + begin * H, end - begin, H, packed.get(), 4 * H);
            for (long b = begin; b < end; b++) {
                const float *z = product + (b - begin) * pitch, *x = gx + (t * B + b) * 4 * H;
                float *i = gate + b * H, *f = i + B * H, *n = f + B * H, *o = n + B * H;
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    i[j] = fast_sigmoid(z[j] + x[j]);
                    f[j] = fast_sigmoid(z[H + j] + x[H + j]);
                }
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    n[j] = fast_tanh(z[2 * H + j] + x[2 * H + j]);
                    o[j] = fast_sigmoid(z[3 * H + j] + x[3 * H + j]);
                }
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    c_new[b * H + j] = f[j] * c[b * H + j] + i[j] * n[j];
                    h_new[b * H + j] = o[j] * fast_tanh(c_new[b * H + j]);
                }
            }
        }
    });
}

// lstm_sequence_backward: from the cotangent g of out to those of z (T, B, 4H), h0 and c0 (B, H)
ENTRY lstm_sequence_backward_1_naive(float* dz, float* dh, float* dc, const float* g, const float* c0, const float* weight, const float* out, const float* gates, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::fill(dh, dh + B * H, 0.0f);
    std::fill(dc, dc + B * H, 0.0f);
    for (long t = steps - 1; t >= 0; t--) {
        const float *c = out + (steps + t) * B * H, *before = t ? c - B * H : c0;
        for (long b = 0; b < B; b++)
            for (long j = 0; j < H; j++) {
                long at = b * H + j;
                const float* gate = gates + t * 4 * B * H + at;
                float i = gate[0], f = gate[B * H], n = gate[2 * B * H], o = gate[3 * B * H], *d = dz + (t * B + b) * 4 * H + j;
                float tanh_c = std::tanh(c[at]), dhj = g[t * B * H + at] + dh[at];
                float dcj = dc[at] + g[(steps + t) * B * H + at] + dhj * o * (1 - tanh_c * tanh_c);
                d[0] = dcj * n * i * (1 - i);
                d[H] = dcj * before[at] * f * (1 - f);
                d[2 * H] = dcj * i * (1 - n * n);
                d[3 * H] = dhj * tanh_c * o * (1 - o);
                dc[at] = dcj * f;
            }
        times_plain(dh, dz + t * B * 4 * H, B, 4 * H, weight, H, true);
    }
}

ENTRY lstm_sequence_backward_2_fused(float* dz, float* dh, float* dc, const float* g, const float* c0, const float* weight, const float* out, const float* gates, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::unique_ptr<float[]> packed(new float[panels(H) * PANEL * 4 * H]);
    pack_panels(packed.get(), 4 * H, H, [=](long k, long j) { return weight[k * H + j]; });
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        long pitch = panels(H) * PANEL;
        float* product = scratch<0>((end - begin) * pitch);  // W^T dz of the step after
        std::fill(product, product + (end - begin) * pitch, 0.0f);
        std::fill(dc + begin * H, dc + end * H, 0.0f);
        for (long t = steps - 1; t >= 0; t--) {
            const float *c = out + (steps + t) * B * H, *before = t ? c - B * H : c0, *gate = gates + t * 4 * B * H;
            for (long b = begin; b < end; b++) {
                const float *i = gate + b * H, *f = i + B * H, *n = f + B * H, *o = n + B * H;
                const float *gh = g + (t * B + b) * H, *gc = g + ((steps + t) * B + b) * H;
                float *d = dz + (t * B + b) * 4 * H, *dcb = dc + b * H, *p = product + (b - begin) * pitch;
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    float tanh_c = fast_tanh(c[b * H + j]), dhj = gh[j] + p[j];
                    float dcj = dcb[j] + gc[j] + dhj * o[j] * (1 - tanh_c * tanh_c);
                    d[3 * H + j] = dhj * tanh_c * o[j] * (1 - o[j]);
                    d[j] = dcj * n[j] * i[j] * (1 - i[j]);
                    d[H + j] = dcj * before[b * H + j] * f[j] * (1 - f[j]);
                    d[2 * H + j] = dcj * i[j] * (1 - n[j] * n[j]);
                    dcb[j] = dcj * f[j];
                }
            }
            times_panels(product, dz + (t * B + begin) * 4 * H, end - begin, 4 * H, packed.get(), H);
        }
        for (long b = begin; b < end; b++) std::memcpy(dh + b * H, product + (b - begin) * pitch, sizeof(float) * H);
    });
}
