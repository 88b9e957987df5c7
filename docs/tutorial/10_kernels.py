# %% [markdown]
# # 10 · From NumPy to C++ to a CUDA kernel, without a GPU
#
# So far an op was one call: `x.softmax(1)`. Something has to do the additions. In this chapter
# you go down four floors: a loop in Python, NumPy, a loop in C++, and a **kernel** for a graphics
# card. You write the kernel, watch what it does to memory line by line, break it, find the
# mistake, make it better, and train with it.
#
# You need no GPU. The device `emu` runs the same CUDA C on the CPU, slowly but exactly, and can
# count. It needs the compiler `g++` (Debian, Ubuntu: `sudo apt install g++`; macOS:
# `xcode-select --install`). Without it, the cells that need it say so and are skipped.
#
# You need chapter 07 (softmax). A little C helps; every line is explained.

# %%
import ctypes
import math
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu.learn.course import check, hint, solution

HAVE_COMPILER = shutil.which("g++") is not None
if not HAVE_COMPILER:
    print("There is no g++ here: the cells in C++ and CUDA are skipped.")

# %% [markdown]
# ## Floor 1: a loop in Python
#
# The softmax of a row $x$ is $e^{x_i} / \sum_j e^{x_j}$. If an $x_j$ is large, $e^{x_j}$
# overflows. Subtract the largest element from all first: the quotient is unchanged, and no
# exponent is above 0.


# %%
def by_python(rows):
    result = []
    for row in rows:
        largest = max(row)
        powers = [math.exp(v - largest) for v in row]
        total = sum(powers)
        result.append([p / total for p in powers])
    return result


torch.manual_seed(0)
ROWS, COLS = 256, 200
x = torch.randn(ROWS, COLS)
expected = x.softmax(1)
rows = x.tolist()


