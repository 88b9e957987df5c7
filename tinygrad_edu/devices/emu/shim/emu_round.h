// Arithmetic in one of the four directions of rounding. Before `float` may become a type that counts (flops.h).
#pragma once
#include <cfenv>
#include <cmath>
#include <cstdint>

namespace emu {
typedef float raw;                           // `float`, whatever that word means below
// volatile: the compiler must not move the arithmetic out of the changed mode
template <class T, class F> inline T in_mode(int mode, F compute) {
    int old = fegetround();
    fesetround(mode);
    volatile T result = compute();
    fesetround(old);
    return result;
}
template <class T> inline T add_in(int mode, T a, T b) { volatile T x = a, y = b; return in_mode<T>(mode, [&] { return x + y; }); }
template <class T> inline T multiply_in(int mode, T a, T b) { volatile T x = a, y = b; return in_mode<T>(mode, [&] { return x * y; }); }
template <class T> inline T divide_in(int mode, T a, T b) { volatile T x = a, y = b; return in_mode<T>(mode, [&] { return x / y; }); }
template <class T> inline T root_in(int mode, T a) { volatile T x = a; return in_mode<T>(mode, [&] { return std::sqrt((T)x); }); }
template <class T> inline T fma_in(int mode, T a, T b, T c) { volatile T x = a, y = b, z = c; return in_mode<T>(mode, [&] { return std::fma((T)x, (T)y, (T)z); }); }
template <class To, class From> inline To convert_in(int mode, From a) { volatile From x = a; return in_mode<To>(mode, [&] { return (To)x; }); }
template <class T> inline T whole_in(int mode, T a) { volatile T x = a; return in_mode<T>(mode, [&] { return std::nearbyint((T)x); }); }

// A floating value as an integer, as the hardware does it: NaN is 0 (the least for 64 bits), what is too large the nearest there is.
template <class I, class T> inline I integer_in(int mode, T a) {
    if (a != a) return sizeof(I) == 8 ? (I)1 << 63 : 0;
    T whole = whole_in(mode, a);
    constexpr I least = (I)-1 < 0 ? (I)((I)1 << (sizeof(I) * 8 - 1)) : 0, most = (I)~least;
    if (whole >= (T)18446744073709551616.0 / ((I)-1 < 0 ? 2 : 1) && sizeof(I) == 8) return most;
    if (sizeof(I) == 4 && whole > (T)most) return most;
    if (whole < (T)least) return least;
    return (I)whole;
}
}  // namespace emu
