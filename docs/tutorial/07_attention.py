# %% [markdown]
# # 07 · Attention and a small Transformer
#
# The recurrent network of chapter 06 reads a text letter by letter and squeezes all it has read
# into one vector. What stood far back has passed through many products by the time it is needed,
# and its gradient has faded. **Attention** removes the bottleneck: each position looks back at
# all earlier positions directly and takes what it needs.
#
# In this chapter you build attention from matrix products, look at what it does, build a
# Transformer block by hand, see that the layers of `nn` compute the same numbers, and train a
# small Transformer on four poems.
#
# You need chapters 04 (layers, softmax) and 06 (text as a sequence of numbers, cross entropy).

# %%
import math

import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

torch.manual_seed(0)

# %% [markdown]
# ## An average is a product of matrices
#
# Take a sequence of `T` vectors, one a row: `x` has the shape `(T, D)`. Suppose each position
# wants the mean of all vectors up to itself. With a loop, that is `x[: t + 1].mean(0)` for each
# `t`. As a product, it is `weights @ x`, where row `t` of `weights` says how much of each
# position goes into the result at `t`.

# %%
T, D = 5, 3
x = torch.randn(T, D)
by_loop = torch.stack([x[: t + 1].mean(0) for t in range(T)])

weights = torch.tril(torch.ones(T, T))  # 1 on and below the diagonal, 0 above
weights = weights / weights.sum(1, keepdim=True)  # each row adds up to 1
print(weights)
assert torch.allclose(weights @ x, by_loop)

# %% [markdown]
# The zeros above the diagonal are the rule that **no position sees the future**. It matters when
# the network has to guess the next letter: a network that sees the next letter learns only to
# copy it.
#
# The same weights come out of a softmax. Softmax turns any row of numbers (*scores*) into
# positive weights that add up to 1; a score of minus infinity becomes a weight of exactly 0,
# because `exp(-inf) = 0`.

# %%
scores = torch.zeros(T, T)
future = torch.triu(torch.ones(T, T), diagonal=1).bool()  # True above the diagonal
assert torch.allclose(scores.masked_fill(future, -math.inf).softmax(1), weights)

# %% [markdown]
# ## Scores that depend on what is there
#
# With all scores 0, each position takes the plain mean. Attention lets the vectors themselves
# choose the scores. Each position makes three vectors out of its own, by three learned matrices:
#
# - a **query**: what am I looking for?
# - a **key**: what do I have to offer?
# - a **value**: what do I hand over to whoever finds me?
#
# The score of position `t` for position `s` is the dot product of query `t` with key `s`. It is
# large when the two point the same way. All scores at once are `q @ k.T`, with the shape
# `(T, T)`:
#
# $$\text{attention}(q, k, v) = \text{softmax}\left(\frac{q\,k^\top}{\sqrt{D}}\right) v$$
#
# Why divide by $\sqrt D$? If the numbers in `q` and `k` have mean 0 and variance 1, a dot product
# is a sum of `D` products, each of variance 1, so its variance is `D`. Large scores push the
# softmax to one weight near 1 and the rest near 0, and there its gradient is almost 0. Dividing
# by $\sqrt D$ brings the variance back to 1.

# %%
D = 64
q, k = torch.randn(1000, D), torch.randn(1000, D)
dots = (q * k).sum(1)
print(f"variance of a dot product: {dots.var().item():.1f}")
print(f"after the division: {(dots / math.sqrt(D)).var().item():.2f}")
assert 50 < dots.var().item() < 80
assert 0.8 < (dots / math.sqrt(D)).var().item() < 1.2

rows = torch.randn(1000, 10)  # scores of 1,000 positions for 10 others
slopes = {}
for name, s in (("scaled", rows), ("not scaled", rows * math.sqrt(D))):
    w = s.softmax(1)
    slopes[name] = (w * (1 - w)).median().item()  # the derivative of a weight by its own score
    print(f"{name:>10}: largest weight {w.max(1)[0].mean().item():.2f}, slope {slopes[name]:.0e}")
assert slopes["scaled"] > 1000 * slopes["not scaled"]

# %% [markdown]
# ### Exercise 07.1
#
# Write `causal_weights(scores)`: it takes scores of the shape `(T, T)` and returns the weights:
# no position sees those after it, and each row adds up to 1. `hint("07.1")` helps.


