"""Tensors from data, sizes and ranges."""

from __future__ import annotations

import math
from typing import Any, Unpack

from ...engine.arrays import as_array
from ...engine.border import public, silent
from ...engine.device import functional, get_device
from ...engine.dtype import as_dtype, get_default_dtype, int64
from ...engine.errors import DTypeError, ShapeError
from ...engine.limits import iinfo
from ...engine.tensor import Tensor, as_tensor
from .sizes import AnyDevice, AnyDType, AnySize, Named, Number, count, kind, made, place, sizes


@public
def tensor(
    data: Any, *, dtype: AnyDType = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """A new tensor with a copy of `data` (numbers, nested lists, arrays).

    Floats take the default dtype, ints int64.
    """
    where = place(data.device if device is None and isinstance(data, Tensor) else device)
    if dtype is not None and isinstance(data, (int, float, list, tuple)):
        check_range("tensor", data, as_dtype(dtype))
    return made(as_array(data, dtype, where, copy=True), where, requires_grad)


def check_range(name: str, data: Any, dtype: Any) -> None:
    """Refuse Python numbers that an integer dtype cannot hold; -1 may stand for 255."""
    if dtype.numpy.kind not in "iu":
        return
    values = as_array(data, None, get_device("cpu"))
    if not values.size or values.dtype == dtype.numpy:
        return
    limits = iinfo(dtype)
    low = -limits.max if dtype.numpy.kind == "u" else limits.min
    least, most = values.min().item(), values.max().item()
    if not (low <= least and most <= limits.max):
        raise ShapeError(
            f"{name}: values must fit {dtype.name}, from {limits.min} to {limits.max}, got values"
            f" from {least} to {most}. Use a wider dtype."
        )


@public
def from_numpy(array: Any) -> Tensor:
    """A tensor that shares memory with a NumPy array."""
    if not hasattr(array, "__array_interface__"):
        raise DTypeError(
            f"from_numpy: needs a NumPy array, got {type(array).__name__}. Use tensor() for other"
            " data."
        )
    return as_tensor(array)


@public
def asarray(
    obj: Any,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    copy: bool | None = None,
    requires_grad: bool = False,
) -> Tensor:
    """`obj` (numbers, nested lists, arrays, tensors) as a tensor; shares memory where it can unless
    `copy`.
    """
    t = (
        tensor(obj, dtype=dtype, device=device)
        if copy
        else as_tensor(obj, dtype=dtype, device=device)
    )
    return t.detach().requires_grad_() if requires_grad else t


@public
def scalar_tensor(
    s: Number, *, dtype: AnyDType = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """One number as a 0-d tensor of the default dtype."""
    return full(
        (), s, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad
    )


@public
def from_dlpack(source: Any) -> Tensor:
    """A tensor that shares memory with any object that speaks DLPack: on the CPU, or on an NVIDIA
    GPU.
    """
    # DLPack's numbers: 1 CPU, 2 CUDA, 3 pinned, 13 managed
    kind, index = source.__dlpack_device__() if hasattr(source, "__dlpack_device__") else (1, 0)
    where = get_device(f"cuda:{index}" if kind in (2, 13) else "cpu")
    return Tensor(where.xp.from_dlpack(source), where)


@public
def zeros(
    *given: AnySize,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    **named: Unpack[Named],
) -> Tensor:
    """A tensor of that size, filled with 0."""
    where = place(device)
    array = where.xp.zeros(sizes("zeros", given, named), kind(dtype))
    return made(array, where, requires_grad)


@public
def ones(
    *given: AnySize,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    **named: Unpack[Named],
) -> Tensor:
    """A tensor of that size, filled with 1."""
    where = place(device)
    array = where.xp.ones(sizes("ones", given, named), kind(dtype))
    return made(array, where, requires_grad)


@public
def empty(
    *given: AnySize,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
    **named: Unpack[Named],
) -> Tensor:
    """A tensor of that size whose values are not to be relied on (zeros here)."""
    where = place(device)
    array = where.xp.zeros(sizes("empty", given, named), kind(dtype))
    return made(array, where, requires_grad)


@public
@silent
def full(
    size: AnySize,
    fill_value: Number,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """A tensor of that size, filled with one number (whose kind decides the dtype)."""
    where = place(device)
    if dtype is None:
        dtype = fill_value.dtype if isinstance(fill_value, Tensor) else type(fill_value)
    wanted = as_dtype(dtype)
    as_number = {"f": float, "b": bool}.get(wanted.numpy.kind, int)
    number = as_number(fill_value)
    check_range("full", number, wanted)
    array = where.xp.full(sizes("full", (size,)), number, wanted.numpy)
    return made(array, where, requires_grad)


def as_like(
    input: Tensor, dtype: AnyDType, device: AnyDevice, requires_grad: bool
) -> dict[str, Any]:
    """Keyword arguments of a new tensor: those of `input` where none are given."""
    return {
        "dtype": dtype or input.dtype,
        "device": device or input.device,
        "requires_grad": requires_grad,
    }


@public
def zeros_like(
    input: Tensor, *, dtype: AnyDType = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Shape, dtype and device of `input`, filled with 0."""
    return zeros(tuple(input.shape), **as_like(input, dtype, device, requires_grad))


@public
def ones_like(
    input: Tensor, *, dtype: AnyDType = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Shape, dtype and device of `input`, filled with 1."""
    return ones(tuple(input.shape), **as_like(input, dtype, device, requires_grad))


@public
def empty_like(
    input: Tensor, *, dtype: AnyDType = None, device: AnyDevice = None, requires_grad: bool = False
) -> Tensor:
    """Shape, dtype and device of `input`; the values are not to be relied on."""
    return empty(tuple(input.shape), **as_like(input, dtype, device, requires_grad))


@public
def full_like(
    input: Tensor,
    fill_value: Number,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Shape, dtype and device of `input`, filled with one number."""
    return full(tuple(input.shape), fill_value, **as_like(input, dtype, device, requires_grad))


@public
@silent
def arange(
    start: Number,
    end: Number | None = None,
    step: Number = 1,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """start, start + step, ... below end; `arange(end)` starts at 0.

    Dtype:  int64 if all three are ints, else the default dtype
    """
    start, end = (0, start) if end is None else (start, end)
    start, end, step = map(number, (start, end, step))
    if not all(map(math.isfinite, (start, end, step))):
        raise ShapeError(
            f"arange: start, end and step must be finite, got {start}, {end} and {step}. Correct"
            " them."
        )
    if step == 0 or (end - start) * step < 0:
        raise ShapeError(
            f"arange: step must lead from start to end, got start={start}, end={end}, step={step}."
            " Change its sign."
        )
    where = place(device)
    whole = all(isinstance(v, int) for v in (start, end, step))
    if dtype is None:
        dtype = int64 if whole else get_default_dtype()
    if not (dtype is int64 and whole and max(abs(start), abs(end)) < 2**63):
        check_range("arange", [start, end], as_dtype(dtype))
    n = count("arange", "the number of elements", math.ceil((end - start) / step))
    values = where.xp.arange(n) * step + start
    return made(where.asarray(values.astype(kind(dtype))), where, requires_grad)


def number(value: Number) -> Any:
    """A Python number from a number or a tensor with one element."""
    return value.item() if isinstance(value, Tensor) else value


@public
@silent
def linspace(
    start: Number,
    end: Number,
    steps: int,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from start to end, both included."""
    where = place(device)
    n = count("linspace", "steps", number(steps))
    array = where.xp.linspace(number(start), number(end), n).astype(kind(dtype))
    return made(array, where, requires_grad)


@public
@silent
def logspace(
    start: Number,
    end: Number,
    steps: int,
    base: float = 10.0,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """`steps` numbers from base^start to base^end, evenly spaced in the exponent."""
    where = place(device)
    n = count("logspace", "steps", number(steps))
    array = base ** where.xp.linspace(number(start), number(end), n)
    return made(array.astype(kind(dtype)), where, requires_grad)


@public
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: AnyDType = None,
    device: AnyDevice = None,
    requires_grad: bool = False,
) -> Tensor:
    """Ones on the diagonal, zeros elsewhere."""
    where = place(device)
    rows, columns = sizes("eye", (n, n if m is None else m))
    return made(where.xp.eye(rows, columns, dtype=kind(dtype)), where, requires_grad)


for _function in (
    tensor,
    zeros,
    ones,
    full,
    zeros_like,
    ones_like,
    empty_like,
    full_like,
    arange,
    eye,
):
    setattr(functional, _function.__name__, _function)  # composites reach them through F


def install_new(name, function):
    def method(self, *args, dtype=None, device=None, requires_grad=False, **named) -> Tensor:
        return function(
            *args,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
            **named,  # size, fill_value, data
        )

    method.__name__ = name
    method.__doc__ = f"`{function.__name__}` with this tensor's dtype and device."
    setattr(Tensor, name, public(method))


for _name, _make in dict(
    new_zeros=zeros, new_ones=ones, new_empty=empty, new_full=full, new_tensor=tensor
).items():
    install_new(_name, _make)
