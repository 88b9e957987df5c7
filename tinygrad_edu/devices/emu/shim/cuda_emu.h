// The CUDA dialect for a host C++20 compiler. Blocks run one after another; the threads of a block are fibers (runtime.cpp).
#pragma once
#include <cmath>   // not <algorithm>: reading it took a third of the time a small kernel compiles
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>
#include "emu_round.h"
#ifdef EMU_FLOPS
#include "flops.h"
#endif

#define __CUDA_EMU__ 1
#ifndef __CUDACC__
#define __CUDACC__ 1
#define __NVCC__ 1
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 6
#define __CUDACC_VER_BUILD__ 0
#endif
#ifndef __CUDA_ARCH__
#define __CUDA_ARCH__ 800
#endif
#define __global__ __attribute__((noinline))  // so that each instruction keeps its line
#define __device__
#define __host__
#define __constant__ __attribute__((visibility("default"), used))
#define __forceinline__ inline
#define __grid_constant__
#define __managed__ __attribute__((visibility("default"), used))
#define __cluster_dims__(...)
#define __maxnreg__(...)
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict
// One section for all shared arrays, emu_shared: its bounds are known, so that it can be filled with NaN before each block, and
// watched. `retain` marks them in the assembly, where build.py moves them: g++ ignores `section` on variables of templates.
#define __shared__ static __attribute__((retain))

#define EMU_VECTORS(T, name)                                                              \
    struct name##1 { T x; };                                                              \
    struct alignas(2 * sizeof(T)) name##2 { T x, y; };                                    \
    struct name##3 { T x, y, z; };                                                        \
    struct alignas(4 * sizeof(T) > 16 ? 16 : 4 * sizeof(T)) name##4 { T x, y, z, w; };    \
    inline name##1 make_##name##1(T x) { return {x}; }                                    \
    inline name##2 make_##name##2(T x, T y) { return {x, y}; }                            \
    inline name##3 make_##name##3(T x, T y, T z) { return {x, y, z}; }                    \
    inline name##4 make_##name##4(T x, T y, T z, T w) { return {x, y, z, w}; }
EMU_VECTORS(float, float)
EMU_VECTORS(double, double)
EMU_VECTORS(signed char, char)
EMU_VECTORS(unsigned char, uchar)
EMU_VECTORS(short, short)
EMU_VECTORS(unsigned short, ushort)
EMU_VECTORS(int, int)
EMU_VECTORS(unsigned, uint)
EMU_VECTORS(long, long)
EMU_VECTORS(unsigned long, ulong)
EMU_VECTORS(long long, longlong)
EMU_VECTORS(unsigned long long, ulonglong)
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
void shuffled_outside(int source);               // a shuffle that reads from a lane which is not in its mask
void pause();                                    // lets the other threads go on
void ordered_all();                              // what the block did so far is before what it does from now on
unsigned gather(int line);                       // the lanes of this warp that come to this line together
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
// Variables, not macros: host code likes to have a `dim3 gridDim` of its own.
static constexpr const uint3& blockIdx = emu::block;
static constexpr const dim3& blockDim = emu::block_size;
static constexpr const dim3& gridDim = emu::grid_size;
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
    if (!inside) return value;
    if (who >> (source & 31) & 1) return emu::unbits<T>(values[source & 31]);
    emu::shuffled_outside(source & 31);      // CUDA leaves the value undefined: NaN
    return emu::unbits<T>(~(uint64_t)0);
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
inline unsigned __activemask(EMU_LINE) { return emu::gather(line); }

// The compiler must neither drop an atomic nor move it: a loop that waits for one would go on, or never end.
#define EMU_FENCE(address) __asm__ volatile("" : : "r"(address) : "memory")
// Atomic by nature: only one fiber runs. In the profile build the access is reported as one atomic access.
#define EMU_ATOMIC(name, result)                                                              \
    template <class T> EMU_UNSEEN T name(T* address, std::common_type_t<T> value) {           \
        EMU_SEEN(address); EMU_FENCE(address); T old = *address; *address = (result); EMU_FENCE(address); return old; }
EMU_ATOMIC(atomicAdd, old + value)
static EMU_UNSEEN float2 atomicAdd(float2* a, float2 v) { EMU_SEEN(a); float2 old = *a; *a = {old.x + v.x, old.y + v.y}; return old; }
static EMU_UNSEEN float4 atomicAdd(float4* a, float4 v) { EMU_SEEN(a); float4 old = *a; *a = {old.x + v.x, old.y + v.y, old.z + v.z, old.w + v.w}; return old; }
EMU_ATOMIC(atomicSub, old - value)
EMU_ATOMIC(atomicMax, old < value ? value : old)
EMU_ATOMIC(atomicMin, value < old ? value : old)
EMU_ATOMIC(atomicExch, value)
EMU_ATOMIC(atomicAnd, old & value)
EMU_ATOMIC(atomicOr, old | value)
EMU_ATOMIC(atomicXor, old ^ value)
EMU_ATOMIC(atomicInc, old >= value ? 0 : old + 1)
EMU_ATOMIC(atomicDec, old == 0 || old > value ? value : old - 1)
#define EMU_SCOPES(name)                                                                                                          \
    template <class T> EMU_UNSEEN T name##_block(T* address, std::common_type_t<T> value) { return name(address, value); }        \
    template <class T> EMU_UNSEEN T name##_system(T* address, std::common_type_t<T> value) { return name(address, value); }
EMU_SCOPES(atomicAdd) EMU_SCOPES(atomicSub) EMU_SCOPES(atomicMax) EMU_SCOPES(atomicMin) EMU_SCOPES(atomicExch)
EMU_SCOPES(atomicAnd) EMU_SCOPES(atomicOr) EMU_SCOPES(atomicXor) EMU_SCOPES(atomicInc) EMU_SCOPES(atomicDec)
template <class T> EMU_UNSEEN T atomicCAS(T* address, std::common_type_t<T> compare, std::common_type_t<T> value) {
    EMU_SEEN(address); EMU_FENCE(address); T old = *address; if (old == compare) *address = value; EMU_FENCE(address); return old; }
template <class T> EMU_UNSEEN T atomicCAS_block(T* address, std::common_type_t<T> compare, std::common_type_t<T> value) { return atomicCAS(address, compare, value); }
template <class T> EMU_UNSEEN T atomicCAS_system(T* address, std::common_type_t<T> compare, std::common_type_t<T> value) { return atomicCAS(address, compare, value); }

// The larger and the smaller of two numbers, of mixed types as in CUDA: the type is that of their sum.
template <class T> inline T max(T a, T b) { return a < b ? b : a; }
template <class T> inline T min(T a, T b) { return b < a ? b : a; }
template <class A, class B> requires(std::is_arithmetic_v<A> && std::is_arithmetic_v<B> && !std::is_same_v<A, B>)
inline std::common_type_t<A, B> max(A a, B b) { typedef std::common_type_t<A, B> T; return (T)a < (T)b ? (T)b : (T)a; }
template <class A, class B> requires(std::is_arithmetic_v<A> && std::is_arithmetic_v<B> && !std::is_same_v<A, B>)
inline std::common_type_t<A, B> min(A a, B b) { typedef std::common_type_t<A, B> T; return (T)b < (T)a ? (T)b : (T)a; }
#ifndef EMU_FLOPS
inline float max(float a, float b) { return fmaxf(a, b); }           // of a number and NaN the number
inline float min(float a, float b) { return fminf(a, b); }
inline double max(double a, double b) { return fmax(a, b); }
inline double min(double a, double b) { return fmin(a, b); }
#endif
#include "emu_intrinsics.h"
