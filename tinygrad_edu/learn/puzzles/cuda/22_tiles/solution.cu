__global__ void tiles(float* c, const float* a, const float* b, int m, int n, int k) {
    __shared__ float as[16][16], bs[16][16];
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * 16 + x, row = blockIdx.y * 16 + y;
    float sum = 0;
    for (int j = 0; j < k; j += 16) {
        as[y][x] = row < m && j + x < k ? a[row * k + j + x] : 0;
        bs[y][x] = j + y < k && col < n ? b[(j + y) * n + col] : 0;
        __syncthreads();
        for (int i = 0; i < 16; ++i) sum += as[y][i] * bs[i][x];
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = sum;
}
