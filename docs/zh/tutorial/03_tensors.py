# %% [markdown]
# # 03 · 张量，以及广播的反向
#
# 第 02 章的引擎为每个数都建立了一个 Python 对象。网络里有几百万个数，而且大多数数经历的步骤相同，所以我们让一个步骤处理整个数组。本章推导数组的梯度规则：逐元素运算、求和、广播、矩阵乘积。最后会得到一个张量引擎，它能学会一条弯曲的边界。

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinygrad_edu.learn.course import check, hint, solution

rng = np.random.default_rng(0)

# %% [markdown]
# ## 每个元素一个梯度
#
# 损失仍然是一个数，但它现在依赖一个数组，对数组的每个元素各有一个斜率。我们把这些斜率存放在形状相同的数组里。对计算中间的值来说，这个数组叫作它的*余切向量*（cotangent，简称余切，与三角函数无关），记作 `g`：g[i, j] 表示元素 [i, j] 变化时，损失变化得多快。
#
# 每种运算的任务是：已知输出的余切，求各个输入的余切。对 `out = a * b` 来说没有新东西，每个元素都是两个数的乘积，可以直接套用第 02 章：

# %%
a, b = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
g = np.array([1.0, 0.0, 2.0])  # suppose that the loss moves like this with a * b
print("cotangent of a:", g * b)
print("cotangent of b:", g * a)
assert (g * b).tolist() == [10.0, 0.0, 60.0]

# %% [markdown]
# ## 广播的反向
#
# NumPy 允许形状不同的数组相遇：在 `x + row` 中，形状为 (3, 4) 和 (4,)，row 会加到 x 的三行中的每一行上。于是 `row` 里的一个数被用了三次。由第 02 章可知：几条路相遇，梯度相加。
#
# > 前向时广播复制了什么，反向时就把什么加起来。
#
# 下图用随机的余切说明这一点：`g` 的各列之和就是 row 的梯度。

# %%
g = rng.normal(size=(3, 4))
row_gradient = g.sum(axis=0)
fig, (left, right) = plt.subplots(2, 1, figsize=(5, 4), height_ratios=(3, 1))
for ax, array, title in (
    (left, g, "cotangent of x + row, (3, 4)"),
    (right, row_gradient[None], "gradient of row, (4,)"),
):
    ax.imshow(array, cmap="RdBu", vmin=-3, vmax=3)
    for (i, j), v in np.ndenumerate(array):
        ax.text(j, i, f"{v:.2f}", ha="center", va="center")
    ax.set_title(title)
    ax.axis("off")
plt.tight_layout()
plt.show()

x, row, h = rng.normal(size=(3, 4)), rng.normal(size=4), 1e-6
step = np.array([h, 0, 0, 0])  # move the first entry of the row alone
tried = ((g * (x + row + step)).sum() - (g * (x + row - step)).sum()) / (2 * h)
print(f"first entry of the row: {row_gradient[0]:.6f}, tried out: {tried:.6f}")
assert abs(row_gradient[0] - tried) < 1e-6

# %% [markdown]
# 广播会做两件事：在前面添上新的维，例如 (4,) 变成 (3, 4)；拉伸大小为 1 的维，例如 (3, 1) 变成 (3, 4)。反向要把两者都还原：对前面添上的维求和；对拉伸过的维求和，并保留大小 1。
#
# **练习 03.1。** 写出 `sum_to(g, shape)`：对余切 `g` 求和，使它的形状变回输入在广播之前的形状。


# %%
def sum_to(g, shape): ...  # your lines


check("03.1", sum_to)

# %% [markdown]
# ## 求和与它的镜像
#
# `x.sum(axis=0)` 是反过来的广播。前向是相加，所以反向是复制：参与求和的每个元素变化多少，和就变化多少，因此都得到这个和的余切。平均值就是和除以元素个数。
#
# **练习 03.2。** 对 `out = x.mean(axis=axis)`，其中 x 的形状为 `shape`，写出 x 的余切。（`g` 中已经没有这个轴。`np.expand_dims` 把它以大小 1 放回去，`np.broadcast_to` 再把它拉伸。）


