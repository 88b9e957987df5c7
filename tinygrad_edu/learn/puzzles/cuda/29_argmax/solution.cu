__global__ void argmax(int* out, const float* x, int n) {
    __shared__ float best[64];
    __shared__ int where[64];
    int i = threadIdx.x;
    const float* row = x + blockIdx.x * n;
    float most = -INFINITY;
    int at = 0;
    for (int j = i; j < n; j += 64)
        if (row[j] > most) most = row[j], at = j;
    best[i] = most, where[i] = at;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (i < half && best[i + half] > best[i]) best[i] = best[i + half], where[i] = where[i + half];
    }
    if (i == 0) out[blockIdx.x] = where[0];
}
