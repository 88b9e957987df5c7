# %% [markdown]
# # 10 · 从 NumPy 到 C++ 再到 CUDA 核函数，不需要 GPU
#
# 到现在为止，一个算子就是一次调用：`x.softmax(1)`。可总得有什么东西去做这些加法。本章带你往下走四层：Python 循环、NumPy、C++ 循环，以及显卡上的**核函数**（kernel）。你将写一个核函数，逐行观察它怎样使用内存，把它弄坏，找出错误，再把它改好，最后用它来训练。
#
# 不需要 GPU。设备 `emu` 在 CPU 上运行同样的 CUDA C，慢，但是精确，而且会计数。它需要编译器 `g++`（Debian、Ubuntu：`sudo apt install g++`；macOS：`xcode-select --install`）。没有它时，用到它的单元格会说明情况并跳过。
#
# 需要先读第 07 章（softmax）。懂一点 C 会有帮助，不过每一行都有解释。

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
# ## 第一层：Python 循环
#
# 一行 $x$ 的 softmax 是 $e^{x_i} / \sum_j e^{x_j}$。如果某个 $x_j$ 很大，$e^{x_j}$ 会溢出。先让所有元素减去最大的那个：商不变，而指数都不大于 0。


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
# ## 第二层：NumPy
#
# Python 对每个数都要问：它是什么类型？它的 `__sub__` 在哪里？NumPy 对整个数组只问一次，然后运行编译好的循环。但四行代码每一行都要走遍整片内存，并生成一个新数组。

# %%
import numpy as np


def by_numpy(x):
    powers = np.exp(x - x.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


array = x.numpy()
took["NumPy"] = seconds(lambda: by_numpy(array), 20)
assert np.allclose(by_numpy(array), expected.numpy(), atol=1e-6)

# %% [markdown]
# ## 第三层：C++
#
# 用 C++ 把第一层的循环再写一遍。编译器把它变成机器码，运行速度与 NumPy 相当。`extern "C"` 保留函数原本的名字，使 `ctypes` 能在库中找到它。矩阵以指向第一个数的指针传入；第 `r` 行第 `c` 列的元素是 `x[r * cols + c]`，这种顺序叫做*行主序*。

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
# 你的时间与别的机器不同，所以上面的内容都不依赖它。通常 Python 比另外两种慢几十倍，而那两种相差不多。
#
# ## 第四层：核函数
#
# GPU 有成千上万个运算单元。它的程序，即**核函数**，是从*一个***线程**的角度写的，由许许多多线程同时运行。每个线程先问自己是谁，再算出哪些数归自己管：
#
# - 线程分成**块**，每块最多 1,024 个：`threadIdx.x` 是线程在块内的编号，`blockDim.x` 是块的大小；
# - 所有块组成**网格**：`blockIdx.x` 是块的编号；
# - 因此 `blockIdx.x * blockDim.x + threadIdx.x` 给所有线程编号。
#
# 元素个数很少恰好是块大小的倍数，所以最后一块会有多余的线程，它们必须什么都不做：这就是那个 `if` 的用处。

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
# ### 练习 10.1
#
# 需要多少块？写出 `blocks(n, size)`：每块 `size` 个线程，要让 `n` 个元素各有一个线程，最少需要几块。只用整数。`hint("10.1")` 会给出提示。


# %%
def blocks(n, size):
    return n // size  # change this


check("10.1", blocks)

# %% [markdown]
# ### 练习 10.2
#
# 写一个核函数。`axpy_text()` 返回一段 CUDA C，入口是 `axpy(float* y, const float* x, float a, int n)`，逐元素地把 `x` 的 `a` 倍加到 `y` 上。检查时会在 `emu` 上运行它（需要 g++），元素个数不是块大小的倍数。


# %%
def axpy_text():
    return """
extern "C" __global__ void axpy(float* y, const float* x, float a, int n) {
    // your lines
}
"""


check("10.2", axpy_text)

# %% [markdown]
# ## softmax：每个线程一行
#
# 写核函数最直接的办法：把每一行交给一个线程，让它运行第三层的循环。

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
# 表中每一行对应源代码里的一次访问。请看 *per request*（每次请求）这一列。线程以 32 个为一组运行，称为**线程束**（warp）。线程束读数据时，内存按 32 字节一份交付，称为**扇区**。32 个相邻的 float 共 128 字节，即 4 个扇区。但这里一个线程束的 32 个线程读的是 32 个*不同的行*，彼此相距很远：要 32 个扇区，其中八分之七都扔掉了。结果是对的，内存却多干了七倍的活。
#
# ### 练习 10.3
#
# 写出 `sectors(stride)`：数组从扇区的起点开始，线程 `t`（从 0 到 31）读其中第 `t * stride` 个 float，一个线程束会触及多少个 32 字节的扇区？一个 float 占 4 字节。


# %%
def sectors(stride):
    return 32  # right for the kernel above; and for stride 1?


check("10.3", sectors)

# %% [markdown]
# ## softmax：每个线程块一行
#
# 更好的办法：把每一行交给一个线程块，让*相邻的线程读相邻的数*。现在各个线程要把各自的结果合起来。它们借助**共享内存**，那是块内一小片很快的内存。先由每个线程写下自己的部分；然后一半线程加上另一半的结果，接着是四分之一，如此下去，像淘汰赛一样。
#
# `__syncthreads()` 是一道**屏障**：块内所有线程都到达之前，谁也不能继续。没有它，一个线程可能读到邻居还没写好的部分和。

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
# ## 把它弄坏
#
# 去掉一道屏障，就是第二轮淘汰赛里的那一道。在 GPU 上，结果往往仍然是对的：今天，在这台机器上。这是最糟糕的一类错误：**数据竞争**。无论线程以什么顺序运行，剖析器都能发现它，并指出是哪两行。

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
# 还有一种错误要一眼认得：漏写 `if (i < n)`。多余的线程会写到数组后面去。

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
# ## 优化阶梯
#
# 引擎自带六个 softmax 核函数，每一个比前一个多一个想法：`tinygrad-edu kernels list` 会列出它们。每一个叫做一**级**，用 `use_kernel` 选定；算子、梯度和你的程序都不变。

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
# 第 3 级读的数据和第 2 级一样多。它把每一行交给一个线程束，线程之间直接交换寄存器，不需要共享内存，也不需要屏障；这省的是时间，不是扇区。
#
# ## 给你的核函数配上梯度
#
# `autograd.Function` 能把任意的前向和反向组成一个算子。前向：你的核函数。反向：softmax 的梯度公式，用链式法则可以推出来：
#
# $$dx_i = s_i\,\Big(g_i - \sum_j g_j\,s_j\Big)$$
#
# 其中 $s$ 是结果，$g$ 是传来的梯度。然后把它与引擎自己的 softmax 核对，再用它来训练。

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
# 在有 NVIDIA GPU 的机器上，`RawKernel(text, name, device="cuda")` 会在 GPU 上运行同样的代码。
#
# **每点一句话**
#
# - Python 的循环慢，是因为每个数都是对象；NumPy 和 C++ 的循环是机器码。
# - 核函数是一个线程的程序；网格和块说明有多少线程运行它。末尾要加判断。
# - 相邻的线程应访问相邻的数。核函数跑得快，大半靠这一点。
# - 交换数据的线程需要屏障。数据竞争可能多年都给出正确的结果，而检查工具立刻就能发现它。
# - 模拟器数的是访问次数，不是时间：缓存和延迟它并不知道。
#
# `examples/07_write_a_kernel.py` 和 `docs/kernels.md` 讲得更深入。第 11 章回到引擎，看看那里会出什么错。
