// max_pool of images (N C, H, W): the largest element of each window, and which one it was (its number in the window, row by row)
//
//  rung  idea                                  bytes per output (2 x 2 windows)   FLOPs per output
//  1     one thread a window                   21                                 4
//  2     pairs: two windows of 2 x 2, float4   21, in a quarter of the loads      4
//
// The first of equal elements wins, and a NaN over all, the last one of a window, as in PyTorch. The winner takes one byte: that is all the gradient needs.
#include "common.cuh"

// One more candidate for the maximum: a NaN passes the third test always, and nothing passes the first after a NaN.
__device__ __forceinline__ void challenge(float v, int tap, float& best, int& winner) {
    if (v > best || winner < 0 || v != v) best = v, winner = tap;
}

extern "C" __global__ void max_pool_1_naive(float* __restrict__ out, unsigned char* __restrict__ winners, const float* __restrict__ x, int total, int H, int W, int OH, int OW,
                                            int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH;
    const float* image = x + index / OW / OH * H * W;
    float best = -INFINITY;
    int winner = -1;
    for (int i = 0; i < KH; ++i) {
        int row = SY * p + DY * i - PY;
        if (row < 0 || row >= H) continue;
        for (int j = 0; j < KW; ++j) {
            int column = SX * q + DX * j - PX;
            if (column >= 0 && column < W) challenge(image[row * W + column], i * KW + j, best, winner);
        }
    }
    out[index] = best;
    winners[index] = max(winner, 0);  // a window that sees padding only has none
}

// Windows of 2 x 2 side by side, W a multiple of 4: a thread takes four columns of two rows.
extern "C" __global__ void max_pool_2_pairs(float* __restrict__ out, unsigned char* __restrict__ winners, const float4* __restrict__ x, int pairs, int W4) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= pairs) return;
    int row = index / W4, column = index % W4;                         // of outputs, the rows of all images below each other
    float4 a = x[2 * row * W4 + column], b = x[(2 * row + 1) * W4 + column];
    float left = a.x, right = a.z;
    int in_left = 0, in_right = 0;
    challenge(a.y, 1, left, in_left), challenge(b.x, 2, left, in_left), challenge(b.y, 3, left, in_left);
    challenge(a.w, 1, right, in_right), challenge(b.z, 2, right, in_right), challenge(b.w, 3, right, in_right);
    ((float2*)out)[index] = make_float2(left, right);
    ((unsigned short*)winners)[index] = (unsigned short)(in_left | in_right << 8);  // two bytes at once
}
