// sgd_update: one step of gradient descent in place; the formulas stand in optim/steps.py
//
//  rung  idea                                            bytes per parameter (without, with momentum)
//  1     one loop that decides for each number           12, 20
//  2     decided before the loop, which vectorises;      12, 20
//        split over threads
#include "common.hpp"

// b: the momentum's buffer, or null; start: b takes its first gradient. sign -1 maximises.
ENTRY sgd_update_1_naive(float* p, const float* g, float* b, float rate, float momentum, float share, float decay, float sign, int start, int nesterov, long n, int threads) {
    for (long i = 0; i < n; i++) {
        float d = sign * g[i] + decay * p[i];
        if (b) {
            b[i] = start ? d : momentum * b[i] + share * d;
            d = nesterov ? d + momentum * b[i] : b[i];
        }
        p[i] -= rate * d;
    }
}

ENTRY sgd_update_2_vectors(float* p, const float* g, float* b, float rate, float momentum, float share, float decay, float sign, int start, int nesterov, long n, int threads) {
    // with `keep` 0 nothing of what b holds counts, were it NaN: so the first step has a loop of its own
    float own = nesterov ? 1 : 0, past = nesterov ? momentum : 1;
    parallel(n, 32768, threads, [=](long begin, long end) {
        if (!b)
            for (long i = begin; i < end; i++) p[i] -= rate * (sign * g[i] + decay * p[i]);
        else if (start)
            for (long i = begin; i < end; i++) {
                float d = sign * g[i] + decay * p[i];
                b[i] = d;
                p[i] -= rate * (own * d + past * d);
            }
        else
            for (long i = begin; i < end; i++) {
                float d = sign * g[i] + decay * p[i], sum = momentum * b[i] + share * d;
                b[i] = sum;
                p[i] -= rate * (own * d + past * sum);
            }
    });
}
