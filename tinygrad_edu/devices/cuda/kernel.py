"""A kernel on a GPU: its arguments checked against the signature, its launch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ...engine.errors import KernelError
from ..source import Parameter, Source
from ..written import check_name, written_parameters
from .errors import reworded

if TYPE_CHECKING:
    from .device import CudaDevice

SHARED = 48 << 10  # bytes of shared memory a block may have without opting in


def convert(
    name: str, parameter: Parameter, array_type: Any, gpu: int | None
) -> Callable[[Any], Any]:
    """The function that turns an argument into what CuPy passes on: arrays are checked, numbers
    become the parameter's type.

    CuPy passes the bytes of an argument as they are: what does not fit the signature would be
    silent corruption.
    """
    if parameter.dtype is None:
        return loose(name, parameter, array_type)
    wanted = np.dtype(parameter.dtype)
    text, kind, scalar = parameter.text, wanted.kind, wanted.type

    def pointer(value: Any) -> Any:
        if type(value) is array_type:
            if (
                value.dtype == wanted
                and value.flags.c_contiguous
                and (gpu is None or value.device.id == gpu)
            ):
                return value
            if value.dtype != wanted:
                raise KernelError(
                    f"{name}: {text!r} must get an array of {wanted}, got {value.dtype}. Convert"
                    " it, or let `supports` leave it to the generic forward."
                )
            if not value.flags.c_contiguous:
                raise KernelError(
                    f"{name}: {text!r} must get an array in row-major order, got strides"
                    f" {value.strides} for shape {value.shape}. Use fn.contiguous(x)."
                )
            raise KernelError(
                f"{name}: {text!r} must get an array on cuda:{gpu}, got one on"
                f" cuda:{value.device.id}. Move it with .to('cuda:{gpu}')."
            )
        if value is None:
            return np.uintp(0)
        raise KernelError(
            f"{name}: {text!r} must get an array of cuda or None, got {type(value).__name__}. Move"
            " it with .to('cuda')."
        )

    def number(value: Any) -> Any:
        if type(value) is scalar:
            return value
        fits = (
            isinstance(value, (int, float))
            and not (isinstance(value, bool) and kind != "b")
            and not (kind in "iu" and not hasattr(value, "__index__"))
        )
        if not fits or isinstance(value, np.generic):
            raise KernelError(
                f"{name}: {text!r} must get a number of type {wanted}, got {value!r:.60}"
                f" ({type(value).__name__}). Pass the arguments in the kernel's order."
            )
        try:
            return scalar(value)
        except OverflowError:
            raise KernelError(
                f"{name}: {text!r} must get a whole number that fits into {wanted}, got {value}."
                " Let `supports` refuse such sizes."
            ) from None

    return pointer if parameter.pointer else number


def loose(name: str, parameter: Parameter, array_type: Any) -> Callable[[Any], Any]:
    """The function for a parameter whose type the text does not tell: arrays pass as they are, and
    values only with a type of their own, since CuPy passes their bytes.
    """
    text = parameter.text

    def convert(value: Any) -> Any:
        if value is None:
            return np.uintp(0)
        if type(value) is array_type and value.flags.c_contiguous:
            return value
        if isinstance(value, np.generic):
            return value
        raise KernelError(
            f"{name}: {text!r} must get an array of cuda in row-major order, or a NumPy scalar or"
            f" record of the parameter's own type, got {type(value).__name__}. Pass np.int32(...),"
            " np.uint64(...) or the like."
        )

    return convert


class CudaKernel:
    """One entry point of a source on one GPU.

    `kernel(grid, block, args, shared)` starts it on the current stream and returns at once.
    """

    def __init__(self, device: CudaDevice, source: Source, name: str):
        check_name(source, name)
        self.device, self.source, self.name = device, source, name
        self.parameters = written_parameters(source, name)
        try:
            self.function = device.module(source).get_function(device.lowered(source, name))
        except device.errors as error:
            raise reworded(error, name) from error
        self.converters = [
            convert(name, p, device.array_type, device.index if device.several else None)
            for p in self.parameters
        ]
        # how much dynamic shared memory a launch may ask for so far
        self.opted = SHARED - self.function.shared_size_bytes

    def set_constant(self, name: str, data: bytes) -> None:
        """Put bytes into the `__constant__` variable `name`; the next launches read them."""
        size = self.source.constant_bytes(name)  # CuPy does not tell the size of a global
        if len(data) != size:
            raise KernelError(
                f"{self.name}: the constant {name!r} must get its {size} bytes, got"
                f" {len(data)}. Give as many elements as it is declared with."
            )
        self.device.synchronize()  # the copy is not ordered with launches on other streams
        place = self.device.module(self.source).get_global(name)
        place.copy_from_host(np.frombuffer(data, np.uint8).ctypes.data, len(data))

    def __call__(self, grid: Any, block: Any, args: tuple, shared: int = 0) -> None:
        if len(args) != len(self.converters):
            raise KernelError(
                f"{self.name}: takes {len(self.converters)} arguments"
                f" ({', '.join(p.text for p in self.parameters)}), got {len(args)}. Pass them all."
            )
        values = tuple([convert(value) for convert, value in zip(self.converters, args)])
        device = self.device
        if device.several:
            device.activate()
        try:
            if shared > self.opted:
                self.function.max_dynamic_shared_size_bytes = self.opted = shared
            self.function(grid, block, values, shared_mem=shared)
        except device.errors as error:
            raise reworded(
                error, f"{self.name} (grid {grid}, block {block}, {shared} bytes of shared memory)"
            ) from error