def seconds(run, repeat):
    """The shortest time of a few runs: the one that was disturbed least."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


took = {"Python": seconds(lambda: by_python(rows), 3)}
assert torch.allclose(torch.tensor(by_python(rows)), expected, atol=1e-6)

# %% [markdown]
# ## Floor 2: NumPy
#
# Python looks at each number: what type is it, where is its `__sub__`? NumPy asks once for a
# whole array and then runs a compiled loop. But each of the four lines walks over all of memory,
# and makes a new array.

# %%
import numpy as np


def by_numpy(x):
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


array = x.numpy()
took["NumPy"] = seconds(lambda: by_numpy(array), 20)
assert np.allclose(by_numpy(array), expected.numpy(), atol=1e-6)

# %% [markdown]
# ## Floor 3: C++
#
# In C++ we write the loop of floor 1 again. The compiler turns it into machine code, which runs
# about as fast as NumPy's. `extern "C"` keeps the function's plain name, so that `ctypes` finds
# it in the library. A matrix arrives as a pointer to its first number; the element in row `r`,
# column `c` is `x[r * cols + c]`. This order is called *row-major*.

# %%
CPP = """
#include <cmath>
extern "C" void softmax(float* out, const float* x, int rows, int cols) {
    for (int r = 0; r < rows; ++r) {
        const float* in = x + r * cols;
        float largest = in[0], total = 0;
        for (int c = 1; c < cols; ++c) largest = in[c] > largest ? in[c] : largest;
        for (int c = 0; c < cols; ++c) total += out[r * cols + c] = std::exp(in[c] - largest);
        for (int c = 0; c < cols; ++c) out[r * cols + c] /= total;
    }
}
"""


def compiled(text):
    """The library that g++ makes of a text."""
    folder = Path(tempfile.mkdtemp())
    (folder / "loop.cpp").write_text(text)
    command = ["g++", "-O3", "-shared", "-fPIC", "loop.cpp", "-o", "loop.so"]
    subprocess.run(command, cwd=folder, check=True)
    return ctypes.CDLL(str(folder / "loop.so"))


def address(array):
    return array.ctypes.data_as(ctypes.POINTER(ctypes.c_float))


if HAVE_COMPILER:
    library, out = compiled(CPP), np.empty_like(array)
    took["C++"] = seconds(lambda: library.softmax(address(out), address(array), ROWS, COLS), 20)
    assert np.allclose(out, expected.numpy(), atol=1e-6)

fig, ax = plt.subplots(figsize=(6, 2))
ax.barh(list(took), [1000 * t for t in took.values()])
ax.set_xscale("log")
ax.set_xlabel(f"milliseconds for a softmax of {ROWS} x {COLS}")
ax.invert_yaxis()
plt.show()
print({name: f"{1000 * t:.2f} ms" for name, t in took.items()})

# %% [markdown]
# Your times differ from those of another machine, so nothing above depends on them. Usually
# Python is tens of times slower than the other two, which are close.
#
# ## Floor 4: a kernel
#
# A GPU has thousands of arithmetic units. Its program, the **kernel**, is written from the point
# of view of *one* **thread**, and is run by very many threads at once. Each thread asks who it
# is, and works out which numbers are its own:
#
# - threads come in **blocks** of up to 1,024: `threadIdx.x` is the number within the block,
#   `blockDim.x` the size of a block;
# - the blocks form the **grid**: `blockIdx.x` is the number of the block;
# - so `blockIdx.x * blockDim.x + threadIdx.x` numbers all threads.
#
# The number of elements is rarely a multiple of the block's size, so the last block has threads
# too many. They must do nothing: hence the `if`.

# %%
TWICE = """
extern "C" __global__ void twice(float* y, const float* x, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n) y[i] = 2.0f * x[i];
}
"""
if HAVE_COMPILER:
    twice = torch.RawKernel(TWICE, "twice")
    a = torch.arange(300.0).to("emu")
    y = torch.zeros(300).to("emu")
    twice((3,), (128,), (y, a, 300))  # 3 blocks of 128 threads: 384, of which 84 do nothing
    assert torch.equal(y.cpu(), 2 * torch.arange(300.0))

# %% [markdown]
# ### Exercise 10.1
#
# How many blocks? Write `blocks(n, size)`: the smallest number of blocks of `size` threads that
# gives each of `n` elements a thread. Use whole numbers only. `hint("10.1")` helps.


# %%
def blocks(n, size):
    return n // size  # change this


check("10.1", blocks)

# %% [markdown]
# ### Exercise 10.2
#
# Write a kernel. `axpy_text()` returns CUDA C with an entry point
# `axpy(float* y, const float* x, float a, int n)` that adds `a` times `x` to `y`, element by
# element. The check runs it on `emu` (and needs g++), with a size that is no multiple of the
# block's.


# %%
def axpy_text():
    return """
extern "C" __global__ void axpy(float* y, const float* x, float a, int n) {
    // your lines
}
"""


check("10.2", axpy_text)

# %% [markdown]
# ## Softmax, one thread a row
#
# The straight way to a kernel: give each row to a thread, and let it run the loop of floor 3.

# %%
ONE_THREAD = """
extern "C" __global__ void softmax(float* out, const float* x, int rows, int cols) {
    int row = blockIdx.x * blockDim.x + threadIdx.x;
    if (row >= rows) return;
    x += row * cols;
    out += row * cols;
    float largest = x[0], total = 0.0f;
    for (int c = 1; c < cols; ++c) largest = fmaxf(largest, x[c]);
    for (int c = 0; c < cols; ++c) total += expf(x[c] - largest);
    for (int c = 0; c < cols; ++c) out[c] = expf(x[c] - largest) / total;
}
"""


def watched(text, grid, block):
    """The kernel's result on `x`, and what the profiler saw."""
    on_emu, out = x.to("emu"), torch.zeros(ROWS, COLS).to("emu")
    kernel = torch.RawKernel(text, "softmax")
    with torch.profile() as seen:
        kernel(grid, block, (out, on_emu, ROWS, COLS))
    return out.cpu(), seen.launches[0]


if HAVE_COMPILER:
    out, naive = watched(ONE_THREAD, (4,), (64,))
    assert torch.allclose(out, expected, atol=1e-6)
    print(naive)

