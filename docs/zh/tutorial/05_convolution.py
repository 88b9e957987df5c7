# %% [markdown]
# # 05 · 把卷积写成矩阵乘积
#
# 第 04 章的网络看到的是 784 个数，并不知道它们组成一张图片。卷积知道：它让一个小图案在图片上滑动，在每个位置问一问匹配得有多好。本章把这种滑动变成一次矩阵乘积。这样反向就不需要任何新东西：乘积见第 03 章，被用了多次的像素则得到各份梯度之和。

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.vision.datasets import MNIST5k

picture = MNIST5k().data[1234].numpy() / 255.0

# %% [markdown]
# ## 滑动一个图案
#
# *卷积核*是一个由权重组成的小数组。把它放在图片的一块上，逐元素相乘，再加起来，就得到输出中的一个数。然后移动一个像素。（数学上的卷积还要把核翻转过来；深度学习里没有人这样做，反正权重是学出来的。）


# %%
def conv2d_by_loops(x, kernel):
    K, (H, W) = len(kernel), x.shape
    out = np.zeros((H - K + 1, W - K + 1))
    for i in range(H - K + 1):
        for j in range(W - K + 1):
            out[i, j] = (x[i : i + K, j : j + K] * kernel).sum()
    return out


upright = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
fig, axes = plt.subplots(1, 3, figsize=(9, 3))
for ax, image, title in (
    (axes[0], picture, "picture, 28 × 28"),
    (axes[1], conv2d_by_loops(picture, upright), "upright edges, 26 × 26"),
    (axes[2], conv2d_by_loops(picture, upright.T), "level edges, 26 × 26"),
):
    ax.imshow(image, cmap="gray_r" if image is picture else "RdBu")
    ax.set_title(title)
    ax.axis("off")
plt.show()
assert conv2d_by_loops(picture, upright).shape == (26, 26)

# %% [markdown]
# 有两个数会改变输出的大小。*填充*（padding）在图片四周加一圈零，*步幅*（stride）让核一次移动不止一个像素。
#
# **练习 05.1。** 一张 `size` 像素的图片，两边各加 `padding` 个零；`kernel` 像素的核每次移动 `stride`。它有多少个位置可放？（不能超出边界。）


# %%
def output_size(size, kernel, stride, padding): ...  # your lines


check("05.1", output_size)

# %% [markdown]
# ## 展开：每一块变成一行
#
# 把核下面的每一块写成一行 9 个数。共有 26 · 26 = 676 块，于是得到一个 (676, 9) 的矩阵。核写成 9 个数的一列，就能一次乘上所有的块：滑动变成了 `pieces @ column`。多个核就是多列。这个技巧叫作 *im2col*，也叫*展开*（unfold）。每个像素最多会复制 9 次，但这是值得的，因为没有什么比矩阵乘积更快。
#
# **练习 05.2。** 对形状为 (H, W) 的图片 x，写出 `unfold(x, K)`：把 K × K 的各块作为矩阵的行，先从左到右，再从上到下。


# %%
def unfold(x, K): ...  # your lines


check("05.2", unfold)


# %%
def pieces_of(x, K):
    """The chapter's own version, which makes no copy until the end."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (K, K))
    return windows.reshape(-1, K * K)


pieces = pieces_of(picture, 3)
as_product = (pieces @ upright.ravel()).reshape(26, 26)
print(
    "pieces:",
    pieces.shape,
    " largest difference:",
    abs(as_product - conv2d_by_loops(picture, upright)).max(),
)
assert np.allclose(as_product, conv2d_by_loops(picture, upright))

# %% [markdown]
# ## 反向：折叠
#
# 对 `out = pieces @ column`，第 03 章给出了两个余切：核的是 pieces.T @ g，各块的是 g @ column.T。剩下的是从各块回到图片。中间的像素出现在 9 块里，它被复制过，所以各份梯度相加。
#
# **练习 05.3。** 写出 `fold(g, H, W, K)`：g 对每一块有一行，顺序与 `unfold` 相同。返回图片 (H, W) 的余切：把每一行加回它那一块取出的地方。


# %%
def fold(g, H, W, K): ...  # your lines


check("05.3", fold)


# %%
def added_back(g, H, W, K):
    """The chapter's own version: for each place in the kernel, one shifted addition."""
    g = g.reshape(H - K + 1, W - K + 1, K, K)
    out = np.zeros((H, W))
    for i in range(K):
        for j in range(K):
            out[i : i + H - K + 1, j : j + W - K + 1] += g[:, :, i, j]
    return out


