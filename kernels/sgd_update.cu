// sgd_update: one step of gradient descent with momentum over a flat buffer, all in place; formula and names in optim/steps.py
//
//  rung  idea                      bytes per parameter            FLOPs per parameter
//  1     one thread a parameter    12, with momentum 20           2 to 8
//  2     float4                    the same, a quarter the loads  2 to 8
//
// `rate` is read on the device where it is not null: a captured graph can then follow a schedule.
#include "common.cuh"

// One parameter. buf is null without momentum; `first` means that it holds nothing yet.
__device__ __forceinline__ void sgd(float& p, float grad, float* buf, int first, float lr, float momentum, float dampening, float weight_decay, int nesterov, int maximize) {
    float g = maximize ? -grad : grad;
    if (weight_decay != 0.0f) g += p * weight_decay;
    if (buf) {
        *buf = first ? g : *buf * momentum + g * (1.0f - dampening);
        g = nesterov ? g + momentum * *buf : *buf;
    }
    p -= g * lr;
}

extern "C" __global__ void sgd_update_1_naive(float* __restrict__ param, const float* __restrict__ grad, float* __restrict__ buf, int n, const float* rate, int first, float lr,
                                              float momentum, float dampening, float weight_decay, int nesterov, int maximize) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) sgd(param[i], grad[i], buf ? buf + i : nullptr, first, rate ? *rate : lr, momentum, dampening, weight_decay, nesterov, maximize);
}

extern "C" __global__ void sgd_update_2_vectors(float* __restrict__ param, const float* __restrict__ grad, float* __restrict__ buf, int n, const float* rate, int first, float lr,
                                                float momentum, float dampening, float weight_decay, int nesterov, int maximize) {
    int i = (blockIdx.x * blockDim.x + threadIdx.x) * 4;
    if (i >= n) return;
    if (rate) lr = *rate;
    if (i + 4 > n) {  // the last few, one by one
        for (; i < n; ++i) sgd(param[i], grad[i], buf ? buf + i : nullptr, first, lr, momentum, dampening, weight_decay, nesterov, maximize);
        return;
    }
    float4 p = load4(param + i), g = load4(grad + i), b = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    if (buf && !first) b = load4(buf + i);
    sgd(p.x, g.x, buf ? &b.x : nullptr, first, lr, momentum, dampening, weight_decay, nesterov, maximize);
    sgd(p.y, g.y, buf ? &b.y : nullptr, first, lr, momentum, dampening, weight_decay, nesterov, maximize);
    sgd(p.z, g.z, buf ? &b.z : nullptr, first, lr, momentum, dampening, weight_decay, nesterov, maximize);
    sgd(p.w, g.w, buf ? &b.w : nullptr, first, lr, momentum, dampening, weight_decay, nesterov, maximize);
    store4(param + i, p);
    if (buf) store4(buf + i, b);
}
