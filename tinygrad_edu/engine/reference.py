"""Higher orders of a fused op: run the small ops it stands for, and differentiate those."""

from __future__ import annotations

from typing import Any

from .backward import walk
from .graph import Node
from .tensor import Tensor


def through_reference(op: Any, node: Node, F: Any, g: Any, kept: tuple) -> list:
    """The recorded cotangents of the op's inputs, of which `kept` ends with all its arguments."""
    device, values, inputs = node.device, kept[-1], []
    for x, edge in zip(values, node.edges):
        is_array = type(x) is device.array_type
        inputs.append(F.alias(Tensor(x, device, edge)) if is_array else x)
    given = dict(zip((*op.inputs, *op.attrs), (*inputs, *values[len(inputs) :])))
    out = op.reference(F, **given)
    roots = [(o.node, h) for o, h in zip(out, g)] if op.several else [(out.node, g)]
    ends = [getattr(x, "node", None) for x in inputs]
    found, _ = walk([(n, h) for n, h in roots if n], True, True, {end for end in ends if end})
    return [None if end is None else found.get(end) for end in ends]
