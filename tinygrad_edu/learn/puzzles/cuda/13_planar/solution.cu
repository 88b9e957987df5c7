__global__ void planar(float* out, const float* x, int n) {
    extern __shared__ float s[];
    int first = blockIdx.x * 128, count = min(128, n - first);
    for (int j = threadIdx.x; j < 3 * count; j += 128) s[j] = x[3 * first + j];
    __syncthreads();
    int t = threadIdx.x;
    if (t < count)
        for (int c = 0; c < 3; ++c) out[c * n + first + t] = s[3 * t + c];
}
