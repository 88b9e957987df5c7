# %% [markdown]
# # 02 · 60 行代码的标量引擎
#
# 第 01 章沿着一串步骤求导：前向计算，记下每一步的局部斜率，再把斜率相乘。这是机械的工作，所以可以交给程序。本章就为单个的数写出这个程序。最后，它会训练一个小网络，解决一个任何直线都解决不了的问题。

# %%
import math
import random

import matplotlib.pyplot as plt

from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## 每个计算都是一张图
#
# 取 L = (a · b + a)²，把它拆成单个步骤：
#
# | 步骤 | 局部斜率 |
# | --- | --- |
# | c = a · b | dc/da = b，dc/db = a |
# | d = c + a | dd/dc = 1，dd/da = 1 |
# | L = d · d | dL/dd = 2 d |
#
# 每一行只用到已经算出的数。现在从下往上读这张表。L 的变化是 d 的 2 d 倍，所以是 c 的 2 d · 1 倍，*沿着这条路*又是 a 的 2 d · 1 · b 倍。但是从 a 到 L 还有第二条路：a 也出现在 d = c + a 这一行。a 变化时，两条路都会影响 L，两份影响要相加。

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
# 全部工作只用了两条规则，反向传播也就是这两条：
#
# 1. 沿着一条路，局部斜率相乘；
# 2. 几条路相遇，结果相加。
#
# 我们从 L 反向走到输入，因为这样不管有多少个输入，每一行都只需经过一次。
#
# ## 局部斜率
#
# 引擎提供的每种运算，都需要知道它的局部斜率。乘法的局部斜率是 `b` 和 `a`。下一个由你来写。
#
# **练习 02.1。** `divide(a, b)` 返回三个数：商 a / b、它对 a 的斜率、它对 b 的斜率。


# %%
def divide(a, b): ...  # your lines


check("02.1", divide)

# %% [markdown]
# ## 反向走一遍
#
# 假设前向计算时已经做了记录：对每个结果，记下它的名字，以及每个输入的名字和局部斜率。对 a = 2、b = 3 时的 L = (a · b + a)²，记录是：

# %%
STEPS = [("c", [("a", 3.0), ("b", 2.0)]), ("d", [("c", 1.0), ("a", 1.0)]), ("L", [("d", 16.0)])]

# %% [markdown]
# **练习 02.2。** 沿着这样的记录反向走一遍，返回一个字典：对每个名字，最后的结果随它变化得多快。最后的结果随自己变化，所以它自己的那一项是 1。对上面的记录，答案是 {"L": 1, "d": 16, "c": 16, "a": 64, "b": 32}。


# %%
def walk_back(steps): ...  # your lines


check("02.2", walk_back)

# %% [markdown]
# ## 会做记录的数
#
# 没有人愿意手写这些记录，所以我们让数自己做记录。一个 `Value` 保存一个数、它由哪些值得来，以及对每个值的局部斜率。在 Python 里，类可以规定 `+` 和 `*` 的含义，记录就在那里进行。


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
# 这正是我们手算的结果，而这一次只写了公式。下图画出了这些值所做的记录：每个方框给出一个数和它的梯度，每条线上标着一个局部斜率。

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
# ## 按什么顺序？
#
# 一个值的梯度没有到齐之前，`backward` 不能把它传下去。看 `a`：它从乘积得到一份，从加法又得到一份。如果一个值收到第一份就往下传，第二份不是丢失，就是被重复计算。所以，只有用到某个值的所有值都处理完之后，才轮到它。每个值都排在它所需的值之后，这样的顺序叫作*拓扑序*；反向传播就是倒着走这个顺序。
#
# **练习 02.3。** 这里用字典表示图：每个名字对应它由哪些名字得来。写出 `sort(graph, last)`：返回一个列表，包含构成 `last` 的所有名字以及 `last` 本身，每个名字都排在它需要的名字之后，并且只出现一次。

# %%
GRAPH = {"a": [], "b": [], "c": ["a", "b"], "d": ["c", "a"], "L": ["d"]}


def sort(graph, last): ...  # your lines


check("02.3", sort)

# %% [markdown]
# 我们的 `order` 使用一个待办列表，而不是调用自身的函数。这是有意的：对每个父结点都调用自身的函数，大约 1000 步之后就会耗尽 Python 的栈，而较长的计算要深得多：

# %%
x = Value(1.0)
y = x
for _ in range(20_000):
    y = y * 1.0001
y.backward()
print(f"after 20,000 steps: dy/dx = {x.grad:.4f}")
assert abs(x.grad - 1.0001**20_000) < 1e-9

# %% [markdown]
# ## 由数组成的网络
#
# 一个*神经元*把加权的输入和偏置相加，再把和弯曲一下：tanh(w₁ x₁ + w₂ x₂ + b)。如果不弯曲，不管叠多少层神经元，仍然只是一条直线。这里的问题是*异或*：两个输入不同，答案是 +1；相同，答案是 −1。没有一条直线能把这两种情况分开；四个神经元再加一个汇总它们的神经元就可以。

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
# 注意 `w.grad = 0.0` 这一行。一个值可能被用到很多次，所以 `backward` 是累加的。因此必须先清除上一步的梯度。PyTorch 和本引擎用 `optimizer.zero_grad()` 来做这件事，忘记它是初学者最常犯的错误。
#
# ## 用引擎来做
#
# 本课程的引擎做的是同样的事，只是把数换成了数组。`draw` 能画出它的图，`explain` 能用文字讲述它怎样反向走。这里用它来检验我们的 60 行代码。

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
# `examples/01_scalar.py` 是这个引擎的另一种写法，其中每个值保存的是函数，而不是斜率。请比较这两种写法。
#
# **每点一句话**
#
# - 计算是由步骤组成的图，每一步都知道自己的局部斜率。
# - 反向走：沿路相乘，相遇相加。
# - 梯度到齐之后，一个值才把它传下去。
# - `backward` 会累加到 `grad` 上，所以下一步之前要先清零。
