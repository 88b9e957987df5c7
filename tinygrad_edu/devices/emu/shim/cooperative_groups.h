// The common calls of CUDA's cooperative groups: the block, tiles of a warp, and what is left of a warp in a branch.
#pragma once
#include "cuda_emu.h"

namespace cooperative_groups {
struct thread_group {};

struct thread_block : thread_group {
    static void sync(EMU_LINE) { emu::block_barrier(line); }
    static unsigned thread_rank() { return emu::current->linear; }
    static unsigned num_threads() { return blockDim.x * blockDim.y * blockDim.z; }
    static unsigned size() { return num_threads(); }
    static dim3 group_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
    static dim3 thread_index() { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
    static dim3 dim_threads() { return blockDim; }
};
inline thread_block this_thread_block() { return {}; }

template <unsigned N, class Parent = thread_block> struct thread_block_tile : thread_group {
    static_assert(N >= 1 && N <= 32 && (N & (N - 1)) == 0, "a tile has 1, 2, 4, 8, 16 or 32 threads");
    static unsigned first() { return emu::current->lane & ~(N - 1); }
    static unsigned mask() { return (N == 32 ? ~0u : (1u << N % 32) - 1) << first(); }
    static unsigned thread_rank() { return emu::current->lane & (N - 1); }
    static constexpr unsigned num_threads() { return N; }
    static constexpr unsigned size() { return N; }
    static unsigned meta_group_rank() { return emu::current->linear / N; }
    static unsigned meta_group_size() { return (blockDim.x * blockDim.y * blockDim.z + N - 1) / N; }
    static void sync(EMU_LINE) { __syncwarp(mask(), line); }
    template <class T> T shfl(T value, int source, EMU_LINE) const { return __shfl_sync(mask(), value, source, N, line); }
    template <class T> T shfl_up(T value, unsigned delta, EMU_LINE) const { return __shfl_up_sync(mask(), value, delta, N, line); }
    template <class T> T shfl_down(T value, unsigned delta, EMU_LINE) const { return __shfl_down_sync(mask(), value, delta, N, line); }
    template <class T> T shfl_xor(T value, unsigned other, EMU_LINE) const { return __shfl_xor_sync(mask(), value, other, N, line); }
    unsigned ballot(int predicate, EMU_LINE) const { return __ballot_sync(mask(), predicate, line) >> first(); }
    int any(int predicate, EMU_LINE) const { return ballot(predicate, line) != 0; }
    int all(int predicate, EMU_LINE) const { return ballot(!predicate, line) == 0; }
};
template <unsigned N, class Parent> inline thread_block_tile<N, Parent> tiled_partition(const Parent&) { return {}; }

template <class T = int> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T = int> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };      // the smaller, as CUDA names it
template <class T = int> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };   // the larger
template <class T = int> struct bit_and { T operator()(T a, T b) const { return a & b; } };
template <class T = int> struct bit_or { T operator()(T a, T b) const { return a | b; } };
template <class T = int> struct bit_xor { T operator()(T a, T b) const { return a ^ b; } };

// All threads of a tile get what `combine` makes of their values.
template <unsigned N, class Parent, class T, class Combine> inline T reduce(const thread_block_tile<N, Parent>& tile, T value, Combine combine, EMU_LINE) {
    for (unsigned offset = N / 2; offset > 0; offset /= 2) value = combine(value, tile.shfl_xor(value, offset, line));
    return value;
}
template <class Group> inline void sync(const Group& group, EMU_LINE) { group.sync(line); }
}  // namespace cooperative_groups
