// What half and bfloat16 have in common: 16 bits, computed as float, rounded after each operation.
#pragma once

namespace emu {
template <class T> inline T larger(T a, T b) { return (float)b != (float)b ? a : (float)a < (float)b || (float)a != (float)a ? b : a; }
template <class T> inline T smaller(T a, T b) { return (float)b != (float)b ? a : (float)b < (float)a || (float)a != (float)a ? b : a; }
template <class T> inline T within_one(T x) { return (float)x >= 0.0f ? ((float)x < 1.0f ? x : T(1.0f)) : T(0.0f); }
template <class T> inline T not_negative(T x) { return (float)x < 0.0f ? T(0.0f) : x; }
}  // namespace emu

#define EMU_NARROW_OPERATOR(T, T2, op)                                                       \
    inline T operator op(T a, T b) { return T((float)a op (float)b); }                       \
    inline T2 operator op(T2 a, T2 b) { return {a.x op b.x, a.y op b.y}; }                   \
    inline T& operator op##=(T& a, T b) { return a = a op b; }                               \
    inline T2& operator op##=(T2& a, T2 b) { return a = a op b; }
#define EMU_NARROW_COMPARE(T, T2, op, name)                                                  \
    inline bool operator op(T a, T b) { return (float)a op (float)b; }                       \
    inline bool __h##name(T a, T b) { return (float)a op (float)b; }                         \
    inline bool __h##name##u(T a, T b) { return (float)a op (float)b || (float)a != (float)a || (float)b != (float)b; } \
    inline T2 __h##name##2(T2 a, T2 b) { return {T(a.x op b.x ? 1.0f : 0.0f), T(a.y op b.y ? 1.0f : 0.0f)}; } \
    inline bool __hb##name##2(T2 a, T2 b) { return a.x op b.x && a.y op b.y; }
#define EMU_NARROW_TWO(T, T2, name, value)                                                   \
    inline T name(T a, T b) { return value; }                                                \
    inline T2 name##2(T2 a, T2 b) { return {name(a.x, b.x), name(a.y, b.y)}; }
#define EMU_NARROW_ONE(T, T2, name, value)                                                   \
    inline T h##name(T a) { return T(value); }                                               \
    inline T2 h2##name(T2 a) { return {h##name(a.x), h##name(a.y)}; }
#define EMU_NARROW_FMA(T, T2, suffix, finish)                                                \
    inline T __hfma##suffix(T a, T b, T c) { return finish(T(fmaf(a, b, c))); }              \
    inline T2 __hfma2##suffix(T2 a, T2 b, T2 c) { return {__hfma##suffix(a.x, b.x, c.x), __hfma##suffix(a.y, b.y, c.y)}; }

