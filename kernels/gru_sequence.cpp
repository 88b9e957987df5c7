// gru_sequence: [br, bz, bn] = W h + bias; r = s(xr + br), z = s(xz + bz), n = tanh(xn + r bn);
// h = (1 - z) n + z h, s the sigmoid
//
//  rung  idea
//  1     one step after another, plain loops
//  2     the weights packed once, gates and state in one pass; the batch is split over threads, each of
//        which goes through the whole sequence
//
// gx (T, B, 3H), h0 (B, H), weight (3H, H), bias (3H) or null; gates (T, 3, B, H) after their functions,
// hn (T, B, H) the share bn, out (T, B, H)
#include "recurrent.hpp"

ENTRY gru_sequence_1_naive(float* out, float* gates, float* hn, const float* gx, const float* h0, const float* weight, const float* bias, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::unique_ptr<float[]> product(new float[B * 3 * H]);
    for (long t = 0; t < steps; t++) {
        const float* h = t ? out + (t - 1) * B * H : h0;
        times_plain(product.get(), h, B, H, weight, 3 * H, false);
        for (long b = 0; b < B; b++)
            for (long j = 0; j < H; j++) {
                const float *s = product.get() + b * 3 * H + j, *x = gx + (t * B + b) * 3 * H + j;
                float* gate = gates + (t * 3 * B + b) * H + j;  // gates of a kind are B H apart
                float add[3] = {};
                for (int k = 0; k < 3; k++) add[k] = s[k * H] + (bias ? bias[k * H + j] : 0);
                float r = gate[0] = sigmoid(add[0] + x[0]), z = gate[B * H] = sigmoid(add[1] + x[H]);
                float share = hn[(t * B + b) * H + j] = add[2], n = gate[2 * B * H] = std::tanh(x[2 * H] + r * share);
                out[(t * B + b) * H + j] = (1 - z) * n + z * h[b * H + j];
            }
    }
}

ENTRY gru_sequence_2_fused(float* out, float* gates, float* hn, const float* gx, const float* h0, const float* weight, const float* bias, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch, pitch = panels(3 * H) * PANEL;
    std::unique_ptr<float[]> packed(new float[pitch * H]), add(new float[3 * H]);
    pack_panels(packed.get(), H, 3 * H, [=](long k, long j) { return weight[j * H + k]; });
    for (long j = 0; j < 3 * H; j++) add[j] = bias ? bias[j] : 0;
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        float* product = scratch<0>((end - begin) * pitch);
        for (long t = 0; t < steps; t++) {
            const float* h = t ? out + (t - 1) * B * H : h0;
            times_panels(product, h + begin * H, end - begin, H, packed.get(), 3 * H);
            for (long b = begin; b < end; b++) {
                const float *s = product + (b - begin) * pitch, *x = gx + (t * B + b) * 3 * H, *a = add.get();
                float *r = gates + (t * 3 * B + b) * H, *z = r + B * H, *n = z + B * H, *share = hn + (t * B + b) * H;
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    r[j] = fast_sigmoid(s[j] + a[j] + x[j]);
                    z[j] = fast_sigmoid(s[H + j] + a[H + j] + x[H + j]);
                }
                float* state = out + (t * B + b) * H;
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    share[j] = s[2 * H + j] + a[2 * H + j];
                    n[j] = fast_tanh(x[2 * H + j] + r[j] * share[j]);
                    state[j] = n[j] + z[j] * (h[b * H + j] - n[j]);
                }
            }
        }
    });
}

// gru_sequence_backward: from the cotangent g of out to those of gx and of the shares (T, B, 3H), and of
// h0 (B, H)
ENTRY gru_sequence_backward_1_naive(float* dgx, float* db, float* dh, const float* g, const float* h0, const float* weight, const float* out, const float* gates, const float* hn, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch;
    std::unique_ptr<float[]> product(new float[B * H]);
    std::fill(dh, dh + B * H, 0.0f);
    for (long t = steps - 1; t >= 0; t--) {
        const float* before = t ? out + (t - 1) * B * H : h0;
        for (long b = 0; b < B; b++)
            for (long j = 0; j < H; j++) {
                const float* gate = gates + (t * 3 * B + b) * H + j;
                float r = gate[0], z = gate[B * H], n = gate[2 * B * H], share = hn[(t * B + b) * H + j];
                float *d = db + (t * B + b) * 3 * H + j, *dx = dgx + (t * B + b) * 3 * H + j;
                float dhj = dh[b * H + j] + g[(t * B + b) * H + j], dn = dhj * (1 - z) * (1 - n * n);
                d[0] = dx[0] = dn * share * r * (1 - r);
                d[H] = dx[H] = dhj * (before[b * H + j] - n) * z * (1 - z);
                d[2 * H] = dn * r;
                dx[2 * H] = dn;
                dh[b * H + j] = dhj * z;
            }
        times_plain(product.get(), db + t * B * 3 * H, B, 3 * H, weight, H, true);
        for (long i = 0; i < B * H; i++) dh[i] += product[i];
    }
}

ENTRY gru_sequence_backward_2_fused(float* dgx, float* db, float* dh, const float* g, const float* h0, const float* weight, const float* out, const float* gates, const float* hn, long steps, long batch, long hidden, int threads) {
    long H = hidden, B = batch, pitch = panels(H) * PANEL;
    std::unique_ptr<float[]> packed(new float[pitch * 3 * H]);
    pack_panels(packed.get(), 3 * H, H, [=](long k, long j) { return weight[k * H + j]; });
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        float* product = scratch<0>((end - begin) * pitch);
        std::fill(dh + begin * H, dh + end * H, 0.0f);
        for (long t = steps - 1; t >= 0; t--) {
            const float* before = t ? out + (t - 1) * B * H : h0;
            for (long b = begin; b < end; b++) {
                const float *r = gates + (t * 3 * B + b) * H, *z = r + B * H, *n = z + B * H;
                const float *share = hn + (t * B + b) * H, *gh = g + (t * B + b) * H;
                float *d = db + (t * B + b) * 3 * H, *dx = dgx + (t * B + b) * 3 * H, *dhb = dh + b * H;
                #pragma omp simd
                for (long j = 0; j < H; j++) {
                    float dhj = dhb[j] + gh[j], dn = dhj * (1 - z[j]) * (1 - n[j] * n[j]);
                    float dr = dn * share[j] * r[j] * (1 - r[j]), dz = dhj * (before[b * H + j] - n[j]) * z[j] * (1 - z[j]);
                    d[j] = dx[j] = dr;
                    d[H + j] = dx[H + j] = dz;
                    d[2 * H + j] = dn * r[j];
                    dx[2 * H + j] = dn;
                    dhb[j] = dhj * z[j];
                }
            }
            times_panels(product, db + (t * B + begin) * 3 * H, end - begin, 3 * H, packed.get(), H);
            for (long b = begin; b < end; b++)
                for (long j = 0; j < H; j++) dh[b * H + j] += product[(b - begin) * pitch + j];
        }
    });
}
