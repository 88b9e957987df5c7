__global__ void bins(int* out, const int* x, int n) {
    __shared__ int own[16];
    if (threadIdx.x < 16) own[threadIdx.x] = 0;
    __syncthreads();
    int first = blockIdx.x * 512;
    for (int i = first + threadIdx.x; i < n && i < first + 512; i += 128) atomicAdd(&own[x[i]], 1);
    __syncthreads();
    if (threadIdx.x < 16) atomicAdd(&out[threadIdx.x], own[threadIdx.x]);
}
