"""The ops of the registry over their cases: arguments as Tensors, calls, outputs."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.tensor import Tensor

OPS = {name: op for name, op in registry.items() if hasattr(op, "cases")}
CASES = [
    pytest.param(name, case, id=f"{name}-{case}") for name, op in OPS.items() for case in op.cases
]
PIECES = {name for name, op in OPS.items() if op.is_piece}  # not public: PyTorch has no such name
RANDOM = {"rrelu", "gumbel_softmax"}
ALWAYS_FLOAT64 = {"float_power"}


def function(name):
    """The op as a function of Tensors, also where it has no public name."""
    return getattr(tg.functional, name, None) or OPS[name].function


def is_arrays(v):
    return isinstance(v, tuple) and bool(v) and all(isinstance(a, np.ndarray) for a in v)


def tensors(values, grad=True):
    """Case values as Tensors, float64 arrays requiring gradients."""

    def one(v):
        if is_arrays(v):
            return tuple(one(a) for a in v)
        if isinstance(v, np.ndarray):
            t = tg.tensor(v)
            return t.requires_grad_() if grad and t.is_floating_point() else t
        return v

    return [one(v) for v in values]


def leaves(args):
    """The Tensors among the arguments, in order."""
    return [t for a in args for t in (a if isinstance(a, tuple) else (a,)) if isinstance(t, Tensor)]


def call_with(name, case, args):
    """A function of the Tensors in args alone, for the checkers."""

    def call(*xs):
        it = iter(xs)

        def fill(a):
            if isinstance(a, tuple) and a and isinstance(a[0], Tensor):
                return tuple(next(it) for _ in a)
            return next(it) if isinstance(a, Tensor) else a

        out = function(name)(*map(fill, args), **case.attrs)
        return tuple(out) if isinstance(out, (tuple, list)) else out

    return call


def outputs(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def differentiable(name, case, args):
    """Whether some output of the case requires gradients."""
    xs = leaves(args)
    if not case.grad or not any(x.requires_grad for x in xs):
        return False
    results = outputs(call_with(name, case, args)(*xs))
    return any(isinstance(o, Tensor) and o.requires_grad for o in results)


# ---- on another device ---------------------------------------------------------------------------


def weighted_sum(result):
    """A number that depends on every floating-point result, so that one backward pass tests them
    all.
    """
    total = None
    for out in outputs(result):
        if isinstance(out, Tensor) and out.is_floating_point() and out.requires_grad:
            weights = np.cos(np.arange(out.numel())).reshape(out.shape)
            term = (out * tg.tensor(weights, dtype=out.dtype).to(out.device)).sum()
            total = term if total is None else total + term
    return total


def moved(a, device):
    """The argument as a leaf on that device."""
    if isinstance(a, tuple):
        return tuple(moved(b, device) for b in a)
    if isinstance(a, Tensor):
        return a.detach().to(device).requires_grad_(a.requires_grad)
    return a


def results(name, case, device, order=0):
    """Results of the op's case on a device (order 0), or its gradients up to that order."""
    tg.manual_seed(0)
    values = case.make("float64" if name in ALWAYS_FLOAT64 else "float32")
    args = [moved(a, device) for a in tensors(values)]
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
    if again is None:
        return grads
    return (*grads, *tg.autograd.grad(again, wanted, allow_unused=True))


# ---- beside PyTorch ------------------------------------------------------------------------------


def torch_function(torch, name):
    """PyTorch's function of that op, or None."""
    dotted = OPS[name].torch
    if dotted:
        return reduce(getattr, dotted.split("."), torch)
    if name.startswith("linalg_"):
        return getattr(torch.linalg, name.removeprefix("linalg_"))
    in_both = name in ("max", "min", "pad_") and hasattr(torch, name)
    for place in (torch.nn.functional, torch, torch.special, torch.linalg, torch.Tensor):
        if hasattr(place, name) and not (in_both and place is torch.nn.functional):
            return getattr(place, name)
    return None


def to_torch(torch, v, grad=True):
    """A case value as PyTorch's tensor."""
    if is_arrays(v):
        return tuple(to_torch(torch, a, grad) for a in v)
    if isinstance(v, np.ndarray):
        t = torch.tensor(v)
        return t.requires_grad_() if grad and t.is_floating_point() else t
    return v
