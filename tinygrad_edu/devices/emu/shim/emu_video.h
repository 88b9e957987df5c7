// CUDA's SIMD functions: a 32-bit word as two halfwords (names in 2) or four bytes (names in 4). build.py includes this file for
// texts that call one.
#pragma once
#include "cuda_emu.h"

namespace emu {
template <class E, class F> inline unsigned for_each_part(unsigned a, unsigned b, F f) {
    const int bits = 8 * sizeof(E);
    unsigned result = 0;
    for (int at = 0; at < 32; at += bits) result |= (unsigned)(std::make_unsigned_t<E>)f((E)(a >> at), (E)(b >> at)) << at;
    return result;
}
template <class E> inline int saturated(int v) {
    const int low = std::is_signed_v<E> ? -(1 << (8 * sizeof(E) - 1)) : 0, high = low + (1 << 8 * sizeof(E)) - 1;
    return v < low ? low : v > high ? high : v;
}
template <class E, class F> inline unsigned sum_of_parts(unsigned a, unsigned b, F f) {
    unsigned sum = 0;
    for (int at = 0; at < 32; at += 8 * sizeof(E)) sum += f((E)(a >> at), (E)(b >> at));
    return sum;
}
inline int distance(int x, int y) { return x < y ? y - x : x - y; }
}  // namespace emu

#define EMU_PARTS(name, S, U, result) \
    inline unsigned name(unsigned a, unsigned b) { return emu::for_each_part<U>(a, b, [](int x, int y) { return result; }); }
#define EMU_PARTS_OF_ONE(name, S, U, result) \
    inline unsigned name(unsigned a) { return emu::for_each_part<S>(a, a, [](int x, int) { return result; }); }
#define EMU_PARTS_COMPARE(n, S, U, name, E, op)           \
    EMU_PARTS(__vcmp##name##n, S, E, x op y ? -1 : 0)     \
    EMU_PARTS(__vset##name##n, S, E, x op y ? 1 : 0)
#define EMU_VIDEO(n, S, U)                                                                                   \
    EMU_PARTS(__vadd##n, S, U, x + y) EMU_PARTS(__vsub##n, S, U, x - y)                                      \
    EMU_PARTS(__vaddss##n, U, S, emu::saturated<S>(x + y)) EMU_PARTS(__vsubss##n, U, S, emu::saturated<S>(x - y)) \
    EMU_PARTS(__vaddus##n, S, U, emu::saturated<U>(x + y)) EMU_PARTS(__vsubus##n, S, U, emu::saturated<U>(x - y)) \
    EMU_PARTS(__vavgu##n, S, U, (x + y + 1) >> 1) EMU_PARTS(__vhaddu##n, S, U, (x + y) >> 1)                 \
    EMU_PARTS(__vmaxs##n, U, S, x < y ? y : x) EMU_PARTS(__vmins##n, U, S, y < x ? y : x)                    \
    EMU_PARTS(__vmaxu##n, S, U, x < y ? y : x) EMU_PARTS(__vminu##n, S, U, y < x ? y : x)                    \
    EMU_PARTS(__vabsdiffs##n, U, S, emu::distance(x, y)) EMU_PARTS(__vabsdiffu##n, S, U, emu::distance(x, y)) \
    EMU_PARTS_OF_ONE(__vabs##n, S, U, x < 0 ? -x : x) EMU_PARTS_OF_ONE(__vneg##n, S, U, -x)                  \
    EMU_PARTS_OF_ONE(__vabsss##n, S, U, emu::saturated<S>(x < 0 ? -x : x)) EMU_PARTS_OF_ONE(__vnegss##n, S, U, emu::saturated<S>(-x)) \
    inline unsigned __vsads##n(unsigned a, unsigned b) { return emu::sum_of_parts<S>(a, b, emu::distance); } \
    inline unsigned __vsadu##n(unsigned a, unsigned b) { return emu::sum_of_parts<U>(a, b, emu::distance); } \
    EMU_PARTS_COMPARE(n, S, U, eq, U, ==) EMU_PARTS_COMPARE(n, S, U, ne, U, !=)                              \
    EMU_PARTS_COMPARE(n, S, U, gts, S, >) EMU_PARTS_COMPARE(n, S, U, gtu, U, >)                              \
    EMU_PARTS_COMPARE(n, S, U, ges, S, >=) EMU_PARTS_COMPARE(n, S, U, geu, U, >=)                            \
    EMU_PARTS_COMPARE(n, S, U, lts, S, <) EMU_PARTS_COMPARE(n, S, U, ltu, U, <)                              \
    EMU_PARTS_COMPARE(n, S, U, les, S, <=) EMU_PARTS_COMPARE(n, S, U, leu, U, <=)
EMU_VIDEO(2, short, unsigned short)
EMU_VIDEO(4, signed char, unsigned char)
