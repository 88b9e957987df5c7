"""The ladders: every rung of every op against the generic forward, on the emulator (and on a GPU
where there is one).
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest
from support.ops import OPS, call_with, leaves, outputs, tensors

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.devices.launch.elementwise import (
    GENERATED,
    Generated,
    broadcast,
    collapse,
    source,
)
from tinygrad_edu.engine.device import get_device, registry
from tinygrad_edu.engine.errors import KernelError
from tinygrad_edu.engine.tensor import Tensor

DEVICES = [
    pytest.param(
        "emu", marks=pytest.mark.skipif(shutil.which("g++") is None, reason="emu needs g++")
    ),
    pytest.param("cuda", marks=pytest.mark.cuda),
]
RUNGS = [
    pytest.param(op, f"{r.number}{r.track}", id=r.name)
    for op, ladder in ladders.items()
    if op in OPS
    for r in ladder
]
BFLOAT16 = 0.1  # what rounds its inputs to 8 bits is only compared roughly here


def near(there, here, rtol=2e-5):
    assert there.dtype == here.dtype and tuple(there.shape) == tuple(here.shape)
    np.testing.assert_allclose(there, here, rtol=rtol, atol=rtol / 10)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize(("op", "rung"), RUNGS)
def test_a_rung_gives_the_generic_forwards_values_over_the_ops_cases(device, op, rung):
    """Outputs start as NaN there, so an element that is not written shows."""
    rough = next(r for r in ladders[op] if f"{r.number}{r.track}" == rung).pinned_only
    for case in OPS[op].cases:
        args = tensors(case.make("float32"), grad=False)
        args = [
            (
                tuple(b.to(device) for b in a)
                if isinstance(a, tuple) and a and isinstance(a[0], Tensor)
                else a.to(device)
                if isinstance(a, Tensor)
                else a
            )
            for a in args
        ]
        xs = leaves(args)
        with tg.use_kernel(**{op: 0}):
            expected = outputs(call_with(op, case, args)(*xs))
        try:
            with tg.use_kernel(**{op: rung}):
                found = outputs(call_with(op, case, args)(*xs))
        except KernelError as error:
            assert "must get arguments that the kernel takes" in str(error)
            continue
        for a, b in zip(found, expected, strict=True):
            near(a.cpu().numpy(), b.cpu().numpy(), BFLOAT16 if rough else 2e-5)


ODD = [
    ((7, 13), (7, 13)),
    ((1031,), (1031,)),
    ((5, 1, 3), (1, 4, 1)),
    ((3, 1), (7,)),
    ((2, 3, 1, 5), (3, 4, 1)),
    ((), (9,)),
    ((0, 3), (3,)),
    ((1, 1), (1,)),
]


def drawn(kinds, shapes, generator):
    """Arrays with NaN, infinities, zeros of both signs and large numbers among ordinary ones."""
    special = np.array(
        [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30, 1.0, -1.0, 0.5], np.float32
    )
    arrays = []
    for kind, shape in zip(kinds, shapes):
        x = generator.standard_normal(shape).astype(np.float32) * 3
        x = np.where(generator.random(shape) < 0.2, generator.choice(special, shape), x).astype(
            np.float32
        )
        arrays.append(x > 0 if kind == "bool" else x)
    return arrays


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("op", sorted(GENERATED))
def test_a_generated_kernel_does_on_every_element_what_the_forward_does(device, op):
    made, d, generator = GENERATED[op], get_device(device), np.random.default_rng(0)
    attrs = {
        name: value if isinstance(value, (bool, int, float, str)) or value is None else 0.5
        for name, value in made.op.defaults.items()
    }
    generic = getattr(get_device("cpu").F, op)
    slot = getattr(d.F, op)
    for i, (first, second) in enumerate(ODD):
        shapes = [first, second, first, second][: len(made.inputs)]
        xs = drawn(made.kinds, shapes, generator)
        with np.errstate(all="ignore"):
            expected = generic(*xs, **attrs)
        on_device = [d.asarray(x) for x in xs]
        for rung in ladders[op]:
            arguments = dict(zip(made.inputs, on_device), **attrs)
            if not rung.fits(arguments):
                continue
            with tg.use_kernel(**{op: rung.number}):
                found = slot(*on_device, **attrs)
            for a, b in zip(
                found if made.op.residuals else (found,),
                expected if made.op.residuals else (expected,),
                strict=True,
            ):
                near(d.to_host(a), b)
                assert a.shape == broadcast([x.shape for x in xs]), i


def test_every_op_declared_elementwise_has_a_kernel_and_no_other():
    declared = {op.name for op in registry.values() if getattr(op, "elementwise", False)}
    assert set(GENERATED) == declared
    assert declared >= {"add", "pow", "relu", "gelu", "where", "lerp", "clamp_numbers", "lt"}
    assert not declared & {"sum", "softmax", "matmul", "clone", "reshape", "getitem", "cumsum"}


def test_a_forward_that_needs_more_than_one_element_cannot_be_declared_elementwise():
    with pytest.raises(tg.KernelError, match=r"sum: .*one element at a time"):
        Generated(registry["sum"])


def test_numbers_and_attributes_reach_the_kernel():
    x = tg.randn(5, 7)
    e = x.to("emu")
    with tg.use_kernel(mul=2, leaky_relu=2, true_divide=1, clamp_numbers=2):
        near((e * 2.5).cpu().numpy(), (x * 2.5).numpy())
        near((3 / e).cpu().numpy(), (3 / x).numpy())
        near(
            tg.nn.functional.leaky_relu(e, 0.3).cpu().numpy(),
            tg.nn.functional.leaky_relu(x, 0.3).numpy(),
        )
        near(e.clamp(-0.5, 0.25).cpu().numpy(), x.clamp(-0.5, 0.25).numpy())
        near(e.clamp(max=0.25).cpu().numpy(), x.clamp(max=0.25).numpy())


def test_collapse_merges_dims_that_no_array_tells_apart():
    assert collapse((2, 3, 4), [(2, 3, 4), (4,)]) == ([6, 4], [[4, 1], [0, 1]])
    assert collapse((2, 3, 4, 5), [(2, 3, 4, 5), (3, 1, 1)]) == (
        [2, 3, 20],
        [[60, 20, 1], [0, 1, 0]],
    )
    assert collapse((4, 1, 3), [(4, 1, 3)] * 2) == ([12], [[1], [1]])
    assert broadcast([(2, 1), (3,)]) == (2, 3) and broadcast([(2,), (3,)]) is None


def test_source_shows_the_generated_text():
    text = source("leaky_relu", negative_slope=0.2)
    assert (
        "input * 0.2f" in text
        and "leaky_relu_1_broadcast" in text
        and "leaky_relu_2_vector" in text
    )


def test_use_kernel_pins_one_rung_and_says_which_there_are():
    x = tg.randn(3, 5).to("emu")
    with (
        pytest.raises(KernelError, match="rungs of softmax: 0, 1, 2, 3, 4, 5, 6, got"),
        tg.use_kernel(softmax=99),
    ):
        pass
    with pytest.raises(KernelError, match="an op with kernels"), tg.use_kernel(reshape=1):
        pass
    with (
        tg.use_kernel(softmax=1),
        pytest.raises(KernelError, match="must get arguments that the kernel takes"),
    ):
        x.softmax(0)
    with tg.use_kernel(softmax=1), tg.use_kernel(mul=1):
        x.softmax(-1)
