# %% [markdown]
# # 02 · A scalar engine in 60 lines
#
# Chapter 01 took a derivative through a chain of steps: compute forward, note the local slope of each
# step, multiply the slopes. That is mechanical work, so a program can do it. This chapter writes that
# program for single numbers. At the end it trains a small network that solves a problem no straight
# line can solve.

# %%
import math
import random

import matplotlib.pyplot as plt

from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## Every calculation is a graph
#
# Take L = (a · b + a)². Written as single steps, it is
#
# | step | local slopes |
# | --- | --- |
# | c = a · b | dc/da = b, dc/db = a |
# | d = c + a | dd/dc = 1, dd/da = 1 |
# | L = d · d | dL/dd = 2 d |
#
# Each line needs only numbers that are already there. Now read the table from the bottom to the top.
# L moves 2 d times as fast as d. So it moves 2 d · 1 times as fast as c, and then 2 d · 1 · b times as
# fast as a, *along this way*. But there is a second way from a to L: a also stands in the line d = c + a.
# When a moves, both ways move L, and the two contributions add up.

# %%
a, b = 2.0, 3.0
c = a * b
d = c + a
L = d * d

dL_dd = 2 * d
dL_dc = dL_dd * 1
dL_da = dL_dd * 1 + dL_dc * b  # two ways lead from a to L: add them
dL_db = dL_dc * a
print(f"L = {L}   dL/da = {dL_da}   dL/db = {dL_db}")

h = 1e-6
tried = (((a + h) * b + (a + h)) ** 2 - ((a - h) * b + (a - h)) ** 2) / (2 * h)
print(f"tried out: dL/da = {tried:.4f}")
assert (L, dL_da, dL_db) == (64.0, 64.0, 32.0)
assert abs(tried - dL_da) < 1e-5

# %% [markdown]
# Two rules did all the work, and they are the whole of backpropagation:
#
# 1. along a way, multiply the local slopes;
# 2. where ways meet, add.
#
# We went backwards, from L to the inputs, because that way each line is visited once, however many
# inputs there are.
#
# ## Local slopes
#
# An engine needs the local slopes of every operation it offers. For a product they are `b` and `a`. The
# next one is yours.
#
# **Exercise 02.1.** `divide(a, b)` returns three numbers: the quotient a / b, its slope with respect to
# a, and its slope with respect to b.


# %%
def divide(a, b): ...  # your lines


check("02.1", divide)

# %% [markdown]
# ## The walk back
#
# Suppose the steps were noted while computing forward: for each result, its name and, for each of its
# inputs, the input's name and the local slope. For L = (a · b + a)² with a = 2 and b = 3 the notes are:

# %%
STEPS = [("c", [("a", 3.0), ("b", 2.0)]), ("d", [("c", 1.0), ("a", 1.0)]), ("L", [("d", 16.0)])]

# %% [markdown]
# **Exercise 02.2.** Walk back through such notes. Return a dict that holds, for each name, how fast the
# last result moves with it. The last result moves as fast as itself: its own entry is 1. For the notes
# above the answer is {"L": 1, "d": 16, "c": 16, "a": 64, "b": 32}.


# %%
def walk_back(steps): ...  # your lines


check("02.2", walk_back)

# %% [markdown]
# ## Numbers that take notes
#
# Nobody wants to write such notes by hand. So we make numbers that take them. A `Value` holds a number,
# the values it was made from, and the local slope for each of them. Python lets a class say what `+` and
# `*` mean, and that is where the notes are taken.


# %%
class Value:
    """A number that remembers how it was made."""

    def __init__(self, number, parents=(), slopes=(), name=""):
        self.number, self.parents, self.slopes = number, parents, slopes
        self.grad, self.name = 0.0, name

    def __add__(self, other):
        other = as_value(other)
        return Value(self.number + other.number, (self, other), (1.0, 1.0), "+")

    def __mul__(self, other):
        other = as_value(other)
        return Value(self.number * other.number, (self, other), (other.number, self.number), "×")

    def tanh(self):
        t = math.tanh(self.number)
        return Value(t, (self,), (1 - t * t,), "tanh")

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + -as_value(other)

    __radd__, __rmul__ = __add__, __mul__

    def backward(self):
        self.grad = 1.0
        for value in reversed(order(self)):
            for parent, slope in zip(value.parents, value.slopes):
                parent.grad += value.grad * slope


