// What the bfloat16 rungs 8 and 9 of matmul begin with: the operands, rounded, and filled up with zeros to whole tiles
//
//  idea                                bytes per element   FLOPs per element
//  round once, before the product      6                   0
#include <cuda_bf16.h>

extern "C" __global__ void round_to_bfloat16(__nv_bfloat16* __restrict__ out, const float* __restrict__ x, int rows, int cols, int wide_rows, int wide_cols) {
    int col = blockIdx.x * blockDim.x + threadIdx.x;
    if (col >= wide_cols) return;
    for (int row = blockIdx.y; row < wide_rows; row += gridDim.y) {
        float v = row < rows && col < cols ? x[((long long)blockIdx.z * rows + row) * cols + col] : 0.0f;
        out[((long long)blockIdx.z * wide_rows + row) * wide_cols + col] = __float2bfloat16(v);
    }
}
