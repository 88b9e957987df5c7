// Numbers of 8 bits: E4M3 (largest 448, no infinity) and E5M2 (as half without its lower 8 bits). Conversions round to the nearest, ties
// to even; too large a number becomes the largest, as CUDA's constructors do (OCP 8-bit Floating Point Specification, 2023).
#pragma once
#include "cuda_emu.h"
#include "cuda_bf16.h"
#include "cuda_fp16.h"

typedef unsigned char __nv_fp8_storage_t;
typedef unsigned short __nv_fp8x2_storage_t;
typedef unsigned __nv_fp8x4_storage_t;
typedef enum { __NV_NOSAT, __NV_SATFINITE } __nv_saturation_t;
typedef enum { __NV_E4M3, __NV_E5M2 } __nv_fp8_interpretation_t;

namespace emu {
inline double unpack_fp8(unsigned char b, __nv_fp8_interpretation_t kind) {
    int fraction = kind == __NV_E4M3 ? 3 : 2, bias = kind == __NV_E4M3 ? 7 : 15, rest = b & 0x7f;
    int exponent = rest >> fraction, low = rest & ((1 << fraction) - 1);
    double sign = b & 0x80 ? -1 : 1;
    if (kind == __NV_E4M3 ? rest == 0x7f : rest > 0x7c) return __builtin_nan("");
    if (kind == __NV_E5M2 && rest == 0x7c) return sign * __builtin_inf();
    return sign * (exponent ? ldexp(1 + (double)low / (1 << fraction), exponent - bias) : ldexp((double)low / (1 << fraction), 1 - bias));
}
inline unsigned char pack_fp8(double v, __nv_saturation_t saturate, __nv_fp8_interpretation_t kind) {
    unsigned char sign = signbit(v) ? 0x80 : 0, most = kind == __NV_E4M3 ? 0x7e : 0x7b, beyond = kind == __NV_E4M3 ? 0x7f : 0x7c;
    if (v != v) return sign | 0x7f;
    int fraction = kind == __NV_E4M3 ? 3 : 2, bias = kind == __NV_E4M3 ? 7 : 15;
    double size = fabs(v);
    if (size == 0) return sign;
    int exponent = size < ldexp(1.0, 1 - bias) ? 1 - bias : ilogb(size);
    double steps = nearbyint(ldexp(size, fraction - exponent));          // to even
    int code = (int)((exponent + bias - 1) << fraction) + (int)(steps > 1e6 ? 1e6 : steps);
    if (code > most) return sign | (saturate == __NV_SATFINITE ? most : beyond);
    return sign | (unsigned char)code;
}
}  // namespace emu
inline __nv_fp8_storage_t __nv_cvt_float_to_fp8(float v, __nv_saturation_t s, __nv_fp8_interpretation_t k) { return emu::pack_fp8((double)v, s, k); }
inline __nv_fp8_storage_t __nv_cvt_double_to_fp8(double v, __nv_saturation_t s, __nv_fp8_interpretation_t k) { return emu::pack_fp8(v, s, k); }
inline __nv_fp8x2_storage_t __nv_cvt_float2_to_fp8x2(float2 v, __nv_saturation_t s, __nv_fp8_interpretation_t k) {
    return __nv_cvt_float_to_fp8(v.x, s, k) | (unsigned short)__nv_cvt_float_to_fp8(v.y, s, k) << 8;
}
inline __half __nv_cvt_fp8_to_half(__nv_fp8_storage_t b, __nv_fp8_interpretation_t k) { return __half((float)emu::unpack_fp8(b, k)); }

#define EMU_FP8(name, pair, four, kind)                                                                                     \
    struct name {                                                                                                          \
        __nv_fp8_storage_t __x;                                                                                            \
        name() = default;                                                                                                  \
        explicit name(float v) : __x(emu::pack_fp8((double)v, __NV_SATFINITE, kind)) {}                                    \
        explicit name(double v) : __x(emu::pack_fp8(v, __NV_SATFINITE, kind)) {}                                           \
        explicit name(__half v) : name((float)v) {}                                                                        \
        explicit name(__nv_bfloat16 v) : name((float)v) {}                                                                 \
        explicit operator float() const { return (float)emu::unpack_fp8(__x, kind); }                                      \
        explicit operator double() const { return emu::unpack_fp8(__x, kind); }                                            \
        explicit operator __half() const { return __half((float)emu::unpack_fp8(__x, kind)); }                             \
        explicit operator __nv_bfloat16() const { return __nv_bfloat16((float)emu::unpack_fp8(__x, kind)); }               \
    };                                                                                                                     \
    struct pair {                                                                                                          \
        __nv_fp8x2_storage_t __x;                                                                                          \
        pair() = default;                                                                                                  \
        explicit pair(float2 v) : __x(__nv_cvt_float2_to_fp8x2(v, __NV_SATFINITE, kind)) {}                                \
        explicit operator float2() const { return {(float)emu::unpack_fp8(__x & 255, kind), (float)emu::unpack_fp8(__x >> 8, kind)}; } \
    };                                                                                                                     \
    struct four {                                                                                                          \
        __nv_fp8x4_storage_t __x;                                                                                          \
        four() = default;                                                                                                  \
        explicit four(float4 v) : __x(__nv_cvt_float2_to_fp8x2({v.x, v.y}, __NV_SATFINITE, kind) | (unsigned)__nv_cvt_float2_to_fp8x2({v.z, v.w}, __NV_SATFINITE, kind) << 16) {} \
        explicit operator float4() const {                                                                                 \
            auto one = [&](int i) { return (float)emu::unpack_fp8(__x >> 8 * i & 255, kind); };                            \
            return {one(0), one(1), one(2), one(3)};                                                                       \
        }                                                                                                                  \
    };
EMU_FP8(__nv_fp8_e4m3, __nv_fp8x2_e4m3, __nv_fp8x4_e4m3, __NV_E4M3)
EMU_FP8(__nv_fp8_e5m2, __nv_fp8x2_e5m2, __nv_fp8x4_e5m2, __NV_E5M2)