# %%
def causal_weights(scores):
    return scores.softmax(1)  # change this


check("07.1", causal_weights)

# %% [markdown]
# ### Exercise 07.2
#
# Write `attention(q, k, v)` for `q`, `k`, `v` of the shape `(T, D)`, with the scale and the mask.


# %%
def attention(q, k, v):
    return v  # change this


check("07.2", attention)

# %% [markdown]
# ## A head made by hand: copy the letter before
#
# Before training anything, let us *choose* the three matrices so that attention does something we
# can follow: each position fetches the letter just before it.
#
# A position has to know where it is, so its vector has two parts: which letter it is (one 1 among
# zeros, *one-hot*) and which place it has (one-hot too). The key is the place. The query is the
# place minus one. The value is the letter. Multiplying the query by 30 makes the softmax sharp.

# %%
word = "attention"
letters = sorted(set(word))
codes = torch.tensor([letters.index(c) for c in word])
N = len(word)
letter, place = F.one_hot(codes, len(letters)).float(), torch.eye(N)
before = torch.eye(N).roll(-1, 0)  # row t picks out place t - 1 when multiplied from the right

key, value = place, letter
query = 30 * (place @ before.T)
query[0] = 30 * place[0]  # the first has nothing before it and finds itself
found = (query @ key.T).masked_fill(torch.triu(torch.ones(N, N), 1).bool(), -math.inf).softmax(1)
fetched = "".join(letters[i] for i in (found @ value).argmax(1).tolist())
print(word, "->", fetched)
assert fetched == "a" + word[:-1]

fig, ax = plt.subplots(figsize=(4, 4))
ax.imshow(found.numpy(), cmap="Blues")
ax.set_xticks(range(N), word)
ax.set_yticks(range(N), word)
ax.set_xlabel("looks at")
ax.set_ylabel("position")
ax.set_title("each letter finds the one before it")
plt.show()

# %% [markdown]
# Each row has one dark cell, just left of the diagonal; only the first letter finds itself.
# Trained Transformers grow heads of this kind by themselves: look for one in the last picture.
#
# ## Attention does not know the order
#
# Take away the mask and shuffle the positions: the results are shuffled in the same way and are
# otherwise unchanged. "dog bites man" and "man bites dog" would be the same to it. Transformers
# therefore add a vector for each place to the vector of each letter, as we did by hand.

# %%
q, k, v = torch.randn(3, 6, 4).unbind(0)


def look(q, k, v):
    return (q @ k.T / math.sqrt(q.shape[1])).softmax(1) @ v


order = torch.tensor([3, 0, 5, 1, 4, 2])
assert torch.allclose(look(q, k, v)[order], look(q[order], k[order], v[order]), atol=1e-6)

# %% [markdown]
# ## The gradient
#
# You know every step: two products, a division, a mask and a softmax. The engine chains their
# formulas. A fused version, `scaled_dot_product_attention`, computes the same in one op and never
# keeps the `(T, T)` weights. Both must agree, in the result and in the gradients.

# %%
q, k, v = (torch.randn(1, 6, 4, dtype=torch.float64, requires_grad=True) for _ in range(3))
mask = torch.triu(torch.ones(6, 6), diagonal=1).bool()


