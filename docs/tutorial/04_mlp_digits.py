# %% [markdown]
# # 04 · A network that reads digits, without and with the engine
#
# The package holds 5,000 handwritten digits. In this chapter a network with one hidden layer learns to
# read them: first in plain NumPy, with every gradient written by hand, then with the engine. Both give
# the same numbers. After this you know what a framework does for you.

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
# Each picture is a row of 784 numbers between 0 and 1. The last 1,000 are set aside: the network never
# trains on them, so they show what it has really learnt.
#
# ## From scores to a loss
#
# The network gives ten *scores* for a picture, one for each digit. *Softmax* turns them into
# probabilities: pᵢ = exp(sᵢ) / Σⱼ exp(sⱼ). The loss is −log of the probability of the right digit,
# averaged over the pictures: it is 0 if the network is sure and right, and log 10 ≈ 2.3 if it knows
# nothing. This is called *cross-entropy*. The largest score is subtracted first. That changes no
# probability, and keeps exp from growing beyond all numbers.


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
# For one picture with the right digit k, the loss is log Σⱼ exp(sⱼ) − sₖ. The slope of the first part
# for sᵢ is exp(sᵢ) / Σⱼ exp(sⱼ) = pᵢ. The second part gives −1 for i = k. Together: **pᵢ, less 1 at the
# right digit**. Push the scores of wrong digits down as far as they are believed, and that of the right
# one up.
#
# **Exercise 04.1.** Write the gradient of the mean loss for the scores. `scores` is (N, 10), `labels` (N,).


# %%
def cross_entropy_backward(scores, labels): ...  # your lines


check("04.1", cross_entropy_backward)

# %% [markdown]
# ## The bend
#
# The hidden layer computes x @ w1 + b1 and bends it by *ReLU*, max(0, h): what is negative becomes 0. So
# its slope is 1 where h is positive and 0 elsewhere. A gradient passes where the unit was on.
#
# **Exercise 04.2.** Write the cotangent of h for `out = max(0, h)`. Do not change `g`: it belongs to the
# caller.


# %%
def relu_backward(g, h): ...  # your lines


check("04.2", relu_backward)

# %% [markdown]
# ## Forward and backward by hand
#
# Each line of backward answers a line of forward, in the opposite order. The rules are those of chapter
# 03, and the two above.


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
# Never trust such lines before they are checked. Move one weight of each array, and see what the loss
# does:

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
# ## Training
#
# One step looks at 50 pictures only (a *batch*): the gradient is a little rough, but 80 times cheaper
# than that of all 4,000. One pass over all pictures is an *epoch*. The start matters too: weights of
# size √(2 / inputs) keep the numbers from growing or fading from layer to layer.
#
# **Exercise 04.3.** Write one step of gradient descent. Change each array of `weights` in place by its
# gradient times the rate `lr`. Return nothing but the same list.


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
# ## The same with the engine
#
# Now the engine, with PyTorch's names. There is no backward to write; nothing else changes. The weights
# and batches are the same, so the losses must be the same too.

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
# `explain` shows the backward pass of the engine in words. Take a tiny network with the same layers, so
# that every number fits on the screen, and find the lines of `forward_backward` in it. Read it from the
# loss down.

# %%
torch.manual_seed(2)
tiny = nn.Sequential(nn.Linear(3, 2), nn.ReLU(), nn.Linear(2, 2))
picture, label = torch.tensor([[0.0, 1.0, 0.5]]), torch.tensor([1])
print(torch.explain(lambda: nn.functional.cross_entropy(tiny(picture), label), model=tiny))

# %% [markdown]
# **In one sentence each**
#
# - Softmax makes probabilities from scores; the loss is −log of the right one.
# - The gradient of the scores is (probability − 1 at the right digit) / N.
# - Backward answers forward, line by line, in the opposite order.
# - The engine writes these lines for you; finite differences check both.
