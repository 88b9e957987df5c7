// Runs a launch: the threads of a block are fibers that hand over to one another at barriers and warp calls.
//
// A thread that never waits costs no switch: when one ends, the next begins on the same stack. A thread that waits hands
// over to the next one that can run, first in its own warp. Nothing here allocates while fibers run, so that a fault or
// the time limit can leave from anywhere by a jump.
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "cuda_emu.h"
#include <algorithm>
#include <csetjmp>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <ctime>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

extern "C" char __start_emu_shared[] __attribute__((weak, visibility("hidden")));
extern "C" char __stop_emu_shared[] __attribute__((weak, visibility("hidden")));

namespace emu {
Thread* current;
uint3 block;
dim3 block_size, grid_size;
char* dynamic_shared;

enum State : unsigned char { NEW, READY, AT_BARRIER, AT_WARP_CALL, GATHERING, DONE };
struct Warp {
    unsigned exists, ready, waiting, done;   // lanes, one bit each; `ready` holds NEW and READY ones, not the running one
    unsigned next;                           // which snapshot is next
    unsigned fences;                         // how often its lanes met in __syncwarp: a clock for the race checker
    uint64_t values[16][32];                 // snapshots of what the lanes brought
};
static const int MOST = 1024;
static const size_t STACK = 64 << 10, PAGE = 4096, DYNAMIC = 232448;
static Thread threads[MOST];
static Warp warps[MOST / 32];
static int thread_count, warp_count, alive, at_barrier, gathering, votes[3];
static int free_stacks[MOST], free_count;
static char *stacks, *signal_stack;
static void* home;                           // stack pointer of run_block
static void (*entry)(void**);
static void** arguments;
static unsigned barriers;                    // clocks for the race checker
// How often blocks met at the barrier of a line, and warps at a call of one.
enum { BARRIER, WARP_CALL };
struct Event { int line, kind; unsigned long long count; };
static const int EVENTS = 128;
static Event events[EVENTS];
static int event_count;
static void note_event(int line, int kind) {
    for (int i = 0; i < event_count; ++i) if (events[i].line == line && events[i].kind == kind) { ++events[i].count; return; }
    if (event_count < EVENTS) events[event_count++] = {line, kind, 1};
}

static int early_line, early_gone;           // the first barrier that threads had left before: its line, and how many
unsigned blocks_run;
static char message[4096];
static sigjmp_buf leave;
static pid_t worker;                         // the thread that runs this library's launch, 0 between launches
static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGRTMIN + 5};
static struct sigaction before[5];           // who handled these until now

#if defined(__x86_64__)
// Save what the callee must keep, change stacks, go on there. `pop; jmp` instead of `ret` keeps the return predictor quiet.
extern "C" void emu_switch(void** save, void* to);
asm(".text\n.hidden emu_switch\n.globl emu_switch\nemu_switch:\n push %rbp\n push %rbx\n push %r12\n push %r13\n push %r14\n push %r15\n"
    " mov %rsp,(%rdi)\n mov %rsi,%rsp\n pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbx\n pop %rbp\n pop %rcx\n jmp *%rcx\n");
static void* fresh(char* top, void (*start)()) {
    void** s = (void**)top;
    *--s = nullptr;                          // keeps the stack aligned as after a call
    *--s = (void*)start;
    return s - 6;
}
#elif defined(__aarch64__)
extern "C" void emu_switch(void** save, void* to);
asm(".text\n.hidden emu_switch\n.globl emu_switch\nemu_switch:\n sub sp, sp, #160\n stp x19, x20, [sp, #0]\n stp x21, x22, [sp, #16]\n stp x23, x24, [sp, #32]\n"
    " stp x25, x26, [sp, #48]\n stp x27, x28, [sp, #64]\n stp x29, x30, [sp, #80]\n stp d8, d9, [sp, #96]\n stp d10, d11, [sp, #112]\n stp d12, d13, [sp, #128]\n stp d14, d15, [sp, #144]\n"
    " mov x9, sp\n str x9, [x0]\n mov sp, x1\n ldp x19, x20, [sp, #0]\n ldp x21, x22, [sp, #16]\n ldp x23, x24, [sp, #32]\n ldp x25, x26, [sp, #48]\n"
    " ldp x27, x28, [sp, #64]\n ldp x29, x30, [sp, #80]\n ldp d8, d9, [sp, #96]\n ldp d10, d11, [sp, #112]\n ldp d12, d13, [sp, #128]\n ldp d14, d15, [sp, #144]\n"
    " add sp, sp, #160\n br x30\n");
