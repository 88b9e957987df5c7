"""The recurrent kernels: every rung, forward and backward, residuals included, equals the generic
forward; whole layers equal the CPU's.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.rungs import Handle
from tinygrad_edu.engine.device import get_device

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
SIZES = [(1, 1, 1), (3, 2, 5), (2, 17, 16), (5, 3, 33), (2, 130, 4)]  # T, B, H
GATES = {"lstm": 4, "gru": 3, "rnn": 1}


def rungs(op):
    return [pytest.param(op, f"{r.number}{r.track}", id=r.name) for r in ladders[op]]


def inputs(kind, T, B, H, bias=True):
    rng = np.random.default_rng(T * B + H)
    gx, h, c, w, b = (
        rng.standard_normal(s).astype(np.float32) * 0.5
        for s in ((T, B, GATES[kind] * H), (B, H), (B, H), (GATES[kind] * H, H), (GATES[kind] * H,))
    )
    return {"lstm": [gx, h, c, w], "gru": [gx, h, w, b if bias else None], "rnn": [gx, h, w]}[kind]


def results_of(F, op, given, **attrs):
    """What the table's slot returns: the output, and the residuals of ops that have some."""
    results = getattr(F, op)(*given, **attrs)
    return list(results) if isinstance(results, tuple) else [results]


def on_emu(op, rung, given, **attrs):
    emu = get_device("emu")
    given = [None if g is None else emu.asarray(g) for g in given]
    with tg.use_kernel(**{op: rung}):
        return [emu.to_host(a) for a in results_of(emu.F, op, given, **attrs)]


def attributes(kind):
    return [{"nonlinearity": "tanh"}, {"nonlinearity": "relu"}] if kind == "rnn" else [{}]


@pytest.mark.parametrize("op, rung", [p for kind in GATES for p in rungs(f"{kind}_sequence")])
def test_output_and_residuals_are_the_generic_forwards(op, rung):
    kind = op.split("_")[0]
    for T, B, H in SIZES:
        if rung == "2" and B > 128:
            continue
        for bias in (True, False) if kind == "gru" else (True,):
            for attrs in attributes(kind):
                given = inputs(kind, T, B, H, bias)
                for mine, theirs in zip(
                    on_emu(op, rung, given, **attrs),
                    results_of(get_device("cpu").F, op, given, **attrs),
                    strict=True,
                ):
                    assert mine.shape == theirs.shape
                    np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "op, rung", [p for kind in GATES for p in rungs(f"{kind}_sequence_backward")]
)
def test_gradients_are_the_generic_forwards(op, rung):
    kind, F = op.split("_")[0], get_device("cpu").F
    for T, B, H in SIZES:
        for attrs in attributes(kind):
            given = inputs(kind, T, B, H)
            found = results_of(F, f"{kind}_sequence", given, **attrs)
            g = np.cos(np.arange(found[0].size, dtype=np.float32)).reshape(found[0].shape)
            states = given[1:4] if kind == "lstm" else given[1:3]
            for mine, theirs in zip(
                on_emu(op, rung, (g, *states, *found), **attrs),
                getattr(F, op)(g, *states, *found, **attrs),
                strict=True,
            ):
                assert mine.shape == theirs.shape
                np.testing.assert_allclose(mine, theirs, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("op, rung", [p for kind in GATES for p in rungs(f"{kind}_sequence")])
def test_a_nan_in_one_sequence_stays_in_it(op, rung):
    given = inputs(op.split("_")[0], 3, 4, 5)
    given[0][1, 2, 0] = np.nan
    out = on_emu(op, rung, given)[0]
    out = out.reshape(-1, 3, 4, 5)[0]
    assert np.isnan(out[1, 2]).sum() == 1 and np.isnan(out[2, 2]).all()
    assert np.isfinite(out[:, [0, 1, 3]]).all() and np.isfinite(out[0]).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: nn.LSTM(5, 7, 2, bidirectional=True),
        lambda: nn.GRU(5, 7, 2, batch_first=True),
        lambda: nn.RNN(5, 7, nonlinearity="relu"),
        lambda: nn.GRU(5, 7, bias=False),
    ],
    ids=["lstm", "gru", "rnn", "gru without bias"],
)
def test_whole_layers_run_on_kernels_and_equal_the_cpus(make, monkeypatch):
    names, plain = [], Handle.__call__
    monkeypatch.setattr(
        Handle,
        "__call__",
        lambda self, *args, **more: (names.append(self.rung.name), plain(self, *args, **more))[1],
    )
    results = []
    for device in ("cpu", "emu"):
        tg.manual_seed(1)
        layer, x = make().to(device), tg.randn(4, 6, 5).to(device).requires_grad_()
        out = layer(x)[0]
        out.square().sum().backward()
        results.append(
            [t.detach().cpu().numpy() for t in (out, x.grad, *(p.grad for p in layer.parameters()))]
        )
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert any(n.endswith("sequence_2_fused") for n in names) and any(
        n.endswith("sequence_backward_1_cell") for n in names
    )


def test_cells_run_on_emu_too():
    for cell in (nn.LSTMCell(3, 4), nn.GRUCell(3, 4), nn.RNNCell(3, 4)):
        x = tg.randn(2, 3)
        mine, theirs = cell.to("emu")(x.to("emu")), cell.to("cpu")(x)
        for a, b in zip(
            mine if isinstance(mine, tuple) else (mine,),
            theirs if isinstance(theirs, tuple) else (theirs,),
        ):
            np.testing.assert_allclose(
                a.detach().cpu().numpy(), b.detach().numpy(), rtol=1e-5, atol=1e-6
            )
