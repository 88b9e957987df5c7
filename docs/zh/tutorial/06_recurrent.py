# %% [markdown]
# # 06 · 沿时间展开的循环网络
#
# 前面的网络接收固定大小的输入。而一段文本、一支旋律、一周的天气没有固定的大小，它们一步一步地到来。**循环**网络每次读一步，把读过的内容保存在一个向量里，叫做*状态*。每一步都用同样的权重，由旧状态和新输入得到新状态。
#
# 本章中，你将写出这样的网络，亲手把梯度沿时间传回去，并看到这类网络的大问题：梯度在途中会消失或爆炸。然后你会看到 LSTM 怎样把它保留下来。
#
# 需要先读第 03 章（张量）和第 04 章（层、softmax、训练循环）。

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

# %% [markdown]
# ## 一步
#
# 状态是一行 `H` 个数。一步之中，输入乘以矩阵 `W`，旧状态乘以矩阵 `U`，两者与偏置相加，再把和弯折：
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b)$$
#
# ### 练习 06.1
#
# 写出 `rnn_step(x, h, W, U, b)`，其中 `x` 的形状是 `(N, D)`，`h` 的形状是 `(N, H)`：同时处理 `N` 个序列。`hint("06.1")` 会给出提示。


# %%
def rnn_step(x, h, W, U, b):
    return h  # change this


check("06.1", rnn_step)

# %% [markdown]
# 整个序列就是对各步的循环。注意每一步的 `W`、`U` 和 `b` 都是*同一个*。图中是引擎眼中的三步：每一步一排算子，旁边的权重供给所有各步。路相遇的地方，梯度相加（第 02 章）：`U` 的梯度是对所有时刻求和。


# %%
def read(xs, h, W, U, b):
    """All states of a sequence: xs is a list of (N, D), one for each time."""
    states = []
    for x in xs:
        h = (x @ W + h @ U + b).tanh()
        states.append(h)
    return states


torch.manual_seed(0)
D, H = 3, 4
W = (0.5 * torch.randn(D, H, dtype=torch.float64)).requires_grad_()
U = (0.5 * torch.randn(H, H, dtype=torch.float64)).requires_grad_()
b = torch.zeros(H, dtype=torch.float64, requires_grad=True)
xs = [torch.randn(1, D, dtype=torch.float64) for _ in range(3)]
h0 = torch.zeros(1, H, dtype=torch.float64)
loss = read(xs, h0, W, U, b)[-1].sum()
torch.draw(loss, names={"W": W, "U": U, "b": b})

# %% [markdown]
# `nn.RNN` 就是这个循环。它的权重是转置存放的，并且有两个偏置，其实一个就够了。

# %%
layer = nn.RNN(D, H).double()
with torch.no_grad():
    layer.weight_ih_l0.copy_(W.T)
    layer.weight_hh_l0.copy_(U.T)
    layer.bias_ih_l0.zero_()
    layer.bias_hh_l0.zero_()
by_layer, _ = layer(torch.stack(xs))  # (T, N, H)
by_loop = torch.stack(read(xs, h0, W, U, b))
assert torch.allclose(by_layer, by_loop)

# %% [markdown]
# ## 亲手沿时间传回去
#
# 退回一步。新状态的梯度 `g` 到达。tanh 的斜率是 $1 - h_t^2$，所以到达里面那个和的是 $g\,(1 - h_t^2)$。从那里分三路：原样到 `b`；与旧状态一起到 `U`；经过 `U` 到旧状态：
#
# $$s = g\,(1 - h_t^2),\qquad dU \mathrel{+}= h_{t-1}^\top s,\qquad dh_{t-1} = s\,U^\top$$
#
# ### 练习 06.2
#
# 写出 `step_back(g, h, U)`：`g` 是一步之后的状态 `h` 的梯度，返回这一步之前的状态的梯度。它们都是 NumPy 数组，`g` 和 `h` 的形状是 `(N, H)`。


# %%
def step_back(g, h, U):
    return g  # change this


check("06.2", step_back)

# %% [markdown]
# 下面用 NumPy 走完整个回程，与引擎的结果对照：

# %%
loss.backward()