static void* fresh(char* top, void (*start)()) {
    void** s = (void**)(top - 160);
    s[11] = (void*)start;                    // x30
    return s;
}
#else
#error "the emulator switches fibers on x86-64 and AArch64 only"
#endif

static void say(const char* format, ...) {
    size_t n = strlen(message);
    if (n > sizeof message - 256) return;
    va_list list;
    va_start(list, format);
    vsnprintf(message + n, sizeof message - n, format, list);
    va_end(list);
}

static bool in_step;                         // lanes wait for one another at accesses of volatile memory
static void step(void* pc);
#ifdef EMU_PROFILE
#include "profile.cpp"
#else
static void profile_block() {}
static void profile_barrier() {}
void atomic_access(const void*, int, void*) {}
void copied(void*, size_t) {}
void shuffled_outside(int) {}
#endif

// ---- who runs next ----


static void where() { say(" in block (%u, %u, %u)", block.x, block.y, block.z); }

[[noreturn]] static void give_up() { siglongjmp(leave, 1); }

void refuse(int line, const char* what, const char* advice) {
    say("line %d: %s, got thread %d's call", line, what, current->linear);
    where();
    say("|%s", advice);
    give_up();
}

static Thread* next_ready() {                // the next lane of this warp that can run, else of the next warps; null if none can
    int w = current->warp;
    unsigned later = warps[w].ready & ~((2u << current->lane) - 1);
    if (current->lane == 31) later = 0;
    if (unsigned r = later ? later : warps[w].ready) return &threads[w * 32 + __builtin_ctz(r)];
    for (int i = 1; i < warp_count; ++i) {
        int v = w + i < warp_count ? w + i : w + i - warp_count;
        if (warps[v].ready) return &threads[v * 32 + __builtin_ctz(warps[v].ready)];
    }
    return nullptr;
}

static void release_barrier() {              // all that are alive have come
    int line = 0;
    bool all = alive == thread_count;
    for (int t = 0; t < thread_count; ++t) {
        Thread& thread = threads[t];
        if (!all && thread.state != AT_BARRIER) continue;
        if (!line) line = thread.waits_at;
        if (thread.waits_at != line) {
            say("all threads of a block must meet at one barrier, got threads at the barriers of lines %d and %d", line, thread.waits_at);
            where();
            say("|Take the barrier out of the branch.");
            give_up();
        }
        thread.state = READY;
    }
    if (!all && !early_line) early_line = line, early_gone = thread_count - alive;
    for (int w = 0; w < warp_count; ++w) warps[w].ready = warps[w].exists & ~warps[w].done;
    at_barrier = 0;
    ++barriers;
#ifdef EMU_PROFILE
    note_event(line, BARRIER);
#endif
    profile_barrier();
}

[[noreturn]] static void stuck() {
    say("the threads of a block must be able to go on, got all of them waiting");
    where();
    say(":");
    for (int t = 0, told = 0; t < thread_count && told < 3; ++t) if (threads[t].state != DONE) {
        bool other = told == 0 || threads[t].state != threads[t - 1].state || threads[t].waits_at != threads[t - 1].waits_at;
        if (!other) continue;
        say("%s thread %d at %s of line %d", told++ ? "," : "", t, threads[t].state == AT_BARRIER ? "the barrier" : "the warp call", threads[t].waits_at);
        if (threads[t].state == AT_WARP_CALL) say(" with mask 0x%08x", threads[t].mask);
    }
    say("|Every lane named in a mask must make the call, and every thread reach the barrier.");
    give_up();
}

// Lanes of a warp that wait at one line for whoever else comes there go on; null if none wait. The lowest line goes first, so that
// the two sides of a branch meet again behind it.
__attribute__((noinline, cold)) static Thread* release_gathered() {
    for (int w = 0; w < warp_count; ++w) {
        Warp& warp = warps[w];
        Thread *lanes = threads + w * 32, *first = nullptr;
        int count = std::min(32, thread_count - w * 32);
        for (int i = 0; i < count; ++i)
            if (lanes[i].state == GATHERING && (!first || lanes[i].waits_at < first->waits_at)) first = &lanes[i];
        if (!first) continue;
        unsigned who = 0;
        for (int i = 0; i < count; ++i) if (lanes[i].state == GATHERING && lanes[i].waits_at == first->waits_at) who |= 1u << i;
        for (unsigned m = who; m; m &= m - 1) {
            Thread& lane = lanes[__builtin_ctz(m)];
            lane.state = READY, lane.who = who;
            --gathering;
        }
        warp.ready |= who;
        return first;
    }
    return nullptr;
}