def small_steps(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(mask, -math.inf).softmax(-1) @ v


def fused(q, k, v):
    return F.scaled_dot_product_attention(q, k, v, is_causal=True)


g = torch.randn(1, 6, 4, dtype=torch.float64)
ours = torch.autograd.grad(small_steps(q, k, v), (q, k, v), g)
theirs = torch.autograd.grad(fused(q, k, v), (q, k, v), g)
assert torch.allclose(small_steps(q, k, v), fused(q, k, v))
assert all(torch.allclose(a, b) for a, b in zip(ours, theirs))
assert torch.autograd.gradcheck(small_steps, (q, k, v))

# %% [markdown]
# ## Several heads
#
# One softmax can look sharply at one place only. So the `D` numbers of each vector are cut into
# `H` groups, the **heads**, and each head does its own attention on `D / H` numbers. In code this
# is a change of shape: `(B, T, D)` becomes `(B, H, T, D / H)`. `B` is the number of texts in the
# batch.
#
# ### Exercise 07.3
#
# Write `split_heads(x, heads)`, which makes that change: head 0 gets the first `D / H` numbers of
# each position, head 1 the next, and so on.


# %%
def split_heads(x, heads):
    B, T, D = x.shape
    return x.view(B, heads, T, D // heads)  # the shape is right; the contents?


check("07.3", split_heads)

# %% [markdown]
# ## A block, by hand
#
# A Transformer **block** has two halves, and both *add* to what passes through:
#
# 1. attention: positions exchange information;
# 2. a small MLP: each position thinks by itself.
#
# Because both add, the sum `x` runs through the network like a road, and the gradient runs back
# along it undiminished. This is the cure for the vanishing gradients of chapter 06. Before each
# half, **layer normalisation** brings each vector to mean 0 and variance 1, so that the numbers
# keep their size however many blocks there are.
#
# Here is the block with nothing but products and the functions you know:


# %%
def normalised(x, weight, bias):
    mean, var = x.mean(-1, keepdim=True), x.var(-1, keepdim=True, correction=0)
    return (x - mean) / (var + 1e-5).sqrt() * weight + bias


def heads_apart(x, heads):  # (B, T, D) -> (B, H, T, D/H)
    B, T, D = x.shape
    return x.view(B, T, heads, D // heads).transpose(1, 2)


def block(x, p, heads):
    """`p` holds the parameters by name; x: (B, T, D)."""
    h = normalised(x, p["norm1.weight"], p["norm1.bias"])
    qkv = h @ p["self_attn.in_proj_weight"].T + p["self_attn.in_proj_bias"]
    q, k, v = (heads_apart(part, heads) for part in qkv.chunk(3, -1))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])  # (B, H, T, T)
    T = x.shape[1]
    future = torch.triu(torch.ones(T, T), diagonal=1).bool()
    mixed = scores.masked_fill(future, -math.inf).softmax(-1) @ v  # (B, H, T, D/H)
    mixed = mixed.transpose(1, 2).reshape(x.shape)  # the heads side by side again
    x = x + mixed @ p["self_attn.out_proj.weight"].T + p["self_attn.out_proj.bias"]

    h = normalised(x, p["norm2.weight"], p["norm2.bias"])
    h = (h @ p["linear1.weight"].T + p["linear1.bias"]).relu()
    return x + h @ p["linear2.weight"].T + p["linear2.bias"]


# %% [markdown]
# `nn.TransformerEncoderLayer` is this block. We take its parameters, whose names we have used
# above, and compare.

# %%
layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.0, batch_first=True, norm_first=True)
x = torch.randn(2, 7, 16)
mask = nn.Transformer.generate_square_subsequent_mask(7)
by_nn = layer(x, src_mask=mask, is_causal=True)
by_hand = block(x, dict(layer.named_parameters()), heads=4)
difference = (by_nn - by_hand).abs().max().item()
print(f"largest difference: {difference:.1e}")
assert difference < 1e-5

# %% [markdown]
# ## A text to learn
#
# Four sonnets by William Shakespeare (1609), about 2,400 letters in all. Three are for training,
# the fourth for validation. This is far too little to learn English, and just enough to see every
# part work.

