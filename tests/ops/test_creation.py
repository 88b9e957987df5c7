"""Functions that make tensors: impossible sizes and values are refused with an error of ours."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg

REFUSED = [
    (lambda: tg.zeros(2**63), tg.ShapeError, "zeros: sizes must be"),
    (lambda: tg.empty(2**40, 2**40), tg.ShapeError, "empty: sizes must be"),
    (lambda: tg.zeros("3"), tg.DTypeError, "zeros: sizes must be ints"),
    (lambda: tg.zeros(2, None), tg.DTypeError, "zeros: sizes must be ints"),
    (lambda: tg.ones(2.5), tg.DTypeError, "ones: sizes must be ints"),
    (lambda: tg.zeros(2, shape=3), tg.DTypeError, "zeros: .*unknown argument 'shape'"),
    (lambda: tg.randn(-2), tg.ShapeError, "randn: sizes must be"),
    (lambda: tg.rand(2, -2), tg.ShapeError, "rand: sizes must be"),
    (lambda: tg.randint(0, 5, (-1,)), tg.ShapeError, "randint: sizes must be"),
    (lambda: tg.normal(0.0, 1.0, (-1,)), tg.ShapeError, "normal: sizes must be"),
    (lambda: tg.randperm(-1), tg.ShapeError, "randperm: n must be"),
    (lambda: tg.full((2, -1), 3.0), tg.ShapeError, "full: sizes must be"),
    (lambda: tg.eye(2, -1), tg.ShapeError, "eye: sizes must be"),
    (lambda: tg.arange(float("inf")), tg.ShapeError, "arange: .*finite"),
    (lambda: tg.arange(0, float("nan")), tg.ShapeError, "arange: .*finite"),
    (lambda: tg.arange(1, 2**63), tg.ShapeError, "arange: values must fit int64"),
    (lambda: tg.linspace(0, 1, -1), tg.ShapeError, "linspace: steps must be"),
    (lambda: tg.linspace(0, 1, 2.5), tg.DTypeError, "linspace: steps must be an int"),
    (lambda: tg.logspace(0, 1, -1), tg.ShapeError, "logspace: steps must be"),
    (lambda: tg.tensor(300, dtype=tg.uint8), tg.ShapeError, "tensor: values must fit uint8"),
    (lambda: tg.tensor([[1], [-300]], dtype=tg.uint8), tg.ShapeError, "tensor: values must fit"),
    (lambda: tg.tensor(1e10, dtype=tg.int32), tg.ShapeError, "tensor: values must fit int32"),
    (lambda: tg.tensor(float("nan"), dtype=tg.int64), tg.ShapeError, "tensor: values must fit"),
    (lambda: tg.full((2,), 300, dtype=tg.uint8), tg.ShapeError, "full: values must fit uint8"),
]


@pytest.mark.parametrize(("call", "kind", "text"), REFUSED)
def test_impossible_sizes_and_values_are_refused(call, kind, text):
    with pytest.raises(kind, match=text):
        call()


@pytest.mark.parametrize(
    "code",
    [
        "L.tensor(-1, dtype=L.uint8)",
        "L.tensor([1.9, -1.9], dtype=L.int64)",
        "L.tensor(300, dtype=L.int16)",
        "L.tensor([], dtype=L.uint8)",
        "L.linspace(0, 1, 0)",
        "L.linspace(L.tensor(1.0), L.tensor(3.0), 5)",
        "L.linspace(3, 10, 5, dtype=L.int64)",
        "L.arange(2**53, 2**53 + 3)",
        "L.arange(1, 2, 0.3)",
        "L.zeros(size=(2, 3))",
        "L.zeros([2, 0])",
        "L.zeros(())",
        "L.ones(L.tensor(2), 1)",
        "L.eye(2, 3)",
        "L.full((2,), True)",
        "L.randperm(0)",
    ],
)
def test_values_and_dtypes_are_pytorchs(code):
    torch = pytest.importorskip("torch")
    ours, theirs = (eval(code, {"L": L}) for L in (tg, torch))  # noqa: S307
    np.testing.assert_array_equal(ours.numpy(), theirs.numpy())
    assert str(ours.dtype).split(".")[-1] == str(theirs.dtype).split(".")[-1]


def test_linspace_of_tensors_is_as_exact_as_of_numbers():
    bounds = tg.tensor([0.1, 0.7], dtype=tg.float64)
    ours = tg.linspace(bounds[0], bounds[1], 1001, dtype=tg.float64).numpy()
    np.testing.assert_array_equal(ours, np.linspace(0.1, 0.7, 1001))
