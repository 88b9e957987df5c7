# %% [markdown]
# # 09 · 高阶导数：牛顿法、曲率与物理
#
# 反向过程本身也是一次计算。如果引擎把*它*也记录下来，就能对它再求导。这样就有了二阶导数、三阶导数，要多少阶都可以：曲率、牛顿法，以及服从微分方程的网络。
#
# 需要先读第 01 章（导数）和第 08 章（梯度下降及其上限）。

# %%
import math

import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## 导数的导数
#
# `autograd.grad(y, x)` 返回的导数只是数。加上 `create_graph=True`，返回的张量会记得自己是怎样算出来的，因此可以再求导。

# %%
x = torch.tensor(2.0, requires_grad=True)
y = x**3
(first,) = torch.autograd.grad(y, x, create_graph=True)
(second,) = torch.autograd.grad(first, x, create_graph=True)
(third,) = torch.autograd.grad(second, x)
print(first.item(), second.item(), third.item())  # 3 x², 6 x, 6
assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)

# %% [markdown]
# 一阶导数和别的值没有两样。这是通向它的计算图：

# %%
(first,) = torch.autograd.grad(x**3, x, create_graph=True)
torch.draw(first)

# %% [markdown]
# 没有 `create_graph=True` 时，对引擎来说一阶导数只是普通的数，第二次求导会被拒绝，报错信息会说明该怎么做：

# %%
(first,) = torch.autograd.grad(x**3, x)
try:
    first.backward()
except torch.GraphError as error:
    print(error)
else:
    raise AssertionError("a derivative without a graph must be refused")

# %% [markdown]
# 要一次得到整条曲线的导数，就对输出求和：每个输出只依赖自己的输入，所以和的梯度就包含了所有单个的导数。图中是一条钟形曲线和它的前三阶导数，全部由引擎算出。

# %%
t = torch.linspace(-3, 3, 200).requires_grad_()
curves = [(-(t**2)).exp()]
for _ in range(3):
    (d,) = torch.autograd.grad(curves[-1].sum(), t, create_graph=True)
    curves.append(d)

fig, ax = plt.subplots(figsize=(7, 3.5))
for order, curve in enumerate(curves):
    label = f"derivative {order}" if order else "exp(-t²)"
    ax.plot(t.detach().numpy(), curve.detach().numpy(), label=label)
ax.axhline(0, color="grey", lw=0.5)
ax.legend()
plt.show()
by_hand = (4 * t**2 - 2) * (-(t**2)).exp()  # the second derivative on paper
assert torch.allclose(curves[2], by_hand, atol=1e-5)

# %% [markdown]
# ### 练习 09.1
#
# 写出 `second_derivative(f, x)`：`f` 在张量 `x` 的每个元素处的二阶导数（`f` 逐元素运算）。`hint("09.1")` 会给出提示。


# %%
def second_derivative(f, x):
    x = x.detach().requires_grad_()
    (d,) = torch.autograd.grad(f(x).sum(), x)
    return d  # this is the first; go on


check("09.1", second_derivative)

# %% [markdown]
# ## 牛顿法
#
# 在一个点附近，函数看起来像一条抛物线：高度、斜率和曲率都与函数相同。牛顿法直接跳到这条抛物线的最低点。一维时：
#
# $$x \leftarrow x - \frac{f'(x)}{f''(x)}$$
#
# 步长由曲率决定，不需要学习率。参数有多个时，二阶导数组成一个矩阵，即 **Hessian** $H_{ij} = \partial^2 f/\partial x_i\,\partial x_j$，每一步要解一个线性方程组：
#
# $$x \leftarrow x - H^{-1} g$$
#
# `func.hessian` 返回这个矩阵。用在第 08 章的香蕉函数上：


