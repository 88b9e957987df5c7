__device__ float block_max(float v, float* s) {
    s[threadIdx.x] = v;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (threadIdx.x < half) s[threadIdx.x] = fmaxf(s[threadIdx.x], s[threadIdx.x + half]);
    }
    __syncthreads();
    v = s[0];
    __syncthreads();
    return v;
}

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

__global__ void softmax(float* out, const float* x, int n) {
    __shared__ float s[64];
    const float* row = x + blockIdx.x * n;
    float most = -INFINITY, sum = 0;
    for (int j = threadIdx.x; j < n; j += 64) most = fmaxf(most, row[j]);
    most = block_max(most, s);
    for (int j = threadIdx.x; j < n; j += 64) sum += expf(row[j] - most);
    sum = block_sum(sum, s);
    for (int j = threadIdx.x; j < n; j += 64) out[blockIdx.x * n + j] = expf(row[j] - most) / sum;
}
