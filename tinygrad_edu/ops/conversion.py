"""Conversion: other dtypes and other devices."""
from __future__ import annotations

from typing import Any

from ..base import dtype as dtypes
from ..core.autograd import Node, functional, mode
from ..core.device import Device, get_device
from ..core.op import op
from ..core.tensor import Tensor


@op(method=False)
def cast(xp, x, /, dtype, source):
    """Convert the dtype (`Tensor.to` calls it). `source` is the dtype of x, which the gradient goes back to.

    Math:   out = x as dtype;   d x = g as source
    """
    return x.astype(dtype)


cast.vjp(x=lambda F, g, dtype, source: F.cast(g, source, dtype) if source.kind == "f" else None)


class Transfer:
    """The op behind `x.to(device)`: its cotangent travels the other way."""

    name, keeps, saved_names = "to", False, ()

    def pullback(self, node: Node, F: Any, g: Any, create_graph: bool) -> tuple:
        source, target = node.attrs["source"], node.device
        return (transfer(g, source) if create_graph else source.asarray(target.to_host(g)),)

    def input_name(self, i: int) -> str:
        return "x"


def transfer(x: Tensor, device: Device) -> Tensor:
    array = device.asarray(x.device.to_host(x.array))
    if not (mode.recording and x.node is not None):
        return Tensor(array, device)
    return Tensor(array, device, Node(Transfer(), (x.node,), (x.shape,), (), {"source": x.device}, device, 0))


def to(self: Tensor, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, non_blocking: bool = False) -> Tensor:
    """Convert to a dtype, a device, both, or those of another tensor; self if nothing changes and not `copy`."""
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, (str, Device)):
            device = arg
        elif arg is not None and not isinstance(arg, bool):
            dtype = arg
    result = self
    if dtype is not None and dtypes.as_dtype(dtype) is not self.dtype:
        result = functional.cast(result, dtypes.as_dtype(dtype).numpy, self.array.dtype)  # type: ignore[attr-defined]
    if device is not None and get_device(device) is not self.device:
        result = transfer(result, get_device(device))
    return functional.clone(self) if copy and result is self else result  # type: ignore[attr-defined]


def type_(self: Tensor, dtype: Any = None) -> Any:
    """The name of the tensor's type, or the tensor converted to `dtype`."""
    return f"tinygrad_edu.{self.dtype.torch_class}Tensor" if dtype is None else self.to(dtype=dtype)


def type_as(self: Tensor, other: Tensor) -> Tensor:
    return self.to(other.dtype)


def cpu(self: Tensor) -> Tensor:
    return self.to("cpu")


def cuda(self: Tensor, index: int | None = None) -> Tensor:
    return self.to("cuda" if index is None else f"cuda:{index}")


for _f in (to, type_as, cpu, cuda):
    setattr(Tensor, _f.__name__, _f)
Tensor.type = type_  # type: ignore[attr-defined]
for _name, _d in dict(float=dtypes.float32, double=dtypes.float64, half=dtypes.float16, long=dtypes.int64, int=dtypes.int32,
                      short=dtypes.int16, char=dtypes.int8, byte=dtypes.uint8, bool=dtypes.bool_).items():
    setattr(Tensor, _name, lambda self, _d=_d: self.to(_d))
