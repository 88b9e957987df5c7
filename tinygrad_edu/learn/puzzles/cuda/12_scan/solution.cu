__global__ void scan(float* out, const float* x, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? x[i] : 0;
    __syncthreads();
    for (int step = 1; step < 128; step *= 2) {
        float left = i >= step ? s[i - step] : 0;
        __syncthreads();
        s[i] += left;
        __syncthreads();
    }
    if (i < n) out[i] = s[i];
}
