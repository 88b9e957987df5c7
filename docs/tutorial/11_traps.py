# %% [markdown]
# # 11 · What autograd must not get wrong
#
# An engine can be wrong in two ways. It can stop with an error; that is annoying, and harmless.
# Or it can return a wrong gradient without a word. Then training still runs, a little worse than
# it could, and nobody knows why. This chapter tells the stories of such mistakes. Each was made
# in a real engine, some of them in this one, before a test found it. You will make each of them
# yourself, in an engine of a few lines, see what comes out, and see what a right engine does.
#
# You need chapters 02 and 03 (how the backward pass walks the graph).

# %%
import sys
import threading

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_edu as torch
from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## An engine to break
#
# Here is a very small engine on NumPy arrays. It has two ops, `+` and `*`, and three places that
# we will get wrong on purpose: how it **adds up** gradients, in which **order** it walks, and
# what it **keeps** for the way back.


# %%
class Value:
    """An array, and how to send a gradient to its parents."""

    def __init__(self, array, parents=(), send=None):
        self.array, self.parents, self.send = np.asarray(array, float), parents, send
        self.grad = None

    def __add__(self, other):
        return Value(self.array + other.array, (self, other), lambda g: (g, g))

    def __mul__(self, other):
        a, b = self.array, other.array
        return Value(a * b, (self, other), lambda g: (g * b, g * a))


def in_order(end):
    """The values that led to `end`, each after all that use it."""
    seen, order = set(), []

    def visit(value):
        if id(value) not in seen:
            seen.add(id(value))
            for parent in value.parents:
                visit(parent)
            order.append(value)

    visit(end)
    return order[::-1]


def add_up(value, g):
    """Add a gradient to a value's."""
    value.grad = g.copy() if value.grad is None else value.grad + g


def backward(end, add_up=add_up, in_order=in_order):
    grads = {id(end): Value(end.array)}
    grads[id(end)].grad = np.ones_like(end.array)
    for value in in_order(end):
        arrived = grads[id(value)].grad
        if value.send is None:  # a leaf
            add_up(value, arrived)
            continue
        for parent, g in zip(value.parents, value.send(arrived)):
            add_up(grads.setdefault(id(parent), Value(parent.array)), g)


x, y = Value([1.0, 2.0]), Value([3.0, 4.0])
backward(x * y + x)
print(x.grad, y.grad)  # y + 1 and x
assert x.grad.tolist() == [4, 5] and y.grad.tolist() == [1, 2]

# %% [markdown]
# ## Trap 1: a value that is used twice
#
# In $x \cdot x$, the value $x$ receives two gradients, one for each use, and the right answer is
# their **sum**. An engine that writes `=` instead of `+=` keeps the last one only: half of the
# derivative of $x^2$, and right in every test in which no value is used twice.


# %%
def overwrite(value, g):
    value.grad = g.copy()


x = Value([3.0])
backward(x * x, add_up=overwrite)
print("with =: ", x.grad)
wrong = x.grad.item()

x = Value([3.0])
backward(x * x)
print("with +=:", x.grad)
assert (wrong, x.grad.item()) == (3, 6)

# %% [markdown]
# ## Trap 2: one array, two owners
#
# `+` sends the *same* array to both parents: `(g, g)`. It is tempting to store it as it is, and
# to add the next gradient in place, because that saves memory. Then two leaves own one array. The
# first backward pass is right. In the second, each leaf adds to *both*:


# %%
def share(value, g):
    if value.grad is None:
        value.grad = g  # no copy
    else:
        value.grad += g  # in place


x, y, three = Value([1.0]), Value([1.0]), Value([3.0])
for _ in range(2):
    backward((x + y) * three, add_up=share)
print("shared:", x.grad, "right: 3 + 3 = 6")
assert x.grad.item() == 9

# %% [markdown]
# 9 instead of 6. An early version of this engine did exactly this, and it showed in a place where
# nobody would look: the two bias vectors of an LSTM always receive the same gradient, and
# gradient clipping scaled both, so each was scaled twice.
#
# The rule that prevents it: **every array has one owner.** Here is the right result, and the
# proof that the two gradients do not share memory.

# %%
x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
for _ in range(2):
    ((x + y) * 3).sum().backward()
print(x.grad, y.grad)
assert x.grad.tolist() == y.grad.tolist() == [6]
assert not np.shares_memory(x.grad.array, y.grad.array)

# %% [markdown]
# ### Exercise 11.1
#
# Write `accumulate(grads, name, g)`: add the NumPy array `g` to `grads[name]` in the dictionary
# `grads`; if there is none yet, begin with it. Later changes of `grads[name]` must not change
# `g`, and no other name may share its memory. `hint("11.1")` helps.


# %%
def accumulate(grads, name, g):
    grads[name] = g  # change this


check("11.1", accumulate)