# %% [markdown]
# The table has a line for each access in the source. Look at the column *per request*. Threads
# run in groups of 32, called **warps**. When a warp reads, memory delivers pieces of 32 bytes,
# called **sectors**. 32 neighbouring floats are 128 bytes, four sectors. But here the 32 threads
# of a warp read 32 *different rows*, which lie far apart: 32 sectors, of which seven eighths are
# thrown away. The result is right, and memory works eight times too hard.
#
# ### Exercise 10.3
#
# Write `sectors(stride)`: how many sectors of 32 bytes does a warp touch if its thread `t` (from
# 0 to 31) reads the float number `t * stride` of an array that begins at a sector's start? A
# float has 4 bytes.


# %%
def sectors(stride):
    return 32  # right for the kernel above; and for stride 1?


check("10.3", sectors)

# %% [markdown]
# ## Softmax, one block a row
#
# Better: give each row to a block, so that *neighbouring threads read neighbouring numbers*. Now
# the threads must combine what each has found. They do so in **shared memory**, a small fast
# memory of the block. First each writes its own part; then half of them add the other half's,
# then a quarter, and so on, like a tournament.
#
# `__syncthreads()` is a **barrier**: no thread goes on before all of the block have arrived.
# Without it, a thread could read a partial sum that its neighbour has not yet written.

# %%
ONE_BLOCK = """
extern "C" __global__ void softmax(float* out, const float* x, int rows, int cols) {
    __shared__ float part[64];
    int t = threadIdx.x;
    x += blockIdx.x * cols;
    out += blockIdx.x * cols;

    float largest = -INFINITY;
    for (int c = t; c < cols; c += 64) largest = fmaxf(largest, x[c]);
    part[t] = largest;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) part[t] = fmaxf(part[t], part[t + half]);
    }
    __syncthreads();
    largest = part[0];
    __syncthreads();  // all have read it before it is overwritten

    float total = 0.0f;
    for (int c = t; c < cols; c += 64) total += expf(x[c] - largest);
    part[t] = total;
    for (int half = 32; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) part[t] += part[t + half];
    }
    __syncthreads();
    total = part[0];
    for (int c = t; c < cols; c += 64) out[c] = expf(x[c] - largest) / total;
}
"""
if HAVE_COMPILER:
    out, better = watched(ONE_BLOCK, (ROWS,), (64,))
    assert torch.allclose(out, expected, atol=1e-6)
    assert not better.problems

    def loads(report):
        return [row for row in report.rows if row.kind == "load" and row.space == "global"]

    wide, narrow = (max(row.per_request for row in loads(r)) for r in (naive, better))
    print(f"sectors a request: {wide:.1f} with a thread a row, {narrow:.1f} with a block a row")
    assert wide > 30 and narrow <= 5

    moved = [sum(row.units for row in loads(r)) * 32 / 1e6 for r in (naive, better)]
    fig, ax = plt.subplots(figsize=(6, 1.6))
    ax.barh(["a thread a row", "a block a row"], moved)
    ax.set_xlabel("megabytes that memory has to deliver")
    ax.invert_yaxis()
    plt.show()
    assert moved[1] < moved[0] / 5

# %% [markdown]
# ## Break it
#
# Remove one barrier, the one inside the second tournament. On a GPU the result is often still
# right, on this machine, today. That is the worst kind of mistake: a **data race**. The profiler
# finds it whatever the order was in which the threads ran, and names both lines.

# %%
if HAVE_COMPILER:
    head, tail = ONE_BLOCK.split("part[t] = total;")
    BROKEN = head + "part[t] = total;" + tail.replace("        __syncthreads();\n", "", 1)
    out, broken = watched(BROKEN, (ROWS,), (64,))
    print(f"largest error: {(out - expected).abs().max().item():.1e}")
    for what, file, line, words in broken.problems:
        print(f"{what}: {words}")
    assert {what for what, *_ in broken.problems} == {"race"}

# %% [markdown]
# A second mistake to know by sight: the missing `if (i < n)`. The threads too many then write
# behind the array.

