// Instructions that CUDA C has no name for, each in a function of its own. On the emulated device, what they do is written out.
#pragma once
#include "common.cuh"
#ifdef __CUDA_EMU__
#include "emu_async.h"
#endif

__device__ __forceinline__ unsigned shared_address(const void* p) {
#ifdef __CUDA_EMU__
    return (unsigned)(unsigned long long)p;
#else
    return (unsigned)__cvta_generic_to_shared(p);
#endif
}

// Start to copy 16 bytes from global to shared memory, not through registers; the thread goes on meanwhile.
__device__ __forceinline__ void cp_async16(void* to, const void* from) {
#ifdef __CUDA_EMU__
    emu::copy_async(to, from, __LINE__);
#else
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(shared_address(to)), "l"(__cvta_generic_to_global(from)) : "memory");
#endif
}

// The copies that this thread started since the last such call become a group.
__device__ __forceinline__ void cp_async_commit() {
#ifdef __CUDA_EMU__
    emu::commit_async(__LINE__);
#else
    asm volatile("cp.async.commit_group;" ::: "memory");
#endif
}

// Wait until at most LEFT groups of this thread are under way. Other threads' copies need a barrier besides.
template <int LEFT> __device__ __forceinline__ void cp_async_wait() {
#ifdef __CUDA_EMU__
    emu::wait_async(LEFT);
#else
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
#endif
}

// Load four 8 x 8 matrices of 16-bit numbers from shared memory. Lane 8 i + r tells the address of row r of matrix i; r[i] gets, in
// lane 4 y + x, the elements (y, 2 x) and (y, 2 x + 1) of matrix i.
__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row) {
#ifdef __CUDA_EMU__
    unsigned who;
    int y = emu::current->lane / 4, x = emu::current->lane % 4;
    if ((uint64_t)row % 16) emu::refuse(__LINE__, "ldmatrix must get rows at multiples of 16 bytes", "Align the tile.");
    const uint64_t* rows = emu::warp_meet(FULL_MASK, (uint64_t)row, __LINE__, &who);
    for (int i = 0; i < 4; ++i) r[i] = ((const unsigned*)rows[i * 8 + y])[x];
    __syncwarp();  // all lanes read at one time: none goes on and writes there
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
#endif
}

// The same, each matrix turned: r[i] gets, in lane 4 y + x, the elements (2 x, y) and (2 x + 1, y).
__device__ __forceinline__ void ldmatrix_x4_turned(unsigned (&r)[4], const void* row) {
#ifdef __CUDA_EMU__
    unsigned who;
    int y = emu::current->lane / 4, x = emu::current->lane % 4;
    if ((uint64_t)row % 16) emu::refuse(__LINE__, "ldmatrix must get rows at multiples of 16 bytes", "Align the tile.");
    const uint64_t* rows = emu::warp_meet(FULL_MASK, (uint64_t)row, __LINE__, &who);
    for (int i = 0; i < 4; ++i) r[i] = ((const unsigned short*)rows[i * 8 + 2 * x])[y] | (unsigned)((const unsigned short*)rows[i * 8 + 2 * x + 1])[y] << 16;
    __syncwarp();
#else
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(shared_address(row)) : "memory");
#endif
}

// d += a b by a warp: a (16, 16) and b (16, 8) of bfloat16, d (16, 8) of float. Lane 4 y + x holds, two numbers a register,
//   a[i]: row y (+ 8 for i = 1, 3), columns 2 x, 2 x + 1 (+ 8 for i = 2, 3)       b[i]: rows 2 x, 2 x + 1 (+ 8 for i = 1), column y
//   d[i]: row y (+ 8 for i = 2, 3), column 2 x (+ 1 for i = 1, 3)
__device__ __forceinline__ void mma_m16n8k16(float (&d)[4], const unsigned (&a)[4], unsigned b0, unsigned b1) {
#ifdef __CUDA_EMU__
    struct { unsigned a[4], b[2]; } mine = {{a[0], a[1], a[2], a[3]}, {b0, b1}};
    unsigned who;
    int y = emu::current->lane / 4, x = emu::current->lane % 4;
    const uint64_t* all = emu::warp_meet(FULL_MASK, (uint64_t)&mine, __LINE__, &who);
    auto number = [](unsigned pair, int which) { return __uint_as_float(which ? pair & 0xffff0000u : pair << 16); };
    for (int i = 0; i < 4; ++i)
        for (int k = 0; k < 16; ++k) {
            auto from_a = (decltype(&mine))all[y * 4 + k % 8 / 2], from_b = (decltype(&mine))all[(2 * x + i % 2) * 4 + k % 8 / 2];
            d[i] += number(from_a->a[i / 2 + k / 8 * 2], k % 2) * number(from_b->b[k / 8], k % 2);
        }
    __syncwarp();  // nobody changes its numbers before all have read them
#else
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
#endif
}

