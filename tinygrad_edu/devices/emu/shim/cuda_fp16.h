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
// by way of a plain float: `float` may be a type that counts
inline unsigned short pack_half(float v) { return unbits<unsigned short>(bits((Float16)(raw)v)); }
inline float unpack_half(unsigned short b) { return (raw)unbits<Float16>(b); }
}  // namespace emu

EMU_NARROW(__half, __half2, emu::pack_half, emu::unpack_half)
EMU_NARROW_NAMES(__half, __half2, half, half2)
typedef __half half;
typedef __half2 half2;
typedef __half nv_half;
typedef __half2 nv_half2;
struct __half_raw { unsigned short x; };
inline __half2 __halves2half2(__half x, __half y) { return {x, y}; }
inline __half2 make_half2(__half x, __half y) { return {x, y}; }
inline __half __low2half(__half2 v) { return v.x; }
inline __half __high2half(__half2 v) { return v.y; }
inline __half2 __low2half2(__half2 v) { return {v.x, v.x}; }
inline __half2 __high2half2(__half2 v) { return {v.y, v.y}; }
inline __half2 __lows2half2(__half2 a, __half2 b) { return {a.x, b.x}; }
inline __half2 __highs2half2(__half2 a, __half2 b) { return {a.y, b.y}; }
inline __half2 __lowhigh2highlow(__half2 v) { return {v.y, v.x}; }
#define CUDART_INF_FP16 __ushort_as_half((unsigned short)0x7C00)
#define CUDART_NAN_FP16 __ushort_as_half((unsigned short)0x7FFF)
#define CUDART_MAX_NORMAL_FP16 __ushort_as_half((unsigned short)0x7BFF)
#define CUDART_MIN_DENORM_FP16 __ushort_as_half((unsigned short)0x0001)
#define CUDART_ONE_FP16 __ushort_as_half((unsigned short)0x3C00)
#define CUDART_ZERO_FP16 __ushort_as_half((unsigned short)0x0000)