static Thread* choose() {                    // who runs next, releasing the barrier if all have come; null when the block is done
    if (Thread* t = next_ready()) return t;
    if (!alive) return nullptr;
    if (__builtin_expect(gathering, 0)) if (Thread* t = release_gathered()) return t;
    if (at_barrier != alive) stuck();
    release_barrier();
    if (alive == thread_count) return &threads[0];
    for (int w = 0;; ++w) if (warps[w].ready) return &threads[w * 32 + __builtin_ctz(warps[w].ready)];
}

static inline void take(Thread* t) {         // make t the running thread
    warps[t->warp].ready &= ~(1u << t->lane);
    current = t;
}

static void body() {                         // a fiber: runs threads to their end, one after another
    for (;;) {
        entry(arguments);
        Thread* ended = current;
        int stack = ended->stack;
        ended->state = DONE;
        --alive;
        warps[ended->warp].done |= 1u << ended->lane;
        Thread* t = choose();
        void* unused;
        if (!t) emu_switch(&unused, home);
        take(t);
        if (t->state == NEW) { t->stack = stack; t->state = READY; continue; }
        free_stacks[free_count++] = stack;
        emu_switch(&unused, t->stack_pointer);
    }
}

static void begin(Thread* t, void** save) {  // give a new thread a stack, and go there
    int k = t->stack = free_stacks[--free_count];
    t->state = READY;
    // Staggered tops: equal offsets in all stacks would fight over the same cache sets.
    emu_switch(save, fresh(stacks + (k + 1) * (STACK + PAGE) - 64 - (k & 63) * 192, body));
}

static void wait() {                         // the running thread waits: hand over
    Thread* self = current;
    Thread* t = choose();
    take(t);
    if (t == self) return;                   // the last to reach a barrier may be the first to go on
    if (t->state == NEW) begin(t, &self->stack_pointer);
    else emu_switch(&self->stack_pointer, t->stack_pointer);
}

// ---- what kernels call ----

void block_barrier(int line) {
    current->state = AT_BARRIER;
    current->waits_at = line;
    ++at_barrier;
    wait();
}

int block_vote(int value, int line, int kind) {
    block_barrier(line);
    votes[0] = votes[1] = 0;                 // everyone passes here before anyone adds
    block_barrier(line);
    votes[0] += value != 0;
    votes[1] += 1;
    block_barrier(line);
    return kind == 0 ? votes[0] : kind == 1 ? votes[0] == votes[1] : votes[0] != 0;
}

const uint64_t* warp_meet(unsigned mask, uint64_t value, int line, unsigned* who, bool fence) {
    Thread* self = current;
    Warp& warp = warps[self->warp];
    self->value = value;
    self->mask = mask;
    self->waits_at = line;
    unsigned wanted = mask & warp.exists;
    if (!(mask >> self->lane & 1) || wanted & warp.done) {
        if (!(mask >> self->lane & 1)) say("line %d: a lane must be in the mask of its warp call, got lane %d with mask 0x%08x", line, self->lane, mask);
        else say("line %d: all lanes of a warp call must be there, got mask 0x%08x with lane %d that has exited", line, mask, __builtin_ctz(wanted & warp.done));
        where();
        say("|Correct the mask, or keep the lanes in the call.");
        give_up();
    }
    warp.waiting |= 1u << self->lane;
    if ((warp.waiting & wanted) == wanted) {
        Thread* lanes = self - self->lane;
        uint64_t* met = warp.values[warp.next++ & 15];
        bool same = true;
        for (unsigned m = wanted; m; m &= m - 1) {
            Thread& lane = lanes[__builtin_ctz(m)];
            same &= lane.mask == mask;
            if (lane.waits_at != line) {
                say("the lanes of a warp must meet at one warp call, got lines %d and %d", lane.waits_at, line);
                where();
                say("|Take the call out of the branch.");
                give_up();
            }
            met[lane.lane] = lane.value;
        }
        if (same) {
            for (unsigned m = wanted & ~(1u << self->lane); m; m &= m - 1) {
                Thread& lane = lanes[__builtin_ctz(m)];
                lane.state = READY;
                lane.met = met;
                lane.who = wanted;
            }
            warp.ready |= wanted & ~(1u << self->lane);
            warp.waiting &= ~wanted;
            warp.fences += fence;
#ifdef EMU_PROFILE
            note_event(line, WARP_CALL);
#endif
            *who = wanted;
            return met;
        }
    }
    self->state = AT_WARP_CALL;
    wait();
    *who = self->who;
    return self->met;
}

