// CUDA's runtime API for programs on the emulator. Streams run at once and in order; program.cpp has the memory and the launches.
#pragma once
#include "driver_types.h"
#include "emu_launch.h"
#include "texture_types.h"

#define CUDART_VERSION 12060
#define CUDART_CB

cudaError_t cudaMalloc(void** p, size_t bytes);
cudaError_t cudaMallocManaged(void** p, size_t bytes, unsigned flags = cudaMemAttachGlobal);
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned flags);
cudaError_t cudaFree(void* p);
cudaError_t cudaFreeHost(void* p);
cudaError_t cudaHostRegister(void* p, size_t bytes, unsigned flags);
cudaError_t cudaHostUnregister(void* p);
cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind);
cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height, cudaMemcpyKind kind);
cudaError_t cudaMemset(void* p, int value, size_t bytes);
cudaError_t cudaMemset2D(void* p, size_t pitch, int value, size_t width, size_t height);
cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height);
cudaError_t cudaMemGetInfo(size_t* free, size_t* total);
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* to, const void* p);
cudaError_t cudaGetLastError();
cudaError_t cudaPeekAtLastError();
const char* cudaGetErrorName(cudaError_t error);
const char* cudaGetErrorString(cudaError_t error);
cudaError_t cudaDeviceSynchronize();
cudaError_t cudaDeviceReset();
cudaError_t cudaGetDeviceCount(int* count);
cudaError_t cudaGetDevice(int* device);
cudaError_t cudaSetDevice(int device);
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int device);
cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr attribute, int device);
cudaError_t cudaEventCreate(cudaEvent_t* e);
cudaError_t cudaEventDestroy(cudaEvent_t e);
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t stream = nullptr);
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to);
cudaError_t cudaStreamCreate(cudaStream_t* s);
cudaError_t cudaStreamDestroy(cudaStream_t s);

namespace emu {
cudaError_t allow_shared(const void* kernel, int bytes);     // above 48 KB
cudaError_t set_error(cudaError_t error);
cudaError_t copy_symbol(void* to, const void* from, size_t bytes, size_t room, size_t offset, bool into);
int blocks_per_multiprocessor(int threads, size_t dynamic);
}  // namespace emu

// Everything is done when a call returns: synchronizing finds nothing to wait for.
inline cudaError_t cudaThreadSynchronize() { return cudaDeviceSynchronize(); }
inline cudaError_t cudaStreamSynchronize(cudaStream_t) { return cudaDeviceSynchronize(); }
inline cudaError_t cudaStreamQuery(cudaStream_t) { return cudaPeekAtLastError(); }
inline cudaError_t cudaStreamWaitEvent(cudaStream_t, cudaEvent_t, unsigned = 0) { return cudaSuccess; }
inline cudaError_t cudaStreamCreateWithFlags(cudaStream_t* s, unsigned) { return cudaStreamCreate(s); }
inline cudaError_t cudaStreamCreateWithPriority(cudaStream_t* s, unsigned, int) { return cudaStreamCreate(s); }
inline cudaError_t cudaStreamAddCallback(cudaStream_t s, cudaStreamCallback_t call, void* data, unsigned) { call(s, cudaSuccess, data); return cudaSuccess; }
inline cudaError_t cudaLaunchHostFunc(cudaStream_t, cudaHostFn_t call, void* data) { call(data); return cudaSuccess; }
inline cudaError_t cudaDeviceGetStreamPriorityRange(int* least, int* greatest) { *least = *greatest = 0; return cudaSuccess; }
inline cudaError_t cudaEventCreateWithFlags(cudaEvent_t* e, unsigned) { return cudaEventCreate(e); }
inline cudaError_t cudaEventSynchronize(cudaEvent_t) { return cudaDeviceSynchronize(); }
inline cudaError_t cudaEventQuery(cudaEvent_t) { return cudaPeekAtLastError(); }
inline cudaError_t cudaMemcpyAsync(void* to, const void* from, size_t bytes, cudaMemcpyKind kind, cudaStream_t = nullptr) { return cudaMemcpy(to, from, bytes, kind); }
inline cudaError_t cudaMemcpy2DAsync(void* to, size_t tp, const void* from, size_t fp, size_t w, size_t h, cudaMemcpyKind kind, cudaStream_t = nullptr) { return cudaMemcpy2D(to, tp, from, fp, w, h, kind); }
inline cudaError_t cudaMemsetAsync(void* p, int value, size_t bytes, cudaStream_t = nullptr) { return cudaMemset(p, value, bytes); }
inline cudaError_t cudaMemcpyPeer(void* to, int, const void* from, int, size_t bytes) { return cudaMemcpy(to, from, bytes, cudaMemcpyDeviceToDevice); }
inline cudaError_t cudaMallocAsync(void** p, size_t bytes, cudaStream_t) { return cudaMalloc(p, bytes); }
inline cudaError_t cudaFreeAsync(void* p, cudaStream_t) { return cudaFree(p); }
inline cudaError_t cudaMemPrefetchAsync(const void*, size_t, int, cudaStream_t = nullptr) { return cudaSuccess; }
inline cudaError_t cudaMemPrefetchAsync(const void*, size_t, cudaMemLocation, unsigned, cudaStream_t = nullptr) { return cudaSuccess; }
inline cudaError_t cudaMemAdvise(const void*, size_t, cudaMemoryAdvise, int) { return cudaSuccess; }
inline cudaError_t cudaMemAdvise(const void*, size_t, cudaMemoryAdvise, cudaMemLocation) { return cudaSuccess; }
inline cudaError_t cudaStreamAttachMemAsync(cudaStream_t, void*, size_t = 0, unsigned = 0) { return cudaSuccess; }
inline cudaError_t cudaHostGetDevicePointer(void** device, void* host, unsigned) { *device = host; return cudaSuccess; }
inline cudaError_t cudaSetDeviceFlags(unsigned) { return cudaSuccess; }
inline cudaError_t cudaThreadExit() { return cudaDeviceReset(); }
inline cudaError_t cudaDeviceSetLimit(cudaLimit, size_t) { return cudaSuccess; }
inline cudaError_t cudaDeviceGetLimit(size_t* to, cudaLimit) { *to = 64 << 10; return cudaSuccess; }
inline cudaError_t cudaDeviceSetCacheConfig(cudaFuncCache) { return cudaSuccess; }
inline cudaError_t cudaDeviceSetSharedMemConfig(cudaSharedMemConfig) { return cudaSuccess; }
inline cudaError_t cudaDeviceCanAccessPeer(int* can, int, int) { *can = 0; return cudaSuccess; }
inline cudaError_t cudaDriverGetVersion(int* v) { *v = CUDART_VERSION; return cudaSuccess; }
inline cudaError_t cudaRuntimeGetVersion(int* v) { *v = CUDART_VERSION; return cudaSuccess; }
inline cudaError_t cudaProfilerStart() { return cudaSuccess; }
inline cudaError_t cudaProfilerStop() { return cudaSuccess; }
inline cudaError_t cudaMallocHost(void** p, size_t bytes, unsigned flags = 0) { return cudaHostAlloc(p, bytes, flags); }

