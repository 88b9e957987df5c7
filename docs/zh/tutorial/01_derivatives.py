# %% [markdown]
# # 01 · 手工求导与有限差分
#
# 神经网络的学习，就是把同一个问题问上几百万遍：*把这个旋钮转动一点点，结果会变化多少？* 答案就是导数。本章用两种办法求导数：一是用学校里学过的法则，二是直接试一试。第二种办法不需要推导，所以后面每一章都用它来检验第一种办法。
#
# 你只需要会 Python，并且知道 x² 的导数。在仓库的目录里，用下面的命令安装课程和画图所需的包：
#
# ```sh
# pip install -e ".[cli]"
# ```
#
# `tinygrad-edu course open 01` 会把本章作为笔记本复制到当前目录，`pip install jupyterlab` 之后可用 `jupyter lab` 打开；加 `--script` 则是任何编辑器都能打开的文件。请从上到下运行各个单元格。看到 `...  # your lines` 时，写上你自己的代码再运行：`check` 会告诉你哪里不对，`hint("01.1")` 会给出提示，每问一次就多说一点。

# %%
import math

import matplotlib.pyplot as plt

from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## 斜率是一个商
#
# 取 f(x) = x²，看 x = 3 处。让 x 移动一小步 h，看 f 变化多少。


# %%
def square(x):
    return x * x


for h in (1.0, 0.1, 0.01, 0.001):
    print(
        f"h = {h:<6} f moves {square(3 + h) - square(3):.6f}   quotient {(square(3 + h) - square(3)) / h:.4f}"
    )

# %% [markdown]
# 这个商趋近于 6。一行代数就能说明原因：((3 + h)² − 3²) / h = (6h + h²) / h = 6 + h。当 h 趋于零时，剩下的是 6。一般地，x² 在 x 处的斜率是 2x，这就是导数。
#
# 在图上，这个商是过曲线上两点的直线的斜率。第二个点越靠近，直线就越贴合曲线在 x = 3 处的走势。

# %%
xs = [i / 20 for i in range(20, 101)]
plt.figure(figsize=(6, 4))
plt.plot(xs, [square(x) for x in xs], color="black", label="f(x) = x²")
for h, color in ((1.5, "tab:blue"), (0.75, "tab:orange"), (0.01, "tab:green")):
    q = (square(3 + h) - square(3)) / h
    plt.plot(
        xs, [square(3) + q * (x - 3) for x in xs], color=color, label=f"h = {h}: slope {q:.2f}"
    )
plt.plot([3], [9], "ko")
plt.xlabel("x")
plt.legend()
plt.show()

# %% [markdown]
# ## 三条法则就够了
#
# 本课程中的每个函数都由一些小步骤组成，而三条法则就能让导数穿过所有步骤：
#
# - **加法**：(a + b)' = a' + b'
# - **乘法**：(a b)' = a' b + a b'
# - **链式**：如果 y 依赖 u，u 依赖 x，那么变化率相乘：dy/dx = dy/du · du/dx
#
# 整门学问都靠链式法则支撑。如果 u 的变化是 x 的 6 倍，y 的变化是 u 的 0.5 倍，那么 y 的变化就是 x 的 3 倍。下面以 y = sin(x²) 为例，其中 u = x²：

# %%
x = 1.2
u = x * x
y = math.sin(u)
du_dx = 2 * x
dy_du = math.cos(u)
dy_dx = dy_du * du_dx
print(f"u moves {du_dx:.3f} times as fast as x")
print(f"y moves {dy_du:.3f} times as fast as u")
print(f"so y moves {dy_dx:.4f} times as fast as x")

h = 1e-6
tried = (math.sin((x + h) ** 2) - math.sin(x**2)) / h
print(f"tried out:  {tried:.4f}")
assert abs(dy_dx - tried) < 1e-4

# %% [markdown]
# 注意计算的顺序。我们先算 x，再算 u，再算 y：这是前向。对每一步，我们写下一个*局部*导数，它只需要这一步的数值。最后把这些局部导数相乘。第 02 章要做的，就是把这个过程写成程序。
#
# ## h 应该多小？
#
# 商 (f(x + h) − f(x)) / h 的误差大约是 h。有一种更好的办法，计算量相同：左右各走一样远。两边的误差互相抵消，剩下的误差是 h² 的量级。
#
# **练习 01.1。** 写出中心差分：`f` 在 x − h 与 x + h 之间的斜率。


# %%
def slope(f, x, h=1e-5): ...  # your lines


check("01.1", slope)


# %% [markdown]
# 不过 h 也不能太小。计算机只能保留一个数的大约 16 位数字。如果 f(x + h) 与 f(x) 的前 12 位相同，差里就只剩 4 位有效数字。下图画出了两种误差：从右往左看，先是公式越来越准；再往左，舍入误差占了上风。


# %%
def forward_error(h):
    return abs((math.sin(1 + h) - math.sin(1)) / h - math.cos(1))


def central_error(h):
    return abs((math.sin(1 + h) - math.sin(1 - h)) / (2 * h) - math.cos(1))


hs = [10 ** (-i / 4) for i in range(2, 56)]
plt.figure(figsize=(6, 4))
plt.loglog(hs, [forward_error(h) + 1e-17 for h in hs], label="forward difference")
plt.loglog(hs, [central_error(h) + 1e-17 for h in hs], label="central difference")
plt.xlabel("step h")
plt.ylabel("error of the slope of sin at 1")
plt.legend()
plt.show()

print(f"forward, h = 1e-4: error {forward_error(1e-4):.0e}")
print(f"central, h = 1e-4: error {central_error(1e-4):.0e}")
assert forward_error(1e-4) > 1000 * central_error(1e-4)
assert central_error(1e-13) > 100 * central_error(1e-5)

