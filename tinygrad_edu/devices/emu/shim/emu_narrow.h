// What half and bfloat16 have in common: 16 bits, computed as float, rounded after each operation.
#pragma once

#define EMU_NARROW(T, T2, pack, unpack)                                                                                   \
    struct T {                                                                                                            \
        unsigned short bits;                                                                                              \
        T() = default;                                                                                                    \
        T(float v) : bits(pack(v)) {}                                                                                     \
        operator float() const { return unpack(bits); }                                                                   \
    };                                                                                                                    \
    struct alignas(4) T2 { T x, y; };                                                                                     \
    inline T operator+(T a, T b) { return T((float)a + (float)b); }                                                       \
    inline T operator-(T a, T b) { return T((float)a - (float)b); }                                                       \
    inline T operator*(T a, T b) { return T((float)a * (float)b); }                                                       \
    inline T operator/(T a, T b) { return T((float)a / (float)b); }                                                       \
    inline T operator-(T a) { return T(-(float)a); }                                                                      \
    inline T& operator+=(T& a, T b) { return a = a + b; }                                                                 \
    inline T& operator-=(T& a, T b) { return a = a - b; }                                                                 \
    inline T& operator*=(T& a, T b) { return a = a * b; }                                                                 \
    inline bool operator==(T a, T b) { return (float)a == (float)b; }                                                     \
    inline bool operator!=(T a, T b) { return (float)a != (float)b; }                                                     \
    inline bool operator<(T a, T b) { return (float)a < (float)b; }                                                       \
    inline bool operator>(T a, T b) { return (float)a > (float)b; }                                                       \
    inline bool operator<=(T a, T b) { return (float)a <= (float)b; }                                                     \
    inline bool operator>=(T a, T b) { return (float)a >= (float)b; }                                                     \
    inline T __hadd(T a, T b) { return a + b; }                                                                           \
    inline T __hsub(T a, T b) { return a - b; }                                                                           \
    inline T __hmul(T a, T b) { return a * b; }                                                                           \
    inline T __hfma(T a, T b, T c) { return T(fmaf(a, b, c)); }                                                           \
    inline T __hmax(T a, T b) { return (float)b != (float)b ? a : (float)a < (float)b || (float)a != (float)a ? b : a; }  \
    inline T2 __hadd2(T2 a, T2 b) { return {a.x + b.x, a.y + b.y}; }                                                      \
    inline T2 __hmul2(T2 a, T2 b) { return {a.x * b.x, a.y * b.y}; }                                                      \
    inline T2 __hfma2(T2 a, T2 b, T2 c) { return {__hfma(a.x, b.x, c.x), __hfma(a.y, b.y, c.y)}; }                        \
    inline float __low2float(T2 v) { return v.x; }                                                                        \
    inline float __high2float(T2 v) { return v.y; }
