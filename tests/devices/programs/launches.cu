// Forms of published programs: kernels by address, functions as template arguments, packed loads, shared memory in a class.
#include <cstdio>
#include <cublasLt.h>
#include <cuda_bf16.h>
#include <helper_cuda.h>

template <class T> struct Shared {
    __device__ T* pointer() { return nullptr; }
};
template <> struct Shared<int> {
    __device__ int* pointer() {
        extern __shared__ int of_ints[];
        return of_ints;
    }
};
template <class T> __global__ void scaled(T* out, const T* in) {
    T* s = Shared<T>().pointer();
    s[threadIdx.x] = in[threadIdx.x];
    __syncthreads();
    out[threadIdx.x] = (T)blockDim.x * s[blockDim.x - 1 - threadIdx.x];
}

using Combine = float (*)(float);
__device__ float warp_sum(float v) {
    for (int d = 16; d > 0; d /= 2) v += __shfl_xor_sync(0xFFFFFFFF, v, d);
    return v;
}
template <Combine combine> __device__ float of_block(float v, bool again = false) {
    __shared__ float warps[32];
    v = combine(v);
    if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = v;
    __syncthreads();
    v = combine(threadIdx.x % 32 < blockDim.x / 32 ? warps[threadIdx.x % 32] : 0.0f);
    if (again) __syncthreads();
    return v;
}
template <class E> struct alignas(16) Packed {
    static constexpr int size = sizeof(int4) / sizeof(E);
    E values[size];
    Packed() = default;
    __device__ explicit Packed(int4 bits) { memcpy(&values, &bits, sizeof bits); }
};
__global__ void sum(float* out, const __nv_bfloat16* x) {
    Packed<__nv_bfloat16> p{__ldcs((const int4*)x + threadIdx.x)};
    float v = 0;
    for (int k = 0; k < p.size; ++k) v += (float)p.values[k];
    v = of_block<warp_sum>(v);
    if (threadIdx.x == 0) *out = v;
}
template <class F, class... A> void repeat(int n, F f, A&&... a) {
    for (int i = 0; i < n; ++i) f(std::forward<A>(a)...);
}
void start(float* out, const __nv_bfloat16* x, int threads) {
    dim3 gridDim(1), blockDim(threads);
    sum<<<gridDim, blockDim>>>(out, x);
    getLastCudaError("sum");
}
static int blocks_of(void* kernel) {
    int blocks;
    checkCudaErrors(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, 256, 0));
    return blocks;
}

int main() {
    int *i, h[4] = {1, 2, 3, 4}, grid, block;
    checkCudaErrors(cudaMalloc((void**)&i, sizeof h));
    checkCudaErrors(cudaMemcpy(i, h, sizeof h, cudaMemcpyHostToDevice));
    scaled<int><<<dim3(1, 1, 1), dim3(4), sizeof h>>>(i, i);
    checkCudaErrors(cudaMemcpy(h, i, sizeof h, cudaMemcpyDeviceToHost));
    __nv_bfloat16* x;
    float* out;
    checkCudaErrors(cudaMallocManaged(&x, 1024 * sizeof *x));
    checkCudaErrors(cudaMallocManaged(&out, 4));
    for (int k = 0; k < 1024; ++k) x[k] = (__nv_bfloat16)(k % 4);
    repeat(2, start, out, x, 128);
    checkCudaErrors(cudaOccupancyMaxPotentialBlockSize(&grid, &block, (void*)sum, (size_t)0, 1000));
    printf("%d %d %g %d %d\n", h[0], h[3], *out, blocks_of((void*)sum), block % 32);

    float a[6] = {1, 2, 3, 4, 5, 6}, b[4] = {1, 0, 0, -1}, c[6], bias[3] = {0, 10, 0}, one = 1, zero = 0, *d;
    checkCudaErrors(cudaMallocManaged(&d, 19 * 4));
    memcpy(d, a, sizeof a), memcpy(d + 6, b, sizeof b), memcpy(d + 10, bias, sizeof bias);
    cublasLtHandle_t lt;
    cublasLtMatmulDesc_t desc;
    cublasLtMatrixLayout_t la, lb, lc;
    cublasLtCreate(&lt);
    cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F);
    cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_RELU_BIAS;
    float* at = d + 10;
    cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue);
    cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &at, sizeof at);
    cublasLtMatrixLayoutCreate(&la, CUDA_R_32F, 3, 2, 3);
    cublasLtMatrixLayoutCreate(&lb, CUDA_R_32F, 2, 2, 2);
    cublasLtMatrixLayoutCreate(&lc, CUDA_R_32F, 3, 2, 3);
    checkCudaErrors(cublasLtMatmul(lt, desc, &one, d, la, d + 6, lb, &zero, d + 13, lc, d + 13, lc, nullptr, nullptr, 0, 0));
    checkCudaErrors(cudaMemcpy(c, d + 13, sizeof c, cudaMemcpyDefault));
    for (float v : c) printf("%g ", v);
    printf("\n");
}