# %% [markdown]
# 对大小在 1 左右的数，步长取 1e-5 到 1e-6 比较合适，这时中心差分大约有十位是准的。要发现公式中的任何错误，这已经足够了。
#
# ## 手工求导
#
# **练习 01.2。** f(x) = x · sin(x²) 是一个乘积，其中一个因子里面还套着一个函数。请用乘法法则和链式法则写出它的导数。


# %%
def f(x):
    return x * math.sin(x**2)


def derivative(x): ...  # your lines


check("01.2", derivative)

# %% [markdown]
# 不必等 `check` 来判断，你可以自己与有限差分比较：在 x = 1 处，结果应约为 1.922。

# %%
print(f"{(f(1 + 1e-6) - f(1 - 1e-6)) / 2e-6:.4f}")
assert abs((f(1 + 1e-6) - f(1 - 1e-6)) / 2e-6 - 1.9221) < 1e-4

# %% [markdown]
# ## 多个输入：梯度
#
# 网络不只有一个旋钮，而是有成千上万个。每个旋钮各有一个斜率：只动一个输入，其余保持不动。这些斜率叫作*偏导数*，把它们全部列在一起，就是*梯度*。
#
# **练习 01.3。** 写出函数 `f` 的梯度，`f` 的参数是一个由数组成的列表。用中心差分，每次只移动一个数，并且不要改动调用者的列表。


# %%
def gradient(f, xs, h=1e-5): ...  # your lines


check("01.3", gradient)

# %% [markdown]
# 算一算工作量：有 n 个输入，就要计算 2n 次 f。一个小网络有 100,000 个权重，求一次梯度就要运行网络 200,000 次。所以有限差分只用来检验梯度，而不用来计算梯度。反向传播只要前向一遍、反向一遍，就能求出*所有*斜率。下一章就来实现它。
#
# ## 梯度的用处
#
# 这里有五个点，大致在一条直线附近。哪条直线 y = w x + b 最合适？把一个点的误差记作 e = w x + b − y。好的直线应使所有 e² 的平均值很小，这个平均值叫作*损失*。

# %%
points = [(-2.0, -2.9), (-1.0, -1.2), (0.0, 1.1), (1.0, 2.8), (2.0, 5.2)]


def loss(w, b):
    return sum((w * x + b - y) ** 2 for x, y in points) / len(points)


print(f"loss at w = 0, b = 0: {loss(0.0, 0.0):.4f}")
assert abs(loss(0.0, 0.0) - 9.188) < 1e-9

# %% [markdown]
# **练习 01.4。** 用链式法则求出损失对 w 和对 b 的两个斜率，作为一对数返回。（先考虑一个点：e² 的导数是什么？w 变化时，e 怎样变化？）


# %%
def loss_gradient(w, b, points): ...  # your lines


check("01.4", loss_gradient)

# %% [markdown]
# 梯度指向上坡方向，所以*逆着*它走一小步，损失就会变小。不断重复，直线就会找到自己的位置：这就是*梯度下降*。训练大型网络时，原则上也只是这样做而已。下面的单元格使用有限差分，所以即使你还没有做 01.4，它也能运行。

# %%
w, b, h = 0.0, 0.0, 1e-5
history = [(w, b, loss(w, b))]
for _ in range(60):
    dw = (loss(w + h, b) - loss(w - h, b)) / (2 * h)
    db = (loss(w, b + h) - loss(w, b - h)) / (2 * h)
    w, b = w - 0.1 * dw, b - 0.1 * db
    history.append((w, b, loss(w, b)))
print(f"w = {w:.3f}, b = {b:.3f}, loss {loss(w, b):.4f}")
assert abs(w - 2.02) < 1e-3 and abs(b - 1.0) < 1e-3

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.plot(*zip(*points), "ko")
for n, color in ((0, "lightgray"), (2, "silver"), (5, "gray"), (60, "tab:blue")):
    w_n, b_n, _ = history[n]
    left.plot([-2, 2], [b_n - 2 * w_n, b_n + 2 * w_n], color=color, label=f"after {n} steps")
left.legend()
right.semilogy([value for _, _, value in history])
right.set_xlabel("step")
right.set_ylabel("loss")
plt.show()

# %% [markdown]
# ## 交给引擎
#
# 本课程讲解的引擎能自己求梯度：你写出损失，它记住每一步，`backward()` 再沿着这些步骤走回去。它的接口名称与 PyTorch 相同。

# %%
import tinygrad_edu as torch

w = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
b = torch.tensor(0.1, dtype=torch.float64, requires_grad=True)
total = sum((w * x + b - y) ** 2 for x, y in points) / len(points)
total.backward()
print(f"by the engine:          dw = {w.grad.item():.6f}, db = {b.grad.item():.6f}")

dw = (loss(0.5 + h, 0.1) - loss(0.5 - h, 0.1)) / (2 * h)
db = (loss(0.5, 0.1 + h) - loss(0.5, 0.1 - h)) / (2 * h)
print(f"by finite differences:  dw = {dw:.6f}, db = {db:.6f}")
assert abs(dw - w.grad.item()) < 1e-8 and abs(db - b.grad.item()) < 1e-8

# %% [markdown]
# 没有人把练习 01.4 的公式告诉引擎，它怎么会知道？下一章用 60 行代码写一个这样的引擎。
#
# **每点一句话**
#
# - 导数说明输入变化时，结果变化得多快。
# - 沿着一串步骤，变化率相乘。
# - 中心差分靠尝试求出任何斜率，公式就用它来检验。
# - 梯度是所有斜率的列表；逆着它走一步，损失就变小。
