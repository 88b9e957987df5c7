__global__ void dot(float* out, const float* a, const float* b, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    s[i] = i < n ? a[i] * b[i] : 0;
    for (int half = 64; half > 0; half /= 2) {
        __syncthreads();
        if (i < half) s[i] += s[i + half];
    }
    if (i == 0) out[0] = s[0];
}
