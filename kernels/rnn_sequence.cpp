// rnn_sequence: h_t = f(gx_t + W h_{t-1}), f tanh or relu
//
//  rung  idea
//  1     one step after another, plain loops
//  2     the weights packed once, the function in the same pass; the batch is split over threads, each of
//        which goes through the whole sequence
//
// gx, out (T, B, H), h0 (B, H), weight (H, H)
#include "recurrent.hpp"

ENTRY rnn_sequence_1_naive(float* out, const float* gx, const float* h0, const float* weight, long steps, long batch, long hidden, int relu, int threads) {
    long size = batch * hidden;
    for (long t = 0; t < steps; t++, out += size, gx += size) {
        times_plain(out, t ? out - size : h0, batch, hidden, weight, hidden, false);
        for (long i = 0; i < size; i++) {
            float z = out[i] + gx[i];
            out[i] = relu ? (z < 0 ? 0 : z) : std::tanh(z);
        }
    }
}

ENTRY rnn_sequence_2_fused(float* out, const float* gx, const float* h0, const float* weight, long steps, long batch, long hidden, int relu, int threads) {
    long H = hidden, B = batch, pitch = panels(H) * PANEL;
    std::unique_ptr<float[]> packed(new float[pitch * H]);
    pack_panels(packed.get(), H, H, [=](long k, long j) { return weight[j * H + k]; });
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        float* product = scratch<0>((end - begin) * pitch);
        for (long t = 0; t < steps; t++) {
            const float* h = t ? out + (t - 1) * B * H : h0;
            times_panels(product, h + begin * H, end - begin, H, packed.get(), H);
            for (long b = begin; b < end; b++) {
                const float *z = product + (b - begin) * pitch, *x = gx + (t * B + b) * H;
                float* to = out + (t * B + b) * H;
                if (relu)
                    for (long j = 0; j < H; j++) to[j] = z[j] + x[j] < 0 ? 0 : z[j] + x[j];
                else
                    for (long j = 0; j < H; j++) to[j] = fast_tanh(z[j] + x[j]);
            }
        }
    });
}

// rnn_sequence_backward: from the cotangent g of out to those of gx (T, B, H) and h0 (B, H)
ENTRY rnn_sequence_backward_1_naive(float* dz, float* dh, const float* g, const float* weight, const float* out, long steps, long batch, long hidden, int relu, int threads) {
    long size = batch * hidden;
    std::fill(dh, dh + size, 0.0f);
    for (long t = steps - 1; t >= 0; t--) {
        const float *h = out + t * size, *gh = g + t * size;
        float* d = dz + t * size;
        for (long i = 0; i < size; i++) d[i] = (relu ? (h[i] > 0 ? 1 : 0) : 1 - h[i] * h[i]) * (gh[i] + dh[i]);
        times_plain(dh, d, batch, hidden, weight, hidden, true);
    }
}

ENTRY rnn_sequence_backward_2_fused(float* dz, float* dh, const float* g, const float* weight, const float* out, long steps, long batch, long hidden, int relu, int threads) {
    long H = hidden, B = batch, pitch = panels(H) * PANEL;
    std::unique_ptr<float[]> packed(new float[pitch * H]);
    pack_panels(packed.get(), H, H, [=](long k, long j) { return weight[k * H + j]; });
    parallel(B, ceil_div(1 << 16, steps * H * H), threads, [&](long begin, long end) {
        float* product = scratch<0>((end - begin) * pitch);  // W^T dz of the step after
        std::fill(product, product + (end - begin) * pitch, 0.0f);
        for (long t = steps - 1; t >= 0; t--) {
            for (long b = begin; b < end; b++) {
                const float *h = out + (t * B + b) * H, *gh = g + (t * B + b) * H, *p = product + (b - begin) * pitch;
                float* d = dz + (t * B + b) * H;
                if (relu)
                    for (long j = 0; j < H; j++) d[j] = (h[j] > 0 ? 1.0f : 0.0f) * (gh[j] + p[j]);
                else
                    for (long j = 0; j < H; j++) d[j] = (1 - h[j] * h[j]) * (gh[j] + p[j]);
            }
            times_panels(product, dz + (t * B + begin) * H, end - begin, H, packed.get(), H);
        }
        for (long b = begin; b < end; b++) std::memcpy(dh + b * H, product + (b - begin) * pitch, sizeof(float) * H);
    });
}
