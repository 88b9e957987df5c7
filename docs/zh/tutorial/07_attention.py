# %% [markdown]
# # 07 · 注意力与小型 Transformer
#
# 第 06 章的循环网络逐个字母地读文本，把读过的一切压缩进一个向量。很久以前的内容要经过许多次乘积才能派上用场，梯度也早已衰减。**注意力**去掉了这个瓶颈：每个位置都直接回看前面的所有位置，取走自己需要的东西。
#
# 本章中，你将用矩阵乘积搭出注意力，看看它做了什么，亲手写一个 Transformer 块，确认 `nn` 里的层算出同样的数，最后用四首诗训练一个小型 Transformer。
#
# 需要先读第 04 章（层、softmax）和第 06 章（把文本看成数字序列、交叉熵）。

# %%
import math

import matplotlib.pyplot as plt

import tinygrad_edu as torch
from tinygrad_edu import nn, optim
from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.nn import functional as F

torch.manual_seed(0)

# %% [markdown]
# ## 求平均就是矩阵乘积
#
# 取一个由 `T` 个向量组成的序列，每行一个：`x` 的形状是 `(T, D)`。假设每个位置都想得到从开头到自己为止所有向量的平均。用循环写，就是对每个 `t` 求 `x[: t + 1].mean(0)`；写成乘积，就是 `weights @ x`，其中 `weights` 的第 `t` 行说明每个位置在 `t` 处的结果里各占多少。

# %%
T, D = 5, 3
x = torch.randn(T, D)
by_loop = torch.stack([x[: t + 1].mean(0) for t in range(T)])

weights = torch.tril(torch.ones(T, T))  # 1 on and below the diagonal, 0 above
weights = weights / weights.sum(1, keepdim=True)  # each row adds up to 1
print(weights)
assert torch.allclose(weights @ x, by_loop)

# %% [markdown]
# 对角线上方的零表示：**任何位置都看不到未来**。当网络要猜下一个字母时，这一点很重要：看得到下一个字母的网络，只会学着照抄。
#
# 同样的权重也可以由 softmax 得到。softmax 把任意一行数（*分数*）变成和为 1 的正权重；分数为负无穷时，权重恰好是 0，因为 `exp(-inf) = 0`。

# %%
scores = torch.zeros(T, T)
future = torch.triu(torch.ones(T, T), diagonal=1).bool()  # True above the diagonal
assert torch.allclose(scores.masked_fill(future, -math.inf).softmax(1), weights)

# %% [markdown]
# ## 由内容决定的分数
#
# 分数全为 0 时，每个位置取的是普通平均。注意力让向量自己来决定分数。每个位置用三个可学习的矩阵，从自己的向量得到三个向量：
#
# - **查询**（query）：我在找什么？
# - **键**（key）：我能提供什么？
# - **值**（value）：谁找到我，我就交给谁什么？
#
# 位置 `t` 对位置 `s` 的分数，是查询 `t` 与键 `s` 的点积；两者方向一致时分数大。全部分数就是 `q @ k.T`，形状为 `(T, T)`：
#
# $$\text{attention}(q, k, v) = \text{softmax}\left(\frac{q\,k^\top}{\sqrt{D}}\right) v$$
#
# 为什么要除以 $\sqrt D$？如果 `q` 和 `k` 中的数均值为 0、方差为 1，点积就是 `D` 个方差为 1 的乘积之和，方差为 `D`。分数太大时，softmax 会把一个权重推到接近 1，其余接近 0，而在那里它的梯度几乎为 0。除以 $\sqrt D$ 就把方差变回 1。

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
# ### 练习 07.1
#
# 写出 `causal_weights(scores)`：输入形状为 `(T, T)` 的分数，返回权重；任何位置都看不到后面的位置，每一行之和为 1。`hint("07.1")` 会给出提示。


# %%
def causal_weights(scores):
    return scores.softmax(1)  # change this


check("07.1", causal_weights)

# %% [markdown]
# ### 练习 07.2
#
# 写出 `attention(q, k, v)`，其中 `q`、`k`、`v` 的形状都是 `(T, D)`，要带缩放和掩码。


# %%
def attention(q, k, v):
    return v  # change this


check("07.2", attention)

# %% [markdown]
# ## 手工做一个头：复制前一个字母
#
# 在训练之前，我们先亲自*选定*这三个矩阵，让注意力做一件看得明白的事：每个位置取来它前面的那个字母。
#
# 位置必须知道自己在哪里，所以它的向量有两部分：它是哪个字母（只有一个 1，其余为 0，即*独热*），以及它在第几位（也是独热）。键是位置，查询是位置减一，值是字母。把查询乘以 30，softmax 就变得很尖锐。

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
# 每一行都有一个深色格子，紧挨在对角线左边；只有第一个字母找到的是自己。训练过的 Transformer 会自己长出这样的头：请在最后一张图里找一找。
#
# ## 注意力不知道顺序
#
# 去掉掩码并打乱位置：结果也以同样的方式被打乱，除此之外没有变化。对它来说，“狗咬人”和“人咬狗”是一样的。所以 Transformer 要在字母的向量上再加一个位置的向量，就像我们刚才手工做的那样。