// ---- Hopper (sm_90a) --------------------------------------------------------------------------------------------------
#if defined(__CUDA_EMU__) || defined(__CUDA_ARCH_FEAT_SM90_ALL)

// A barrier in shared memory that one thread arrives at, and that copies tell how many bytes they brought.
__device__ __forceinline__ void copy_barrier_init(unsigned long long* barrier) {
#ifdef __CUDA_EMU__
    *barrier = 0;
#else
    asm volatile("mbarrier.init.shared::cta.b64 [%0], 1; fence.mbarrier_init.release.cluster;" ::"r"(shared_address(barrier)) : "memory");
#endif
}

// The barrier's present phase ends when that many bytes have come.
__device__ __forceinline__ void copy_barrier_expect(unsigned long long* barrier, unsigned bytes) {
#ifdef __CUDA_EMU__
    emu::expect_bulk(barrier, bytes);
#else
    asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(barrier)), "r"(bytes) : "memory");
#endif
}

// One thread has the copy engine (the Tensor Memory Accelerator) bring a whole tile; all addresses are multiples of 16 bytes.
__device__ __forceinline__ void bulk_copy(void* to, const void* from, unsigned bytes, unsigned long long* barrier) {
#ifdef __CUDA_EMU__
    emu::copy_bulk(to, from, bytes, barrier, __LINE__);
#else
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];"
                 ::"r"(shared_address(to)), "l"(__cvta_generic_to_global(from)), "r"(bytes), "r"(shared_address(barrier)) : "memory");
#endif
}

// Wait until the phase of that parity (0 for the first, 1 for the second, 0 ...) has ended.
__device__ __forceinline__ void copy_barrier_wait(unsigned long long* barrier, unsigned parity) {
#ifdef __CUDA_EMU__
    emu::wait_bulk(barrier, parity, __LINE__);
#else
    asm volatile("{ .reg .pred done;\n"
                 "again: mbarrier.try_wait.parity.shared::cta.b64 done, [%0], %1;\n"
                 "@!done bra again; }" ::"r"(shared_address(barrier)), "r"(parity) : "memory");
#endif
}

__device__ __forceinline__ void wgmma_fence() {  // before the first product: the registers of d are as the program says
#ifndef __CUDA_EMU__
    asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
__device__ __forceinline__ void wgmma_commit() {  // the products started so far become a group
#ifndef __CUDA_EMU__
    asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}
template <int LEFT> __device__ __forceinline__ void wgmma_wait() {  // until at most LEFT groups are under way
#ifndef __CUDA_EMU__
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(LEFT) : "memory");
#endif
}

// What wgmma wants to know of a tile in shared memory: where it is, that 8 rows of 128 bytes come to 1024, and that the 16-byte pieces of
// row r stand at their number exclusive-or r % 8.
__device__ __forceinline__ unsigned long long tile_of_128_bytes(const void* start) {
    return (shared_address(start) & 0x3ffff) >> 4 | 1ull << 16 | (1024ull >> 4) << 32 | 1ull << 62;
}

// Start d += a b^T by a warpgroup, four warps: a (64, 16) and b (128, 16) of bfloat16, both part of tiles with rows of 64 numbers, d (64, 128).
// Lane 4 y + x of warp w holds in d[4 j + i]: row 16 w + y (+ 8 for i = 2, 3), column 8 j + 2 x (+ 1 for i = 1, 3).
__device__ __forceinline__ void wgmma_m64n128k16(float (&d)[64], const void* a, const void* b) {
#ifdef __CUDA_EMU__
    int warp = emu::current->linear / 32 % 4, y = emu::current->lane / 4, x = emu::current->lane % 4;
    auto number = [](const void* tile, int row, int k) {
        unsigned long long at = (unsigned long long)tile + row * 128 + k * 2;
        return __uint_as_float((unsigned)*(const unsigned short*)(at ^ (at >> 7 & 7) << 4) << 16);
    };
    for (int i = 0; i < 64; ++i)
        for (int k = 0; k < 16; ++k) d[i] += number(a, warp * 16 + y + i % 4 / 2 * 8, k) * number(b, i / 4 * 8 + x * 2 + i % 2, k);
#else
#define D4(i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define D16(i) D4(i), D4(i + 4), D4(i + 8), D4(i + 12)
    asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32.bf16.bf16 {"
                 "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "
                 "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "
                 "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "
                 "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63}, %64, %65, 1, 1, 1, 0, 0;"
                 : D16(0), D16(16), D16(32), D16(48) : "l"(tile_of_128_bytes(a)), "l"(tile_of_128_bytes(b)));
#undef D16
#undef D4
#endif
}
#endif
