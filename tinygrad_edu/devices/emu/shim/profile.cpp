// Watches memory. In the profile build g++ calls __tsan_read4(address) and its like before every access of a kernel, as for its
// thread sanitizer; here these calls are counted and checked instead. Part of runtime.cpp.
//
// Counting: the k-th time the lanes of a warp come to one instruction (between two barriers) is one request of the warp.
// Checking: a shadow cell for every 4 bytes remembers who wrote and who read last, and at which barrier. Two accesses race if
// nothing orders them, whatever order the fibers happened to run in.

// ---- what Python reads ----

enum Kind : uint32_t { READ, WRITE, ATOMIC };
enum Space : uint32_t { GLOBAL, SHARED };
enum Finding : uint32_t { RACE, OUTSIDE, UNINITIALISED, MISALIGNED, SHUFFLE, SAME_VALUE };
struct Site {               // one instruction
    uint64_t pc, requests, lanes, units, ideal, bytes;  // units: sectors of 32 bytes, or passes over the banks of shared memory
    uint32_t kind, space, size;
    int32_t array;          // number of the array, -1: shared memory
    uint32_t first_lanes;   // lanes of the first full request that came here
    int32_t first_lane[32]; // its lanes' numbers
    uint64_t first[32];     // and their addresses, from the start of the array or of shared memory
};
struct Problem {            // the first of its kind at its instructions
    uint64_t pc, other_pc, count;
    int64_t place;          // byte in the array
    uint32_t finding, kind, thread, other_thread, block[3], other_block;
    int32_t array, size;    // number of the array, -1: shared memory
};
struct Watched {            // an array that was passed to the kernel
    uint64_t start, size, read_sectors, written_sectors;
};
struct Cell {               // of 4 bytes
    uint32_t write_block, write_epoch, write_fence, read_block, read_epoch, read_fence, written_block;  // blocks count from 1, 0: never
    uint16_t write_thread, write_site, read_thread, read_other, read_site;
    uint8_t write_bytes, write_atomic, read_bytes, readers, written_bytes;  // readers: one thread, several of a warp, several warps
};
enum Readers : uint8_t { ONE, ONE_WARP, SEVERAL };

static const int SITES = 4096, ARRAYS = 64, PROBLEMS = 64;
static const size_t RECORDS = 1 << 22;
static Site sites[SITES];
static Problem problems[PROBLEMS];
static Watched arrays[ARRAYS];
static Cell* cells[ARRAYS];         // null: too large to be watched for races
static uint64_t* touched[ARRAYS];   // one bit a sector, reads then writes
static Cell* shared_cells;
static int site_count, problem_count, array_count, grid_waits;
static uint16_t site_of[2 * SITES]; // hash of (pc, space) -> site + 1
static uint32_t (*turns)[MOST];     // how often each thread came to a site since the last barrier
struct Record { uint64_t key, address; };
static Record* records;
static size_t record_count, dynamic_size;
extern "C" char __ehdr_start[] __attribute__((visibility("hidden")));
extern "C" char _end[] __attribute__((visibility("hidden")));

// Behind all shared arrays: what is written far past the last one's end lands here, and is seen.
__attribute__((section("emu_shared"), used)) static char shared_tail[64 << 10];
static const int SHARED_ARRAYS = 256;
static struct { const char *start, *end; } shared_arrays[SHARED_ARRAYS];
static int shared_array_count;      // 0: where they stand is not known

static bool in_shared_array(const char* p, int size) {
    for (int i = 0; i < shared_array_count; ++i) if (p >= shared_arrays[i].start && p + size <= shared_arrays[i].end) return true;
    return !shared_array_count;
}

static void* pages(size_t bytes) {  // zeros, taken when touched
    void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : p;
}

