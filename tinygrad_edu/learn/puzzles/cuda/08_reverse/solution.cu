__global__ void reverse(float* out, const float* x) {
    __shared__ float s[64];
    int i = threadIdx.x, first = blockIdx.x * 64;
    s[i] = x[first + i];
    __syncthreads();
    out[first + i] = s[63 - i];
}
