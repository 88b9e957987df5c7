// clip_update: x scaled in place by min(1, most / (norm + 1e-6)), the norm read on the device, so that the CPU does not wait for it
//
//  rung  idea                      bytes per element   FLOPs per element
//  1     one thread an element     8                   1
//  2     float4                    8                   1
#include "common.cuh"

extern "C" __global__ void clip_update_1_naive(float* __restrict__ x, const float* __restrict__ norm, int n, float most) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float factor = most / (*norm + 1e-6f);
    if (i < n && !(factor >= 1.0f)) x[i] *= factor;  // also if it is NaN: the gradients shall show it
}

extern "C" __global__ void clip_update_2_vectors(float* __restrict__ x, const float* __restrict__ norm, int n, float most) {
    int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
    float factor = most / (*norm + 1e-6f);
    if (factor >= 1.0f) return;
    if (i + 4 <= n) {
        float4 v = load4(x + i);
        store4(x + i, make_float4(v.x * factor, v.y * factor, v.z * factor, v.w * factor));
    } else {
        for (; i < n; ++i) x[i] *= factor;
    }
}
