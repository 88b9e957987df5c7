"""Conversion: other dtypes and other devices."""

from __future__ import annotations

import math
from typing import Any

from ...engine import dtype as dtypes
from ...engine.border import public
from ...engine.case import Case
from ...engine.device import Device, functional, get_device
from ...engine.errors import GraphError, ShapeError
from ...engine.graph import Node, mode
from ...engine.op import Array, piece
from ...engine.tensor import Tensor


def cast_case(dtype, source):
    return Case([2, 3], dtypes.as_dtype(dtype).numpy, dtypes.as_dtype(source).numpy, grad=False)


@piece(cases=[cast_case("float32", "float64"), cast_case("int64", "float64")])
def cast(xp, input: Array, dtype: Any, source: Any):
    """Convert the dtype (`Tensor.to` calls it). `source` is the dtype of the input, which the
    gradient goes back to.

    Math:   out = input as dtype;   d input = g as source
    """
    return input.astype(dtype)


def cast_vjp(F, g, dtype, source):
    return F.cast(g, source, dtype) if source.kind == "f" else None


cast.vjp(input=cast_vjp)


class Transfer:
    """The op behind `x.to(device)`: its cotangent travels the other way."""

    name, kept_names, keeps, several, declared = "to", (), False, False, True

    def pull(self, F: Any, g: Any, kept: tuple) -> tuple:
        source, target = kept
        return (source.asarray(target.to_host(g)),)

    def pull_recorded(self, node: Node, F: Any, g: Tensor, kept: tuple) -> tuple:
        return (transfer(g, kept[0]),)


def transfer(x: Tensor, device: Device) -> Tensor:
    array = device.asarray(x.device.to_host(x.array))
    if not (mode.recording and x.node is not None):
        return Tensor(array, device)
    return Tensor(array, device, Node(Transfer(), (x.node,), (x.device, device), x.shape, device))


