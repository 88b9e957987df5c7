"""A tensor and the world outside: numbers, NumPy arrays, iteration, printing, copying, pickling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from . import dtype as dtypes
from .arrays import address, is_tensor, printed
from .device import Device, get_device, quiet
from .errors import DeviceError, DTypeError, GraphError, ShapeError
from .graph import Leaf

if TYPE_CHECKING:
    from .tensor import Tensor


class HostMethods:
    """The methods of Tensor with which it leaves the engine, and comes back."""

    __slots__ = ()

    def numpy(self: Any, *, force: bool = False) -> np.ndarray:
        """The values as a NumPy array that shares memory on the CPU."""
        if self.node is not None and not force:
            raise GraphError(
                "numpy: must be called on a tensor outside the graph, got one that requires"
                " gradients. Use x.detach().numpy()."
            )
        if self.device.type != "cpu" and not force:
            raise DeviceError(
                f"numpy: must be called on a CPU tensor, got one on {self.device}. Use"
                " x.cpu().numpy()."
            )
        return self.device.to_host(self.array)

    def item(self: Any) -> Any:
        """The one value as a Python number."""
        if self.array.size != 1:
            raise ShapeError(
                f"item: needs exactly one element, got shape {self.shape}. Index or reduce the"
                " tensor first, or use tolist()."
            )
        return self.device.to_host(self.array).item()

    def tolist(self: Any) -> Any:
        return self.device.to_host(self.array).tolist()

    def __array__(self: Any, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        array = self.numpy()
        return array if dtype is None and not copy else np.array(array, dtype=dtype)

    def __dlpack__(self: Any, **kwargs: Any) -> Any:
        if self.node is not None:
            raise GraphError(
                "__dlpack__: must be called on a tensor outside the graph, got one that requires"
                " gradients. Use x.detach()."
            )
        return self.array.__dlpack__(**kwargs)

    def __dlpack_device__(self: Any) -> Any:
        return self.array.__dlpack_device__()

    def __len__(self: Any) -> int:
        if not self.ndim:
            raise DTypeError(
                "len: needs at least one dim, got a 0-d tensor. Use item() for its value."
            )
        return self.shape[0]

    def __iter__(self: Any) -> Iterator[Tensor]:
        if not self.ndim:
            raise DTypeError(
                "iter: needs at least one dim, got a 0-d tensor. Use item() for its value."
            )
        return iter([self[i] for i in range(len(self))])

    def __bool__(self: Any) -> bool:
        if self.array.size != 1:
            raise ShapeError(
                f"bool: needs exactly one element, got shape {self.shape}. Use .any() or .all()."
            )
        return bool(self.item())

    def __float__(self: Any) -> float:
        return float(self.item())

    def __int__(self: Any) -> int:
        return int(self.item())

    def __index__(self: Any) -> int:
        if self.array.dtype.kind not in "iub":
            raise DTypeError(
                f"index: must be an integer tensor with one element, got {self.dtype.name}. Convert"
                " it with x.long()."
            )
        return int(self.item())

    def __contains__(self: Any, value: Any) -> bool:
        if not (is_tensor(value) or isinstance(value, (int, float))):
            raise DTypeError(
                f"in: a tensor contains numbers, got {type(value).__name__}. Look for a number or a"
                " tensor."
            )
        return bool((self == value).any())

    def __format__(self: Any, spec: str) -> str:
        return format(self.item(), spec) if self.ndim == 0 else object.__format__(self, spec)

    __hash__ = object.__hash__

    def __deepcopy__(self: Any, memo: dict) -> Tensor:
        if not self.is_leaf:
            raise GraphError(
                "deepcopy: must be a leaf, got the result of an op. Use x.detach().clone()."
            )
        new = object.__new__(type(self))
        memo[id(self)] = new
        new.__dict__.update({k: v for k, v in self.__dict__.items() if k not in OWN})
        new.array, new.device = copied(self.array, self.device, memo), self.device
        new.view_of = None
        new.node = Leaf(new) if self.node is not None else None
        new._grad = None if self._grad is None else self._grad.detach().clone()
        return new

    def __reduce_ex__(self: Any, protocol: Any) -> tuple:
        if not self.is_leaf:
            raise GraphError("pickle: must be a leaf, got the result of an op. Use x.detach().")
        extra = {k: v for k, v in self.__dict__.items() if k not in OWN}
        return rebuild, (
            type(self),
            self.device.to_host(self.array),
            str(self.device),
            self.requires_grad,
            extra,
        )

    def _repr_html_(self: Any) -> str:
        from .html import of_tensor

        return of_tensor(self)

    def __repr__(self: Any) -> str:
        array = self.device.to_host(self.array)
        notes = [quiet().run(printed, array)]
        if (
            self.dtype not in (dtypes.get_default_dtype(), dtypes.int64, dtypes.bool_)
            or not self.array.size
        ):
            notes.append(f"dtype={self.dtype}")
        if self.device.type != "cpu":
            notes.append(f"device='{self.device}'")
        if type(self.node) is Leaf:
            notes.append("requires_grad=True")
        elif self.node is not None:
            notes.append(f"grad_fn=<{self.node.name()}>")
        return f"tensor({', '.join(notes)})"


def rebuild(cls: type, array: np.ndarray, device: str, requires_grad: bool, extra: dict) -> Tensor:
    where = get_device(device)
    new: Tensor = object.__new__(cls)
    new.array, new.device, new.view_of = where.asarray(array), where, None
    new.node = Leaf(new) if requires_grad else None
    new.__dict__.update(extra)
    return new


OWN = ("view_of", "views", "leaf", "_grad", "retains_grad")  # not copied, not pickled


def copied(array: Any, device: Device, memo: dict) -> Any:
    """A copy for deepcopy: tensors that share memory still share it among their copies."""
    owner = device.storage(array)
    if device.type != "cpu" or not (array.flags.c_contiguous or owner.flags.c_contiguous):
        return device.xp.array(array)
    if owner is array:
        memo[id(owner)] = memo.get(id(owner), array.copy())
        return memo[id(owner)]
    whole = memo.setdefault(id(owner), owner.copy())
    memo.setdefault(("owner", id(owner)), owner)  # keeps the id its own
    start = address(array) - address(owner)
    return np.ndarray(array.shape, array.dtype, whole, start, array.strides)
