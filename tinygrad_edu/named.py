"""PyTorch's names for what a tensor is: devices that may be absent here, dtypes that are not
stored here, and the older typed tensors, such as FloatTensor.

A script names a device or a dtype long before it uses one, and often never uses it. So each name
exists, and an error comes where it is used.
"""

from __future__ import annotations

from functools import wraps
from numbers import Integral
from typing import TYPE_CHECKING, Any, NoReturn

from . import functional as F
from .engine import dtype as dtypes
from .engine.device import BACKENDS, Device, get_device
from .engine.dtype import dtype
from .engine.errors import DeviceError, DTypeError
from .engine.tensor import Size, Tensor

# ---- devices -------------------------------------------------------------------------------------

ELSEWHERE = ("cuda", "mps", "xpu", "hpu", "meta", "mtia", "xla")  # PyTorch's, beside cpu


class AbsentDevice(Device):
    """A device that this machine or this engine does not have: an error at its first use."""

    def __init__(self, name: str, error: DeviceError):
        self.type, _, index = name.partition(":")
        self.index, self.error = int(index) if index else None, error

    def __getattr__(self, name: str) -> Any:
        if name in ("xp", "array_type", "F"):
            raise DeviceError(str(self.error)) from self.error
        raise AttributeError(f"{self}: a device has no {name!r}. Check the spelling.")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and str(self) == str(other)

    __hash__ = Device.__hash__

    def __reduce__(self) -> tuple:
        return device, (str(self),)


class DeviceName(type):
    """`device("cuda")` makes a Device, and every Device is an instance of `device`."""

    def __call__(cls, type: Any = None, index: int | None = None) -> Device:
        spec = ("cuda" if isinstance(type, int) else type) if type is not None else Device.default
        index = type if isinstance(type, int) else index
        try:
            return get_device(spec, index)
        except DeviceError as error:
            name = str(spec) if index is None else f"{spec}:{index}"
            kind, _, number = name.partition(":")
            if kind not in {*ELSEWHERE, *BACKENDS} or number and not number.isdigit():
                raise
            return AbsentDevice(name, error)

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Device)


if TYPE_CHECKING:
    device = Device  # a checker lets every Device pass where a script writes `torch.device`
else:

    class device(metaclass=DeviceName):  # noqa: N801  # PyTorch's name
        """The device of that name: "cpu", "cuda", "cuda:1", "emu"; a number is that of a GPU.

        A device that is not on this machine can be named; the error comes when it is used. In a
        `with` block it is the device of new tensors.
        """


def set_default_device(device: Any) -> None:
    """Make it the device of new tensors, in all threads; None: the CPU again."""
    Device.default = get_device("cpu" if device is None else device)


def get_default_device() -> Device:
    """The device of new tensors."""
    return Device.default


# ---- dtypes --------------------------------------------------------------------------------------


class UnstoredDtype(dtype):
    """A dtype that can be named, for autocast and in tables, and that no tensor here can have."""

    def __init__(self, name: str, torch_class: str, itemsize: int, is_complex: bool = False):
        self.name, self.torch_class, self.itemsize = name, torch_class, itemsize
        self.is_floating_point, self.is_complex, self.is_signed = not is_complex, is_complex, True

    @property
    def numpy(self) -> NoReturn:  # type: ignore[override]
        instead = (
            "Keep real and imaginary parts in two tensors" if self.is_complex else "Use float32"
        )
        raise DTypeError(f"dtype: tensors of {self.name} are not supported, got {self}. {instead}.")


bfloat16 = UnstoredDtype("bfloat16", "BFloat16", 2)
complex64 = cfloat = UnstoredDtype("complex64", "ComplexFloat", 8, is_complex=True)
complex128 = cdouble = UnstoredDtype("complex128", "ComplexDouble", 16, is_complex=True)


class memory_format:  # noqa: N801  # PyTorch's name
    """The order of a tensor's elements in memory; accepted, and the usual order is used."""

    def __init__(self, name: str):
        self.name = name

    def __repr__(self) -> str:
        return f"{dtype.namespace}.{self.name}"