static int find_site(uint64_t pc, Space space, Kind kind, int size, int array) {
    uint64_t key = pc * 2 + space;
    for (unsigned h = key * 0x9E3779B97F4A7C15u >> 51;; ++h) {
        uint16_t& slot = site_of[h & (2 * SITES - 1)];
        if (!slot) {
            if (site_count == SITES - 1) return -1;
            sites[site_count] = {pc, 0, 0, 0, 0, 0, kind, space, (uint32_t)size, array, 0, {}, {}};
            slot = ++site_count;
        }
        Site& s = sites[slot - 1];
        if (s.pc == pc && s.space == space) return slot - 1;
    }
}

static uint64_t pc_of(int site) { return sites[site].pc; }

// ---- counting ----

static void count_request(const Record* first, int lanes) {
    Site& site = sites[first->key >> 51];
    int size = first->key & 0xff;
    uint64_t at[32];
    ++site.requests;
    site.lanes += lanes;
    if (site.first_lanes < (uint32_t)lanes) {           // the picture of an access shows the fullest one
        site.first_lanes = lanes;
        uint64_t start = site.array >= 0 ? arrays[site.array].start : 0;
        for (int i = 0; i < lanes; ++i) site.first_lane[i] = first[i].key >> 8 & 31, site.first[i] = first[i].address - start;
    }
    site.bytes += (uint64_t)lanes * size;
    if (site.space == GLOBAL) {
        for (int i = 0; i < lanes; ++i) {   // sorted: lanes mostly rise
            uint64_t a = first[i].address;
            int j = i;
            for (; j && at[j - 1] > a; --j) at[j] = at[j - 1];
            at[j] = a;
        }
        uint64_t sector = ~0ull, sectors = 0, bytes = 0, end = 0;
        for (int i = 0; i < lanes; ++i) {
            uint64_t from = std::max(at[i], end), to = at[i] + size;
            if (to > from) bytes += to - from;
            end = std::max(end, to);
            for (uint64_t s = at[i] >> 5; s <= (to - 1) >> 5; ++s)
                if (sector == ~0ull || s > sector) { ++sectors; sector = s; }
        }
        site.units += sectors;
        site.ideal += (bytes + 31) / 32;
        return;
    }
    int per_pass = size <= 4 ? 32 : size == 8 ? 16 : 8;     // lanes whose words fill the 32 banks once
    for (int from = 0, i = 0; from < 32; from += per_pass) {
        uint64_t words[32][32];                              // of each bank: different words wait for one another
        int count[32] = {0}, most = 0;
        for (; i < lanes && (int)(first[i].key >> 8 & 31) < from + per_pass; ++i)
            for (uint64_t w = first[i].address >> 2; w <= (first[i].address + size - 1) >> 2; ++w) {
                int bank = w & 31, j = count[bank];
                while (j && words[bank][j - 1] != w) --j;
                if (!j) { words[bank][count[bank]++] = w; most = std::max(most, count[bank]); }
            }
        site.units += most;
        site.ideal += most > 0;
    }
}

// A place for each request: which record came from each lane of each warp, when it came to a site for the k-th time.
static const size_t PLACES = 1 << 23;
static uint32_t* places;            // number of the record + 1, 0: the lane did not come
static size_t first_place[SITES + 1];

static bool give_places() {         // false: there are too many
    size_t count = 0;
    for (int s = 0; s < site_count; ++s) {
        uint32_t most = 0;
        for (int t = 0; t < thread_count; ++t) most = std::max(most, turns[s][t]);
        first_place[s] = count;
        count += (size_t)most * warp_count * 32;
    }
    first_place[site_count] = count;
    if (!places || count > PLACES) return false;
    memset(places, 0, count * sizeof *places);
    for (size_t i = 0; i < record_count; ++i) {
        uint64_t key = records[i].key, warp = key >> 46 & 31, turn = key >> 13 & 0x1ffffffff, lane = key >> 8 & 31;
        places[first_place[key >> 51] + (turn * warp_count + warp) * 32 + lane] = (uint32_t)i + 1;
    }
    return true;
}

