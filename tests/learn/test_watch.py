"""watch(): each illness that a network is built to have is found, a healthy one has no finding, and
watching changes nothing.
"""

from __future__ import annotations

import sys

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.engine.errors import DTypeError
from tinygrad_edu.nn import functional as F


def task(features=8, classes=3, count=24):
    """Points of a few classes that a straight line almost divides."""
    tg.manual_seed(0)
    x = tg.randn(count, features)
    return x, (x @ tg.randn(features, classes)).argmax(1)


def train(model, steps=12, lr=0.1, make=optim.SGD, watched=True, **options):
    """Train a while, watched; the findings' kinds and the whole."""
    x, y = task(options.pop("features", 8))
    optimizer = make(options.pop("params", None) or model.parameters(), lr=lr)
    health = tg.watch(model, optimizer if watched else None, **options)
    for _ in range(steps):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return {f.kind: f for f in health.report().findings}, health


def net(*sizes, activation=nn.ReLU, last=3):
    tg.manual_seed(0)
    parts = []
    for a, b in zip(sizes, sizes[1:]):
        parts += [nn.Linear(a, b), activation()]
    return nn.Sequential(*parts, nn.Linear(sizes[-1], last))


# ---- the healthy ----


@pytest.mark.parametrize("make, lr", [(optim.SGD, 0.1), (optim.Adam, 1e-2)], ids=["SGD", "Adam"])
@pytest.mark.parametrize("activation", [nn.ReLU, nn.Tanh, nn.GELU, nn.Sigmoid])
def test_a_healthy_training_has_no_finding(activation, make, lr):
    found, health = train(net(8, 16, 16, activation=activation), 25, lr, make)
    assert not found, health.report()
    assert "Nothing stands out." in str(health.report())


class Cells(nn.Module):
    """A cell that reads the features one by one."""

    def __init__(self, cell, factor=1.0):
        super().__init__()
        tg.manual_seed(0)
        self.cell, self.last = cell, nn.Linear(6, 3)
        with tg.no_grad():
            cell.weight_hh.mul_(factor)

    def forward(self, x):
        h = tg.zeros(len(x), 6)
        for i in range(x.shape[1]):
            h = self.cell(x[:, i : i + 1], h)
        return self.last(h)


def test_healthy_networks_of_other_kinds_have_no_finding():
    from tinygrad_edu.models.gpt import GPT

    class Classes(GPT):
        def forward(self, x):
            return super().forward(x.abs().mul(4).long().clamp(0, 9)).mean(1)[:, :3]

    tg.manual_seed(0)
    conv = nn.Sequential(
        nn.Unflatten(1, (1, 2, 4)), nn.Conv2d(1, 8, 2), nn.BatchNorm2d(8), nn.ReLU(inplace=True),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(24, 3)
    )  # fmt: skip
    gpt = Classes(10, layers=2, heads=2, width=16, context=8)
    for model in (conv, gpt, Cells(nn.RNNCell(1, 6)), Cells(nn.GRUCell(1, 6))):
        found, health = train(model, 12, 3e-3, optim.Adam)
        assert not found, health.report()


# ---- the ill ----


def test_units_that_no_input_reaches_are_found():
    model = net(8, 16, 16)
    with tg.no_grad():
        model[0].bias[:10] = -50.0  # 10 of 16 never fire
    found, _ = train(model)
    dead = found.pop("dead units")
    assert dead.where == "0" and "62 % of the 16 units of 0 (Linear)" in dead.says
    assert "LeakyReLU" in dead.to_try and not found


def test_dead_units_are_found_where_relu_is_a_function():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 10), nn.Linear(10, 3)

        def forward(self, x):
            return self.b(F.relu(self.a(x)))

    tg.manual_seed(0)
    model = Net()
    with tg.no_grad():
        model.a.bias[:5] = -50.0
    assert train(model)[0]["dead units"].where == "a"


