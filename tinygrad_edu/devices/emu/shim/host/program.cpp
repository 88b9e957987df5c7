// The device of a whole program: its memory, its launches, its errors. Linked with runtime.cpp into the program (program.py).
//
// Device memory is mapped twice. A kernel, and whatever points into it, uses the one address; outside of launches that one is
// closed, so that host code which reads a device pointer is caught at its line, as a GPU's machine would. Copies use the other.
#include "cublasLt.h"
#include "cublas_v2.h"
#include "cuda_runtime.h"
#include <algorithm>
#include <cerrno>
#include <dlfcn.h>
#include <csignal>
#include <cstdarg>
#include <ctime>
#include <map>
#include <set>
#include <string>
#include <vector>
#include <fcntl.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

extern "C" void* emu_memory(void*);
extern "C" void emu_arm();
extern "C" void emu_disarm();
extern "C" void emu_in_step(int);
extern "C" const char* emu_launch(void (*)(void**), void**, const unsigned*, const unsigned*, size_t, double, unsigned long long, unsigned long long);
#ifdef EMU_PROFILE
extern "C" int emu_profile_begin(const uint64_t*, const uint64_t*, int, size_t, size_t, int);
extern "C" void emu_profile_end(int*, void**);
#endif
extern "C" char __ehdr_start[] __attribute__((visibility("hidden")));
extern "C" char _end[] __attribute__((visibility("hidden")));

namespace {
const size_t PAGE = 4096, DEFAULT_SHARED = 48 << 10, MOST_SHARED = 227 << 10, CLOSED_MOST = 256, FILLED_MOST = 256 << 20;
const size_t TOTAL = (size_t)16 << 30;       // what the device says it has
enum Kind { DEVICE, MANAGED, HOST, REGISTERED };  // HOST: page-locked, which kernels may use too; REGISTERED: the program's own
struct Allocation {
    size_t bytes, mapped;
    Kind kind;
    char* host;                              // where the host may read and write it
};
std::map<uintptr_t, Allocation> memory;      // by the address that the program knows
std::map<const void*, int> allowed_shared;
std::set<std::string> told;
cudaError_t last = cudaSuccess;
bool sticky = false, launching = false, open_now = false;
size_t used = 0;
int backing = -1;                            // a file in memory that holds all device memory
size_t backed = 0;
FILE* records = nullptr;                     // where --profile and --check leave what they saw
std::map<std::string, int> watched;

// A sentence on stderr, each once.
void tell(const char* format, ...) {
    char text[6000];
    va_list list;
    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (told.insert(text).second && told.size() <= 100) fflush(stdout), fprintf(stderr, "emu: %s\n", text);
}

std::string line_of(const void* pc) {        // "file line n" of an address in the program: the innermost line that is the user's
    char command[300], text[400];
    snprintf(command, sizeof command, "addr2line -i -e /proc/%d/exe %#lx 2>/dev/null", (int)getpid(), (unsigned long)((const char*)pc - __ehdr_start));
    FILE* pipe = popen(command, "r");
    std::string best = "an unknown line";
    while (pipe && fgets(text, sizeof text, pipe)) {
        std::string found = text;
        found = found.substr(0, found.find_first_of(" \n"));
        size_t colon = found.rfind(':'), slash = found.rfind('/');
        if (colon == std::string::npos || found[0] == '?' || found.find("/shim/") != std::string::npos) continue;
        slash = slash == std::string::npos ? 0 : slash + 1;
        best = found.substr(slash, colon - slash) + " line " + found.substr(colon + 1);
        break;
    }
    if (pipe) pclose(pipe);
    return best;
}

std::string with_lines(std::string text) {   // "@0x7f..:" in a message becomes the file and line
    for (size_t at; (at = text.find("@0x")) != std::string::npos;) {
        size_t end = text.find_first_not_of("0123456789abcdef", at + 3);
        text.replace(at, end - at, line_of((const void*)strtoull(text.c_str() + at + 1, nullptr, 16)));
    }
    return text;
}

cudaError_t fail(cudaError_t error) { last = error; return error; }

size_t whole_pages(size_t bytes) { return (bytes + PAGE - 1) / PAGE * PAGE; }

// The allocation that an address lies in, or null.
std::pair<const uintptr_t, Allocation>* owner(const void* p) {
    auto at = memory.upper_bound((uintptr_t)p);
    if (at == memory.begin()) return nullptr;
    --at;
    return (uintptr_t)p - at->first < std::max<size_t>(at->second.bytes, 1) ? &*at : nullptr;
}
bool in_program(const void* p) { return (const char*)p >= __ehdr_start && (const char*)p < _end; }   // __device__ variables

// Where the host reads or writes `bytes` at p; null if that is not one allocation.
char* reachable(const void* p, size_t bytes) {
    auto* found = owner(p);
    if (!found) return (char*)p;
    size_t offset = (uintptr_t)p - found->first;
    return offset + bytes <= found->second.bytes ? found->second.host + offset : nullptr;
}

unsigned char guard_byte(size_t i) { return (unsigned char)(0xA5 ^ i * 29); }
void guard(const Allocation& a) { for (size_t i = a.bytes; i < a.mapped; ++i) a.host[i] = guard_byte(i); }

void open_memory(bool open) {                // for a launch, and closed after it
    if (memory.size() > CLOSED_MOST && !open) return;
    if (open == open_now) return;
    for (auto& [at, a] : memory)
        if (a.kind == DEVICE && a.host != (char*)at) mprotect((void*)at, a.mapped, open ? PROT_READ | PROT_WRITE : PROT_NONE);
    open_now = open;
}

cudaError_t allocate(void** to, size_t bytes, Kind kind) {
    if (!to) return fail(cudaErrorInvalidValue);
    *to = nullptr;
    if (!bytes) return cudaSuccess;
    if (bytes > TOTAL - used) {
        tell("cudaMalloc: device memory must fit into 16 GB, got %zu bytes with %zu in use. Free arrays, or use smaller ones.", bytes, used);
        return fail(cudaErrorMemoryAllocation);
    }
    size_t mapped = whole_pages(bytes + 1);
    // a closed page before and after: a loop past the end stops there
    char* at = (char*)mmap(nullptr, mapped + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) return fail(cudaErrorMemoryAllocation);
    at += PAGE;
    char* host = nullptr;
    if (kind == DEVICE) {
        if (backing < 0) backing = memfd_create("emu", MFD_CLOEXEC);
        if (backing >= 0 && ftruncate(backing, (off_t)(backed + mapped)) == 0) {
            host = (char*)mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, backing, (off_t)backed);
            int access = open_now || memory.size() >= CLOSED_MOST ? PROT_READ | PROT_WRITE : PROT_NONE;
            if (host != MAP_FAILED && mmap(at, mapped, access, MAP_SHARED | MAP_FIXED, backing, (off_t)backed) != MAP_FAILED) backed += mapped;
            else host = nullptr;
        }
    }
    if (!host) mprotect(at, mapped, PROT_READ | PROT_WRITE), host = at;
    Allocation a{bytes, mapped, kind, host};
    if (bytes <= FILLED_MOST) memset(host, 0xff, bytes);    // NaN: not yet written
    guard(a);
    memory[(uintptr_t)at] = a;
    used += bytes;
    *to = at;
    return cudaSuccess;
}

