__global__ void lanes(float* out, const float* x, int rows) {
    int lane = threadIdx.x, row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    float sum = x[row * 32 + lane];
    for (int d = 1; d < 32; d *= 2) {
        float left = __shfl_up_sync(0xffffffff, sum, d);
        if (lane >= d) sum += left;
    }
    out[row * 32 + lane] = sum;
}