channels_last, channels_last_3d = memory_format("channels_last"), memory_format("channels_last_3d")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")


# ---- typed tensors -------------------------------------------------------------------------------


class TypedName(type):
    """`FloatTensor(...)` makes a Tensor, and a float32 Tensor is an instance of FloatTensor."""

    dtype: dtype
    kind: str

    def __call__(cls, *data: Any) -> Tensor:
        if len(data) == 1 and not isinstance(data[0], (Integral, Size)):
            return F.tensor(data[0], dtype=cls.dtype, device=cls.kind)
        return F.empty(*data or (0,), dtype=cls.dtype, device=cls.kind)

    def __instancecheck__(cls, instance: object) -> bool:
        return (
            isinstance(instance, Tensor)
            and instance.dtype is cls.dtype
            and instance.device.type == cls.kind
        )


def typed(name: str, of: dtype, kind: str = "cpu") -> type:
    """The class `name`, whose instances are the tensors of one dtype on one kind of device."""
    about = (
        f"Tensors of {of.name} on {kind}: `{name}(2, 3)` has that size, `{name}([1, 2])` that data."
    )
    return TypedName(name, (), {"__doc__": about, "dtype": of, "kind": kind})


FloatTensor = typed("FloatTensor", dtypes.float32)
DoubleTensor = typed("DoubleTensor", dtypes.float64)
HalfTensor = typed("HalfTensor", dtypes.float16)
ByteTensor = typed("ByteTensor", dtypes.uint8)
CharTensor = typed("CharTensor", dtypes.int8)
ShortTensor = typed("ShortTensor", dtypes.int16)
IntTensor = typed("IntTensor", dtypes.int32)
LongTensor = typed("LongTensor", dtypes.int64)
BoolTensor = typed("BoolTensor", dtypes.bool_)


def set_default_tensor_type(t: Any) -> None:
    """Make a floating-point type, such as DoubleTensor or "torch.DoubleTensor", that of new
    tensors.
    """
    dtypes.set_default_dtype(dtype_of(t))
    if "cuda" in (getattr(t, "kind", "") or str(t)):
        set_default_device("cuda")


def dtype_of(t: Any) -> dtype:
    """The dtype that a dtype, a typed tensor or its name stands for."""
    if isinstance(t, str):
        word = t.rsplit(".", 1)[-1].removesuffix("Tensor")
        named = {d.torch_class: d for d in dtypes.ALL}
        return named[word] if word in named else dtypes.as_dtype(word)
    return t.dtype if isinstance(t, TypedName) else dtypes.as_dtype(t)


def type_(self: Tensor, dtype: Any = None, non_blocking: bool = False) -> Any:
    """The name of the tensor's type, or the tensor converted to a dtype or typed tensor."""
    if dtype is None:
        where = "" if self.device.type == "cpu" else f"{self.device.type}."
        return f"torch.{where}{self.dtype.torch_class}Tensor"
    return self.to(dtype=dtype_of(dtype), device=getattr(dtype, "kind", None))


Tensor.type = type_  # type: ignore[assignment, method-assign]


# ---- the factor first ----------------------------------------------------------------------------


def factor_first(name: str, factor: str) -> None:
    """Let an in-place method also take its factor as first argument: `x.add_(2, y)` is
    `x.add_(y, alpha=2)`, an order that older scripts use.
    """
    method = getattr(Tensor, name)

    @wraps(method)
    def call(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if len(args) > 1 and type(args[0]) in (int, float) and factor not in kwargs:
            return method(self, *args[1:], **{factor: args[0]}, **kwargs)
        return method(self, *args, **kwargs)

    setattr(Tensor, name, call)


for _name, _factor in (
    ("add_", "alpha"),
    ("sub_", "alpha"),
    ("addcmul_", "value"),
    ("addcdiv_", "value"),
):
    factor_first(_name, _factor)