template <class T> inline cudaError_t cudaMalloc(T** p, size_t bytes) { return cudaMalloc((void**)(void*)p, bytes); }
template <class T> inline cudaError_t cudaMallocManaged(T** p, size_t bytes, unsigned flags = cudaMemAttachGlobal) { return cudaMallocManaged((void**)(void*)p, bytes, flags); }
template <class T> inline cudaError_t cudaHostAlloc(T** p, size_t bytes, unsigned flags) { return cudaHostAlloc((void**)(void*)p, bytes, flags); }
template <class T> inline cudaError_t cudaMallocHost(T** p, size_t bytes, unsigned flags = 0) { return cudaHostAlloc((void**)(void*)p, bytes, flags); }
template <class T> inline cudaError_t cudaMallocAsync(T** p, size_t bytes, cudaStream_t) { return cudaMalloc((void**)(void*)p, bytes); }
template <class T> inline cudaError_t cudaMallocPitch(T** p, size_t* pitch, size_t w, size_t h) { return cudaMallocPitch((void**)(void*)p, pitch, w, h); }
template <class T> inline cudaError_t cudaHostGetDevicePointer(T** p, void* host, unsigned flags) { return cudaHostGetDevicePointer((void**)(void*)p, host, flags); }

template <class T> inline cudaError_t cudaMemcpyToSymbol(T& symbol, const void* from, size_t bytes, size_t offset = 0, cudaMemcpyKind = cudaMemcpyHostToDevice) { return emu::copy_symbol((void*)&symbol, from, bytes, sizeof symbol, offset, true); }
template <class T> inline cudaError_t cudaMemcpyFromSymbol(void* to, const T& symbol, size_t bytes, size_t offset = 0, cudaMemcpyKind = cudaMemcpyDeviceToHost) { return emu::copy_symbol(to, &symbol, bytes, sizeof symbol, offset, false); }
template <class T> inline cudaError_t cudaMemcpyToSymbolAsync(T& symbol, const void* from, size_t bytes, size_t offset = 0, cudaMemcpyKind kind = cudaMemcpyHostToDevice, cudaStream_t = nullptr) { return cudaMemcpyToSymbol(symbol, from, bytes, offset, kind); }
template <class T> inline cudaError_t cudaMemcpyFromSymbolAsync(void* to, const T& symbol, size_t bytes, size_t offset = 0, cudaMemcpyKind kind = cudaMemcpyDeviceToHost, cudaStream_t = nullptr) { return cudaMemcpyFromSymbol(to, symbol, bytes, offset, kind); }
template <class T, class S> inline cudaError_t cudaGetSymbolAddress(T** p, S& symbol) { *(const void**)p = &symbol; return cudaSuccess; }
template <class S> inline cudaError_t cudaGetSymbolSize(size_t* bytes, S& symbol) { *bytes = sizeof symbol; return cudaSuccess; }

