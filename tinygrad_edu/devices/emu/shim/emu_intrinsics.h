// The device functions of the CUDA Math API and the programming guide that the host's library does not have, or has under another
// name. Functions with a direction of rounding in their names (_rn nearest, _rz towards zero, _ru up, _rd down) round that way.
#pragma once

#define EMU_FN inline __attribute__((always_inline))

// ---- float and double ----
#define EMU_DIRECTIONS(D) D(rn, FE_TONEAREST) D(rz, FE_TOWARDZERO) D(ru, FE_UPWARD) D(rd, FE_DOWNWARD)
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __frsqrt_rn(float x) { return (float)(1.0 / sqrt((double)x)); }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline double __ddiv_rn(double a, double b) { return a / b; }
inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
inline double __dsqrt_rn(double x) { return sqrt(x); }
inline double __drcp_rn(double x) { return 1.0 / x; }
#define EMU_ARITHMETIC(d, mode)                                                                                                    \
    inline float __fadd_##d(float a, float b) { return emu::add_in(mode, (emu::raw)a, (emu::raw)b); }                              \
    inline float __fsub_##d(float a, float b) { return emu::add_in(mode, (emu::raw)a, -(emu::raw)b); }                             \
    inline float __fmul_##d(float a, float b) { return emu::multiply_in(mode, (emu::raw)a, (emu::raw)b); }                         \
    inline float __fdiv_##d(float a, float b) { return emu::divide_in(mode, (emu::raw)a, (emu::raw)b); }                           \
    inline float __fmaf_##d(float a, float b, float c) { return emu::fma_in(mode, (emu::raw)a, (emu::raw)b, (emu::raw)c); }        \
    inline float __fsqrt_##d(float x) { return emu::root_in(mode, (emu::raw)x); }                                                  \
    inline float __frcp_##d(float x) { return emu::divide_in(mode, (emu::raw)1, (emu::raw)x); }                                    \
    inline double __dadd_##d(double a, double b) { return emu::add_in(mode, a, b); }                                               \
    inline double __dsub_##d(double a, double b) { return emu::add_in(mode, a, -b); }                                              \
    inline double __dmul_##d(double a, double b) { return emu::multiply_in(mode, a, b); }                                          \
    inline double __ddiv_##d(double a, double b) { return emu::divide_in(mode, a, b); }                                            \
    inline double __fma_##d(double a, double b, double c) { return emu::fma_in(mode, a, b, c); }                                   \
    inline double __dsqrt_##d(double x) { return emu::root_in(mode, x); }                                                          \
    inline double __drcp_##d(double x) { return emu::divide_in(mode, 1.0, x); }
EMU_ARITHMETIC(rz, FE_TOWARDZERO) EMU_ARITHMETIC(ru, FE_UPWARD) EMU_ARITHMETIC(rd, FE_DOWNWARD)
#define EMU_CONVERSIONS(d, mode)                                                                                                   \
    inline int __float2int_##d(float x) { return emu::integer_in<int>(mode, (emu::raw)x); }                                        \
    inline unsigned __float2uint_##d(float x) { return emu::integer_in<unsigned>(mode, (emu::raw)x); }                             \
    inline long long __float2ll_##d(float x) { return emu::integer_in<long long>(mode, (emu::raw)x); }                             \
    inline unsigned long long __float2ull_##d(float x) { return emu::integer_in<unsigned long long>(mode, (emu::raw)x); }          \
    inline int __double2int_##d(double x) { return emu::integer_in<int>(mode, x); }                                                \
    inline unsigned __double2uint_##d(double x) { return emu::integer_in<unsigned>(mode, x); }                                     \
    inline long long __double2ll_##d(double x) { return emu::integer_in<long long>(mode, x); }                                     \
    inline unsigned long long __double2ull_##d(double x) { return emu::integer_in<unsigned long long>(mode, x); }                  \
    inline float __double2float_##d(double x) { return emu::convert_in<emu::raw>(mode, x); }                                       \
    inline float __int2float_##d(int x) { return emu::convert_in<emu::raw>(mode, x); }                                             \
    inline float __uint2float_##d(unsigned x) { return emu::convert_in<emu::raw>(mode, x); }                                       \
    inline float __ll2float_##d(long long x) { return emu::convert_in<emu::raw>(mode, x); }                                        \
    inline float __ull2float_##d(unsigned long long x) { return emu::convert_in<emu::raw>(mode, x); }                              \
    inline double __ll2double_##d(long long x) { return emu::convert_in<double>(mode, x); }                                        \
    inline double __ull2double_##d(unsigned long long x) { return emu::convert_in<double>(mode, x); }
