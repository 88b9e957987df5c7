"""`backward`, and `grad`: gradients as results, for chosen inputs."""

from __future__ import annotations

from typing import Any

from ..engine import backward as way_back
from ..engine.backward import deliver, own, roots_of, sequence, walk
from ..engine.border import public
from ..engine.errors import GraphError
from ..engine.graph import NOWHERE
from ..engine.tensor import Tensor

backward = public(way_back.backward)


def check_wanted(inputs: tuple, batched: bool) -> None:
    """Refuse tensors that have no place in the graph, and batches of cotangents."""
    if batched:
        raise GraphError(
            "grad: is_grads_batched is not supported, got True. Loop over the cotangents, or use"
            " jacobian()."
        )
    for i, x in enumerate(inputs):
        if x.node is None:
            raise GraphError(
                f"grad: input {i} must require gradients, got one of shape {x.shape} that does not."
                " Call requires_grad_() before the forward pass; for a second derivative pass"
                " create_graph=True to the first."
            )


@public
def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple[Tensor, ...]:
    """d(outputs)/d(inputs), one Tensor per input; `.grad` stays as it is.

    Args:   as PyTorch's torch.autograd.grad.
    Raises: GraphError if an input was not used (unless allow_unused).
    """
    outs, ins = sequence(outputs), sequence(inputs)
    check_wanted(ins, is_grads_batched)
    retain = create_graph if retain_graph is None else retain_graph
    roots = roots_of("grad", outs, grad_outputs, create_graph)
    found, retained = walk(roots, create_graph, bool(retain), {x.node for x in ins})
    if not create_graph:  # copies: what is returned is the caller's alone
        retained = {node: node.device.xp.array(g) for node, g in retained.items()}
    deliver({}, retained, create_graph)
    if not create_graph:
        found = {node: Tensor(g, node.device) for node, g in own(found.items())}
    results: list[Any] = [None if x.node is NOWHERE else found.get(x.node) for x in ins]
    for i, (x, g) in enumerate(zip(ins, results)):
        if g is None and materialize_grads:
            results[i] = Tensor(x.device.xp.zeros(x.shape, x.array.dtype), x.device)
        elif g is None and not allow_unused:
            raise GraphError(
                f"grad: input {i} of shape {x.shape} must have been used for the outputs, got one"
                " that was not. Pass allow_unused=True to get None for it."
            )
    return tuple(results)
