__global__ void embedding(float* out, const float* table, const int* index, int n, int width) {
    int row = index[blockIdx.x];
    for (int j = threadIdx.x; j < width; j += blockDim.x) out[blockIdx.x * width + j] = table[row * width + j];
}
