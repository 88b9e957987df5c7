__global__ void scatter(float* out, const float* gradient, const int* index, int n, int width) {
    int row = index[blockIdx.x];
    for (int j = threadIdx.x; j < width; j += blockDim.x) atomicAdd(&out[row * width + j], gradient[blockIdx.x * width + j]);
}
