"""Networks train on the emulator as on the cpu: every kernel on the way, forward and backward,
gives the same losses.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.nn import functional as F

DEVICES = [
    pytest.param(
        "emu", marks=pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
]


class CNN(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(4, 8, 3),
            nn.GELU(),
            nn.Flatten(),
            nn.Linear(8 * 4, 5),
        )

    def forward(self, x):  # (N, 8, 8)
        return self.body(x.unsqueeze(1))


class LSTM(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers, self.head = nn.LSTM(8, 12, num_layers=2, batch_first=True), nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.layers(x)[0][:, -1])


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.block, self.head = (
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, activation="gelu", batch_first=True),
            nn.Linear(8, 5),
        )

    def forward(self, x):
        return self.head(self.block(x).mean(1))


OPTIMIZERS = {
    CNN: lambda p: optim.SGD(p, lr=0.1, momentum=0.9),
    LSTM: lambda p: optim.Adam(p, lr=0.02),
    Transformer: lambda p: optim.AdamW(p, lr=0.01),
}


def losses(kind, device, steps=12):
    """The loss of each step from the same weights on the same batches."""
    tg.manual_seed(0)
    model = kind().to(device)
    optimizer = OPTIMIZERS[kind](model.parameters())
    rng = np.random.default_rng(0)
    found = []
    for _ in range(steps):
        x = tg.tensor(rng.standard_normal((10, 8, 8)), dtype=tg.float32).to(device)
        y = tg.tensor(rng.integers(0, 5, 10)).to(device)
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", [CNN, LSTM, Transformer])
def test_losses_are_the_cpus(device, kind):
    np.testing.assert_allclose(losses(kind, device), losses(kind, "cpu"), atol=1e-4)


@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
def test_training_uses_the_kernels():
    with tg.profile(flops=False) as p:
        losses(Transformer, "emu", steps=1)
    ran = {
        rung.op
        for report in p.launches
        for rungs in ladders.values()
        for rung in rungs
        if rung.name == report.kernel
    }
    assert not p.problems
    assert {
        "matmul",
        "linear",
        "layer_normalization",
        "layer_normalization_backward",
        "class_cross_entropy",
        "class_cross_entropy_backward",
        "attention",
        "attention_backward",
        "gelu",
        "adam_update",
    } <= ran
