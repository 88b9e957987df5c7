// What `kernel<<<grid, block, shared, stream>>>(arguments)` becomes in a whole program (text.py writes it).
#pragma once
#include "cuda_emu.h"

#define EMU_NOINLINE __attribute__((noinline))
#define EMU_KERNEL(...) #__VA_ARGS__, __VA_ARGS__
// A template whose parameters follow from the arguments, an overloaded kernel, or one with default arguments.
#define EMU_DEDUCED(...) #__VA_ARGS__, [=](auto... emu_given) { __VA_ARGS__(emu_given...); }

typedef struct emu_stream* cudaStream_t;

namespace emu {
struct Config {
    dim3 grid, block;
    size_t shared;
    Config(dim3 grid, dim3 block, size_t shared = 0, cudaStream_t = nullptr) : grid(grid), block(block), shared(shared) {}
};
struct Pointer { const void* at; };          // an argument that points to memory
// Runs a launch to its end; what CUDA would refuse becomes an error that cudaGetLastError returns.
void run_launch(const char* name, int line, const Config& config, void (*enter)(void**), void** arguments, const void* kernel,
                const Pointer* pointers, int count, bool cooperative = false);

template <class T> inline void note_pointer(Pointer*& to, const T& value) {
    if constexpr (std::is_pointer_v<T> && !std::is_function_v<std::remove_pointer_t<T>>) *to++ = {(const void*)value};
    else *to++ = {nullptr};
}
template <class... P> __attribute__((no_sanitize("thread"))) void enter_kernel(void** a) { call((void (*)(P...))a[0], a + 1); }
template <class F, class... P, std::size_t... I> __attribute__((no_sanitize("thread"))) void enter_indexed(void** a, std::index_sequence<I...>) {
    F copy = *(F*)a[0];
    copy(*(P*)a[I + 1]...);
}
template <class F, class... P> __attribute__((no_sanitize("thread"))) void enter_lambda(void** a) { enter_indexed<F, P...>(a, std::index_sequence_for<P...>{}); }

template <class... P> struct Bound {         // a kernel whose parameters are known
    const char* name; int line; Config config; void (*kernel)(P...);
    void operator()(P... arguments) const {
        void* all[] = {(void*)kernel, (void*)&arguments...};
        Pointer pointers[sizeof...(P) + 1], *to = pointers;
        (note_pointer(to, arguments), ...);
        run_launch(name, line, config, enter_kernel<P...>, all, (const void*)kernel, pointers, (int)sizeof...(P));
    }
};
template <class F> struct Deduced {
    const char* name; int line; Config config; F kernel;
    template <class... P> void operator()(P... arguments) const {
        void* all[] = {(void*)&kernel, (void*)&arguments...};
        Pointer pointers[sizeof...(P) + 1], *to = pointers;
        (note_pointer(to, arguments), ...);
        run_launch(name, line, config, enter_lambda<F, P...>, all, nullptr, pointers, (int)sizeof...(P));
    }
};
template <class... P> inline Bound<P...> launcher(const char* name, void (*kernel)(P...), int line, Config config) { return {name, line, config, kernel}; }
template <class F> requires std::is_class_v<F> inline Deduced<F> launcher(const char* name, F kernel, int line, Config config) { return {name, line, config, kernel}; }
}  // namespace emu
