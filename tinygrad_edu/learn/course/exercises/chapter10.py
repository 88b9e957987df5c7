"""Exercises of chapter 10: from NumPy to C++ to a CUDA kernel."""

from __future__ import annotations

import math
from functools import partial

import tinygrad_edu as torch

from ..exercise import Exercise, Mistake
from ..solutions import chapter10 as solutions
from ..words import Words

# ---- 10.1 ----------------------------------------------------------------------------------------


def rounded_down(n, size):
    return n // size


def one_more(n, size):
    return n // size + 1


def to_the_nearest(n, size):
    return (n + size // 2) // size


def by_floats(n, size):
    return math.ceil(n / size)


def threads(n, size):
    return solutions.blocks(n, size) * size


# ---- 10.2 ----------------------------------------------------------------------------------------


def run_axpy(text, n):
    """y + 2 x for n elements, by blocks of 64 threads on `emu`, and whether all accesses were inside."""
    y, x = (torch.arange(float(n)) * step for step in (1.0, 0.25))
    y, x = y.to("emu"), x.to("emu")
    kernel = torch.RawKernel(text, "axpy")
    with torch.profile(flops=False) as seen:
        kernel((solutions.blocks(n, 64),), (64,), (y, x, 2.0, n))
    outside = any(what == "out of bounds" for what, *_ in seen.launches[0].problems)
    return y.cpu(), "some accesses outside" if outside else "all accesses inside"


def kernel(body):
    return lambda: (
        f"""
extern "C" __global__ void axpy(float* y, const float* x, float a, int n) {{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    {body}
}}
"""
    )


# ---- 10.3 ----------------------------------------------------------------------------------------


def always_32(stride):
    return 32


def always_4(stride):
    return 4


def without_a_limit(stride):
    return 4 * stride


def a_float_is_a_byte(stride):
    return len({t * stride // 32 for t in range(32)})


def at_least_none(stride):
    return min(32, 4 * stride)


def numbers_not_sectors(stride):
    return len({t * stride for t in range(32)})


exercise = partial(Exercise, names=globals(), rtol=1e-5, atol=1e-6)

EXERCISES = (
    exercise(
        "10.1",
        "blocks",
        Words("how many blocks", "需要多少个线程块"),
        cases=(
            "[blocks(n, 128) for n in (1, 100, 128, 129, 1000)]",
            "blocks(300, 100)",
            "str(blocks(10**17 + 1, 10))",
        ),
        solution=solutions.blocks,
        mistakes=(
            Mistake(
                rounded_down,
                Words(
                    "This rounds down, so the last elements get no thread. Round up.",
                    "这是向下取整，最后几个元素没有线程。应向上取整。",
                ),
            ),
            Mistake(
                one_more,
                Words(
                    "One block too many where n is a multiple of the size: 128 elements need one block"
                    " of 128.",
                    "当 n 恰好是块大小的倍数时多了一块：128 个元素只需一个 128 线程的块。",
                ),
            ),
            Mistake(
                to_the_nearest,
                Words(
                    "This rounds to the nearest number. Round up: even one element left over needs a"
                    " block.",
                    "这是四舍五入。应向上取整：哪怕只剩一个元素，也需要一块。",
                ),
            ),
            Mistake(
                by_floats,
                Words(
                    "n / size is a float, which keeps 16 digits only. Use // and whole numbers.",
                    "n / size 是浮点数，只有 16 位有效数字。请用 // 和整数。",
                ),
            ),
            Mistake(
                threads,
                Words(
                    "This is the number of threads. Wanted is the number of blocks.",
                    "这是线程数。要的是块数。",
                ),
            ),
        ),
        hints=(
            Words(
                "n // size rounds down. What must be added to n, so that it rounds up?",
                "n // size 向下取整。给 n 加上多少，才会变成向上取整？",
            ),
            Words(
                "One too little for a whole further block: size - 1.",
                "比再多一整块少一个：size - 1。",
            ),
            Words("(n + size - 1) // size", "写成：(n + size - 1) // size"),
        ),
    ),
    exercise(
        "10.2",
        "axpy_text",
        Words("a kernel of your own", "自己的核函数"),
        cases=("run_axpy(axpy_text(), n=100)",),
        solution=solutions.axpy_text,
        mistakes=(
            Mistake(
                kernel("y[i] += a * x[i];"),
                Words(
                    "The threads too many write behind the array. Guard them: if (i < n).",
                    "多余的线程写到了数组之外。请加上判断：if (i < n)。",
                ),
            ),
            Mistake(
                kernel("if (i < n) y[i] = a * x[i];"),
                Words(
                    "y is overwritten. Add to it: y[i] += a * x[i].",
                    "y 被覆盖了。应当加上去：y[i] += a * x[i]。",
                ),
            ),
            Mistake(
                kernel("i = threadIdx.x; if (i < n) y[i] += a * x[i];"),
                Words(
                    "Only the first block's elements change, and each block adds to them again. The"
                    " number of a thread among all is blockIdx.x * blockDim.x + threadIdx.x.",
                    "只有第一个块的元素被改动，而且每个块都又加了一遍。线程在全部线程中的编号是"
                    " blockIdx.x * blockDim.x + threadIdx.x。",
                ),
            ),
        ),
        hints=(
            Words(
                "Begin as the kernel `twice`: which number has this thread?",
                "像核函数 `twice` 那样开头：这个线程的编号是多少？",
            ),
            Words(
                "int i = blockIdx.x * blockDim.x + threadIdx.x; and a guard, if (i < n).",
                "int i = blockIdx.x * blockDim.x + threadIdx.x; 再加上判断 if (i < n)。",
            ),
            Words("if (i < n) y[i] += a * x[i];", "写成：if (i < n) y[i] += a * x[i];"),
        ),
    ),
    exercise(
        "10.3",
        "sectors",
        Words("sectors that a warp touches", "一个线程束触及的扇区数"),
        cases=("[sectors(stride) for stride in (1, 2, 3, 5, 8, 200)]", "sectors(0)"),
        solution=solutions.sectors,
        mistakes=(
            Mistake(
                always_32,
                Words(
                    "32 is right for large strides only. Neighbours share a sector.",
                    "只有步幅大时才是 32。相邻的线程会落在同一个扇区。",
                ),
            ),
            Mistake(always_4, Words("4 is right for stride 1 only.", "只有步幅为 1 时才是 4。")),
            Mistake(
                at_least_none,
                Words(
                    "Nearly: with stride 0 all threads read the same number, and that lies in one"
                    " sector, not in none.",
                    "差一点：步幅为 0 时所有线程读同一个数，它在一个扇区里，不是零个。",
                ),
            ),
            Mistake(
                without_a_limit,
                Words(
                    "More than 32: a warp has 32 threads, and each touches one sector.",
                    "超过了 32：一个线程束有 32 个线程，每个只触及一个扇区。",
                ),
            ),
            Mistake(
                a_float_is_a_byte,
                Words(
                    "A float has 4 bytes: the address of number k is 4 k.",
                    "一个 float 占 4 字节：第 k 个数的地址是 4 k。",
                ),
            ),
            Mistake(
                numbers_not_sectors,
                Words(
                    "This counts the numbers that are read. Count the sectors they lie in:"
                    " address // 32.",
                    "这是在数读了多少个数。要数它们落在几个扇区里：address // 32。",
                ),
            ),
        ),
        hints=(
            Words(
                "At which byte lies the number that thread t reads?", "线程 t 读的数在第几个字节？"
            ),
            Words(
                "At 4 * t * stride. Its sector is that // 32.",
                "在 4 * t * stride。它的扇区就是这个值 // 32。",
            ),
            Words(
                "A set keeps each sector once: len({...  for t in range(32)}).",
                "集合中每个扇区只留一次：len({...  for t in range(32)})。",
            ),
        ),
    ),
)