EMU_DIRECTIONS(EMU_CONVERSIONS)
inline double __int2double_rn(int x) { return x; }
inline double __uint2double_rn(unsigned x) { return x; }

inline float __expf(float x) { return expf(x); }
inline float __exp10f(float x) { return exp2f(x * 3.3219280948873623f); }
inline float exp10f(float x) { return exp2f(x * 3.3219280948873623f); }
inline double exp10(double x) { return pow(10.0, x); }
inline float __logf(float x) { return logf(x); }
inline float __log2f(float x) { return log2f(x); }
inline float __log10f(float x) { return log10f(x); }
inline float __sinf(float x) { return sinf(x); }
inline float __cosf(float x) { return cosf(x); }
inline float __tanf(float x) { return tanf(x); }
inline float __tanhf(float x) { return tanhf(x); }
inline float __powf(float a, float b) { return powf(a, b); }
inline void __sincosf(float x, float* s, float* c) { *s = sinf(x); *c = cosf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __saturatef(float x) { return x >= 0.0f ? (x < 1.0f ? x : 1.0f) : 0.0f; }  // NaN becomes 0
inline float fdividef(float a, float b) { return a / b; }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
inline float rcbrtf(float x) { return 1.0f / cbrtf(x); }
inline double rcbrt(double x) { return 1.0 / cbrt(x); }
inline float rhypotf(float a, float b) { return 1.0f / hypotf(a, b); }
inline double rhypot(double a, double b) { return 1.0 / hypot(a, b); }
inline double norm3d(double a, double b, double c) { return sqrt(a * a + b * b + c * c); }
inline double norm4d(double a, double b, double c, double d) { return sqrt(a * a + b * b + c * c + d * d); }
inline float norm3df(float a, float b, float c) { return (float)norm3d((double)a, (double)b, (double)c); }
inline float norm4df(float a, float b, float c, float d) { return (float)norm4d((double)a, (double)b, (double)c, (double)d); }
inline float rnorm3df(float a, float b, float c) { return (float)(1.0 / norm3d((double)a, (double)b, (double)c)); }
inline float rnorm4df(float a, float b, float c, float d) { return (float)(1.0 / norm4d((double)a, (double)b, (double)c, (double)d)); }
inline double sinpi(double x) { double r = fmod(x, 2.0); return fmod(r, 1.0) == 0 ? copysign(0.0, x) : sin(3.14159265358979323846 * r); }
inline double cospi(double x) { double r = fmod(fabs(x), 2.0); return r == 0.5 || r == 1.5 ? 0.0 : cos(3.14159265358979323846 * r); }
inline float sinpif(float x) { return (float)sinpi((double)x); }
inline float cospif(float x) { return (float)cospi((double)x); }
inline void sincospif(float x, float* s, float* c) { *s = sinpif(x); *c = cospif(x); }
inline double normcdf(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }
inline float normcdff(float x) { return (float)normcdf((double)x); }
inline double erfcx(double x) { return x < 25 ? exp(x * x) * erfc(x) : 0.56418958354775628695 / x * (1 - 0.5 / (x * x)); }
inline float erfcxf(float x) { return (float)erfcx((double)x); }
namespace emu {
inline double inverse_normal(double p) {     // a rational start (Acklam's), two steps of Halley's
    if (!(p >= 0 && p <= 1)) return __builtin_nan("");
    if (p == 0 || p == 1) return p ? __builtin_inf() : -__builtin_inf();
    double low = p < 0.5 ? p : 1 - p, t = std::sqrt(-2 * std::log(low));
    double x = -(t - (2.515517 + 0.802853 * t + 0.010328 * t * t) / (1 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t * t * t));
    for (int i = 0; i < 3; ++i) {
        double e = 0.5 * std::erfc(-x * 0.70710678118654752440) - low, u = e * 2.50662827463100050242 * std::exp(x * x / 2);
        x -= u / (1 + x * u / 2);
    }
    return p < 0.5 ? x : -x;
}
}  // namespace emu
inline double normcdfinv(double p) { return emu::inverse_normal(p); }
inline double erfcinv(double y) { return y == 1 ? 0.0 : -0.70710678118654752440 * emu::inverse_normal(y / 2); }
inline double erfinv(double y) { return y == 0 ? y : 0.70710678118654752440 * (y < 0 ? emu::inverse_normal((1 + y) / 2) : -emu::inverse_normal((1 - y) / 2)); }
inline float normcdfinvf(float p) { return (float)normcdfinv((double)p); }
inline float erfinvf(float y) { return (float)erfinv((double)y); }
inline float erfcinvf(float y) { return (float)erfcinv((double)y); }
#ifndef EMU_FLOPS
inline void sincospi(double x, double* s, double* c) { *s = sinpi(x); *c = cospi(x); }
#endif

// ---- bits ----
inline int __float_as_int(float x) { return emu::unbits<int>(emu::bits(x)); }
inline float __int_as_float(int x) { return emu::unbits<float>(emu::bits(x)); }
inline unsigned __float_as_uint(float x) { return emu::unbits<unsigned>(emu::bits(x)); }
inline float __uint_as_float(unsigned x) { return emu::unbits<float>(emu::bits(x)); }
inline long long __double_as_longlong(double x) { return (long long)emu::bits(x); }
inline double __longlong_as_double(long long x) { return emu::unbits<double>((uint64_t)x); }
inline int __double2hiint(double x) { return (int)(emu::bits(x) >> 32); }
inline int __double2loint(double x) { return (int)emu::bits(x); }
inline double __hiloint2double(int high, int low) { return emu::unbits<double>((uint64_t)(unsigned)high << 32 | (unsigned)low); }

// ---- integers ----
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
inline int __mulhi(int a, int b) { return (int)((int64_t)a * b >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned __int128)a * b >> 64; }
inline long long __mul64hi(long long a, long long b) { return (long long)((__int128)a * b >> 64); }
inline int __mul24(int a, int b) { return (a << 8 >> 8) * (b << 8 >> 8); }
inline unsigned __umul24(unsigned a, unsigned b) { return (a & 0xffffff) * (b & 0xffffff); }
inline unsigned __sad(int a, int b, unsigned c) { return c + (a < b ? (unsigned)b - (unsigned)a : (unsigned)a - (unsigned)b); }
inline unsigned __usad(unsigned a, unsigned b, unsigned c) { return c + (a < b ? b - a : a - b); }
inline int __hadd(int a, int b) { return (int)(((int64_t)a + b) >> 1); }
inline int __rhadd(int a, int b) { return (int)(((int64_t)a + b + 1) >> 1); }
inline unsigned __uhadd(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a + b) >> 1); }
inline unsigned __urhadd(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a + b + 1) >> 1); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
inline unsigned __brev(unsigned x) {
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}
inline unsigned long long __brevll(unsigned long long x) { return (unsigned long long)__brev((unsigned)x) << 32 | __brev((unsigned)(x >> 32)); }
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned s) {
    uint64_t both = (uint64_t)b << 32 | a;
    unsigned r = 0;
    for (int i = 0; i < 4; ++i) {
        unsigned pick = s >> (4 * i), byte = both >> (pick & 7) * 8 & 255;
        r |= (pick & 8 ? (byte & 128 ? 255u : 0u) : byte) << 8 * i;
    }
    return r;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) { return (unsigned)(((uint64_t)high << 32 | low) << (n & 31) >> 32); }
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) { return (unsigned)(((uint64_t)high << 32 | low) >> (n & 31)); }
inline unsigned __funnelshift_lc(unsigned low, unsigned high, unsigned n) { return n >= 32 ? low : __funnelshift_l(low, high, n); }
inline unsigned __funnelshift_rc(unsigned low, unsigned high, unsigned n) { return n >= 32 ? high : __funnelshift_r(low, high, n); }
inline int __dp4a(int a, int b, int c) { for (int i = 0; i < 32; i += 8) c += (int)(signed char)(a >> i) * (signed char)(b >> i); return c; }
inline unsigned __dp4a(unsigned a, unsigned b, unsigned c) { for (int i = 0; i < 32; i += 8) c += (a >> i & 255) * (b >> i & 255); return c; }
inline int __dp2a_lo(int a, int b, int c) { return c + (int)(short)a * (signed char)b + (a >> 16) * (signed char)(b >> 8); }
inline int __dp2a_hi(int a, int b, int c) { return c + (int)(short)a * (signed char)(b >> 16) + (a >> 16) * (b >> 24); }
inline long long llmax(long long a, long long b) { return a < b ? b : a; }
inline long long llmin(long long a, long long b) { return b < a ? b : a; }
inline unsigned umax(unsigned a, unsigned b) { return a < b ? b : a; }
inline unsigned umin(unsigned a, unsigned b) { return b < a ? b : a; }
inline unsigned long long ullmax(unsigned long long a, unsigned long long b) { return a < b ? b : a; }
inline unsigned long long ullmin(unsigned long long a, unsigned long long b) { return b < a ? b : a; }

