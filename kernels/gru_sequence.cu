// One step t of a gated recurrent unit, and of its gradient: what follows the product W_hh h + b_hh, for B sequences and H units; formulas in ops/layers/recurrent.py
//
//  rung  idea                                      launches a step   bytes per unit          FLOPs per unit
//  1     cell: the product apart, a thread a unit  2                 12 product + 36         about 25
//  2     fused: tiles of the product in the cell   1                 6.5 H / 16 + 36         6 H + about 25
//
// gx (T, B, 3 H) and the product (B, 3 H) hold the gates r, z, n side by side, `gates` (T, 3, B, H) one after another; hn (T, B, H) is the state's share of n before
// the reset gate. Reference: K. Cho et al., 2014, with the reset gate after the product, as PyTorch has it.
#include "recurrent.cuh"

__device__ __forceinline__ void gru_cell_of(float (&share)[3], float* __restrict__ out, float* __restrict__ gates, float* __restrict__ hn, const float* __restrict__ gx,
                                            const float* __restrict__ h0, int b, int u, int t, int B, int H) {
    long long place = b * H + u, all = (long long)B * H, x = ((long long)t * B + b) * 3 * H + u;
    float r = sigmoid_of(gx[x] + share[0]), z = sigmoid_of(gx[x + H] + share[1]), n = tanhf(gx[x + 2 * H] + r * share[2]);
    float before = t ? out[(t - 1) * all + place] : h0[place];
    float* kept = gates + 3 * t * all + place;
    kept[0] = r, kept[all] = z, kept[2 * all] = n;
    hn[t * all + place] = share[2];
    out[t * all + place] = n + z * (before - n);
}

extern "C" __global__ void gru_sequence_1_cell(float* out, float* __restrict__ gates, float* __restrict__ hn, const float* __restrict__ gx, const float* __restrict__ product,
                                               const float* __restrict__ h0, int t, int B, int H) {
    int index = blockIdx.x * blockDim.x + threadIdx.x, b = index / H, u = index % H;
    if (b >= B) return;
    float share[3];
#pragma unroll
    for (int k = 0; k < 3; ++k) share[k] = product[(b * 3 + k) * H + u];
    gru_cell_of(share, out, gates, hn, gx, h0, b, u, t, B, H);
}

extern "C" __global__ void __launch_bounds__(256) gru_sequence_2_fused(float* out, float* __restrict__ gates, float* __restrict__ hn, const float* __restrict__ gx,
                                                                      const float* __restrict__ w_hh, const float* __restrict__ b_hh, const float* __restrict__ h0,
                                                                      int t, int B, int H) {
    int u = blockIdx.x * 16 + threadIdx.x, b = blockIdx.y * 16 + threadIdx.y;
    float share[3];
    gate_products(share, t ? out + (long long)(t - 1) * B * H : h0, w_hh, B, H);
    if (b >= B || u >= H) return;
#pragma unroll
    for (int k = 0; k < 3; ++k) share[k] += b_hh ? b_hh[k * H + u] : 0.0f;
    gru_cell_of(share, out, gates, hn, gx, h0, b, u, t, B, H);
}

// Back through step t: dgx_t and db_t (T, B, 3 H), the cotangents of the input's and of the state's share. dh = g + z_{t+1} dh_{t+1} (carried in place) + W_hh^T db_{t+1} (dh_next).
extern "C" __global__ void gru_sequence_backward_1_cell(float* __restrict__ dgx, float* __restrict__ db, float* __restrict__ carried, const float* __restrict__ g,
                                                        const float* __restrict__ dh_next, const float* __restrict__ out, const float* __restrict__ gates,
                                                        const float* __restrict__ hn, const float* __restrict__ h0, int t, int B, int H) {
    int index = blockIdx.x * blockDim.x + threadIdx.x, b = index / H, u = index % H;
    if (b >= B) return;
    long long all = (long long)B * H, place = b * H + u, x = ((long long)t * B + b) * 3 * H + u;
    const float* kept = gates + 3 * t * all + place;
    float r = kept[0], z = kept[all], n = kept[2 * all], before = t ? out[(t - 1) * all + place] : h0[place];
    float dh = g[t * all + place] + carried[place] + (dh_next ? dh_next[place] : 0.0f);
    float dn = dh * (1.0f - z) * (1.0f - n * n), dr = dn * hn[t * all + place] * r * (1.0f - r), dz = dh * (before - n) * z * (1.0f - z);
    dgx[x] = db[x] = dr;
    dgx[x + H] = db[x + H] = dz;
    dgx[x + 2 * H] = dn;
    db[x + 2 * H] = dn * r;
    carried[place] = dh * z;
}
