// bfloat16 for a host compiler: the upper half of a float, rounded to the nearest, ties to even. Kernels include it as <cuda_bf16.h>.
#pragma once
#include "cuda_emu.h"
#include "emu_narrow.h"

namespace emu {
inline unsigned short pack_bfloat16(float v) {
    unsigned b = unbits<unsigned>(bits(v));
    return v != v ? 0x7fff : (b + 0x7fff + (b >> 16 & 1)) >> 16;
}
inline float unpack_bfloat16(unsigned short b) { return unbits<float>((uint64_t)b << 16); }
}  // namespace emu

EMU_NARROW(__nv_bfloat16, __nv_bfloat162, emu::pack_bfloat16, emu::unpack_bfloat16)
inline __nv_bfloat16 __float2bfloat16(float v) { return v; }
inline __nv_bfloat16 __float2bfloat16_rn(float v) { return v; }
inline float __bfloat162float(__nv_bfloat16 v) { return v; }
inline __nv_bfloat162 __float2bfloat162_rn(float v) { return {v, v}; }
inline __nv_bfloat162 __floats2bfloat162_rn(float x, float y) { return {x, y}; }
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline __nv_bfloat162 __bfloat162bfloat162(__nv_bfloat16 v) { return {v, v}; }
inline float2 __bfloat1622float2(__nv_bfloat162 v) { return {v.x, v.y}; }
inline unsigned short __bfloat16_as_ushort(__nv_bfloat16 v) { return v.bits; }
inline __nv_bfloat16 __ushort_as_bfloat16(unsigned short b) { __nv_bfloat16 v; v.bits = b; return v; }