# %%
if HAVE_COMPILER:
    careless = torch.RawKernel(TWICE.replace("if (i < n) ", ""), "twice")
    with torch.profile() as seen:
        try:
            careless((3,), (128,), (y, a, 300))
        except torch.KernelError as error:
            print(error)
    for words in seen.problems:
        print(words)
    assert any("outside" in words for words in seen.problems)

# %% [markdown]
# ## The ladder
#
# The engine has six kernels of its own for softmax, each with one idea more:
# `tinygrad-edu kernels list` shows them. Each is a **rung**. `use_kernel` picks one; the op, its
# gradient and your program stay the same.

# %%
if HAVE_COMPILER:
    print("rung  sectors a request   megabytes delivered")
    delivered = {}
    for rung in (1, 2, 3):
        with torch.use_kernel(softmax=rung), torch.profile() as seen:
            result = x.to("emu").softmax(1)
        assert torch.allclose(result.cpu(), expected, atol=1e-6)
        rows_seen = loads(seen.launches[0])
        delivered[rung] = sum(row.units for row in rows_seen) * 32 / 1e6
        worst = max(row.per_request for row in rows_seen)
        print(f"{rung:>4}  {worst:>17.1f}   {delivered[rung]:>19.2f}")
    assert delivered[2] < delivered[1] / 5

# %% [markdown]
# Rung 3 reads as much as rung 2. It gives each row to one warp, whose threads exchange registers
# and need neither shared memory nor barriers; that saves time, but no sectors.
#
# ## Your kernel, with a gradient
#
# `autograd.Function` makes an op of any forward and backward. Forward: your kernel. Backward: the
# formula of softmax's gradient, which you can derive with the chain rule:
#
# $$dx_i = s_i\,\Big(g_i - \sum_j g_j\,s_j\Big)$$
#
# where $s$ is the result and $g$ the gradient that arrives. Then the op is checked against small
# steps, as in chapter 01, and trained with.

# %%
if HAVE_COMPILER:
    mine = torch.RawKernel(ONE_BLOCK, "softmax")

    class Softmax(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x, out = x.contiguous(), torch.empty_like(x)
            mine((x.shape[0],), (64,), (out, x, x.shape[0], x.shape[1]))
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx, g):
            (s,) = ctx.saved_tensors
            return s * (g - (g * s).sum(1, keepdim=True))

    small = torch.randn(3, 5).to("emu").requires_grad_()
    weights = torch.randn(3, 5).to("emu")
    (Softmax.apply(small) * weights).sum().backward()
    ours = small.grad.cpu()

    reference = small.detach().cpu().requires_grad_()
    (reference.softmax(1) * weights.cpu()).sum().backward()
    assert torch.allclose(ours, reference.grad, atol=1e-6)

    scores = torch.zeros(4, 6).to("emu").requires_grad_()  # learn that row r belongs to class r
    losses = []
    for _ in range(60):
        loss = -Softmax.apply(scores).diagonal().log().mean()
        (g,) = torch.autograd.grad(loss, scores)
        scores = (scores - 2.0 * g).detach().requires_grad_()
        losses.append(loss.item())
    print(f"loss {losses[0]:.2f} -> {losses[-1]:.2f}")
    assert losses[-1] < 0.2

# %% [markdown]
# On a machine with an NVIDIA GPU, `RawKernel(text, name, device="cuda")` runs the same text
# there.
#
# **In one sentence each**
#
# - Python's loop is slow because each number is an object; NumPy and C++ loop in machine code.
# - A kernel is the program of one thread; grid and block say how many run it. Guard the end.
# - Neighbouring threads should touch neighbouring numbers. That is most of what makes a kernel
#   fast.
# - Threads that exchange data need a barrier. A race can give right results for years, and a
#   checker finds it at once.
# - The emulator counts accesses, not time: caches and latencies are not known to it.
#
# `examples/07_write_a_kernel.py` and `docs/kernels.md` go further. Chapter 11 returns to the
# engine, and to what can go wrong there.