states = [h0.numpy()] + [h.detach().numpy() for h in read(xs, h0, W, U, b)]
Un, dW, dU, db = U.detach().numpy(), 0.0, 0.0, 0.0
g = np.ones((1, H))  # the loss is the sum of the last state
for t in (2, 1, 0):
    s = g * (1 - states[t + 1] ** 2)
    dW, dU, db = dW + xs[t].numpy().T @ s, dU + states[t].T @ s, db + s.sum(0)
    g = s @ Un.T
assert np.allclose(dW, W.grad.numpy())
assert np.allclose(dU, U.grad.numpy())
assert np.allclose(db, b.grad.numpy())
print("by hand and by the engine: the same")

# %% [markdown]
# ## 消失与爆炸
#
# 每退回一步，梯度就要乘以 $U^\top$，再乘以不超过 1 的 tanh 斜率。50 步之后，就乘了 50 次。如果每一步都让它短一点，最后几乎什么也不剩；如果每一步都长一点，它就变得极大：$0.8^{50} \approx 0.00001$，$1.3^{50} \approx 500{,}000$。
#
# 我们来测量：最后的状态对 `t` 步之前的状态的梯度有多长？`U` 取一个旋转（不改变长度）乘以一个因子。

# %%
torch.manual_seed(1)
H, T = 32, 50
rotation, _ = torch.linalg.qr(torch.randn(H, H, dtype=torch.float64))


def lengths(factor):
    """The length of the gradient at each state, for inputs that are nearly 0."""
    h = torch.zeros(1, H, dtype=torch.float64, requires_grad=True)
    states = [h]
    for _ in range(T):
        x = 1e-3 * torch.randn(1, H, dtype=torch.float64)
        states.append((x + states[-1] @ (factor * rotation)).tanh())
    grads = torch.autograd.grad(states[-1][0, 0], states)
    return [g.norm().item() for g in grads][::-1]


curves = {factor: lengths(factor) for factor in (0.8, 1.0, 1.3)}
fig, ax = plt.subplots(figsize=(6.5, 3.5))
for factor, curve in curves.items():
    ax.semilogy(curve, label=f"U = {factor} × rotation")
ax.set_xlabel("steps back")
ax.set_ylabel("length of the gradient")
ax.legend()
plt.show()
print({factor: f"{curve[-1]:.1e}" for factor, curve in curves.items()})
assert curves[0.8][-1] < 1e-4
assert abs(curves[1.0][-1] - 1) < 0.1
assert max(curves[1.3]) > 100

# %% [markdown]
# 在对数坐标上，直线表示每一步的因子都相同。增长的那条曲线只在最后几步是平的：那里状态已经变大，tanh 的斜率很小。
#
# **消失**的梯度不声不响：网络在训练，却学不到很久以前发生的事。**爆炸**的梯度很显眼，也有简单的办法：如果所有梯度合起来太长，就用同一个因子把它们全部缩短，方向不变。
#
# ### 练习 06.3
#
# 对 NumPy 数组的列表写出 `clip(grads, largest)`：求它们合在一起的长度（全部平方之和的平方根）。如果超过 `largest`，返回乘以同一个因子后的数组，使长度等于 `largest`；否则原样返回。


# %%
def clip(grads, largest):
    return [np.clip(g, -largest, largest) for g in grads]  # this changes the direction


check("06.3", clip)

# %% [markdown]
# ## 带门的记忆：LSTM
#
# LSTM 有第二个状态，即*记忆单元* $c$。它不乘矩阵，而是逐个数地乘以一个 0 到 1 之间的**遗忘门** $f$，再**加上**新的内容：
#
# $$c_t = f_t\,c_{t-1} + i_t\,\tilde c_t,\qquad h_t = o_t \tanh(c_t)$$
#
# 门 $f, i, o$ 由输入和旧状态算出，各有自己的权重和一个 sigmoid。$f$ 接近 1 的地方，记忆得以保留，梯度也毫发无损地通过：它沿着求和走，而不是穿过一串矩阵。手写一步如下：


# %%
def lstm_step(x, h, c, W, U, b):
    i, f, new, o = (x @ W + h @ U + b).chunk(4, -1)
    c = f.sigmoid() * c + i.sigmoid() * new.tanh()
    return o.sigmoid() * c.tanh(), c


cell = nn.LSTMCell(5, 6).double()
x, h, c = (torch.randn(2, n, dtype=torch.float64) for n in (5, 6, 6))
ours = lstm_step(x, h, c, cell.weight_ih.T, cell.weight_hh.T, cell.bias_ih + cell.bias_hh)
theirs = cell(x, (h, c))
assert all(torch.allclose(a, b) for a, b in zip(ours, theirs))

