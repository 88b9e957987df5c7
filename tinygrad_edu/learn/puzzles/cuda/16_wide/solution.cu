__global__ void wide(float* out, const float* x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (4 * i + 3 < n) {
        float4 v = ((const float4*)x)[i];
        v.x *= 0.5f, v.y *= 0.5f, v.z *= 0.5f, v.w *= 0.5f;
        ((float4*)out)[i] = v;
    } else {
        for (int j = 4 * i; j < n; ++j) out[j] = x[j] * 0.5f;
    }
}
