# %% [markdown]
# # 01 · Derivatives by hand and by finite differences
#
# A network learns by answering one question, millions of times: *if I turn this knob a little, how
# does the result move?* The answer is a derivative. This chapter finds derivatives in two ways: with
# the rules from school, and by trying it out. The second way needs no thought, so it will check the
# first one in every chapter that follows.
#
# You need Python and the derivative of x². The course installs with its pictures by
#
# ```sh
# pip install -e ".[cli]"
# ```
#
# in a checkout of the repository. `tinygrad-edu course open 01` copies this chapter into your folder
# as a notebook, which `pip install jupyterlab` and `jupyter lab` can show; with `--script` it is a file
# for any editor. Run the cells from top to bottom. Where a cell says `...  # your lines`, write your
# own and run it: `check` tells you what is wrong, `hint("01.1")` helps, a little more each time.

# %%
import math

import matplotlib.pyplot as plt

from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## A slope is a quotient
#
# Take f(x) = x² at x = 3. Move x by a small step h and see how far f moves.


# %%
def square(x):
    return x * x


for h in (1.0, 0.1, 0.01, 0.001):
    print(
        f"h = {h:<6} f moves {square(3 + h) - square(3):.6f}   quotient {(square(3 + h) - square(3)) / h:.4f}"
    )

# %% [markdown]
# The quotient approaches 6. A line of algebra shows why: ((3 + h)² − 3²) / h = (6h + h²) / h = 6 + h.
# When h goes to zero, 6 remains. In general the slope of x² at x is 2x, and that is the derivative.
#
# In the picture, the quotient is the slope of a straight line through two points of the curve. The
# nearer the second point comes, the better the line fits the curve at x = 3.

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
# ## Three rules, and nothing else
#
# Every function in this course is built from small steps, and three rules take a derivative through
# all of them:
#
# - **sum**: (a + b)' = a' + b'
# - **product**: (a b)' = a' b + a b'
# - **chain**: if y depends on u, and u on x, the rates multiply: dy/dx = dy/du · du/dx
#
# The chain rule carries the whole subject. If u moves 6 times as fast as x, and y moves 0.5 times as
# fast as u, then y moves 3 times as fast as x. Here it is for y = sin(x²), with u = x²:

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
# Note the order of work. We computed x, then u, then y: forward. For each step we wrote down a *local*
# derivative, which needs only the numbers of that step. Then we multiplied the local derivatives.
# Chapter 02 turns exactly this into a program.
#
# ## How small should h be?
#
# The quotient (f(x + h) − f(x)) / h is off by about h. There is a better one for the same price: go as
# far to the left as to the right. The errors of the two sides cancel, and what is left is of size h².
#
# **Exercise 01.1.** Write the central difference: the slope of `f` between x − h and x + h.


# %%
def slope(f, x, h=1e-5): ...  # your lines


check("01.1", slope)


# %% [markdown]
# Do not make h too small, though. A computer keeps about 16 digits of a number. When f(x + h) and f(x)
# agree in the first 12 of them, the difference has 4 good digits left. The picture shows both errors:
# from the right, the formula improves; from the left, rounding takes over.


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
# A step between 1e-5 and 1e-6 is a good choice for numbers of size 1, and the central difference then
# gives about ten digits. That is enough to find any mistake in a formula.
#
# ## By hand
#
# **Exercise 01.2.** f(x) = x · sin(x²) is a product, and one of its factors has something inside. Write
# its derivative, by the product rule and the chain rule.


# %%
def f(x):
    return x * math.sin(x**2)


def derivative(x): ...  # your lines


check("01.2", derivative)

# %% [markdown]
# You need not wait for `check`. Compare with the finite difference yourself: for x = 1 it must give
# about 1.922.

# %%
print(f"{(f(1 + 1e-6) - f(1 - 1e-6)) / 2e-6:.4f}")
assert abs((f(1 + 1e-6) - f(1 - 1e-6)) / 2e-6 - 1.9221) < 1e-4

# %% [markdown]
# ## Many inputs: the gradient
#
# A network has not one knob but thousands. Then there is a slope for each: move one input, hold the
# others still. These slopes are called *partial derivatives*, and the list of all of them is the
# *gradient*.
#
# **Exercise 01.3.** Write the gradient of a function `f` that takes a list of numbers. Move one number
# at a time, by the central difference, and leave the caller's list as it was.


# %%
def gradient(f, xs, h=1e-5): ...  # your lines


check("01.3", gradient)

# %% [markdown]
# Count the work: for n inputs, f is evaluated 2n times. A small network has 100,000 weights, so one
# gradient would cost 200,000 runs of the network. This is why finite differences check gradients but do
# not make them. Backpropagation finds *all* slopes with one run forward and one run backward, and the
# next chapter builds it.
#
# ## A gradient at work
#
# Here are five points that lie near a line. Which line y = w x + b fits best? Call the error of a point
# e = w x + b − y. A good line makes the mean of all e² small; this number is the *loss*.

# %%
points = [(-2.0, -2.9), (-1.0, -1.2), (0.0, 1.1), (1.0, 2.8), (2.0, 5.2)]


def loss(w, b):
    return sum((w * x + b - y) ** 2 for x, y in points) / len(points)


print(f"loss at w = 0, b = 0: {loss(0.0, 0.0):.4f}")
assert abs(loss(0.0, 0.0) - 9.188) < 1e-9

# %% [markdown]
# **Exercise 01.4.** Find the two slopes of the loss, with respect to w and to b, with the chain rule.
# Return them as a pair. (Start with one point: what is the derivative of e², and how does e move when w
# moves?)


# %%
def loss_gradient(w, b, points): ...  # your lines


check("01.4", loss_gradient)

# %% [markdown]
# The gradient points uphill. So a small step *against* it makes the loss smaller. Repeat this, and the
# line finds its place: that is *gradient descent*, and in principle nothing more happens when a large
# network is trained. This cell uses finite differences, so that it works even if you left 01.4 for
# later.

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
# ## The engine does it
#
# This course explains an engine that finds gradients by itself: you write the loss, it remembers the
# steps, `backward()` goes back through them. Its names are PyTorch's.

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
# Nobody told the engine the formulas of exercise 01.4. How does it know? The next chapter builds such
# an engine in 60 lines.
#
# **In one sentence each**
#
# - A derivative says how fast the result moves when an input moves.
# - Along a chain of steps, the rates multiply.
# - The central difference finds any slope by trying, and is how formulas are checked.
# - The gradient is the list of all slopes; a step against it makes the loss smaller.