# %% [markdown]
# ## 谁记得住？
#
# 来做一个记忆测试。网络读 60 个符号。第一个是四种之一，其余都是噪声。每个符号是一行数，其中一个是 1，其余是 0（*独热*）。最后网络必须说出第一个是什么。损失就是第 04 章的那一个，即正确答案的概率的对数取负，它叫做*交叉熵*。瞎猜的损失是 $\log 4 \approx 1.39$。

# %%
LENGTH, KINDS, NOISE = 60, 4, 4


def sequences(count):
    """(T, N, D) one-hot symbols, and the first symbol of each."""
    first = torch.randint(0, KINDS, (count,))
    rest = torch.randint(KINDS, KINDS + NOISE, (LENGTH - 1, count))
    symbols = torch.cat([first[None], rest])
    return F.one_hot(symbols, KINDS + NOISE).float(), first


def train(kind, steps=180):
    torch.manual_seed(2)
    memory, answer = kind(KINDS + NOISE, 24), nn.Linear(24, KINDS)
    if kind is nn.LSTM:  # begin with forget gates near 1
        with torch.no_grad():
            memory.bias_ih_l0[24:48] = 5.0
    parameters = [*memory.parameters(), *answer.parameters()]
    optimizer, losses = optim.Adam(parameters, lr=0.01), []
    for _ in range(steps):
        x, first = sequences(32)
        states, _ = memory(x)
        loss = F.cross_entropy(answer(states[-1]), first)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0)  # your `clip`
        optimizer.step()
        losses.append(loss.item())
    return losses


remembered = {"RNN": train(nn.RNN), "LSTM": train(nn.LSTM)}
fig, ax = plt.subplots(figsize=(6.5, 3.5))
for name, losses in remembered.items():
    ax.plot(losses, label=name)
ax.axhline(math.log(4), color="grey", lw=0.7, label="guessing")
ax.set_xlabel("step")
ax.set_ylabel("loss")
ax.legend()
plt.show()
final = {name: sum(losses[-10:]) / 10 for name, losses in remembered.items()}
print({name: round(loss, 3) for name, loss in final.items()})
assert final["LSTM"] < 0.2
assert final["RNN"] > 1.0

# %% [markdown]
# RNN 仍在瞎猜：它要学的东西在 60 步之前，没有梯度从那里传来。LSTM 找到了它。
#
# ## 文本，逐个字母
#
# 给每个字母一个编号，文本就变成数字序列。网络读一个字母，猜下一个；损失是猜测的交叉熵。这里让 LSTM 背下一句话，再写出来：只给它第一个字母，之后每次的猜测就是下一次的输入。

# %%
TEXT = "the gradient runs back through time, and it must not fade. "
alphabet = sorted(set(TEXT))
codes = torch.tensor([alphabet.index(c) for c in TEXT + TEXT[0]])

torch.manual_seed(4)
embed = nn.Embedding(len(alphabet), 16)  # a learned vector for each letter
memory, answer = nn.LSTM(16, 48), nn.Linear(48, len(alphabet))
parameters = [p for part in (embed, memory, answer) for p in part.parameters()]
optimizer = optim.Adam(parameters, lr=0.01)
for step in range(151):
    states, _ = memory(embed(codes[:-1])[:, None])  # (T, 1, H)
    loss = F.cross_entropy(answer(states[:, 0]), codes[1:])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 50 == 0:
        print(f"step {step:>3}: loss {loss.item():.3f}")

letter, state, written = codes[:1], None, TEXT[0]
with torch.no_grad():
    for _ in range(len(TEXT) - 1):
        out, state = memory(embed(letter)[:, None], state)
        letter = answer(out[:, 0]).argmax(1)
        written += alphabet[letter.item()]
print(written)
assert written == TEXT

# %% [markdown]
# **每点一句话**
#
# - 循环网络是同一步的不断重复；权重的梯度是对时间求和。
# - 往回走时，梯度每一步都要做乘法，于是消失或爆炸。
# - 裁剪治好爆炸；门和求和让梯度得以保留。
# - 但读过的一切仍要装进一个向量。第 07 章去掉这个限制。