# %% [markdown]
# ## Trap 3: the order of the walk
#
# A value may pass its gradient on only after **all** who use it have sent theirs. Take
# $a = x\cdot x$, then $b = a\cdot a$, and $c = b\cdot x + a$. If the walk reaches $a$ by the
# short way first, $a$ sends a part of its gradient, and later the rest is lost, or sent twice.


# %%
def nearest_first(end):
    """Breadth first: by the number of steps from the end. This looks natural."""
    order, seen = [end], {id(end)}
    for value in order:
        for parent in value.parents:
            if id(parent) not in seen:
                seen.add(id(parent))
                order.append(parent)
    return order


def slope_of_c(in_order):
    x = Value([2.0])
    a = x * x
    b = a * a
    backward(b * x + a, in_order=in_order)  # x³·x² + x²: the derivative is 5 x⁴ + 2 x
    return x.grad.item()


print("nearest first:", slope_of_c(nearest_first), " right:", slope_of_c(in_order))
assert slope_of_c(in_order) == 5 * 2.0**4 + 2 * 2.0
assert slope_of_c(nearest_first) != slope_of_c(in_order)

# %% [markdown]
# The right order is a **topological** one: children before parents, whatever the length of the
# ways between them. This engine numbers the nodes as they are made and always takes the newest
# one next, which is a topological order for nothing. You wrote such an order in chapter 02.

# %% [markdown]
# ## Trap 4: deep graphs
#
# The function `in_order` above calls itself, unlike that of chapter 02. A recurrent network over
# a long text, or a loop that adds up 50,000 terms, makes a chain longer than Python's limit.

# %%
end = one = Value([1.0])
for _ in range(5000):
    end = end + one
try:
    backward(end)
except RecursionError as error:
    print("recursive walk:", type(error).__name__, "at a limit of", sys.getrecursionlimit())
else:
    raise AssertionError("5,000 steps should be too deep for a recursion")
del end  # even freeing such a chain can recurse

x = torch.ones(1, requires_grad=True)
end = x
for _ in range(50_000):
    end = end + x
end.backward()
print("this engine:", x.grad.item())
assert x.grad.item() == 50_001

# %% [markdown]
# ## Trap 5: a value that changed after it was used
#
# The backward pass of $a \cdot b$ needs $a$ and $b$ as they were. If somebody writes into $a$ in
# between, the gradient is computed with a wrong number.

# %%
a, b = Value([2.0]), Value([5.0])
product = a * b
a.array[0] = 100  # "saves memory"
backward(product)
print("gradient of b:", b.grad, "but it was multiplied by 2")
assert b.grad.item() == 100

# %% [markdown]
# A right engine either keeps a copy, which costs memory, or notices. This one counts the writes
# to each memory: its *version*. A node remembers the version it saw. If the two differ on the way
# back, it stops and says what happened:

# %%
a, b = torch.tensor([2.0]), torch.tensor([5.0], requires_grad=True)
product = a * b
a[0] = 100.0
try:
    product.backward()
except torch.GraphError as error:
    print(error)
else:
    raise AssertionError("a changed value must be noticed")

# %% [markdown]
# The check must not be too strict either. $a + b$ needs neither $a$ nor $b$ on the way back, so a
# write is harmless and allowed:

# %%
a, b = torch.tensor([2.0]), torch.tensor([5.0], requires_grad=True)
total = a + b
a[0] = 100.0
total.backward()
assert b.grad.item() == 1

# %% [markdown]
# ## Trap 6: views
#
# `x[0]`, `x.T`, `x.view(...)` do not copy: they are **views** of the same memory. So a write to
# the view is a write to the whole, and the gradient has to know it. In an early version of this
# engine `x[0]` of a vector was a copy: writes to it were lost, silently.

# %%
x = torch.zeros(3)
x[0].fill_(7)
for element in x:
    element += 1
print(x)
assert x.tolist() == [8, 1, 1]

leaf = torch.ones(3, requires_grad=True)
y = leaf * 1
y[0].mul_(5)  # through a view of y
y.sum().backward()
print(leaf.grad)
assert leaf.grad.tolist() == [5, 1, 1]

# %% [markdown]
# The write to `y[0]` changed `y`, so the graph of `y` had to be rewritten. The picture shows it:
# part of `y` now comes from a product with 5 and is put into its place by `view_write`. On the
# way back two gradients meet at the first product, and `explain` tells what each of them is.

# %%
leaf = torch.ones(3, requires_grad=True)
y = leaf * 1
y[0].mul_(5)
loss = y.sum()
told = str(torch.explain(loss))
print(told[told.index("0. mul", told.index("Backward")) :])
assert "2 cotangents, which add up" in told
torch.draw(loss)

# %% [markdown]
# ## Trap 7: `.grad` accumulates, and you must know it
#
# `backward` **adds** to `.grad`. That is wanted: two losses, or a batch in two halves, add up to
# the right gradient. Who forgets `zero_grad()` adds up the gradients of the whole history
# instead:


