__global__ void buffers(float* c, const float* a, const float* b, int m, int n, int k) {
    __shared__ float as[2][16][16], bs[2][16][16];
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * 16 + x, row = blockIdx.y * 16 + y;
    float sum = 0;
    int now = 0;
    as[0][y][x] = row < m && x < k ? a[row * k + x] : 0;
    bs[0][y][x] = y < k && col < n ? b[y * n + col] : 0;
    __syncthreads();
    for (int j = 16; j < k + 16; j += 16, now ^= 1) {
        if (j < k) {
            as[now ^ 1][y][x] = row < m && j + x < k ? a[row * k + j + x] : 0;
            bs[now ^ 1][y][x] = j + y < k && col < n ? b[(j + y) * n + col] : 0;
        }
        for (int i = 0; i < 16; ++i) sum += as[now][y][i] * bs[now][i][x];
        __syncthreads();
    }
    if (row < m && col < n) c[row * n + col] = sum;
}