# %%
def banana(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


p = torch.tensor([-1.2, 1.0], dtype=torch.float64)
print(torch.func.hessian(banana)(p))
newton = [p]
for _ in range(7):
    g = torch.func.grad(banana)(p)
    p = p - torch.linalg.solve(torch.func.hessian(banana)(p), g)
    newton.append(p)

p = torch.tensor([-1.2, 1.0], dtype=torch.float64)
descent = [p]
for _ in range(300):
    p = p - 0.001 * torch.func.grad(banana)(p)
    descent.append(p)

fig, axes = plt.subplots(1, 2, figsize=(11, 4))
X, Y = torch.meshgrid(torch.linspace(-2, 2, 121), torch.linspace(-4, 3, 121), indexing="xy")
Z = banana(torch.stack([X, Y]))
axes[0].contour(X.numpy(), Y.numpy(), (Z + 1e-3).log().numpy(), 18, cmap="viridis", linewidths=0.7)
for path, name, color in (
    (descent, "gradient descent", "tab:orange"),
    (newton, "Newton", "crimson"),
):
    points = torch.stack(path).numpy()
    axes[0].plot(points[:, 0], points[:, 1], "o-", ms=3, lw=1, color=color, label=name)
    losses = [max(banana(p).item(), 1e-32) for p in path]  # a logarithm cannot show 0
    axes[1].semilogy(losses, "o-", ms=3, color=color, label=name)
axes[0].plot(1, 1, "k*", ms=11)
axes[1].set_xlim(-2, 40)
axes[1].set_xlabel("step")
axes[1].set_ylabel("loss")
axes[1].legend()
plt.show()
print("Newton, 7 steps:", [f"{banana(p).item():.1e}" for p in newton])
assert banana(newton[-1]).item() < 1e-20
assert banana(descent[-1]).item() > 1

# %% [markdown]
# 七步之后，损失到最后一位都是零。代价是：有 $n$ 个参数时，Hessian 有 $n^2$ 个元素，解方程组要 $n^3$ 次运算。一百万个参数的网络就需要四 TB。还有第二个危险：在抛物线开口向下的地方，牛顿法会往*上*走。（图中跳到 $y = -3$，就是把抛物线当真得太远。）
#
# ### 练习 09.2
#
# 写出 `newton_step(f, x)`：对向量 `x` 走一步，返回新的 `x`。用 `torch.func.grad`、`torch.func.hessian` 和 `torch.linalg.solve(H, g)`。


# %%
def newton_step(f, x):
    return x - torch.func.grad(f)(x)  # this is gradient descent


check("09.2", newton_step)

# %% [markdown]
# ## 不建矩阵也能得到曲率
#
# 很多时候并不需要 $H$ 本身，只需要它与一个向量 $v$ 的乘积：沿着 $v$ 移动时，梯度怎样变化？这个乘积的代价大约相当于求一次梯度：
#
# $$H v = \nabla_x\,\big(g(x)\cdot v\big)$$
#
# 与 $v$ 的点积把梯度变成一个数，再做一次反向过程，就得到这个数的导数。


# %%
def hessian_times(f, x, v):
    x = x.detach().requires_grad_()
    (g,) = torch.autograd.grad(f(x), x, create_graph=True)
    (product,) = torch.autograd.grad((g * v).sum(), x)
    return product


p = torch.tensor([0.5, -0.3], dtype=torch.float64)
v = torch.tensor([1.0, 2.0], dtype=torch.float64)
assert torch.allclose(hessian_times(banana, p, v), torch.func.hessian(banana)(p) @ v)
assert torch.allclose(torch.autograd.functional.hvp(banana, p, v)[1], hessian_times(banana, p, v))

# %% [markdown]
# ### 练习 09.3
#
# **最大曲率**决定了梯度下降的最大学习率，第 08 章已经看到：上限是 2 除以它。反复用 $H$ 乘一个向量，每次把长度变回 1，它就会转向曲率最大的方向（*幂迭代*）。写出 `largest_curvature(f, x, v, steps)`：从 `v` 开始，做 `steps` 次乘积，每次之后除以长度，最后返回最终 `v` 的 `v · H v`。


# %%
def largest_curvature(f, x, v, steps):
    return hessian_times(f, x, v).norm()  # change this


check("09.3", largest_curvature)

# %% [markdown]
# 对网络也一样，只是同时对所有参数做。我们测出一个小网络的损失的最大曲率，并看到学习率刚超过 2 除以它，梯度下降就出问题。

# %%
torch.manual_seed(0)
net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Linear(8, 1)).double()
inputs = torch.linspace(-2, 2, 40, dtype=torch.float64)[:, None]
targets = (2 * inputs).sin()


def net_loss():
    return ((net(inputs) - targets) ** 2).mean()


optimizer = optim.Adam(net.parameters(), lr=0.02)
for _ in range(800):  # to a place near a minimum
    optimizer.zero_grad()
    net_loss().backward()
    optimizer.step()

parameters = list(net.parameters())


def net_hessian_times(vs):
    grads = torch.autograd.grad(net_loss(), parameters, create_graph=True)
    along = sum((g * v).sum() for g, v in zip(grads, vs))
    return torch.autograd.grad(along, parameters)


vs = [torch.randn_like(p) for p in parameters]
for _ in range(60):
    vs = net_hessian_times(vs)
    length = math.sqrt(sum((v * v).sum().item() for v in vs))
    vs = [v / length for v in vs]
curvature = length
print(f"largest curvature {curvature:.2f}, so the rate must stay below {2 / curvature:.3f}")

saved = [p.detach().clone() for p in parameters]
curves = {}
for factor in (0.9, 1.3):
    with torch.no_grad():
        for p, s in zip(parameters, saved):
            p.copy_(s)
    lr, losses = factor * 2 / curvature, []
    for _ in range(40):
        losses.append(net_loss().item())
        for p, g in zip(parameters, torch.autograd.grad(net_loss(), parameters)):
            with torch.no_grad():
                p -= lr * g
    curves[factor] = losses

fig, ax = plt.subplots(figsize=(6, 3.2))
for factor, losses in curves.items():
    ax.semilogy(losses, label=f"{factor} times the limit")
