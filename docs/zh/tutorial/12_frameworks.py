# %% [markdown]
# # 12 · 各个框架有何不同
#
# 你已经从内部认识了一个引擎。别的引擎是怎么做的呢？本章用五个框架训练*同一个*网络，初始数值相同，数据也相同：本引擎、PyTorch、JAX、TensorFlow 和 tinygrad。数学处处一样，所以损失也必须一样。不同的是：**什么时候**计算，参数由**谁**保管，以及**怎样**取得梯度。
#
# 这一切都不需要安装：没有安装的框架，对应的单元格会跳过。装了 PyTorch 就会运行它。要运行其他框架，请先安装（`pip install jax tensorflow tinygrad`），并在启动之前设置环境变量 `COURSE_FRAMEWORKS="pytorch jax tensorflow tinygrad"`。
#
# 需要先读第 04 章（训练循环）和第 11 章（计算图、视图、累加）。

# %%
import importlib.util
import os

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_edu
from tinygrad_edu.learn.course import check, hint, solution

MODULES = {"pytorch": "torch", "jax": "jax", "tensorflow": "tensorflow", "tinygrad": "tinygrad"}
wanted = os.environ.get("COURSE_FRAMEWORKS", "pytorch").split()


def runs(framework):
    """Whether to run a framework's cell: it is wanted and installed."""
    return framework in wanted and importlib.util.find_spec(MODULES[framework]) is not None


print({framework: runs(framework) for framework in MODULES})

# %% [markdown]
# ## 任务
#
# 两个半月形的点集，一个有 16 个隐藏单元的网络，交叉熵，学习率 0.5 的 60 步梯度下降，每步都用全部的点。所有数都由 NumPy 生成，大家从同样的起点出发。

# %%
rng = np.random.default_rng(0)
angle = rng.uniform(0, np.pi, 200)
label = np.arange(200) % 2
points = (
    np.where(label, 1 - np.cos(angle), np.cos(angle)),
    np.where(label, 0.5 - np.sin(angle), np.sin(angle)),
)
X = (np.stack(points, 1) + rng.normal(0, 0.1, (200, 2))).astype(np.float32)
Y = label.astype(np.int64)
START = {
    "w1": rng.normal(0, 1, (2, 16)).astype(np.float32),
    "b1": np.zeros(16, np.float32),
    "w2": rng.normal(0, 0.3, (16, 2)).astype(np.float32),
    "b2": np.zeros(2, np.float32),
}
STEPS, RATE = 60, 0.5
losses = {}

# %% [markdown]
# ## 本引擎

# %%
from tinygrad_edu import optim
from tinygrad_edu.nn import functional as F

