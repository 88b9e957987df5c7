"""Less memory: recomputed blocks, a scaled loss, gradients added up over several batches."""

# tolerance: 0.03
# (autocast rounds to bfloat16 in PyTorch and not here)

import numpy as np
import torch
import torch.nn as nn
from common import numpy_weights
from torch.amp import GradScaler, autocast
from torch.utils.checkpoint import checkpoint

losses = []
rng = np.random.default_rng(0)
device = "cuda" if torch.cuda.is_available() else "cpu"


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(
            [nn.Sequential(nn.Linear(6, 6), nn.LayerNorm(6), nn.SiLU()) for _ in range(3)]
        )
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return self.head(x)


model = numpy_weights(Net()).to(device)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
scaler = GradScaler(device, init_scale=1024.0, growth_interval=2)
criterion = nn.CrossEntropyLoss()
for step in range(6):
    for _ in range(2):
        inputs = torch.from_numpy(rng.standard_normal((8, 6)).astype("float32")).to(device)
        target = torch.from_numpy(rng.integers(0, 3, 8)).to(device)
        with autocast(device_type=device, dtype=torch.bfloat16):
            loss = criterion(model(inputs).float(), target) / 2
        scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    torch.nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad(set_to_none=True)
    losses += [loss.item(), scaler.get_scale()]
    print("step", step, "loss", loss.item(), "scale", scaler.get_scale())