// ---- loads and stores that tell the caches what to do ----
#define EMU_LOAD(name) template <class T> EMU_FN T name(const T* address) { return *address; }
EMU_LOAD(__ldg) EMU_LOAD(__ldca) EMU_LOAD(__ldcg) EMU_LOAD(__ldcs) EMU_LOAD(__ldcv) EMU_LOAD(__ldlu)
#define EMU_STORE(name) template <class T> EMU_FN void name(T* address, std::common_type_t<T> value) { *address = value; }
EMU_STORE(__stwb) EMU_STORE(__stcg) EMU_STORE(__stcs) EMU_STORE(__stwt)

// ---- time, and the end of a thread ----
using std::isfinite;
using std::signbit;
namespace emu { inline long long ticks; }    // a clock that moves when it is read
inline long long clock64() { return emu::ticks += 4; }
inline void __nanosleep(unsigned) {}
inline void __prof_trigger(int) {}
inline void __brkpt() {}
inline void __threadfence_system() {}
inline void __trap(int line = __builtin_LINE()) { emu::refuse(line, "a kernel must not call __trap()", "Look at the condition that leads there."); }
#define __builtin_assume(condition) (void)0
#define __builtin_assume_aligned_emu(p, n) (p)
template <class T> inline bool __isGlobal(const T*) { return true; }
namespace emu { unsigned shared_address(const void* p); }
inline size_t __cvta_generic_to_shared(const void* p) { return emu::shared_address(p); }
inline size_t __cvta_generic_to_global(const void* p) { return (size_t)p; }

