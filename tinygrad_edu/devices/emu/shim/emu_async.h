// Copies that a thread starts and waits for later (cp.async). Between the two the target holds NaN: a kernel that reads it
// before the wait, or still needed what it overwrites, shows.
#pragma once
#include "cuda_emu.h"

namespace emu {
struct Copies {
    static const int MOST = 64, GROUPS = 16;
    struct { void* to; const void* from; int bytes; } copy[MOST];
    int count, ends[GROUPS], groups;  // copies not yet done, where each closed group of them ends
    unsigned block;                   // which block they belong to
};
inline Copies copies_of_threads[1024];

inline Copies& copies() {
    Copies& mine = copies_of_threads[current->linear];
    if (mine.block != blocks_run) mine.count = mine.groups = 0, mine.block = blocks_run;
    return mine;
}
inline void copy_async(void* to, const void* from, int line, int bytes = 16) {
    Copies& mine = copies();
    if ((bytes != 4 && bytes != 8 && bytes != 16) || (uintptr_t)to % bytes || (uintptr_t)from % bytes)
        refuse(line, "an asynchronous copy must be between addresses that are multiples of its 4, 8 or 16 bytes", "Align the tile, or copy in the ordinary way.");
    if (mine.count == Copies::MOST) refuse(line, "a thread must have at most 64 asynchronous copies under way", "Wait for some of them.");
    memset(to, 0xff, bytes);
    mine.copy[mine.count++] = {to, from, bytes};
}
inline void commit_async(int line) {
    Copies& mine = copies();
    if (mine.groups == Copies::GROUPS) refuse(line, "a thread must have at most 16 groups of copies under way", "Wait for some of them.");
    mine.ends[mine.groups++] = mine.count;
}
inline void wait_async(int left) {  // until only that many groups are under way
    Copies& mine = copies();
    if (mine.groups <= left) return;
    int gone = mine.groups - left, done = mine.ends[gone - 1];
    for (int i = 0; i < done; ++i) {         // of known sizes: the profile build sees these
        auto& c = mine.copy[i];
        if (c.bytes == 16) memcpy(c.to, c.from, 16);
        else if (c.bytes == 8) memcpy(c.to, c.from, 8);
        else memcpy(c.to, c.from, 4);
    }
    memmove(mine.copy, mine.copy + done, (mine.count - done) * sizeof mine.copy[0]);
    for (int i = 0; i < left; ++i) mine.ends[i] = mine.ends[gone + i] - done;
    mine.count -= done;
    mine.groups = left;
}

// Copies of whole tiles that end a phase of a barrier in shared memory (cp.async.bulk). The barrier's word: how many phases have
// ended, and in its upper half the bytes that the present one waits for. Here a wait must come after the copies were started.
struct BulkCopies {
    static const int MOST = 64;
    struct { void* to; const void* from; unsigned bytes; uint64_t* barrier; } copy[MOST];
    int count;
    unsigned block;
};
inline BulkCopies bulk_copies;

static EMU_UNSEEN void expect_bulk(void* barrier, unsigned bytes) { *(uint64_t*)barrier += (uint64_t)bytes << 32; }
static EMU_UNSEEN void copy_bulk(void* to, const void* from, unsigned bytes, void* barrier, int line) {
    BulkCopies& all = bulk_copies;
    if (all.block != blocks_run) all.count = 0, all.block = blocks_run;
    if ((uintptr_t)to % 16 || (uintptr_t)from % 16 || bytes % 16) refuse(line, "a bulk copy must have addresses and a size that are multiples of 16 bytes", "Align the tile.");
    if (all.count == BulkCopies::MOST) refuse(line, "a block must have at most 64 bulk copies under way", "Wait for some of them.");
    (memset)(to, 0xff, bytes);
    all.copy[all.count++] = {to, from, bytes, (uint64_t*)barrier};
}
static EMU_UNSEEN void wait_bulk(void* barrier, unsigned parity, int line) {
    uint64_t& word = *(uint64_t*)barrier;
    if ((word & 1) != parity) return;        // that phase has ended
    BulkCopies& all = bulk_copies;
    unsigned brought = 0;
    int left = 0;
    for (int i = 0; i < all.count; ++i) {
        auto& c = all.copy[i];
        if (c.barrier == &word && all.block == blocks_run) (memcpy)(c.to, c.from, c.bytes), copied(c.to, c.bytes), brought += c.bytes;
        else all.copy[left++] = c;
    }
    all.count = left;
    if (brought == 0 || brought != word >> 32) refuse(line, "the copies of a phase must bring the bytes that its barrier expects", "Compare the sizes of the copies with what the barrier was told.");
    word = (uint32_t)word + 1;
}
}  // namespace emu
