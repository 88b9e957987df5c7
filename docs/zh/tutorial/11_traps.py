# %% [markdown]
# # 11 · 自动求导绝不能出的错
#
# 引擎出错有两种方式。一种是报错停下来：烦人，但无害。另一种是不声不响地返回错误的梯度。那样训练照样进行，只是比应有的差一点，谁也不知道为什么。本章讲的就是这类错误的故事。每一个都在真实的引擎里发生过，有几个就发生在本引擎里，直到测试发现了它。你将在一个只有几行的引擎里亲手犯下每一个错误，看看会得到什么，再看看正确的引擎怎么做。
#
# 需要先读第 02、03 章（反向过程怎样走过计算图）。

# %%
import sys
import threading

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_edu as torch
from tinygrad_edu.learn.course import check, hint, solution

# %% [markdown]
# ## 一个用来弄坏的引擎
#
# 下面是一个建立在 NumPy 数组上的极小引擎。它有两个算子 `+` 和 `*`，还有三处我们会故意写错：怎样**累加**梯度，按什么**顺序**走，以及为反向过程**保存**什么。


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
# ## 陷阱一：一个值用了两次
#
# 在 $x \cdot x$ 中，$x$ 收到两份梯度，每次使用各一份，正确的答案是两者之**和**。如果引擎写的是 `=` 而不是 `+=`，就只留下最后一份：只有 $x^2$ 导数的一半；而在没有值被用两次的测试里，它全都是对的。


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
# ## 陷阱二：一个数组，两个主人
#
# `+` 把*同一个*数组传给两个父节点：`(g, g)`。为了省内存，很容易想到原样保存它，下一份梯度再原地加上去。这样两个叶子就共有一个数组。第一次反向是对的。到第二次，每个叶子都把梯度加到了*两者*身上：


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
# 得到 9，而不是 6。本引擎的早期版本正是如此，并且出现在一个谁也不会去看的地方：LSTM 的两个偏置总是收到同样的梯度，梯度裁剪把两个都缩放，于是每个都被缩放了两次。
#
# 防止它的规则是：**每个数组只有一个主人。** 下面是正确的结果，以及两份梯度不共用内存的证明。

# %%
x, y = torch.ones(1, requires_grad=True), torch.ones(1, requires_grad=True)
for _ in range(2):
    ((x + y) * 3).sum().backward()
print(x.grad, y.grad)
assert x.grad.tolist() == y.grad.tolist() == [6]
assert not np.shares_memory(x.grad.array, y.grad.array)

# %% [markdown]
# ### 练习 11.1
#
# 写出 `accumulate(grads, name, g)`：把 NumPy 数组 `g` 加到字典 `grads` 的 `grads[name]` 上；如果还没有，就从它开始。以后改动 `grads[name]` 不得改动 `g`，也不得有别的名字与它共用内存。`hint("11.1")` 会给出提示。


# %%
def accumulate(grads, name, g):
    grads[name] = g  # change this


check("11.1", accumulate)

# %% [markdown]
# ## 陷阱三：走的顺序
#
# 一个值要等**所有**使用它的值都送来了梯度，才能把自己的梯度传下去。设 $a = x\cdot x$，然后 $b = a\cdot a$，最后 $c = b\cdot x + a$。如果先沿近路走到 $a$，$a$ 就只送出一部分梯度，后来的那部分要么丢失，要么重复。


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
# 正确的顺序是**拓扑**顺序：不管路有多长，子节点总在父节点之前。本引擎在生成节点时给它们编号，每次总取最新的一个，这样不费力气就得到拓扑顺序。第 02 章里你写过这样的顺序。

# %% [markdown]
# ## 陷阱四：很深的图
#
# 上面的 `in_order` 会调用自己，第 02 章的则不会。长文本上的循环网络，或者把 50,000 项加起来的循环，形成的链都比 Python 的限制更长。

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
# ## 陷阱五：用过之后被改动的值
#
# $a \cdot b$ 的反向过程需要当时的 $a$ 和 $b$。如果有人在这中间往 $a$ 里写，梯度就用错误的数算出来了。

# %%
a, b = Value([2.0]), Value([5.0])
product = a * b
a.array[0] = 100  # "saves memory"
backward(product)
print("gradient of b:", b.grad, "but it was multiplied by 2")
assert b.grad.item() == 100

# %% [markdown]
# 正确的引擎要么保存副本（费内存），要么能够察觉。本引擎给每块内存的写入计数，这就是*版本*。节点记住自己看到的版本。如果反向时两者不同，它就停下来，说明发生了什么：

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
# 检查也不能太严。$a + b$ 的反向既不需要 $a$ 也不需要 $b$，所以写入无害，是允许的：

# %%
a, b = torch.tensor([2.0]), torch.tensor([5.0], requires_grad=True)
total = a + b
a[0] = 100.0
total.backward()
assert b.grad.item() == 1

