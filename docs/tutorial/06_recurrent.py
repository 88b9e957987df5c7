# %% [markdown]
# # 06 · A recurrent network through time
#
# The networks so far take an input of fixed size. A text, a melody or a week of weather has no
# fixed size: it comes step by step. A **recurrent** network reads one step at a time and keeps
# what it has read in a vector, its *state*. In each step, the same weights make a new state out
# of the old one and the new input.
#
# In this chapter you write such a network, take the gradient back through time by hand, and see
# the great problem of this kind of network: the gradient vanishes or explodes on its way. Then
# you see how an LSTM keeps it alive.
#
# You need chapters 03 (tensors) and 04 (layers, softmax, a training loop).

# %%
import math

import matplotlib.pyplot as plt
import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

# %% [markdown]
# ## A step
#
# The state is a row of `H` numbers. A step multiplies the input by a matrix `W`, the old state by
# a matrix `U`, adds both and a bias, and bends the sum:
#
# $$h_t = \tanh(x_t W + h_{t-1} U + b)$$
#
# ### Exercise 06.1
#
# Write `rnn_step(x, h, W, U, b)`, with `x` of the shape `(N, D)` and `h` of the shape `(N, H)`:
# `N` sequences at once. `hint("06.1")` helps.


# %%
def rnn_step(x, h, W, U, b):
    return h  # change this


check("06.1", rnn_step)

# %% [markdown]
# A whole sequence is a loop over the steps. Note that `W`, `U` and `b` are the *same* in each
# step. The picture shows three steps as the engine sees them: one row of ops for each, and the
# weights on the side feed all of them. Where ways meet, gradients add (chapter 02): the gradient
# of `U` is a sum over all times.


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
# `nn.RNN` is this loop. Its weights are stored the other way round (transposed), and it has two
# biases, of which one is enough.

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
# ## Back through time, by hand
#
# Go back one step. The gradient of the new state, `g`, arrives. The slope of tanh is $1 - h_t^2$,
# so $g\,(1 - h_t^2)$ arrives at the sum inside. From there it goes three ways: to `b` as it is,
# to `U` with the old state, and to the old state through `U`:
#
# $$s = g\,(1 - h_t^2),\qquad dU \mathrel{+}= h_{t-1}^\top s,\qquad dh_{t-1} = s\,U^\top$$
#
# ### Exercise 06.2
#
# Write `step_back(g, h, U)`: `g` is the gradient of the state `h` after a step; return the
# gradient of the state before it. All are NumPy arrays; `g` and `h` have the shape `(N, H)`.


# %%
def step_back(g, h, U):
    return g  # change this


check("06.2", step_back)

# %% [markdown]
# Here is the whole way back in NumPy, beside the engine's result:

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
# ## Vanishing and exploding
#
# In each step back, the gradient is multiplied by $U^\top$ and by slopes of tanh that are at most
# 1. After 50 steps it has been multiplied 50 times. If each step makes it a little shorter,
#    almost nothing is left; if a little longer, it becomes enormous: $0.8^{50} \approx 0.00001$
#    and $1.3^{50} \approx 500{,}000$.
#
# We measure it: how long is the gradient of the last state with respect to the state `t` steps
# before? `U` is a rotation (which keeps lengths) times a factor.

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
# On a logarithmic scale a straight line means: the same factor in each step. The growing curve is
# flat for the last steps only, where the states have become large and the slope of tanh is small.
#
# A **vanishing** gradient is silent: the network trains, but learns nothing about what happened
# long ago. An **exploding** one is loud, and has a simple cure: if all gradients together are too
# long, shorten them all by the same factor. The direction stays.
#
# ### Exercise 06.3
#
# Write `clip(grads, largest)` for a list of NumPy arrays: take the length of all of them together
# (the root of the sum of all squares). If it is above `largest`, return the arrays multiplied by
# one factor, so that the length becomes `largest`; otherwise return them as they are.


# %%
def clip(grads, largest):
    return [np.clip(g, -largest, largest) for g in grads]  # this changes the direction


check("06.3", clip)

# %% [markdown]
# ## A memory with gates: LSTM
#
# An LSTM has a second state, the *cell* $c$. It is not multiplied by a matrix. It is multiplied,
# number by number, by a **forget gate** $f$ between 0 and 1, and something new is **added**:
#
# $$c_t = f_t\,c_{t-1} + i_t\,\tilde c_t,\qquad h_t = o_t \tanh(c_t)$$
#
# The gates $f, i, o$ are computed from the input and the old state, each by its own weights and a
# sigmoid. Where $f$ is near 1, the cell is kept, and the gradient passes unharmed: it runs along
# a sum, not through a chain of matrices. By hand, in one step:


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
# ## Who remembers?
#
# A test of memory. The network reads 60 symbols. The first is one of four; the others are noise.
# Each symbol is a row with one 1 among zeros (*one-hot*). At the end the network must say which
# symbol was first. The loss is that of chapter 04, minus the logarithm of the probability of the
# right answer; its name is *cross entropy*. Guessing gives $\log 4 \approx 1.39$.

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
# The RNN still guesses: what it would have to learn lies 60 steps back, and no gradient arrives
# from there. The LSTM finds it.
#
# ## Text, letter by letter
#
# A text becomes a sequence of numbers by giving each letter one. The network reads a letter and
# guesses the next; the loss is the cross entropy of the guess. Here an LSTM learns one sentence
# by heart and then writes it: it is given the first letter, and each guess is its next input.

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
# **In one sentence each**
#
# - A recurrent network is the same step again and again; the gradient of its weights is a sum
#   over time.
# - Going back, the gradient is multiplied in each step, and so vanishes or explodes.
# - Clipping cures the explosion. Gates and sums keep the gradient alive.
# - Still, all that was read must fit into one vector. Chapter 07 removes this limit.
