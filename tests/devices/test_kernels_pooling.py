"""Pooling's kernels and those of its gradients: every rung equals the generic forward, winners
included.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.engine.device import get_device
from tinygrad_edu.engine.errors import ShapeError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
CASES = [  # shape, kernel, stride, padding, dilation, ceil_mode
    ((2, 3, 7, 5), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 7, 5), (3, 2), (2, 1), (1, 1), (1, 1), True),
    ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), (1, 1), False),
    ((1, 2, 9, 11), (2, 3), (1, 2), (0, 1), (3, 2), False),
    ((3, 1, 5, 5), (2, 2), (4, 3), (1, 1), (1, 1), True),
    ((2, 3, 11), (3,), (2,), (1,), (1,), True),
    ((1, 4, 8), (2,), (2,), (0,), (1,), False),
    ((1, 1, 20, 20), (15, 16), (2, 2), (3, 4), (1, 1), False),
    ((1, 1, 1, 3), (2, 2), (1, 1), (1, 1), (1, 2), False),
]
PAIRS = [
    ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((1, 1, 2, 4), (2, 2), (2, 2), (0, 0), (1, 1), True),
    ((3, 5, 28, 28), (2, 2), (2, 2), (0, 0), (1, 1), False),
]


def rungs(op):
    return [
        pytest.param(op, f"{r.number}{r.track}", CASES if r.idea != "pairs" else PAIRS, id=r.name)
        for r in ladders[op]
    ]


def images(shape):
    """Numbers with ties, rows of -infinity, infinity and a few NaN."""
    rng = np.random.default_rng(3)
    x = np.round(rng.standard_normal(shape) * 2).astype(np.float32)
    yield x
    flat = x.copy().reshape(-1)
    flat[rng.random(flat.size) < 0.3] = -np.inf
    flat[rng.random(flat.size) < 0.05] = np.nan
    flat[rng.random(flat.size) < 0.05] = np.inf
    yield flat.reshape(shape)
    yield np.full(shape, -np.inf, np.float32)


def both(op, rung, arrays, *attrs):
    """The op's results on emu by a rung, and on the cpu; with residuals where it has them."""
    emu, cpu = get_device("emu"), get_device("cpu")
    name = op
    with tg.use_kernel(**{op: rung}):
        mine = getattr(emu.F, name)(*(emu.asarray(a) for a in arrays), *attrs)
    theirs = getattr(cpu.F, name)(*arrays, *attrs)
    mine, theirs = (r if isinstance(r, tuple) else (r,) for r in (mine, theirs))
    return [emu.to_host(m) for m in mine], list(theirs)


@pytest.mark.parametrize("op, rung, cases", rungs("max_pool"))
def test_maximum_and_winner_are_the_generic_forwards(op, rung, cases):
    for shape, *attrs in cases:
        for x in images(shape):
            mine, theirs = both(op, rung, (x,), *attrs)
            for a, b in zip(mine, theirs):
                assert a.dtype == b.dtype and np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), (
                    shape,
                    attrs,
                )


@pytest.mark.parametrize("op, rung, cases", [*rungs("max_pool_spread"), *rungs("max_pool_take")])
def test_what_winners_get_and_give_is_the_generic_forwards(op, rung, cases):
    for shape, kernel, stride, padding, dilation, ceil_mode in cases:
        x = next(images(shape))
        out, winners = get_device("cpu").F.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
        given = (
            (np.cos(np.arange(out.size, dtype=np.float32)).reshape(out.shape), winners)
            if op == "max_pool_spread"
            else (x, winners)
        )
        mine, theirs = both(
            op,
            rung,
            given,
            *([shape] if op == "max_pool_spread" else []),
            kernel,
            stride,
            padding,
            dilation,
        )
        np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("op, rung, cases", [*rungs("sum_pool"), *rungs("sum_spread")])
def test_sums_are_the_generic_forwards(op, rung, cases):
    for shape, kernel, stride, padding, _, _ in cases:
        for high in (
            (padding, tuple(p + 2 for p in padding), tuple(-1 for _ in padding))
            if cases is CASES
            else [padding]
        ):
            x = np.random.default_rng(2).standard_normal(shape).astype(np.float32)
            if any(n + p + max(h, 0) < k for n, p, h, k in zip(shape[2:], padding, high, kernel)):
                continue
            if op == "sum_spread":
                x = np.sin(get_device("cpu").F.sum_pool(x, kernel, stride, padding, high) * 9)
            mine, theirs = both(
                op,
                rung,
                (x,),
                *([shape] if op == "sum_spread" else []),
                kernel,
                stride,
                padding,
                high,
            )
            assert mine[0].shape == theirs[0].shape
            np.testing.assert_allclose(mine[0], theirs[0], rtol=1e-5, atol=1e-5)


def test_the_ladder_takes_the_highest_rung_and_leaves_the_rest_to_the_generic_forward():
    x = tg.arange(64.0).reshape(1, 1, 8, 8).to("emu")
    for size in (2, 3):
        assert (
            tg.nn.functional.max_pool2d(x, size)
            .cpu()
            .equal(tg.nn.functional.max_pool2d(x.cpu(), size))
        )
    wide = tg.randn(1, 1, 40, 40)
    # winners of four bytes
    assert (
        tg.nn.functional.max_pool2d(wide.to("emu"), 17, 1)
        .cpu()
        .equal(tg.nn.functional.max_pool2d(wide, 17, 1))
    )
    assert tg.nn.functional.max_pool3d(tg.randn(1, 1, 4, 4, 4).to("emu"), 2).shape == (
        1,
        1,
        2,
        2,
        2,
    )
    assert tg.nn.functional.max_pool2d(tg.zeros(0, 1, 4, 4).to("emu"), 2).shape == (0, 1, 2, 2)
    with pytest.raises(ShapeError, match="must fit into"):
        tg.nn.functional.max_pool2d(x, 9)