cudaError_t release(void* p, bool of_host) {
    if (!p) return cudaSuccess;
    auto at = memory.find((uintptr_t)p);
    if (at == memory.end() || at->second.kind == REGISTERED || (at->second.kind == HOST) != of_host) {
        tell("%s: must get a pointer that %s gave and that is not yet freed, got %p.", of_host ? "cudaFreeHost" : "cudaFree", of_host ? "cudaMallocHost" : "cudaMalloc", p);
        return fail(cudaErrorInvalidValue);
    }
    Allocation a = at->second;
    if (a.host != p) {
        madvise(a.host, a.mapped, MADV_REMOVE);
        munmap(a.host, a.mapped);
    }
    // the address stays closed: a use after the free is caught
    mmap(p, a.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
    used -= a.bytes;
    memory.erase(at);
    return cudaSuccess;
}

// ---- host code that touches device memory ----

void on_host_fault(int number, siginfo_t* info, void* context) {
#if defined(__x86_64__)
    void* pc = (void*)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
#else
    void* pc = (void*)((ucontext_t*)context)->uc_mcontext.pc;
#endif
    if (owner(info->si_addr))
        tell("%s: host code must not read or write device memory, got an access to %p, which cudaMalloc gave. Copy it with cudaMemcpy first, or use cudaMallocManaged.", line_of(pc).c_str(), info->si_addr);
    signal(number, SIG_DFL);                 // the fault happens again, and ends the program as it would have
}

__attribute__((constructor)) void start() {
    emu_memory(nullptr);
    const char* steps = getenv("TINYGRAD_EDU_EMU_LOCKSTEP");
    emu_in_step(steps && *steps && strcmp(steps, "0"));
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_host_fault;
    action.sa_flags = SA_SIGINFO;
    sigaction(SIGSEGV, &action, nullptr);
    sigaction(SIGBUS, &action, nullptr);
    if (const char* path = getenv("TINYGRAD_EDU_EMU_RECORDS")) {
        records = fopen(path, "wbe");
        unsetenv("TINYGRAD_EDU_EMU_RECORDS");
    }
}

// ---- launches ----

struct Shape { unsigned grid[3], block[3]; };

bool refused(const char* who, const emu::Config& c, const void* kernel) {
    const dim3 &g = c.grid, &b = c.block;
    unsigned long long threads = (unsigned long long)b.x * b.y * b.z;
    if (!g.x || !g.y || !g.z || !threads) tell("%s: a launch must have at least one block and one thread, got grid (%u, %u, %u) and block (%u, %u, %u). Check the division that gives the grid.", who, g.x, g.y, g.z, b.x, b.y, b.z);
    else if (threads > 1024 || b.z > 64) tell("%s: a block must have at most 1024 threads, and 64 along z, got (%u, %u, %u). Use smaller blocks.", who, b.x, b.y, b.z);
    else if (g.x > 0x7fffffffu || g.y > 65535 || g.z > 65535) tell("%s: the grid must be within (2147483647, 65535, 65535), got (%u, %u, %u). Use x for the long side.", who, g.x, g.y, g.z);
    else {
        auto found = allowed_shared.find(kernel);
        size_t most = std::max<size_t>(DEFAULT_SHARED, found == allowed_shared.end() ? 0 : found->second);
        if (c.shared <= most) return false;
        tell("%s: dynamic shared memory must be at most %zu bytes, got %zu. Allow more (up to %zu) with cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, bytes).", who, most, c.shared, MOST_SHARED);
        fail(cudaErrorInvalidValue);
        return true;
    }
    fail(cudaErrorInvalidConfiguration);
    return true;
}

bool host_pointer(const char* who, const emu::Pointer* pointers, int count) {
    for (int i = 0; i < count; ++i) {
        const void* p = pointers[i].at;
        if (!p || owner(p) || in_program(p)) continue;
        tell("%s: argument %d must point to device memory, got %p, which no cudaMalloc gave. Allocate it with cudaMalloc and copy with cudaMemcpy.", who, i + 1, p);
        fail(cudaErrorIllegalAddress);
        return true;
    }
    return false;
}

void mended(const char* who, bool quiet) {   // writes a little past an array's end
    for (auto& [at, a] : memory) {
        size_t i = a.bytes, last = std::min(a.mapped, a.bytes + 4096);
        while (i < last && (unsigned char)a.host[i] == guard_byte(i)) ++i;
        if (i == last) continue;
        if (!quiet) tell("%s: must write inside its arrays, got a write %zu bytes after the end of one of %zu bytes. Check the index; run with --check to find the line.", who, i - a.bytes, a.bytes);
        guard(a);
    }
}

#ifdef EMU_PROFILE
void put(const void* data, size_t bytes) { fwrite(data, 1, bytes, records); }
void put_text(const std::string& text) {
    uint32_t n = (uint32_t)text.size();
    put(&n, 4), put(text.data(), n);
}

struct Watch {                               // one launch under the eyes of profile.cpp
    std::vector<uint64_t> starts, sizes;
    std::vector<int32_t> arguments;          // which argument an array is, -1: none
    bool on = false;
    Watch(const std::string& key, const emu::Pointer* pointers, int count, size_t shared) {
        static const int most = getenv("TINYGRAD_EDU_EMU_LAUNCHES") ? atoi(getenv("TINYGRAD_EDU_EMU_LAUNCHES")) : 1;
        if (!records || watched[key]++ >= most) return;
        std::set<uintptr_t> seen;
        auto add = [&](const std::pair<const uintptr_t, Allocation>& one, int argument) {
            if (starts.size() < 64 && seen.insert(one.first).second) starts.push_back(one.first), sizes.push_back(one.second.bytes), arguments.push_back(argument);
        };
        for (int i = 0; i < count; ++i) if (auto* found = pointers[i].at ? owner(pointers[i].at) : nullptr) add(*found, i);
        for (auto& one : memory) add(one, -1);
        on = emu_profile_begin(starts.data(), sizes.data(), (int)starts.size(), shared, (size_t)64 << 20, 1);
    }
    void end(const std::string& name, int line, const Shape& shape, const std::string& said) {
        if (!on) return;
        int counts[2];
        void* tables[3];
        emu_profile_end(counts, tables);
        put("EMU1", 4), put_text(name), put_text(said);
        uint32_t head[4] = {(uint32_t)line, (uint32_t)counts[0], (uint32_t)counts[1], (uint32_t)starts.size()};
        uint64_t base = (uint64_t)__ehdr_start;
        put(head, sizeof head), put(&shape, sizeof shape), put(&base, 8), put(arguments.data(), arguments.size() * 4);
        static const size_t widths[3] = {EMU_SITE, EMU_PROBLEM, EMU_WATCHED};
        put(tables[0], counts[0] * widths[0]), put(tables[1], counts[1] * widths[1]), put(tables[2], starts.size() * widths[2]);
        fflush(records);
    }
};
#endif

cudaError_t code_of(const std::string& said) {
    if (said.find("time limit") != std::string::npos) return cudaErrorLaunchTimeout;
    if (said.find("inside the arrays") != std::string::npos) return cudaErrorIllegalAddress;
    if (said.find("assert") != std::string::npos) return cudaErrorAssert;
    return cudaErrorLaunchFailure;
}
}  // namespace