static void count_places() {
    Record request[32];
    for (size_t at = 0; at < first_place[site_count]; at += 32) {
        int lanes = 0;
        for (int lane = 0; lane < 32; ++lane) if (uint32_t record = places[at + lane]) request[lanes++] = records[record - 1];
        if (lanes) count_request(request, lanes);
    }
}

static void flush() {               // group what was recorded into requests
    if (give_places()) count_places();
    else {
        std::sort(records, records + record_count, [](const Record& a, const Record& b) { return a.key < b.key; });
        for (size_t i = 0, j; i < record_count; i = j) {
            for (j = i + 1; j < record_count && records[j].key >> 13 == records[i].key >> 13;) ++j;
            count_request(records + i, (int)(j - i));
        }
    }
    record_count = 0;
    for (int s = 0; s < site_count; ++s) memset(turns[s], 0, sizeof(uint32_t) * thread_count);
}

static void profile_block() {}      // cells carry the block's number: nothing to clear
static void judge_two_stores();
static void profile_barrier() { judge_two_stores(); if (records) flush(); }

// ---- checking ----

static void found(Finding finding, Kind kind, uint64_t pc, uint64_t other_pc, int array, int64_t place, int size, int other_thread, uint32_t other_block) {
    for (int i = 0; i < problem_count; ++i)
        if (problems[i].finding == finding && problems[i].pc == pc && (problems[i].other_pc == other_pc || finding != RACE)) { ++problems[i].count; return; }
    if (problem_count == PROBLEMS) return;
    problems[problem_count++] = {pc, other_pc, 1, place, finding, kind, (uint32_t)current->linear, (uint32_t)other_thread, {block.x, block.y, block.z}, other_block, array, size};
}

// Two threads that store to one place do no harm if they store the same. That is known once the second store is done: the next
// access looks.
static struct { bool open; const char* at; int size; char old[32]; Kind kind; uint64_t pc, other_pc; int array; int64_t place; int other_thread; uint32_t other_block; Thread* self; } two_stores;

static void judge_two_stores() {
    auto& two = two_stores;
    if (!two.open) return;
    two.open = false;
    bool same = memcmp(two.old, two.at, std::min(two.size, 32)) == 0;
    Thread* now = current;
    current = two.self;
    found(same ? SAME_VALUE : RACE, two.kind, two.pc, two.other_pc, two.array, two.place, two.size, two.other_thread, two.other_block);
    current = now;
}

struct Now { uint32_t block, epoch, fence; int thread, warp, site; };

// Whether an earlier access happens before now in every order that the GPU may choose.
static bool ordered(uint32_t its_block, uint32_t epoch, uint32_t fence, int thread, const Now& now, bool shared) {
    if (its_block != now.block) return shared || grid_waits;
    return epoch != now.epoch || thread == now.thread || (thread / 32 == now.warp && fence != now.fence);
}

static const char* accessed;        // the address of the access that is checked

static void race_with_write(const Cell& c, Kind kind, uint64_t pc, const Now& now, int array, int64_t place, int size) {
    if (kind != WRITE || size > 32) return found(RACE, kind, pc, pc_of(c.write_site), array, place, size, c.write_thread, c.write_block);
    if (two_stores.open) return;
    two_stores = {true, accessed, size, {}, kind, pc, pc_of(c.write_site), array, place, c.write_thread, c.write_block, current};
    memcpy(two_stores.old, accessed, size);
}

