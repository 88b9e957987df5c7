# %% [markdown]
# # 04 · 识别数字的网络：不用引擎和用引擎
#
# 软件包里带有 5,000 个手写数字。本章用一个带有一个隐藏层的网络学习识别它们：先用纯 NumPy，每个梯度都手工写出；再用引擎。两者得到同样的数值。读完之后，你就知道框架替你做了什么。

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.vision.datasets import MNIST5k

rng = np.random.default_rng(0)
digits, mixed = MNIST5k(), rng.permutation(5000)
images = digits.data.numpy()[mixed].reshape(5000, 784) / 255.0
labels = digits.targets.numpy()[mixed].astype(int)
x_train, y_train, x_test, y_test = images[:4000], labels[:4000], images[4000:], labels[4000:]

fig, axes = plt.subplots(2, 8, figsize=(8, 2.4))
for ax, image, label in zip(axes.flat, x_train, y_train):
    ax.imshow(image.reshape(28, 28), cmap="gray_r")
    ax.set_title(label)
    ax.axis("off")
plt.show()
assert x_train.shape == (4000, 784)

# %% [markdown]
# 每张图片是一行 784 个 0 到 1 之间的数。最后 1,000 张留作测试：网络从不用它们训练，所以它们能说明网络真正学到了什么。
#
# ## 从得分到损失
#
# 对每张图片，网络给出十个*得分*，每个数字一个。*Softmax* 把得分变成概率：pᵢ = exp(sᵢ) / Σⱼ exp(sⱼ)。损失是正确数字的概率取 −log，再对图片求平均：网络既确定又正确时为 0，一无所知时为 log 10 ≈ 2.3。这叫作*交叉熵*。计算时先减去最大的得分，这不会改变任何概率，又能防止 exp 大得溢出。


# %%
def softmax(scores):
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def cross_entropy(scores, labels):
    return -np.log(softmax(scores)[np.arange(len(labels)), labels]).mean()


nothing = cross_entropy(np.zeros((5, 10)), y_train[:5])
print(f"loss of one who knows nothing: {nothing:.4f}")
assert abs(nothing - np.log(10)) < 1e-12

# %% [markdown]
# 对一张正确数字为 k 的图片，损失是 log Σⱼ exp(sⱼ) − sₖ。第一部分对 sᵢ 的斜率是 exp(sᵢ) / Σⱼ exp(sⱼ) = pᵢ。第二部分在 i = k 时给出 −1。合起来就是：**pᵢ，在正确的数字处再减 1**。错误的数字被相信多少，它的得分就压低多少；正确数字的得分则抬高。
#
# **练习 04.1。** 写出平均损失对得分的梯度。`scores` 的形状是 (N, 10)，`labels` 是 (N,)。


# %%
def cross_entropy_backward(scores, labels): ...  # your lines


check("04.1", cross_entropy_backward)

# %% [markdown]
# ## 弯曲
#
# 隐藏层计算 x @ w1 + b1，再用 *ReLU*，即 max(0, h)，把它弯曲：负的变成 0。所以 h 为正处斜率是 1，其余是 0。单元打开的地方，梯度才能通过。
#
# **练习 04.2。** 对 `out = max(0, h)`，写出 h 的余切。不要改动 `g`，它属于调用者。


# %%
def relu_backward(g, h): ...  # your lines


check("04.2", relu_backward)

# %% [markdown]
# ## 手写前向与反向
#
# 反向的每一行对应前向的一行，顺序相反。用到的规则就是第 03 章的规则，再加上面两条。


# %%
def forward_backward(weights, x, y):
    w1, b1, w2, b2 = weights
    h = x @ w1 + b1
    r = np.maximum(h, 0)
    scores = r @ w2 + b2

    p = softmax(scores)
    p[np.arange(len(y)), y] -= 1
    g_scores = p / len(y)  # backward begins
    g_w2, g_b2 = r.T @ g_scores, g_scores.sum(axis=0)
    g_r = g_scores @ w2.T
    g_h = g_r * (h > 0)
    g_w1, g_b1 = x.T @ g_h, g_h.sum(axis=0)
    return cross_entropy(scores, y), (g_w1, g_b1, g_w2, g_b2)


def new_weights():
    start = np.random.default_rng(1)
    return [
        start.normal(0, np.sqrt(2 / 784), (784, 64)),
        np.zeros(64),
        start.normal(0, np.sqrt(2 / 64), (64, 10)),
        np.zeros(10),
    ]


# %% [markdown]
# 这样的代码在检验之前绝不能相信。在每个数组里移动一个权重，看损失怎样变化：

