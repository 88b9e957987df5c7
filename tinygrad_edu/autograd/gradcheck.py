"""Numerical checks: backward against finite differences, in float64, for first and second order.

What is wrong is told by entry, and `diagnosis` looks for its usual causes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import functional as F
from ..engine.backward import sequence as as_tuple
from ..engine.border import public
from ..engine.errors import DTypeError, GraphError
from ..engine.tensor import Tensor
from .diagnosis import Case, host, likely_cause, wrong_saved
from .gradients import grad
from .modes import enable_grad, no_grad


def _numerical(
    function: Callable, arrays: list[np.ndarray], k: int, weights: list[np.ndarray], eps: float
) -> np.ndarray:
    """Central differences of sum(weights * function) with respect to array k."""

    def value() -> float:
        with no_grad():
            outs = as_tuple(
                function(*[F.tensor(a) if isinstance(a, np.ndarray) else a for a in arrays])
            )
        floating = [o for o in outs if o.is_floating_point()]
        return float(sum((w * o.array).sum() for w, o in zip(weights, floating)))

    x, slope = arrays[k], np.zeros(arrays[k].shape)
    for i in np.ndindex(x.shape):
        before = x[i]
        x[i] = before + eps
        up = value()
        x[i] = before - eps
        slope[i] = (up - value()) / (2 * eps)
        x[i] = before
    return slope


@public
def gradcheck(
    func: Callable,
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_kinks: bool = True,
) -> bool:
    """Compare backward with central differences, for a random weighting of all outputs.

    Inputs that require gradients must be float64. An entry where steps `eps` and `eps/2` disagree
    is a kink (|x| at 0, ties of max): no derivative exists there, and the report says so instead of
    blaming the formula.
    The report names the worst entry, what backward and what the finite difference gave there, and
    the cause if it is a usual one: a sign, a factor, a transpose, the sum over a broadcast dim, a
    wrong value kept, a change in place.

    Raises: GraphError with that report (or returns False if not raise_exception).
    """
    inputs = list(as_tuple(inputs))
    wanted = wanted_inputs(inputs)
    fresh = fresh_inputs(inputs, wanted)
    outs = [o for o in as_tuple(func(*fresh)) if isinstance(o, Tensor) and o.is_floating_point()]
    weights = random_weights(outs)
    gs = weighted_gradients(outs, weights, [fresh[i] for i in wanted])
    arrays = [
        np.array(x.device.to_host(x.array)) if i in wanted else x for i, x in enumerate(inputs)
    ]
    for i, g in zip(wanted, gs):
        found, expected = g.device.to_host(g.array), _numerical(func, arrays, i, weights, eps)
        error = np.abs(found - expected) - (atol + rtol * np.abs(expected))
        if not error.size or (error <= 0).all():
            continue
        if not raise_exception:
            return False
        bad: Any = np.unravel_index(
            int(np.where(np.isnan(error), np.inf, error).argmax()), error.shape
        )
        advice = ""
        if check_kinks:
            finer = _numerical(func, arrays, i, weights, eps / 2)[bad]
            if abs(finer - expected[bad]) > 10 * (atol + rtol * abs(finer)):
                advice = (
                    f"A step half as long gives {finer:.8g}: the function has a kink or a jump"
                    " there. Choose inputs away from it."
                )
        tolerance = atol + rtol * np.abs(expected)
        advice = advice or cause(func, inputs, wanted, i, (found, expected, tolerance), weights)
        raise GraphError(
            f"gradcheck: backward must agree with finite differences, got {found[bad]:.8g} instead"
            f" of {expected[bad]:.8g} at input {i}{list(map(int, bad))} (off by"
            f" {found[bad] - expected[bad]:.3g}, worst of {int((~(error <= 0)).sum())} entries of"
            f" {error.size}). {advice or 'Check the formula of that input.'}"
        )
    return True


def fresh_inputs(inputs: list, wanted: list[int]) -> list:
    """Leaves of their own for the inputs that require gradients."""
    return [x.detach().clone().requires_grad_() if i in wanted else x for i, x in enumerate(inputs)]


def cause(
    func: Callable, inputs: list, wanted: list[int], i: int, numbers: tuple, weights: list
) -> str:
    """A sentence about the usual mistake that explains the gradient of input i; else "".

    Args: numbers: gradient found, gradient expected, tolerance
    """
    fresh = fresh_inputs(inputs, wanted)
    before = [host(x) if isinstance(x, Tensor) else None for x in inputs]
    outs = [o for o in as_tuple(func(*fresh)) if isinstance(o, Tensor) and o.is_floating_point()]
    for k, (x, old) in enumerate(zip(fresh, before)):
        if old is not None and not np.array_equal(host(x), old, equal_nan=True):
            return (
                f"The function changes input {k} in place, so it is another one when the formula"
                " uses it. Work on a copy."
            )
    values = {"g": weights[0]} if len(weights) == 1 else {}
    values |= {f"input {k}": old for k, old in enumerate(before) if old is not None}
    if len(outs) == 1:
        values["the output"] = host(outs[0])
    found, expected, tolerance = numbers
    case = Case(f"input {i}", found, expected, tolerance, values)
    return wrong_saved(case, outs, fresh[i].node, weights) or likely_cause(case)


def wanted_inputs(inputs: list) -> list[int]:
    """Which inputs require gradients: at least one, all of float64."""
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    if not wanted:
        raise GraphError(
            "gradcheck: at least one input must require gradients, got none. Use tensor(...,"
            " dtype=float64, requires_grad=True)."
        )
    for i in wanted:
        if inputs[i].array.dtype != np.float64:
            raise DTypeError(
                f"gradcheck: inputs must be float64, got {inputs[i].dtype.name} for input {i}."
                " Differences need the precision: use x.double()."
            )
    return wanted


def random_weights(outs: list) -> list:
    """A number of size 0.5 to 1.5 and either sign for each element."""
    rng = np.random.default_rng(0)
    return [
        np.asarray(rng.uniform(0.5, 1.5, o.shape) * rng.choice([-1.0, 1.0], o.shape)) for o in outs
    ]


def weighted_gradients(outs: list, weights: list, xs: list) -> tuple:
    """What backward says of sum(weights * outs), for each of xs."""
    live = [(o, w) for o, w in zip(outs, weights) if o.requires_grad]
    if not live:
        return tuple(F.zeros_like(x) for x in xs)
    return grad(
        [o for o, _ in live],
        xs,
        [Tensor(o.device.asarray(w), o.device) for o, w in live],
        allow_unused=True,
        materialize_grads=True,
    )


@public
def gradgradcheck(
    func: Callable,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
) -> bool:
    """`gradcheck` of the first derivative: checks the second order, with respect to inputs and
    cotangents.
    """
    inputs = list(as_tuple(inputs))
    wanted = [i for i, x in enumerate(inputs) if isinstance(x, Tensor) and x.requires_grad]
    outs = [
        o
        for o in as_tuple(func(*fresh_inputs(inputs, wanted)))
        if isinstance(o, Tensor) and o.requires_grad
    ]
    if not outs:
        return True
    rng = np.random.default_rng(1)
    given = (
        [F.tensor(rng.uniform(0.5, 1.5, o.shape)).requires_grad_() for o in outs]
        if grad_outputs is None
        else list(as_tuple(grad_outputs))
    )

    def first(*args: Tensor) -> tuple:
        xs, vs = list(args[: len(inputs)]), args[len(inputs) :]
        with enable_grad():
            xs = [
                (
                    x
                    if not isinstance(x, Tensor) or i not in wanted or x.requires_grad
                    else x.detach().requires_grad_()
                )
                for i, x in enumerate(xs)
            ]
            ys = [o for o in as_tuple(func(*xs)) if isinstance(o, Tensor) and o.requires_grad]
            return grad(
                ys,
                [xs[i] for i in wanted],
                vs,
                create_graph=True,
                allow_unused=True,
                materialize_grads=True,
            )

    return gradcheck(
        first, [*inputs, *given], eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception
    )
