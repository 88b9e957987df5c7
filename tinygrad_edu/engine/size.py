"""The sizes of a tensor."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex, overload

from . import dtype as dtypes


class Size(tuple[int, ...]):
    """Sizes of a tensor: a tuple of ints that knows their product. Its parts and sums are Sizes."""

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> Size: ...

    def __getitem__(self, index: Any) -> Any:
        found = tuple.__getitem__(self, index)
        return Size(found) if type(index) is slice else found

    def __add__(self, other: Any) -> Size:
        return Size((*self, *other)) if isinstance(other, tuple) else NotImplemented

    def __radd__(self, other: Any) -> Size:
        return Size((*other, *self)) if isinstance(other, tuple) else NotImplemented

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        """A tuple; in a script that imports this engine as torch, as PyTorch prints it."""
        if dtypes.dtype.namespace == "torch":
            return f"torch.Size({list(self)})"
        return tuple.__repr__(self)

    def numel(self) -> int:
        """The number of elements."""
        return math.prod(self)