@public
def to(
    self: Tensor,
    *args: Any,
    dtype: Any = None,
    device: Any = None,
    copy: bool = False,
    non_blocking: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """Convert to a dtype, a device, both, or those of another tensor; self if nothing changes and
    not `copy`.
    """
    for arg in args:
        if isinstance(arg, Tensor):
            dtype, device = arg.dtype, arg.device
        elif isinstance(arg, (str, Device)):
            device = arg
        elif isinstance(arg, int) and not isinstance(arg, bool):
            device = f"cuda:{arg}"
        elif arg is not None and not isinstance(arg, bool):
            dtype = arg
    if isinstance(device, int):
        device = f"cuda:{device}"
    result = self
    if dtype is not None and dtypes.as_dtype(dtype) is not self.dtype:
        result = functional.cast(result, dtypes.as_dtype(dtype).numpy, self.array.dtype)
    if device is not None and get_device(device) is not self.device:
        result = transfer(result, get_device(device))
    return functional.clone(self) if copy and result is self else result


@public
def type_as(self: Tensor, other: Tensor) -> Tensor:
    return self.to(other.dtype)


def cpu(self: Tensor) -> Tensor:
    return self.to("cpu")


def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    return self.to("cuda" if device is None else device)


for _f in (to, type_as, cpu, cuda):
    setattr(Tensor, _f.__name__, _f)
for _name, _d in dict(
    float=dtypes.float32,
    double=dtypes.float64,
    half=dtypes.float16,
    long=dtypes.int64,
    int=dtypes.int32,
    short=dtypes.int16,
    char=dtypes.int8,
    byte=dtypes.uint8,
    bool=dtypes.bool_,
).items():
    setattr(Tensor, _name, lambda self, _d=_d: self.to(_d))


# ---- questions about tensors ---------------------------------------------------------------------


@public
def is_floating_point(input: Tensor) -> bool:
    """Whether the elements are floating-point numbers."""
    return input.dtype.is_floating_point


@public
def is_complex(input: Tensor) -> bool:
    """Whether the elements are complex numbers: never, here."""
    return False


@public
def is_signed(input: Tensor) -> bool:
    """Whether the elements may be below 0."""
    return input.dtype.is_signed


@public
def is_nonzero(input: Tensor) -> bool:
    """Whether the one element is not 0."""
    return bool(input)


@public
def is_same_size(input: Tensor, other: Tensor) -> bool:
    """Whether the shapes are equal."""
    return input.shape == other.shape


@public
def can_cast(from_: Any, to: Any) -> bool:
    """Whether promotion may turn one dtype into another: not from floating to integer, nor from a
    number to bool.
    """
    source, target = dtypes.as_dtype(from_).numpy.kind, dtypes.as_dtype(to).numpy.kind
    return dtypes.CATEGORY[source] <= dtypes.CATEGORY[target]


@public
def sum_to_size(self: Tensor, *size: Any) -> Tensor:
    """Sum over the dims that broadcasting from `size` would have added."""
    size = tuple(size[0] if len(size) == 1 and isinstance(size[0], (tuple, list)) else size)
    lead = self.ndim - len(size)
    if lead < 0 or any(n not in (1, m) for n, m in zip(size, self.shape[lead:])):
        raise ShapeError(
            f"sum_to_size: size must broadcast to {self.shape}, got {size}. Use sizes equal to the"
            " tensor's or 1."
        )
    return functional.sum_to(self, size)


def storage_offset(self: Tensor) -> int:
    """Where in its memory the tensor begins, in elements."""
    whole = self.device.storage(self.array)
    return (
        self.array.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    ) // self.array.itemsize


@public
def apply_(self: Tensor, callable: Any) -> Tensor:  # noqa: A002  # PyTorch's name
    """Put each element through a Python function, in place. Slow; outside the graph."""
    values = [callable(v) for v in self.array.reshape(-1).tolist()]
    with_shape = self.device.asarray(values, dtype=self.array.dtype).reshape(self.shape)
    return self.copy_(Tensor(with_shape, self.device))


def ndimension(self: Tensor) -> int:
    """Number of dims."""
    return self.ndim


def is_pinned(self: Tensor, device: Any = None) -> bool:
    """Whether the memory is pinned for a GPU: never, here."""
    return False


@public
def resize_(self: Tensor, *sizes: Any, memory_format: Any = None) -> Tensor:
    """Take another size, over the same memory as far as it reaches; new elements are 0."""
    size = tuple(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    if self.requires_grad or any(n < 0 for n in size):
        raise GraphError(
            "resize_: needs sizes of at least 0 and a tensor that requires no gradients, got"
            f" {size} for shape {tuple(self.shape)}. Use reshape(), or detach() it."
        )
    flat, wanted = self.array.reshape(-1), math.prod(size)
    if wanted > flat.size:
        longer = self.device.xp.zeros(wanted, flat.dtype)
        longer[: flat.size] = flat
        flat, self.view_of = longer, None
    self.array = flat[:wanted].reshape(size)
    self.bump_version()
    return self


@public
def resize_as_(self: Tensor, the_template: Tensor, memory_format: Any = None) -> Tensor:
    """`resize_` to the shape of another tensor."""
    return resize_(self, tuple(the_template.shape))


@public
def new(self: Tensor, *args: Any) -> Tensor:
    """An older name: `new_empty` of a size given as ints or a shape, else `new_tensor` of data."""
    if len(args) == 1 and not isinstance(args[0], (int, type(self.shape))):
        return self.new_tensor(args[0])
    return self.new_empty(*(args or (0,)))


def pin_memory(self: Tensor) -> Tensor:
    """The tensor itself: memory of the CPU needs no pinning to be read by it."""
    return self


@public
def where(self: Tensor, condition: Tensor, other: Any) -> Tensor:
    """The tensor where condition holds, else other."""
    return functional.where(condition, self, other)


@public
def polygamma(self: Tensor, n: int) -> Tensor:
    """The n-th derivative of digamma."""
    return functional.polygamma(n, self)


for _method in (
    where,
    polygamma,
    is_complex,
    is_nonzero,
    is_signed,
    is_same_size,
    sum_to_size,
    storage_offset,
    apply_,
    ndimension,
    is_pinned,
    pin_memory,
    resize_,
    resize_as_,
    new,
):
    setattr(Tensor, _method.__name__, _method)
for _name in ("is_sparse", "is_quantized", "is_meta", "is_nested", "is_mps", "is_xpu"):
    setattr(Tensor, _name, False)
Tensor.is_cpu = property(lambda self: self.device.type == "cpu")  # type: ignore[assignment, method-assign]


def cuda_array_interface(self: Tensor) -> dict:
    """How other libraries read a CUDA tensor in place."""
    if self.device.type != "cuda":
        raise AttributeError(
            "__cuda_array_interface__: must be read from a tensor on cuda, got one on"
            f" {self.device}. Move it with .to('cuda')."
        )
    if self.requires_grad:
        raise GraphError(
            "__cuda_array_interface__: must be read from a tensor outside the graph, got one that"
            " requires gradients. Use x.detach()."
        )
    return self.array.__cuda_array_interface__


Tensor.__cuda_array_interface__ = property(cuda_array_interface)  # type: ignore[assignment, method-assign]