namespace emu {
void run_launch(const char* name, int line, const Config& c, void (*enter)(void**), void** arguments, const void* kernel, const Pointer* pointers, int count, bool cooperative) {
    if (launching) refuse(line, "a kernel must not start other kernels on the emulator (dynamic parallelism)", "Start it from host code.");
    if (sticky) return;
    std::string who = "line " + std::to_string(line) + ": " + name;
    if (refused(who.c_str(), c, kernel) || host_pointer(who.c_str(), pointers, count)) return;
    Shape shape{{c.grid.x, c.grid.y, c.grid.z}, {c.block.x, c.block.y, c.block.z}};
    const char* limit = getenv("TINYGRAD_EDU_EMU_SECONDS");
#ifdef EMU_PROFILE
    Watch watch(std::string(name) + "/" + std::to_string(line), pointers, count, c.shared);
#endif
    fflush(stdout);
    open_memory(true);
    launching = true;
    emu_arm();
    std::string said = emu_launch(enter, arguments, shape.grid, shape.block, c.shared, limit ? atof(limit) : 60, 0, (unsigned long long)c.grid.x * c.grid.y * c.grid.z);
    emu_disarm();
    launching = false;
    said = with_lines(said);
    size_t bar = said.find('|');
    if (bar != std::string::npos) said.replace(bar, 1, ". ");
#ifdef EMU_PROFILE
    watch.end(name, line, shape, said);
#endif
    open_memory(false);
    mended(who.c_str(), !said.empty());
    if (said.empty()) return;
    tell("%s: %s", who.c_str(), said.c_str());
    fail(code_of(said));
    sticky = true;
}

cudaError_t set_error(cudaError_t error) { return fail(error); }

cudaError_t allow_shared(const void* kernel, int bytes) {
    if (bytes < 0 || (size_t)bytes > MOST_SHARED) {
        tell("cudaFuncSetAttribute: dynamic shared memory must be 0 to %zu bytes, got %d.", MOST_SHARED, bytes);
        return fail(cudaErrorInvalidValue);
    }
    allowed_shared[kernel] = bytes;
    return cudaSuccess;
}

cudaError_t copy_symbol(void* to, const void* from, size_t bytes, size_t room, size_t offset, bool into) {
    if (offset + bytes > room) {
        tell("%s: must stay inside the symbol of %zu bytes, got %zu bytes at %zu.", into ? "cudaMemcpyToSymbol" : "cudaMemcpyFromSymbol", room, bytes, offset);
        return fail(cudaErrorInvalidValue);
    }
    if (into) to = (char*)to + offset;
    else from = (const char*)from + offset;
    const char *a = reachable(to, bytes), *b = reachable(from, bytes);
    if (!a || !b) return fail(cudaErrorInvalidValue);
    memcpy((void*)a, b, bytes);
    return cudaSuccess;
}

int blocks_per_multiprocessor(int threads, size_t dynamic) {
    if (threads < 1 || threads > 1024) return 0;
    size_t by_threads = 2048 / ((threads + 31) / 32 * 32), by_shared = (228 << 10) / (dynamic + 1024);
    return (int)std::min<size_t>({by_threads, by_shared, 32});
}
}  // namespace emu

