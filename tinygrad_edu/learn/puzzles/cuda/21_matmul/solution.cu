__global__ void matmul(float* c, const float* a, const float* b, int m, int n, int k) {
    int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= m || col >= n) return;
    float sum = 0;
    for (int j = 0; j < k; ++j) sum += a[row * k + j] * b[j * n + col];
    c[row * n + col] = sum;
}
