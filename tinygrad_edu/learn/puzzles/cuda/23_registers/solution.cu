__global__ void registers(float* c, const float* a, const float* b, int m, int n, int k) {
    __shared__ float as[64][16], bs[16][16];
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * 16 + x, first = blockIdx.y * 64;
    float sum[4] = {0, 0, 0, 0};
    for (int j = 0; j < k; j += 16) {
        for (int r = 0; r < 4; ++r) {
            int row = first + y + 16 * r;
            as[y + 16 * r][x] = row < m && j + x < k ? a[row * k + j + x] : 0;
        }
        bs[y][x] = j + y < k && col < n ? b[(j + y) * n + col] : 0;
        __syncthreads();
        for (int i = 0; i < 16; ++i) {
            float v = bs[i][x];
            for (int r = 0; r < 4; ++r) sum[r] += as[y + 16 * r][i] * v;
        }
        __syncthreads();
    }
    for (int r = 0; r < 4; ++r) {
        int row = first + y + 16 * r;
        if (row < m && col < n) c[row * n + col] = sum[r];
    }
}
