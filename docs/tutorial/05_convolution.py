# %% [markdown]
# # 05 · Convolution as a product of matrices
#
# The network of chapter 04 looks at 784 numbers without knowing that they form a picture. A convolution
# knows: it slides a small pattern over the picture and asks at each place how well it fits. This chapter
# turns that sliding into one product of matrices. Then backward needs nothing new: the product is chapter
# 03, and a pixel that was used several times gets the sum.

# %%
import matplotlib.pyplot as plt
import numpy as np

from tinygrad_edu.learn.course import check, hint, solution
from tinygrad_edu.vision.datasets import MNIST5k

picture = MNIST5k().data[1234].numpy() / 255.0

# %% [markdown]
# ## Sliding a pattern
#
# A *kernel* is a small array of weights. Lay it on a piece of the picture, multiply entry by entry, add up:
# that is one number of the output. Then move by one pixel. (In mathematics a convolution also flips the
# kernel; in deep learning nobody does, since the weights are learnt anyway.)


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
# Two numbers change the size of the output. *Padding* puts a border of zeros around the picture, *stride*
# moves the kernel by more than one pixel.
#
# **Exercise 05.1.** A picture of `size` pixels gets `padding` zeros on each side; a kernel of `kernel`
# pixels moves by `stride`. How many places does it have? (It must never stick out.)


# %%
def output_size(size, kernel, stride, padding): ...  # your lines


check("05.1", output_size)

# %% [markdown]
# ## Unfold: every piece becomes a row
#
# Write each piece under the kernel as a row of 9 numbers. With 26 · 26 = 676 pieces this makes a matrix
# of (676, 9). The kernel, written as a column of 9, multiplies all pieces at once: sliding has become
# `pieces @ column`. Several kernels are several columns. This trick is called *im2col* or *unfold*. It
# copies each pixel up to 9 times, and is worth it, because nothing is as fast as a product of matrices.
#
# **Exercise 05.2.** Write `unfold(x, K)` for a picture x of (H, W): the pieces of K × K as the rows of a
# matrix, from left to right and then from top to bottom.


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
# ## Backward: fold
#
# For `out = pieces @ column` chapter 03 gives both cotangents: pieces.T @ g for the kernel, and g @
# column.T for the pieces. What remains is the way from the pieces to the picture. A pixel in the middle
# stands in 9 pieces. It was copied, so its gradients add up.
#
# **Exercise 05.3.** Write `fold(g, H, W, K)`: g has a row for each piece, as `unfold` made them. Return
# the cotangent of the picture (H, W): add each row back where its piece was taken.


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
# Does this agree with the engine? Its `conv2d` takes (pictures, channels, H, W), and its gradients must be
# those of our product and our fold.

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
# ## Kernels that are learnt
#
# Now the kernels are weights and learn. A pooling layer keeps the largest of each 2 × 2 pixels and halves
# the picture. The network has fewer weights than that of chapter 04, since a kernel is used at every
# place.

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
# **In one sentence each**
#
# - A convolution asks at each place how well a small pattern fits.
# - Unfold makes each piece a row; the convolution is then a product of matrices.
# - Backward of unfold is fold: what was copied is added up.
# - A kernel is used everywhere, so a convolution has few weights.