plt.figure(figsize=(4, 3))
plt.imshow(added_back(np.ones((36, 9)), 8, 8, 3), cmap="Blues")
plt.colorbar()
plt.title("in how many pieces each pixel stands")
plt.show()
assert added_back(np.ones((36, 9)), 8, 8, 3).max() == 9

# %% [markdown]
# 这与引擎一致吗？引擎的 `conv2d` 接受 (图片数, 通道数, H, W)，它的梯度应当就是我们的乘积与折叠给出的结果。

# %%
import tinygrad_edu as torch
from tinygrad_edu import nn

g = np.random.default_rng(0).normal(size=(676, 1))
x = torch.tensor(picture[None, None], requires_grad=True)
kernel = torch.tensor(upright[None, None], requires_grad=True)
out = nn.functional.conv2d(x, kernel)
out.backward(torch.tensor(g.reshape(1, 1, 26, 26)))
ours_kernel = (pieces.T @ g).reshape(3, 3)
ours_x = added_back(g @ upright.reshape(1, 9), 28, 28, 3)
print(
    "largest difference of the kernel's gradient: ",
    abs(kernel.grad.numpy()[0, 0] - ours_kernel).max(),
)
print("largest difference of the picture's gradient:", abs(x.grad.numpy()[0, 0] - ours_x).max())
assert np.allclose(kernel.grad.numpy()[0, 0], ours_kernel)
assert np.allclose(x.grad.numpy()[0, 0], ours_x)

# %% [markdown]
# ## 学出来的卷积核
#
# 现在核本身就是权重，由网络学习。池化层在每 2 × 2 个像素中保留最大的一个，图片的边长减半。这个网络的权重比第 04 章的少，因为一个核用在了所有的位置上。

# %%
torch.manual_seed(0)
digits, mixed = MNIST5k(), torch.randperm(5000)
images, labels = digits.data[mixed].float().unsqueeze(1) / 255, digits.targets[mixed]
model = nn.Sequential(
    nn.Conv2d(1, 8, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Conv2d(8, 16, 3),
    nn.ReLU(),
    nn.MaxPool2d(2),
    nn.Flatten(),
    nn.Linear(400, 10),
)
first_kernels = model[0].weight.detach().clone()
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
losses = []
for _ in range(120):
    rows = torch.randint(0, 4000, (64,))
    loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    losses.append(loss.item())
with torch.no_grad():
    right = (model(images[4000:]).argmax(1) == labels[4000:]).float().mean().item()
count = sum(p.numel() for p in model.parameters())
print(f"{count:,} weights (chapter 04: 50,890); {right:.1%} of the test digits are right")
assert count == 5258 and right > 0.85

# %%
fig, axes = plt.subplots(2, 8, figsize=(9, 2.6))
with torch.no_grad():
    answers = model[0](images[:1])[0].numpy()
for i in range(8):
    axes[0, i].imshow(model[0].weight.detach()[i, 0].numpy(), cmap="RdBu", vmin=-0.6, vmax=0.6)
    axes[1, i].imshow(answers[i], cmap="RdBu")
    axes[0, i].axis("off")
    axes[1, i].axis("off")
axes[0, 0].set_title("kernels that were learnt, and what they answer", loc="left")
plt.show()

# %% [markdown]
# **每点一句话**
#
# - 卷积在每个位置问一个小图案匹配得有多好。
# - 展开把每一块变成一行，卷积就成了矩阵乘积。
# - 展开的反向是折叠：复制过的，加起来。
# - 一个核用在所有位置上，所以卷积的权重很少。
