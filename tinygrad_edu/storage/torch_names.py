"""What the names in a file of torch.save stand for: tensors, their storages, dtypes and devices."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine import dtype as dtypes
from ..engine.device import Device, get_device
from ..engine.errors import CheckpointError, DeviceError
from ..engine.tensor import Size, Tensor
from ..nn.parameter import Parameter
from .pickles import PLAIN, Inner, Machine, Name, exactly, refuse

STORAGES = {  # PyTorch's name -> the dtype of its numbers; bf16 is none of NumPy's
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bf16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "?",
}
# dtypes that PyTorch keeps as bytes; each is read as a wider one that holds all its values
WIDER = {"uint16": "u2", "uint32": "u4", "uint64": "u8", "bfloat16": "bf16"}
NONE_HERE = (
    "complex32",
    "complex64",
    "complex128",
    "float8_e4m3fn",
    "float8_e4m3fnuz",
    "float8_e5m2",
    "float8_e5m2fnuz",
)
UNSUPPORTED = "which has no counterpart here. Convert it with PyTorch and save it again"


class Storage(Inner):
    """The raw numbers of one or more tensors.

    Args:
        raw: the bytes of the file's member, writable.
        device: where its tensors go.
    """

    text = "a storage"

    def __init__(self, raw: np.ndarray, device: Device) -> None:
        self.raw, self.device = raw, device
        self.arrays: dict[str, Any] = {}  # by kind
        self.copies: list[tuple[Any, Any]] = []  # of expanded views, each with its view

    def numbers(self, kind: str) -> Any:
        """The flat array of numbers of a kind, on the device: one for all tensors."""
        if self.arrays and kind not in self.arrays:
            raise CheckpointError("two tensors read the same storage as different dtypes")
        if kind not in self.arrays:
            self.arrays[kind] = self.device.asarray(decoded(self.raw, kind))
        return self.arrays[kind]

    def copy(self, view: Any) -> Any:
        """A view of `numbers` with memory of its own."""
        self.copies.append((self.device.xp.array(view), view))
        return self.copies[-1][0]

    def renew(self) -> None:
        """Bring what was made of `raw` up to date with it: other bytes have been read into it."""
        for kind, array in self.arrays.items():
            array[...] = self.device.asarray(decoded(self.raw, kind))
        for copy, view in self.copies:
            copy[...] = view


class Kind(Name):
    """A storage class of PyTorch; `kind` is None for raw bytes, whose dtype the tensor tells."""

    def __init__(self, text: str, kind: str | None) -> None:
        super().__init__(text)
        self.kind = kind


class Typed(Inner):
    """A storage and the kind of its numbers, if the file tells it.

    Args:
        start: the element of the storage that its tensors count from.
    """

    text = "a storage"

    def __init__(self, storage: Storage, kind: str | None, start: int = 0) -> None:
        self.storage, self.kind, self.start = storage, kind, start


def claimed(pid: Any) -> tuple[str | None, str, str, int]:
    """Kind, key, location and number of elements of the storage with a persistent id."""
    if type(pid) is not tuple or len(pid) != 5 or type(pid[0]) is not str:
        refuse()
    _, kind, key, location, count = pid
    if isinstance(kind, Unsupported):
        kind.refuse()
    if not isinstance(kind, Kind) or [*map(type, pid[2:])] != [str, str, int]:
        refuse()
    return kind.kind, key, location, count


def decoded(raw: np.ndarray, kind: str) -> np.ndarray:
    """The numbers in bytes, in a dtype that the engine has."""
    if kind == "bf16":  # the upper half of a float32
        return (raw.view("<u2").astype(np.uint32) << 16).view(np.float32)
    if kind == "?" and raw.max(initial=0) > 1:
        raise CheckpointError("a storage holds a bool that is neither 0 nor 1")
    dtype = np.dtype(kind)
    array = raw.view(dtype.newbyteorder("<")).astype(dtype, copy=False)
    if dtype in dtypes.of_numpy:
        return array
    if kind == "u8" and array.max(initial=0) >= 2**63:
        raise CheckpointError("a uint64 tensor has values of 2^63 or more, which int64 cannot hold")
    return array.astype(np.int32 if kind == "u2" else np.int64)


def width(kind: str | None) -> int:
    """Bytes of a number; without a kind the numbers are bytes."""
    return 2 if kind == "bf16" else np.dtype(kind or "u1").itemsize


# ---- tensors -------------------------------------------------------------------------------------


def rebuild_tensor(
    machine: Machine,
    typed: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any = False,
    *_: Any,
) -> Tensor:
    kind = exactly(typed, Typed).kind
    if kind is None:
        refuse()
    return tensor_in(machine, typed, kind, offset, size, stride, requires_grad)


def rebuild_typed_tensor(
    machine: Machine,
    typed: Any,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    hooks: Any,
    dtype: Any,
    *_: Any,
) -> Tensor:
    """As `rebuild_tensor`, of a storage of raw bytes."""
    kind = exactly(dtype, RawDtype).kind
    if kind is None:
        Unsupported(dtype.text, "a tensor of another dtype").refuse()
    return tensor_in(machine, exactly(typed, Typed), kind, offset, size, stride, requires_grad)


def tensor_in(
    machine: Machine,
    typed: Typed,
    kind: str,
    offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
) -> Tensor:
    """The tensor of that shape and strides (in elements) in a storage, whose memory it shares."""
    machine.room.take(600)
    storage, offset = typed.storage, typed.start + exactly(offset, int)
    check_view(storage.raw.size // width(kind), offset, size, stride)
    flat, device = storage.numbers(kind), storage.device
    extra = math.prod(size) - len(flat)
    if extra > 0:
        charge_expanded(machine, size, len(flat), extra * flat.itemsize)
    strides = tuple(step * flat.itemsize for step in stride)
    view = device.xp.lib.stride_tricks.as_strided(flat[offset:], size, strides)
    if extra > 0:  # elements that share their memory cannot be written one by one
        view = storage.copy(view)
    tensor = Tensor(view, device)
    return tensor.requires_grad_(wants_gradient(requires_grad, tensor))


def charge_expanded(machine: Machine, size: tuple, count: int, missing: int) -> None:
    try:
        machine.room.take(missing)
    except CheckpointError:
        raise CheckpointError(
            f"a tensor of shape {size} is an expanded view of {count} elements; clone() it"
            " before torch.save"
        ) from None


def check_view(count: int, offset: Any, size: Any, stride: Any) -> None:
    """Refuse a shape and strides that reach outside a storage of `count` elements."""
    if not are_sizes(offset, size, stride):
        raise CheckpointError("a tensor's storage, offset, size and stride do not make sense")
    empty = 0 in size
    last = offset if empty else offset + sum((n - 1) * s for n, s in zip(size, stride))
    if offset > count or (last >= count and not empty):
        raise CheckpointError(
            f"a tensor of shape {size} reaches beyond its storage of {count} elements"
        )


def are_sizes(offset: Any, size: Any, stride: Any) -> bool:
    """Whether these are an offset, a shape and its strides."""
    if type(size) is not tuple or type(stride) is not tuple:
        return False
    numbers = (offset, *size, *stride)
    return len(size) == len(stride) <= 32 and all(
        type(n) is int and 0 <= n < 2**48 for n in numbers
    )


def wants_gradient(requires_grad: Any, tensor: Tensor) -> bool:
    if type(requires_grad) is not bool or (requires_grad and not tensor.is_floating_point()):
        refuse()
    return requires_grad


def rebuild_parameter(machine: Machine, data: Any, requires_grad: Any = True, *_: Any) -> Parameter:
    machine.room.take(300)
    wanted = wants_gradient(requires_grad, exactly(data, Tensor))
    return Parameter(data.detach(), wanted)


def rebuild_from_type(machine: Machine, make: Any, kind: Any, args: Any, state: Any) -> Any:
    """A tensor with attributes of its own, which are dropped."""
    if not any(kind is one for one in TENSORS) or not any(make is one for one in TENSOR_MAKERS):
        refuse()
    return machine.build(make, args)


# ---- dtypes, devices, shapes ---------------------------------------------------------------------


class RawDtype(Name):
    """A dtype that no tensor of the engine has; its tensors are read in a wider one."""

    def __init__(self, text: str, kind: str | None) -> None:
        super().__init__(text)
        self.kind = kind


def make_device(machine: Machine, kind: Any, index: Any = None) -> Any:
    """The device, or its name if this machine lacks it."""
    machine.room.take(100)
    text = exactly(kind, str)[:20] if index is None else f"{kind[:20]}:{exactly(index, int)}"
    try:
        return get_device(text)
    except DeviceError:
        return text


def make_layout(machine: Machine, text: Any) -> Any:
    """Tensors here have one layout, so its name stands for it."""
    return exactly(text, str)


def make_size(machine: Machine, sizes: Any = ()) -> Size:
    machine.room.take(40 + 8 * len(exactly(sizes, tuple, list)))
    return Size(sizes)


class Unsupported(Name):
    """Something of PyTorch's that the engine lacks."""

    def __init__(self, text: str, what: str) -> None:
        super().__init__(text, self.refuse)
        self.what = what

    def refuse(self, *_: Any) -> Any:
        raise CheckpointError(f"it holds {self.what} ({self.text}), {UNSUPPORTED}")