void pause() {
    static unsigned turn = 1;                        // random, so that each lane gets its turn
    Thread* self = current;
    Thread* t = nullptr;
    turn = turn * 1664525u + 1013904223u;
    for (int i = 1; i <= warp_count && !t; ++i) {    // other warps first: they may be what this thread waits for
        int w = (self->warp + i) % warp_count;
        unsigned ready = warps[w].ready, later = ready & ~0u << (turn >> 27);
        if (ready) t = &threads[w * 32 + __builtin_ctz(later ? later : ready)];
    }
    if (!t) t = release_gathered();
    if (!t) return;                                  // nobody else can go on
    self->state = READY;
    warps[self->warp].ready |= 1u << self->lane;
    take(t);
    if (t->state == NEW) begin(t, &self->stack_pointer);
    else emu_switch(&self->stack_pointer, t->stack_pointer);
}

// A 32-bit address of shared memory: static arrays from 0, dynamic ones from 1 MB.
static const unsigned DYNAMIC_AT = 1 << 20;
unsigned shared_address(const void* p) {
    const char* c = (const char*)p;
    if (c >= dynamic_shared && c < dynamic_shared + DYNAMIC) return DYNAMIC_AT + (unsigned)(c - dynamic_shared);
    return (unsigned)(c - __start_emu_shared);
}
void* from_shared(unsigned long long address) {
    if (address >> 32) return (void*)address;        // a generic address
    return address >= DYNAMIC_AT ? dynamic_shared + (address - DYNAMIC_AT) : __start_emu_shared + address;
}

void ordered_all() { ++barriers; profile_barrier(); }

unsigned gather(int line) {                  // the lanes of this warp that come to this line together
    current->waits_at = line;
    current->state = GATHERING;
    ++gathering;
    wait();
    return current->who;
}

static void step(void* pc) {
    if (!in_step || !worker) return;
    gather((int)((char*)pc - (char*)nullptr) & 0x7fffffff);
    ++warps[current->warp].fences;
}

void end_of_host(const char* what, void* pc) {   // exit, abort or a failed assert: in a kernel the end of the launch
    if (worker != (pid_t)syscall(SYS_gettid)) return;
    say("@%p: %s by thread %d (%u, %u, %u)", (void*)((char*)pc - 1), what, current->linear, current->index.x, current->index.y, current->index.z);
    where();
    say("|Correct the condition, or take the call out of the kernel.");
    give_up();
}

// ---- a launch ----

static void run_block(size_t dynamic) {
    if (__start_emu_shared) memset(__start_emu_shared, 0xff, __stop_emu_shared - __start_emu_shared);  // NaN: not yet written
    if (dynamic) memset(dynamic_shared, 0xff, dynamic);
    for (int t = 0; t < thread_count; ++t) threads[t].state = NEW;
    for (int w = 0; w < warp_count; ++w) {
        warps[w].ready = warps[w].exists;
        warps[w].waiting = warps[w].done = warps[w].fences = 0;
    }
    alive = thread_count;
    at_barrier = gathering = 0;
    barriers = 0;
    ++blocks_run;
    free_count = thread_count;
    for (int k = 0; k < thread_count; ++k) free_stacks[k] = thread_count - 1 - k;
    profile_block();
    take(&threads[0]);
    begin(&threads[0], &home);
    profile_barrier();
}

static void pass_on(int number, siginfo_t* info, void* context) {  // not ours: another library's thread, or none of the emulator's
    for (int i = 0; i < 5; ++i) if (caught[i] == number) {
        if (before[i].sa_flags & SA_SIGINFO) before[i].sa_sigaction(number, info, context);
        else if (before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN) before[i].sa_handler(number);
        else sigaction(number, &before[i], nullptr);  // the fault happens again, and ends the process as it would have
    }
}

