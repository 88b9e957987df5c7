// What NVIDIA's samples take from their helper_cuda.h: errors that end the program, and the choice of a device.
#pragma once
#include "cuda_runtime.h"
#include "helper_string.h"
#include <cstdio>
#include <cstdlib>

#ifndef EXIT_WAIVED
#define EXIT_WAIVED 2
#endif
#ifndef MAX
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#endif
#ifndef MIN
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#endif

namespace emu {
template <class E> inline const char* error_name(E error) {
    if constexpr (std::is_same_v<E, cudaError_t>) return cudaGetErrorName(error);
    else return "a library's error";
}
template <class E> inline void check(E error, const char* call, const char* file, int line) {
    if (!(unsigned)error) return;
    fflush(stdout);
    fprintf(stderr, "CUDA error at %s:%d code=%u(%s) \"%s\" \n", file, line, (unsigned)error, error_name(error), call);
    exit(EXIT_FAILURE);
}
inline void check_last(const char* message, const char* file, int line, bool end) {
    cudaError_t error = cudaGetLastError();
    if (error == cudaSuccess) return;
    fflush(stdout);
    fprintf(stderr, "%s(%d) : %s : (%d) %s.\n", file, line, message, (int)error, cudaGetErrorString(error));
    if (end) exit(EXIT_FAILURE);
}
}  // namespace emu
#define checkCudaErrors(value) emu::check((value), #value, __FILE__, __LINE__)
#define getLastCudaError(message) emu::check_last(message, __FILE__, __LINE__, true)
#define printLastCudaError(message) emu::check_last(message, __FILE__, __LINE__, false)

inline const char* _cudaGetErrorEnum(cudaError_t error) { return cudaGetErrorName(error); }
inline int ftoi(float value) { return (int)(value >= 0 ? value + 0.5f : value - 0.5f); }
inline int _ConvertSMVer2Cores(int major, int) { return major < 8 ? 64 : 128; }
inline const char* _ConvertSMVer2ArchName(int, int) { return "Emulator"; }
inline int gpuDeviceInit(int device) { cudaSetDevice(device); return 0; }
inline int gpuGetMaxGflopsDeviceId() { return 0; }
inline int findIntegratedGPU() { return 0; }
inline int findCudaDevice(int, const char**) {
    cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    printf("GPU Device 0: \"%s\" with compute capability %d.%d\n\n", p.name, p.major, p.minor);
    return 0;
}
inline bool checkCudaCapabilities(int major, int minor) {
    cudaDeviceProp p;
    cudaGetDeviceProperties(&p, 0);
    return p.major > major || (p.major == major && p.minor >= minor);
}
