# %% [markdown]
# # 08 · 看得见的优化器
#
# 梯度告诉我们哪边是上坡。往下走多远，以前的步子要记住什么，是**优化器**的事。只有两个参数时，一切都看得见：损失是一片地形，训练就是其中的一条路径。
#
# 本章中，你将用几行代码分别写出 SGD、动量法、RMSprop 和 Adam，与 `optim` 核对，并观察它们的路径。然后加入噪声（分批使用数据时总有噪声），随之而来的是对学习率调度的需要。
#
# 需要先读第 01 章（导数）和第 04 章（训练循环）。

# %%
import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim, vision
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

# %% [markdown]
# ## 地形
#
# 第一个损失是一条山谷：沿一个方向平缓，横穿它的方向要陡 25 倍。
#
# $$f(x, y) = \tfrac12\,x^2 + \tfrac{25}{2}\,y^2$$
#
# 它的梯度是 $(x, 25\,y)$，最低点是 $(0, 0)$。真实的损失就是这个样子：有些参数方向影响很大，有些影响很小。


# %%
def valley(p):
    return 0.5 * p[0] ** 2 + 12.5 * p[1] ** 2


def gradient(f, p):
    p = p.detach().requires_grad_()
    (g,) = torch.autograd.grad(f(p), p)
    return g


start = torch.tensor([-4.0, 1.0])
assert gradient(valley, start).tolist() == [-4.0, 25.0]


def landscape(ax, f, left, right, low, high, levels=12):
    """Lines of equal loss. The engine computes all points of the grid at once."""
    x, y = torch.linspace(left, right, 121), torch.linspace(low, high, 121)
    X, Y = torch.meshgrid(x, y, indexing="xy")
    Z = f(torch.stack([X, Y]))
    ax.contour(
        X.numpy(), Y.numpy(), (Z + 1e-3).log().numpy(), levels, cmap="viridis", linewidths=0.7
    )
    ax.set_xlim(left, right)
    ax.set_ylim(low, high)


def draw_path(ax, path, label, **style):
    points = torch.stack(path).numpy()
    ax.plot(points[:, 0], points[:, 1], "o-", ms=2.5, lw=1, label=label, **style)


# %% [markdown]
# ## 梯度下降
#
# 每一步逆着梯度走，步长由学习率决定：$p \leftarrow p - \text{lr}\cdot g$。分批使用数据时，它叫 SGD，即*随机*梯度下降。


# %%
def sgd(f, p, lr, steps):
    path = [p]
    for _ in range(steps):
        p = p - lr * gradient(f, p)
        path.append(p)
    return path


fig, axes = plt.subplots(1, 3, figsize=(12, 3.2))
for ax, lr in zip(axes, (0.01, 0.07, 0.081)):
    landscape(ax, valley, -5, 2, -2, 2)
    path = sgd(valley, start, lr, 40)
    draw_path(ax, path, "", color="crimson")
    ax.set_title(f"lr {lr}: loss {valley(path[-1]).item():.2g} after 40 steps")
fig.tight_layout()
plt.show()
assert valley(sgd(valley, start, 0.01, 40)[-1]).item() > 1
assert valley(sgd(valley, start, 0.07, 40)[-1]).item() < 0.05
assert valley(sgd(valley, start, 0.081, 40)[-1]).item() > 25

# %% [markdown]
# 左图的学习率对平缓的方向来说太小。中图的路径来回跳跃，但能到达。右图一次比一次跳得远：它**发散**了。
#
# 为什么恰好是那里？在横穿山谷的方向上，一步把 $y$ 变成 $y - \text{lr}\cdot 25\,y = (1 - 25\,\text{lr})\,y$。这个因子必须在 -1 和 1 之间，所以学习率必须小于 $2/25 = 0.08$。一般地，上限等于 2 除以最大曲率（所有方向中最大的二阶导数）。平缓的方向只好迁就为陡峭方向定下的学习率。后面的优化器都是对这个问题的回答。

# %%
for lr, factor in ((0.07, 1 - 25 * 0.07), (0.081, 1 - 25 * 0.081)):
    path = sgd(valley, start, lr, 10)
    assert abs(path[-1][1].item() - factor**10) < 1e-3 * abs(factor**10)
    print(f"lr {lr}: y is multiplied by {factor:.3f} in each step")

