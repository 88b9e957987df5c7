"""Optimisers' kernels: the same trajectory as on the CPU for every setting, sizes, rungs, and
states that travel between devices.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn, optim
from tinygrad_edu.devices.rungs import Handle
from tinygrad_edu.engine.device import get_device

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
SHAPES = [(1,), (3,), (4, 5), (257,), (8, 2, 16)]
SETTINGS = [
    (optim.SGD, {}),
    (optim.SGD, {"weight_decay": 0.1}),
    (optim.SGD, {"momentum": 0.9}),
    (optim.SGD, {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01}),
    (optim.SGD, {"momentum": 0.8, "dampening": 0.3, "maximize": True}),
    (optim.Adam, {}),
    (optim.Adam, {"weight_decay": 0.1, "betas": (0.8, 0.95), "eps": 1e-3}),
    (optim.Adam, {"amsgrad": True, "maximize": True}),
    (optim.AdamW, {"weight_decay": 0.1}),
    (optim.AdamW, {"amsgrad": True, "betas": (0.0, 0.9)}),
    (optim.Adam, {"capturable": True}),
    (optim.AdamW, {"capturable": True, "amsgrad": True}),
]
IDS = ["-".join([c.__name__, *s]) for c, s in SETTINGS]


def parameters(device):
    rng = np.random.default_rng(0)
    return [
        nn.Parameter(tg.tensor(rng.standard_normal(shape).astype(np.float32)).to(device))
        for shape in SHAPES
    ]


def walk(optimizer, params, steps, begin=0):
    for k in range(begin, begin + steps):
        for i, p in enumerate(params):
            p.grad = (
                tg.tensor(
                    np.cos(np.arange(p.numel(), dtype=np.float32) * (i + 1) + k).reshape(p.shape)
                    * 0.3
                ).to(p.device)
                + p.detach() * 0.1
            )
        optimizer.step()
    return [p.detach().cpu().numpy() for p in params]


def launched(monkeypatch):
    """The names of the kernels that run from now on."""
    names, plain = [], Handle.__call__
    monkeypatch.setattr(
        Handle,
        "__call__",
        lambda self, *args, **more: (names.append(self.rung.name), plain(self, *args, **more))[1],
    )
    return names


@pytest.mark.parametrize("rung", [0, 1, 2])
@pytest.mark.parametrize("kind, settings", SETTINGS, ids=IDS)
def test_twenty_steps_are_the_cpus(kind, settings, rung, monkeypatch):
    names = launched(monkeypatch)
    ours, theirs = parameters("emu"), parameters("cpu")
    with tg.use_kernel(**{"sgd_update" if kind is optim.SGD else "adam_update": rung}):
        mine = walk(kind(ours, lr=0.01, **settings), ours, 20)
    for a, b in zip(
        mine,
        walk(
            kind(
                theirs,
                lr=0.01,
                **{**settings, "capturable": False} if kind is not optim.SGD else settings,
            ),
            theirs,
            20,
        ),
    ):
        np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6)
    assert sum("_update_" in n for n in names) == (len(SHAPES) * 20 if rung else 0), (
        "one launch a parameter"
    )


def test_the_ladder_takes_its_highest_rung_and_leaves_float64_and_views_to_arrays(monkeypatch):
    names = launched(monkeypatch)
    base = tg.zeros(4, 6).to("emu")
    params = [
        nn.Parameter(tg.ones(5).to("emu")),
        nn.Parameter(tg.ones(5, dtype=tg.float64).to("emu")),
        base[:, ::2].detach().requires_grad_(),
    ]
    optimizer = optim.Adam(params, lr=0.1)
    for p in params:
        p.grad = tg.ones(*p.shape, dtype=p.dtype).to("emu")
    optimizer.step()
    assert [n for n in names if "update" in n] == ["adam_update_2_vectors"]
    assert (
        np.allclose(base.cpu().numpy()[:, ::2], -0.1) and (base.cpu().numpy()[:, 1::2] == 0).all()
    )


@pytest.mark.parametrize("kind, settings", SETTINGS, ids=IDS)
@pytest.mark.parametrize("there, back", [("emu", "cpu"), ("cpu", "emu")])
def test_a_state_goes_on_on_the_other_device(kind, settings, there, back):
    first, second, whole = parameters(there), parameters(back), parameters("cpu")
    a, b = kind(first, lr=0.01, **settings), kind(second, lr=5.0, **settings)
    walk(a, first, 5)
    b.load_state_dict(a.state_dict())
    for p, q in zip(second, first):
        p.data = q.detach().to(back)
    for x, y in zip(walk(b, second, 5, 5), walk(kind(whole, lr=0.01, **settings), whole, 10)):
        np.testing.assert_allclose(x, y, rtol=2e-5, atol=2e-6)


def test_a_step_of_a_capturable_optimiser_asks_the_device_for_nothing(monkeypatch):
    """What a captured graph replays: the count and the rate lie on the device."""
    params = parameters("emu")
    optimizer = optim.AdamW(params, lr=tg.tensor(0.01).to("emu"), capturable=True)
    walk(optimizer, params, 2)
    for p in params:
        p.grad = tg.ones(*p.shape).to("emu")
    monkeypatch.setattr(
        get_device("emu"), "to_host", lambda array: pytest.fail("copied to the CPU")
    )
    before = [optimizer.state[p]["step"].array for p in params]
    optimizer.step()
    assert (
        all(optimizer.state[p]["step"].array is a for p, a in zip(params, before))
        and float(before[0].host) == 3
    )


def test_a_nan_in_a_gradient_shows_in_its_parameter_alone():
    params = parameters("emu")
    optimizer = optim.Adam(params, lr=0.01, amsgrad=True)
    walk(optimizer, params, 1)
    for p in params:
        p.grad = tg.ones(*p.shape).to("emu")
    params[3].grad[5] = float("nan")
    optimizer.step()
    nans = [np.isnan(p.detach().cpu().numpy()).sum() for p in params]
    assert nans == [0, 0, 0, 1, 0]


# ---- gradient clipping ----


@pytest.mark.parametrize("norm_rung", [0, 1, 2])
@pytest.mark.parametrize("clip_rung", [0, 1, 2])
@pytest.mark.parametrize("most", [0.5, 1e6])
def test_clipping_is_the_cpus(norm_rung, clip_rung, most):
    results = []
    for device in ("cpu", "emu"):
        params = parameters(device)
        for i, p in enumerate(params):
            p.grad = tg.tensor(
                np.sin(np.arange(p.numel(), dtype=np.float32) * (i + 2)).reshape(p.shape)
            ).to(device)
        with tg.use_kernel(norm_update=norm_rung, clip_update=clip_rung):
            norm = nn.utils.clip_grad_norm_(params, most)
        results.append([norm.cpu().numpy(), *(p.grad.cpu().numpy() for p in params)])
        assert norm.shape == ()
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-5)


@pytest.mark.parametrize("odd", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_shows_or_raises_as_on_the_cpu(odd):
    params = parameters("emu")
    for p in params:
        p.grad = tg.ones(*p.shape).to("emu")
    params[2].grad[1, 1] = odd
    with pytest.raises(RuntimeError, match="must be finite"):
        nn.utils.clip_grad_norm_(params, 1.0, error_if_nonfinite=True)
    with np.errstate(invalid="ignore"):
        nn.utils.clip_grad_norm_(params, 1.0)
    first, third = params[0].grad.cpu().numpy(), params[2].grad.cpu().numpy()
    assert np.isnan(first).all() if odd != odd else (first == 0).all() and np.isnan(third[1, 1])


def test_clipping_asks_the_device_for_nothing(monkeypatch):
    params = parameters("emu")
    for p in params:
        p.grad = tg.ones(*p.shape).to("emu")
    monkeypatch.setattr(
        get_device("emu"), "to_host", lambda array: pytest.fail("copied to the CPU")
    )
    nn.utils.clip_grad_norm_(params, 1.0)


def test_a_large_gradient_takes_many_blocks():
    x = nn.Parameter(tg.zeros(300001).to("emu"))
    x.grad = tg.full((300001,), 0.5).to("emu")
    assert abs(float(nn.utils.clip_grad_norm_([x], 1.0)) - 0.5 * 300001**0.5) < 1e-2
    assert np.allclose(x.grad.cpu().numpy(), 1 / 300001**0.5, rtol=1e-5)