def test_vanishing_gradients_are_found():
    found, _ = train(net(8, *[8] * 9, activation=nn.Sigmoid))
    assert found["vanishing"].where == "0" and "ReLU" in found["vanishing"].to_try


def test_exploding_gradients_are_found():
    model = net(8, *[32] * 8)
    with tg.no_grad():
        for layer in model:
            if isinstance(layer, nn.Linear):
                layer.weight.mul_(12)
    found, _ = train(model, lr=1e-30)
    assert found["exploding"].where == "0" and "way back" in found["exploding"].says
    assert "large outputs" in found


def test_a_spike_of_the_gradients_is_found():
    model, (x, y) = net(8, 16), task()
    optimizer = optim.SGD(model.parameters(), lr=1e-4)
    with tg.watch(model, optimizer) as health:
        for step in range(12):
            optimizer.zero_grad()
            (F.cross_entropy(model(x), y) * (1000 if step == 7 else 1)).backward()
            optimizer.step()
    (found,) = health.report().findings
    assert found.kind == "exploding" and "in step 7" in found.says
    assert "clip_grad_norm_" in found.to_try


@pytest.mark.parametrize("factor, kind", [(1e-3, "vanishing"), (30.0, "exploding")])
def test_what_happens_through_time_is_found(factor, kind):
    cell = nn.RNNCell(1, 6, nonlinearity="relu")
    found, _ = train(Cells(cell, factor), lr=1e-30)
    assert found[kind].where == "cell" and "through time" in found[kind].says


def test_saturated_layers_are_found():
    model = net(8, 16, activation=nn.Tanh)
    with tg.no_grad():
        model[0].weight.mul_(60)
    found, _ = train(model, lr=1e-3)
    assert found["saturated"].where == "1" and "xavier" in found["saturated"].to_try


def test_the_first_nan_is_found_with_its_step_and_place():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.calls = nn.Linear(8, 8), nn.Linear(8, 3), 0

        def forward(self, x):
            self.calls += 1
            h = self.a(x)
            return self.b(h.log() if self.calls == 5 else h)

    found, health = train(Net())
    assert found["nan"].where == "b" and "in step 4" in found["nan"].says
    assert "detect_anomaly" in found["nan"].to_try
    assert health.report().findings[0].kind == "nan"


def test_a_nan_that_begins_in_a_gradient_is_told_from_one_in_an_output():
    class Net(nn.Linear):
        def forward(self, x):
            out = super().forward(x)
            return out + (out * 0).sqrt()  # finite, with derivative 0 times infinity

    found, _ = train(Net(8, 3))
    assert "in the gradient of bias, with finite outputs" in found["nan"].says


def test_steps_that_are_too_large_and_too_small_are_found():
    found, _ = train(net(8, 16), lr=10.0)
    assert "smaller" in found["steps too large"].to_try
    found, _ = train(net(8, 16), lr=1e-8)
    assert {*found} == {"steps too small"} and "larger" in found["steps too small"].to_try


def test_forgotten_zero_grad_is_found():
    model, (x, y) = net(8, 16), task()
    optimizer = optim.SGD(model.parameters(), lr=1e-3)
    health = tg.watch(model, optimizer)
    for i in range(10):
        F.cross_entropy(model(x[i : i + 3]), y[i : i + 3]).backward()
        optimizer.step()
    assert "zero_grad" in {f.kind: f for f in health.report().findings}["not zeroed"].to_try


def test_gradients_of_several_batches_and_clipping_are_no_leftover():
    model, (x, y) = net(8, 16), task()
    optimizer = optim.SGD(model.parameters(), lr=1e-2)
    health = tg.watch(model, optimizer)
    for _ in range(10):
        for i in range(3):
            F.cross_entropy(model(x[i : i + 5]), y[i : i + 5]).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 0.1)
        optimizer.step()
        optimizer.zero_grad()
    assert not health.report().findings


