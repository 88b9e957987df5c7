"""Layers that keep nothing for the backward pass and run their forward again there instead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from .. import functional as F
from ..autograd import Function, backward, enable_grad, is_grad_enabled, no_grad
from ..engine.device import default_generator
from ..engine.errors import GraphError
from ..engine.tensor import Tensor


class Recomputed(Function):
    """A piece of a network whose inputs alone are kept."""

    @staticmethod
    def forward(ctx: Any, token: Tensor, run: Callable, keep_state: bool, *args: Any) -> Any:
        ctx.run = run
        ctx.state = default_generator.get_state() if keep_state else None
        ctx.where = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        ctx.others = [None if isinstance(a, Tensor) else a for a in args]
        ctx.save_for_backward(*(args[i] for i in ctx.where))
        with no_grad():
            return run(*args)

    @staticmethod
    def backward(ctx: Any, *gs: Any) -> Any:
        if is_grad_enabled():
            raise GraphError(
                "checkpoint: the gradient of a recomputed piece cannot be differentiated again, got"
                " create_graph=True. Call the function itself."
            )
        args = list(ctx.others)
        for i, t in zip(ctx.where, ctx.saved_tensors):
            args[i] = t.detach().requires_grad_(t.requires_grad)
        now = default_generator.get_state()
        if ctx.state is not None:  # dropout draws what it drew before
            default_generator.set_state(ctx.state)
        try:
            with enable_grad():
                out = ctx.run(*args)
        finally:
            if ctx.state is not None:
                default_generator.set_state(now)
        outs = out if isinstance(out, (tuple, list)) else (out,)
        pairs = [(o, g) for o, g in zip(outs, gs) if isinstance(o, Tensor) and o.requires_grad]
        backward([o for o, _ in pairs], [g for _, g in pairs])
        found = (a.grad if isinstance(a, Tensor) else None for a in args)
        return (None, None, None, *found)


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
    **kwargs: Any,
) -> Any:
    """`function(*args)`, of which only the arguments are kept; backward runs it again.

    Args:
        function: uses Tensors from `args`, and parameters of modules.
        use_reentrant: accepted; both forms of PyTorch's behave alike here.
        preserve_rng_state: draw the same random numbers in both runs.

    Raises: GraphError when the gradient itself is to be differentiated.
    Note: gradients of parameters arrive in `.grad`, through `backward()`; `autograd.grad` with
        respect to them finds nothing.
    Reference: T. Chen et al., 2016, "Training Deep Nets with Sublinear Memory Cost".
    """
    if not is_grad_enabled():
        return function(*args, **kwargs)
    token = F.zeros(0, requires_grad=True)  # the result is to require gradients in any case
    run = (lambda *a: function(*a, **kwargs)) if kwargs else function
    return Recomputed.apply(token, run, preserve_rng_state, *args)


def checkpoint_sequential(
    functions: Iterable[Callable],
    segments: int,
    input: Any,
    use_reentrant: bool | None = None,
    preserve_rng_state: bool = True,
) -> Any:
    """The layers one after another, in `segments` pieces, each but the last recomputed."""
    layers = list(functions)
    size = len(layers) // segments
    for k in range(segments):
        part = layers[k * size : (k + 1) * size if k < segments - 1 else len(layers)]
        if k < segments - 1:
            input = checkpoint(in_turn(part), input, preserve_rng_state=preserve_rng_state)
        else:
            input = in_turn(part)(input)
    return input


def in_turn(layers: list) -> Callable:
    """One function that calls the layers one after another."""

    def run(x: Any) -> Any:
        for layer in layers:
            x = layer(x)
        return x

    return run
