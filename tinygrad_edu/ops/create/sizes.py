"""What functions that make tensors share: checked sizes, and the tensor round a new array."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, SupportsIndex, TypeAlias, TypedDict

from ...engine.device import Device, get_device
from ...engine.dtype import as_dtype, dtype, get_default_dtype
from ...engine.errors import DTypeError, ShapeError, unknown_name
from ...engine.tensor import Tensor

AnySize: TypeAlias = SupportsIndex | Sequence[SupportsIndex]  # one size of several, or all
AnyDType: TypeAlias = dtype | type | str | None
AnyDevice: TypeAlias = Device | str | None
Number: TypeAlias = float | Tensor  # a Python number, or a tensor with one element


class Named(TypedDict, total=False):
    """The further arguments of functions that make tensors: only `size` has a meaning."""

    size: AnySize
    layout: Any
    pin_memory: bool
    memory_format: Any


WITHOUT_MEANING = Named.__annotations__.keys() - {"size"}  # PyTorch's, accepted and not needed
MOST = 2**63 - 1  # bytes that can be addressed


def sizes(name: str, given: tuple, named: Mapping[str, Any] | None = None) -> tuple[int, ...]:
    """The sizes of a new tensor, given one after another, in a sequence, or as `size=`."""
    rest = dict(named or {})
    if "size" in rest and not given:
        given = (rest.pop("size"),)
    unknown = sorted(rest.keys() - WITHOUT_MEANING)
    if unknown:
        raise unknown_name(name, unknown[0], ("size", "dtype", "device", "requires_grad"))
    if len(given) == 1 and isinstance(given[0], (tuple, list)):
        given = tuple(given[0])
    if not all(hasattr(n, "__index__") for n in given):
        raise DTypeError(f"{name}: sizes must be ints, got {given!r:.80}. Convert them with int().")
    size = tuple(n.__index__() for n in given)
    if any(n < 0 for n in size) or math.prod(size) > MOST // 8:
        raise ShapeError(
            f"{name}: sizes must be at least 0 and their product below 2^60, got {size}. Correct"
            " them."
        )
    return size


def count(name: str, what: str, n: Any) -> int:
    """A number of elements: an int of at least 0."""
    if not hasattr(n, "__index__"):
        raise DTypeError(f"{name}: {what} must be an int, got {n!r:.60}. Convert it with int().")
    if not 0 <= n.__index__() <= MOST // 8:
        raise ShapeError(f"{name}: {what} must be at least 0 and below 2^60, got {n}. Correct it.")
    return n.__index__()


def place(device: Any) -> Device:
    """The device of a new tensor: the default one unless another is named."""
    return Device.default if device is None else get_device(device)


def kind(dtype: Any) -> Any:
    """The array library's dtype of a new tensor: the default one unless another is named."""
    return (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy


def made(array: Any, device: Device, requires_grad: bool) -> Tensor:
    """A new tensor, as a leaf if it requires gradients."""
    tensor = Tensor(array, device)
    return tensor.requires_grad_() if requires_grad else tensor
