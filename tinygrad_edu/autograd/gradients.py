"""Gradients of what was recorded: `grad` gives them back, `backward` adds them to `.grad`."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from ..engine.backward import walk
from ..engine.errors import GraphError, ShapeError
from ..engine.tensor import Tensor


def as_tuple(x: Any) -> tuple:
    return (x,) if isinstance(x, Tensor) else tuple(x)


def _roots(outputs: tuple, grad_outputs: Any, create_graph: bool) -> list:
    given = (
        (None,) * len(outputs)
        if grad_outputs is None
        else (grad_outputs,)
        if isinstance(grad_outputs, Tensor)
        else tuple(grad_outputs)
    )
    if len(given) != len(outputs):
        raise ShapeError(
            f"grad: needs one cotangent per output, got {len(given)} for {len(outputs)}. Use None"
            " where it is 1."
        )
    roots = []
    for y, g in zip(outputs, given):
        if y.node is None:
            raise GraphError(
                "grad: outputs must depend on a tensor with requires_grad=True, got one without a"
                " graph. Set requires_grad before the forward pass."
            )
        g = y._cotangent(g)
        roots.append((y.node, g if create_graph else g.array))
    return roots


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool = False,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """d(outputs)/d(inputs), one Tensor per input; `.grad` stays as it is.

    Args: as PyTorch's torch.autograd.grad. Raises: GraphError if an input was not used (unless
          allow_unused).
    """
    if is_grads_batched:
        raise GraphError(
            "grad: is_grads_batched is not supported, got True. Loop over the cotangents, or use"
            " jacobian()."
        )
    outputs, inputs = as_tuple(outputs), as_tuple(inputs)
    for i, x in enumerate(inputs):
        if x.node is None:
            raise GraphError(
                f"grad: input {i} must require gradients, got one that does not. Call"
                " requires_grad_() before the forward pass."
            )
    keep = create_graph if retain_graph is None else retain_graph
    found = dict(
        walk(
            _roots(outputs, grad_outputs, create_graph),
            create_graph,
            bool(keep),
            {x.node for x in inputs},
        )
    )
    results = []
    for i, x in enumerate(inputs):
        g = found.get(x.node)
        if g is None and materialize_grads:
            g = F.zeros_like(x)
        if g is None and not allow_unused:
            raise GraphError(
                f"grad: input {i} of shape {x.shape} must have been used for the outputs, got one"
                " that was not. Pass allow_unused=True to get None for it."
            )
        results.append(
            g if g is None or isinstance(g, Tensor) else Tensor(x.device.asarray(g), x.device)
        )
    return tuple(results)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """`Tensor.backward` for several tensors."""
    tensors = as_tuple(tensors)
    given = (None,) * len(tensors) if grad_tensors is None else as_tuple(grad_tensors)
    for i, (t, g) in enumerate(zip(tensors, given)):
        last = i == len(tensors) - 1
        t.backward(g, retain_graph if last else True, create_graph, inputs)
