// One step t of a simple recurrent network, and of its gradient: what follows the product W_hh h, for B sequences and H units; formulas in ops/layers/recurrent.py
//
//  rung  idea                                      launches a step   bytes per unit          FLOPs per unit
//  1     cell: the product apart, a thread a unit  2                 12                      2
//  2     fused: tiles of the product in the cell   1                 2 H / 4 + 8             2 H + 2
#include "recurrent.cuh"

__device__ __forceinline__ float activated(float z, int relu) { return relu ? max_nan(0.0f, z) : tanhf(z); }

extern "C" __global__ void rnn_sequence_1_cell(float* __restrict__ out, const float* __restrict__ gx, const float* __restrict__ product, int t, int B, int H, int relu) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    long long place = (long long)t * B * H + index;
    if (index < B * H) out[place] = activated(product[index] + gx[place], relu);
}

extern "C" __global__ void __launch_bounds__(256) rnn_sequence_2_fused(float* out, const float* __restrict__ gx, const float* __restrict__ w_hh, const float* __restrict__ h0,
                                                                      int t, int B, int H, int relu) {
    int u = blockIdx.x * 16 + threadIdx.x, b = blockIdx.y * 16 + threadIdx.y;
    float z[1];
    gate_products(z, t ? out + (long long)(t - 1) * B * H : h0, w_hh, B, H);
    long long place = ((long long)t * B + b) * H + u;
    if (b < B && u < H) out[place] = activated(z[0] + gx[place], relu);
}

// Back through step t: the slopes (T, B, H) times dh = g + W_hh^T of the step after (dh_next, null at the end).
extern "C" __global__ void rnn_sequence_backward_1_cell(float* __restrict__ slopes, const float* __restrict__ g, const float* __restrict__ dh_next, const float* __restrict__ out,
                                                        int t, int B, int H, int relu) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    long long place = (long long)t * B * H + index;
    if (index >= B * H) return;
    float h = out[place], dh = g[place] + (dh_next ? dh_next[index] : 0.0f);
    slopes[place] = (relu ? (h > 0.0f ? 1.0f : 0.0f) : 1.0f - h * h) * dh;
}
