// convolution of images (N, C, H, W) with kernels (O, C / groups, KH, KW): out[n, o, p, q] = bias[o] + sum_{c, i, j} weight[o, c, i, j] input[n, c, SY p + DY i - PY, SX q + DX j - PX]
//
//  rung  idea                                  bytes per multiply-add                FLOPs per multiply-add
//  1     direct: one thread an output          8                                     2
//  2     im2col: patches written, multiplied   8 / (O / groups), and the product's   2
//  3     implicit product: 16 x 16 tiles       0.5                                   2
//
// Rung 2 writes the input's patches as a matrix (C KH KW, OH OW) an image, KH KW times the input's size, and leaves the rest to a product of matrices.
// The implicit product takes the weights as a matrix (O / groups, K) and the input's patches as (K, N OH OW), K = C / groups KH KW, without ever
// writing the patches down. Reference: S. Chetlur et al., 2014, "cuDNN: efficient primitives for deep learning", section 3.
#include "common.cuh"

extern "C" __global__ void convolution_1_direct(float* __restrict__ out, const float* __restrict__ input, const float* __restrict__ weight, const float* __restrict__ bias,
                                                int total, int C, int H, int W, int O, int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH, o = index / OW / OH % O, n = index / OW / OH / O;
    int in_group = C / groups, first = o / (O / groups) * in_group;
    float sum = bias ? bias[o] : 0.0f;
    for (int c = 0; c < in_group; ++c)
        for (int i = 0; i < KH; ++i) {
            int y = SY * p + DY * i - PY;
            if (y < 0 || y >= H) continue;
            for (int j = 0; j < KW; ++j) {
                int x = SX * q + DX * j - PX;
                if (x >= 0 && x < W) sum += weight[((o * in_group + c) * KH + i) * KW + j] * input[((n * C + first + c) * H + y) * W + x];
            }
        }
    out[index] = sum;
}

extern "C" __global__ void convolution_2_im2col(float* __restrict__ patches, const float* __restrict__ input, int total, int C, int H, int W, int O, int OH, int OW,
                                                int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int q = index % OW, p = index / OW % OH, row = index / OW / OH;       // of all images' matrices below each other
    int j = row % KW, i = row / KW % KH, plane = row / KW / KH, y = SY * p + DY * i - PY, x = SX * q + DX * j - PX;
    patches[index] = y >= 0 && y < H && x >= 0 && x < W ? input[(plane * H + y) * W + x] : 0.0f;
}

extern "C" __global__ void __launch_bounds__(256) convolution_3_implicit(
        float* __restrict__ out, const float* __restrict__ input, const float* __restrict__ weight, const float* __restrict__ bias, int places, int C, int H, int W, int O,
        int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    __shared__ float weights[16][16], patches[16][16];
    int tx = threadIdx.x, ty = threadIdx.y, group = blockIdx.z;
    int in_group = C / groups, out_group = O / groups, K = in_group * KH * KW;
    int place = blockIdx.x * 16 + tx, row = blockIdx.y * 16 + ty;      // which output position, which output channel of the group
    int q = place % OW, p = place / OW % OH, n = place / OW / OH;
    float sum = 0.0f;
    for (int k0 = 0; k0 < K; k0 += 16) {
        int kw = k0 + tx, kp = k0 + ty;                                // this thread fetches one weight and one element of a patch
        weights[ty][tx] = row < out_group && kw < K ? weight[(group * out_group + row) * K + kw] : 0.0f;
        int j = kp % KW, i = kp / KW % KH, c = kp / KW / KH, y = SY * p + DY * i - PY, x = SX * q + DX * j - PX;
        bool there = place < places && kp < K && y >= 0 && y < H && x >= 0 && x < W;
        patches[ty][tx] = there ? input[((n * C + group * in_group + c) * H + y) * W + x] : 0.0f;
        __syncthreads();  // both tiles are there
        for (int k = 0; k < 16; ++k) sum += weights[ty][k] * patches[k][tx];
        __syncthreads();  // both have been read
    }
    if (place < places && row < out_group) {
        int o = group * out_group + row;
        out[((n * O + o) * OH + p) * OW + q] = sum + (bias ? bias[o] : 0.0f);
    }
}
