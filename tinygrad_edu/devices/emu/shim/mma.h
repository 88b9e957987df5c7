// nvcuda::wmma for a host compiler: products of small matrices by a warp. Kernels include it as <mma.h>.
//
// A fragment's elements lie where this file wants (element e of the row-major matrix: place e / 32 of lane e % 32); on a GPU
// they lie elsewhere, and a kernel may not ask where.
#pragma once
#include "cuda_bf16.h"
#include "cuda_fp16.h"

namespace nvcuda::wmma {
struct matrix_a {};
struct matrix_b {};
struct accumulator {};
struct row_major {};
struct col_major {};
enum layout_t { mem_row_major, mem_col_major };
namespace precision { struct tf32 {}; }

template <class T> struct stored { typedef T type; };
template <> struct stored<precision::tf32> { typedef float type; };
template <class Use, int M, int N, int K> struct sides { enum { rows = M, cols = N }; };
template <int M, int N, int K> struct sides<matrix_a, M, N, K> { enum { rows = M, cols = K }; };
template <int M, int N, int K> struct sides<matrix_b, M, N, K> { enum { rows = K, cols = N }; };

template <class Use, int M, int N, int K, class T, class Layout = void> struct fragment {
    static_assert(M * N == 256 && K == (std::is_same_v<T, precision::tf32> ? 8 : 16) || std::is_same_v<Use, accumulator>, "wmma: tiles are 16 x 16, 32 x 8, 8 x 32, and 16 deep (tf32: 8)");
    typedef typename stored<T>::type type;
    enum { rows = sides<Use, M, N, K>::rows, cols = sides<Use, M, N, K>::cols, num_elements = rows * cols / 32 };
    type x[num_elements];
};

inline float __float_to_tf32(float v) {  // 10 bits of fraction stay, rounded to the nearest, ties away from zero
    return __uint_as_float(v != v ? 0x7fffffffu : (__float_as_uint(v) + 0x1000u) & ~0x1fffu);
}

template <class F, class V> inline void fill_fragment(F& f, V v) {
    for (int i = 0; i < F::num_elements; ++i) f.x[i] = v;
}

// What the GPU asks of addresses: 32-byte alignment, rows a multiple of 16 bytes apart.
template <class T> inline void check(const T* from, unsigned step, int line) {
    if ((uintptr_t)from % 32 || step * sizeof(T) % 16)
        emu::refuse(line, "wmma must get an address that is a multiple of 32 bytes and rows a multiple of 16 bytes apart", "Align the tile, or pad its rows.");
}

template <class F, class P> inline void gather(F& f, P from, unsigned step, bool by_rows) {
    for (int i = 0; i < F::num_elements; ++i) {
        int e = i * 32 + emu::current->lane, row = e / F::cols, col = e % F::cols;
        f.x[i] = from[by_rows ? row * step + col : col * step + row];
    }
}

template <class Use, int M, int N, int K, class T, class L>
inline void load_matrix_sync(fragment<Use, M, N, K, T, L>& f, const typename stored<T>::type* from, unsigned step, EMU_LINE) {
    check(from, step, line);
    gather(f, from, step, std::is_same_v<L, row_major>);
}

template <int M, int N, int K, class T>
inline void load_matrix_sync(fragment<accumulator, M, N, K, T>& f, const T* from, unsigned step, layout_t layout, EMU_LINE) {
    check(from, step, line);
    gather(f, from, step, layout == mem_row_major);
}

template <int M, int N, int K, class T>
inline void store_matrix_sync(T* to, const fragment<accumulator, M, N, K, T>& f, unsigned step, layout_t layout, EMU_LINE) {
    check(to, step, line);
    for (int i = 0; i < f.num_elements; ++i) {
        int e = i * 32 + emu::current->lane, row = e / N, col = e % N;
        to[layout == mem_row_major ? row * step + col : col * step + row] = f.x[i];
    }
}

// d = a b + c. Each lane computes its own elements of d from what all lanes hold.
template <int M, int N, int K, class TD, class T, class LA, class LB, class TC>
EMU_UNSEEN void mma_sync(fragment<accumulator, M, N, K, TD>& d, const fragment<matrix_a, M, N, K, T, LA>& a, const fragment<matrix_b, M, N, K, T, LB>& b,
                         const fragment<accumulator, M, N, K, TC>& c, EMU_LINE) {
    struct Operands { const typename stored<T>::type *a, *b; } mine = {a.x, b.x}, all[32];
    unsigned who;
    const uint64_t* met = emu::warp_meet(~0u, (uint64_t)&mine, line, &who);
    for (int i = 0; i < 32; ++i) all[i] = *(const Operands*)met[i];
    for (int i = 0; i < d.num_elements; ++i) {
        int e = i * 32 + emu::current->lane, row = e / N, col = e % N;
        float sum = c.x[i];
        for (int k = 0; k < K; ++k) sum += (float)all[(row * K + k) % 32].a[(row * K + k) / 32] * (float)all[(k * N + col) % 32].b[(k * N + col) / 32];
        d.x[i] = sum;
    }
    emu::warp_meet(~0u, 0, line, &who);  // nobody changes a and b before all have read them
}
}  // namespace nvcuda::wmma
