// CUB's reductions, scans, loads and stores of a block and of a warp, on the emulator: simple, with the same results.
#pragma once
#include "../cuda_emu.h"

// The line of the call: of a type of its own, so that it is not taken for a number of the user's.
#define CUB_LINE Line line = Line(__builtin_LINE())

namespace cub {
struct Line {
    int at;
    constexpr explicit Line(int at) : at(at) {}
    constexpr operator int() const { return at; }
};
struct Sum { template <class T> T operator()(T a, T b) const { return a + b; } };
struct Max { template <class T> T operator()(T a, T b) const { return a < b ? b : a; } };
struct Min { template <class T> T operator()(T a, T b) const { return b < a ? b : a; } };
struct Equality { template <class T> bool operator()(T a, T b) const { return a == b; } };
template <class K, class V> struct KeyValuePair { K key; V value; };
struct ArgMax { template <class P> P operator()(P a, P b) const { return b.value > a.value || (b.value == a.value && b.key < a.key) ? b : a; } };
struct ArgMin { template <class P> P operator()(P a, P b) const { return b.value < a.value || (b.value == a.value && b.key < a.key) ? b : a; } };

enum BlockReduceAlgorithm { BLOCK_REDUCE_RAKING_COMMUTATIVE_ONLY, BLOCK_REDUCE_RAKING, BLOCK_REDUCE_WARP_REDUCTIONS };
enum BlockScanAlgorithm { BLOCK_SCAN_RAKING, BLOCK_SCAN_RAKING_MEMOIZE, BLOCK_SCAN_WARP_SCANS };
enum BlockLoadAlgorithm { BLOCK_LOAD_DIRECT, BLOCK_LOAD_STRIPED, BLOCK_LOAD_VECTORIZE, BLOCK_LOAD_TRANSPOSE, BLOCK_LOAD_WARP_TRANSPOSE };
enum BlockStoreAlgorithm { BLOCK_STORE_DIRECT, BLOCK_STORE_STRIPED, BLOCK_STORE_VECTORIZE, BLOCK_STORE_TRANSPOSE, BLOCK_STORE_WARP_TRANSPOSE };

template <class T, int X, BlockReduceAlgorithm = BLOCK_REDUCE_WARP_REDUCTIONS, int Y = 1, int Z = 1> class BlockReduce {
    static constexpr int N = X * Y * Z;

public:
    struct TempStorage { T values[N]; };

private:
    TempStorage& storage;

public:
    explicit BlockReduce(TempStorage& storage) : storage(storage) {}
    // The result is thread 0's; `valid` threads have a value.
    template <class Combine> T Reduce(T value, Combine combine, int valid, CUB_LINE) {
        int i = emu::current->linear;
        storage.values[i] = value;
        for (int half = 1; half < N; half *= 2) {
            emu::block_barrier(line);
            if (i % (2 * half) == 0 && i + half < valid) storage.values[i] = combine(storage.values[i], storage.values[i + half]);
        }
        return storage.values[i];
    }
    template <class Combine> T Reduce(T value, Combine combine, CUB_LINE) { return Reduce(value, combine, N, line); }
    template <int K, class Combine> T Reduce(T (&values)[K], Combine combine, CUB_LINE) {
        T all = values[0];
        for (int k = 1; k < K; ++k) all = combine(all, values[k]);
        return Reduce(all, combine, N, line);
    }
    T Sum(T value, CUB_LINE) { return Reduce(value, cub::Sum(), N, line); }
    T Sum(T value, int valid, CUB_LINE) { return Reduce(value, cub::Sum(), valid, line); }
    template <int K> T Sum(T (&values)[K], CUB_LINE) { return Reduce(values, cub::Sum(), line); }
};

template <class T, int X, BlockScanAlgorithm = BLOCK_SCAN_RAKING, int Y = 1, int Z = 1> class BlockScan {
    static constexpr int N = X * Y * Z;

public:
    struct TempStorage { T values[N]; };

private:
    TempStorage& storage;
    template <class Combine> T scanned(T value, Combine combine, T& left, T& all, Line line) {  // left: what the threads before make
        int i = emu::current->linear;
        storage.values[i] = value;
        emu::block_barrier(line);
        for (int step = 1; step < N; step *= 2) {
            T before = i >= step ? storage.values[i - step] : value;
            emu::block_barrier(line);
            if (i >= step) storage.values[i] = combine(before, storage.values[i]);
            emu::block_barrier(line);
        }
        if (i) left = storage.values[i - 1];
        all = storage.values[N - 1];
        return storage.values[i];
    }

public:
    explicit BlockScan(TempStorage& storage) : storage(storage) {}
    template <class Combine> void InclusiveScan(T value, T& to, Combine combine, T& all, CUB_LINE) { T left = value; to = scanned(value, combine, left, all, line); }
    template <class Combine> void InclusiveScan(T value, T& to, Combine combine, CUB_LINE) { T all; InclusiveScan(value, to, combine, all, line); }
    template <class Combine> void ExclusiveScan(T value, T& to, T start, Combine combine, T& all, CUB_LINE) {
        T left = start;
        scanned(value, combine, left, all, line);
        to = emu::current->linear ? combine(start, left) : start;
    }
    template <class Combine> void ExclusiveScan(T value, T& to, T start, Combine combine, CUB_LINE) { T all; ExclusiveScan(value, to, start, combine, all, line); }
    void InclusiveSum(T value, T& to, CUB_LINE) { InclusiveScan(value, to, cub::Sum(), line); }
    void InclusiveSum(T value, T& to, T& all, CUB_LINE) { InclusiveScan(value, to, cub::Sum(), all, line); }
    void ExclusiveSum(T value, T& to, CUB_LINE) { ExclusiveScan(value, to, T(0), cub::Sum(), line); }
    void ExclusiveSum(T value, T& to, T& all, CUB_LINE) { ExclusiveScan(value, to, T(0), cub::Sum(), all, line); }
    template <int K> void InclusiveSum(T (&values)[K], T (&to)[K], CUB_LINE) {
        T own = 0, before;
        for (int k = 0; k < K; ++k) own += values[k];
        ExclusiveSum(own, before, line);
        for (int k = 0; k < K; ++k) to[k] = before += values[k];
    }
    template <int K> void ExclusiveSum(T (&values)[K], T (&to)[K], CUB_LINE) {
        T own = 0, before;
        for (int k = 0; k < K; ++k) own += values[k];
        ExclusiveSum(own, before, line);
        for (int k = 0; k < K; ++k) { T v = values[k]; to[k] = before; before += v; }
    }
};

template <class T, int N = 32> class WarpReduce {
public:
    struct TempStorage { char unused; };
    explicit WarpReduce(TempStorage&) {}
    template <class Combine> T Reduce(T value, Combine combine, CUB_LINE) { return Reduce(value, combine, N, line); }
    template <class Combine> T Reduce(T value, Combine combine, int valid, CUB_LINE) {
        int lane = emu::current->lane % N;
        for (int d = 1; d < N; d *= 2) {
            T other = __shfl_down_sync(~0u, value, d, N, line);
            if (lane + d < valid) value = combine(value, other);
        }
        return value;
    }
    T Sum(T value, CUB_LINE) { return Reduce(value, cub::Sum(), N, line); }
    T Sum(T value, int valid, CUB_LINE) { return Reduce(value, cub::Sum(), valid, line); }
};

template <class T, int N = 32> class WarpScan {
public:
    struct TempStorage { char unused; };
    explicit WarpScan(TempStorage&) {}
    template <class Combine> void InclusiveScan(T value, T& to, Combine combine, CUB_LINE) {
        for (int d = 1; d < N; d *= 2) {
            T left = __shfl_up_sync(~0u, value, d, N, line);
            if (emu::current->lane % N >= d) value = combine(left, value);
        }
        to = value;
    }
    void InclusiveSum(T value, T& to, CUB_LINE) { InclusiveScan(value, to, cub::Sum(), line); }
    void ExclusiveSum(T value, T& to, CUB_LINE) {
        T all;
        InclusiveScan(value, all, cub::Sum(), line);
        T left = __shfl_up_sync(~0u, all, 1, N, line);
        to = emu::current->lane % N ? left : T(0);
    }
};

template <class T, int X, int K, BlockLoadAlgorithm A = BLOCK_LOAD_DIRECT, int Y = 1, int Z = 1> class BlockLoad {
public:
    struct TempStorage { char unused; };
    BlockLoad() {}
    explicit BlockLoad(TempStorage&) {}
    template <class P> void Load(P from, T (&to)[K]) {
        for (int k = 0; k < K; ++k) to[k] = from[A == BLOCK_LOAD_STRIPED ? k * X * Y * Z + emu::current->linear : emu::current->linear * K + k];
    }
    template <class P> void Load(P from, T (&to)[K], int valid) { Load(from, to, valid, T()); }
    template <class P, class D> void Load(P from, T (&to)[K], int valid, D otherwise) {
        for (int k = 0; k < K; ++k) {
            int at = A == BLOCK_LOAD_STRIPED ? k * X * Y * Z + emu::current->linear : emu::current->linear * K + k;
            to[k] = at < valid ? (T)from[at] : (T)otherwise;
        }
    }
};
template <class T, int X, int K, BlockStoreAlgorithm A = BLOCK_STORE_DIRECT, int Y = 1, int Z = 1> class BlockStore {
public:
    struct TempStorage { char unused; };
    BlockStore() {}
    explicit BlockStore(TempStorage&) {}
    template <class P> void Store(P to, T (&from)[K]) { Store(to, from, 0x7fffffff); }
    template <class P> void Store(P to, T (&from)[K], int valid) {
        for (int k = 0; k < K; ++k) {
            int at = A == BLOCK_STORE_STRIPED ? k * X * Y * Z + emu::current->linear : emu::current->linear * K + k;
            if (at < valid) to[at] = from[k];
        }
    }
};
}  // namespace cub
