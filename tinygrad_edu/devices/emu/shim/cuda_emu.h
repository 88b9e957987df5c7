// The CUDA dialect for a host C++20 compiler. Blocks run one after another; the threads of a block are fibers (runtime.cpp).
#pragma once
#include <cmath>   // not <algorithm>: reading it took a third of the time a small kernel compiles
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#ifdef EMU_FLOPS
#include "flops.h"
#endif

#define __CUDA_EMU__ 1
#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 800
#endif
#define __global__ __attribute__((noinline))  // so that each instruction keeps its line
#define __device__
#define __host__
#define __constant__ __attribute__((visibility("default"), used))
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
// One section for all shared arrays: its bounds are known, so that it can be filled with NaN before each block, and watched.
#define __shared__ static __attribute__((section("emu_shared")))

#define EMU_VECTORS(T, name)                                                              \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                    \
    struct name##3 { T x, y, z; };                                                        \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; };    \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                            \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                    \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTORS(float, float)
EMU_VECTORS(int, int)
EMU_VECTORS(double, double)
EMU_VECTORS(unsigned, uint)
struct dim3 {
    unsigned x, y, z;
    constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
    constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
    constexpr operator uint3() const { return {x, y, z}; }
};

// What the profile build does not look into.
#ifdef EMU_PROFILE
#define EMU_UNSEEN __attribute__((no_sanitize("thread"), noinline))
#define EMU_SEEN(p) emu::atomic_access(p, sizeof *(p), __builtin_return_address(0))
#else
#define EMU_UNSEEN inline
#define EMU_SEEN(p) (void)0
#endif

namespace emu {
struct Thread {            // one CUDA thread
    uint3 index;           // threadIdx
    int linear, lane, warp;
    void* stack_pointer;   // where to go on, while it waits
    int stack;             // number of its stack, -1 before it starts
    int waits_at;          // source line of the barrier or warp call
    unsigned mask;         // of the warp call
    uint64_t value;        // what it brings to the warp call
    const uint64_t* met;   // the 32 values of the lanes that met
    unsigned who;          // the lanes that met
    unsigned char state;
};
extern Thread* current;
extern uint3 block;
extern dim3 block_size, grid_size;
extern char* dynamic_shared;
void block_barrier(int line);
int block_vote(int value, int line, int kind);   // kind 0: count, 1: and, 2: or
const uint64_t* warp_meet(unsigned mask, uint64_t value, int line, unsigned* who, bool fence = false);  // fence: orders memory too
void atomic_access(const void* address, int size, void* pc);
void copied(void* shared, std::size_t size);     // filled by a copy engine, whose own barrier orders it
[[noreturn]] void refuse(int line, const char* what, const char* advice);  // ends the launch with a message
extern unsigned blocks_run;
// The arguments are read unseen: they lie in memory of the host.
template <class... A, std::size_t... I> __attribute__((no_sanitize("thread"))) void call_with(void (*kernel)(A...), void** arguments, std::index_sequence<I...>) {
    kernel(*(std::remove_cv_t<A>*)arguments[I]...);
}
template <class... A> inline void call(void (*kernel)(A...), void** arguments) { call_with(kernel, arguments, std::index_sequence_for<A...>{}); }
template <class T> EMU_UNSEEN uint64_t bits(T value) { static_assert(sizeof(T) <= 8); uint64_t u = 0; memcpy(&u, &value, sizeof value); return u; }
template <class T> EMU_UNSEEN T unbits(uint64_t u) { T value; memcpy(&value, &u, sizeof value); return value; }
}  // namespace emu

#define threadIdx (emu::current->index)
#define blockIdx (emu::block)
#define blockDim (emu::block_size)
#define gridDim (emu::grid_size)
constexpr int warpSize = 32;