template <class... P> inline cudaError_t cudaFuncSetAttribute(void (*kernel)(P...), cudaFuncAttribute what, int value) { return what == cudaFuncAttributeMaxDynamicSharedMemorySize ? emu::allow_shared((const void*)kernel, value) : cudaSuccess; }
template <class... P> inline cudaError_t cudaFuncSetCacheConfig(void (*)(P...), cudaFuncCache) { return cudaSuccess; }
template <class... P> inline cudaError_t cudaFuncSetSharedMemConfig(void (*)(P...), cudaSharedMemConfig) { return cudaSuccess; }
template <class... P> inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* to, void (*)(P...)) { *to = {0, 0, 0, 1024, 32, 80, 80, 0, 48 << 10, -1}; return cudaSuccess; }
template <class... P> inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, void (*)(P...), int threads, size_t dynamic) { *blocks = emu::blocks_per_multiprocessor(threads, dynamic); return cudaSuccess; }
template <class... P> inline cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, void (*)(P...), size_t dynamic = 0, int most = 0) {
    *block = most >= 32 && most < 1024 ? most / 32 * 32 : 1024;
    cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    *grid = p.multiProcessorCount * emu::blocks_per_multiprocessor(*block, dynamic);
    return cudaSuccess;
}
template <class F, class... P> inline cudaError_t cudaOccupancyMaxPotentialBlockSizeVariableSMem(int* grid, int* block, void (*kernel)(P...), F bytes, int most = 0) {
    cudaOccupancyMaxPotentialBlockSize(grid, block, kernel, 0, most);
    return cudaOccupancyMaxPotentialBlockSize(grid, block, kernel, bytes(*block), most);
}
template <class... P> inline cudaError_t cudaLaunchKernel(void (*kernel)(P...), dim3 grid, dim3 block, void** arguments, size_t shared = 0, cudaStream_t = nullptr) {
    void* all[sizeof...(P) + 1] = {(void*)kernel};
    emu::Pointer pointers[sizeof...(P) + 1], *to = pointers;
    int i = 0;
    ((all[i + 1] = arguments[i], emu::note_pointer(to, *(std::remove_cv_t<P>*)arguments[i]), ++i), ...);
    emu::run_launch("a kernel", 0, {grid, block, shared}, emu::enter_kernel<P...>, all, (const void*)kernel, pointers, (int)sizeof...(P));
    return cudaPeekAtLastError();
}
template <class... P> inline cudaError_t cudaLaunchCooperativeKernel(void (*kernel)(P...), dim3 grid, dim3 block, void** arguments, size_t shared = 0, cudaStream_t = nullptr) {
    void* all[sizeof...(P) + 1] = {(void*)kernel};
    emu::Pointer pointers[sizeof...(P) + 1], *to = pointers;
    int i = 0;
    ((all[i + 1] = arguments[i], emu::note_pointer(to, *(std::remove_cv_t<P>*)arguments[i]), ++i), ...);
    emu::run_launch("a cooperative kernel", 0, {grid, block, shared}, emu::enter_kernel<P...>, all, (const void*)kernel, pointers, (int)sizeof...(P), true);
    return cudaPeekAtLastError();
}

// The same for a kernel that is known by its address alone.
inline cudaError_t cudaFuncSetAttribute(const void* kernel, cudaFuncAttribute what, int value) { return what == cudaFuncAttributeMaxDynamicSharedMemorySize ? emu::allow_shared(kernel, value) : cudaSuccess; }
inline cudaError_t cudaFuncSetCacheConfig(const void*, cudaFuncCache) { return cudaSuccess; }
inline cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* to, const void*) { *to = {0, 0, 0, 1024, 32, 80, 80, 0, 48 << 10, -1}; return cudaSuccess; }
inline cudaError_t cudaOccupancyMaxActiveBlocksPerMultiprocessor(int* blocks, const void*, int threads, size_t dynamic) { *blocks = emu::blocks_per_multiprocessor(threads, dynamic); return cudaSuccess; }
inline cudaError_t cudaOccupancyMaxPotentialBlockSize(int* grid, int* block, const void*, size_t dynamic = 0, int most = 0) {
    return cudaOccupancyMaxPotentialBlockSize(grid, block, (void (*)())nullptr, dynamic, most);
}
