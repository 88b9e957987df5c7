// normalization_weight_backward: out_c = sum over rows of u_rc (x_rc - mean_r) rstd_r; a null mean counts as zeros (rms_normalization)
//
//  rung  idea                              bytes per element   FLOPs per element
//  1     one thread walks down a column    8                   4
//  2     tiles of 32 columns by 8 rows     8                   4
#include "common.cuh"

extern "C" __global__ void normalization_weight_backward_1_naive(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ mean, int rows, int cols) {
    int c = blockIdx.x * blockDim.x + threadIdx.x;
    if (c >= cols) return;
    float sum = 0.0f;
    for (int r = 0; r < rows; ++r) {
        long long e = (long long)r * cols + c;
        sum += u[e] * ((x[e] - (mean ? mean[r] : 0.0f)) * rstd[r]);
    }
    out[c] = sum;
}

// A block takes 32 columns of 256 rows; out holds one row of sums per 256 rows, which `sum` adds up.
extern "C" __global__ void __launch_bounds__(256) normalization_weight_backward_2_tiles(
        float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ x, const float* __restrict__ rstd,
        const float* __restrict__ mean, int rows, int cols, int tiles) {
    __shared__ float part[8][32];
    int lane = threadIdx.x, y = threadIdx.y, c = blockIdx.x % tiles * 32 + lane, piece = blockIdx.x / tiles;
    int last = min(piece * 256 + 256, rows);
    float sum = 0.0f;
    for (int r = piece * 256 + y; r < last && c < cols; r += 8) {
        long long e = (long long)r * cols + c;
        sum += u[e] * ((x[e] - (mean ? mean[r] : 0.0f)) * rstd[r]);
    }
    part[y][lane] = sum;
    __syncthreads();  // all 8 partial sums are there
    if (y > 0 || c >= cols) return;
    for (int k = 1; k < 8; ++k) sum += part[k][lane];
    out[(long long)piece * cols + c] = sum;
}
