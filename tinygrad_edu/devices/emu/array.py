"""Arrays of the device `emu`: NumPy memory that behaves like a GPU's.

Aligned to 256 bytes as cudaMalloc does, NaN until written, with a guard on both sides that is
checked after each launch, and never turned into a NumPy array silently: a transfer that was
forgotten fails here, not on the GPU.
"""

from __future__ import annotations

import ctypes
import itertools
import math
import mmap
import operator
from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ...engine.errors import DeviceError

GUARD, ALIGN = 4096, 256  # bytes
CLOSED = 1 << 20  # bytes of address space before and after an array that nobody may touch
PLACES = np.arange(GUARD // 4, dtype=np.uint32) * np.uint32(2654435761)
NAN = np.uint32(0x7FF00000)  # as float32, and as the upper half of a float64


def canary(key: int) -> np.ndarray:
    """What stands in a guard: NaNs whose 20 lower bits depend on the place and on the guard. Even
    what one array's guard held, carried through arithmetic into another's, is noticed.
    """
    return NAN | ((PLACES + np.uint32(key * 40503 & 0xFFFFFFFF)) & np.uint32(0xFFFFF))


class Mapping:
    """Pages of an allocation with closed ones around them: a loop far past an array's end stops
    there, instead of overwriting what belongs to Python.
    """

    def __init__(self, nbytes: int):
        inner = -(-nbytes // mmap.PAGESIZE) * mmap.PAGESIZE
        self.length = inner + 2 * CLOSED
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        address = libc().mmap(None, self.length, 0, private, -1, 0)
        self.start = None if address == ctypes.c_void_p(-1).value else address
        if self.start is None or libc().mprotect(self.start + CLOSED, inner, READ_WRITE):
            raise MemoryError(f"emu: needs {nbytes} bytes, got no memory. Free some arrays.")
        self.unmap = libc().munmap  # at the end of Python the module's names are gone
        self.inner = (ctypes.c_uint8 * inner).from_address(self.start + CLOSED)

    def __del__(self) -> None:
        if hasattr(self, "inner"):
            self.unmap(self.start, self.length)


READ_WRITE = mmap.PROT_READ | mmap.PROT_WRITE if hasattr(mmap, "PROT_READ") else 3


@cache
def libc() -> Any:
    """The system's own calls for memory."""
    found = ctypes.CDLL(None)
    found.mmap.restype = ctypes.c_void_p
    size, number = ctypes.c_size_t, ctypes.c_int
    found.mmap.argtypes = [ctypes.c_void_p, size, number, number, number, ctypes.c_long]
    found.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    found.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    return found


class Memory:
    """The bytes of one allocation; all arrays that look into it find it at the end of their chain
    of bases.
    """

    keys = itertools.count()

    def __init__(self, nbytes: int):
        self.key = 2 * next(Memory.keys)
        # not all at the start of a page: they would fight over the same lines of the CPU's cache
        start = GUARD + ALIGN * (self.key * 5 // 2 % 16)
        self.mapping = Mapping(start + nbytes + GUARD + ALIGN)
        raw = np.ctypeslib.as_array(self.mapping.inner)
        raw[start : start + nbytes] = 0xFF  # NaN as floats, -1 as integers
        end = start + -(-nbytes // 4) * 4
        self.guards = raw[start - GUARD : start], raw[end : end + GUARD]
        self.rest = raw[start + nbytes : end]  # up to a whole word
        self.address, self.nbytes = raw.ctypes.data + start, nbytes
        self.mend()

    def array(self, shape: tuple, dtype: np.dtype) -> np.ndarray:
        """All of it, as an array with this object as its base."""
        self.__array_interface__ = {
            "data": (self.address, False),
            "shape": shape,
            "typestr": dtype.str,
            "version": 3,
        }
        array = np.asarray(self)
        del self.__array_interface__
        return array

    def damaged(self) -> str | None:
        """Which guard a kernel wrote into, and how far from the array."""
        before, after = self.guards
        wrong = np.flatnonzero(before != canary(self.key).view(np.uint8))
        if wrong.size:
            return f"{GUARD - int(wrong[-1])} bytes before its start"
        wrong = np.flatnonzero(self.rest != 0xA5)
        if wrong.size:
            return f"{int(wrong[0])} bytes after its end"
        wrong = np.flatnonzero(after != canary(self.key + 1).view(np.uint8))
        if wrong.size:
            return f"{self.rest.size + int(wrong[0])} bytes after its end"
        return None

    def mend(self) -> None:
        self.rest[...] = 0xA5
        for key, guard in enumerate(self.guards, self.key):
            guard.view(np.uint32)[...] = canary(key)


def empty(shape: Any, dtype: Any = np.float64) -> EmuArray:
    """An array that nothing was written to yet."""
    shape, dtype = (
        (shape,) if isinstance(shape, (int, np.integer)) else tuple(shape),
        np.dtype(dtype),
    )
    memory = Memory(math.prod(shape) * dtype.itemsize)
    return EmuArray(memory.array(tuple(int(n) for n in shape), dtype), owns=True)


def memory_of(array: Any) -> Memory | None:
    """The allocation a NumPy array looks into; None if it is not one of ours."""
    while array is not None and type(array) is not Memory:
        array = getattr(array, "base", None)  # as_strided puts an object of its own between
    return array


class EmuArray:
    """An array of the device `emu`. Takes part in no NumPy call; `device.to_host` copies it out."""

    __slots__ = ("host", "owns", "__weakref__")
    __array_ufunc__ = None  # NumPy's operators leave mixed expressions to us
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, host: np.ndarray, owns: bool = False):
        # what the kernels see; whether it is the whole of its memory
        self.host, self.owns = host, owns

    @property
    def base(self) -> Memory | None:
        """What this array is a view of, None if it has memory of its own."""
        return None if self.owns else memory_of(self.host)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # __array_interface__ and its like would be a silent conversion
            raise AttributeError(f"EmuArray has no {name}")
        value = getattr(self.host, name)
        return (
            wrapped(value) if callable(value) and name not in ("ctypes", "flags") else wrap(value)
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        raise DeviceError(
            f"emu: an array must be moved to the CPU on purpose, got {self.dtype} {self.shape}"
            " where NumPy was to read it. Use x.cpu() first."
        )

    def __dlpack__(self, **kwargs: Any) -> Any:
        return self.__array__()

    def __getitem__(self, index: Any) -> Any:
        return wrap(self.host[unwrap(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.host[unwrap(index)] = unwrap(value)

    def __len__(self) -> int:
        return len(self.host)

    def __iter__(self) -> Any:
        return map(wrap, self.host)

    def __contains__(self, value: Any) -> bool:
        return unwrap(value) in self.host

    def __bool__(self) -> bool:
        return bool(self.host)

    def __int__(self) -> int:
        return int(self.host)

    def __float__(self) -> float:
        return float(self.host)

    def __index__(self) -> int:
        return operator.index(self.host)

    def __repr__(self) -> str:
        return f"emu {self.host!r}"


def unwrap(value: Any) -> Any:
    """The NumPy array behind an EmuArray, also inside tuples and lists.

    Other NumPy arrays are refused.
    """
    kind = type(value)
    if kind is EmuArray:
        return value.host
    if kind in (tuple, list):
        return kind(map(unwrap, value))
    if kind is slice:
        return slice(*map(unwrap, (value.start, value.stop, value.step)))
    if isinstance(value, np.ndarray) and value.ndim:
        raise DeviceError(
            "emu: all arrays of an expression must be on emu, got a NumPy array of shape"
            f" {value.shape}. Move it with .to('emu')."
        )
    return value


def adopt(array: np.ndarray) -> EmuArray:
    """A NumPy array, copied into guarded memory."""
    new = empty(array.shape, array.dtype)
    new.host[...] = array
    return new


def wrap(value: Any) -> Any:
    """NumPy's result as a result of this device: views stay views, fresh arrays move into guarded
    memory.
    """
    if isinstance(value, np.ndarray):
        return adopt(value) if memory_of(value) is None else EmuArray(value.view(np.ndarray))
    # as on a GPU, a number that a kernel made is an array without dims
    if isinstance(value, np.generic):
        return adopt(np.asarray(value))
    if type(value) in (tuple, list):
        return type(value)(map(wrap, value))
    if isinstance(value, tuple):  # NumPy's named results
        return tuple(map(wrap, value))
    return value


def wrapped(function: Callable) -> Callable:
    """A NumPy function or method, on arrays of this device."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return wrap(function(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()}))

    return call


def install_operators() -> None:
    """Python's operators on EmuArray, all by one rule."""

    def binary(function: Callable) -> tuple[Callable, Callable]:
        return lambda a, b: wrap(function(a.host, unwrap(b))), lambda a, b: wrap(
            function(unwrap(b), a.host)
        )

    def inplace(function: Callable) -> Callable:
        def method(self: EmuArray, other: Any) -> EmuArray:
            self.host = function(self.host, unwrap(other))
            return self

        return method

    for name in (
        "add",
        "sub",
        "mul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "matmul",
        "and",
        "or",
        "xor",
        "lshift",
        "rshift",
    ):
        straight, reflected = binary(getattr(operator, f"__{name}__"))
        setattr(EmuArray, f"__{name}__", straight)
        setattr(EmuArray, f"__r{name}__", reflected)
        setattr(EmuArray, f"__i{name}__", inplace(getattr(operator, f"__i{name}__")))
    setattr(EmuArray, "__divmod__", lambda a, b: wrap(divmod(a.host, unwrap(b))))  # noqa: B010  # as its neighbours
    for name in ("eq", "ne", "lt", "le", "gt", "ge"):
        setattr(EmuArray, f"__{name}__", binary(getattr(operator, name))[0])
    for function in (operator.neg, operator.pos, operator.abs, operator.invert):
        setattr(EmuArray, f"__{function.__name__}__", lambda a, f=function: wrap(f(a.host)))


install_operators()


class Proxy:
    """NumPy's names for arrays of this device: `xp.exp(x)`, `xp.linalg.svd(x)`."""

    def __init__(self, inner: Any):
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.inner, name)
        if (
            isinstance(value, (ModuleType, np.ufunc))
            or callable(value)
            and not isinstance(value, type)
        ):
            value = Proxy(value)
        self.__dict__[name] = value  # found once
        return value

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return wrap(self.inner(*map(unwrap, args), **{k: unwrap(v) for k, v in kwargs.items()}))


class Module(Proxy):
    """The array module `xp` of the device."""

    ndarray = EmuArray

    def __init__(self) -> None:
        super().__init__(np)

    @staticmethod
    def empty(shape: Any, dtype: Any = np.float64) -> EmuArray:
        return empty(shape, dtype)

    @staticmethod
    def empty_like(x: EmuArray, dtype: Any = None, **_: Any) -> EmuArray:
        return empty(x.shape, dtype or x.dtype)

    @staticmethod
    def asarray(data: Any, dtype: Any = None, **_: Any) -> EmuArray:
        """Host data is copied to the device; an array of the device comes back as it is, unless the
        dtype changes.
        """
        if type(data) is EmuArray:
            return data if dtype is None or data.dtype == dtype else wrap(data.host.astype(dtype))
        return adopt(
            np.asarray(
                [unwrap(v) for v in data] if isinstance(data, (list, tuple)) else data, dtype
            )
        )

    @staticmethod
    def array(data: Any, dtype: Any = None, **_: Any) -> EmuArray:
        return adopt(
            np.asarray(
                (
                    data.host
                    if type(data) is EmuArray
                    else [unwrap(v) for v in data]
                    if isinstance(data, (list, tuple))
                    else data
                ),
                dtype,
            )
        )