# %% [markdown]
# ## 动量：一个滚动的球
#
# 保留一个速度，把每次的梯度加上去：
#
# $$v \leftarrow \mu\,v + g,\qquad p \leftarrow p - \text{lr}\cdot v$$
#
# 横穿山谷时，相继的梯度方向相反，互相抵消。沿着山谷时，它们方向一致，不断累加，最多达到单个梯度的 $1/(1-\mu)$ 倍：$\mu = 0.9$ 时是十倍。


# %%
def momentum(f, p, lr, mu, steps):
    path, v = [p], torch.zeros(2)
    for _ in range(steps):
        v = mu * v + gradient(f, p)
        p = p - lr * v
        path.append(p)
    return path


def by_optim(f, p, make, steps):
    """The path of an optimiser of `optim`."""
    p = p.clone().requires_grad_()
    optimizer, path = make([p]), [p.detach().clone()]
    for _ in range(steps):
        optimizer.zero_grad()
        f(p).backward()
        optimizer.step()
        path.append(p.detach().clone())
    return path


def agree(ours, theirs):
    return torch.allclose(torch.stack(ours), torch.stack(theirs), atol=1e-5)


ours = momentum(valley, start, 0.01, 0.9, 40)
assert agree(ours, by_optim(valley, start, lambda p: optim.SGD(p, lr=0.01, momentum=0.9), 40))

# %% [markdown]
# ### 练习 08.1
#
# 写出动量法的一步：`momentum_step(p, g, v, lr, mu)` 返回新的 `p` 和新的 `v`。`hint("08.1")` 会给出提示。


# %%
def momentum_step(p, g, v, lr, mu):
    return p - lr * g, v  # change this


check("08.1", momentum_step)

# %% [markdown]
# ## RMSprop：每个参数有自己的学习率
#
# 保留梯度*平方*的滑动平均，再除以它的平方根：
#
# $$s \leftarrow \alpha\,s + (1-\alpha)\,g^2,\qquad p \leftarrow p - \text{lr}\cdot \frac{g}{\sqrt{s} + \varepsilon}$$
#
# 梯度大的参数迈小步，梯度小的参数迈大步。梯度的大小几乎不再重要，重要的是符号。很小的 $\varepsilon$ 保证梯度为 0 时除法不出问题。


# %%
def rmsprop(f, p, lr, alpha, steps, eps=1e-8):
    path, s = [p], torch.zeros(2)
    for _ in range(steps):
        g = gradient(f, p)
        s = alpha * s + (1 - alpha) * g**2
        p = p - lr * g / (s.sqrt() + eps)
        path.append(p)
    return path


ours = rmsprop(valley, start, 0.1, 0.9, 40)
assert agree(ours, by_optim(valley, start, lambda p: optim.RMSprop(p, lr=0.1, alpha=0.9), 40))

# %% [markdown]
# ## Adam：两者兼有，再加修正
#
# Adam 既保留梯度的滑动平均（像动量法），*又*保留其平方的滑动平均（像 RMSprop）：
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\,g,\qquad s \leftarrow \beta_2 s + (1-\beta_2)\,g^2$$
#
# 两者都从 0 开始，所以最初几步都偏小。到第 $t$ 步，各权重之和是 $1-\beta^t$ 而不是 1，Adam 就除以这个数：
#
# $$p \leftarrow p - \text{lr}\cdot\frac{m/(1-\beta_1^t)}{\sqrt{s/(1-\beta_2^t)} + \varepsilon}$$
#
# 第一步时 $m/(1-\beta_1) = g$，$s/(1-\beta_2) = g^2$：无论梯度多大，每个参数都恰好移动 `lr`。


# %%
def adam(f, p, lr, steps, beta1=0.9, beta2=0.999, eps=1e-8):
    path, m, s = [p], torch.zeros(2), torch.zeros(2)
    for t in range(1, steps + 1):
        g = gradient(f, p)
        m = beta1 * m + (1 - beta1) * g
        s = beta2 * s + (1 - beta2) * g**2
        p = p - lr * (m / (1 - beta1**t)) / ((s / (1 - beta2**t)).sqrt() + eps)
        path.append(p)
    return path


ours = adam(valley, start, 0.3, 40)
assert agree(ours, by_optim(valley, start, lambda p: optim.Adam(p, lr=0.3), 40))
first = (ours[1] - ours[0]).abs()
print("length of the first step, for each parameter:", [round(v, 4) for v in first.tolist()])
assert torch.allclose(first, torch.tensor([0.3, 0.3]), atol=1e-4)

