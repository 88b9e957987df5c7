// One step t of a long short-term memory, and of its gradient: what follows the product W_hh h, for B sequences and H units; formulas in ops/layers/recurrent.py
//
//  rung  idea                                      launches a step   bytes per unit          FLOPs per unit
//  1     cell: the product apart, a thread a unit  2                 16 product + 44         about 30
//  2     fused: tiles of the product in the cell   1                 8 H / 16 + 44           8 H + about 30
//
// gx (T, B, 4 H) and z (B, 4 H) hold the four gates side by side, `gates` (T, 4, B, H) one after another, as the backward reads them; out (2, T, B, H) is all h, all c.
// The step is an argument and not an offset of pointers, so that a launch needs no new views. Reference: S. Hochreiter, J. Schmidhuber, 1997.
#include "recurrent.cuh"

__device__ __forceinline__ void lstm_cell_of(float (&z)[4], float* __restrict__ out, float* __restrict__ gates, const float* __restrict__ gx, const float* __restrict__ c0,
                                             int b, int u, int t, int T, int B, int H) {
    long long place = b * H + u, all = (long long)B * H, x = ((long long)t * B + b) * 4 * H + u;
    float i = sigmoid_of(z[0] + gx[x]), f = sigmoid_of(z[1] + gx[x + H]), n = tanhf(z[2] + gx[x + 2 * H]), o = sigmoid_of(z[3] + gx[x + 3 * H]);
    float* kept = gates + 4 * t * all + place;
    kept[0] = i, kept[all] = f, kept[2 * all] = n, kept[3 * all] = o;
    float* cells = out + T * all;
    float c = f * (t ? cells[(t - 1) * all + place] : c0[place]) + i * n;
    cells[t * all + place] = c;
    out[t * all + place] = o * tanhf(c);
}

extern "C" __global__ void lstm_sequence_1_cell(float* out, float* __restrict__ gates, const float* __restrict__ gx, const float* __restrict__ product, const float* __restrict__ c0,
                                                int t, int T, int B, int H) {
    int index = blockIdx.x * blockDim.x + threadIdx.x, b = index / H, u = index % H;
    if (b >= B) return;
    float z[4];
#pragma unroll
    for (int k = 0; k < 4; ++k) z[k] = product[(b * 4 + k) * H + u];
    lstm_cell_of(z, out, gates, gx, c0, b, u, t, T, B, H);
}

extern "C" __global__ void __launch_bounds__(256) lstm_sequence_2_fused(float* out, float* __restrict__ gates, const float* __restrict__ gx, const float* __restrict__ w_hh,
                                                                       const float* __restrict__ h0, const float* __restrict__ c0, int t, int T, int B, int H) {
    int u = blockIdx.x * 16 + threadIdx.x, b = blockIdx.y * 16 + threadIdx.y;
    float z[4];
    gate_products(z, t ? out + (long long)(t - 1) * B * H : h0, w_hh, B, H);
    if (b < B && u < H) lstm_cell_of(z, out, gates, gx, c0, b, u, t, T, B, H);
}

// Back through step t: dz_t (T, B, 4 H) from dh = g_h + what step t + 1 gave (dh_next, null at the end), and dc, which is carried from step to step in place.
extern "C" __global__ void lstm_sequence_backward_1_cell(float* __restrict__ dz, float* __restrict__ dc, const float* __restrict__ g, const float* __restrict__ dh_next,
                                                         const float* __restrict__ out, const float* __restrict__ gates, const float* __restrict__ c0, int t, int T, int B, int H) {
    int index = blockIdx.x * blockDim.x + threadIdx.x, b = index / H, u = index % H;
    if (b >= B) return;
    long long all = (long long)B * H, place = b * H + u, x = ((long long)t * B + b) * 4 * H + u;
    const float *kept = gates + 4 * t * all + place, *cells = out + T * all;
    float i = kept[0], f = kept[all], n = kept[2 * all], o = kept[3 * all], tanh_c = tanhf(cells[t * all + place]);
    float dh = g[t * all + place] + (dh_next ? dh_next[place] : 0.0f);
    float d = dc[place] + g[(T + t) * all + place] + dh * o * (1.0f - tanh_c * tanh_c);
    dz[x] = d * n * i * (1.0f - i);
    dz[x + H] = d * (t ? cells[(t - 1) * all + place] : c0[place]) * f * (1.0f - f);
    dz[x + 2 * H] = d * i * (1.0f - n * n);
    dz[x + 3 * H] = dh * tanh_c * o * (1.0f - o);
    dc[place] = d * f;
}
