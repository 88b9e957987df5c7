"""What a tensor says of itself under PyTorch's further names, and PyTorch's old constructor."""

from __future__ import annotations

from typing import Any, overload

from . import dtype as dtypes
from .arrays import address, as_array
from .border import explain
from .device import cpu
from .graph import version_of


class Facts:
    """The methods of Tensor that only look at it."""

    __slots__ = ()
    is_cuda = property(lambda self: self.device.type == "cuda")
    nbytes = property(lambda self: self.array.nbytes)
    itemsize = property(lambda self: self.array.itemsize)
    _version = property(
        lambda self: version_of(self.device, self.array),
        doc="How often its memory was changed in place.",
    )

    @overload
    def size(self: Any, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def size(self: Any, dim: int) -> int: ...
    def size(self: Any, dim: int | None = None) -> Any:
        return self.shape if dim is None else entry("size", self.shape, dim)

    def dim(self: Any) -> int:
        return self.ndim

    def numel(self: Any) -> int:
        return self.array.size

    nelement = numel

    def element_size(self: Any) -> int:
        return self.array.itemsize

    @overload
    def stride(self: Any, dim: None = None) -> tuple[int, ...]: ...
    @overload
    def stride(self: Any, dim: int) -> int: ...
    def stride(self: Any, dim: int | None = None) -> Any:
        """Steps between neighbours along each dim, in elements."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else entry("stride", strides, dim)

    def data_ptr(self: Any) -> int:
        return address(self.array)

    def is_contiguous(self: Any) -> bool:
        return bool(self.array.flags.c_contiguous)

    def is_floating_point(self: Any) -> bool:
        return self.array.dtype.kind == "f"

    def get_device(self: Any) -> int:
        return -1 if self.device.type == "cpu" else self.device.index or 0


def read(given: tuple) -> Any:
    """`Tensor(2, 3)`: zeros of these sizes; `Tensor([1, 2])`: these values, as floats."""
    sizes = [n for n in given if type(n) is int]
    try:
        array = cpu.xp.zeros(sizes) if sizes else as_array(given[0], None, cpu)
    except ValueError as error:
        raise explain("Tensor", {"sizes": sizes}, error) from error
    if sizes or array.dtype.kind != "f":
        array = array.astype(dtypes.get_default_dtype().numpy)
    return array


def entry(name: str, values: tuple, dim: Any) -> int:
    """What stands for one dim."""
    try:
        return values[dim.__index__()]
    except (IndexError, TypeError, AttributeError) as error:
        raise explain(name, {"dim": dim, "ndim": len(values)}, error) from error