// ---- a warp's calls beyond shuffles and votes ----
template <class T> inline unsigned __match_any_sync(unsigned mask, T value, EMU_LINE) {
    unsigned who, same = 0;
    uint64_t mine = emu::bits(value);
    const uint64_t* values = emu::warp_meet(mask, mine, line, &who);
    for (int i = 0; i < 32; ++i) if (who >> i & 1 && values[i] == mine) same |= 1u << i;
    return same;
}
template <class T> inline unsigned __match_all_sync(unsigned mask, T value, int* all, EMU_LINE) {
    unsigned same = __match_any_sync(mask, value, line);
    *all = same == mask;
    return *all ? mask : 0;
}
#define EMU_REDUCE(name, T, start, combine)                                                  \
    inline T name(unsigned mask, T value, EMU_LINE) {                                        \
        unsigned who;                                                                        \
        const uint64_t* values = emu::warp_meet(mask, emu::bits(value), line, &who);         \
        T r = start;                                                                         \
        for (int i = 0; i < 32; ++i) if (who >> i & 1) { T v = emu::unbits<T>(values[i]); r = combine; } \
        return r; }
EMU_REDUCE(__reduce_add_sync, unsigned, 0, r + v) EMU_REDUCE(__reduce_add_sync, int, 0, r + v)
EMU_REDUCE(__reduce_min_sync, unsigned, ~0u, v < r ? v : r) EMU_REDUCE(__reduce_min_sync, int, 0x7fffffff, v < r ? v : r)
EMU_REDUCE(__reduce_max_sync, unsigned, 0, r < v ? v : r) EMU_REDUCE(__reduce_max_sync, int, -0x7fffffff - 1, r < v ? v : r)
EMU_REDUCE(__reduce_and_sync, unsigned, ~0u, r & v) EMU_REDUCE(__reduce_or_sync, unsigned, 0, r | v) EMU_REDUCE(__reduce_xor_sync, unsigned, 0, r ^ v)