p = {name: tinygrad_edu.tensor(a, requires_grad=True) for name, a in START.items()}
x, y = tinygrad_edu.tensor(X), tinygrad_edu.tensor(Y)
optimizer = optim.SGD(p.values(), lr=RATE)
losses["tinygrad_edu"] = []
for _ in range(STEPS):
    hidden = (x @ p["w1"] + p["b1"]).tanh()
    loss = F.cross_entropy(hidden @ p["w2"] + p["b2"], y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses["tinygrad_edu"].append(loss.item())

print(f"loss {losses['tinygrad_edu'][0]:.4f} -> {losses['tinygrad_edu'][-1]:.4f}")
assert losses["tinygrad_edu"][-1] < 0.35

grid_x, grid_y = np.meshgrid(np.linspace(-1.5, 2.5, 120), np.linspace(-1, 1.5, 90))
with tinygrad_edu.no_grad():
    grid = tinygrad_edu.tensor(np.stack([grid_x, grid_y], -1).astype(np.float32))
    surface = ((grid @ p["w1"] + p["b1"]).tanh() @ p["w2"] + p["b2"]).softmax(-1)[..., 1]
fig, ax = plt.subplots(figsize=(6, 3.6))
ax.contourf(grid_x, grid_y, surface.numpy(), 20, cmap="RdBu", alpha=0.7)
ax.scatter(X[:, 0], X[:, 1], c=Y, cmap="RdBu", edgecolors="k", s=18)
ax.set_title("probability of the second moon")
plt.show()

# %% [markdown]
# ## PyTorch
#
# 代码一样，只有导入不同。与这里一样，每个算子**立即**运行（*eager*），并把自己记在计算图里。`backward()` 走过计算图，把梯度**加**到叶子的 `.grad` 上。优化器**原地**改动参数。
#
# 不同在内部：PyTorch 的公式用 C++ 写成，离算子的代码很远；这里每个算子和它的公式只是一屏之内的几行 Python。

# %%
if runs("pytorch"):
    import torch

    p = {name: torch.tensor(a, requires_grad=True) for name, a in START.items()}
    x, y = torch.tensor(X), torch.tensor(Y)
    optimizer = torch.optim.SGD(p.values(), lr=RATE)
    losses["pytorch"] = []
    for _ in range(STEPS):
        hidden = (x @ p["w1"] + p["b1"]).tanh()
        loss = torch.nn.functional.cross_entropy(hidden @ p["w2"] + p["b2"], y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses["pytorch"].append(loss.item())

# %% [markdown]
# ## JAX
#
# JAX 没有 `.grad`，数组上也不挂计算图。你把损失写成参数的**纯函数**：什么也不改动，一切都返回。`jax.value_and_grad` 把这个函数变成另一个函数，它返回损失和梯度，梯度的字典结构与参数相同。数组不能写入，每一步返回的是*新的*参数。
#
# `jax.jit` 用占位符代替数值把函数运行一次（*追踪*），再为该形状编译它所看到的内容。所以里面的 `print` 只打印一次，而对数值写 `if` 会被拒绝。

# %%
if runs("jax"):
    import jax
    import jax.numpy as jnp

    def jax_loss(p, x, y):
        hidden = jnp.tanh(x @ p["w1"] + p["b1"])
        scores = jax.nn.log_softmax(hidden @ p["w2"] + p["b2"])
        return -scores[jnp.arange(len(y)), y].mean()

    @jax.jit
    def jax_step(p, x, y):
        loss, grads = jax.value_and_grad(jax_loss)(p, x, y)
        return jax.tree.map(lambda w, g: w - RATE * g, p, grads), loss

    p = {name: jnp.asarray(a) for name, a in START.items()}
    losses["jax"] = []
    for _ in range(STEPS):
        p, loss = jax_step(p, jnp.asarray(X), jnp.asarray(Y))
        losses["jax"].append(float(loss))

# %% [markdown]
# ## TensorFlow
#
# TensorFlow 2 也是立即运行算子，但只在 `with tf.GradientTape()` 里面记录。磁带会自动监视每个 `tf.Variable`，其他的要用 `tape.watch` 指明。向磁带询问一组变量的梯度，问过一次它就用完了，除非创建时写了 `persistent=True`。没有 `.grad`，所以不会累加，也不用清零。给一步加上 `@tf.function`，就会通过追踪来编译它。

# %%
if runs("tensorflow"):
    import tensorflow as tf

    p = {name: tf.Variable(a) for name, a in START.items()}
    variables = list(p.values())
    losses["tensorflow"] = []
    for _ in range(STEPS):
        with tf.GradientTape() as tape:
            hidden = tf.tanh(X @ p["w1"] + p["b1"])
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=Y, logits=hidden @ p["w2"] + p["b2"]
            )
            loss = tf.reduce_mean(each)
        for variable, g in zip(variables, tape.gradient(loss, variables)):
            variable.assign_sub(RATE * g)
        losses["tensorflow"].append(float(loss))

# %% [markdown]
# ## tinygrad
#
# 它与我们只是名字相近：tinygrad 是一个编译器。它的 `Tensor` 看起来像 PyTorch 的，却是**惰性**的：算子什么也不计算，只记下要做什么。`gradient(...)` 再多记一些；会设置 `.grad` 的 `backward()` 也是如此。当有人索取数值时（`realize`、`item`、`numpy`），整个计算才被化简、融合成少数几个核函数并运行。

# %%
if runs("tinygrad"):
    from tinygrad import Tensor

    p = {name: Tensor(a) for name, a in START.items()}
    x, y = Tensor(X), Tensor(Y.astype(np.int32))
    losses["tinygrad"] = []
    for _ in range(STEPS):
        hidden = (x @ p["w1"] + p["b1"]).tanh()
        loss = (hidden @ p["w2"] + p["b2"]).sparse_categorical_crossentropy(y)
        grads = loss.gradient(*p.values())
        p = {name: w - RATE * g for (name, w), g in zip(p.items(), grads)}
        Tensor.realize(loss, *p.values())  # only now is anything computed
        losses["tinygrad"].append(loss.item())

# %% [markdown]
# ## 同样的数
#
# 各个框架求和的顺序不同，所以最后几位可能有差别。

# %%
fig, ax = plt.subplots(figsize=(6, 3.2))
for i, (name, curve) in enumerate(losses.items()):
    ax.plot(curve, label=name, lw=6 - i, alpha=0.6)
    difference = max(abs(a - b) for a, b in zip(curve, losses["tinygrad_edu"]))
    print(f"{name:>13}: last loss {curve[-1]:.6f}, largest difference to ours {difference:.0e}")
    assert difference < 1e-4
ax.set_xlabel("step")
ax.set_ylabel("loss")
ax.legend()
plt.show()

# %% [markdown]
# ## 并排对照
#
# | | 本引擎、PyTorch | JAX | TensorFlow 2 | tinygrad |
# | --- | --- | --- | --- | --- |
# | 算子何时运行 | 立即 | 立即；在 `jit` 下先追踪再编译 | 立即；在 `tf.function` 下先追踪再编译 | 需要数值时 |
# | 何时记录梯度 | 始终，从 `requires_grad` 的叶子开始 | `grad` 追踪函数时 | 在 `GradientTape` 里面 | 始终，作为惰性计算图的一部分 |
# | 怎样取得 | `loss.backward()` | `jax.grad(f)(p)` | `tape.gradient(loss, vars)` | `loss.backward()` |
# | 答案在哪里 | 加到 `.grad` 上 | 返回 | 返回 | 存入 `.grad` |
# | 参数怎样改变 | 原地 | 不变；返回新的参数 | 原地，用 `assign` | 原地，用 `assign` |
# | 数组能否写入 | 能，带版本检查 | 不能；`x.at[i].set(v)` 返回新数组 | 不能；只有 `tf.Variable` 能 | 能 |
# | 随机数 | 隐藏的状态 | 由你传递的密钥 | 隐藏的状态 | 隐藏的状态 |
# | 二阶导数 | `create_graph=True` | `grad` 的 `grad` | 磁带里的磁带 | 梯度的梯度也是惰性计算图 |
#
# ## 在本引擎里用 JAX 的方式
#
# 函数式的方式这里也有，在 `func` 中。下面三种方式问的是同一个引擎，得到同样的数。

# %%
p = {name: tinygrad_edu.tensor(a, requires_grad=True) for name, a in START.items()}
x, y = tinygrad_edu.tensor(X), tinygrad_edu.tensor(Y)


def loss_of(p):
    hidden = (x @ p["w1"] + p["b1"]).tanh()
    return F.cross_entropy(hidden @ p["w2"] + p["b2"], y)


loss_of(p).backward()  # 1. added to .grad
asked = tinygrad_edu.autograd.grad(loss_of(p), list(p.values()))  # 2. returned, as by a tape
functional = tinygrad_edu.func.grad(loss_of)(p)  # 3. a function of the parameters, as in JAX
for (name, w), g in zip(p.items(), asked):
    assert tinygrad_edu.allclose(w.grad, g, atol=1e-7)
    assert tinygrad_edu.allclose(w.grad, functional[name], atol=1e-7)
print("three ways, one gradient")

# %% [markdown]
# ### 练习 12.1
#
# 按 JAX 的方式写出 `update(params, grads, lr)`：返回一个**新**字典，其中每个参数走一步梯度下降。传入的参数必须保持原样。`hint("12.1")` 会给出提示。


# %%
def update(params, grads, lr):
    for name in params:
        params[name] -= lr * grads[name]
    return params  # change this


check("12.1", update)

# %% [markdown]
# ### 练习 12.2
#
# 写出 `value_and_grad(f)`：它返回一个*函数*，该函数接收张量 `x`，返回 `f(x)` 及其梯度。不得留下 `.grad`。请用 `tinygrad_edu.autograd.grad`。


# %%
def value_and_grad(f):
    def both(x):
        return f(x), x  # change this

    return both


check("12.2", value_and_grad)

# %% [markdown]
# ## 每个框架里都有的陷阱
#
# 五个框架都按 NumPy 的规则*广播*形状。如果网络返回 `(N, 1)`，而目标是 `(N,)`，那么差就是一个 `(N, N)` 的矩阵：每个预测减去每个目标。没有报错，损失看上去也合理，而网络学到的是所有目标的平均值。在这里和 PyTorch 里，`mse_loss` 会发出警告；自己写的减法不会。

# %%
prediction = tinygrad_edu.tensor([[1.0], [2.0], [3.0]])
target = tinygrad_edu.tensor([1.0, 2.0, 3.0])
wrong = prediction - target
print(wrong.shape, "mean square:", round((wrong**2).mean().item(), 3), "though all are right")
assert wrong.shape == (3, 3)

# %% [markdown]
# ### 练习 12.3
#
# 写出 `mean_square(prediction, target)`：`(N, 1)` 与 `(N,)`，或者两个相同形状之间的均方误差。其他任何形状组合都抛出 `ValueError`。


# %%
def mean_square(prediction, target):
    return ((prediction - target) ** 2).mean()  # change this


check("12.3", mean_square)

# %% [markdown]
# **每点一句话**
#
# - 链式法则处处一样，直到最后几位数字。
# - 立即执行的框架马上就算，便于查看内部；追踪的和惰性的框架先看到整个程序，可以让它更快。
# - 把状态放在对象里（`.grad`、原地更新）写起来短，也就有第 11 章的那些陷阱。纯函数没有这些陷阱，但要求你把一切都传来传去。
#
# 课程到此结束。`docs/reading-order.md` 带你读引擎自己的文件，你现在读得懂了；`CONTRIBUTING.md` 说明怎样添加自己的算子。
