# %% [markdown]
# # 03 · Tensors, and broadcasting backwards
#
# The engine of chapter 02 made a Python object for every number. A network has millions of numbers, and
# most of them take the same steps. So we let one step work on a whole array. This chapter finds the
# gradient rules for arrays: elementwise operations, sums, broadcasting, and the product of matrices. At
# the end stands a tensor engine, and it learns a boundary that bends.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinygrad_edu.learn.course import check, hint, solution

rng = np.random.default_rng(0)

# %% [markdown]
# ## One gradient for each entry
#
# The loss stays a single number. But now it depends on an array, and has one slope for each entry. We
# keep these slopes in an array of the same shape. For a value in the middle of a calculation, this array
# is called its *cotangent* and written `g`: g[i, j] says how fast the loss moves when entry [i, j] moves.
#
# The job of each operation is: given the cotangent of its output, find the cotangents of its inputs. For
# `out = a * b` nothing is new. Each entry is a product of two numbers, and chapter 02 applies to it:

# %%
a, b = np.array([1.0, 2.0, 3.0]), np.array([10.0, 20.0, 30.0])
g = np.array([1.0, 0.0, 2.0])  # suppose that the loss moves like this with a * b
print("cotangent of a:", g * b)
print("cotangent of b:", g * a)
assert (g * b).tolist() == [10.0, 0.0, 60.0]

# %% [markdown]
# ## Broadcasting backwards
#
# NumPy lets arrays of different shapes meet: in `x + row`, with shapes (3, 4) and (4,), the row is added
# to each of the three rows of x. One number of `row` is then used three times. We know what follows from
# chapter 02: where ways meet, the gradients add up.
#
# > What broadcasting copies going forward, backward adds up.
#
# The picture shows it for random cotangents: the column sums of `g` are the gradient of the row.

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
# Broadcasting can do two things: put new dims in front, as (4,) becomes (3, 4), and stretch dims of size
# 1, as (3, 1) becomes (3, 4). Backward undoes both: sum over the dims in front, and sum over the
# stretched dims, keeping them with size 1.
#
# **Exercise 03.1.** Write `sum_to(g, shape)`: the cotangent `g`, summed so that it has the shape that
# the input had before it was broadcast.


# %%
def sum_to(g, shape): ...  # your lines


check("03.1", sum_to)

# %% [markdown]
# ## Sums, and their mirror image
#
# `x.sum(axis=0)` is broadcasting turned around. Forward adds; so backward copies: each entry that went
# into a sum moves it one to one, and gets the cotangent of that sum. A mean is a sum divided by the
# number of entries.
#
# **Exercise 03.2.** For `out = x.mean(axis=axis)`, with x of shape `shape`, write the cotangent of x. (The
# axis is gone from `g`. `np.expand_dims` puts it back with size 1, `np.broadcast_to` stretches it.)


# %%
def mean_backward(g, shape, axis): ...  # your lines


check("03.2", mean_backward)

# %% [markdown]
# ## The product of matrices
#
# For `out = a @ b`, out[i, j] is the sum over k of a[i, k] · b[k, j]. Which outputs does a[i, k] move?
# Those of row i: out[i, 0], out[i, 1], and so on, each b[k, j] times as fast. Add up over the ways:
#
# cotangent of a[i, k] = Σⱼ g[i, j] · b[k, j]
#
# That is again a product of matrices: `g @ b.T`. The shapes help to remember it. With a (N, K), b (K, M)
# and g (N, M) there is only one way to combine g and b to (N, K).

# %%
a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
g = rng.normal(size=(2, 4))
by_index = np.array(
    [[sum(g[i, j] * b[k, j] for j in range(4)) for k in range(3)] for i in range(2)]
)
assert np.allclose(by_index, g @ b.T)
print("g @ b.T has the shape of a:", (g @ b.T).shape)

# %% [markdown]
# **Exercise 03.3.** Write both cotangents of `a @ b`: return those of a and of b, as a pair.


# %%
def matmul_backward(g, a, b): ...  # your lines


check("03.3", matmul_backward)

# %% [markdown]
# ## A tensor engine
#
# Now put the rules into a class. It is the `Value` of chapter 02 with arrays. In place of slopes, a
# tensor keeps for each parent a function that turns its own cotangent into that of the parent. Such a
# function is called a *vjp* (vector–Jacobian product). `backward` sums each result to the parent's shape:
# written once, it holds for every operation.


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
# Check it as always: move one entry, and see what the loss does. The bias here is broadcast, so that
# `reduce_to` has work to do.

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
# ## A boundary that bends
#
# Two half moons lie in each other. Three layers of tensors learn which point belongs to which moon. All
# 200 points go through in one step: `points @ w1` is (200, 2) @ (2, 16).

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
# ## The engine says what is wrong
#
# The engine of this course follows the same plan: one declaration per operation with a vjp for each input,
# and one place that sums a broadcast gradient. When you write an operation yourself, `gradcheck` compares
# its backward with finite differences. It also tries the usual mistakes, and says which one it found. Here
# the sum over the broadcast dim is forgotten:

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
# **In one sentence each**
#
# - The cotangent of an array has its shape: one slope of the loss for each entry.
# - What broadcasting copies forward, backward adds; what a sum adds forward, backward copies.
# - For `a @ b` the cotangents are `g @ b.T` and `a.T @ g`; the shapes leave no other choice.
# - One place sums every broadcast gradient, so no operation needs to think of it.
