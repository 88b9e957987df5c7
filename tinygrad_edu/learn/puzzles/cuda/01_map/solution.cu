__global__ void map(float* out, const float* x) {
    int i = threadIdx.x;
    out[i] = 2 * x[i] + 1;
}