#define EMU_NARROW(T, T2, pack, unpack)                                                      \
    struct T {                                                                               \
        unsigned short bits;                                                                 \
        T() = default;                                                                       \
        T(float v) : bits(pack(v)) {}                                                        \
        operator float() const { return unpack(bits); }                                      \
    };                                                                                       \
    struct alignas(4) T2 { T x, y; };                                                        \
    EMU_NARROW_OPERATOR(T, T2, +) EMU_NARROW_OPERATOR(T, T2, -)                              \
    EMU_NARROW_OPERATOR(T, T2, *) EMU_NARROW_OPERATOR(T, T2, /)                              \
    inline T operator-(T a) { return T(-(float)a); }                                         \
    inline T2 operator-(T2 a) { return {-a.x, -a.y}; }                                       \
    EMU_NARROW_COMPARE(T, T2, ==, eq) EMU_NARROW_COMPARE(T, T2, !=, ne)                      \
    EMU_NARROW_COMPARE(T, T2, <, lt) EMU_NARROW_COMPARE(T, T2, >, gt)                        \
    EMU_NARROW_COMPARE(T, T2, <=, le) EMU_NARROW_COMPARE(T, T2, >=, ge)                      \
    EMU_NARROW_TWO(T, T2, __hadd, a + b) EMU_NARROW_TWO(T, T2, __hsub, a - b)                \
    EMU_NARROW_TWO(T, T2, __hmul, a * b) EMU_NARROW_TWO(T, T2, __hdiv, a / b)                \
    inline T __hadd_rn(T a, T b) { return a + b; }                                           \
    inline T __hsub_rn(T a, T b) { return a - b; }                                           \
    inline T __hmul_rn(T a, T b) { return a * b; }                                           \
    inline T __hadd_sat(T a, T b) { return emu::within_one(a + b); }                         \
    inline T __hsub_sat(T a, T b) { return emu::within_one(a - b); }                         \
    inline T __hmul_sat(T a, T b) { return emu::within_one(a * b); }                         \
    inline T2 __h2div(T2 a, T2 b) { return a / b; }                                          \
    EMU_NARROW_TWO(T, T2, __hmax, emu::larger(a, b)) EMU_NARROW_TWO(T, T2, __hmin, emu::smaller(a, b)) \
    inline T __hmax_nan(T a, T b) { return (float)a != (float)a ? a : (float)b != (float)b ? b : emu::larger(a, b); } \
    inline T __hmin_nan(T a, T b) { return (float)a != (float)a ? a : (float)b != (float)b ? b : emu::smaller(a, b); } \
    inline bool operator==(T2 a, T2 b) { return a.x == b.x && a.y == b.y; }                 \
    inline bool operator!=(T2 a, T2 b) { return a.x != b.x && a.y != b.y; }                 \
    inline bool operator<(T2 a, T2 b) { return a.x < b.x && a.y < b.y; }                    \
    inline bool operator>(T2 a, T2 b) { return a.x > b.x && a.y > b.y; }                    \
    inline bool operator<=(T2 a, T2 b) { return a.x <= b.x && a.y <= b.y; }                 \
    inline bool operator>=(T2 a, T2 b) { return a.x >= b.x && a.y >= b.y; }                 \
    inline T& operator++(T& a) { return a = a + T(1.0f); }                                  \
    inline T& operator--(T& a) { return a = a - T(1.0f); }                                  \
    inline T operator++(T& a, int) { T old = a; a = a + T(1.0f); return old; }              \
    inline T operator--(T& a, int) { T old = a; a = a - T(1.0f); return old; }              \
    inline T2 __hadd2_rn(T2 a, T2 b) { return a + b; }                                      \
    inline T2 __hsub2_rn(T2 a, T2 b) { return a - b; }                                      \
    inline T2 __hmul2_rn(T2 a, T2 b) { return a * b; }                                      \
    inline T2 __hadd2_sat(T2 a, T2 b) { return {__hadd_sat(a.x, b.x), __hadd_sat(a.y, b.y)}; }\
    inline T2 __hsub2_sat(T2 a, T2 b) { return {__hsub_sat(a.x, b.x), __hsub_sat(a.y, b.y)}; }\
    inline T2 __hmul2_sat(T2 a, T2 b) { return {__hmul_sat(a.x, b.x), __hmul_sat(a.y, b.y)}; }\
    inline T2 __hmax2_nan(T2 a, T2 b) { return {__hmax_nan(a.x, b.x), __hmax_nan(a.y, b.y)}; }\
    inline T2 __hmin2_nan(T2 a, T2 b) { return {__hmin_nan(a.x, b.x), __hmin_nan(a.y, b.y)}; }\
    EMU_NARROW_FMA(T, T2, , ) EMU_NARROW_FMA(T, T2, _relu, emu::not_negative) EMU_NARROW_FMA(T, T2, _sat, emu::within_one) \
    inline T2 __hneg2(T2 a) { return -a; }                                                   \
    inline T __hneg(T a) { return -a; }                                                      \
    inline T __habs(T a) { return T(fabsf(a)); }                                             \
    inline T2 __habs2(T2 a) { return {__habs(a.x), __habs(a.y)}; }                           \
    inline bool __hisnan(T a) { return (float)a != (float)a; }                               \
    inline T2 __hisnan2(T2 a) { return {T(__hisnan(a.x) ? 1.0f : 0.0f), T(__hisnan(a.y) ? 1.0f : 0.0f)}; }\
    inline int __hisinf(T a) { return (float)a - (float)a != 0.0f && !__hisnan(a) ? ((float)a < 0.0f ? -1 : 1) : 0; } \
    EMU_NARROW_ONE(T, T2, exp, expf(a)) EMU_NARROW_ONE(T, T2, exp2, exp2f(a)) EMU_NARROW_ONE(T, T2, exp10, exp10f(a)) \
    EMU_NARROW_ONE(T, T2, log, logf(a)) EMU_NARROW_ONE(T, T2, log2, log2f(a)) EMU_NARROW_ONE(T, T2, log10, log10f(a)) \
    EMU_NARROW_ONE(T, T2, sqrt, sqrtf(a)) EMU_NARROW_ONE(T, T2, rsqrt, rsqrtf(a)) EMU_NARROW_ONE(T, T2, rcp, 1.0f / (float)a) \
    EMU_NARROW_ONE(T, T2, sin, sinf(a)) EMU_NARROW_ONE(T, T2, cos, cosf(a)) EMU_NARROW_ONE(T, T2, tanh, tanhf(a)) \
    EMU_NARROW_ONE(T, T2, floor, floorf(a)) EMU_NARROW_ONE(T, T2, ceil, ceilf(a)) EMU_NARROW_ONE(T, T2, trunc, truncf(a)) \
    EMU_NARROW_ONE(T, T2, rint, rintf(a))                                                    \
    inline float __low2float(T2 v) { return v.x; }                                           \
    inline float __high2float(T2 v) { return v.y; }