// `line` defaults to the line of the call in the kernel: that is how a message can name it.
#define EMU_LINE int line = __builtin_LINE()
inline void __syncthreads(EMU_LINE) { emu::block_barrier(line); }
inline int __syncthreads_count(int value, EMU_LINE) { return emu::block_vote(value, line, 0); }
inline int __syncthreads_and(int value, EMU_LINE) { return emu::block_vote(value, line, 1); }
inline int __syncthreads_or(int value, EMU_LINE) { return emu::block_vote(value, line, 2); }
inline void __syncwarp(unsigned mask = ~0u, EMU_LINE) { unsigned who; emu::warp_meet(mask, 0, line, &who, true); }
inline void __threadfence() {}
inline void __threadfence_block() {}
template <class T> inline T emu_shuffle(unsigned mask, T value, int source, bool inside, int line) {
    unsigned who;
    const uint64_t* values = emu::warp_meet(mask, emu::bits(value), line, &who);
    return inside ? emu::unbits<T>(values[source & 31]) : value;
}
template <class T> inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, EMU_LINE) {
    int first = emu::current->lane & ~(width - 1);
    return emu_shuffle(mask, value, first | (source & (width - 1)), true, line);
}
template <class T> inline T __shfl_xor_sync(unsigned mask, T value, int other, int width = 32, EMU_LINE) {
    int lane = emu::current->lane, source = lane ^ other;
    return emu_shuffle(mask, value, source, (source & ~(width - 1)) <= (lane & ~(width - 1)), line);
}
template <class T> inline T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_LINE) {
    int lane = emu::current->lane, source = lane + (int)delta;
    return emu_shuffle(mask, value, source, (source & ~(width - 1)) == (lane & ~(width - 1)), line);
}
template <class T> inline T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = 32, EMU_LINE) {
    int lane = emu::current->lane, source = lane - (int)delta;
    return emu_shuffle(mask, value, source, source >= (lane & ~(width - 1)), line);
}
inline unsigned __ballot_sync(unsigned mask, int predicate, EMU_LINE) {
    unsigned who, result = 0;
    const uint64_t* values = emu::warp_meet(mask, predicate != 0, line, &who);
    for (int i = 0; i < 32; ++i) if (who >> i & 1 && values[i]) result |= 1u << i;
    return result;
}
inline int __any_sync(unsigned mask, int predicate, EMU_LINE) { return __ballot_sync(mask, predicate, line) != 0; }
inline int __all_sync(unsigned mask, int predicate, EMU_LINE) { return __ballot_sync(mask, !predicate, line) == 0; }
inline unsigned __activemask() { return 1u << emu::current->lane; }

// Atomic by nature: only one fiber runs. In the profile build the access is reported as one atomic access.
#define EMU_ATOMIC(name, result)                                                              \
    template <class T> EMU_UNSEEN T name(T* address, std::common_type_t<T> value) {           \
        EMU_SEEN(address); T old = *address; *address = (result); return old; }
EMU_ATOMIC(atomicAdd, old + value)
EMU_ATOMIC(atomicSub, old - value)
EMU_ATOMIC(atomicMax, old < value ? value : old)
EMU_ATOMIC(atomicMin, value < old ? value : old)
EMU_ATOMIC(atomicExch, value)
EMU_ATOMIC(atomicAnd, old & value)
EMU_ATOMIC(atomicOr, old | value)
template <class T> EMU_UNSEEN T atomicCAS(T* address, std::common_type_t<T> compare, std::common_type_t<T> value) {
    EMU_SEEN(address); T old = *address; if (old == compare) *address = value; return old; }

// Device maths that the host's library does not have, or has under another name.
template <class T> inline T max(T a, T b) { return a < b ? b : a; }
template <class T> inline T min(T a, T b) { return b < a ? b : a; }
inline float __expf(float x) { return expf(x); }
inline float __logf(float x) { return logf(x); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __frcp_rn(float x) { return 1.0f / x; }
inline float __fsqrt_rn(float x) { return sqrtf(x); }
inline float rsqrtf(float x) { return 1.0f / sqrtf(x); }
inline double rsqrt(double x) { return 1.0 / sqrt(x); }
template <class T> inline T __ldg(const T* address) { return *address; }
inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) { return (unsigned __int128)a * b >> 64; }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
inline int __float_as_int(float x) { return emu::unbits<int>(emu::bits(x)); }
inline float __int_as_float(int x) { return emu::unbits<float>(emu::bits(x)); }
inline unsigned __float_as_uint(float x) { return emu::unbits<unsigned>(emu::bits(x)); }
inline float __uint_as_float(unsigned x) { return emu::unbits<float>(emu::bits(x)); }
