"""What users write, in PyTorch's idioms: mypy and pyright must accept every line, and agree with
every `assert_type`. Read by type checkers (tests/house/test_typing.py), and run there once.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import assert_type

import numpy as np

import tinygrad_edu as torch
import tinygrad_edu.nn.functional as F
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.autograd import Function, gradcheck
from tinygrad_edu.data import DataLoader, Dataset, TensorDataset, random_split
from tinygrad_edu.func import functional_call, jacrev, vmap

# ---- new tensors ---------------------------------------------------------------------------------

x = assert_type(torch.randn(4, 3, requires_grad=True), Tensor)
y = assert_type(torch.zeros((4, 3), dtype=torch.float32, device="cpu"), Tensor)
assert_type(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), Tensor)
assert_type(torch.ones(2, 3), Tensor)
assert_type(torch.full((2, 3), 7.0), Tensor)
assert_type(torch.arange(10), Tensor)
assert_type(torch.arange(0, 1, 0.1, dtype=torch.float64), Tensor)
assert_type(torch.linspace(0, 1, steps=5), Tensor)
assert_type(torch.eye(3), Tensor)
assert_type(torch.randint(0, 10, (4,)), Tensor)
assert_type(torch.rand(x.shape), Tensor)
assert_type(torch.randn(*x.shape), Tensor)
assert_type(torch.randperm(4), Tensor)
assert_type(torch.zeros_like(x), Tensor)
assert_type(torch.from_numpy(np.ones(3)), Tensor)
assert_type(torch.normal(0.0, 1.0, (2, 2)), Tensor)
assert_type(x.new_zeros(2, 3), Tensor)
generator = torch.Generator().manual_seed(0)
assert_type(torch.rand(2, generator=generator), Tensor)

# ---- what a tensor tells of itself ---------------------------------------------------------------

assert_type(x.shape, torch.Size)
assert_type(x.shape[0], int)
assert_type(x.size(), tuple[int, ...])
assert_type(x.size(0), int)
assert_type(x.ndim, int)
assert_type(x.dtype, torch.dtype)
assert_type(x.device, torch.Device)
assert_type(x.requires_grad, bool)
assert_type(x.is_leaf, bool)
assert_type(x.grad, Tensor | None)
assert_type(len(x), int)
assert_type(x.numel(), int)
assert_type(x.dim(), int)
assert_type(x.stride(), tuple[int, ...])
assert_type(x.stride(0), int)
assert_type(x.is_contiguous(), bool)
assert_type(x.T, Tensor)
rows, columns = x.shape
assert_type(rows * columns, int)

# ---- operators, indexing, shapes -----------------------------------------------------------------

assert_type(x + y, Tensor)
assert_type(2 * x - 1, Tensor)
assert_type(x / 2.0, Tensor)
assert_type(x**2, Tensor)
assert_type(x @ y.T, Tensor)
assert_type(-x, Tensor)
assert_type(torch.mul(x.detach(), 2, out=torch.empty(4, 3)), Tensor)
assert_type(x + np.ones((4, 3), dtype=np.float32), Tensor)
assert_type(x * np.float32(2), Tensor)
assert_type(x > 0, Tensor)
assert_type(x == y, Tensor)
assert_type((x > 0) & (y < 1), Tensor)
assert_type(x[0], Tensor)
assert_type(x[:, 1], Tensor)
assert_type(x[..., None], Tensor)
assert_type(x[x > 0], Tensor)
assert_type(x.view(-1, 2), Tensor)
assert_type(x.reshape(2, 6), Tensor)
assert_type(x.reshape((2, 6)), Tensor)
assert_type(x.permute(1, 0), Tensor)
assert_type(x.transpose(0, 1), Tensor)
assert_type(x.unsqueeze(0).squeeze(0), Tensor)
assert_type(x.flatten(start_dim=1), Tensor)
assert_type(x.expand(2, 4, 3), Tensor)
assert_type(torch.cat([x, y]), Tensor)
assert_type(torch.cat((x, y), dim=1), Tensor)
assert_type(torch.stack([x, y], dim=0), Tensor)
assert_type(torch.stack(tuple(row for row in x)), Tensor)
assert_type(torch.where(x > 0, x, 0.0), Tensor)
assert_type(torch.where(x > 0), tuple[Tensor, ...])
assert_type(x.split(2), tuple[Tensor, ...])
assert_type(x.split([1, 3]), tuple[Tensor, ...])
assert_type(torch.split(x, 2, dim=0), tuple[Tensor, ...])
assert_type(x.split(split_size=2, dim=0), tuple[Tensor, ...])
assert_type(torch.tensor_split(x, [1, 2]), tuple[Tensor, ...])
assert_type(x.swapaxes(axis0=0, axis1=1), Tensor)
assert_type(x.flip([0]), Tensor)
assert_type(torch.roll(x, (1,), (0,)), Tensor)
joined: Tensor = torch.hstack((x, y))
assert_type(x.masked_fill(x > 0, float("-inf")), Tensor)
assert_type(x.chunk(2), tuple[Tensor, ...])
assert_type(x.unbind(0), tuple[Tensor, ...])
assert_type(torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij"), tuple[Tensor, ...])
first, second = x.chunk(2, dim=0)
assert_type(first, Tensor)
for row in x:
    assert_type(row, Tensor)

# ---- reductions ----------------------------------------------------------------------------------

assert_type(x.sum(), Tensor)
assert_type(x.mean(dim=0, keepdim=True), Tensor)
assert_type(x.sum(dim=(0, 1)), Tensor)
assert_type(x.sum(dim=[0, 1]), Tensor)
assert_type(torch.quantile(x, 0.5, dim=0), Tensor)
assert_type(torch.cummax(x, 0).values, Tensor)
assert_type(torch.std(x, dim=1), Tensor)
assert_type(x.max(), Tensor)
assert_type(x.max(dim=1).values, Tensor)
assert_type(x.max(1).indices, Tensor)
assert_type(x.min(dim=1, keepdim=True).values, Tensor)
assert_type(x.median(dim=0).indices, Tensor)
assert_type(torch.max(x), Tensor)
assert_type(torch.max(x, dim=1).indices, Tensor)
assert_type(torch.max(x, y), Tensor)
assert_type(torch.median(x), Tensor)
best, where = x.max(dim=1)
assert_type(best, Tensor)
assert_type(x.argmax(dim=1), Tensor)
assert_type(torch.sort(x, dim=0, descending=True).values, Tensor)
assert_type(x.topk(2).indices, Tensor)
values, indices = torch.topk(x, k=2, dim=1)
assert_type(values, Tensor)
assert_type(torch.logsumexp(x, dim=1), Tensor)
assert_type(x.norm(), Tensor)
assert_type(x.any(), Tensor)
assert_type(torch.allclose(x, y), bool)
assert_type(torch.equal(x, y), bool)

# ---- conversions ---------------------------------------------------------------------------------

assert_type(x.to("cpu"), Tensor)
assert_type(x.to(torch.float64), Tensor)
assert_type(x.to(device="cpu", dtype=torch.float32), Tensor)
assert_type(x.float(), Tensor)
assert_type(x.long(), Tensor)
assert_type(x.detach().numpy(), np.ndarray)
assert_type(x.cpu().detach().clone(), Tensor)
number = float(x.sum().item())
assert_type(x.requires_grad_(True), Tensor)

# ---- gradients -----------------------------------------------------------------------------------

loss = F.mse_loss(input=x, target=y, reduction="mean")
assert_type(loss, Tensor)
loss.backward(retain_graph=True)
gx, *rest = torch.autograd.grad(loss, [x], create_graph=True)
assert_type(torch.autograd.grad(loss, x, retain_graph=True), tuple[Tensor, ...])
assert_type(gx, Tensor)
if x.grad is not None:
    assert_type(x.grad.norm(), Tensor)
handle = x.register_hook(lambda g: g * 2)
handle.remove()
assert_type(gradcheck(torch.sin, (torch.randn(3, dtype=torch.float64, requires_grad=True),)), bool)


class Cube(Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        return 3 * g * x**2


cubes: Tensor = Cube.apply(x)

with torch.no_grad():
    x.add_(0.0)
    x.mul_(1.0)
    x[0] = 0.0


@torch.no_grad()
def count_right(scores: Tensor, labels: Tensor) -> int:
    return int((scores.argmax(dim=1) == labels).sum().item())


@torch.no_grad
def doubled(a: Tensor, times: int = 2) -> Tensor:
    return a * times


@torch.inference_mode()
def steps(n: int) -> Iterator[int]:
    yield from range(n)


assert_type(count_right(x, torch.zeros(4, dtype=torch.int64)), int)
assert_type(doubled(x, times=3), Tensor)
assert_type(steps(2), Iterator[int])
with torch.autograd.set_detect_anomaly(True), torch.autograd.detect_anomaly():
    pass
with torch.set_grad_enabled(False), torch.enable_grad(), torch.inference_mode():
    pass

# ---- losses and functions of nn ------------------------------------------------------------------

labels = torch.tensor([0, 2, 1, 0])
assert_type(F.cross_entropy(x, labels, label_smoothing=0.1), Tensor)
assert_type(F.nll_loss(F.log_softmax(x, dim=1), labels), Tensor)
assert_type(F.binary_cross_entropy_with_logits(x, torch.rand(4, 3)), Tensor)
assert_type(F.relu(x), Tensor)
assert_type(F.gelu(x), Tensor)
assert_type(F.softmax(x, dim=-1), Tensor)
assert_type(F.dropout(x, p=0.5, training=False), Tensor)
assert_type(F.linear(x, torch.randn(5, 3), torch.randn(5)), Tensor)
assert_type(F.conv2d(torch.randn(1, 1, 4, 4), torch.randn(2, 1, 3, 3), padding=1), Tensor)
pooled: Tensor = F.max_pool2d(torch.randn(1, 1, 4, 4), 2)
assert_type(F.one_hot(labels, num_classes=3), Tensor)
assert_type(F.layer_norm(x, [3]), Tensor)
assert_type(F.pad(x, (1, 1)), Tensor)
assert_type(F.scaled_dot_product_attention(x, x, x, is_causal=True), Tensor)

# ---- linear algebra, transforms ------------------------------------------------------------------

square = torch.eye(3) * 2
assert_type(torch.linalg.norm(x), Tensor)
assert_type(torch.linalg.norm(x, ord=2, dim=1, keepdim=True), Tensor)
assert_type(torch.linalg.inv(square), Tensor)
assert_type(torch.linalg.solve(square, x.T), Tensor)
assert_type(torch.linalg.svd(square).S, Tensor)
q, r = torch.linalg.qr(square)
assert_type(q, Tensor)
assert_type(torch.linalg.eigh(square).eigenvalues, Tensor)
assert_type(torch.linalg.slogdet(square).logabsdet, Tensor)
assert_type(torch.einsum("ij,kj->ik", x, y), Tensor)
assert_type(torch.einsum("ij,kj->ik", [x, y]), Tensor)
assert_type(torch.linalg.norm(x, "fro"), Tensor)
assert_type(torch.linalg.vector_norm(x, ord=float("inf"), dim=1), Tensor)
assert_type(torch.special.expit(x), Tensor)


def energy(v: Tensor) -> Tensor:
    return (v**2).sum()


slope: Tensor = torch.func.grad(energy)(x)
assert_type(vmap(energy)(x), Tensor)
assert_type(torch.vmap(energy, in_dims=0)(x), Tensor)
jacobian: Tensor = jacrev(energy)(x)
value, pull = torch.func.vjp(energy, x)

# ---- layers and models ---------------------------------------------------------------------------


class Net(nn.Module):
    scale: Tensor

    def __init__(self, inputs: int, hidden: int = 8) -> None:
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden, bias=True)
        self.norm = nn.LayerNorm(hidden)
        self.drop = nn.Dropout(p=0.1)
        self.fc2 = nn.Linear(in_features=hidden, out_features=3)
        self.layers = nn.ModuleList([nn.Linear(hidden, hidden) for _ in range(2)])
        self.weight = nn.Parameter(torch.ones(hidden))
        self.register_buffer("scale", torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm(self.fc1(x)))
        for layer in self.layers:
            x = layer(x) * self.weight
        return self.fc2(self.drop(x)) * self.scale


model = assert_type(Net(3).to("cpu"), Net)
assert_type(model.eval(), Net)
assert_type(model.train(), Net)
assert_type(model.fc1.weight, nn.Parameter)
assert_type(model.fc1.weight.shape, torch.Size)
assert_type(model.fc1.in_features, int)
logits: Tensor = model(x.detach())
hidden = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
out: Tensor = hidden(x.detach())
for name, p in model.named_parameters():
    assert_type(name, str)
    assert_type(p, nn.Parameter)
total = sum(p.numel() for p in model.parameters() if p.requires_grad)
assert_type(total, int)
for module in model.modules():
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
lstm = nn.LSTM(input_size=3, hidden_size=4, num_layers=1, batch_first=True)
sequence, (h, c) = lstm(torch.randn(2, 5, 3))
conv = nn.Conv2d(1, 8, kernel_size=(3, 3), padding="same")
attention = nn.MultiheadAttention(embed_dim=8, num_heads=2, batch_first=True)
criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
assert_type(nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0), Tensor)

# ---- data, training, files -----------------------------------------------------------------------


class Squares(Dataset):
    def __len__(self) -> int:
        return 16

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        return torch.full((3,), float(index)), torch.tensor(index % 3)


data = TensorDataset(torch.randn(16, 3), torch.randint(0, 3, (16,)))
train_part, test_part = random_split(data, [12, 4])
loader = DataLoader(Squares(), batch_size=4, shuffle=True, drop_last=True, num_workers=0)
optimizer = optim.Adam(model.parameters(), lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)
tuned = optim.LBFGS([x], lr=1.0, line_search_fn="strong_wolfe")
tuned.step(lambda: (x**2).sum())
sgd = optim.SGD([{"params": hidden.parameters(), "lr": 0.1}], lr=0.01, momentum=0.9)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.9)
for inputs, targets in loader:
    optimizer.zero_grad()
    loss = criterion(model(inputs), targets)
    loss.backward()
    optimizer.step()
scheduler.step()
rate = optimizer.param_groups[0]["lr"]
assert_type(scheduler.get_last_lr(), list[float])
state = model.state_dict()
model.load_state_dict(state)


def keep(path: Path) -> None:
    torch.save({"model": state, "optimizer": optimizer.state_dict(), "epoch": 1}, path)
    model.load_state_dict(torch.load(path)["model"])
    torch.save(model.state_dict(), str(path))


parameters = dict(model.named_parameters())
again: Tensor = functional_call(model, parameters, (x.detach(),))
torch.manual_seed(0)
device = torch.device("cpu")
model.to(device)
