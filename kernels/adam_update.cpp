// adam_update: one step of Adam in place; the formulas stand in optim/steps.py
//
//  rung  idea                                                     bytes per parameter
//  1     one loop instead of a dozen over arrays                  28 (p, m, v read and written, g read)
//  2     whether there is a largest v decided before the loop,    28
//        which vectorises; split over threads
#include "common.hpp"

// `rate` = lr / (1 - beta1^step), `root` = 1 / sqrt(1 - beta2^step); `keep` = 1 - lr weight_decay if
// decoupled, else 1 with `decay` added to the gradient; top: the largest v so far (AMSGrad), or null
ENTRY adam_update_1_naive(float* p, const float* g, float* m, float* v, float* top, float beta1, float beta2, float other1, float other2, float eps, float rate, float root, float keep, float decay, float sign, long n, int threads) {
    for (long i = 0; i < n; i++) {
        float w = p[i] * keep, d = sign * g[i] + decay * w;
        m[i] = m[i] * beta1 + d * other1;
        v[i] = v[i] * beta2 + d * d * other2;
        float second = v[i];
        if (top) second = top[i] = top[i] > second ? top[i] : second;
        p[i] = w - rate * m[i] / (std::sqrt(second) * root + eps);
    }
}

ENTRY adam_update_2_fused(float* p, const float* g, float* m, float* v, float* top, float beta1, float beta2, float other1, float other2, float eps, float rate, float root, float keep, float decay, float sign, long n, int threads) {
    parallel(n, 32768, threads, [=](long begin, long end) {
        auto step = [=](long i, float* largest) {
            float w = p[i] * keep, d = sign * g[i] + decay * w;
            float first = m[i] * beta1 + d * other1, second = v[i] * beta2 + d * d * other2;
            m[i] = first;
            v[i] = second;
            if (largest) second = largest[i] = largest[i] > second ? largest[i] : second;
            p[i] = w - rate * first / (std::sqrt(second) * root + eps);
        };
        if (top)
            for (long i = begin; i < end; i++) step(i, top);
        else
            for (long i = begin; i < end; i++) step(i, nullptr);
    });
}