# %%
q, k, v = torch.randn(3, 6, 4).unbind(0)


def look(q, k, v):
    return (q @ k.T / math.sqrt(q.shape[1])).softmax(1) @ v


order = torch.tensor([3, 0, 5, 1, 4, 2])
assert torch.allclose(look(q, k, v)[order], look(q[order], k[order], v[order]), atol=1e-6)

# %% [markdown]
# ## 梯度
#
# 每一步你都认识：两个乘积、一个除法、一个掩码、一个 softmax，引擎把它们的公式串起来。融合的版本 `scaled_dot_product_attention` 用一个算子算出同样的结果，而且从不保存 `(T, T)` 的权重。两者的结果和梯度都必须一致。

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
# ## 多个头
#
# 一个 softmax 只能清楚地看一个地方。因此把每个向量的 `D` 个数切成 `H` 组，称为**头**，每个头在 `D / H` 个数上各做各的注意力。在代码里这只是改变形状：`(B, T, D)` 变成 `(B, H, T, D / H)`，其中 `B` 是一批中文本的数量。
#
# ### 练习 07.3
#
# 写出完成这一变换的 `split_heads(x, heads)`：第 0 个头得到每个位置的前 `D / H` 个数，第 1 个头得到接下来的 `D / H` 个数，依此类推。


# %%
def split_heads(x, heads):
    B, T, D = x.shape
    return x.view(B, heads, T, D // heads)  # the shape is right; the contents?


check("07.3", split_heads)

# %% [markdown]
# ## 亲手写一个块
#
# Transformer 的一个**块**有两半，两半都是往流过的数据上做*加法*：
#
# 1. 注意力：位置之间交换信息；
# 2. 一个小的 MLP：每个位置各自思考。
#
# 由于都是加法，总和 `x` 像一条大路贯穿整个网络，梯度也沿着它原样返回。第 06 章里梯度消失的毛病就这样治好了。每一半之前，**层归一化**把每个向量变成均值 0、方差 1，这样无论有多少个块，数的大小都保持不变。
#
# 下面这个块只用到乘积和你已经认识的函数：


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
# `nn.TransformerEncoderLayer` 就是这个块。我们取出它的参数（上面用的正是它们的名字），比较两者的结果。

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
# ## 要学的文本
#
# 威廉·莎士比亚的四首十四行诗（1609 年），一共约 2,400 个字母。三首用来训练，第四首用来验证。要学会英语，这点文本远远不够；要看清每个部分如何工作，却正合适。

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
# ## 网络
#
# 字母和位置变成向量（`nn.Embedding` 取出矩阵的一行），两个块把它们混合，最后一个乘积给出每个可能的下一个字母的分数。

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
# 引擎眼中的网络，逐层画出：

# %%
torch.draw(lambda: loss_on(train, [0, 32]), level="module", model=model)

# %% [markdown]
# 训练之前，各个字母的可能性应当差不多，所以损失应接近字母种数的对数。拿到任何新网络都先检查这一点：损失大得多，说明哪里接错了。
#
# 第二项检查只要一行，却能抓住最严重的错误：**改动输入的最后一个字母，前面的结果都不许变。** 如果变了，网络就看到了未来。

# %%
first = loss_on(train, range(0, 200, 20)).item()
print(f"loss {first:.2f}, log of the number of letters {math.log(len(alphabet)):.2f}")
assert abs(first - math.log(len(alphabet))) < 0.7

a, _ = windows(train, [0])
b = a.clone()
b[0, -1] = 0
assert torch.equal(model(a)[0, :-1], model(b)[0, :-1])

# %% [markdown]
# ## 训练

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
# 网络对那三首诗越来越熟，而它在没见过的那一首上的损失先是不再下降，随后又上升。它把文本背了下来：这就是**过拟合**。只有两千个字母，不能指望更多。`tinygrad-edu train char-gpt --data download` 用同样的思路训练一百万个字母，那里两条曲线始终在一起。
#
# ## 让它写
#
# 给一个开头，按概率抽取下一个字母，接在后面，如此重复。

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
# ## 这些头在看什么？
#
# 我们用第一个块自己的参数重新算出权重，并对一行诗画出来。每幅图是一个头：逐行看，深色的格子就是那个字母所看的字母。

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
# 至少有一个头学会了我们在上面手工做的事：它的大部分权重紧挨在对角线左边。其他的头看的是单词的开头，或者空格。
#
# **每点一句话**
#
# - 注意力是带可学习权重的平均：`softmax(q @ k.T / sqrt(D)) @ v`。
# - 掩码遮住未来；除法使 softmax 不致卡住。
# - 注意力本身不知道顺序，位置的向量把顺序带进来。
# - 一个块把注意力和 MLP 加到一个直通的总和上，梯度因此得以保持。
# - 对任何语言模型都有两项检查：最初的损失接近字母种数的对数；后面的字母改变时，前面的结果不变。
#
# 第 08 章来看我们一直直接拿来用的优化器。
