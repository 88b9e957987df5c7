"""Dropout's kernels: bit for bit the CPU's, whatever the size, the key and the rung."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.engine.device import get_device

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
RUNGS = [pytest.param(f"{r.number}{r.track}", id=r.name) for r in ladders["dropout_keyed"]]


@pytest.mark.parametrize("rung", RUNGS)
@pytest.mark.parametrize("key", [0, 1234, 2**63 - 1])
@pytest.mark.parametrize("p", [0.0, 0.2, 0.5, 0.999])
def test_the_bits_are_the_cpus(rung, key, p):
    emu, cpu = get_device("emu"), get_device("cpu")
    for n in (0, 1, 7, 8, 9, 100, 20011):
        x = np.random.default_rng(1).standard_normal(n).astype(np.float32)
        if n > 20:
            x[3], x[12], x[13] = np.nan, np.inf, -0.0
        with tg.use_kernel(dropout_keyed=rung):
            mine = emu.to_host(emu.F.dropout_keyed(emu.asarray(x), p, key))
        with np.errstate(invalid="ignore"):
            theirs = cpu.F.dropout_keyed(x, p, key)
        assert np.array_equal(np.isnan(mine), np.isnan(theirs)) and np.array_equal(
            mine[~np.isnan(mine)].view("u4"), theirs[~np.isnan(theirs)].view("u4")
        ), n


def test_the_words_are_those_of_numpys_generator():
    words = np.random.Philox(key=0).random_raw(1000).view(np.uint32)
    x = tg.ones(2000).to("emu")
    for t in (words[5], words[1999]):
        kept = get_device("emu").F.dropout_keyed(x.array, float(t) / 2**32, 0)
        assert np.array_equal(get_device("emu").to_host(kept) > 0, words >= t)


def test_modules_and_gradients_use_the_same_mask_on_both_devices():
    x = tg.rand(5, 7) + 1
    results = []
    for device in ("cpu", "emu"):
        tg.manual_seed(3)
        mine = x.detach().to(device).requires_grad_()
        out = tg.nn.Dropout(0.4)(mine)
        out.sum().backward()
        results.append((out.detach().cpu().numpy(), mine.grad.cpu().numpy()))
    for a, b in zip(*results):
        assert np.array_equal(a, b)
    assert (
        np.array_equal(results[0][1] > 0, results[0][0] > 0) and 0 < (results[0][0] > 0).sum() < 35
    )


def test_everything_dropped_and_other_dtypes_are_left_to_the_generic_forward():
    x = tg.ones(9).to("emu")
    assert float(tg.nn.functional.dropout(x, 1.0).sum()) == 0
    assert tg.nn.functional.dropout(x.double(), 0.5).dtype == tg.float64
