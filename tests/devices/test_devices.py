"""Every op of the registry on every device: values, and gradients of two orders, are the cpu's."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from support.ops import CASES, RANDOM, differentiable, results, tensors

import tinygrad_edu as tg

DEVICES = [
    pytest.param(
        "emu", marks=pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
]
NOT_UNIQUE = {"linalg_eigh", "linalg_qr", "linalg_svd", "svd", "qr"}  # rounding may turn a sign


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(
    ("name", "case"), [c for c in CASES if c.values[0] not in RANDOM | NOT_UNIQUE]
)
def test_values_and_gradients_are_the_cpus(device, name, case):
    order = (
        (2 if case.second else 1)
        if differentiable(name, case, tensors(case.make("float64")))
        else 0
    )
    for here, there in zip(
        results(name, case, "cpu", order), results(name, case, device, order), strict=True
    ):
        assert (here is None) == (there is None)
        if here is not None:
            assert (
                there.device.type == device
                and there.dtype == here.dtype
                and there.shape == here.shape
            )
            loose = 1e-3 if here.dtype == tg.float16 else 2e-5
            expected = here.detach().numpy()
            scale = (
                np.abs(expected[np.isfinite(expected)]).max(initial=1.0)
                if expected.dtype.kind == "f"
                else 1.0
            )
            np.testing.assert_allclose(
                there.detach().cpu().numpy(), expected, rtol=loose, atol=loose * scale
            )