// Conversions whose names hold the type's: `word` is half or bfloat16, `pair` half2 or bfloat162.
#define EMU_NARROW_NAMES(T, T2, word, pair)                                                  \
    inline T __float2##word(float v) { return v; }                                           \
    inline T __float2##word##_rn(float v) { return v; }                                      \
    inline T __double2##word(double v) { return T((float)v); }                               \
    inline float __##word##2float(T v) { return v; }                                         \
    inline T2 __float2##pair##_rn(float v) { return {v, v}; }                                \
    inline T2 __floats2##pair##_rn(float x, float y) { return {x, y}; }                      \
    inline T2 __float22##pair##_rn(float2 v) { return {v.x, v.y}; }                          \
    inline T2 __##word##2##pair(T v) { return {v, v}; }                                      \
    inline float2 __##pair##2float2(T2 v) { return {v.x, v.y}; }                             \
    inline unsigned short __##word##_as_ushort(T v) { return v.bits; }                       \
    inline short __##word##_as_short(T v) { return (short)v.bits; }                          \
    inline T __ushort_as_##word(unsigned short b) { T v; v.bits = b; return v; }             \
    inline T __short_as_##word(short b) { T v; v.bits = (unsigned short)b; return v; }       \
    inline T __int2##word##_rn(int v) { return T((float)v); }                                \
    inline T __uint2##word##_rn(unsigned v) { return T((float)v); }                          \
    inline T __short2##word##_rn(short v) { return T((float)v); }                            \
    inline T __ushort2##word##_rn(unsigned short v) { return T((float)v); }                  \
    inline int __##word##2int_rn(T v) { return __float2int_rn(v); }                          \
    inline int __##word##2int_rz(T v) { return __float2int_rz(v); }                          \
    inline int __##word##2int_ru(T v) { return __float2int_ru(v); }                          \
    inline int __##word##2int_rd(T v) { return __float2int_rd(v); }                          \
    inline unsigned __##word##2uint_rn(T v) { return __float2uint_rn(v); }                   \
    inline unsigned __##word##2uint_rz(T v) { return __float2uint_rz(v); }                   \
    inline T __ll2##word##_rn(long long v) { return T((float)v); }                          \
    inline T __ull2##word##_rn(unsigned long long v) { return T((float)v); }                \
    inline long long __##word##2ll_rn(T v) { return __float2ll_rn(v); }                     \
    inline long long __##word##2ll_rz(T v) { return __float2ll_rz(v); }                     \
    inline unsigned long long __##word##2ull_rn(T v) { return __float2ull_rn(v); }          \
    inline unsigned long long __##word##2ull_rz(T v) { return __float2ull_rz(v); }          \
    inline short __##word##2short_rn(T v) { return (short)__float2int_rn(v); }               \
    inline short __##word##2short_rz(T v) { return (short)__float2int_rz(v); }               \
    inline T emu_next_##word(T v, bool up) {                                                 \
        bool away = up == ((float)v >= 0.0f);                                                \
        if ((float)v == 0.0f) { v.bits = up ? 1 : 0x8001; return v; }                        \
        v.bits += away ? 1 : -1;                                                             \
        return v; }                                                                          \
    inline T __float2##word##_ru(float f) { T v(f); return (float)v < f ? emu_next_##word(v, true) : v; }   \
    inline T __float2##word##_rd(float f) { T v(f); return (float)v > f ? emu_next_##word(v, false) : v; }  \
    inline T __float2##word##_rz(float f) { return f < 0.0f ? __float2##word##_ru(f) : __float2##word##_rd(f); }