// ---- the runtime API ----

cudaError_t cudaMalloc(void** p, size_t bytes) { return allocate(p, bytes, DEVICE); }
cudaError_t cudaMallocManaged(void** p, size_t bytes, unsigned) { return allocate(p, bytes, MANAGED); }
cudaError_t cudaHostAlloc(void** p, size_t bytes, unsigned) { return allocate(p, bytes, HOST); }
cudaError_t cudaFree(void* p) { return release(p, false); }
cudaError_t cudaFreeHost(void* p) { return release(p, true); }
cudaError_t cudaHostRegister(void* p, size_t bytes, unsigned) { memory[(uintptr_t)p] = {bytes, bytes, REGISTERED, (char*)p}; return cudaSuccess; }
cudaError_t cudaHostUnregister(void* p) { return memory.erase((uintptr_t)p) ? cudaSuccess : fail(cudaErrorInvalidValue); }

static bool on_device(const void* p) { auto* a = owner(p); return a && a->second.kind < HOST; }

static bool direction(const void* to, const void* from, cudaMemcpyKind kind) {
    const char* words[] = {"HostToHost", "HostToDevice", "DeviceToHost", "DeviceToDevice"};
    if (kind < 0 || kind > 4) return fail(cudaErrorInvalidMemcpyDirection), false;
    auto wrong = [](const void* p, bool device) { auto* a = owner(p); return device ? !a && !in_program(p) : a && a->second.kind == DEVICE; };
    if (kind == cudaMemcpyDefault || (!wrong(to, kind & 1) && !wrong(from, kind & 2))) return true;
    tell("cudaMemcpy%s: source and target must lie where the direction says, got %s memory as the target and %s memory as the source. Change the direction or the order of the pointers.",
         words[kind], on_device(to) ? "device" : "host", on_device(from) ? "device" : "host");
    fail(cudaErrorInvalidValue);
    return false;
}

