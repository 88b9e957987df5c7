// The few names of CUDA's driver API that programs of the runtime API use.
#pragma once
#include "cuda_runtime.h"
#define CUDA_VERSION CUDART_VERSION
typedef int CUdevice;
typedef unsigned long long CUdeviceptr;
typedef enum { CUDA_SUCCESS = 0, CUDA_ERROR_INVALID_VALUE = 1, CUDA_ERROR_NOT_SUPPORTED = 801 } CUresult;
inline CUresult cuInit(unsigned) { return CUDA_SUCCESS; }
inline CUresult cuDeviceGet(CUdevice* device, int number) { *device = number; return number ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS; }
inline CUresult cuDeviceGetCount(int* count) { *count = 1; return CUDA_SUCCESS; }
inline CUresult cuGetErrorString(CUresult error, const char** text) { *text = cudaGetErrorString((cudaError_t)error); return CUDA_SUCCESS; }
inline CUresult cuGetErrorName(CUresult error, const char** text) { *text = cudaGetErrorName((cudaError_t)error); return CUDA_SUCCESS; }
