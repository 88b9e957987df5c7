"""`out=`: results written into tensors that the caller gives. Every op and composite takes it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from .errors import DTypeError, GraphError
from .graph import mode
from .tensor import Tensor
from .views import check_writable, write


def into(name: str, outs: Any, compute: Callable, given: tuple) -> Any:
    """`compute()` written into `outs`: a tensor, or one for each of several results.

    Raises: GraphError where a gradient would be lost, as in PyTorch; DTypeError if an out cannot
            hold its result
    """
    many = outs if isinstance(outs, (tuple, list)) else (outs,)
    if not all(isinstance(out, Tensor) for out in many):
        raise DTypeError(f"{name}: out must be a tensor, got {outs!r:.60}. Make one with empty(0).")
    taking_part = [*many]
    for value in given:
        taking_part += value if isinstance(value, (tuple, list)) else (value,)
    if mode.recording and any(getattr(x, "requires_grad", False) is True for x in taking_part):
        raise GraphError(
            f"{name}: out= must go with tensors that require no gradients, got one that does. Wrap"
            " the call in no_grad(), or use the result."
        )
    result = compute()
    if isinstance(result, Tensor):
        fill(name, many[0], result)
        return outs
    if len(many) != len(result):
        raise DTypeError(
            f"{name}: out must hold one tensor for each of {len(result)} results, got"
            f" {len(many)}. Give as many."
        )
    for out, value in zip(many, result):
        fill(name, out, value)
    return type(result)(*many) if hasattr(result, "_fields") else tuple(many)


def fill(name: str, out: Tensor, result: Tensor) -> None:
    """Write one result, of any shape, into `out`."""
    if out.shape != result.shape:
        if out.numel():
            warnings.warn(
                f"{name}: out of shape {tuple(out.shape)} is resized to {tuple(result.shape)}. Use"
                " out.resize_(0) first.",
                stacklevel=5,
            )
        out.resize_(*result.shape)
    check_writable(name, out)
    write(out, result.to(out.device), name)