static void check(Cell& c, uint8_t bytes, Kind kind, const Now& now, int array, int64_t place, int size) {
    bool shared = array < 0;
    uint64_t pc = pc_of(now.site);
    if (c.write_block && c.write_bytes & bytes && !(kind == ATOMIC && c.write_atomic) && !ordered(c.write_block, c.write_epoch, c.write_fence, c.write_thread, now, shared))
        race_with_write(c, kind, pc, now, array, place, size);
    if (shared && kind != WRITE && (c.written_block != now.block || (c.written_bytes & bytes) != bytes)) found(UNINITIALISED, kind, pc, 0, array, place, size, 0, 0);
    if (kind == READ) {
        bool neighbour = c.read_thread != now.thread && !(c.read_bytes & bytes);    // another part of these 4 bytes: the newest is kept
        if (c.read_block != now.block || c.read_epoch != now.epoch || neighbour) c.readers = ONE, c.read_bytes = 0, c.read_thread = now.thread;
        else if (c.read_thread != now.thread) {
            if (c.read_thread / 32 != now.warp) c.readers = SEVERAL;
            else if (c.readers == ONE) c.readers = ONE_WARP;
            c.read_other = now.thread;
        }
        c.read_block = now.block, c.read_epoch = now.epoch, c.read_fence = now.fence, c.read_site = now.site, c.read_bytes |= bytes;
        return;
    }
    if (c.read_block && c.read_bytes & bytes) {
        bool before = c.readers == ONE ? ordered(c.read_block, c.read_epoch, c.read_fence, c.read_thread, now, shared)
                    : c.read_block != now.block ? shared || grid_waits
                    : c.read_epoch != now.epoch || (c.readers == ONE_WARP && c.read_thread / 32 == now.warp && c.read_fence != now.fence);
        if (!before) found(RACE, kind, pc, pc_of(c.read_site), array, place, size, c.readers != ONE && c.read_thread == now.thread ? c.read_other : c.read_thread, c.read_block);
    }
    if (c.written_block != now.block) c.written_block = now.block, c.written_bytes = 0;
    c.written_bytes |= bytes;
    c.write_block = now.block, c.write_epoch = now.epoch, c.write_fence = now.fence, c.write_thread = now.thread, c.write_site = now.site;
    c.write_bytes = bytes, c.write_atomic = kind == ATOMIC;
}

static void check_all(Cell* cell, uint64_t place, int size, Kind kind, const Now& now, int array) {
    for (uint64_t at = place; at < place + size;) {         // word by word
        uint64_t end = std::min<uint64_t>((at | 3) + 1, place + size);
        check(cell[at >> 2], ((1u << (end - at)) - 1) << (at & 3), kind, now, array, at, size);
        at = end;
    }
}

static uint64_t shared_place(const char* p) {   // static arrays, then dynamic shared memory
    if (p >= dynamic_shared && p < dynamic_shared + DYNAMIC) return (__stop_emu_shared - __start_emu_shared + 15) / 16 * 16 + (p - dynamic_shared);
    return p - __start_emu_shared;
}

