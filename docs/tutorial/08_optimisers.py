# %% [markdown]
# # 08 · Optimisers on a picture
#
# A gradient says which way is up. How far to go down, and what to remember from earlier steps, is
# the business of the **optimiser**. With two parameters, you can see all of it: the loss is a
# landscape, and a training is a path through it.
#
# In this chapter you write SGD, momentum, RMSprop and Adam in a few lines each, check them
# against `optim`, and watch their paths. Then noise comes in, as it does with batches of data,
# and with it the need for a schedule.
#
# You need chapters 01 (derivatives) and 04 (a training loop).

# %%
import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim, vision
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

# %% [markdown]
# ## The landscape
#
# Our first loss is a valley: flat along one direction, 25 times steeper across.
#
# $$f(x, y) = \tfrac12\,x^2 + \tfrac{25}{2}\,y^2$$
#
# Its gradient is $(x, 25\,y)$ and its lowest point is $(0, 0)$. Real losses look like this: some
# directions of the parameters matter much, others little.


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
# ## Gradient descent
#
# A step goes against the gradient, by the learning rate: $p \leftarrow p - \text{lr}\cdot g$.
# With batches of data this is called SGD, *stochastic* gradient descent.


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
# On the left the rate is too small for the flat direction. In the middle the path jumps from side
# to side but arrives. On the right it jumps further each time: it **diverges**.
#
# Why just there? Across the valley, one step turns $y$ into
# $y - \text{lr}\cdot 25\,y = (1 - 25\, \text{lr})\,y$. The factor must lie between -1 and 1, so
# the rate must stay below $2/25 = 0.08$. In general the limit is 2 divided by the largest
# curvature (the largest second derivative in any direction). The flat direction then has to live
# with a rate made for the steep one. All further optimisers are answers to this problem.

# %%
for lr, factor in ((0.07, 1 - 25 * 0.07), (0.081, 1 - 25 * 0.081)):
    path = sgd(valley, start, lr, 10)
    assert abs(path[-1][1].item() - factor**10) < 1e-3 * abs(factor**10)
    print(f"lr {lr}: y is multiplied by {factor:.3f} in each step")

# %% [markdown]
# ## Momentum: a ball that rolls
#
# Keep a velocity, and add each gradient to it:
#
# $$v \leftarrow \mu\,v + g,\qquad p \leftarrow p - \text{lr}\cdot v$$
#
# Across the valley, successive gradients point in opposite directions and cancel. Along the
# valley they agree and add up, at most to $1/(1-\mu)$ times a single one: with $\mu = 0.9$, ten
# times.


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
# ### Exercise 08.1
#
# Write one step of momentum: `momentum_step(p, g, v, lr, mu)` returns the new `p` and the new
# `v`. `hint("08.1")` helps.


# %%
def momentum_step(p, g, v, lr, mu):
    return p - lr * g, v  # change this


check("08.1", momentum_step)

# %% [markdown]
# ## RMSprop: each parameter has its own rate
#
# Keep a running mean of the *squares* of the gradient, and divide by its root:
#
# $$s \leftarrow \alpha\,s + (1-\alpha)\,g^2,\qquad p \leftarrow p - \text{lr}\cdot
# \frac{g}{\sqrt{s} + \varepsilon}$$
#
# A parameter with large gradients takes smaller steps, one with small gradients larger ones. The
# size of the gradient hardly matters any more; its sign does. The small $\varepsilon$ keeps the
# division from failing where the gradient is 0.


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
# ## Adam: both, and a correction
#
# Adam keeps a running mean of the gradient (like momentum) *and* of its square (like RMSprop):
#
# $$m \leftarrow \beta_1 m + (1-\beta_1)\,g,\qquad s \leftarrow \beta_2 s + (1-\beta_2)\,g^2$$
#
# Both start at 0, so in the first steps both are too small. After step $t$ the weights add up to
# $1-\beta^t$ instead of 1, and Adam divides by that:
#
# $$p \leftarrow p - \text{lr}\cdot\frac{m/(1-\beta_1^t)}{\sqrt{s/(1-\beta_2^t)} + \varepsilon}$$
#
# In the first step $m/(1-\beta_1) = g$ and $s/(1-\beta_2) = g^2$: each parameter moves by exactly
# `lr`, whatever the size of its gradient.


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
# ### Exercise 08.2
#
# Write one step of Adam: `adam_step(p, g, m, s, t, lr)` returns the new `p`, `m` and `s`. `t`
# counts from 1; $\beta_1 = 0.9$, $\beta_2 = 0.999$, $\varepsilon = 10^{-8}$.


# %%
def adam_step(p, g, m, s, t, lr):
    return p, m, s  # change this


check("08.2", adam_step)

# %% [markdown]
# ## All four in a bent valley
#
# Rosenbrock's function has a valley that bends like a banana. Its floor is nearly flat, and the
# lowest point is at $(1, 1)$:
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
# SGD falls into the valley at once and then crawls, because the floor is so flat. Momentum swings
# from side to side and gathers speed. RMSprop walks along the floor with steps of nearly equal
# length, however flat it is; with this rate, 300 steps are not enough. Adam does a little of
# both.
#
# Do not read a ranking out of one picture. Each has a rate that suits it, and another landscape
# gives another order. What you can take along is *how* each one moves.
#
# ## Noise, and why the rate should fall
#
# In a real training each batch gives a slightly different gradient: the true one plus noise. Near
# the minimum the true gradient is almost 0 and the noise is all there is. With a constant rate
# the parameters then wander about the minimum for ever. The smaller the rate, the smaller the
# cloud; but a small rate from the start is slow. So: begin large, end small. That is a
# **schedule**.

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
# ## Schedules
#
# A schedule is a function from the number of the step to a rate. Large networks add a
# **warm-up**: in the first steps the gradients are wild, and Adam's running means rest on few
# values, so the rate climbs from 0 first. Then a cosine takes it down.
#
# ### Exercise 08.3
#
# Write `rate(step, steps, warm, highest)`: it rises in a straight line from 0 at step 0 to
# `highest` at step `warm`, and then follows half a cosine wave down to 0 at step `steps`.


# %%
def rate(step, steps, warm, highest):
    return highest  # change this


check("08.3", rate)

# %% [markdown]
# The schedules of `optim.lr_scheduler`, drawn by asking the optimiser for its rate after each
# step:


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
# ## On a real network
#
# The same four on the digits of chapter 04, with 1,000 pictures and a small MLP. The rates were
# chosen by trying; try others.

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
# ## Is the rate right? Ask the training
#
# With a million parameters there is no landscape to look at. `tinygrad_edu.watch` measures
# instead, step by step: how large the outputs and gradients of each layer are, how many units
# give 0, and by which part a step changes the weights. A healthy training changes them by roughly
# a thousandth to a hundredth in each step. Here is Adam with a rate that is far too large, and
# the report's advice:

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
# With rates that suit them, the four optimisers are close here. That is typical of small
# networks. Adam's gain is that one rate (about 0.001) works in many places without trying.
#
# **In one sentence each**
#
# - The largest curvature limits the rate of gradient descent to 2 divided by it; flat directions
#   suffer from that.
# - Momentum cancels what changes sign and adds what agrees. RMSprop and Adam give each parameter
#   a rate of its own.
# - Noise keeps a constant rate from settling; a falling rate cures it. A warm-up protects the
#   first steps.
#
# Chapter 09 measures the curvature itself, with derivatives of derivatives.
