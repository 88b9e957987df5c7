__global__ void guard(float* out, const float* x, int n) {
    int i = threadIdx.x;
    if (i < n) out[i] = x[i] > 0 ? x[i] : 0;
}
