// What the compiler knows of a kernel's parameters, in words that Python reads (signature.py): one line for each, with the
// size of the value, whether it is a pointer and to const, the size of what it points to, and the type without pointer.
#pragma once
#include "cuda_emu.h"
#include <cstdio>

namespace emu {
template <class T> const char* type_name() { return __PRETTY_FUNCTION__; }
template <class T> constexpr std::size_t size_of() {
    if constexpr (requires { sizeof(T); } && !std::is_void_v<T> && !std::is_function_v<T>) return sizeof(T);
    else return 0;
}
template <class T> int describe(char* to, std::size_t room) {
    typedef std::remove_pointer_t<T> Target;
    return snprintf(to, room, "%zu %d %d %zu %s\n", sizeof(T), std::is_pointer_v<T>, std::is_const_v<Target>, size_of<Target>(), type_name<std::remove_cv_t<Target>>());
}
template <class... P> const char* signature(void (*)(P...)) {
    static char text[(sizeof...(P) + 1) * 512];
    char *to = text, *end = text + sizeof text;
    ((to += describe<std::remove_cv_t<P>>(to, end - to)), ...);
    return text;
}
}  // namespace emu