static void access(const void* address, int size, Kind kind, void* return_address) {
    const char* p = accessed = (const char*)address;
    judge_two_stores();
    if (!records || (p >= stacks && p < stacks + MOST * (STACK + PAGE))) return;    // a thread's own
    bool is_static = __start_emu_shared && p >= __start_emu_shared && p < __stop_emu_shared, is_dynamic = p >= dynamic_shared && p < dynamic_shared + DYNAMIC;
    if (!is_static && !is_dynamic && p >= __ehdr_start && p < _end) return;         // threadIdx and its like; constant memory
    uint64_t pc = (uint64_t)return_address - 1;
    bool shared = is_static || is_dynamic;
    int a = shared ? -1 : 0;
    while (a >= 0 && a < array_count && (uint64_t)p - arrays[a].start >= arrays[a].size) ++a;
    if (a == array_count || (a >= 0 && (uint64_t)p + size > arrays[a].start + arrays[a].size)) {
        int nearest = 0;
        uint64_t least = ~0ull;
        for (int i = 0; i < array_count; ++i) {
            uint64_t from = (uint64_t)p - arrays[i].start, away = from < arrays[i].size ? 0 : std::min(from - arrays[i].size, arrays[i].start - (uint64_t)p);
            if (away < least) least = away, nearest = i;
        }
        found(OUTSIDE, kind, pc, 0, nearest, array_count ? (int64_t)((uint64_t)p - arrays[nearest].start) : 0, size, 0, 0);
        return;
    }
    int site = find_site(pc, shared ? SHARED : GLOBAL, kind, size, a);
    if (site < 0) return;
    Thread* self = current;
    Now now = {1 + block.x + grid_size.x * (block.y + grid_size.y * block.z), barriers, warps[self->warp].fences, self->linear, self->warp, site};
    if (size <= 16 && !(size & (size - 1)) && (uint64_t)p % size) found(MISALIGNED, kind, pc, 0, a, (int64_t)((uint64_t)p % size), size, 0, 0);
    if (shared) {
        uint64_t place = shared_place(p);
        if (is_static && !in_shared_array(p, size)) found(OUTSIDE, kind, pc, 0, -1, p - __start_emu_shared, size, 0, 0);
        else if (is_dynamic && (size_t)(p - dynamic_shared) + size > dynamic_size) found(OUTSIDE, kind, pc, 0, -1, p - dynamic_shared, size, 0, 0);
        else check_all(shared_cells, place, size, kind, now, -1);
    } else {
        uint64_t place = (uint64_t)p - arrays[a].start;
        for (uint64_t s = place >> 5; s <= (place + size - 1) >> 5; ++s) {
            size_t bit = s + (kind == READ ? 0 : (arrays[a].size + 63) / 32);
            touched[a][bit >> 6] |= 1ull << (bit & 63);
        }
        if (cells[a]) check_all(cells[a], place, size, kind, now, a);
    }
    if (record_count == RECORDS) flush();
    uint64_t turn = turns[site][self->linear]++;
    records[record_count++] = {(uint64_t)site << 51 | (uint64_t)self->warp << 46 | (turn & 0x1ffffffffull) << 13 | (uint64_t)self->lane << 8 | (size & 0xff), (uint64_t)p};
}

void shuffled_outside(int source) {
    if (records) found(SHUFFLE, READ, (uint64_t)__builtin_return_address(0) - 1, 0, -1, source, 0, 0, 0);
}

void atomic_access(const void* address, int size, void* pc) { access(address, size, ATOMIC, pc); }

