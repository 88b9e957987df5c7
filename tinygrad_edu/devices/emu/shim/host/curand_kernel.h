// Random numbers in kernels. Every generator here is Philox4x32-10 (Salmon et al., 2011): for curandStatePhilox4_32_10_t the numbers
// are those of cuRAND, for the others they are as random, but not the same.
#pragma once
#include "cuda_emu.h"

namespace emu {
struct Philox {
    unsigned counter[4], key[2], out[4], place;
    float spare;
    bool has_spare;
};
__device__ inline void philox_round(unsigned* c, const unsigned* k) {
    uint64_t a = (uint64_t)0xD2511F53u * c[0], b = (uint64_t)0xCD9E8D57u * c[2];
    unsigned n[4] = {(unsigned)(b >> 32) ^ c[1] ^ k[0], (unsigned)b, (unsigned)(a >> 32) ^ c[3] ^ k[1], (unsigned)a};
    for (int i = 0; i < 4; ++i) c[i] = n[i];
}
__device__ inline void philox_fill(Philox& s) {
    unsigned k[2] = {s.key[0], s.key[1]};
    for (int i = 0; i < 4; ++i) s.out[i] = s.counter[i];
    for (int i = 0; i < 10; ++i) philox_round(s.out, k), k[0] += 0x9E3779B9u, k[1] += 0xBB67AE85u;
}
__device__ inline void philox_next(Philox& s) {
    if (!++s.counter[0] && !++s.counter[1] && !++s.counter[2]) ++s.counter[3];
    philox_fill(s);
}
__device__ inline float uniform_of(unsigned x) { return (float)x * 2.3283064365386963e-10f + 1.1641532182693481e-10f; }
__device__ inline double uniform_of(unsigned x, unsigned y) { return (double)((uint64_t)x ^ (uint64_t)y << 21) * 1.1102230246251565e-16 + 5.5511151231257827e-17; }
}  // namespace emu
typedef emu::Philox curandStatePhilox4_32_10_t, curandStatePhilox4_32_10;
typedef emu::Philox curandState, curandState_t, curandStateXORWOW_t, curandStateXORWOW, curandStateMRG32k3a_t, curandStateMRG32k3a;

__device__ inline void curand_init(unsigned long long seed, unsigned long long sequence, unsigned long long offset, emu::Philox* s) {
    *s = {};
    s->key[0] = (unsigned)seed, s->key[1] = (unsigned)(seed >> 32);
    s->counter[0] = (unsigned)(offset / 4), s->counter[1] = (unsigned)(offset / 4 >> 32);
    s->counter[2] = (unsigned)sequence, s->counter[3] = (unsigned)(sequence >> 32);
    s->place = offset % 4;
    emu::philox_fill(*s);
}
__device__ inline unsigned curand(emu::Philox* s) {
    unsigned x = s->out[s->place++];
    if (s->place == 4) emu::philox_next(*s), s->place = 0;
    return x;
}
__device__ inline uint4 curand4(emu::Philox* s) {
    uint4 v;
    v.x = curand(s), v.y = curand(s), v.z = curand(s), v.w = curand(s);
    return v;
}
__device__ inline float curand_uniform(emu::Philox* s) { return emu::uniform_of(curand(s)); }
__device__ inline double curand_uniform_double(emu::Philox* s) { unsigned x = curand(s), y = curand(s); return emu::uniform_of(x, y); }
__device__ inline float4 curand_uniform4(emu::Philox* s) { uint4 v = curand4(s); return {emu::uniform_of(v.x), emu::uniform_of(v.y), emu::uniform_of(v.z), emu::uniform_of(v.w)}; }
__device__ inline float2 curand_normal2(emu::Philox* s) {                // Box and Muller, 1958
    unsigned x = curand(s), y = curand(s);
    float radius = sqrtf(-2.0f * logf(emu::uniform_of(x))), angle = (float)y * 1.4629180792671596e-9f + 7.3145903963357981e-10f;
    return {sinf(angle) * radius, cosf(angle) * radius};
}
__device__ inline float curand_normal(emu::Philox* s) {
    if (s->has_spare) { s->has_spare = false; return s->spare; }
    float2 pair = curand_normal2(s);
    s->has_spare = true, s->spare = pair.y;
    return pair.x;
}
__device__ inline float4 curand_normal4(emu::Philox* s) { float2 a = curand_normal2(s), b = curand_normal2(s); return {a.x, a.y, b.x, b.y}; }
__device__ inline double curand_normal_double(emu::Philox* s) { double u = curand_uniform_double(s), v = curand_uniform_double(s); return sqrt(-2 * log(u)) * sin(6.2831853071795865 * v); }
__device__ inline float curand_log_normal(emu::Philox* s, float mean, float deviation) { return expf(mean + deviation * curand_normal(s)); }
__device__ inline unsigned curand_poisson(emu::Philox* s, double lambda) {
    double limit = exp(-lambda), product = curand_uniform_double(s);
    unsigned n = 0;
    while (product > limit) product *= curand_uniform_double(s), ++n;
    return n;
}
__device__ inline void skipahead(unsigned long long n, emu::Philox* s) { for (; n; --n) curand(s); }
