"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from ...engine.border import public
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from ...functional import cat


@public
def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """The elements of all parameters, one after the other, as one vector with gradient."""
    return cat([p.reshape(-1) for p in parameters])


@public
def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Make each parameter, in order, a view of its part of `vec`."""
    if not isinstance(vec, Tensor):
        raise DTypeError(
            f"vector_to_parameters: vec must be a Tensor, got {type(vec).__name__}. Make one with"
            " tensor(...)."
        )
    parameters = list(parameters)
    total = sum(p.numel() for p in parameters)
    if vec.numel() != total:
        raise ShapeError(
            f"vector_to_parameters: vec must have as many elements as the parameters ({total}), got"
            f" {vec.numel()}. Use parameters_to_vector's result."
        )
    start = 0
    for p in parameters:
        p.data = vec[start : start + p.numel()].reshape(p.shape).data
        start += p.numel()