void copied(void* shared, size_t size) {
    if (!records) return;
    uint64_t place = shared_place((const char*)shared);
    for (uint64_t w = place >> 2; w < (place + size) >> 2; ++w) {
        memset(&shared_cells[w], 0, sizeof(Cell));
        shared_cells[w].written_block = 1 + block.x + grid_size.x * (block.y + grid_size.y * block.z);
        shared_cells[w].written_bytes = 15;
    }
}

}  // namespace emu
#define EMU_SEEN_BY(name, size, kind) extern "C" void name(void* p) { emu::access(p, size, emu::kind, __builtin_return_address(0)); }
#define EMU_STEPPED(name, size, kind) extern "C" void name(void* p) { emu::step(__builtin_return_address(0)); emu::access(p, size, emu::kind, __builtin_return_address(0)); }
#define EMU_SIZES(size)                                        \
    EMU_SEEN_BY(__tsan_read##size, size, READ)                 \
    EMU_SEEN_BY(__tsan_write##size, size, WRITE)               \
    EMU_STEPPED(__tsan_volatile_read##size, size, READ)        \
    EMU_STEPPED(__tsan_volatile_write##size, size, WRITE)      \
    EMU_STEPPED(__tsan_unaligned_volatile_read##size, size, READ)   \
    EMU_STEPPED(__tsan_unaligned_volatile_write##size, size, WRITE) \
    EMU_SEEN_BY(__tsan_unaligned_read##size, size, READ)       \
    EMU_SEEN_BY(__tsan_unaligned_write##size, size, WRITE)
EMU_SIZES(1)
EMU_SIZES(2)
EMU_SIZES(4)
EMU_SIZES(8)
EMU_SIZES(16)
extern "C" void __tsan_read_range(void* p, size_t n) { emu::access(p, (int)n, emu::READ, __builtin_return_address(0)); }
extern "C" void __tsan_write_range(void* p, size_t n) { emu::access(p, (int)n, emu::WRITE, __builtin_return_address(0)); }
extern "C" void* __tsan_memcpy(void* to, const void* from, size_t n) {
    emu::access(from, (int)n, emu::READ, __builtin_return_address(0));
    emu::access(to, (int)n, emu::WRITE, __builtin_return_address(0));
    return memcpy(to, from, n);
}
extern "C" void* __tsan_memset(void* to, int value, size_t n) {
    emu::access(to, (int)n, emu::WRITE, __builtin_return_address(0));
    return memset(to, value, n);
}
extern "C" void __tsan_vptr_read(void*) {}
extern "C" void __tsan_vptr_update(void*, void*) {}
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}

// ---- what Python calls ----

#define EMU_EXPORT extern "C" __attribute__((visibility("default")))

// Watch these arrays from now on. `waits`: blocks hand over to one another, so order between blocks is not judged.
EMU_EXPORT int emu_profile_begin(const uint64_t* starts, const uint64_t* sizes, int count, size_t dynamic, size_t most, int waits) {
    using namespace emu;
    site_count = problem_count = 0;
    record_count = 0;
    memset(site_of, 0, sizeof site_of);
    array_count = std::min(count, ARRAYS);
    dynamic_size = dynamic;
    grid_waits = waits;
    records = (Record*)pages(RECORDS * sizeof(Record));
    turns = (uint32_t(*)[MOST])pages(SITES * sizeof *turns);
    places = (uint32_t*)pages(PLACES * sizeof *places);
    shared_cells = (Cell*)pages((DYNAMIC * 3 / 4 + 8) * sizeof(Cell));
    bool complete = records && turns && shared_cells;
    for (int a = 0; a < array_count; ++a) {
        arrays[a] = {starts[a], sizes[a], 0, 0};
        cells[a] = sizes[a] <= most ? (Cell*)pages((sizes[a] / 4 + 2) * sizeof(Cell)) : nullptr;
        touched[a] = (uint64_t*)pages((sizes[a] / 32 + 4) / 4 + 32);
        complete = complete && touched[a];
    }
    return complete;
}

// Where the shared arrays stand, from the start of their section: accesses between them are outside.
EMU_EXPORT void emu_profile_shared(const uint64_t* offsets, const uint64_t* sizes, int count) {
    using namespace emu;
    shared_array_count = std::min(count, SHARED_ARRAYS);
    for (int i = 0; i < shared_array_count; ++i) shared_arrays[i] = {__start_emu_shared + offsets[i], __start_emu_shared + offsets[i] + sizes[i]};
}

// Stop watching; returns the number of sites and of problems, and where they and the arrays stand.
EMU_EXPORT void emu_profile_end(int* counts, void** tables) {
    using namespace emu;
    judge_two_stores();
    if (records) flush();
    for (int a = 0; a < array_count; ++a) {
        size_t half = (arrays[a].size + 63) / 32, last = 2 * half;
        for (size_t bit = 0; bit < last && touched[a]; ++bit)
            if (touched[a][bit >> 6] >> (bit & 63) & 1) ++(bit < half ? arrays[a].read_sectors : arrays[a].written_sectors);
        if (cells[a]) munmap(cells[a], (arrays[a].size / 4 + 2) * sizeof(Cell));
        if (touched[a]) munmap(touched[a], (arrays[a].size / 32 + 4) / 4 + 32);
    }
    munmap(records, RECORDS * sizeof(Record));
    munmap(turns, SITES * sizeof *turns);
    if (places) munmap(places, PLACES * sizeof *places);
    munmap(shared_cells, (DYNAMIC * 3 / 4 + 8) * sizeof(Cell));
    records = nullptr;
    counts[0] = site_count, counts[1] = problem_count;
    tables[0] = sites, tables[1] = problems, tables[2] = arrays;
}
namespace emu {