cudaError_t cudaMemcpy(void* to, const void* from, size_t bytes, cudaMemcpyKind kind) {
    if (sticky) return last;
    if (!bytes) return cudaSuccess;
    if (!to || !from) return fail(cudaErrorInvalidValue);
    if (!direction(to, from, kind)) return last;
    char *a = reachable(to, bytes), *b = reachable(from, bytes);
    if (!a || !b) {
        auto* whose = owner(a ? from : to);
        tell("cudaMemcpy: must stay inside the array, got %zu bytes at byte %zu of one of %zu. Check the count: it is in bytes.", bytes, (size_t)((uintptr_t)(a ? from : to) - whose->first), whose->second.bytes);
        return fail(cudaErrorInvalidValue);
    }
    memmove(a, b, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemcpy2D(void* to, size_t to_pitch, const void* from, size_t from_pitch, size_t width, size_t height, cudaMemcpyKind kind) {
    if (width > to_pitch || width > from_pitch) return fail(cudaErrorInvalidPitchValue);
    for (size_t y = 0; y < height; ++y)
        if (cudaMemcpy((char*)to + y * to_pitch, (const char*)from + y * from_pitch, width, kind) != cudaSuccess) return last;
    return cudaSuccess;
}

cudaError_t cudaMemset(void* p, int value, size_t bytes) {
    if (sticky) return last;
    if (!bytes) return cudaSuccess;
    char* a = owner(p) || in_program(p) ? reachable(p, bytes) : nullptr;
    if (!a) {
        tell("cudaMemset: must stay inside a device array, got %zu bytes at %p.", bytes, p);
        return fail(cudaErrorInvalidValue);
    }
    memset(a, value, bytes);
    return cudaSuccess;
}

cudaError_t cudaMemset2D(void* p, size_t pitch, int value, size_t width, size_t height) {
    for (size_t y = 0; y < height; ++y)
        if (cudaMemset((char*)p + y * pitch, value, width) != cudaSuccess) return last;
    return cudaSuccess;
}

cudaError_t cudaMallocPitch(void** p, size_t* pitch, size_t width, size_t height) {
    *pitch = (width + 511) / 512 * 512;
    return cudaMalloc(p, *pitch * height);
}

cudaError_t cudaMemGetInfo(size_t* free, size_t* total) { *total = TOTAL; *free = TOTAL - used; return cudaSuccess; }

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* to, const void* p) {
    auto* a = owner(p);
    cudaMemoryType types[] = {cudaMemoryTypeDevice, cudaMemoryTypeManaged, cudaMemoryTypeHost, cudaMemoryTypeHost};
    *to = {a ? types[a->second.kind] : cudaMemoryTypeUnregistered, 0, a ? (void*)p : nullptr, a && a->second.kind == DEVICE ? nullptr : (void*)p};
    return cudaSuccess;
}

cudaError_t cudaGetLastError() { cudaError_t e = last; if (!sticky) last = cudaSuccess; return e; }
cudaError_t cudaPeekAtLastError() { return last; }
const char* cudaGetErrorName(cudaError_t error) {
#define EMU_ERROR(name, number, text) if (error == number) return #name;
    EMU_ERRORS(EMU_ERROR)
#undef EMU_ERROR
    return "unrecognized error code";
}
const char* cudaGetErrorString(cudaError_t error) {
#define EMU_ERROR(name, number, text) if (error == number) return text;
    EMU_ERRORS(EMU_ERROR)
#undef EMU_ERROR
    return "unrecognized error code";
}

cudaError_t cudaDeviceSynchronize() { return sticky ? last : cudaSuccess; }
cudaError_t cudaDeviceReset() {
    while (!memory.empty()) {
        auto at = memory.begin();
        if (release((void*)at->first, at->second.kind == HOST) != cudaSuccess) memory.erase(at);
    }
    sticky = false;
    last = cudaSuccess;
    return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) { *count = 1; return cudaSuccess; }
cudaError_t cudaGetDevice(int* device) { *device = 0; return cudaSuccess; }
cudaError_t cudaSetDevice(int device) {
    if (device == 0) return cudaSuccess;
    tell("cudaSetDevice: must be 0, the emulator's one device, got %d.", device);
    return fail(cudaErrorInvalidDevice);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* to, int device) {
    if (device) return fail(cudaErrorInvalidDevice);
    cudaDeviceProp p{};
    strcpy(p.name, "CPU emulator (tinygrad_edu)");
    p.totalGlobalMem = TOTAL, p.sharedMemPerBlock = DEFAULT_SHARED, p.memPitch = 0x7fffffff, p.totalConstMem = 64 << 10, p.textureAlignment = 512;
    p.sharedMemPerMultiprocessor = 228 << 10, p.sharedMemPerBlockOptin = MOST_SHARED, p.reservedSharedMemPerBlock = 1024;
    p.regsPerBlock = p.regsPerMultiprocessor = 65536, p.warpSize = 32, p.maxThreadsPerBlock = 1024;
    p.maxThreadsDim[0] = p.maxThreadsDim[1] = 1024, p.maxThreadsDim[2] = 64;
    p.maxGridSize[0] = 0x7fffffff, p.maxGridSize[1] = p.maxGridSize[2] = 65535;
    p.clockRate = 1000000, p.memoryClockRate = 1000000, p.memoryBusWidth = 64, p.l2CacheSize = 4 << 20;
    p.major = __CUDA_ARCH__ / 100, p.minor = __CUDA_ARCH__ / 10 % 10, p.multiProcessorCount = 16, p.maxThreadsPerMultiProcessor = 2048;
    p.deviceOverlap = p.canMapHostMemory = p.concurrentKernels = p.unifiedAddressing = p.managedMemory = p.concurrentManagedAccess = 1;
    p.asyncEngineCount = 1, p.integrated = 1, p.cooperativeLaunch = 1, p.maxBlocksPerMultiProcessor = 32, p.singleToDoublePrecisionPerfRatio = 2;
    *to = p;
    return cudaSuccess;
}

cudaError_t cudaDeviceGetAttribute(int* to, cudaDeviceAttr attribute, int device) {
    cudaDeviceProp p;
    if (cudaGetDeviceProperties(&p, device) != cudaSuccess) return last;
    switch (attribute) {
        case cudaDevAttrMaxThreadsPerBlock: case cudaDevAttrMaxBlockDimX: case cudaDevAttrMaxBlockDimY: *to = 1024; break;
        case cudaDevAttrMaxBlockDimZ: *to = 64; break;
        case cudaDevAttrMaxGridDimX: *to = p.maxGridSize[0]; break;
        case cudaDevAttrMaxGridDimY: case cudaDevAttrMaxGridDimZ: *to = 65535; break;
        case cudaDevAttrMaxSharedMemoryPerBlock: *to = (int)p.sharedMemPerBlock; break;
        case cudaDevAttrTotalConstantMemory: *to = (int)p.totalConstMem; break;
        case cudaDevAttrWarpSize: *to = 32; break;
        case cudaDevAttrMaxRegistersPerBlock: case cudaDevAttrMaxRegistersPerMultiprocessor: *to = 65536; break;
        case cudaDevAttrClockRate: case cudaDevAttrMemoryClockRate: *to = 1000000; break;
        case cudaDevAttrMultiProcessorCount: *to = p.multiProcessorCount; break;
        case cudaDevAttrGlobalMemoryBusWidth: *to = p.memoryBusWidth; break;
        case cudaDevAttrL2CacheSize: *to = p.l2CacheSize; break;
        case cudaDevAttrMaxThreadsPerMultiProcessor: *to = 2048; break;
        case cudaDevAttrComputeCapabilityMajor: *to = p.major; break;
        case cudaDevAttrComputeCapabilityMinor: *to = p.minor; break;
        case cudaDevAttrMaxSharedMemoryPerMultiprocessor: *to = (int)p.sharedMemPerMultiprocessor; break;
        case cudaDevAttrMaxSharedMemoryPerBlockOptin: *to = (int)p.sharedMemPerBlockOptin; break;
        case cudaDevAttrMaxBlocksPerMultiprocessor: *to = 32; break;
        case cudaDevAttrPageableMemoryAccess: *to = 0; break;
        default: *to = 1;
    }
    return cudaSuccess;
}

static double now() {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
cudaError_t cudaEventCreate(cudaEvent_t* e) { *e = new emu_event{-1}; return cudaSuccess; }
cudaError_t cudaEventDestroy(cudaEvent_t e) { delete e; return cudaSuccess; }
cudaError_t cudaEventRecord(cudaEvent_t e, cudaStream_t) { if (!e) return fail(cudaErrorInvalidResourceHandle); e->at = now(); return cudaSuccess; }
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t from, cudaEvent_t to) {
    if (!from || !to || from->at < 0 || to->at < 0) {
        tell("cudaEventElapsedTime: both events must have been recorded. Call cudaEventRecord before.");
        return fail(cudaErrorInvalidResourceHandle);
    }
    *milliseconds = (float)((to->at - from->at) * 1e3);
    return cudaSuccess;
}
cudaError_t cudaStreamCreate(cudaStream_t* s) { *s = (cudaStream_t)new char; return cudaSuccess; }
cudaError_t cudaStreamDestroy(cudaStream_t s) { if (s > cudaStreamPerThread) delete (char*)s; return cudaSuccess; }

// ---- textures ----

static size_t bytes_of(const cudaChannelFormatDesc& f) { return (size_t)(f.x + f.y + f.z + f.w) / 8; }

cudaError_t cudaMallocArray(cudaArray_t* to, const cudaChannelFormatDesc* format, size_t width, size_t height, unsigned) {
    size_t bytes = width * std::max<size_t>(height, 1) * bytes_of(*format);
    *to = new cudaArray{width, height, *format, (char*)malloc(bytes)};
    memset((*to)->data, 0xff, bytes);
    return cudaSuccess;
}
cudaError_t cudaFreeArray(cudaArray_t a) {
    if (a) free(a->data);
    delete a;
    return cudaSuccess;
}
static bool outside(const cudaArray& a, size_t x, size_t y, size_t width, size_t height) {
    if (x + width <= a.width * bytes_of(a.format) && y + height <= std::max<size_t>(a.height, 1)) return false;
    tell("a copy of an array must stay inside its %zu x %zu elements, got %zu bytes and %zu rows from byte %zu of row %zu.", a.width, a.height, width, height, x, y);
    fail(cudaErrorInvalidValue);
    return true;
}
cudaError_t cudaMemcpy2DToArray(cudaArray_t to, size_t x, size_t y, const void* from, size_t pitch, size_t width, size_t height, cudaMemcpyKind) {
    if (outside(*to, x, y, width, height)) return last;
    for (size_t row = 0; row < height; ++row) {
        const char* line = reachable((const char*)from + row * pitch, width);
        if (!line) return fail(cudaErrorInvalidValue);
        memcpy(to->data + (y + row) * to->width * bytes_of(to->format) + x, line, width);
    }
    return cudaSuccess;
}
cudaError_t cudaMemcpy2DFromArray(void* to, size_t pitch, cudaArray_const_t from, size_t x, size_t y, size_t width, size_t height, cudaMemcpyKind) {
    if (outside(*from, x, y, width, height)) return last;
    for (size_t row = 0; row < height; ++row) {
        char* line = reachable((char*)to + row * pitch, width);
        if (!line) return fail(cudaErrorInvalidValue);
        memcpy(line, from->data + (y + row) * from->width * bytes_of(from->format) + x, width);
    }
    return cudaSuccess;
}
cudaError_t cudaMemcpyToArray(cudaArray_t to, size_t x, size_t y, const void* from, size_t bytes, cudaMemcpyKind kind) {
    size_t row = to->width * bytes_of(to->format);
    return cudaMemcpy2DToArray(to, x, y, from, row, std::min(bytes, row), bytes > row ? bytes / row : 1, kind);
}
cudaError_t cudaCreateTextureObject(cudaTextureObject_t* to, const cudaResourceDesc* what, const cudaTextureDesc* how, const cudaResourceViewDesc*) {
    emu::Texture t{nullptr, 0, 0, 0, 0, true, *how};
    if (what->resType == cudaResourceTypeArray) {
        const cudaArray& a = *what->res.array.array;
        t.data = a.data, t.width = a.width, t.height = a.height, t.bytes = (int)bytes_of(a.format), t.pitch = a.width * t.bytes;
    } else if (what->resType == cudaResourceTypeLinear) {
        auto& l = what->res.linear;
        t.data = (const char*)emu::on_host(l.devPtr), t.bytes = (int)bytes_of(l.desc), t.width = l.sizeInBytes / t.bytes;
    } else if (what->resType == cudaResourceTypePitch2D) {
        auto& p = what->res.pitch2D;
        t.data = (const char*)emu::on_host(p.devPtr), t.bytes = (int)bytes_of(p.desc), t.width = p.width, t.height = p.height, t.pitch = p.pitchInBytes;
    } else return fail(cudaErrorNotSupported);
    if (!t.data) return fail(cudaErrorInvalidValue);
    *to = (cudaTextureObject_t)new emu::Texture(t);
    return cudaSuccess;
}
cudaError_t cudaDestroyTextureObject(cudaTextureObject_t t) { delete (emu::Texture*)t; return cudaSuccess; }

// ---- matrix products -----

namespace emu {
const void* on_host(const void* device) {    // libraries and textures read device memory there
    if (owner(device) || in_program(device)) return reachable(device, 1);
    tell("a library call must get device memory, got %p, which no cudaMalloc gave.", device);
    return nullptr;
}
}  // namespace emu

namespace {
template <class T> T element(const void* p, cudaDataType type, size_t i) {
    switch (type) {
        case CUDA_R_64F: return (T)((const double*)p)[i];
        case CUDA_R_16F: return (T)(float)((const __half*)p)[i];
        case CUDA_R_16BF: return (T)(float)((const __nv_bfloat16*)p)[i];
        case CUDA_R_8I: return (T)((const signed char*)p)[i];
        case CUDA_R_32I: return (T)((const int*)p)[i];
        default: return (T)((const float*)p)[i];
    }
}
template <class T> void put_element(void* p, cudaDataType type, size_t i, T value) {
    switch (type) {
        case CUDA_R_64F: ((double*)p)[i] = value; break;
        case CUDA_R_16F: ((__half*)p)[i] = __half((float)value); break;
        case CUDA_R_16BF: ((__nv_bfloat16*)p)[i] = __nv_bfloat16((float)value); break;
        case CUDA_R_32I: ((int*)p)[i] = (int)value; break;
        default: ((float*)p)[i] = (float)value;
    }
}

// The BLAS whose library the environment names, with 64-bit sizes: NumPy's.
template <class T> using Gemm = void (*)(int, int, int, int64_t, int64_t, int64_t, T, const T*, int64_t, const T*, int64_t, T, T*, int64_t);
void* library_call(const char* name) {
    static void* library = getenv("TINYGRAD_EDU_EMU_BLAS") ? dlopen(getenv("TINYGRAD_EDU_EMU_BLAS"), RTLD_NOW) : nullptr;
    return library ? dlsym(library, name) : nullptr;
}
template <class T> Gemm<T> fast_gemm() { return (Gemm<T>)library_call(sizeof(T) == 8 ? "scipy_cblas_dgemm64_" : "scipy_cblas_sgemm64_"); }

template <class T> void multiply(const emu::Product& p, const void* pa, const void* pb, void* pc) {
    std::vector<T> a((size_t)p.m * p.k), b((size_t)p.k * p.n), c((size_t)p.m * p.n);
    for (int l = 0; l < p.k; ++l) for (int i = 0; i < p.m; ++i) a[i + (size_t)l * p.m] = element<T>(pa, p.type_a, p.turn_a ? l + (size_t)i * p.lda : i + (size_t)l * p.lda);
    for (int j = 0; j < p.n; ++j) for (int l = 0; l < p.k; ++l) b[l + (size_t)j * p.k] = element<T>(pb, p.type_b, p.turn_b ? j + (size_t)l * p.ldb : l + (size_t)j * p.ldb);
    if (Gemm<T> fast = fast_gemm<T>()) fast(102, 111, 111, p.m, p.n, p.k, 1, a.data(), p.m, b.data(), p.k, 0, c.data(), p.m);
    else for (int j = 0; j < p.n; ++j) for (int l = 0; l < p.k; ++l) {
        T factor = b[l + (size_t)j * p.k], *to = &c[(size_t)j * p.m];
        const T* from = &a[(size_t)l * p.m];
        for (int i = 0; i < p.m; ++i) to[i] += factor * from[i];
    }
    for (int j = 0; j < p.n; ++j) for (int i = 0; i < p.m; ++i) {
        size_t at = i + (size_t)j * p.ldc;
        T old = p.beta == 0 ? 0 : (T)p.beta * element<T>(pc, p.type_c, at);
        put_element<T>(pc, p.type_c, at, (T)p.alpha * c[i + (size_t)j * p.m] + old);
    }
}
}  // namespace

namespace emu {
cublasStatus_t product(const Product& p) {
    bool sound = p.m >= 0 && p.n >= 0 && p.k >= 0 && p.lda >= std::max(1, p.turn_a ? p.k : p.m) && p.ldb >= std::max(1, p.turn_b ? p.n : p.k) && p.ldc >= std::max(1, p.m);
    if (!sound) {
        tell("cuBLAS: the leading dimensions must be at least the rows of the column-major matrices, got m %d, n %d, k %d, lda %d, ldb %d, ldc %d.", p.m, p.n, p.k, p.lda, p.ldb, p.ldc);
        return CUBLAS_STATUS_INVALID_VALUE;
    }
    if (!p.m || !p.n) return CUBLAS_STATUS_SUCCESS;
    const void *a = on_host(p.a), *b = on_host(p.b);
    void* c = (void*)on_host(p.c);
    if (!a || !b || !c) return CUBLAS_STATUS_EXECUTION_FAILED;
    if (p.type_c == CUDA_R_64F) multiply<double>(p, a, b, c);
    else multiply<float>(p, a, b, c);
    return CUBLAS_STATUS_SUCCESS;
}

// What follows a product: a bias for each row of the column-major matrix, then ReLU or GELU.
cublasStatus_t finish(void* c, cudaDataType type, int rows, int cols, int64_t ld, const void* bias, cudaDataType bias_type, int epilogue) {
    void* to = (void*)on_host(c);
    const void* from = epilogue & 4 ? on_host(bias) : nullptr;
    if (!to || (epilogue & 4 && !from)) return CUBLAS_STATUS_INVALID_VALUE;
    for (int j = 0; j < cols; ++j) for (int i = 0; i < rows; ++i) {
        size_t at = i + (size_t)j * ld;
        double v = element<double>(to, type, at) + (from ? element<double>(from, bias_type, i) : 0);
        if (epilogue & 2) v = v > 0 ? v : 0;
        if (epilogue & 32) v = 0.5 * v * (1 + tanh(0.7978845608028654 * (v + 0.044715 * v * v * v)));
        put_element<double>(to, type, at, v);
    }
    return CUBLAS_STATUS_SUCCESS;
}
}  // namespace emu
