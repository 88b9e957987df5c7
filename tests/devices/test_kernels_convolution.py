"""Convolution's kernels and those of its gradients: every rung, with strides, padding, dilation and
groups, equals the generic forward.
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
CASES = [  # N, C, H, W, O, KH, KW, stride, padding, dilation, groups
    (2, 3, 7, 5, 4, 3, 3, (1, 1), (0, 0), (1, 1), 1),
    (1, 1, 1, 1, 1, 1, 1, (1, 1), (0, 0), (1, 1), 1),
    (3, 4, 9, 8, 6, 3, 2, (2, 1), (1, 2), (1, 1), 2),
    (2, 6, 8, 8, 6, 3, 3, (1, 1), (2, 2), (2, 2), 6),
    (1, 5, 6, 11, 17, 2, 5, (3, 2), (1, 4), (1, 2), 1),
    (2, 20, 5, 5, 18, 3, 3, (1, 1), (1, 1), (1, 1), 1),
]


def rungs(op):
    return [pytest.param(f"{r.number}{r.track}", id=r.name) for r in ladders[op]]


def setting(case):
    N, C, H, W, O, KH, KW, *rest = case
    rng = np.random.default_rng(1)
    return [
        rng.standard_normal(s).astype(np.float32)
        for s in ((N, C, H, W), (O, C // rest[3], KH, KW), (O,))
    ], rest


def on_emu(op, rung, arrays, *attrs):
    emu = get_device("emu")
    with tg.use_kernel(**{op: rung}):
        return emu.to_host(
            getattr(emu.F, op)(*(None if a is None else emu.asarray(a) for a in arrays), *attrs)
        )


@pytest.mark.parametrize("rung", rungs("convolution"))
@pytest.mark.parametrize("case", CASES)
def test_the_output_is_the_generic_forwards(rung, case):
    (x, w, b), attrs = setting(case)
    for bias in (b, None):
        np.testing.assert_allclose(
            on_emu("convolution", rung, (x, w, bias), *attrs),
            get_device("cpu").F.convolution(x, w, bias, *attrs),
            rtol=1e-5,
            atol=1e-5,
        )


@pytest.mark.parametrize(
    "op, rung",
    [
        pytest.param(op, p.values[0], id=p.id)
        for op in ("convolution_input", "convolution_weight")
        for p in rungs(op)
    ],
)
@pytest.mark.parametrize("case", CASES)
def test_the_gradients_are_the_generic_forwards(op, rung, case):
    (x, w, b), attrs = setting(case)
    F = get_device("cpu").F
    u = (
        np.cos(np.arange(F.convolution(x, w, b, *attrs).size))
        .astype(np.float32)
        .reshape(F.convolution(x, w, b, *attrs).shape)
    )
    given = (u, w) if op == "convolution_input" else (u, x)
    size = x.shape if op == "convolution_input" else w.shape
    np.testing.assert_allclose(
        on_emu(op, rung, given, size, *attrs),
        getattr(F, op)(*given, size, *attrs),
        rtol=1e-5,
        atol=1e-5,
    )


def test_nothing_and_mistakes_are_left_to_the_generic_forward():
    emu = get_device("emu")
    assert emu.F.convolution(
        emu.asarray(np.zeros((0, 2, 4, 4), "f")), emu.asarray(np.zeros((3, 2, 2, 2), "f"))
    ).shape == (0, 3, 3, 3)
    with pytest.raises(ShapeError, match="input channels"):
        tg.nn.functional.conv2d(tg.zeros(1, 3, 4, 4).to("emu"), tg.zeros(2, 2, 3, 3).to("emu"))
    x = tg.randn(2, 3, 8).to("emu")  # one dim: no kernel
    assert tg.nn.functional.conv1d(x, tg.randn(4, 3, 3).to("emu")).shape == (2, 4, 6)
