// What the commonest PTX instructions do. ptx.py writes calls of these in the place of `asm` statements.
#pragma once
#include "cuda_emu.h"
#include "emu_async.h"

namespace emu {
unsigned shared_address(const void* p);      // of 32 bits, as PTX has it
void* from_shared(unsigned long long address);
inline unsigned long long clock_now() { return (unsigned long long)clock64(); }

inline void copy_part(void* to, const void* from, int line, int bytes, int given) {  // fewer bytes given: zeros behind them
    if (given >= bytes) return copy_async(to, from, line, bytes);
    (memset)(to, 0, bytes);
    for (int i = 0; i < given; ++i) ((char*)to)[i] = ((const char*)from)[i];
}

template <int N, bool Turned, class... R> inline void load_matrices(unsigned long long address, int line, R&... to) {
    unsigned who, y = current->lane / 4, x = current->lane % 4, k = 0;
    const char* row = (const char*)from_shared(address);
    if (current->lane < 8 * N && (uint64_t)row % 16) refuse(line, "ldmatrix must get rows at multiples of 16 bytes", "Align the tile.");
    const uint64_t* rows = warp_meet(~0u, (uint64_t)row, line, &who);
    auto one = [&](auto& r) {
        if (Turned) r = ((const unsigned short*)rows[k * 8 + 2 * x])[y] | (unsigned)((const unsigned short*)rows[k * 8 + 2 * x + 1])[y] << 16;
        else r = ((const unsigned*)rows[k * 8 + y])[x];
        ++k;
    };
    (one(to), ...);
    __syncwarp(~0u, line);                   // all lanes read at one time: none goes on and writes there
}

// Numbers as they lie in a register: `type` is h (half), b (bfloat16), t (tf32), s and u (8-bit integers).
template <char type> inline double number_in(unsigned word, int which) {
    if (type == 'h') { unsigned short b = word >> 16 * which; _Float16 f; (memcpy)(&f, &b, 2); return (double)f; }
    if (type == 'b') return (double)unbits<raw>((uint64_t)(word >> 16 * which & 0xffff) << 16);
    if (type == 't') return (double)unbits<raw>(word & 0xffffe000u);
    return type == 's' ? (double)(signed char)(word >> 8 * which) : (double)(word >> 8 * which & 255);
}
// d = a b + c by a warp: a (16, K), b (K, 8). Lane 4 y + x holds rows y and y + 8 of a, column y of b (PTX ISA, "Matrix Fragments").
template <char A, char B, int K, class D, int NA, int NB> inline void multiply_tile(D (&d)[4], const unsigned (&a)[NA], const unsigned (&b)[NB], int line) {
    struct { unsigned a[NA], b[NB]; } mine;
    for (int i = 0; i < NA; ++i) mine.a[i] = a[i];
    for (int i = 0; i < NB; ++i) mine.b[i] = b[i];
    unsigned who;
    const int y = current->lane / 4, x = current->lane % 4, per = A == 't' ? 1 : A == 'h' || A == 'b' ? 2 : 4, span = 4 * per;
    const uint64_t* all = warp_meet(~0u, (uint64_t)&mine, line, &who);
    for (int i = 0; i < 4; ++i) {
        double sum = (double)d[i];
        for (int k = 0; k < K; ++k) {
            auto from_a = (decltype(&mine))all[y * 4 + k % span / per], from_b = (decltype(&mine))all[(2 * x + i % 2) * 4 + k % span / per];
            sum += number_in<A>(from_a->a[i / 2 + k / span * 2], k % per) * number_in<B>(from_b->b[k / span], k % per);
        }
        d[i] = (D)sum;
    }
    __syncwarp(~0u, line);                   // nobody changes its numbers before all have read them
}
inline unsigned pack_halves(raw low, raw high) { _Float16 l = low, h = high; unsigned short a, b; (memcpy)(&a, &l, 2); (memcpy)(&b, &h, 2); return a | (unsigned)b << 16; }
inline unsigned pack_bfloats(raw low, raw high) {
    auto one = [](raw v) { unsigned b = unbits<unsigned>(bits(v)); return v != v ? 0x7fffu : (b + 0x7fff + (b >> 16 & 1)) >> 16; };
    return one(low) | one(high) << 16;
}
inline unsigned to_tf32(raw v) { unsigned b = unbits<unsigned>(bits(v)); return (b + 0x1000) & 0xffffe000u; }
inline unsigned logic3(unsigned a, unsigned b, unsigned c, unsigned table) {
    unsigned r = 0;
    for (int i = 0; i < 8; ++i) if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}
template <class To, class From> inline void as_bits(To& to, From from) { static_assert(sizeof(To) == sizeof(From)); to = unbits<To>(bits(from)); }
template <class E, class... R> inline void load_all(const void* from, R&... to) {      // a vector load: elements one after another
    const E* p = (const E*)from;
    ((to = unbits<std::remove_reference_t<R>>(bits(*p)), ++p), ...);
}
template <class E, class... V> inline void store_all(void* to, V... values) {
    E* p = (E*)to;
    ((*p++ = unbits<E>(bits(values))), ...);
}
}  // namespace emu