static void on_signal(int number, siginfo_t* info, void* context) {
    if (worker != (pid_t)syscall(SYS_gettid)) return pass_on(number, info, context);
    const ucontext_t* c = (const ucontext_t*)context;
#if defined(__x86_64__)
    void* pc = (void*)c->uc_mcontext.gregs[REG_RIP];
#else
    void* pc = (void*)c->uc_mcontext.pc;
#endif
    const char* p = (const char*)info->si_addr;
    bool memory = number == SIGSEGV || number == SIGBUS;
    bool misaligned = number == SIGSEGV && info->si_code == SI_KERNEL && !p;   // x86 does not tell the address then
    if (!memory && number != SIGFPE && number != SIGILL) say("@%p: a launch must end within its time limit, got no end", pc);
    else if (misaligned) say("@%p: memory must be inside the arrays, and 16 bytes or more at a multiple of their size, got an access far outside or misaligned", pc);
    else if (memory && stacks && p >= stacks - (64 << 20) && p < stacks + MOST * (STACK + PAGE)) say("@%p: a thread's own arrays must fit into 64 KB, got a stack overflow", pc);
    else if (memory) say("@%p: memory must be inside the arrays, got an access to the address %p", pc, (void*)p);
    else say("@%p: %s", pc, number == SIGFPE ? "an integer must not be divided by zero, got a zero divisor" : "the code must be executable, got an illegal instruction");
    if (current) { say(" by thread %d (%u, %u, %u)", current->linear, current->index.x, current->index.y, current->index.z); where(); }
    say(memory || number == SIGFPE ? "|Check the index, and the bounds passed to the kernel." : "|Look for a loop that waits for something that never comes.");
    siglongjmp(leave, 1);
}
}  // namespace emu

// A library and a program are linked so that these stand before the host's own.
extern "C" {
[[noreturn]] void __real_exit(int code);
[[noreturn]] void __real_abort();
[[noreturn]] void __real___assert_fail(const char* text, const char* file, unsigned line, const char* function) noexcept;
[[noreturn]] void __wrap_exit(int code) { emu::end_of_host("a kernel must not end the program, got exit()", __builtin_return_address(0)); __real_exit(code); }
[[noreturn]] void __wrap_abort() { emu::end_of_host("a kernel must not end the program, got abort()", __builtin_return_address(0)); __real_abort(); }
[[noreturn]] void __wrap___assert_fail(const char* text, const char* file, unsigned line, const char* function) noexcept {
    char words[300];
    snprintf(words, sizeof words, "an assertion must hold, got false for `%.200s`", text);
    emu::end_of_host(words, __builtin_return_address(0));
    __real___assert_fail(text, file, line, function);
}
}

