"""Tensors from data, sizes and ranges."""

from __future__ import annotations

import math

from ...engine.arrays import as_array
from ...engine.device import get_device
from ...engine.dtype import as_dtype, get_default_dtype
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor, as_tensor
from .random import sizes


def tensor(data, dtype=None, device=None, requires_grad=False):
    """A new tensor with a copy of `data` (numbers, nested lists, arrays).

    Floats take the default dtype, ints int64.
    """
    where = get_device(device or (data.device if isinstance(data, Tensor) else "cpu"))
    t = Tensor(as_array(data, dtype, where, copy=True), where)
    return t.requires_grad_() if requires_grad else t


def from_numpy(array):
    """A tensor that shares memory with a NumPy array."""
    if not hasattr(array, "__array_interface__"):
        raise DTypeError(
            f"from_numpy: needs a NumPy array, got {type(array).__name__}. Use tensor() for other"
            " data."
        )
    return as_tensor(array)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """`obj` (numbers, nested lists, arrays, tensors) as a tensor; shares memory where it can unless
    `copy`.
    """
    t = tensor(obj, dtype, device) if copy else as_tensor(obj, dtype=dtype, device=device)
    return t.detach().requires_grad_() if requires_grad else t


def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """One number as a 0-d tensor of the default dtype."""
    return full(
        (), s, dtype=dtype or get_default_dtype(), device=device, requires_grad=requires_grad
    )


def from_dlpack(source):
    """A tensor that shares memory with any object that speaks DLPack: on the CPU, or on an NVIDIA
    GPU.
    """
    # DLPack's numbers: 1 CPU, 2 CUDA, 3 pinned, 13 managed
    kind, index = source.__dlpack_device__() if hasattr(source, "__dlpack_device__") else (1, 0)
    where = get_device(f"cuda:{index}" if kind in (2, 13) else "cpu")
    return Tensor(where.xp.from_dlpack(source), where)


def filled(name, value):
    def new(*size, dtype=None, device=None, requires_grad=False, **ignored):
        where = get_device(device or "cpu")
        size = sizes(size or (ignored.get("size", ()),))
        if any(n < 0 for n in size):
            raise ShapeError(f"{name}: sizes must not be negative, got {size}. Correct them.")
        t = Tensor(
            where.xp.full(
                size, value, (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy
            ),
            where,
        )
        return t.requires_grad_() if requires_grad else t

    def new_like(input, *, dtype=None, device=None, requires_grad=False):
        return new(
            tuple(input.shape),
            dtype=dtype or input.dtype,
            device=device or input.device,
            requires_grad=requires_grad,
        )

    new.__name__, new.__doc__ = name, f"A tensor of that size, filled with {value}."
    new_like.__name__, new_like.__doc__ = (
        f"{name}_like",
        f"Shape, dtype and device of `input`, filled with {value}.",
    )
    return new, new_like


zeros, zeros_like = filled("zeros", 0)
ones, ones_like = filled("ones", 1)
empty, empty_like = filled("empty", 0)


def full(size, fill_value, *, dtype=None, device=None, requires_grad=False):
    """A tensor of that size, filled with one number (whose kind decides the dtype)."""
    where = get_device(device or "cpu")
    wanted = as_dtype(
        dtype
        if dtype is not None
        else type(fill_value)
        if isinstance(fill_value, (bool, int, float))
        else fill_value.dtype
    )
    t = Tensor(
        where.xp.full(
            sizes((size,)),
            (
                float(fill_value)
                if wanted.is_floating_point
                else bool(fill_value)
                if wanted.name == "bool"
                else int(fill_value)
            ),
            wanted.numpy,
        ),
        where,
    )
    return t.requires_grad_() if requires_grad else t


def full_like(input, fill_value, *, dtype=None, device=None, requires_grad=False):
    """Shape, dtype and device of `input`, filled with one number."""
    return full(
        tuple(input.shape),
        fill_value,
        dtype=dtype or input.dtype,
        device=device or input.device,
        requires_grad=requires_grad,
    )


def arange(start, end=None, step=1, *, dtype=None, device=None, requires_grad=False):
    """start, start + step ...

    below end; `arange(end)` starts at 0. int64 for ints, else the default dtype.
    """
    start, end = (0, start) if end is None else (start, end)
    start, end, step = (v.item() if isinstance(v, Tensor) else v for v in (start, end, step))
    if step == 0 or (end - start) * step < 0:
        raise ShapeError(
            f"arange: step must lead from start to end, got start={start}, end={end}, step={step}."
            " Change its sign."
        )
    where = get_device(device or "cpu")
    if dtype is None:
        dtype = (
            "int64" if all(isinstance(v, int) for v in (start, end, step)) else get_default_dtype()
        )
    n = math.ceil((end - start) / step)
    values = where.xp.arange(n) * step + start
    t = Tensor(where.asarray(values.astype(as_dtype(dtype).numpy)), where)
    return t.requires_grad_() if requires_grad else t


def linspace(start, end, steps, *, dtype=None, device=None, requires_grad=False):
    """`steps` numbers from start to end, both included."""
    where = get_device(device or "cpu")
    t = Tensor(
        where.xp.linspace(start, end, steps).astype(
            (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy
        ),
        where,
    )
    return t.requires_grad_() if requires_grad else t


def logspace(start, end, steps, base=10.0, *, dtype=None, device=None, requires_grad=False):
    """`steps` numbers from base^start to base^end, evenly spaced in the exponent."""
    exponents = linspace(start, end, steps, dtype="float64", device=device)
    t = Tensor(
        (base**exponents.array).astype(
            (get_default_dtype() if dtype is None else as_dtype(dtype)).numpy
        ),
        exponents.device,
    )
    return t.requires_grad_() if requires_grad else t


def eye(n, m=None, *, dtype=None, device=None, requires_grad=False):
    """Ones on the diagonal, zeros elsewhere."""
    where = get_device(device or "cpu")
    t = Tensor(
        where.xp.eye(n, m, dtype=(get_default_dtype() if dtype is None else as_dtype(dtype)).numpy),
        where,
    )
    return t.requires_grad_() if requires_grad else t


def install_new(name, function):
    def method(self, *args, dtype=None, device=None, requires_grad=False):
        return function(
            *args,
            dtype=dtype or self.dtype,
            device=device or self.device,
            requires_grad=requires_grad,
        )

    method.__doc__ = f"`{function.__name__}` with this tensor's dtype and device."
    setattr(Tensor, name, method)


for _name, _function in dict(
    new_zeros=zeros, new_ones=ones, new_empty=empty, new_full=full, new_tensor=tensor
).items():
    install_new(_name, _function)
