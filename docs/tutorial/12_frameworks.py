# %% [markdown]
# # 12 · How frameworks differ
#
# You know one engine from the inside. How do the others do it? In this chapter the *same*
# network, with the same starting numbers and the same data, is trained in five frameworks: this
# one, PyTorch, JAX, TensorFlow and tinygrad. The mathematics is the same everywhere, so the
# losses must be the same too. What differs is **when** something is computed, **who** keeps the
# parameters, and **how** you ask for a gradient.
#
# Nothing of this needs an installation: the cells of frameworks that you do not have are skipped.
# PyTorch runs if it is installed. To run the others too, install them
# (`pip install jax tensorflow tinygrad`) and set
# `COURSE_FRAMEWORKS="pytorch jax tensorflow tinygrad"` in the environment before you start.
#
# You need chapters 04 (a training loop) and 11 (graphs, views, accumulation).

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
# ## The task
#
# Two half moons, a network with 16 hidden units, cross entropy, 60 steps of gradient descent with
# the rate 0.5, always on all points. All numbers come from NumPy, so that everybody starts from
# the same.

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
# ## This engine

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
# The same lines; only the import differs. As here, each op runs **at once** (*eager*) and notes
# itself in a graph. `backward()` walks the graph and **adds** to the `.grad` of the leaves. The
# optimiser changes the parameters **in place**.
#
# The difference is inside: PyTorch's formulas are written in C++ and lie far from the ops' code;
# here each op and its formula are a few lines of Python on one screen.

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
# JAX has no `.grad` and no graph that hangs on the arrays. You write the loss as a **pure
# function** of its parameters: nothing is changed, everything is returned. `jax.value_and_grad`
# turns that function into another, which returns the loss and the gradients, in the same
# dictionary shape as the parameters. Arrays cannot be written to. The step returns *new*
# parameters.
#
# `jax.jit` runs the function once with placeholders in place of numbers (*tracing*), and compiles
# what it saw for that shape. A `print` inside therefore prints once, and an `if` on a value is
# refused.

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
# TensorFlow 2 runs ops at once too, but records only inside `with tf.GradientTape()`. The tape
# watches each `tf.Variable` by itself; anything else must be named with `tape.watch`. The tape is
# asked for the gradients of a list of variables, and it is used up by one question unless it is
# made with `persistent=True`. There is no `.grad`, so nothing adds up and nothing needs to be
# zeroed. `@tf.function` around a step compiles it by tracing.

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
# Our namesake in name only: tinygrad is a compiler. Its `Tensor` looks like PyTorch's, but it is
# **lazy**: an op computes nothing and only notes what is to be done. `gradient(...)` notes more;
# so does `backward()`, which sets `.grad`. When a value is asked for (`realize`, `item`,
# `numpy`), the whole is simplified, fused into few kernels, and run.

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
# ## The same numbers
#
# Each framework adds up in an order of its own, so the last digits may differ.

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
# ## Side by side
#
# | | here, PyTorch | JAX | TensorFlow 2 | tinygrad |
# | --- | --- | --- | --- | --- |
# | an op runs | at once | at once; traced and compiled under `jit` | at once; traced and compiled under `tf.function` | when a value is needed |
# | the gradient is recorded | always, from leaves with `requires_grad` | while `grad` traces the function | inside `GradientTape` | always, as part of the lazy graph |
# | you ask by | `loss.backward()` | `jax.grad(f)(p)` | `tape.gradient(loss, vars)` | `loss.backward()` |
# | the answer is | added to `.grad` | returned | returned | stored in `.grad` |
# | parameters change | in place | never; new ones are returned | in place, by `assign` | in place, by `assign` |
# | arrays can be written | yes, with version checks | no; `x.at[i].set(v)` returns a new one | no; only a `tf.Variable` | yes |
# | random numbers | a hidden state | a key that you pass on | a hidden state | a hidden state |
# | second derivatives | `create_graph=True` | `grad` of `grad` | a tape within a tape | gradients of gradients are lazy graphs too |
#
# ## JAX's way, in this engine
#
# The functional way exists here too, in `func`. The three ways below ask the same engine and get
# the same numbers.

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
# ### Exercise 12.1
#
# Write `update(params, grads, lr)` in JAX's way: a **new** dictionary with each parameter moved
# by one step of gradient descent. The arguments must stay as they are. `hint("12.1")` helps.


# %%
def update(params, grads, lr):
    for name in params:
        params[name] -= lr * grads[name]
    return params  # change this


check("12.1", update)

# %% [markdown]
# ### Exercise 12.2
#
# Write `value_and_grad(f)`: it returns a *function* that takes a tensor `x` and returns the pair
# of `f(x)` and its gradient. It leaves no `.grad` behind. Use `tinygrad_edu.autograd.grad`.


# %%
def value_and_grad(f):
    def both(x):
        return f(x), x  # change this

    return both


check("12.2", value_and_grad)

# %% [markdown]
# ## A trap in every framework
#
# All five stretch (*broadcast*) shapes by NumPy's rule. If a network returns `(N, 1)` and the
# targets are `(N,)`, the difference is a matrix `(N, N)`: every prediction minus every target. No
# error, a loss that looks plausible, and a network that learns the mean of all targets. Here and
# in PyTorch, `mse_loss` warns; a difference that you write yourself does not.

# %%
prediction = tinygrad_edu.tensor([[1.0], [2.0], [3.0]])
target = tinygrad_edu.tensor([1.0, 2.0, 3.0])
wrong = prediction - target
print(wrong.shape, "mean square:", round((wrong**2).mean().item(), 3), "though all are right")
assert wrong.shape == (3, 3)

# %% [markdown]
# ### Exercise 12.3
#
# Write `mean_square(prediction, target)`: the mean square error of `(N, 1)` against `(N,)`, or of
# two equal shapes. For any other pair of shapes raise a `ValueError`.


# %%
def mean_square(prediction, target):
    return ((prediction - target) ** 2).mean()  # change this


check("12.3", mean_square)

# %% [markdown]
# **In one sentence each**
#
# - The chain rule is the same everywhere, down to the last digits.
# - Eager frameworks run at once and are easy to look into. Traced and lazy ones see the whole
#   program first and can make it faster.
# - State in objects (`.grad`, in-place steps) is short to write and has the traps of chapter 11.
#   Pure functions have none of them and ask you to pass everything on.
#
# This is the end of the course. `docs/reading-order.md` leads through the engine's own files,
# which you can now read; `CONTRIBUTING.md` shows how to add an op of your own.