# %%
def mean_backward(g, shape, axis): ...  # your lines


check("03.2", mean_backward)

# %% [markdown]
# ## 矩阵乘积
#
# 对 `out = a @ b`，out[i, j] 是对 k 求和的 a[i, k] · b[k, j]。a[i, k] 会影响哪些输出？第 i 行的：out[i, 0]、out[i, 1]，等等，各自的倍数是 b[k, j]。把这些路上的影响加起来：
#
# a[i, k] 的余切 = Σⱼ g[i, j] · b[k, j]
#
# 这又是一个矩阵乘积：`g @ b.T`。看形状就能记住它：a 是 (N, K)，b 是 (K, M)，g 是 (N, M)，要用 g 和 b 拼出 (N, K)，只有一种办法。

# %%
a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
g = rng.normal(size=(2, 4))
by_index = np.array(
    [[sum(g[i, j] * b[k, j] for j in range(4)) for k in range(3)] for i in range(2)]
)
assert np.allclose(by_index, g @ b.T)
print("g @ b.T has the shape of a:", (g @ b.T).shape)

# %% [markdown]
# **练习 03.3。** 写出 `a @ b` 的两个余切：把 a 的和 b 的作为一对返回。


# %%
def matmul_backward(g, a, b): ...  # your lines


check("03.3", matmul_backward)

# %% [markdown]
# ## 一个张量引擎
#
# 现在把这些规则放进一个类。它就是第 02 章的 `Value`，只是换成了数组。张量为每个父结点保存的不再是斜率，而是一个函数，它把自己的余切变成父结点的余切。这样的函数叫作 *vjp*（向量–雅可比积）。`backward` 把每个结果求和到父结点的形状：只写一次，对所有运算都适用。


# %%
def reduce_to(g, shape):
    g = g.sum(axis=tuple(range(g.ndim - len(shape))))
    stretched = tuple(i for i, n in enumerate(shape) if n == 1 and g.shape[i] != 1)
    return g.sum(axis=stretched, keepdims=True)


class Tensor:
    """An array that remembers how it was made."""

    def __init__(self, array, parents=(), vjps=()):
        self.array, self.parents, self.vjps = np.asarray(array, float), parents, vjps
        self.grad = np.zeros_like(self.array)

    def __add__(self, other):
        return Tensor(self.array + other.array, (self, other), (lambda g: g, lambda g: g))

    def __mul__(self, other):
        vjps = lambda g: g * other.array, lambda g: g * self.array
        return Tensor(self.array * other.array, (self, other), vjps)

    def __matmul__(self, other):
        vjps = lambda g: g @ other.array.T, lambda g: self.array.T @ g
        return Tensor(self.array @ other.array, (self, other), vjps)

    def tanh(self):
        t = np.tanh(self.array)
        return Tensor(t, (self,), (lambda g: g * (1 - t * t),))

    def mean(self):
        return Tensor(
            self.array.mean(), (self,), (lambda g: np.full(self.array.shape, g / self.array.size),)
        )

    def backward(self):
        self.grad = np.ones_like(self.array)
        for tensor in reversed(order(self)):
            for parent, vjp in zip(tensor.parents, tensor.vjps):
                parent.grad += reduce_to(vjp(tensor.grad), parent.array.shape)


def order(last):
    done, seen, todo = [], set(), [(last, False)]
    while todo:
        tensor, ready = todo.pop()
        if ready:
            done.append(tensor)
        elif id(tensor) not in seen:
            seen.add(id(tensor))
            todo += [(tensor, True), *((p, False) for p in tensor.parents)]
    return done


# %% [markdown]
# 照例检验一下：移动一个元素，看损失怎样变化。这里的偏置经过广播，所以 `reduce_to` 有事可做。

# %%
x, w, bias = (
    Tensor(rng.normal(size=(5, 3))),
    Tensor(rng.normal(size=(3, 2))),
    Tensor(rng.normal(size=2)),
)


def loss_of(w_array, bias_array):
    out = (x @ Tensor(w_array) + Tensor(bias_array)).tanh()
    return (out * out).mean().array


