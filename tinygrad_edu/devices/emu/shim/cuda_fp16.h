// half for a host compiler: one sign bit, 5 of exponent, 10 of fraction. Kernels include it as <cuda_fp16.h>.
#pragma once
#include "cuda_emu.h"
#include "emu_narrow.h"

namespace emu {
#if defined(__aarch64__)
typedef __fp16 Float16;
#else
typedef _Float16 Float16;
#endif
inline unsigned short pack_half(float v) { return unbits<unsigned short>(bits((Float16)v)); }
inline float unpack_half(unsigned short b) { return (float)unbits<Float16>(b); }
}  // namespace emu

EMU_NARROW(__half, __half2, emu::pack_half, emu::unpack_half)
typedef __half half;
typedef __half2 half2;
inline __half __float2half(float v) { return v; }
inline __half __float2half_rn(float v) { return v; }
inline float __half2float(__half v) { return v; }
inline __half2 __float2half2_rn(float v) { return {v, v}; }
inline __half2 __floats2half2_rn(float x, float y) { return {x, y}; }
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline __half2 __half2half2(__half v) { return {v, v}; }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline float2 __half22float2(__half2 v) { return {v.x, v.y}; }
inline unsigned short __half_as_ushort(__half v) { return v.bits; }
inline __half __ushort_as_half(unsigned short b) { __half v; v.bits = b; return v; }