# %%
SONNET_18 = """Shall I compare thee to a summer's day?
Thou art more lovely and more temperate:
Rough winds do shake the darling buds of May,
And summer's lease hath all too short a date:
Sometime too hot the eye of heaven shines,
And often is his gold complexion dimm'd;
And every fair from fair sometime declines,
By chance or nature's changing course untrimm'd;
But thy eternal summer shall not fade
Nor lose possession of that fair thou owest;
Nor shall Death brag thou wander'st in his shade,
When in eternal lines to time thou growest:
So long as men can breathe or eyes can see,
So long lives this and this gives life to thee.
"""
SONNET_29 = """When, in disgrace with fortune and men's eyes,
I all alone beweep my outcast state
And trouble deaf heaven with my bootless cries
And look upon myself and curse my fate,
Wishing me like to one more rich in hope,
Featured like him, like him with friends possess'd,
Desiring this man's art and that man's scope,
With what I most enjoy contented least;
Yet in these thoughts myself almost despising,
Haply I think on thee, and then my state,
Like to the lark at break of day arising
From sullen earth, sings hymns at heaven's gate;
For thy sweet love remember'd such wealth brings
That then I scorn to change my state with kings.
"""
SONNET_116 = """Let me not to the marriage of true minds
Admit impediments. Love is not love
Which alters when it alteration finds,
Or bends with the remover to remove:
O no! it is an ever-fixed mark
That looks on tempests and is never shaken;
It is the star to every wandering bark,
Whose worth's unknown, although his height be taken.
Love's not Time's fool, though rosy lips and cheeks
Within his bending sickle's compass come:
Love alters not with his brief hours and weeks,
But bears it out even to the edge of doom.
If this be error and upon me proved,
I never writ, nor no man ever loved.
"""
SONNET_130 = """My mistress' eyes are nothing like the sun;
Coral is far more red than her lips' red;
If snow be white, why then her breasts are dun;
If hairs be wires, black wires grow on her head.
I have seen roses damask'd, red and white,
But no such roses see I in her cheeks;
And in some perfumes is there more delight
Than in the breath that from my mistress reeks.
I love to hear her speak, yet well I know
That music hath a far more pleasing sound;
I grant I never saw a goddess go;
My mistress, when she walks, treads on the ground:
And yet, by heaven, I think my love as rare
As any she belied with false compare.
"""
text = SONNET_18 + SONNET_29 + SONNET_116
alphabet = sorted(set(text + SONNET_130))
number = {c: i for i, c in enumerate(alphabet)}


def encode(text):
    return torch.tensor([number[c] for c in text])


def decode(numbers):
    return "".join(alphabet[i] for i in numbers)


train, validation = encode(text), encode(SONNET_130)
print(len(text), "letters,", len(alphabet), "different ones")
assert decode(train.tolist()) == text

# %% [markdown]
# ## The network
#
# Letters and places become vectors (`nn.Embedding` looks up a row of a matrix), two blocks mix
# them, and a last product gives a score for each possible next letter.

# %%
CONTEXT, WIDTH, HEADS = 32, 48, 4


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.letters = nn.Embedding(len(alphabet), WIDTH)
        self.places = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(
                WIDTH, HEADS, 2 * WIDTH, dropout=0.0, batch_first=True, norm_first=True
            )
            for _ in range(2)
        )
        self.norm = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, len(alphabet))

    def forward(self, tokens):  # (B, T)
        T = tokens.shape[1]
        mask = nn.Transformer.generate_square_subsequent_mask(T)
        x = self.letters(tokens) + self.places(torch.arange(T))  # (B, T, D)
        for block in self.blocks:
            x = block(x, src_mask=mask, is_causal=True)
        return self.head(self.norm(x))  # (B, T, letters)


torch.manual_seed(1)
model = Transformer()
print(sum(p.numel() for p in model.parameters()), "parameters")


def windows(data, starts):
    """Texts of CONTEXT letters, and the same texts one letter later: what is to be guessed."""
    x = torch.stack([data[s : s + CONTEXT] for s in starts])
    y = torch.stack([data[s + 1 : s + 1 + CONTEXT] for s in starts])
    return x, y


def loss_on(data, starts):
    x, y = windows(data, starts)
    return F.cross_entropy(model(x).flatten(0, 1), y.flatten())


# %% [markdown]
# The network as the engine sees it, layer by layer:

# %%
torch.draw(lambda: loss_on(train, [0, 32]), level="module", model=model)

# %% [markdown]
# Before training, all letters should be about equally likely, so the loss should be near the
# logarithm of their number. Check this first with every new network: a much larger loss points to
# a mistake in the set-up.
#
# A second check costs one line and catches the worst mistake: **change the last letter of the
# input, and no earlier result may change.** If one does, the network sees the future.

# %%
first = loss_on(train, range(0, 200, 20)).item()
print(f"loss {first:.2f}, log of the number of letters {math.log(len(alphabet)):.2f}")
assert abs(first - math.log(len(alphabet))) < 0.7

a, _ = windows(train, [0])
b = a.clone()
b[0, -1] = 0
assert torch.equal(model(a)[0, :-1], model(b)[0, :-1])

# %% [markdown]
# ## Training