out = (x @ w + bias).tanh()
(out * out).mean().backward()
for name, tensor, place in (("w", w, (1, 0)), ("bias", bias, (1,))):
    move = np.zeros_like(tensor.array)
    move[place] = 1e-6
    if tensor is w:
        tried = (loss_of(w.array + move, bias.array) - loss_of(w.array - move, bias.array)) / 2e-6
    else:
        tried = (loss_of(w.array, bias.array + move) - loss_of(w.array, bias.array - move)) / 2e-6
    print(f"{name}{list(place)}: by backward {tensor.grad[place]:+.8f}, tried out {tried:+.8f}")
    assert abs(tensor.grad[place] - tried) < 1e-8

# %% [markdown]
# ## 弯曲的边界
#
# 两个半月互相嵌在一起。三层张量要学会判断每个点属于哪个半月。200 个点一次全部通过网络：`points @ w1` 就是 (200, 2) @ (2, 16)。

# %%
angle = rng.uniform(0, np.pi, 100)
upper = np.stack([np.cos(angle), np.sin(angle)], 1)
lower = np.stack([1 - np.cos(angle), 0.4 - np.sin(angle)], 1)
points = np.concatenate([upper, lower]) + rng.normal(0, 0.1, (200, 2))
wanted = np.repeat([[1.0], [-1.0]], 100, axis=0)

shapes = (2, 16), (16,), (16, 16), (16,), (16, 1), (1,)
weights = [Tensor(rng.normal(0, 0.5, shape)) for shape in shapes]


def network(x):
    w1, b1, w2, b2, w3, b3 = weights
    return (((x @ w1 + b1).tanh() @ w2 + b2).tanh() @ w3 + b3).tanh()


losses = []
for _ in range(400):
    error = network(Tensor(points)) + Tensor(-wanted)
    loss = (error * error).mean()
    for t in weights:
        t.grad = np.zeros_like(t.array)
    loss.backward()
    for t in weights:
        t.array -= 0.2 * t.grad
    losses.append(float(loss.array))

right = (network(Tensor(points)).array * wanted > 0).mean()
print(
    f"loss {losses[0]:.3f} at first, {losses[-1]:.3f} at last; {right:.1%} of the points are right"
)
assert right > 0.97

# %%
across, up = np.meshgrid(np.linspace(-1.5, 2.5, 80), np.linspace(-1.2, 1.6, 80))
surface = network(Tensor(np.stack([across.ravel(), up.ravel()], 1))).array.reshape(across.shape)
plt.figure(figsize=(6, 4))
plt.contourf(across, up, surface, levels=20, cmap="RdBu")
plt.scatter(*points.T, c=wanted[:, 0], cmap="gray", edgecolors="gray")
plt.title("what the network answers")
plt.show()

# %% [markdown]
# ## 引擎会指出错误
#
# 本课程的引擎也是这样安排的：每个算子声明一次，对每个输入给出一个 vjp；对广播过的梯度求和，也只在一处进行。当你自己写算子时，`gradcheck` 会把它的反向与有限差分相比较，还会逐一尝试常见的错误，并说出发现了哪一个。这里忘了对广播的维求和：

# %%
import tinygrad_edu as torch
from tinygrad_edu.autograd import Function, gradcheck


class Scale(Function):
    @staticmethod
    def forward(ctx, x, row):
        ctx.save_for_backward(x, row)
        return x * row

    @staticmethod
    def backward(ctx, g):
        x, row = ctx.saved_tensors
        return g * row, (g * x)[0]  # the first row only, where the sum must be


torch.manual_seed(0)
x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
row = torch.randn(4, dtype=torch.float64, requires_grad=True)
try:
    gradcheck(Scale.apply, (x, row))
    said = ""
except torch.GraphError as error:
    said = str(error)
print(said)
assert "The sum over a broadcast dim is missing" in said

# %% [markdown]
# **每点一句话**
#
# - 数组的余切与它形状相同：损失对每个元素各有一个斜率。
# - 前向时广播复制，反向就相加；前向时求和相加，反向就复制。
# - `a @ b` 的余切是 `g @ b.T` 和 `a.T @ g`，形状决定了没有别的选择。
# - 对广播过的梯度求和只写在一处，各个运算都不必操心。