def test_a_layer_that_no_gradient_reaches_is_found():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b = nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.b(self.a(x).detach())

    found, _ = train(Net())
    assert found["no gradient"].where == "a.weight" and "detach" in found["no gradient"].to_try


def test_a_layer_that_the_optimizer_does_not_have_is_found():
    model = net(8, 16)
    found, _ = train(model, params=[*model[2].parameters()])
    assert found["left out"].where == "0.weight" and "1 more" in found["left out"].says


# ---- what is measured ----


def test_the_numbers_are_those_of_the_training():
    model, (x, y) = net(8, 16), task()
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    health = tg.watch(model, optimizer)
    before = model[0].weight.detach().clone()
    hidden = model[0](x)
    hidden.retain_grad()
    F.cross_entropy(model[2](F.relu(hidden)), y).backward()
    grad, at_hidden = model[0].weight.grad.numpy().copy(), hidden.grad.numpy().copy()
    health.fresh()
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    (step,) = health.steps
    weight = step.weights["0.weight"]
    assert weight.rms == pytest.approx(np.sqrt(np.mean(before.numpy() ** 2)))
    assert weight.grad == pytest.approx(np.sqrt(np.mean(grad**2)))
    assert weight.update == pytest.approx(0.5 * weight.grad, rel=1e-4)
    assert step.layers["0"].grads == [pytest.approx(np.linalg.norm(at_hidden))]
    assert step.layers["0"].rms == pytest.approx(np.sqrt(np.mean(hidden.detach().numpy() ** 2)))
    assert step.layers["1"].zeros == pytest.approx(np.mean(hidden.detach().numpy() <= 0))


def test_without_the_optimizer_steps_are_told_by_the_weights():
    with_it, without = train(net(8, 16))[1], train(net(8, 16), watched=False)[1]
    assert len(with_it.steps) == len(without.steps) == 12
    for a, b in zip(with_it.steps, without.steps):
        assert a.weights == b.weights and a.layers == b.layers


def test_every_measures_some_steps():
    for watched in (True, False):
        _, health = train(net(8, 16), every=5, watched=watched)
        assert [step.number for step in health.steps] == [0, 5, 10] and health.count == 12
    with pytest.raises(tg.ShapeError, match="every must be 1 or more, got 0"):
        tg.watch(net(8), every=0)


def test_evaluation_and_calls_without_a_graph_do_not_count():
    model, (x, _) = net(8, 16), task()
    health = tg.watch(model)
    with tg.no_grad():
        model(x)
    model.eval()
    model(x).sum().backward()
    assert not health.layers and not health.steps and not health.report().findings


def test_watching_changes_no_number_and_leaves_nothing_behind():
    weights = []
    for watched in (False, True):
        model, (x, y) = net(8, 16), task()
        optimizer = optim.Adam(model.parameters(), lr=1e-2)
        health = tg.watch(model, optimizer) if watched else None
        for _ in range(5):
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
        weights.append([p.tolist() for p in model.parameters()])
    assert weights[0] == weights[1]
    health.remove()
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())
    assert not optimizer._pre_hooks and not optimizer._post_hooks
    assert not any(p.node.hooks or p.node.after for p in model.parameters())
    F.cross_entropy(model(x), y).backward()
    optimizer.step()
    assert len(health.steps) == 5


def test_the_plot_shows_each_layer(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed; pip install matplotlib")
    from matplotlib.image import imread

    _, health = train(net(8, 16))
    health.plot(tmp_path / "health.png")
    assert imread(tmp_path / "health.png").std() > 0.05
    monkeypatch.setitem(sys.modules, "tinygrad_edu.learn.curves", None)
    with pytest.raises(ImportError, match=r"tinygrad_edu\[cli\]"):
        health.plot(tmp_path / "other.png")


def test_what_is_no_module_is_refused_by_name():
    with pytest.raises(DTypeError, match="watch: model must be a Module, got int"):
        tg.watch(3)
