// A number that counts what is done with it. In the FLOP build it stands in the place of `float` in the kernels' own text.
#pragma once

namespace emu {
enum { ADDS, MULTIPLIES, DIVISIONS, FUNCTIONS, FLOP_KINDS };   // subtractions are adds; functions are exp, sqrt and their like
inline uint64_t flops[FLOP_KINDS];

struct Float {
    float v;
    Float() = default;
    template <class T> requires std::is_arithmetic_v<T> Float(T x) : v((float)x) {}
    template <class T> requires std::is_arithmetic_v<T> explicit operator T() const { return (T)v; }
    friend Float operator+(Float a, Float b) { ++flops[ADDS]; return a.v + b.v; }
    friend Float operator-(Float a, Float b) { ++flops[ADDS]; return a.v - b.v; }
    friend Float operator*(Float a, Float b) { ++flops[MULTIPLIES]; return a.v * b.v; }
    friend Float operator/(Float a, Float b) { ++flops[DIVISIONS]; return a.v / b.v; }
    Float operator-() const { return -v; }
    Float operator+() const { return v; }
    bool operator!() const { return !v; }
    Float& operator+=(Float b) { return *this = *this + b; }
    Float& operator-=(Float b) { return *this = *this - b; }
    Float& operator*=(Float b) { return *this = *this * b; }
    Float& operator/=(Float b) { return *this = *this / b; }
    friend bool operator<(Float a, Float b) { return a.v < b.v; }
    friend bool operator>(Float a, Float b) { return a.v > b.v; }
    friend bool operator<=(Float a, Float b) { return a.v <= b.v; }
    friend bool operator>=(Float a, Float b) { return a.v >= b.v; }
    friend bool operator==(Float a, Float b) { return a.v == b.v; }
    friend bool operator!=(Float a, Float b) { return a.v != b.v; }
};
}  // namespace emu

#define EMU_FUNCTION(name) inline emu::Float name(emu::Float x) { ++emu::flops[emu::FUNCTIONS]; return ::name(x.v); }
EMU_FUNCTION(expf) EMU_FUNCTION(exp2f) EMU_FUNCTION(expm1f) EMU_FUNCTION(logf) EMU_FUNCTION(log2f) EMU_FUNCTION(log10f) EMU_FUNCTION(log1pf) EMU_FUNCTION(sqrtf)
EMU_FUNCTION(sinf) EMU_FUNCTION(cosf) EMU_FUNCTION(tanf) EMU_FUNCTION(asinf) EMU_FUNCTION(acosf) EMU_FUNCTION(atanf) EMU_FUNCTION(sinhf) EMU_FUNCTION(coshf)
EMU_FUNCTION(tanhf) EMU_FUNCTION(asinhf) EMU_FUNCTION(acoshf) EMU_FUNCTION(atanhf) EMU_FUNCTION(erff) EMU_FUNCTION(cbrtf)
#define EMU_FREE(name) inline emu::Float name(emu::Float x) { return ::name(x.v); }            // no arithmetic: bits and rounding
EMU_FREE(fabsf) EMU_FREE(floorf) EMU_FREE(ceilf) EMU_FREE(truncf) EMU_FREE(rintf) EMU_FREE(roundf)
#define EMU_PAIR(name, count) inline emu::Float name(emu::Float a, emu::Float b) { emu::flops[emu::FUNCTIONS] += count; return ::name(a.v, b.v); }
EMU_PAIR(fmaxf, 0) EMU_PAIR(fminf, 0) EMU_PAIR(copysignf, 0) EMU_PAIR(powf, 1) EMU_PAIR(fmodf, 1) EMU_PAIR(atan2f, 1) EMU_PAIR(hypotf, 1)
inline emu::Float fmaf(emu::Float a, emu::Float b, emu::Float c) {
    ++emu::flops[emu::MULTIPLIES], ++emu::flops[emu::ADDS];
    return ::fmaf(a.v, b.v, c.v);
}
inline bool isnan(emu::Float x) { return x.v != x.v; }
inline bool isinf(emu::Float x) { return std::isinf(x.v); }
inline bool isfinite(emu::Float x) { return std::isfinite(x.v); }
inline bool signbit(emu::Float x) { return std::signbit(x.v); }
extern "C" __attribute__((visibility("default"), used)) inline uint64_t* emu_flop_counts() { return emu::flops; }
#define float emu::Float
