// cuRAND's generators on the host side. All are Philox4x32-10 here.
#pragma once
#include "cuda_runtime.h"
#include "curand_kernel.h"

typedef enum { CURAND_STATUS_SUCCESS = 0, CURAND_STATUS_NOT_INITIALIZED = 101, CURAND_STATUS_TYPE_ERROR = 103, CURAND_STATUS_OUT_OF_RANGE = 104, CURAND_STATUS_LENGTH_NOT_MULTIPLE = 105, CURAND_STATUS_LAUNCH_FAILURE = 201 } curandStatus_t;
typedef enum { CURAND_RNG_PSEUDO_DEFAULT = 100, CURAND_RNG_PSEUDO_XORWOW = 101, CURAND_RNG_PSEUDO_MRG32K3A = 121, CURAND_RNG_PSEUDO_MTGP32 = 141, CURAND_RNG_PSEUDO_MT19937 = 142, CURAND_RNG_PSEUDO_PHILOX4_32_10 = 161, CURAND_RNG_QUASI_DEFAULT = 200, CURAND_RNG_QUASI_SOBOL32 = 201 } curandRngType_t;
typedef enum { CURAND_ORDERING_PSEUDO_BEST = 100, CURAND_ORDERING_PSEUDO_DEFAULT = 101, CURAND_ORDERING_PSEUDO_SEEDED = 102 } curandOrdering_t;
struct emu_random { emu::Philox state; unsigned long long seed; bool on_host; };
typedef emu_random* curandGenerator_t;

inline curandStatus_t curandSetPseudoRandomGeneratorSeed(curandGenerator_t g, unsigned long long seed) { g->seed = seed; curand_init(seed, 0, 0, &g->state); return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetGeneratorOffset(curandGenerator_t g, unsigned long long offset) { curand_init(g->seed, 0, offset, &g->state); return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetGeneratorOrdering(curandGenerator_t, curandOrdering_t) { return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandSetStream(curandGenerator_t, cudaStream_t) { return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandCreateGenerator(curandGenerator_t* g, curandRngType_t) { *g = new emu_random{}; return curandSetPseudoRandomGeneratorSeed(*g, 0); }
inline curandStatus_t curandCreateGeneratorHost(curandGenerator_t* g, curandRngType_t type) { curandCreateGenerator(g, type); (*g)->on_host = true; return CURAND_STATUS_SUCCESS; }
inline curandStatus_t curandDestroyGenerator(curandGenerator_t g) { delete g; return CURAND_STATUS_SUCCESS; }
namespace emu {
const void* on_host(const void* device);
template <class T, class F> inline curandStatus_t fill_random(curandGenerator_t g, T* to, size_t n, F one) {
    T* p = g->on_host ? to : (T*)on_host(to);
    if (!p) return CURAND_STATUS_LAUNCH_FAILURE;
    for (size_t i = 0; i < n; ++i) p[i] = one(&g->state);
    return CURAND_STATUS_SUCCESS;
}
}  // namespace emu
inline curandStatus_t curandGenerate(curandGenerator_t g, unsigned* to, size_t n) { return emu::fill_random(g, to, n, [](auto* s) { return curand(s); }); }
inline curandStatus_t curandGenerateUniform(curandGenerator_t g, float* to, size_t n) { return emu::fill_random(g, to, n, [](auto* s) { return curand_uniform(s); }); }
inline curandStatus_t curandGenerateUniformDouble(curandGenerator_t g, double* to, size_t n) { return emu::fill_random(g, to, n, [](auto* s) { return curand_uniform_double(s); }); }
inline curandStatus_t curandGenerateNormal(curandGenerator_t g, float* to, size_t n, float mean, float deviation) {
    if (n % 2) return CURAND_STATUS_LENGTH_NOT_MULTIPLE;
    return emu::fill_random(g, to, n, [=](auto* s) { return mean + deviation * curand_normal(s); });
}
inline curandStatus_t curandGenerateNormalDouble(curandGenerator_t g, double* to, size_t n, double mean, double deviation) {
    if (n % 2) return CURAND_STATUS_LENGTH_NOT_MULTIPLE;
    return emu::fill_random(g, to, n, [=](auto* s) { return mean + deviation * curand_normal_double(s); });
}
inline curandStatus_t curandGenerateLogNormal(curandGenerator_t g, float* to, size_t n, float mean, float deviation) { return emu::fill_random(g, to, n, [=](auto* s) { return curand_log_normal(s, mean, deviation); }); }
inline curandStatus_t curandGeneratePoisson(curandGenerator_t g, unsigned* to, size_t n, double lambda) { return emu::fill_random(g, to, n, [=](auto* s) { return curand_poisson(s, lambda); }); }