# %%
def training(forget):
    torch.manual_seed(0)
    w = torch.tensor([0.0], requires_grad=True)
    seen = []
    for _ in range(40):
        if not forget:
            w.grad = None
        ((w - 3) ** 2).sum().backward()
        with torch.no_grad():
            w -= 0.1 * w.grad
        seen.append(w.item())
    return seen


fig, ax = plt.subplots(figsize=(6, 3))
ax.plot(training(forget=False), label="zero_grad in each step")
ax.plot(training(forget=True), label="forgotten")
ax.axhline(3, color="grey", lw=0.7)
ax.set_xlabel("step")
ax.set_ylabel("w (should become 3)")
ax.legend()
plt.show()
assert abs(training(forget=False)[-1] - 3) < 0.01
assert max(training(forget=True)) > 5

# %% [markdown]
# The forgotten one swings for ever: old gradients act like a momentum of 1 that never fades.
#
# ## Trap 8: infinity times zero
#
# This one is in no engine's code. It is in the mathematics, and it catches users of every engine.
# You want the square root of positive numbers, and 0 for the others:

# %%
x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
y = torch.where(x > 0, x.sqrt(), 0.0)
y.sum().backward()
print("value", y.tolist(), " gradient", x.grad.tolist())
assert y.tolist() == [0, 0, 2]
assert x.grad.isnan().tolist() == [True, True, False]

# %% [markdown]
# The values are right, and the gradient is NaN. `where` sends the gradient 0 to the branch that
# was not chosen. There `sqrt` multiplies it by its slope, $1/(2\sqrt x)$: infinity at 0, NaN
# below. And `0 * inf` is NaN. One NaN spoils all parameters in the next step.
#
# ### Exercise 11.2
#
# Write `safe_sqrt(x)`: $\sqrt x$ where $x > 0$ and 0 elsewhere, with the gradient $1/(2\sqrt x)$
# where $x > 0$ and 0 elsewhere.


# %%
def safe_sqrt(x):
    return torch.where(x > 0, x.sqrt(), 0.0)


check("11.2", safe_sqrt)

# %% [markdown]
# ## Trap 9: ties
#
# What is the derivative of `max(a, b)` where `a == b`? Mathematics leaves it open. An engine has
# to choose, and each choice of this list is made somewhere: all to the first, or half to each.
# What it must *not* do is give 1 to both: then a step along the gradient promises twice the gain.
# This engine follows PyTorch: `amax` shares among equals, `max(dim)` gives all to the element
# whose index it returns.

# %%
x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
(shared,) = torch.autograd.grad(x.amax(), x)
(picked,) = torch.autograd.grad(x.max(0)[0], x)
print("amax:", shared.tolist(), " max(0):", picked.tolist())
assert shared.tolist() == [0.5, 0.5, 0] and sorted(picked.tolist()) == [0, 0, 1]

# %% [markdown]
# ### Exercise 11.3
#
# Write `amax_gradient(x, g)`: `x` is a NumPy array, `g` the gradient that arrives at its maximum.
# Return the gradient of `x`, shared equally among all elements that are as large as the maximum.


# %%
def amax_gradient(x, g):
    return g * (x == x.max())  # change this


check("11.3", amax_gradient)

# %% [markdown]
# ## Trap 10: threads
#
# `grad += g` is three things: read, add, write. If two threads do it at once, both may read the
# same old value, and one addition is lost. It happens rarely, so it passes every test on a small
# array. This engine holds a lock while a leaf takes its gradient in:

# %%
w = torch.zeros(50_000, requires_grad=True)


def work():
    for _ in range(50):
        w.sum().backward()


threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print("smallest and largest element:", w.grad.min().item(), w.grad.max().item())
assert w.grad.min().item() == w.grad.max().item() == 200

# %% [markdown]
# ## How such mistakes are found
#
# None of these traps was found by thinking hard. They were found by **comparison**: with finite
# differences (chapter 01), with a second engine that is known to be right, and with random
# programs of views, writes and hooks that are run in both, until they differ.
# `torch.autograd.gradcheck` is the first of these tools and is always at hand:

# %%
x = torch.tensor([0.3, 0.7], dtype=torch.float64, requires_grad=True)


class Sloppy(torch.autograd.Function):
    """x², with a backward that forgot the factor 2."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * x


try:
    torch.autograd.gradcheck(Sloppy.apply, (x,))
except (torch.GraphError, RuntimeError, ValueError) as error:
    print(error)
else:
    raise AssertionError("gradcheck must notice the missing factor")

# %% [markdown]
# **In one sentence each**
#
# - Gradients of a value that is used several times add up, and each array has one owner.
# - A value sends its gradient on only after all its users have sent theirs; the walk must not
#   recurse.
# - In-place writes and views are fine as long as the engine counts versions and rewrites the
#   graph.
# - `where` does not protect you from the branch that was not chosen.
# - The dangerous mistakes make no noise. Compare with something that is known to be right.
#
# `tests/engine/test_findings.py` holds a test for each of the engine's own stories. The last
# chapter looks at the neighbours.