ax.set_xlabel("step")
ax.set_ylabel("loss")
ax.legend()
plt.show()
assert curves[0.9][-1] <= curves[0.9][0]
assert max(curves[1.3]) > 5 * curves[1.3][0]

# %% [markdown]
# ## 服从物理定律的网络
#
# 一个重物挂在弹簧上，在油中摆动。它的高度 $u(t)$ 满足
#
# $$u'' + 2\,\delta\,u' + \omega^2 u = 0,\qquad u(0) = 1,\quad u'(0) = 0$$
#
# 其中阻尼 $\delta = 0.3$，频率 $\omega = 2$。我们**不给**网络任何数据，只给方程。损失就是网络的输出在 60 个时刻上违背方程的程度；$u'$ 和 $u''$ 由引擎求出。这叫做*物理信息*神经网络（physics-informed）。
#
# 初始时刻的两个条件可以直接写进式子：不论网络 $N$ 给出什么，$u(t) = 1 + t^2\,N(t)$ 都满足它们，因为加上的部分及其斜率在 $t = 0$ 处都是 0。
#
# 精确解是已知的，所以能看到结果有多好：
#
# $$u(t) = e^{-\delta t}\Big(\cos\nu t + \frac{\delta}{\nu}\sin\nu t\Big),\qquad \nu = \sqrt{\omega^2-\delta^2}$$

# %%
DELTA, OMEGA, END = 0.3, 2.0, 6.0
torch.manual_seed(0)
net = nn.Sequential(
    nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 24), nn.Tanh(), nn.Linear(24, 1)
).double()


def u(t):  # (N, 1)
    return 1 + t**2 * net(2 * t / END - 1)


def physics_loss(t):
    height = u(t)
    (speed,) = torch.autograd.grad(height.sum(), t, create_graph=True)
    (acceleration,) = torch.autograd.grad(speed.sum(), t, create_graph=True)
    return ((acceleration + 2 * DELTA * speed + OMEGA**2 * height) ** 2).mean()


def exact(t):
    nu = math.sqrt(OMEGA**2 - DELTA**2)
    return (-DELTA * t).exp() * ((nu * t).cos() + DELTA / nu * (nu * t).sin())


moments = torch.linspace(0, END, 60, dtype=torch.float64)[:, None].requires_grad_()
untrained = u(moments).detach()
losses = []
optimizer = optim.Adam(net.parameters(), lr=5e-3)
for _ in range(400):
    optimizer.zero_grad()
    loss = physics_loss(moments)
    loss.backward()
    optimizer.step()
    losses.append(loss.item())

optimizer = optim.LBFGS(net.parameters(), max_iter=300, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = physics_loss(moments)
    loss.backward()
    losses.append(loss.item())
    return loss


optimizer.step(closure)
between = torch.linspace(0, END, 500, dtype=torch.float64)[:, None]  # moments it was not trained on
error = (u(between) - exact(between)).abs().max().item()

fig, axes = plt.subplots(1, 2, figsize=(11, 3.6))
axes[0].plot(between.numpy(), exact(between).numpy(), "k-", lw=3, alpha=0.3, label="exact")
axes[0].plot(between.numpy(), u(between).detach().numpy(), "--", color="crimson", label="network")
axes[0].plot(moments.flatten().tolist(), [-1] * 60, "|", color="grey", label="moments")
axes[0].set_xlabel("time")
axes[0].legend()
axes[1].semilogy(losses)
axes[1].axvline(400, color="grey", lw=0.7)
axes[1].set_xlabel("evaluation (Adam, then L-BFGS)")
axes[1].set_ylabel("loss")
fig.tight_layout()
plt.show()
print(f"loss {losses[0]:.1f} -> {losses[-1]:.1e}; largest error {error:.1e}")
assert error < 0.02

# %% [markdown]
# 第二个优化器 L-BFGS 是精打细算的牛顿法：它根据最近几次梯度的差别来推测曲率，不需要 Hessian。
#
# 为什么用 `tanh` 而不是 `relu`？`relu` 的二阶导数处处为 0，所以由它组成的网络没有可供学习的加速度：

# %%
kinked = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1)).double()
time = moments.detach().requires_grad_()
(slope,) = torch.autograd.grad(kinked(time).sum(), time, create_graph=True)
(bend,) = torch.autograd.grad(slope.sum(), time, allow_unused=True)
print("second derivative with relu:", bend)  # None: the slope does not depend on the time at all
assert bend is None

# %% [markdown]
# **每点一句话**
#
# - `create_graph=True` 把反向过程也记录下来，因此可以再求导。
# - 牛顿法除以曲率：步数极少，每一步极贵。
# - Hessian 与向量的乘积大约和求一次梯度一样便宜；幂迭代由它得出最大曲率，也就得出学习率的上限。
# - 损失里可以含有网络的导数。仅凭这一点，网络就能学会一条物理定律。
#
# 第 10 章离开数学，转向机器：计算机把一行数加起来时，究竟做了什么。
