#include <stdio.h>
#include <vector>
#include <iostream>
#include <algorithm>
#include "check.cuh"
__constant__ float w[3];
__device__ int counter;
template <int BM> __global__ void scale(float* y, const float* x, float by, int n) {
    __shared__ float s[BM];
    extern __shared__ float dyn[];
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) { s[threadIdx.x] = x[i]; atomicAdd(&counter, 1); }
    __syncthreads();
    if (i < n) y[i] = s[threadIdx.x] * by + w[0];
    if (i == 0) printf("hello from %d\n", i);
}
template <typename T> __global__ void fill(T* y, T v, int n) { int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = v; }
int main(int argc, char** argv) {
    int n = argc > 1 ? atoi(argv[1]) : 100;
    float *x, *y, *h = new float[n];
    for (int i = 0; i < n; ++i) h[i] = i;
    CHECK(cudaMalloc(&x, n * sizeof(float)));
    CHECK(cudaMalloc((void**)&y, n * sizeof(float)));
    CHECK(cudaMemcpy(x, h, n * sizeof(float), cudaMemcpyHostToDevice));
    float ww[3] = {1, 2, 3};
    CHECK(cudaMemcpyToSymbol(w, ww, sizeof ww));
    cudaEvent_t a, b; cudaEventCreate(&a); cudaEventCreate(&b); cudaEventRecord(a);
    scale<64><<<(n + 63) / 64, 64, 256>>>(y, x, 2, n);
    cudaEventRecord(b); cudaEventSynchronize(b); float ms; cudaEventElapsedTime(&ms, a, b);
    CHECK(cudaGetLastError());
    CHECK(cudaMemcpy(h, y, n * sizeof(float), cudaMemcpyDeviceToHost));
    int c; cudaMemcpyFromSymbol(&c, counter, sizeof c);
    std::cout << h[0] << " " << h[n - 1] << " " << c << std::endl;
    fill<<<dim3(2), dim3(64)>>>(y, 3.0f, n);
    cudaMemcpy(h, y, n * 4, cudaMemcpyDeviceToHost);
    std::cout << h[5] << "\n";
    if (argc > 2) {
        switch (argv[2][0]) {
        case 'h': printf("%f\n", y[0]); break;
        case 'o': fill<<<100, 64>>>(y, 1.f, n + 10); break;
        case 'f': fill<<<100, 64>>>(y, 1.f, n + 100000); printf("%s\n", cudaGetErrorString(cudaDeviceSynchronize())); break;
        case 'p': fill<<<1, 64>>>(h, 1.f, n); printf("%s\n", cudaGetErrorString(cudaGetLastError())); break;
        case 't': fill<<<1, 2048>>>(y, 1.f, n); printf("%s\n", cudaGetErrorString(cudaGetLastError())); break;
        case 'm': cudaMemcpy(x, h, n * 4, cudaMemcpyDeviceToHost); break;
        }
    }
    cudaFree(x); cudaFree(y);
    return 3;
}
