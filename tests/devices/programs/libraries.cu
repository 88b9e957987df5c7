// cuBLAS, cuRAND and the helpers of NVIDIA's samples in one program.
#include <cublas_v2.h>
#include <curand.h>
#include <curand_kernel.h>
#include <helper_cuda.h>
#include <helper_functions.h>

__global__ void draw(float* to, unsigned* bits, unsigned long long seed) {
    curandStatePhilox4_32_10_t state;
    curand_init(seed, threadIdx.x, 0, &state);
    bits[threadIdx.x] = curand(&state);
    to[threadIdx.x] = curand_uniform(&state);
}

int main(int argc, char** argv) {
    findCudaDevice(argc, (const char**)argv);
    int n = checkCmdLineFlag(argc, (const char**)argv, "n") ? getCmdLineArgumentInt(argc, (const char**)argv, "n") : 3;
    StopWatchInterface* timer = nullptr;
    sdkCreateTimer(&timer);
    sdkStartTimer(&timer);
    std::vector<float> a(n * n), b(n * n), c(n * n);
    for (int i = 0; i < n * n; ++i) a[i] = i, b[i] = i % 3;
    float *da, *db, *dc, alpha = 2, beta = 0, dot = 0, norm = 0;
    checkCudaErrors(cudaMalloc(&da, n * n * 4));
    checkCudaErrors(cudaMalloc(&db, n * n * 4));
    checkCudaErrors(cudaMalloc(&dc, n * n * 4));
    cublasHandle_t handle;
    checkCudaErrors(cublasCreate(&handle));
    checkCudaErrors(cublasSetMatrix(n, n, 4, a.data(), n, da, n));
    checkCudaErrors(cublasSetVector(n * n, 4, b.data(), 1, db, 1));
    checkCudaErrors(cublasSgemm(handle, CUBLAS_OP_T, CUBLAS_OP_N, n, n, n, &alpha, da, n, db, n, &beta, dc, n));
    checkCudaErrors(cublasSdot(handle, n * n, da, 1, db, 1, &dot));
    checkCudaErrors(cublasSnrm2(handle, n * n, da, 1, &norm));
    checkCudaErrors(cudaMemcpy(c.data(), dc, n * n * 4, cudaMemcpyDeviceToHost));
    double wrong = 0;
    for (int i = 0; i < n; ++i) for (int j = 0; j < n; ++j) {
        double sum = 0;
        for (int k = 0; k < n; ++k) sum += 2.0 * a[k + i * n] * b[k + j * n];
        wrong = fmax(wrong, fabs(c[i + j * n] - sum) / (1 + fabs(sum)));
    }
    printf("gemm %s dot %g norm %.4f\n", wrong < 1e-5 ? "right" : "wrong", dot, norm);
    unsigned *bits, h[2];
    checkCudaErrors(cudaMallocManaged(&bits, 64 * 4));
    float* uniform;
    checkCudaErrors(cudaMallocManaged(&uniform, 1024 * 4));
    draw<<<1, 64>>>(uniform, bits, 0);
    getLastCudaError("draw failed");
    checkCudaErrors(cudaDeviceSynchronize());
    printf("philox %08x\n", bits[0]);
    curandGenerator_t generator;
    curandCreateGenerator(&generator, CURAND_RNG_PSEUDO_DEFAULT);
    curandSetPseudoRandomGeneratorSeed(generator, 1234ULL);
    curandGenerateNormal(generator, uniform, 1024, 5.0f, 2.0f);
    double mean = 0;
    for (int i = 0; i < 1024; ++i) mean += uniform[i] / 1024;
    printf("normal %s\n", fabs(mean - 5) < 0.25 ? "right" : "wrong");
    sdkStopTimer(&timer);
    printf("time %s\n", sdkGetTimerValue(&timer) > 0 ? "right" : "wrong");
    printf("gemm without memory %d\n", cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_N, n, n, n, &alpha, a.data(), n, db, n, &beta, dc, n) != CUBLAS_STATUS_SUCCESS);
    checkCudaErrors(cudaMalloc(&da, (size_t)1 << 50));
    return 0;
}
