// sum_pool of images (N C, H, W): the sum of each window; average pooling divides it
//
//  rung  idea                                  bytes per output (2 x 2 windows)   FLOPs per output
//  1     one thread a window                   20                                 4
//  2     pairs: two windows of 2 x 2, float4   20, in a quarter of the loads      4
#include "common.cuh"

extern "C" __global__ void sum_pool_1_naive(float* __restrict__ out, const float* __restrict__ x, int total, int H, int W, int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH;
    const float* image = x + index / OW / OH * H * W;
    int top = max(SY * p - PY, 0), bottom = min(SY * p - PY + KH, H), left = max(SX * q - PX, 0), right = min(SX * q - PX + KW, W);
    float sum = 0.0f;
    for (int row = top; row < bottom; ++row)
        for (int column = left; column < right; ++column) sum += image[row * W + column];
    out[index] = sum;
}

// Windows of 2 x 2 side by side, W a multiple of 4: a thread takes four columns of two rows.
extern "C" __global__ void sum_pool_2_pairs(float* __restrict__ out, const float4* __restrict__ x, int pairs, int W4) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= pairs) return;
    int row = index / W4, column = index % W4;                         // of outputs, the rows of all images below each other
    float4 a = x[2 * row * W4 + column], b = x[(2 * row + 1) * W4 + column];
    ((float2*)out)[index] = make_float2(a.x + a.y + b.x + b.y, a.z + a.w + b.z + b.w);
}
