// adam_update: one step of Adam, AdamW or AMSGrad over a flat buffer, all in place; formula and names in optim/steps.py
//
//  rung  idea                      bytes per parameter           FLOPs per parameter
//  1     one thread a parameter    28 (AMSGrad 36)               about 14
//  2     float4                    28, in a quarter of the loads about 14
//
// Each array is read once and written once: as separate array operations the same step moves about 100 bytes. Where `step` (and `rate`) are not null
// they are read on the device, so that a captured graph goes on counting; their corrections are then computed here, as -expm1(t ln beta) = 1 - beta^t.
#include "common.cuh"

struct Adam {  // the settings, the same for all threads
    float lr, beta1, beta2, eps, weight_decay, bias1, root_bias2;
    int maximize, decoupled;
};

__device__ __forceinline__ Adam settings(const float* step, const float* rate, float lr, float beta1, float beta2, float eps, float weight_decay, float bias1, float root_bias2,
                                         float log_beta1, float log_beta2, int maximize, int decoupled) {
    if (step) bias1 = -expm1f(*step * log_beta1), root_bias2 = sqrtf(-expm1f(*step * log_beta2));
    return {rate ? *rate : lr, beta1, beta2, eps, weight_decay, bias1, root_bias2, maximize, decoupled};
}

// One parameter; `highest` is used with AMSGrad only.
__device__ __forceinline__ void adam(float& p, float grad, float& m, float& v, float* highest, const Adam& a) {
    float g = a.maximize ? -grad : grad;
    if (a.decoupled) p *= 1.0f - a.lr * a.weight_decay;
    else if (a.weight_decay != 0.0f) g += p * a.weight_decay;
    m = m * a.beta1 + g * (1.0f - a.beta1);
    v = v * a.beta2 + g * g * (1.0f - a.beta2);
    float second = v;
    if (highest) second = *highest = max_nan(*highest, v);
    p -= m / (sqrtf(second) / a.root_bias2 + a.eps) * (a.lr / a.bias1);
}

extern "C" __global__ void adam_update_1_naive(
        float* __restrict__ param, const float* __restrict__ grad, float* __restrict__ exp_avg, float* __restrict__ exp_avg_sq, float* __restrict__ max_exp_avg_sq, int n,
        const float* step, const float* rate, float lr, float beta1, float beta2, float eps, float weight_decay, float bias1, float root_bias2, float log_beta1, float log_beta2,
        int maximize, int decoupled) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n) return;
    Adam a = settings(step, rate, lr, beta1, beta2, eps, weight_decay, bias1, root_bias2, log_beta1, log_beta2, maximize, decoupled);
    float p = param[i], m = exp_avg[i], v = exp_avg_sq[i];
    adam(p, grad[i], m, v, max_exp_avg_sq ? max_exp_avg_sq + i : nullptr, a);
    param[i] = p, exp_avg[i] = m, exp_avg_sq[i] = v;
}

extern "C" __global__ void adam_update_2_vectors(
        float* __restrict__ param, const float* __restrict__ grad, float* __restrict__ exp_avg, float* __restrict__ exp_avg_sq, float* __restrict__ max_exp_avg_sq, int n,
        const float* step, const float* rate, float lr, float beta1, float beta2, float eps, float weight_decay, float bias1, float root_bias2, float log_beta1, float log_beta2,
        int maximize, int decoupled) {
    int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (i >= n) return;
    Adam a = settings(step, rate, lr, beta1, beta2, eps, weight_decay, bias1, root_bias2, log_beta1, log_beta2, maximize, decoupled);
    if (i + 4 > n) {  // the last few, one by one
        for (; i < n; ++i) adam(param[i], grad[i], exp_avg[i], exp_avg_sq[i], max_exp_avg_sq ? max_exp_avg_sq + i : nullptr, a);
        return;
    }
    float4 p = load4(param + i), g = load4(grad + i), m = load4(exp_avg + i), v = load4(exp_avg_sq + i), h = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (max_exp_avg_sq) h = load4(max_exp_avg_sq + i);
    adam(p.x, g.x, m.x, v.x, max_exp_avg_sq ? &h.x : nullptr, a);
    adam(p.y, g.y, m.y, v.y, max_exp_avg_sq ? &h.y : nullptr, a);
    adam(p.z, g.z, m.z, v.z, max_exp_avg_sq ? &h.z : nullptr, a);
    adam(p.w, g.w, m.w, v.w, max_exp_avg_sq ? &h.w : nullptr, a);
    store4(param + i, p), store4(exp_avg + i, m), store4(exp_avg_sq + i, v);
    if (max_exp_avg_sq) store4(max_exp_avg_sq + i, h);
}
