"""FlatParameter: the same training in one call a step, whatever clears or replaces gradients; what
would go wrong unseen is refused.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.devices.rungs import Handle
from tinygrad_edu.engine.errors import DTypeError, GraphError, ShapeError

DEVICES = [
    "cpu",
    pytest.param(
        "emu", marks=pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
    ),
]
x, y = np.random.default_rng(0).standard_normal((2, 9, 5)).astype(np.float32)


def make(device):
    tg.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.LayerNorm(7), nn.Linear(7, 5)).to(device)


def train(model, optimizer, clear, steps=6, clip=None):
    device, losses = next(model.parameters()).device, []
    for _ in range(steps):
        clear()
        loss = (model(tg.tensor(x).to(device)) - tg.tensor(y).to(device)).square().mean()
        loss.backward()
        if clip is not None:
            nn.utils.clip_grad_norm_(clip, 0.05)
        optimizer.step()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    "kind, settings", [(optim.SGD, {"momentum": 0.9}), (optim.AdamW, {}), (optim.RMSprop, {})]
)
def test_training_is_the_same_in_one_piece(device, kind, settings):
    separate = make("cpu")
    optimizer = kind(separate.parameters(), lr=0.02, **settings)
    expected = train(separate, optimizer, optimizer.zero_grad, clip=list(separate.parameters()))
    for way in ("zero_grad", "in place", "model"):
        model = make(device)
        flat = nn.utils.FlatParameter(model.parameters())
        optimizer = kind([flat], lr=0.02, **settings)
        clear = {
            "zero_grad": optimizer.zero_grad,
            "in place": lambda: optimizer.zero_grad(set_to_none=False),
            "model": model.zero_grad,
        }[way]  # noqa: B023
        np.testing.assert_allclose(train(model, optimizer, clear, clip=[flat]), expected, rtol=1e-5)
        for (name, a), b in zip(model.state_dict().items(), separate.state_dict().values()):
            np.testing.assert_allclose(
                a.cpu().numpy(), b.numpy(), rtol=2e-4, atol=1e-6, err_msg=name
            )


@pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
def test_a_step_on_a_kernel_device_is_one_launch(monkeypatch):
    model = make("emu")
    optimizer = optim.AdamW([nn.utils.FlatParameter(model.parameters())])
    train(model, optimizer, optimizer.zero_grad, 1)
    names, plain = [], Handle.__call__
    monkeypatch.setattr(
        Handle,
        "__call__",
        lambda self, *args, **more: (names.append(self.rung.name), plain(self, *args, **more))[1],
    )
    optimizer.step()
    assert names == ["adam_update_2_vectors"]


def test_values_names_and_files_of_the_model_stay(tmp_path):
    pytest.importorskip("safetensors")
    model, plain = make("cpu"), make("cpu")
    flat = nn.utils.FlatParameter(model.parameters())
    assert flat.numel() % 16 == 0 and float(flat.detach().square().sum()) == pytest.approx(
        sum(float(p.detach().square().sum()) for p in plain.parameters()), rel=1e-6
    )
    assert all(a.equal(b) for a, b in zip(model.state_dict().values(), plain.state_dict().values()))
    tg.save(model.state_dict(), tmp_path / "m.safetensors")
    plain.load_state_dict(tg.load(tmp_path / "m.safetensors"))
    model.load_state_dict({k: v * 2 for k, v in plain.state_dict().items()})
    assert float(flat.detach().abs().sum()) == pytest.approx(
        2 * sum(float(p.detach().abs().sum()) for p in plain.parameters()), rel=1e-6
    )


def test_a_parameter_that_leaves_the_flat_memory_is_noticed():
    model = make("cpu")
    optimizer = optim.SGD([nn.utils.FlatParameter(model.parameters())], lr=0.1)
    model[0].weight.data = tg.zeros(7, 5)
    with pytest.raises(GraphError, match="must stay in the flat memory"):
        train(model, optimizer, optimizer.zero_grad, 1)


def test_what_does_not_fit_into_one_piece_is_refused():
    a, b = nn.Parameter(tg.ones(2)), nn.Parameter(tg.ones(2, dtype=tg.float64))
    with pytest.raises(GraphError, match="at least one"):
        nn.utils.FlatParameter([])
    with pytest.raises(GraphError, match="require gradients"):
        nn.utils.FlatParameter([tg.ones(2)])
    with pytest.raises(DTypeError, match="one dtype"):
        nn.utils.FlatParameter([a, b])
    with pytest.raises(ShapeError, match="appear once"):
        nn.utils.FlatParameter([a, a])
