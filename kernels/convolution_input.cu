// What each input element of a convolution gave to the output: out[n, c, y, x] = sum_{o, i, j} weight[o, c, i, j] u[n, o, p, q] where SY p + DY i - PY = y, SX q + DX j - PX = x
//
//  rung  idea                                bytes per multiply-add   FLOPs per multiply-add
//  1     gather: one thread an input element 8                        2
#include "common.cuh"

extern "C" __global__ void convolution_input_1_gather(float* __restrict__ out, const float* __restrict__ u, const float* __restrict__ weight,
                                                      int total, int C, int H, int W, int O, int OH, int OW, int KH, int KW, int SY, int SX, int PY, int PX, int DY, int DX, int groups) {
    int index = blockIdx.x * blockDim.x + threadIdx.x;
    if (index >= total) return;
    int x = index % W, y = index / W % H, c = index / W / H % C, n = index / W / H / C;
    int in_group = C / groups, out_group = O / groups, first = c / in_group * out_group;
    float sum = 0.0f;
    for (int i = 0; i < KH; ++i) {
        int from_y = y + PY - DY * i, p = from_y / SY;
        if (from_y < 0 || from_y % SY || p >= OH) continue;  // no output looked here through row i of its kernel
        for (int j = 0; j < KW; ++j) {
            int from_x = x + PX - DX * j, q = from_x / SX;
            if (from_x < 0 || from_x % SX || q >= OW) continue;
            for (int o = first; o < first + out_group; ++o)
                sum += weight[((o * in_group + c % in_group) * KH + i) * KW + j] * u[((n * O + o) * OH + p) * OW + q];
        }
    }
    out[index] = sum;
}
