// __pipeline_memcpy_async and its kin: a thread's own asynchronous copies.
#pragma once
#include "emu_async.h"
#define __pipeline_memcpy_async(to, from, ...) emu::copy_async((to), (from), __LINE__, emu::first_of(__VA_ARGS__))
#define __pipeline_commit() emu::commit_async(__LINE__)
#define __pipeline_wait_prior(n) emu::wait_async(n)
namespace emu { inline int first_of(size_t bytes, size_t = 0) { return (int)bytes; } }
