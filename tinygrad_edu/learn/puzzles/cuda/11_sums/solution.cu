__global__ void sums(float* out, const float* x, int n) {
    __shared__ float s[128];
    int i = threadIdx.x;
    const float* row = x + blockIdx.x * n;
    float sum = 0;
    for (int j = i; j < n; j += 128) sum += row[j];
    s[i] = sum;
    for (int half = 64; half > 0; half /= 2) {
        __syncthreads();
        if (i < half) s[i] += s[i + half];
    }
    if (i == 0) out[blockIdx.x] = s[0];
}
