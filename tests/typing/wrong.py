"""Mistakes that users make: mypy must refuse each, with the code in brackets, and so must pyright.
Both report an ignore that nothing needs (tests/house/test_typing.py). Read, never run.
"""
# pyright: reportUnnecessaryTypeIgnoreComment=true, reportUnusedExpression=false

from __future__ import annotations

import tinygrad_edu as torch
import tinygrad_edu.nn.functional as F
from tinygrad_edu import Tensor, nn, optim
from tinygrad_edu.data import DataLoader

x, y = torch.randn(4, 3), torch.randn(4, 3)
labels = torch.tensor([0, 2, 1, 0])
model = nn.Linear(3, 2)

# new tensors
torch.zeros(3, dype=torch.float32)  # type: ignore[call-arg]
torch.zeros("3")  # type: ignore[arg-type]
torch.ones(2.5)  # type: ignore[arg-type]
torch.tensor()  # type: ignore[call-arg]
torch.full((2, 3))  # type: ignore[call-arg]
torch.arange("3")  # type: ignore[arg-type]
torch.rand(3, generator=0)  # type: ignore[arg-type]
torch.eye(3.5)  # type: ignore[arg-type]
torch.randperm("n")  # type: ignore[arg-type]
torch.manual_seed("0")  # type: ignore[arg-type]

# names that are not there
torch.relux(x)  # type: ignore[attr-defined]
torch.linalg.normal(x)  # type: ignore[attr-defined]
F.mse(x, y)  # type: ignore[attr-defined]
nn.Linaer(3, 2)  # type: ignore[attr-defined]
x.shapes  # type: ignore[attr-defined]
x.max(dim=1).value  # type: ignore[attr-defined]
torch.linalg.svd(x).V  # type: ignore[attr-defined]
optim.SDG(model.parameters(), lr=0.1)  # type: ignore[attr-defined]

# arguments of methods and functions
x.shape = x.shape  # type: ignore[misc]
x.sum(dmi=0)  # type: ignore[call-arg]
x.size("0")  # type: ignore[call-overload]
x.max(dim="1")  # type: ignore[call-overload]
x.split("2")  # type: ignore[arg-type]
x.requires_grad_("yes")  # type: ignore[arg-type]
x.backward(retain=True)  # type: ignore[call-arg]
x + "1"  # type: ignore[operator]
x - [1, 2, 3]  # type: ignore[operator]
x @ None  # type: ignore[operator]
rows: str = x.shape[0]  # type: ignore[assignment]
torch.cat(x, y)  # type: ignore[call-overload]
torch.stack(x, y)  # type: ignore[call-overload]
torch.where(x > 0, x)  # type: ignore[call-overload]
torch.topk(x)  # type: ignore[call-overload]
torch.save(model)  # type: ignore[call-arg]
best, indices, more = x.max(dim=1)  # type: ignore[misc]
torch.autograd.grad(x.sum())  # type: ignore[call-arg]

# losses, layers, optimisers, data
F.cross_entropy(x)  # type: ignore[call-overload]
F.cross_entropy(x, labels, reductions="mean")  # type: ignore[call-overload]
F.mse_loss(x, "y")  # type: ignore[call-overload]
F.dropout(x, p="0.5")  # type: ignore[call-overload]
nn.Linear(3)  # type: ignore[call-arg]
nn.Linear("3", 2)  # type: ignore[arg-type]
nn.Conv2d(1, 8)  # type: ignore[call-arg]
nn.LSTM(3, 4, bacth_first=True)  # type: ignore[call-arg]
nn.CrossEntropyLoss(smoothing=0.1)  # type: ignore[call-arg]
nn.Dropout(p="0.5")  # type: ignore[arg-type]
model.train("yes")  # type: ignore[arg-type]
model.load_state_dict()  # type: ignore[call-arg]
optim.Adam(lr=0.1)  # type: ignore[call-arg]
optim.SGD(model.parameters(), lr="0.1")  # type: ignore[arg-type]
optim.Adam(model.parameters(), beta=(0.9, 0.99))  # type: ignore[call-arg]
optim.lr_scheduler.StepLR(optim.SGD(model.parameters(), lr=0.1))  # type: ignore[call-arg]
DataLoader(batch_size=4)  # type: ignore[call-arg]
DataLoader([x], batch_size="4")  # type: ignore[arg-type]


# decorators and transforms keep the signature
@torch.no_grad()
def scaled(x: Tensor, times: int = 2) -> Tensor:
    return x * times


scaled()  # type: ignore[call-arg]
scaled(x, times="2")  # type: ignore[arg-type]
scaled(x).shapes  # type: ignore[attr-defined]
torch.vmap(scaled)(x, 2, 3)  # type: ignore[call-arg]
torch.inference_mode(mode="on")  # type: ignore[call-overload]
