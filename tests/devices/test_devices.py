"""Every op of the registry on every device: values, and gradients of two orders, are the cpu's."""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from test_ops import (
    ALWAYS_FLOAT64,
    CASES,
    RANDOM,
    call_with,
    differentiable,
    leaves,
    outputs,
    tensors,
)

import tinygrad_edu as tg
from tinygrad_edu.engine.tensor import Tensor

DEVICES = [
    pytest.param(
        "emu", marks=pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
]
NOT_UNIQUE = {"linalg_eigh", "linalg_qr", "linalg_svd", "svd", "qr"}  # rounding may turn a sign


def weighted_sum(result):
    """A number that depends on every floating-point result, so that one backward pass tests them
    all.
    """
    total = None
    for out in outputs(result):
        if isinstance(out, Tensor) and out.is_floating_point() and out.requires_grad:
            weights = tg.tensor(
                np.cos(np.arange(out.numel())).reshape(out.shape), dtype=out.dtype
            ).to(out.device)
            term = (out * weights).sum()
            total = term if total is None else total + term
    return total


def run(name, case, device, order):
    """Results of the op's case on a device, with the gradients of that order."""
    tg.manual_seed(0)
    args = tensors(case.make("float64" if name in ALWAYS_FLOAT64 else "float32"))

    def move(a):
        return (
            tuple(move(b) for b in a)
            if isinstance(a, tuple)
            else (
                a.detach().to(device).requires_grad_(a.requires_grad)
                if isinstance(a, Tensor)
                else a
            )
        )

    args = [move(a) for a in args]
    xs = leaves(args)
    result = call_with(name, case, args)(*xs)
    if order == 0:
        return [o.detach() for o in outputs(result) if isinstance(o, Tensor)]
    wanted = [x for x in xs if x.requires_grad]
    total = weighted_sum(result)
    grads = tg.autograd.grad(total, wanted, create_graph=order == 2, allow_unused=True)
    if order == 1:
        return grads
    again = weighted_sum([g for g in grads if g is not None])
    return (
        (*grads, *tg.autograd.grad(again, wanted, allow_unused=True))
        if again is not None
        else grads
    )


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
        run(name, case, "cpu", order), run(name, case, device, order), strict=True
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