// Stacks, dynamic shared memory and a stack for signals. All libraries of a process use the same: guard pages are mappings, and those are counted.
extern "C" __attribute__((visibility("default"))) void* emu_memory(void* given) {
    using namespace emu;
    const size_t all = MOST * (STACK + PAGE);
    if (!given) {
        given = mmap(nullptr, all + DYNAMIC + 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (given == MAP_FAILED) return nullptr;
        for (int k = 0; k < MOST; ++k) mprotect((char*)given + k * (STACK + PAGE), PAGE, PROT_NONE);  // a guard page below each
    }
    stacks = (char*)given;
    signal_stack = stacks + all;
    dynamic_shared = signal_stack + 16 * PAGE;
    return given;
}

// Faults and the time limit end a launch, not the process: from `emu_arm` to `emu_disarm` their handler jumps out of the kernel, from a stack of its own.
// Copies of a library that run parts of one launch side by side are armed one after another and disarmed in the reverse order.
extern "C" __attribute__((visibility("default"))) void emu_arm() {
    using namespace emu;
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = on_signal;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    for (int i = 0; i < 5; ++i) sigaction(caught[i], &action, &before[i]);
}

extern "C" __attribute__((visibility("default"))) void emu_disarm() {
    using namespace emu;
    for (int i = 0; i < 5; ++i) sigaction(caught[i], &before[i], nullptr);
}

// Run the blocks from number `first` to before `last`, counted along x, then y, then z. What went wrong, or nothing.
extern "C" __attribute__((visibility("default"))) const char* emu_launch(void (*kernel)(void**), void** args, const unsigned* grid, const unsigned* shape, size_t dynamic,
                                                                       double seconds, unsigned long long first, unsigned long long last) {
    using namespace emu;
    message[0] = 0;
    early_line = early_gone = event_count = 0;
    current = nullptr;
    grid_size = {grid[0], grid[1], grid[2]};
    block_size = {shape[0], shape[1], shape[2]};
    thread_count = shape[0] * shape[1] * shape[2];
    warp_count = (thread_count + 31) / 32;
    entry = kernel;
    arguments = args;
    for (int w = 0; w < warp_count; ++w) warps[w].exists = thread_count - w * 32 >= 32 ? ~0u : (1u << (thread_count - w * 32)) - 1;
    for (int t = 0; t < thread_count; ++t) {
        unsigned u = t;
        threads[t].index = {u % block_size.x, u / block_size.x % block_size.y, u / (block_size.x * block_size.y)};
        threads[t].linear = t;
        threads[t].lane = t & 31;
        threads[t].warp = t >> 5;
    }
    stack_t old_stack, new_stack;
    memset(&new_stack, 0, sizeof new_stack);
    new_stack.ss_sp = signal_stack;
    new_stack.ss_size = 16 * PAGE;
    sigaltstack(&new_stack, &old_stack);
    worker = (pid_t)syscall(SYS_gettid);
    timer_t timer;
    struct sigevent event;
    memset(&event, 0, sizeof event);
    event.sigev_notify = SIGEV_THREAD_ID;
    event.sigev_signo = SIGRTMIN + 5;
#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif
    event.sigev_notify_thread_id = worker;
    bool timed = timer_create(CLOCK_MONOTONIC, &event, &timer) == 0;
    if (sigsetjmp(leave, 1) == 0) {
        struct itimerspec limit;
        memset(&limit, 0, sizeof limit);
        limit.it_value.tv_sec = (time_t)seconds;
        limit.it_value.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9);
        if (timed) timer_settime(timer, 0, &limit, nullptr);
        for (unsigned long long b = first; b < last; ++b) {
            block = {(unsigned)(b % grid[0]), (unsigned)(b / grid[0] % grid[1]), (unsigned)(b / grid[0] / grid[1])};
            run_block(dynamic);
        }
    }
    if (timed) timer_delete(timer);
    worker = 0;
    sigaltstack(&old_stack, nullptr);
    return message;
}

// The line of the first barrier at which threads had exited, and how many; 0: at none.
extern "C" __attribute__((visibility("default"))) int emu_early(int* gone) { *gone = emu::early_gone; return emu::early_line; }
extern "C" __attribute__((visibility("default"))) int emu_events(const emu::Event** to) { *to = emu::events; return emu::event_count; }
extern "C" __attribute__((visibility("default"))) void emu_in_step(int on) { emu::in_step = on; }
#ifdef EMU_LOCKSTEP
#define EMU_STEP(name, stepped) extern "C" void name(void*) { if (stepped) emu::step(__builtin_return_address(0)); }
#define EMU_STEPS(size)                              \
    EMU_STEP(__tsan_read##size, false)               \
    EMU_STEP(__tsan_write##size, false)              \
    EMU_STEP(__tsan_unaligned_read##size, false)     \
    EMU_STEP(__tsan_unaligned_write##size, false)    \
    EMU_STEP(__tsan_volatile_read##size, true)       \
    EMU_STEP(__tsan_volatile_write##size, true)      \
    EMU_STEP(__tsan_unaligned_volatile_read##size, true)  \
    EMU_STEP(__tsan_unaligned_volatile_write##size, true)
EMU_STEPS(1) EMU_STEPS(2) EMU_STEPS(4) EMU_STEPS(8) EMU_STEPS(16)
extern "C" void __tsan_read_range(void*, size_t) {}
extern "C" void __tsan_write_range(void*, size_t) {}
extern "C" void* __tsan_memcpy(void* to, const void* from, size_t n) { return memcpy(to, from, n); }
extern "C" void* __tsan_memset(void* to, int value, size_t n) { return memset(to, value, n); }
extern "C" void __tsan_vptr_read(void*) {}
extern "C" void __tsan_vptr_update(void*, void*) {}
extern "C" void __tsan_init() {}
extern "C" void __tsan_func_entry(void*) {}
extern "C" void __tsan_func_exit() {}
#endif
