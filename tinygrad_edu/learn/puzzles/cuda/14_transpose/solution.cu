__global__ void transpose(float* out, const float* x, int rows, int cols) {
    __shared__ float tile[32][32];
    int col = blockIdx.x * 32 + threadIdx.x, row = blockIdx.y * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (row + k < rows && col < cols) tile[threadIdx.y + k][threadIdx.x] = x[(row + k) * cols + col];
    __syncthreads();
    int to = blockIdx.y * 32 + threadIdx.x, line = blockIdx.x * 32 + threadIdx.y;
    for (int k = 0; k < 32; k += 8)
        if (line + k < cols && to < rows) out[(line + k) * rows + to] = tile[threadIdx.x][threadIdx.y + k];
}