# %%
optimizer = optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)  # see chapter 08
generator = torch.Generator().manual_seed(2)
STEPS, BATCH = 400, 16
train_losses, validation_losses = [], []
fixed = range(0, len(validation) - CONTEXT - 1, CONTEXT)
for step in range(STEPS):
    starts = torch.randint(0, len(train) - CONTEXT - 1, (BATCH,), generator=generator).tolist()
    loss = loss_on(train, starts)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # no step is longer because of one odd batch
    optimizer.step()
    train_losses.append(loss.item())
    if step % 10 == 0:
        with torch.no_grad():
            validation_losses.append(loss_on(validation, fixed).item())

fig, ax = plt.subplots(figsize=(6, 3.5))
ax.plot(train_losses, label="training text", lw=1)
ax.plot(range(0, STEPS, 10), validation_losses, label="a sonnet it never saw")
ax.set_xlabel("step")
ax.set_ylabel("loss (nats a letter)")
ax.legend()
plt.show()
best, last = min(validation_losses), validation_losses[-1]
print(f"training {train_losses[-1]:.2f}; validation: best {best:.2f}, last {last:.2f}")
assert train_losses[-1] < 1.3
assert best < 2.7 and last > best + 0.2

# %% [markdown]
# The network knows its three sonnets better and better, while its loss on the unseen one stops
# falling and then rises. It learns the texts by heart: **overfitting**. With 2,000 letters that
# is all one can expect. `tinygrad-edu train char-gpt --data download` runs the same idea on a
# million letters, where the two curves stay together.
#
# ## Let it write
#
# Give it a beginning, draw a next letter by the probabilities, append it, repeat.

# %%
torch.manual_seed(3)
tokens = encode("Shall I ").tolist()
with torch.no_grad():
    for _ in range(120):
        logits = model(torch.tensor([tokens[-CONTEXT:]]))[0, -1]
        probabilities = (logits / 0.5).softmax(0)  # below 1: bolder, above 1: wilder
        tokens.append(int(torch.multinomial(probabilities, 1).item()))  # drawn by chance
print(decode(tokens))
assert decode(tokens).startswith("Shall I ")

# %% [markdown]
# ## What do the heads look at?
#
# We compute the weights of the first block again, from its own parameters, and draw them for one
# line. Each panel is a head: row by row, dark cells are the letters that a letter looks at.

# %%
line = "Shall I compare thee to a summer"[:CONTEXT]
with torch.no_grad():
    tokens = encode(line)[None]
    h = model.blocks[0].norm1(model.letters(tokens) + model.places(torch.arange(len(line))))
    attn = model.blocks[0].self_attn
    qkv = F.linear(h, attn.in_proj_weight, attn.in_proj_bias)
    q, k, _ = (heads_apart(part, HEADS) for part in qkv.chunk(3, -1))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    future = torch.triu(torch.ones(len(line), len(line)), diagonal=1).bool()
    maps = scores.masked_fill(future, -math.inf).softmax(-1)[0]  # (H, T, T)

fig, axes = plt.subplots(2, 2, figsize=(9, 9))
for i, ax in enumerate(axes.flat):
    ax.imshow(maps[i].numpy(), cmap="Blues")
    ax.set_xticks(range(len(line)), line, fontsize=7)
    ax.set_yticks(range(len(line)), line, fontsize=7)
    ax.set_title(f"head {i + 1}")
fig.tight_layout()
plt.show()
assert torch.allclose(maps.sum(-1), torch.ones(HEADS, len(line)))
nearest = [maps[i].diagonal(-1).mean().item() for i in range(HEADS)]
print("mean weight on the letter just before, by head:", [round(w, 2) for w in nearest])
assert max(nearest) > 0.3

# %% [markdown]
# At least one head has learnt what we made by hand above: most of its weight lies just left of
# the diagonal. Others look at the beginning of the word, or at a space.
#
# **In one sentence each**
#
# - Attention is an average with learned weights: `softmax(q @ k.T / sqrt(D)) @ v`.
# - The mask hides the future; the division keeps the softmax from getting stuck.
# - Attention alone knows no order; vectors for places bring it in.
# - A block adds attention and an MLP to a sum that passes straight through, which keeps gradients
#   alive.
# - Two checks for every language model: the first loss is near the logarithm of the alphabet's
#   size, and no result changes when a later letter does.
#
# Chapter 08 looks at the optimiser, which we have so far taken as given.
