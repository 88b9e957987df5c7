__device__ float block_sum(float v, float* s) {
    s[threadIdx.x] = v;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) s[threadIdx.x] += s[threadIdx.x + half];
    }
    __syncthreads();
    v = s[0];
    __syncthreads();
    return v;
}

__global__ void layernorm(float* out, const float* x, const float* w, const float* b, int n) {
    __shared__ float s[64];
    const float* row = x + blockIdx.x * n;
    float sum = 0, squares = 0;
    for (int j = threadIdx.x; j < n; j += 64) sum += row[j];
    float mean = block_sum(sum, s) / n;
    for (int j = threadIdx.x; j < n; j += 64) squares += (row[j] - mean) * (row[j] - mean);
    float scale = rsqrtf(block_sum(squares, s) / n + 1e-5f);
    for (int j = threadIdx.x; j < n; j += 64) out[blockIdx.x * n + j] = (row[j] - mean) * scale * w[j] + b[j];
}
