"""Variable, the old name of a Tensor that can require gradients."""

from __future__ import annotations

from typing import Any

from ..engine.border import public
from ..engine.tensor import Tensor


class VariableName(type):
    """`Variable(x)` makes a Tensor, and every Tensor is an instance of Variable."""

    @public
    def __call__(cls, data: Tensor, requires_grad: bool = False, volatile: Any = None) -> Tensor:
        return data.detach().requires_grad_(requires_grad)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=VariableName):
    """A Tensor on the same memory, outside the graph of `data`.

    Args: requires_grad: make it a leaf that gradients are wanted for.
          volatile: accepted and not used, as in PyTorch; use `no_grad`.
    """
