"""The puzzles, in order. Each `case(n)` makes the data of one check; sizes are odd on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .puzzle import Case, Goal, Out, Puzzle

PUZZLES: list[Puzzle] = []


def puzzle(
    *sizes: int,
    goal: Goal = Goal(),  # noqa: B008  # frozen
) -> Callable[[Callable[[int], Case]], Callable[[int], Case]]:
    """Add a puzzle: its name is the function's."""

    def add(case: Callable[[int], Case]) -> Callable[[int], Case]:
        name = case.__name__.strip("_")
        PUZZLES.append(Puzzle(f"{len(PUZZLES) + 1:02}", name, case, sizes, goal))
        return case

    return add


def numbers(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers; no two are equal, so that a wrong place shows."""
    return np.random.default_rng([seed, *shape]).standard_normal(shape).astype(np.float32)


def over(n: int, by: int) -> int:
    return -(-n // by)


# ---- threads and their data ----------------------------------------------------------------------


@puzzle(32, 64)
def map_(n: int) -> Case:
    x = numbers(n)
    return Case([Out(2 * x + 1), x], n)


@puzzle(32, 96)
def zip_(n: int) -> Case:
    a, b = numbers(n), numbers(n, seed=1)
    return Case([Out(a * b), a, b], n)


@puzzle(1, 31, 50)
def guard(n: int) -> Case:
    x = numbers(n)
    return Case([Out(np.maximum(x, 0)), x, n], 64)


@puzzle(1, 128, 1000)
def blocks(n: int) -> Case:
    x = numbers(n)
    return Case([Out(x * x), x, n], 128, over(n, 128))


@puzzle(5, 16, 45)
def plane(n: int) -> Case:
    rows, cols = n, n + 3
    x = numbers(rows, cols)
    return Case([Out(x + 10), x, rows, cols], (16, 16), (over(cols, 16), over(rows, 16)))


@puzzle(3, 16, 37)
def broadcast(n: int) -> Case:
    rows, cols = n + 2, n
    a, b = numbers(rows), numbers(cols, seed=1)
    grid = (over(cols, 16), over(rows, 16))
    return Case([Out(a[:, None] + b), a, b, rows, cols], (16, 16), grid)


@puzzle(7, 256, 2000)
def stride(n: int) -> Case:
    x, y = numbers(n), numbers(n, seed=1)
    return Case([Out(3 * x + y), x, y, 3.0, n], 64, 4)


# ---- shared memory -------------------------------------------------------------------------------


@puzzle(64, 256)
def reverse(n: int) -> Case:
    x = numbers(n // 64, 64)
    return Case([Out(x[:, ::-1].ravel()), x.ravel()], 64, n // 64)


@puzzle(1, 63, 200, goal=Goal(asked=1.5))
def window(n: int) -> Case:
    x = numbers(n)
    padded = np.concatenate([[0], x, [0]]).astype(np.float32)
    want = padded[:-2] + padded[1:-1] + padded[2:]
    return Case([Out(want), x, n], 64, over(n, 64))


@puzzle(1, 100, 128)
def dot(n: int) -> Case:
    a, b = numbers(n), numbers(n, seed=1)
    return Case([Out([a @ b]), a, b, n], 128)


@puzzle(1, 45, 300, goal=Goal(scattered=1.35))
def sums(n: int) -> Case:
    x = numbers(6, n)
    return Case([Out(x.sum(1)), x, n], 128, 6)


@puzzle(1, 50, 128)
def scan(n: int) -> Case:
    x = numbers(n)
    return Case([Out(np.cumsum(x)), x, n], 128)


# ---- addresses -----------------------------------------------------------------------------------


@puzzle(1, 77, 512, goal=Goal(scattered=1.1))
def planar(n: int) -> Case:
    x = numbers(n, 3)
    return Case([Out(x.T.copy()), x, n], 128, over(n, 128), 3 * 128 * 4)


@puzzle(5, 32, 64, goal=Goal(scattered=1.1))
def transpose(n: int) -> Case:
    rows, cols = n, n + 32
    x = numbers(rows, cols)
    grid = (over(cols, 32), over(rows, 32))
    return Case([Out(x.T.copy()), x, rows, cols], (32, 8), grid)


@puzzle(5, 32, 64, goal=Goal(scattered=1.1, passes=1.05))
def banks(n: int) -> Case:
    rows, cols = n, n + 32
    x = numbers(rows, cols)
    grid = (over(cols, 32), over(rows, 32))
    return Case([Out(x.T.copy()), x, rows, cols], (32, 8), grid)


@puzzle(3, 64, 513, goal=Goal(must=(r"float4", "float4")))
def wide(n: int) -> Case:
    x = numbers(n)
    return Case([Out(x * 0.5), x, n], 64, over(n, 256))


# ---- atomics -------------------------------------------------------------------------------------


@puzzle(1, 100, 700)
def histogram(n: int) -> Case:
    x = np.random.default_rng(n).integers(0, 16, n).astype(np.int32)
    want = np.bincount(x, minlength=16).astype(np.int32)
    return Case([Out(want, start=np.zeros(16, np.int32)), x, n], 128, over(n, 128))


@puzzle(1, 100, 2048, goal=Goal(atomics=1.5))
def bins(n: int) -> Case:
    x = np.random.default_rng(n).integers(0, 16, n).astype(np.int32)
    want = np.bincount(x, minlength=16).astype(np.int32)
    return Case([Out(want, start=np.zeros(16, np.int32)), x, n], 128, over(n, 512))


# ---- convolution and matrix products -------------------------------------------------------------


@puzzle(1, 31, 150)
def convolve(n: int) -> Case:
    x, w = numbers(n), numbers(5, seed=1)
    want = np.array([np.dot(w, np.pad(x, 2)[i : i + 5]) for i in range(n)], np.float32)
    return Case([Out(want), x, w, n], 64, over(n, 64))


@puzzle(1, 31, 400, goal=Goal(asked=7.0))
def halo(n: int) -> Case:
    x, w = numbers(n), numbers(9, seed=1)
    want = np.array([np.dot(w, np.pad(x, 4)[i : i + 9]) for i in range(n)], np.float32)
    return Case([Out(want), x, w, n], 128, over(n, 128))


def product(n: int) -> tuple[list, tuple[int, int]]:
    m, k = n + 3, n + 1
    a, b = numbers(m, k), numbers(k, n, seed=1)
    return [Out(a @ b), a, b, m, n, k], (m, n)


@puzzle(1, 9, 33, goal=Goal(scattered=1.8))
def matmul(n: int) -> Case:
    args, (m, cols) = product(n)
    return Case(args, (16, 16), (over(cols, 16), over(m, 16)))


@puzzle(1, 17, 61, goal=Goal(asked=6.0, passes=1.1))
def tiles(n: int) -> Case:
    args, (m, cols) = product(n)
    return Case(args, (16, 16), (over(cols, 16), over(m, 16)))


@puzzle(1, 33, 61, goal=Goal(loads=1.2))
def registers(n: int) -> Case:
    args, (m, cols) = product(n)
    return Case(args, (16, 16), (over(cols, 16), over(m, 64)))


@puzzle(1, 17, 61, goal=Goal(barriers=1.2))
def buffers(n: int) -> Case:
    args, (m, cols) = product(n)
    return Case(args, (16, 16), (over(cols, 16), over(m, 16)))


@puzzle(1, 40, 130, goal=Goal(scattered=1.35))
def matvec(n: int) -> Case:
    a, x = numbers(9, n), numbers(n, seed=1)
    return Case([Out(a @ x), a, x, 9, n], 128, 3)


# ---- a warp --------------------------------------------------------------------------------------


@puzzle(1, 31, 200, goal=Goal(must=(r"__shfl|__reduce", "a shuffle")))
def shuffle(n: int) -> Case:
    x = numbers(5, n)
    return Case([Out(x.sum(1)), x, 5, n], 64, 3)


@puzzle(1, 5, 9, goal=Goal(must=(r"__shfl_up_sync", "__shfl_up_sync")))
def lanes(n: int) -> Case:
    x = numbers(n, 32)
    return Case([Out(np.cumsum(x, 1)), x, n], (32, 4), over(n, 4))


@puzzle(1, 31, 32, goal=Goal(must=(r"__ballot_sync", "__ballot_sync")))
def compact(n: int) -> Case:
    x = numbers(n)
    want = np.zeros(32, np.float32)
    want[: (x > 0).sum()] = x[x > 0]
    count = np.array([(x > 0).sum()], np.int32)
    return Case([Out(want, start=np.zeros(32, np.float32)), Out(count), x, n], 32)


@puzzle(1, 33, 250)
def argmax(n: int) -> Case:
    x = numbers(5, n)
    return Case([Out(x.argmax(1).astype(np.int32)), x, n], 64, 5)


# ---- layers --------------------------------------------------------------------------------------


def softmax_of(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@puzzle(1, 40, 260)
def softmax(n: int) -> Case:
    x = 30 * numbers(4, n)
    return Case([Out(softmax_of(x)), x, n], 64, 4)


@puzzle(1, 40, 260, goal=Goal(asked=1.6))
def online(n: int) -> Case:
    x = 30 * numbers(4, n)
    return Case([Out(softmax_of(x)), x, n], 64, 4)


@puzzle(1, 40, 260)
def layernorm(n: int) -> Case:
    x, w, b = numbers(4, n) + 100, numbers(n, seed=1), numbers(n, seed=2)
    wide = x.astype(np.float64)
    scaled = (wide - wide.mean(1, keepdims=True)) / np.sqrt(wide.var(1, keepdims=True) + 1e-5)
    want = (scaled * w + b).astype(np.float32)
    return Case([Out(want), x, w, b, n], 64, 4)


@puzzle(1, 33, 100, goal=Goal(scattered=1.35))
def embedding(n: int) -> Case:
    table = numbers(20, 40)
    index = np.random.default_rng(n).integers(0, 20, n).astype(np.int32)
    return Case([Out(table[index]), table, index, n, 40], 64, n)


@puzzle(1, 33, 100, goal=Goal(must=(r"atomicAdd", "atomicAdd")))
def scatter(n: int) -> Case:
    gradient = numbers(n, 40)
    index = np.random.default_rng(n).integers(0, 20, n).astype(np.int32)
    want = np.zeros((20, 40), np.float32)
    np.add.at(want, index, gradient)
    start = np.zeros((20, 40), np.float32)
    return Case([Out(want, start=start), gradient, index, n, 40], 64, n)


@puzzle(16, 48, goal=Goal(must=(r"mma_sync", "wmma::mma_sync")))
def tensor(n: int) -> Case:
    a, b = (numbers(n, n, seed=s).astype(np.float16) for s in (0, 1))
    want = a.astype(np.float32) @ b.astype(np.float32)
    return Case([Out(want), a, b, n], 32, (n // 16, n // 16))


@puzzle(1, 33, 70, goal=Goal(asked=40.0))
def attention(n: int) -> Case:
    q, k, v = (numbers(n, 32, seed=s) for s in range(3))
    want = softmax_of(q @ k.T / np.sqrt(np.float32(32))) @ v
    return Case([Out(want), q, k, v, n], (32, 4), over(n, 4))
