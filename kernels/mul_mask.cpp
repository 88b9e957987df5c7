// mul_mask: the cotangent of relu, out = u where the output y is above 0 (or NaN), else 0
//
//  rung  idea                                     bytes per element
//  1     plain loop with a branch                 12
//  2     a choice without a branch, vectorised;   12
//        split over threads
#include "common.hpp"

ENTRY mul_mask_1_naive(float* out, const float* u, const float* y, long n, int threads) {
    for (long i = 0; i < n; i++) {
        if (y[i] <= 0)
            out[i] = 0;
        else
            out[i] = u[i];
    }
}

ENTRY mul_mask_2_vectors(float* out, const float* u, const float* y, long n, int threads) {
    parallel(n, 65536, threads, [=](long begin, long end) {
        for (long i = begin; i < end; i++) {
            float open = u[i];  // read in any case: a load that hangs on y would not vectorise
            out[i] = y[i] <= 0 ? 0 : open;
        }
    });
}