# %%
weights = new_weights()
x, y = x_train[:20], y_train[:20]
loss, gradients = forward_backward(weights, x, y)
for name, place, w, g in zip(
    ("w1", "b1", "w2", "b2"), ((400, 3), (3,), (3, 2), (2,)), weights, gradients
):
    before = w[place]
    w[place] = before + 1e-5
    up = forward_backward(weights, x, y)[0]
    w[place] = before - 1e-5
    down = forward_backward(weights, x, y)[0]
    w[place] = before
    tried = (up - down) / 2e-5
    print(f"{name}{list(place)}: by hand {g[place]:+.8f}, tried out {tried:+.8f}")
    assert abs(g[place] - tried) < 1e-7

# %% [markdown]
# ## 训练
#
# 每一步只看 50 张图片（一个*批次*）：梯度粗糙一些，但比用全部 4,000 张便宜 80 倍。把所有图片过一遍叫作一个*轮次*（epoch）。初始值也很重要：权重的大小取 √(2 / 输入个数)，数值就不会一层一层地膨胀或消失。
#
# **练习 04.3。** 写出梯度下降的一步。用梯度乘以学习率 `lr`，原地修改 `weights` 中的每个数组，并返回同一个列表。


# %%
def sgd_step(weights, gradients, lr): ...  # your lines


check("04.3", sgd_step)

# %%
batches = [np.random.default_rng(epoch).permutation(4000).reshape(80, 50) for epoch in range(3)]


def train_by_hand():
    weights, losses = new_weights(), []
    for order in batches:
        for rows in order:
            loss, gradients = forward_backward(weights, x_train[rows], y_train[rows])
            for w, g in zip(weights, gradients):
                w -= 0.2 * g
            losses.append(loss)
    return weights, losses


def read(weights, x):
    w1, b1, w2, b2 = weights
    return (np.maximum(x @ w1 + b1, 0) @ w2 + b2).argmax(axis=1)


by_hand, losses_by_hand = train_by_hand()
right = (read(by_hand, x_test) == y_test).mean()
print(
    f"loss {losses_by_hand[0]:.3f} -> {np.mean(losses_by_hand[-80:]):.3f}; {right:.1%} of the test digits are right"
)
assert right > 0.87

# %% [markdown]
# ## 用引擎来做
#
# 现在换成引擎，接口名称与 PyTorch 相同。不用再写反向，其余都不变。权重和批次相同，所以损失也必须相同。

# %%
import tinygrad_edu as torch
from tinygrad_edu import nn

model = nn.Sequential(nn.Linear(784, 64), nn.ReLU(), nn.Linear(64, 10)).double()
with torch.no_grad():
    for parameter, w in zip(model.parameters(), new_weights()):
        parameter.copy_(torch.tensor(w.T))  # nn.Linear keeps its weight as (outputs, inputs)
optimizer = torch.optim.SGD(model.parameters(), lr=0.2)
x_all, y_all = torch.tensor(x_train), torch.tensor(y_train)

losses = []
for order in batches:
    for rows in order:
        rows = torch.tensor(rows)
        loss = nn.functional.cross_entropy(model(x_all[rows]), y_all[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

apart = max(abs(a - b) for a, b in zip(losses, losses_by_hand))
print(f"{len(losses)} steps; the two losses are never further apart than {apart:.0e}")
assert apart < 1e-8

# %%
with torch.no_grad():
    answers = model(torch.tensor(x_test)).argmax(1).numpy()
wrong = np.flatnonzero(answers != y_test)
fig, (left, right) = plt.subplots(1, 2, figsize=(9, 3))
left.plot(losses, linewidth=0.5)
left.set_xlabel("step")
left.set_ylabel("loss")
shown = [x_test[i].reshape(28, 28) for i in wrong[:5]]
right.imshow(np.concatenate(shown, axis=1), cmap="gray_r")
right.set_title("read wrongly, as " + ", ".join(str(answers[i]) for i in wrong[:5]))
right.axis("off")
plt.show()

# %% [markdown]
# `explain` 用文字展示引擎的反向过程。取一个层次相同的小网络，让每个数都能显示在屏幕上，在其中找出 `forward_backward` 的各行。请从损失往下读。

# %%
torch.manual_seed(2)
tiny = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
picture, label = torch.tensor([[0.0, 1.0, 0.5]]), torch.tensor([1])
print(torch.explain(lambda: nn.functional.cross_entropy(tiny(picture), label), model=tiny))

# %% [markdown]
# **每点一句话**
#
# - Softmax 把得分变成概率；损失是正确数字的概率取 −log。
# - 得分的梯度是（概率，在正确的数字处减 1）/ N。
# - 反向逐行对应前向，顺序相反。
# - 引擎替你写这些行；有限差分检验两者。