def dtype_names() -> dict[tuple[str, str], Any]:
    named = {("torch", d.name): d for d in dtypes.ALL}
    kinds = {**WIDER, **dict.fromkeys(NONE_HERE)}
    return {**named, **{("torch", n): RawDtype(f"torch.{n}", k) for n, k in kinds.items()}}


TENSORS = TENSOR, PARAMETER = Name("torch.Tensor"), Name("torch.nn.parameter.Parameter")
REBUILDERS: dict[str, Callable[..., Any]] = {
    "_rebuild_tensor": rebuild_tensor,
    "_rebuild_tensor_v2": rebuild_tensor,
    "_rebuild_tensor_v3": rebuild_typed_tensor,
    "_rebuild_parameter": rebuild_parameter,
    "_rebuild_parameter_with_state": rebuild_parameter,
}
SPECIAL_TENSORS = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_qtensor": "a quantized tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without values",
    "_rebuild_wrapper_subclass": "a tensor of another class",
}
MAKERS = {name: Name(f"torch._utils.{name}", make) for name, make in REBUILDERS.items()}
TENSOR_MAKERS = tuple(MAKERS.values())
NAMES: dict[tuple[str, str], Any] = {
    **PLAIN,
    **{("torch._utils", name): make for name, make in MAKERS.items()},
    **{("torch._utils", n): Unsupported(n, what) for n, what in SPECIAL_TENSORS.items()},
    **{
        (module, name): Kind(f"{module}.{name}", kind)
        for module in ("torch", "torch.cuda")
        for name, kind in STORAGES.items()
    },
    **{
        ("torch", name): Unsupported(name, "complex numbers")
        for name in ("ComplexFloatStorage", "ComplexDoubleStorage")
    },
    **dtype_names(),
    ("torch.storage", "UntypedStorage"): Kind("torch.UntypedStorage", None),
    ("torch", "Size"): Name("torch.Size", make_size),
    ("torch", "device"): Name("torch.device", make_device),
    ("torch.serialization", "_get_layout"): Name("torch.layout", make_layout),
    ("torch", "Tensor"): TENSOR,
    ("torch.nn.parameter", "Parameter"): PARAMETER,
    ("torch._tensor", "_rebuild_from_type_v2"): Name("_rebuild_from_type_v2", rebuild_from_type),
}
