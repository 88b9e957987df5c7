"""Padding layers: elements added at both ends of the last 1, 2 or 3 dims."""

from __future__ import annotations

from typing import Any, ClassVar

from ..engine.tensor import Tensor
from . import functional as F
from .declared import Declared


class _Pad(Declared):
    """`padding`: one number for all ends, or (left, right, top, bottom, front, back), the last dim
    first.
    """

    dims: ClassVar[int]
    mode: ClassVar[str] = "constant"
    padding: Any

    def __post_init__(self) -> None:
        self.padding = (
            (self.padding,) * (2 * self.dims)
            if isinstance(self.padding, int)
            else tuple(self.padding)
        )

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self.mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPad(_Pad):
    value: float

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPad):
    """The last dim padded with a value.

    Args: padding: one number or (left, right); negative takes away.
    """

    dims = 1


class ConstantPad2d(_ConstantPad):
    """The last 2 dims padded with a value.

    Args: padding: one number or (left, right, top, bottom).
    """

    dims = 2


class ConstantPad3d(_ConstantPad):
    """The last 3 dims padded with a value.

    Args: padding: one number or (left, right, top, bottom, front, back).
    """

    dims = 3


class ZeroPad1d(_Pad):
    """The last dim padded with zeros. Args: see ConstantPad1d."""

    dims = 1


class ZeroPad2d(_Pad):
    """The last 2 dims padded with zeros. Args: see ConstantPad2d."""

    dims = 2


class ZeroPad3d(_Pad):
    """The last 3 dims padded with zeros. Args: see ConstantPad3d."""

    dims = 3


class ReflectionPad1d(_Pad):
    """The last dim mirrored at its ends, which are not repeated. Args: see ConstantPad1d."""

    dims, mode = 1, "reflect"


class ReflectionPad2d(_Pad):
    """The last 2 dims mirrored at their ends, which are not repeated. Args: see ConstantPad2d."""

    dims, mode = 2, "reflect"


class ReflectionPad3d(_Pad):
    """The last 3 dims mirrored at their ends, which are not repeated. Args: see ConstantPad3d."""

    dims, mode = 3, "reflect"


class ReplicationPad1d(_Pad):
    """The ends of the last dim repeated. Args: see ConstantPad1d."""

    dims, mode = 1, "replicate"


class ReplicationPad2d(_Pad):
    """The ends of the last 2 dims repeated. Args: see ConstantPad2d."""

    dims, mode = 2, "replicate"


class ReplicationPad3d(_Pad):
    """The ends of the last 3 dims repeated. Args: see ConstantPad3d."""

    dims, mode = 3, "replicate"


class CircularPad1d(_Pad):
    """The last dim wrapped round. Args: see ConstantPad1d."""

    dims, mode = 1, "circular"


class CircularPad2d(_Pad):
    """The last 2 dims wrapped round. Args: see ConstantPad2d."""

    dims, mode = 2, "circular"


class CircularPad3d(_Pad):
    """The last 3 dims wrapped round. Args: see ConstantPad3d."""

    dims, mode = 3, "circular"
