"""Attention's kernels: every rung, forward and backward, equals the generic forward; large scores,
infinities and NaN behave as there.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.rungs import Handle
from tinygrad_edu.engine.device import get_device

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
# N, T, D, S, V
SHAPES = [
    (1, 1, 1, 1, 1),
    (2, 7, 5, 7, 5),
    (3, 33, 16, 40, 20),
    (1, 70, 128, 65, 128),
    (2, 5, 33, 100, 3),
    (1, 64, 32, 17, 64),
]


def rungs(op):
    return [pytest.param(f"{r.number}{r.track}", id=r.name) for r in ladders[op]]


EXACT = [p for p in rungs("attention") if p.values[0] != "4"]  # rung 4 rounds to 8 bits


def drawn(shape, large=1.0):
    N, T, D, S, V = shape
    rng = np.random.default_rng(T + S)
    return [
        (rng.standard_normal(s) * large).astype(np.float32)
        for s in ((N, T, D), (N, S, D), (N, S, V))
    ]


def on_emu(op, rung, arrays, *attrs):
    emu = get_device("emu")
    with tg.use_kernel(**{op: rung}):
        return [
            emu.to_host(a)
            for a in getattr(emu.F, op)(*map(emu.asarray, arrays), *attrs)
            if hasattr(a, "shape")
        ]


def generic(op, arrays, *attrs):
    return [a for a in getattr(get_device("cpu").F, op)(*arrays, *attrs) if hasattr(a, "shape")]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("rung", rungs("attention"))
def test_output_and_lse_are_the_generic_forwards(rung, causal):
    for shape in SHAPES:
        for mine, theirs in zip(
            on_emu("attention", rung, drawn(shape), None, 0.3, causal),
            generic("attention", drawn(shape), None, 0.3, causal),
        ):
            assert mine.shape == theirs.shape
            np.testing.assert_allclose(mine, theirs, rtol=2e-5, atol=2e-5 if rung != "4" else 3e-2)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("rung", rungs("attention_backward"))
def test_gradients_are_the_generic_forwards(rung, causal):
    for shape in SHAPES:
        q, k, v = drawn(shape)
        out, lse = generic("attention", (q, k, v), None, 0.3, causal)
        given = (
            np.cos(np.arange(out.size, dtype=np.float32)).reshape(out.shape),
            q,
            k,
            v,
            out,
            lse,
        )
        for mine, theirs in zip(
            on_emu("attention_backward", rung, given, None, 0.3, causal),
            generic("attention_backward", given, None, 0.3, causal),
        ):
            np.testing.assert_allclose(mine, theirs, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("rung", EXACT)
def test_scores_of_ten_thousand_choose_and_do_not_overflow(rung):
    q, k, v = drawn((2, 9, 8, 40, 6), large=60.0)
    mine, theirs = (
        on_emu("attention", rung, (q, k, v), None, 1.0),
        generic("attention", (q, k, v), None, 1.0),
    )
    assert np.abs(theirs[1]).max() > 1e4 and np.isfinite(mine[0]).all()
    # a score's own rounding is 1e-3
    np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-2, atol=1e-2)
    np.testing.assert_allclose(mine[1], theirs[1], rtol=1e-5)


@pytest.mark.parametrize("rung", rungs("attention"))
def test_infinities_and_nan_show_where_the_generic_forward_shows_them(rung):
    q, k, v = drawn((1, 6, 4, 50, 3))
    k[0, 3] = np.nan  # seen by all queries without a mask, with one by those from 3 on
    for causal in (False, True):
        mine, theirs = (
            on_emu("attention", rung, (q, k, v), None, 0.5, causal)[0],
            generic("attention", (q, k, v), None, 0.5, causal)[0],
        )
        assert np.array_equal(np.isnan(mine), np.isnan(theirs)) and np.isnan(theirs[0, 4]).all()
    q, k, v = drawn((1, 6, 4, 50, 3))
    q, k = np.abs(q), np.abs(k)
    k[0, :40] = -np.inf  # a whole tile of keys that no one looks at
    with np.errstate(invalid="ignore"):
        theirs = generic("attention", (q, k, v), None, 0.5)[0]
    assert np.isfinite(theirs).all()
    np.testing.assert_allclose(
        on_emu("attention", rung, (q, k, v), None, 0.5)[0],
        theirs,
        rtol=2e-5,
        atol=2e-5 if rung != "4" else 3e-2,
    )


@pytest.mark.parametrize("causal", [False, True])
def test_attention_of_heads_runs_on_kernels_and_equals_the_cpus_in_value_and_gradients(
    causal, monkeypatch
):
    names, plain = [], Handle.__call__
    monkeypatch.setattr(
        Handle,
        "__call__",
        lambda self, *args, **more: (names.append(self.rung.name), plain(self, *args, **more))[1],
    )
    results = []
    for device in ("cpu", "emu"):
        q, k, v = (
            tg.tensor(a.reshape(2, 3, *a.shape[1:])).to(device).requires_grad_()
            for a in drawn((6, 9, 8, 12, 8))
        )
        out = tg.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)
        out.square().sum().backward()
        results.append([t.detach().cpu().numpy() for t in (out, q.grad, k.grad, v.grad)])
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)
    assert (
        names.count("attention_3_registers") == 1
        and names.count("attention_backward_2_registers") == 2
    ), "one backward for three inputs"


def test_what_the_kernels_do_not_take_runs_elsewhere():
    F = tg.nn.functional
    q = tg.randn(1, 2, 3, 200)
    assert np.allclose(
        F.scaled_dot_product_attention(q.to("emu"), q.to("emu"), q.to("emu")).cpu().numpy(),
        F.scaled_dot_product_attention(q, q, q).numpy(),
        atol=1e-5,
    )
    x = tg.randn(2, 4, 3, 8).to("emu")
    mask = tg.ones(3, 3, dtype=tg.bool).tril().to("emu")
    assert np.allclose(
        F.scaled_dot_product_attention(x, x, x, mask).cpu().numpy(),
        F.scaled_dot_product_attention(x, x, x, is_causal=True).cpu().numpy(),
        atol=1e-6,
    )
    assert F.scaled_dot_product_attention(x, x[:, :2], x[:, :2], enable_gqa=True).shape == (
        2,
        4,
        3,
        8,
    )
    assert F.scaled_dot_product_attention(x[:0], x[:0], x[:0]).shape == (0, 4, 3, 8)