def as_value(x):
    return x if isinstance(x, Value) else Value(x)


def order(last):
    """All values that `last` was made from, and `last`: each after the values it needs."""
    done, seen, todo = [], set(), [(last, False)]
    while todo:
        value, ready = todo.pop()
        if ready:
            done.append(value)
        elif id(value) not in seen:
            seen.add(id(value))
            todo += [(value, True), *((p, False) for p in value.parents)]
    return done


# %%
a, b = Value(2.0, name="a"), Value(3.0, name="b")
d = a * b + a
L = d * d
L.backward()
print(f"L = {L.number}   dL/da = {a.grad}   dL/db = {b.grad}")
assert (L.number, a.grad, b.grad) == (64.0, 64.0, 32.0)

# %% [markdown]
# These are the numbers we found by hand, and this time we only wrote the formula. The picture shows what
# the values noted. Each box gives a number and its gradient; each arrow carries a local slope.

# %%
from tinygrad_edu.learn.layout import place


def draw(last):
    """Draw the graph of a value with Matplotlib; the engine's own layout places the boxes."""
    values = order(last)
    arrows = [(id(p), id(v), s) for v in values for p, s in zip(v.parents, v.slopes)]
    placed = place({id(v): (90, 44) for v in values}, [(p, v) for p, v, _ in arrows])
    fig, ax = plt.subplots(figsize=(placed.width / 55, placed.height / 55))
    for route, (_, _, slope) in zip(placed.routes, arrows):
        xs, ys = zip(*route.points)
        ax.plot(xs, ys, color="gray", zorder=1)
        ax.text(sum(xs[:2]) / 2 + 5, sum(ys[:2]) / 2, f"{slope:g}", color="tab:red", fontsize=9)
    for v in values:
        box = placed.boxes[id(v)]
        ax.add_patch(
            plt.Rectangle((box.x, box.y), box.width, box.height, fc="aliceblue", ec="gray")
        )
        ax.text(*box.centre, f"{v.name} {v.number:g}\ngrad {v.grad:g}", ha="center", va="center")
    ax.set_xlim(0, placed.width)
    ax.set_ylim(placed.height, 0)
    ax.set_aspect("equal")
    ax.axis("off")
    plt.show()


draw(L)

# %% [markdown]
# ## In which order?
#
# `backward` must not pass a value's gradient on before all of it has arrived. Look at `a`: it gets one
# part from the product and one from the sum. If a value sent its gradient on after the first part, the
# second would be lost, or count twice. So the walk visits each value only after every value that uses it.
# An order in which each value comes after those it needs is called *topological*; the walk takes it
# backwards.
#
# **Exercise 02.3.** Here a graph is a dict: for each name, the names it was made from. Write `sort(graph,
# last)`: a list of all names that `last` was made from, and `last`, in which each name comes after the
# names it needs, and comes once.

# %%
GRAPH = {"a": [], "b": [], "c": ["a", "b"], "d": ["c", "a"], "L": ["d"]}


def sort(graph, last): ...  # your lines


check("02.3", sort)

# %% [markdown]
# Our `order` uses a list of things to do, and no function that calls itself. That is on purpose. A
# function that calls itself for each parent runs out of Python's stack after about 1,000 steps, and
# a long calculation is much deeper than that:

# %%
x = Value(1.0)
y = x
for _ in range(20_000):
    y = y * 1.0001
y.backward()
print(f"after 20,000 steps: dy/dx = {x.grad:.4f}")
assert abs(x.grad - 1.0001**20_000) < 1e-9

