"""Hooks: user functions called around a module's forward pass and when gradients reach its inputs
and outputs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd import Function
from ..engine.hooks import RemovableHandle  # noqa: F401  # what registering returns
from ..engine.tensor import Tensor


class Watch(Function):
    """Identity on several tensors whose cotangents arrive together, so that a hook sees (and may
    replace) all of them.
    """

    @staticmethod
    def forward(ctx: Any, tell: Callable, *tensors: Tensor) -> Any:
        ctx.tell = tell
        out = tuple(t.view_as(t) for t in tensors)
        return out if len(out) > 1 else out[0]

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.tell(grads))


def watch(value: Any, tell: Callable) -> tuple[Any, bool]:
    """Pass the tensors in `value` (a tensor or a tuple of anything) through `Watch`; also say
    whether any was there.
    """
    items = value if isinstance(value, tuple) else (value,)
    where = [i for i, item in enumerate(items) if isinstance(item, Tensor) and item.requires_grad]
    if not where:
        return value, False

    # the hook sees one entry for each item, None where nothing flows
    def tell_all(grads: tuple) -> tuple:
        full: list = [None] * len(items)
        for i, g in zip(where, grads):
            full[i] = g
        result = tell(tuple(full))
        return grads if result is None else tuple(result[i] for i in where)

    watched = Watch.apply(tell_all, *(items[i] for i in where))
    new = list(items)
    for i, t in zip(where, watched if isinstance(watched, tuple) else (watched,)):
        new[i] = t
    return (tuple(new) if isinstance(value, tuple) else new[0]), True


class BackwardHooks:
    """One call of a module with backward hooks: sees the gradients of its outputs, then those of
    its inputs.
    """

    def __init__(self, module: Any):
        self.module = module
        self.pre_hooks, self.hooks = (
            tuple(module._backward_pre_hooks.values()),
            tuple(module._backward_hooks.values()),
        )
        self.grad_output: tuple = ()
        self.has_inputs = False

    def wrap_inputs(self, args: tuple) -> tuple:
        self.count = len(args)
        args, self.has_inputs = watch(args, self.at_inputs)
        return args

    def wrap_outputs(self, out: Any) -> Any:
        return watch(out, self.at_outputs)[0]

    def at_outputs(self, grads: tuple) -> tuple:
        for hook in self.pre_hooks:
            grads = as_grads(hook(self.module, grads), grads, self.module)
        self.grad_output = grads
        if not self.has_inputs:  # no gradient will arrive at the inputs: the hooks are due now
            for hook in self.hooks:
                hook(self.module, (None,) * self.count, grads)
        return grads

    def at_inputs(self, grads: tuple) -> tuple:
        for hook in self.hooks:
            grads = as_grads(hook(self.module, grads, self.grad_output), grads, self.module)
        return grads


def as_grads(result: Any, before: tuple, module: Any) -> tuple:
    """What a hook returned, as a tuple of as many gradients as it was given; None keeps those."""
    if result is None:
        return before
    result = result if isinstance(result, tuple) else (result,)
    if len(result) != len(before):
        raise RuntimeError(
            f"{module._get_name()}: a backward hook must return {len(before)} gradients or None,"
            f" got {len(result)}. Return one entry for each entry it was given."
        )
    return result
