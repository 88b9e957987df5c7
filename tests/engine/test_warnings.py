"""NumPy's floating-point warnings never come out of an op, a formula or a step, whatever the user's
filters say; the user's own still do.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from support.ops import OPS, call_with, is_arrays, leaves, outputs, tensors, weighted_sum

import tinygrad_edu as tg

EXTREME = np.array([0, -1, np.inf, -np.inf, np.nan, 3e38, -3e38, 1e-45, 1, 88, -120], "float32")


@pytest.fixture(autouse=True)
def errors():
    """As with `python -W error`: a RuntimeWarning is an exception."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        warnings.filterwarnings("ignore", category=UserWarning)
        yield


def extreme(value, shift):
    if is_arrays(value):
        return tuple(extreme(a, shift) for a in value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        return np.resize(np.roll(EXTREME, shift), value.shape).astype("float32")
    return value


@pytest.mark.parametrize("name", OPS)
def test_ops_and_formulas_are_silent(name):
    for case in OPS[name].cases[:2]:
        for shift in (0, 3):
            args = tensors([extreme(v, shift) for v in case.make("float32")], case.grad)
            try:
                outs = outputs(call_with(name, case, args)(*leaves(args)))
                wanted = [x for x in leaves(args) if x.requires_grad]
                total = weighted_sum(outs) if wanted else None
                if total is not None:
                    tg.autograd.grad(total, wanted, create_graph=True, allow_unused=True)
                    total.backward(retain_graph=True)
                    total.backward()  # adds to what is there
            except tg.TinygradEduError as error:  # a singular matrix, for example
                assert not isinstance(error.__cause__, RuntimeWarning), error


def warned(call):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call()
    return [w for w in caught if w.category is RuntimeWarning]


def test_values_that_do_not_fit_are_silent_where_tensors_are_made_converted_and_printed():
    with np.errstate(all="raise"):  # of the user's own, and kept
        wide = tg.tensor([1e300, -1e300, float("nan")], dtype=tg.float64)
        for make in (
            lambda: tg.tensor([1e300]),
            lambda: tg.tensor(np.array([1e300]), dtype=tg.float32),
            lambda: tg.as_tensor([1e300]),
            lambda: tg.full((2,), 1e300),
            lambda: tg.arange(0, 1e300, 1e299),
            lambda: tg.linspace(0, 3e38, 3),
            lambda: tg.logspace(0, 300, 3),
            lambda: wide.float(),
            lambda: wide.long(),
            lambda: wide.to(tg.uint8),
            lambda: tg.zeros(3).copy_(wide),
            lambda: tg.zeros(3).fill_(1e300),
            lambda: repr(tg.tensor([1e-300, 1e300], dtype=tg.float64)),
            lambda: tg.zeros(2).__setitem__(0, 1e300),
            lambda: tg.zeros(3, dtype=tg.float16) + 1e30,
        ):
            make()
        assert np.geterr()["over"] == "raise"


@pytest.mark.parametrize(
    "name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad", "Adadelta", "NAdam"]
)
def test_optimiser_steps_are_silent(name):
    p = tg.nn.Parameter(tg.ones(3))
    p.grad = tg.tensor([3e38, float("inf"), float("nan")])
    optimizer = getattr(tg.optim, name)([p], lr=1e30)
    for _ in range(2):
        optimizer.step()


def test_the_users_own_numpy_still_warns_in_hooks_and_functions_too():
    def divide(*_):
        np.ones(2) / np.zeros(2)

    class Own(tg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            divide()
            return x * 1

        @staticmethod
        def backward(ctx, g):
            divide()
            return g

    x = tg.ones(2, requires_grad=True)
    x.register_hook(divide)
    x.register_post_accumulate_grad_hook(divide)
    assert len(warned(lambda: Own.apply(x).sum().backward())) == 4
    assert len(warned(divide)) == 1
