# %% [markdown]
# # 09 · Higher derivatives: Newton, curvature, physics
#
# The backward pass is itself a computation. If the engine records *that* too, it can
# differentiate it again. This gives second derivatives, third ones, as many as you like:
# curvature, Newton's method, and networks that obey a differential equation.
#
# You need chapters 01 (derivatives) and 08 (gradient descent and its limit).

# %%
import math

import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## A derivative of a derivative
#
# `autograd.grad(y, x)` returns the derivative as numbers. With `create_graph=True` it returns a
# tensor that remembers how it was computed, so that it can be differentiated in turn.

# %%
x = torch.tensor(2.0, requires_grad=True)
y = x**3
(first,) = torch.autograd.grad(y, x, create_graph=True)
(second,) = torch.autograd.grad(first, x, create_graph=True)
(third,) = torch.autograd.grad(second, x)
print(first.item(), second.item(), third.item())  # 3 x², 6 x, 6
assert (first.item(), second.item(), third.item()) == (12.0, 12.0, 6.0)

# %% [markdown]
# The first derivative is a value like any other. Here is the graph that leads to it:

# %%
(first,) = torch.autograd.grad(x**3, x, create_graph=True)
torch.draw(first)

# %% [markdown]
# Without `create_graph=True`, the first derivative is a plain number to the engine, and the
# second question is refused with a message that says what to do:

# %%
(first,) = torch.autograd.grad(x**3, x)
try:
    first.backward()
except torch.GraphError as error:
    print(error)
else:
    raise AssertionError("a derivative without a graph must be refused")

# %% [markdown]
# For a whole curve at once, sum the outputs: each output depends only on its own input, so the
# gradient of the sum holds all single derivatives. The picture shows a bell curve and its first
# three derivatives, all by the engine.

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
# ### Exercise 09.1
#
# Write `second_derivative(f, x)`: the second derivative of `f` at each element of the tensor `x`
# (`f` works element by element). `hint("09.1")` helps.


# %%
def second_derivative(f, x):
    x = x.detach().requires_grad_()
    (d,) = torch.autograd.grad(f(x).sum(), x)
    return d  # this is the first; go on


check("09.1", second_derivative)

# %% [markdown]
# ## Newton's method
#
# Near a point, a function looks like a parabola: its height, slope and curvature agree with the
# function's. Newton's method jumps to the lowest point of that parabola. In one dimension:
#
# $$x \leftarrow x - \frac{f'(x)}{f''(x)}$$
#
# The curvature sets the length of the step; no learning rate is needed. With several parameters
# the second derivatives form a matrix, the **Hessian**
# $H_{ij} = \partial^2 f/\partial x_i\,\partial x_j$, and the step solves a linear system:
#
# $$x \leftarrow x - H^{-1} g$$
#
# `func.hessian` returns the matrix. On the banana of chapter 08:


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
# Seven steps, and the loss is zero to the last digit. The price: with $n$ parameters the Hessian
# has $n^2$ entries, and solving costs $n^3$ operations. A network with a million parameters would
# need four terabytes. There is a second danger: where the parabola opens downward, Newton's
# method walks *up*. (The jump to $y = -3$ in the picture is the method trusting a parabola too
# far.)
#
# ### Exercise 09.2
#
# Write `newton_step(f, x)`: one step for a vector `x`, returning the new `x`. Use
# `torch.func.grad`, `torch.func.hessian` and `torch.linalg.solve(H, g)`.


# %%
def newton_step(f, x):
    return x - torch.func.grad(f)(x)  # this is gradient descent


check("09.2", newton_step)

# %% [markdown]
# ## Curvature without the matrix
#
# Often one does not need $H$ itself, only its product with a vector $v$: how does the gradient
# change if I move along $v$? That product costs about as much as one gradient:
#
# $$H v = \nabla_x\,\big(g(x)\cdot v\big)$$
#
# The dot product with $v$ makes a single number of the gradient, and one more backward pass
# differentiates that number.


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
# ### Exercise 09.3
#
# The **largest curvature** decides the largest learning rate of gradient descent, as you saw in
# chapter 08: 2 divided by it. Multiply a vector by $H$ again and again, bring it to length 1 each
# time, and it turns towards the direction of the largest curvature (*power iteration*). Write
# `largest_curvature(f, x, v, steps)`: begin with `v`, make `steps` products, each followed by the
# division by the length, and return `v · H v` of the last `v`.


# %%
def largest_curvature(f, x, v, steps):
    return hessian_times(f, x, v).norm()  # change this


check("09.3", largest_curvature)

# %% [markdown]
# On a network, the same with all parameters at once. We measure the largest curvature of a small
# network's loss, and see that gradient descent goes wrong just above 2 divided by it.

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
# ## A network that obeys physics
#
# A weight hangs on a spring and swings in oil. Its height $u(t)$ obeys
#
# $$u'' + 2\,\delta\,u' + \omega^2 u = 0,\qquad u(0) = 1,\quad u'(0) = 0$$
#
# with the damping $\delta = 0.3$ and the frequency $\omega = 2$. We give the network **no data**,
# only the equation. The loss is how badly its output breaks the equation at 60 moments; $u'$ and
# $u''$ come from the engine. This is called a *physics-informed* network.
#
# The two conditions at the start can be built in: $u(t) = 1 + t^2\,N(t)$ meets them whatever the
# network $N$ says, since the added part and its slope are 0 at $t = 0$.
#
# The exact solution is known, so we can see how good the result is:
#
# $$u(t) = e^{-\delta t}\Big(\cos\nu t + \frac{\delta}{\nu}\sin\nu t\Big),\qquad \nu =
# \sqrt{\omega^2-\delta^2}$$

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
# L-BFGS, the second optimiser, is Newton's method on a diet: it guesses the curvature from how
# the last few gradients differed, without any Hessian.
#
# Why `tanh` and not `relu`? The second derivative of `relu` is 0 everywhere, so a network of them
# has no acceleration to learn with:

# %%
kinked = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Linear(8, 1)).double()
time = moments.detach().requires_grad_()
(slope,) = torch.autograd.grad(kinked(time).sum(), time, create_graph=True)
(bend,) = torch.autograd.grad(slope.sum(), time, allow_unused=True)
print("second derivative with relu:", bend)  # None: the slope does not depend on the time at all
assert bend is None

# %% [markdown]
# **In one sentence each**
#
# - `create_graph=True` records the backward pass, so that it can be differentiated again.
# - Newton's method divides by the curvature: very few steps, each very dear.
# - A Hessian-vector product costs about as much as a gradient, and power iteration turns it into
#   the largest curvature and so into the limit of the learning rate.
# - A loss may contain derivatives of the network. With that alone, it can learn a physical law.
#
# Chapter 10 leaves mathematics for machinery: what a computer does when it adds up a row.
