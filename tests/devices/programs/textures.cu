// Reads of textures with filters and addressing, and writes of a surface.
#include <cstdio>
#include <cuda_runtime.h>

__global__ void read(float* to, cudaTextureObject_t t, float x, float y) { to[0] = tex2D<float>(t, x, y); }
__global__ void fetch(float* to, cudaTextureObject_t t, int i) { to[0] = tex1Dfetch<float>(t, i); }
__global__ void write(cudaSurfaceObject_t s) { surf2Dwrite(100.0f + threadIdx.x, s, threadIdx.x * 4, 1); }

int main() {
    float h[6] = {0, 1, 2, 10, 11, 12}, *d;
    cudaMallocManaged(&d, 4);
    cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
    cudaArray_t array;
    cudaMallocArray(&array, &format, 3, 2);
    cudaMemcpy2DToArray(array, 0, 0, h, 12, 12, 2, cudaMemcpyHostToDevice);
    cudaResourceDesc what = {};
    what.resType = cudaResourceTypeArray;
    what.res.array.array = array;
    cudaTextureDesc how = {};
    how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
    cudaTextureObject_t t;
    auto show = [&](float x, float y) {
        cudaCreateTextureObject(&t, &what, &how, nullptr);
        read<<<1, 1>>>(d, t, x, y);
        cudaDeviceSynchronize();
        printf("%g ", d[0]);
        cudaDestroyTextureObject(t);
    };
    show(1.5f, 1.5f), show(-3, 0), show(9, 1);
    how.filterMode = cudaFilterModeLinear;
    show(1.0f, 1.0f), show(1.5f, 0.5f), show(0, 0);
    how.addressMode[0] = cudaAddressModeWrap, how.filterMode = cudaFilterModePoint;
    show(3.5f, 0.5f);
    how.addressMode[0] = cudaAddressModeBorder;
    show(3.5f, 0.5f);
    cudaSurfaceObject_t s;
    cudaCreateSurfaceObject(&s, &what);
    write<<<1, 3>>>(s);
    cudaMemcpy2DFromArray(h, 12, array, 0, 0, 12, 2, cudaMemcpyDeviceToHost);
    printf("%g %g ", h[2], h[5]);
    float* line;
    cudaMalloc(&line, 16);
    float four[4] = {5, 6, 7, 8};
    cudaMemcpy(line, four, 16, cudaMemcpyHostToDevice);
    what = {};
    what.resType = cudaResourceTypeLinear;
    what.res.linear.devPtr = line, what.res.linear.desc = format, what.res.linear.sizeInBytes = 16;
    cudaCreateTextureObject(&t, &what, &how, nullptr);
    fetch<<<1, 1>>>(d, t, 2);
    cudaDeviceSynchronize();
    printf("%g\n", d[0]);
    return cudaFreeArray(array) != cudaSuccess;
}
