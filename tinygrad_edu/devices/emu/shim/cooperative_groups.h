// CUDA's cooperative groups: the block, tiles of a warp, the lanes that are together in a branch, and their parts.
#pragma once
#include "cuda_emu.h"

namespace cooperative_groups {
// A group that is known at run time only: the whole block, or lanes of a warp. The other groups turn into it.
struct thread_group {
    bool whole = false;                      // the block
    unsigned lanes = 0;
    void sync(EMU_LINE) const { if (whole) emu::block_barrier(line); else __syncwarp(lanes, line); }
    unsigned size() const { return whole ? blockDim.x * blockDim.y * blockDim.z : __builtin_popcount(lanes); }
    unsigned num_threads() const { return size(); }
    unsigned thread_rank() const { return whole ? emu::current->linear : __builtin_popcount(lanes & ((1u << emu::current->lane) - 1)); }
    bool is_valid() const { return true; }
};

template <unsigned Bytes> struct block_tile_memory { char unused; };

struct thread_block : thread_group {
    thread_block() { whole = true; }
    static void sync(EMU_LINE) { emu::block_barrier(line); }
    struct arrival_token {};
    static arrival_token barrier_arrive() { return {}; }
    static void barrier_wait(arrival_token, EMU_LINE) { emu::block_barrier(line); }
    static unsigned thread_rank() { return emu::current->linear; }
    static unsigned num_threads() { return blockDim.x * blockDim.y * blockDim.z; }
    static unsigned size() { return num_threads(); }
    static dim3 group_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
    static dim3 thread_index() { return {threadIdx.x, threadIdx.y, threadIdx.z}; }
    static dim3 dim_threads() { return blockDim; }
    static dim3 group_dim() { return blockDim; }
};
inline thread_block this_thread_block() { return {}; }
template <unsigned N> inline thread_block this_thread_block(block_tile_memory<N>&) { return {}; }

struct grid_group {
    static bool is_valid() { return true; }
    static unsigned long long num_threads() { return num_blocks() * blockDim.x * blockDim.y * blockDim.z; }
    static unsigned long long size() { return num_threads(); }
    static unsigned long long num_blocks() { return (unsigned long long)gridDim.x * gridDim.y * gridDim.z; }
    static unsigned long long block_rank() { return blockIdx.x + (unsigned long long)gridDim.x * (blockIdx.y + (unsigned long long)gridDim.y * blockIdx.z); }
    static unsigned long long thread_rank() { return block_rank() * blockDim.x * blockDim.y * blockDim.z + emu::current->linear; }
    static dim3 group_dim() { return gridDim; }
    static dim3 dim_blocks() { return gridDim; }
    static dim3 block_index() { return {blockIdx.x, blockIdx.y, blockIdx.z}; }
    static void sync(EMU_LINE) {
        if (num_blocks() > 1) emu::refuse(line, "a barrier of the whole grid must have one block on the emulator, which runs blocks one after another", "Launch one block, or split the kernel in two.");
        emu::block_barrier(line);
    }
};
inline grid_group this_grid() { return {}; }

// What tiles and coalesced groups share: calls of the lanes in `mask()`, numbered from 0.
template <class Self> struct of_lanes {
    unsigned my_mask() const { return ((const Self*)this)->mask(); }
    int lane_of(unsigned rank) const {       // the lane that has that rank
        unsigned m = my_mask();
        for (; rank && m; --rank) m &= m - 1;
        return m ? __builtin_ctz(m) : emu::current->lane;
    }
    unsigned packed(unsigned bits) const {   // bits of lanes as bits of ranks
        unsigned r = 0, i = 0;
        for (unsigned m = my_mask(); m; m &= m - 1, ++i) r |= (bits >> __builtin_ctz(m) & 1) << i;
        return r;
    }
    unsigned rank() const { return __builtin_popcount(my_mask() & ((1u << emu::current->lane) - 1)); }
    unsigned count() const { return __builtin_popcount(my_mask()); }
    template <class T> T take(T value, long long from, int line) const {
        bool inside = from >= 0 && from < (long long)count();
        return emu_shuffle(my_mask(), value, inside ? lane_of((unsigned)from) : emu::current->lane, true, line);
    }
    void sync(EMU_LINE) const { __syncwarp(my_mask(), line); }
    template <class T> T shfl(T value, int from, EMU_LINE) const { return take(value, (unsigned)from % count(), line); }
    template <class T> T shfl_up(T value, unsigned delta, EMU_LINE) const { return take(value, (long long)rank() - delta, line); }
    template <class T> T shfl_down(T value, unsigned delta, EMU_LINE) const { return take(value, (long long)rank() + delta, line); }
    template <class T> T shfl_xor(T value, unsigned other, EMU_LINE) const { return take(value, rank() ^ other, line); }
    unsigned ballot(int predicate, EMU_LINE) const { return packed(__ballot_sync(my_mask(), predicate, line)); }
    int any(int predicate, EMU_LINE) const { return ballot(predicate, line) != 0; }
    int all(int predicate, EMU_LINE) const { return ballot(!predicate, line) == 0; }
    template <class T> unsigned match_any(T value, EMU_LINE) const { return packed(__match_any_sync(my_mask(), value, line)); }
    template <class T> unsigned match_all(T value, int& all, EMU_LINE) const { return packed(__match_all_sync(my_mask(), value, &all, line)); }
};

struct coalesced_group : thread_group, of_lanes<coalesced_group> {
    unsigned from = 0, parts = 1;            // which part of its parent it is, of how many
    using of_lanes::sync;
    unsigned mask() const { return lanes; }
    unsigned meta_group_rank() const { return from; }
    unsigned meta_group_size() const { return parts; }
};
inline coalesced_group of_mask(unsigned mask, unsigned from = 0, unsigned parts = 1) {
    coalesced_group g;
    g.lanes = mask, g.from = from, g.parts = parts;
    return g;
}
inline coalesced_group coalesced_threads(EMU_LINE) { return of_mask(emu::gather(line)); }

template <unsigned N, class Parent = thread_block> struct thread_block_tile : of_lanes<thread_block_tile<N, Parent>> {
    static_assert(N >= 1 && N <= 32 && (N & (N - 1)) == 0, "on the emulator a tile has 1, 2, 4, 8, 16 or 32 threads");
    static unsigned first() { return emu::current->lane & ~(N - 1); }
    static unsigned mask() { return (N == 32 ? ~0u : (1u << N % 32) - 1) << first(); }
    static unsigned thread_rank() { return emu::current->lane & (N - 1); }
    static constexpr unsigned num_threads() { return N; }
    static constexpr unsigned size() { return N; }
    static unsigned meta_group_rank() { return emu::current->linear / N; }
    static unsigned meta_group_size() { return (blockDim.x * blockDim.y * blockDim.z + N - 1) / N; }
    static bool is_valid() { return true; }
    operator coalesced_group() const { return of_mask(mask(), meta_group_rank(), meta_group_size()); }
    operator thread_group() const { return of_mask(mask()); }
};
template <unsigned N, class Parent> inline thread_block_tile<N, Parent> tiled_partition(const Parent&) { return {}; }

inline coalesced_group part_of(unsigned mask, unsigned n) {      // of the lanes in the mask those of this lane's run of n
    unsigned rank = __builtin_popcount(mask & ((1u << emu::current->lane) - 1)), at = 0, part = 0;
    for (unsigned m = mask; m; m &= m - 1, ++at) if (at / n == rank / n) part |= m & -m;
    return of_mask(part, rank / n, (__builtin_popcount(mask) + n - 1) / n);
}
inline coalesced_group tiled_partition(const coalesced_group& g, unsigned n) { return part_of(g.lanes, n); }
inline thread_group tiled_partition(const thread_group& g, unsigned n) {
    if (!g.whole) return part_of(g.lanes, n);
    if (n >= g.size()) return g;
    return of_mask((n >= 32 ? ~0u : (1u << n) - 1) << (emu::current->lane & ~(n - 1) & 31));
}
template <class Group> inline coalesced_group binary_partition(const Group& g, bool side, EMU_LINE) {
    unsigned yes = __ballot_sync(g.mask(), side, line);
    return of_mask(side ? yes : g.mask() & ~yes, side, 2);
}
template <class Group, class T> inline coalesced_group labeled_partition(const Group& g, T label, EMU_LINE) { return of_mask(__match_any_sync(g.mask(), label, line)); }

template <class T = int> struct plus { T operator()(T a, T b) const { return a + b; } };
template <class T = int> struct less { T operator()(T a, T b) const { return b < a ? b : a; } };      // the smaller, as CUDA names it
template <class T = int> struct greater { T operator()(T a, T b) const { return a < b ? b : a; } };   // the larger
template <class T = int> struct bit_and { T operator()(T a, T b) const { return a & b; } };
template <class T = int> struct bit_or { T operator()(T a, T b) const { return a | b; } };
template <class T = int> struct bit_xor { T operator()(T a, T b) const { return a ^ b; } };

// All threads of a group get what `combine` makes of their values.
template <unsigned N, class Parent, class T, class Combine> inline T reduce(const thread_block_tile<N, Parent>& tile, T value, Combine combine, EMU_LINE) {
    for (unsigned offset = N / 2; offset > 0; offset /= 2) value = combine(value, tile.shfl_xor(value, offset, line));
    return value;
}
template <class T, class Combine> inline T reduce(const coalesced_group& g, T value, Combine combine, EMU_LINE) {
    T all = g.shfl(value, 0, line);
    for (unsigned i = 1; i < g.count(); ++i) all = combine(all, g.shfl(value, (int)i, line));
    return all;
}
template <class Group, class T, class Combine> inline T inclusive_scan(const Group& g, T value, Combine combine, EMU_LINE) {
    for (unsigned d = 1; d < g.count(); d *= 2) {
        T left = g.shfl_up(value, d, line);
        if (g.rank() >= d) value = combine(left, value);
    }
    return value;
}
template <class Group, class T> inline T inclusive_scan(const Group& g, T value, EMU_LINE) { return inclusive_scan(g, value, plus<T>(), line); }
template <class Group, class T, class Combine> inline T exclusive_scan(const Group& g, T value, Combine combine, EMU_LINE) {
    T left = g.shfl_up(inclusive_scan(g, value, combine, line), 1, line);
    return g.rank() ? left : T(0);
}
template <class Group, class T> inline T exclusive_scan(const Group& g, T value, EMU_LINE) { return exclusive_scan(g, value, plus<T>(), line); }
template <class Group> inline void sync(const Group& group, EMU_LINE) { group.sync(line); }
template <class Group, class F> inline void invoke_one(const Group& g, F f) { if (g.thread_rank() == 0) f(); }

// Copies that the group makes together. Here they are done at once; `wait` is where the others may read them.
template <class Group, class T> inline void memcpy_async(const Group& g, T* to, const T* from, size_t bytes) {
    for (size_t i = g.thread_rank(); i < bytes / sizeof(T); i += g.size()) to[i] = from[i];
}
template <class Group, class T> inline void memcpy_async(const Group& g, T* to, size_t room, const T* from, size_t count) {
    for (size_t i = g.thread_rank(); i < (room < count ? room : count); i += g.size()) to[i] = from[i];
}
template <class Group> inline void wait(const Group& g, EMU_LINE) { g.sync(line); }
template <unsigned N, class Group> inline void wait_prior(const Group& g, EMU_LINE) { g.sync(line); }
}  // namespace cooperative_groups
