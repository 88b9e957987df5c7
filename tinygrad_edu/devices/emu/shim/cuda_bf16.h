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
EMU_NARROW_NAMES(__nv_bfloat16, __nv_bfloat162, bfloat16, bfloat162)
struct __nv_bfloat16_raw { unsigned short x; };
typedef __nv_bfloat16 nv_bfloat16;
typedef __nv_bfloat162 nv_bfloat162;
inline __nv_bfloat162 __halves2bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline __nv_bfloat162 make_bfloat162(__nv_bfloat16 x, __nv_bfloat16 y) { return {x, y}; }
inline __nv_bfloat16 __low2bfloat16(__nv_bfloat162 v) { return v.x; }
inline __nv_bfloat16 __high2bfloat16(__nv_bfloat162 v) { return v.y; }
inline __nv_bfloat162 __low2bfloat162(__nv_bfloat162 v) { return {v.x, v.x}; }
inline __nv_bfloat162 __high2bfloat162(__nv_bfloat162 v) { return {v.y, v.y}; }
inline __nv_bfloat162 __lows2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.x, b.x}; }
inline __nv_bfloat162 __highs2bfloat162(__nv_bfloat162 a, __nv_bfloat162 b) { return {a.y, b.y}; }
#define CUDART_INF_BF16 __ushort_as_bfloat16((unsigned short)0x7F80)
#define CUDART_NAN_BF16 __ushort_as_bfloat16((unsigned short)0x7FFF)
#define CUDART_ONE_BF16 __ushort_as_bfloat16((unsigned short)0x3F80)
#define CUDART_ZERO_BF16 __ushort_as_bfloat16((unsigned short)0x0000)