# %% [markdown]
# ## A network of numbers
#
# A *neuron* adds its weighted inputs and a bias, and bends the sum: tanh(w₁ x₁ + w₂ x₂ + b). Without the
# bend, neurons after neurons would still be a straight line. The problem here is *exclusive or*: the
# answer is +1 if the inputs differ, and −1 if they are equal. No straight line separates the two cases;
# four neurons and one that collects their results do.

# %%
random.seed(3)
POINTS = [((0.0, 0.0), -1.0), ((0.0, 1.0), 1.0), ((1.0, 0.0), 1.0), ((1.0, 1.0), -1.0)]
hidden = [[Value(random.uniform(-1, 1)) for _ in range(3)] for _ in range(4)]
last = [Value(random.uniform(-1, 1)) for _ in range(5)]
weights = [w for neuron in hidden for w in neuron] + last


def network(x1, x2):
    outs = [(w1 * x1 + w2 * x2 + b).tanh() for w1, w2, b in hidden]
    return sum((w * out for w, out in zip(last, outs)), last[4]).tanh()


losses = []
for _ in range(300):
    loss = Value(0.0)
    for (x1, x2), wanted in POINTS:
        error = network(x1, x2) - wanted
        loss = loss + error * error
    for w in weights:
        w.grad = 0.0  # backward adds to what is there: begin at zero
    loss.backward()
    for w in weights:
        w.number -= 0.1 * w.grad
    losses.append(loss.number)

print(f"{len(order(loss))} values in the graph, {len(weights)} of them weights")
for (x1, x2), wanted in POINTS:
    print(f"{x1:.0f} xor {x2:.0f}: {network(x1, x2).number:+.2f}, wanted {wanted:+.0f}")
assert losses[-1] < 0.05
assert all(network(*x).number * wanted > 0 for x, wanted in POINTS)

# %%
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
left.semilogy(losses)
left.set_xlabel("step")
left.set_ylabel("loss")
steps = [i / 15 - 0.5 for i in range(31)]
surface = [[network(x1, x2).number for x1 in steps] for x2 in steps]
shown = right.contourf(steps, steps, surface, levels=20, cmap="RdBu")
fig.colorbar(shown)
for (x1, x2), wanted in POINTS:
    right.plot(x1, x2, "o", color="navy" if wanted > 0 else "darkred", markeredgecolor="white")
right.set_title("what the network answers")
plt.show()

# %% [markdown]
# Note the line `w.grad = 0.0`. `backward` adds, since a value may be used many times. So the gradients of
# the last step must be cleared first. PyTorch and this engine have `optimizer.zero_grad()` for that, and
# leaving it out is the most frequent mistake of beginners.
#
# ## The same with the engine
#
# The engine of this course does the same, with arrays in place of numbers. `draw` shows its graph, and
# `explain` would tell its walk in words. Here it checks our 60 lines.

# %%
import tinygrad_edu as torch

a = torch.tensor(0.7, dtype=torch.float64, requires_grad=True)
b = torch.tensor(-1.3, dtype=torch.float64, requires_grad=True)
out = (a * b + a).tanh() * b - a
out.backward()

p, q = Value(0.7), Value(-1.3)
ours = (p * q + p).tanh() * q - p
ours.backward()
print(f"engine: {a.grad.item():.12f} {b.grad.item():.12f}")
print(f"ours:   {p.grad:.12f} {q.grad:.12f}")
assert abs(a.grad.item() - p.grad) < 1e-12 and abs(b.grad.item() - q.grad) < 1e-12

# %% [markdown]
# `examples/01_scalar.py` is another version of this engine, in which each value keeps a function in
# place of slopes. Compare the two.
#
# **In one sentence each**
#
# - A calculation is a graph of steps, and each step knows its local slopes.
# - Going back: multiply along a way, add where ways meet.
# - A value passes its gradient on when all of it has arrived.
# - `backward` adds to `grad`, so clear it before the next step.