# %% [markdown]
# ## 陷阱六：视图
#
# `x[0]`、`x.T`、`x.view(...)` 并不复制：它们是同一块内存的**视图**。所以写视图就是写整体，梯度也必须知道这一点。在本引擎的早期版本里，向量的 `x[0]` 是副本：写进去的东西悄悄地丢了。

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
# 对 `y[0]` 的写入改动了 `y`，所以 `y` 的计算图也必须改写。图上看得见：`y` 的一部分现在来自与 5 的乘积，由 `view_write` 放回原处。反向时，两份梯度在第一个乘积处相会，`explain` 说明它们各是什么。

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
# ## 陷阱七：`.grad` 会累加，你必须知道
#
# `backward` 是往 `.grad` 上**加**。这是有意的：两个损失，或者一批数据分成两半，加起来就是正确的梯度。忘了 `zero_grad()` 的人，加起来的却是整个历史的梯度：


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
# 忘记的那条永远摆动下去：旧梯度就像一个系数为 1、从不衰减的动量。
#
# ## 陷阱八：无穷大乘以零
#
# 这个错误不在任何引擎的代码里，而在数学里，用哪个引擎都会碰到。你想对正数开方，其余的取 0：

# %%
x = torch.tensor([-1.0, 0.0, 4.0], requires_grad=True)
y = torch.where(x > 0, x.sqrt(), 0.0)
y.sum().backward()
print("value", y.tolist(), " gradient", x.grad.tolist())
assert y.tolist() == [0, 0, 2]
assert x.grad.isnan().tolist() == [True, True, False]

# %% [markdown]
# 值是对的，梯度却是 NaN。`where` 给没有选中的分支送去梯度 0。在那里，`sqrt` 把它乘以自己的斜率 $1/(2\sqrt x)$：在 0 处是无穷大，0 以下是 NaN。而 `0 * inf` 就是 NaN。一个 NaN 在下一步就毁掉所有参数。
#
# ### 练习 11.2
#
# 写出 `safe_sqrt(x)`：$x > 0$ 处为 $\sqrt x$，其余为 0；梯度在 $x > 0$ 处为 $1/(2\sqrt x)$，其余为 0。


# %%
def safe_sqrt(x):
    return torch.where(x > 0, x.sqrt(), 0.0)


check("11.2", safe_sqrt)

# %% [markdown]
# ## 陷阱九：并列
#
# `a == b` 时，`max(a, b)` 的导数是什么？数学没有规定，引擎必须选择，下面的每一种选择都有引擎采用：全部给第一个，或者各给一半。*绝不能*给两者都是 1：那样沿梯度走一步，就承诺了两倍的收益。本引擎与 PyTorch 一致：`amax` 在相等者之间平分，`max(dim)` 全部给它返回下标的那个元素。

# %%
x = torch.tensor([2.0, 2.0, 1.0], requires_grad=True)
(shared,) = torch.autograd.grad(x.amax(), x)
(picked,) = torch.autograd.grad(x.max(0)[0], x)
print("amax:", shared.tolist(), " max(0):", picked.tolist())
assert shared.tolist() == [0.5, 0.5, 0] and sorted(picked.tolist()) == [0, 0, 1]

# %% [markdown]
# ### 练习 11.3
#
# 写出 `amax_gradient(x, g)`：`x` 是 NumPy 数组，`g` 是传到其最大值的梯度。返回 `x` 的梯度，由所有等于最大值的元素平分。


# %%
def amax_gradient(x, g):
    return g * (x == x.max())  # change this


check("11.3", amax_gradient)

# %% [markdown]
# ## 陷阱十：线程
#
# `grad += g` 是三件事：读、加、写。两个线程同时做，可能都读到同样的旧值，于是一次加法就丢了。这种事很少发生，所以小数组上的测试都能通过。本引擎在叶子接收梯度时会加锁：

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
# ## 这类错误是怎样发现的
#
# 这些陷阱没有一个是靠苦思冥想发现的。发现它们靠的是**比较**：与有限差分比较（第 01 章），与另一个已知正确的引擎比较，以及让由视图、写入和钩子组成的随机程序在两个引擎里同时运行，直到结果不同。`torch.autograd.gradcheck` 是其中第一种工具，随时可用：

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
# **每点一句话**
#
# - 用了多次的值，梯度要相加；每个数组只有一个主人。
# - 一个值要等所有使用者送来梯度才能往下传；走图不能用递归。
# - 只要引擎记录版本并改写计算图，原地写入和视图就没有问题。
# - `where` 不能保护你免受未选中分支的影响。
# - 危险的错误不出声。请与已知正确的东西比较。
#
# `tests/engine/test_findings.py` 为引擎自己的每个故事都保存了一个测试。最后一章去看看邻居们。