# %% [markdown]
# ### 练习 08.2
#
# 写出 Adam 的一步：`adam_step(p, g, m, s, t, lr)` 返回新的 `p`、`m` 和 `s`。`t` 从 1 数起；$\beta_1 = 0.9$，$\beta_2 = 0.999$，$\varepsilon = 10^{-8}$。


# %%
def adam_step(p, g, m, s, t, lr):
    return p, m, s  # change this


check("08.2", adam_step)

# %% [markdown]
# ## 弯曲山谷里的四种方法
#
# Rosenbrock 函数有一条像香蕉一样弯曲的山谷。谷底几乎是平的，最低点在 $(1, 1)$：
#
# $$f(x, y) = (1-x)^2 + 100\,(y - x^2)^2$$


# %%
def banana(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


begin, STEPS = torch.tensor([-1.2, 1.0]), 300
paths = {
    "SGD, lr 0.001": sgd(banana, begin, 0.001, STEPS),
    "momentum 0.9, lr 0.001": momentum(banana, begin, 0.001, 0.9, STEPS),
    "RMSprop, lr 0.01": rmsprop(banana, begin, 0.01, 0.9, STEPS),
    "Adam, lr 0.2": adam(banana, begin, 0.2, STEPS),
}
fig, axes = plt.subplots(2, 2, figsize=(10, 7.5))
final = {}
for ax, (name, path) in zip(axes.flat, paths.items()):
    landscape(ax, banana, -2, 2, -1, 3, levels=18)
    draw_path(ax, path, name, color="crimson")
    ax.plot(1, 1, "k*", ms=11)
    final[name.split(",")[0].split(" ")[0]] = banana(path[-1]).item()
    ax.set_title(f"{name}: loss {banana(path[-1]).item():.2g}")
fig.tight_layout()
plt.show()
print({name: f"{loss:.2g}" for name, loss in final.items()})
assert final["momentum"] < final["SGD"] / 3
assert final["Adam"] < final["SGD"] / 3

# %% [markdown]
# SGD 立刻落进山谷，然后慢慢爬行，因为谷底太平。动量法左右摆动，逐渐加速。RMSprop 沿谷底走，无论多平，步长几乎相等；以这个学习率，300 步还不够。Adam 两样都有一点。
#
# 不要从一张图里读出名次。每种方法都有适合自己的学习率，换一片地形，名次就变。值得记住的是每种方法*怎样*移动。
#
# ## 噪声，以及学习率为什么要下降
#
# 真实训练中，每一批数据给出的梯度都略有不同：真正的梯度加上噪声。在最低点附近，真正的梯度几乎为 0，剩下的全是噪声。学习率不变时，参数就在最低点周围永远游荡。学习率越小，这团云越小；但一开始就用小的学习率又太慢。所以：开始大，结束小。这就是**学习率调度**。

# %%
STEPS = 400


def noisy_training(schedule):
    """SGD on the valley with noise in each gradient; returns the path."""
    torch.manual_seed(0)
    p = start.clone().requires_grad_()
    optimizer = optim.SGD([p], lr=0.06)
    scheduler, path = schedule(optimizer), []
    for _ in range(STEPS):
        optimizer.zero_grad()
        valley(p).backward()
        p.grad += 2 * torch.randn(2)  # the noise of a batch
        optimizer.step()
        scheduler.step()
        path.append(p.detach().clone())
    return path


constant = noisy_training(lambda o: optim.lr_scheduler.LambdaLR(o, lambda step: 1.0))
falling = noisy_training(lambda o: optim.lr_scheduler.CosineAnnealingLR(o, T_max=STEPS))

fig, axes = plt.subplots(1, 2, figsize=(11, 3.5))
landscape(axes[0], valley, -5, 2, -2, 2)
draw_path(axes[0], constant, "constant", color="tab:orange", alpha=0.5)
draw_path(axes[0], falling, "cosine", color="tab:blue", alpha=0.8)
axes[0].legend()
for name, path, color in (("constant", constant, "tab:orange"), ("cosine", falling, "tab:blue")):
    axes[1].semilogy([valley(p).item() for p in path], label=name, lw=1, color=color)
axes[1].set_xlabel("step")
axes[1].set_ylabel("loss")
axes[1].legend()
fig.tight_layout()
plt.show()


def end(path):
    return sum(valley(p).item() for p in path[-20:]) / 20


print(f"mean loss of the last 20 steps, constant rate: {end(constant):.3f}")
print(f"mean loss of the last 20 steps, cosine:        {end(falling):.3f}")
assert end(falling) < end(constant) / 10

# %% [markdown]
# ## 学习率调度
#
# 学习率调度是一个从步数到学习率的函数。大网络还要加上**预热**：最初几步的梯度很不稳定，Adam 的滑动平均也只基于很少的值，所以学习率先从 0 升上去，再按余弦降下来。
#
# ### 练习 08.3
#
# 写出 `rate(step, steps, warm, highest)`：从第 0 步的 0 沿直线升到第 `warm` 步的 `highest`，然后按半个余弦波降到第 `steps` 步的 0。


# %%
def rate(step, steps, warm, highest):
    return highest  # change this


check("08.3", rate)

# %% [markdown]
# `optim.lr_scheduler` 里的几种调度，画法是每一步之后向优化器询问学习率：


# %%
def rates(make, steps=100):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    scheduler, seen = make(optimizer), []
    for _ in range(steps):
        seen.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return seen


L = optim.lr_scheduler
schedules = {
    "StepLR(30)": lambda o: L.StepLR(o, step_size=30),
    "ExponentialLR(0.97)": lambda o: L.ExponentialLR(o, gamma=0.97),
    "CosineAnnealingLR(100)": lambda o: L.CosineAnnealingLR(o, T_max=100),
    "OneCycleLR": lambda o: L.OneCycleLR(o, max_lr=1.0, total_steps=101),
}
fig, ax = plt.subplots(figsize=(7, 3.2))
for name, make in schedules.items():
    ax.plot(rates(make), label=name)
ax.set_xlabel("step")
ax.set_ylabel("learning rate")
ax.legend()
plt.show()
assert rates(schedules["StepLR(30)"])[29:31] == [1.0, 0.1]
assert abs(rates(schedules["CosineAnnealingLR(100)"])[50] - 0.5) < 1e-6

# %% [markdown]
# ## 在真实的网络上
#
# 同样的四种方法，用在第 04 章的数字上：1,000 张图片和一个小的 MLP。学习率是试出来的，你也可以试试别的。

# %%
digits = vision.datasets.MNIST5k()  # 5,000 real digits that come with the package
images, labels = digits.data[::5], digits.targets[::5]  # every fifth: they are sorted
images = images.flatten(1).float() / 255
images = (images - images.mean()) / images.std()

makers = {
    "SGD 0.1": lambda p: optim.SGD(p, lr=0.1),
    "momentum 0.02": lambda p: optim.SGD(p, lr=0.02, momentum=0.9),
    "RMSprop 0.001": lambda p: optim.RMSprop(p, lr=0.001),
    "Adam 0.002": lambda p: optim.Adam(p, lr=0.002),
}
fig, ax = plt.subplots(figsize=(7, 3.5))
reached = {}
for name, make in makers.items():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer, losses = make(model.parameters()), []
    for _ in range(120):
        batch = torch.randint(0, len(images), (50,))
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    reached[name] = sum(losses[-20:]) / 20
    ax.semilogy(losses, lw=1, label=name)
ax.set_xlabel("step")
ax.set_ylabel("loss")
ax.legend()
plt.show()
print({name: round(loss, 3) for name, loss in reached.items()})
assert max(reached.values()) < 0.45

# %% [markdown]
# ## 学习率合适吗？问问训练本身
#
# 参数有一百万个时，没有地形可看。`tinygrad_edu.watch` 改为逐步测量：每一层的输出和梯度有多大，有多少单元给出 0，一步把权重改变了几分之几。健康的训练每一步大约改变千分之一到百分之一。下面是学习率大得离谱的 Adam，以及报告给出的建议：

# %%
torch.manual_seed(0)
model = nn.Sequential(nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, 10))
optimizer = optim.Adam(model.parameters(), lr=0.3)
with torch.watch(model, optimizer) as health:
    for _ in range(60):
        batch = torch.randint(0, len(images), (50,))
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
report = str(health.report())
print(report)
assert "dead" in report and "smaller learning rate" in report

# %% [markdown]
# 学习率合适时，四种方法在这里相差不多。小网络往往如此。Adam 的好处是：同一个学习率（约 0.001）不用试，在许多地方都行得通。
#
# **每点一句话**
#
# - 最大曲率限制了梯度下降的学习率：上限是 2 除以它；平缓的方向因此受累。
# - 动量抵消变号的部分，累加一致的部分。RMSprop 和 Adam 给每个参数各自的学习率。
# - 噪声使固定的学习率无法安定下来，逐渐降低学习率可以解决；预热保护最初几步。
#
# 第 09 章用导数的导数来测量曲率本身。
