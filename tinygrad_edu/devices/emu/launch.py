"""A launch on `emu`: what CUDA would refuse is refused, then the fibers run, then what went wrong
is told in words.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor, wait
from functools import cache
from typing import Any

import numpy as np

from ...engine.errors import KernelError
from ..cores import usable_cores
from ..source import Parameter, Source
from ..text import warp_synchronous
from ..written import check_name
from .array import EmuArray, memory_of
from .build import Library, build
from .signature import parameters

# a block's limits; static and dynamic shared memory without and with opting in
THREADS, SHARED, SHARED_MOST = 1024, 48 << 10, 227 << 10
GRID = (2**31 - 1, 65535, 65535)
BLOCK = (1024, 1024, 64)
WORTH = 2048  # threads of a launch from which on a second core pays
one_at_a_time = threading.Lock()  # a library's fibers and shared arrays exist once a lane


def emu_threads() -> int:
    """Cores that a launch may use: $TINYGRAD_EDU_EMU_THREADS, else $OMP_NUM_THREADS, else all."""
    for name in ("TINYGRAD_EDU_EMU_THREADS", "OMP_NUM_THREADS"):
        if os.environ.get(name, "").isdigit() and int(os.environ[name]) > 0:
            return min(int(os.environ[name]), usable_cores())
    return usable_cores()


def triple(name: str, what: str, size: Any, most: tuple) -> tuple[int, int, int]:
    """Sizes of a grid or block, filled up with ones, inside CUDA's limits."""
    x, y, z = full = (
        *(int(n) for n in (size if isinstance(size, (tuple, list)) else (size,))),
        1,
        1,
    )[:3]
    if any(not 1 <= n <= m for n, m in zip(full, most)):
        raise KernelError(
            f"{name}: {what} must be within {most} and at least 1, got {full}. Split the work in"
            " another way."
        )
    return x, y, z


def convert(name: str, parameter: Parameter, value: Any) -> Any:
    """An argument as the C value that the kernel's parameter takes. On a GPU a mismatch would
    silently corrupt memory.
    """
    return (pointer if parameter.pointer else number)(name, parameter, value)


def pointer(name: str, parameter: Parameter, value: Any) -> ctypes.c_void_p:
    """The address of an array that fits the parameter."""
    if value is None:
        return ctypes.c_void_p(None)
    if type(value) is not EmuArray:
        raise KernelError(
            f"{name}: {parameter.text!r} must get an array of emu or None, got"
            f" {type(value).__name__}. Move it with .to('emu')."
        )
    wanted = None if parameter.dtype is None else np.dtype(parameter.dtype)
    if wanted is not None and value.dtype != wanted and not same_bits(value.dtype, wanted):
        raise KernelError(
            f"{name}: {parameter.text!r} must get an array of {wanted}, got {value.dtype}."
            " Convert it, or let `supports` leave it to the generic forward."
        )
    if not value.flags.c_contiguous:
        raise KernelError(
            f"{name}: {parameter.text!r} must get an array in row-major order, got strides"
            f" {value.strides} for shape {value.shape}. Use fn.contiguous(x)."
        )
    return ctypes.c_void_p(value.ctypes.data)


def same_bits(given: np.dtype, wanted: np.dtype) -> bool:
    """Whether a Tensor may hold what an array of unsigned words holds: there are no Tensors of
    uint16, uint32, uint64.
    """
    return wanted.kind == "u" and wanted.itemsize > 1 and given == np.dtype(f"i{wanted.itemsize}")


def structure(name: str, parameter: Parameter, value: Any) -> Any:
    """A struct or vector that is passed by value, from its bytes, a ctypes Structure, a NumPy
    record or array.
    """
    dtype = None if parameter.dtype is None else np.dtype(parameter.dtype)
    if isinstance(value, (tuple, list)) and dtype is not None:
        value = np.array(value, dtype)
    if not isinstance(value, (bytes, ctypes.Structure, np.void, np.ndarray)):
        raise KernelError(
            f"{name}: {parameter.text!r} must get bytes, a ctypes Structure or a NumPy record, got"
            f" {type(value).__name__}. Build one of the struct's layout."
        )
    data = value.tobytes() if isinstance(value, (np.void, np.ndarray)) else bytes(value)
    if len(data) != parameter.size:
        raise KernelError(
            f"{name}: {parameter.text!r} must get its {parameter.size} bytes, got {len(data)}."
            " Compare the fields and their alignment."
        )
    return ctypes.create_string_buffer(data, len(data))


def number(name: str, parameter: Parameter, value: Any) -> Any:
    """A number of the parameter's type."""
    if parameter.dtype is None or parameter.size not in (0, np.dtype(parameter.dtype).itemsize):
        return structure(name, parameter, value)
    wanted = np.dtype(parameter.dtype)
    flag = isinstance(value, (bool, np.bool_)) and wanted.kind != "b"
    if flag or value is None or isinstance(value, (EmuArray, np.ndarray)):
        raise KernelError(
            f"{name}: {parameter.text!r} must get a number, got {type(value).__name__}. Pass the"
            " arguments in the kernel's order."
        )
    if isinstance(value, np.generic) and value.dtype != wanted:
        raise KernelError(
            f"{name}: {parameter.text!r} must get {wanted}, got {value.dtype}. Convert it."
        )
    if wanted.kind in "iu":
        limits = np.iinfo(wanted)
        if not hasattr(value, "__index__") or not limits.min <= int(value) <= limits.max:
            raise KernelError(
                f"{name}: {parameter.text!r} must get a whole number that fits into {wanted}, got"
                f" {value!r}. Pass the arguments in the kernel's order."
            )
    if parameter.text.startswith("__nv_bfloat16") and not isinstance(value, np.generic):
        raise KernelError(
            f"{name}: {parameter.text!r} must get the 16 bits as np.uint16, got {value!r}. Take a"
            " float parameter and round in the kernel, or pass the bits."
        )
    if wanted == np.float16:
        return ctypes.c_uint16(int(np.float16(value).view(np.uint16)))
    return np.ctypeslib.as_ctypes_type(wanted)(value)


def in_step() -> bool:
    """Whether the lanes of a warp shall go in step through volatile memory, as old code expects."""
    return os.environ.get("TINYGRAD_EDU_EMU_LOCKSTEP", "0") not in ("", "0")


def mode_of(watcher: Any) -> str:
    """Which build of a source a launch needs."""
    if watcher is not None:
        return "profile"
    return "lockstep" if in_step() else "plain"


@cache
def warn_of_steps(source: Source) -> None:
    """Warn of code that is right only if the lanes of a warp go in step."""
    said = about_steps(source.name, source.text)
    if said:
        warnings.warn(said, stacklevel=4)


def about_steps(name: str, text: str) -> str:
    """What to say of a text that counts on lanes in step; nothing if it does not."""
    lines = warp_synchronous(text)
    if lines is None:
        return ""
    return (
        f"{name}: lines {lines[0]} to {lines[1]} pass values between the lanes of a warp with"
        " nothing between them. GPUs since Volta do not promise that lanes go in step: put"
        " __syncwarp() between the lines, or set TINYGRAD_EDU_EMU_LOCKSTEP=1 to run them as older"
        " GPUs did."
    )


class EmuKernel:
    """One entry point of a source. `kernel(grid, block, args, shared)` runs it to its end."""

    def __init__(self, source: Source, name: str):
        check_name(source, name)
        self.source, self.name = source, name
        self.parameters: list[Parameter] = source.entries[name] if source.named is None else []
        # set to allow more than 48 KB of dynamic shared memory, as cudaFuncSetAttribute does
        self.large_shared = False
        self.constants: dict[str, bytes] = {}  # what was put into constant memory

    def set_constant(self, name: str, data: bytes) -> None:
        """Put bytes into the `__constant__` variable `name`; the next launches read them."""
        size = build(self.source).constants.get(name)
        if len(data) != size:
            raise KernelError(
                f"{self.name}: the constant {name!r} must get its {size} bytes, got {len(data)}."
                " Give as many elements as it is declared with."
            )
        self.constants[name] = data

    def __call__(self, grid: Any, block: Any, args: tuple, shared: int = 0) -> None:
        from . import profile

        name, source, watcher = self.name, self.source, profile.active()
        sizes, shape = triple(name, "the grid", grid, GRID), triple(name, "the block", block, BLOCK)
        if math.prod(shape) > THREADS:
            raise KernelError(
                f"{name}: a block must have at most {THREADS} threads, got {shape}. Use smaller"
                " blocks."
            )
        if source.named is not None and watcher is None and not in_step():
            warn_of_steps(source)
        if source.named is None:
            values = self.converted(args)  # refused before anything is compiled
        library = build(source, mode_of(watcher))
        if source.named is not None:
            self.parameters = self.parameters or parameters(source, name, library)
            values = self.converted(args)
        self.check_shared(library, shared)
        pointers = (ctypes.c_void_p * len(values))(*(ctypes.addressof(v) for v in values))
        arrays = [(p, a) for p, a in zip(self.parameters, args) if p.pointer and a is not None]
        lanes = 1 if watcher is not None else self.lanes(math.prod(sizes), math.prod(shape))
        patience = float(os.environ.get("TINYGRAD_EDU_EMU_SECONDS", "60"))
        fixed = (pointers, (ctypes.c_uint * 3)(*sizes), (ctypes.c_uint * 3)(*shape))

        def go(library: Library) -> str:
            """Run it to its end; what went wrong in words, or nothing."""
            for constant, data in self.constants.items():
                library.set_constant(constant, data)
            libraries = [library.lane(k) for k in range(lanes)]
            for one in libraries:
                one.handle.emu_in_step(int(in_step()))
            return side_by_side(libraries, name, (*fixed, shared, patience), math.prod(sizes))

        with one_at_a_time:
            if watcher is None:
                said = go(library)
            else:
                library, said = watcher.watch(name, source, sizes, shape, arrays, shared, go)
        self.judge(said, mended(arrays), watcher)

    def converted(self, args: tuple) -> list[Any]:
        """The arguments as C values."""
        if len(args) != len(self.parameters):
            raise KernelError(
                f"{self.name}: takes {len(self.parameters)} arguments"
                f" ({', '.join(p.text for p in self.parameters)}), got {len(args)}. Pass them all."
            )
        return [convert(self.name, p, v) for p, v in zip(self.parameters, args)]

    def check_shared(self, library: Library, dynamic: int) -> None:
        """Refuse more shared memory than a block may have."""
        static = library.static_shared[self.name]
        if not 0 <= static + dynamic <= (SHARED_MOST if self.large_shared else SHARED):
            raise KernelError(
                f"{self.name}: shared memory must be at most {SHARED >> 10} KB a block"
                f" ({SHARED_MOST >> 10} KB with large_shared), got {static} static and {dynamic}"
                " dynamic bytes. Use smaller tiles."
            )

    def lanes(self, blocks: int, threads: int) -> int:
        """How many cores share the blocks of a launch."""
        if blocks * threads < WORTH or not independent(self.source):
            return 1
        return min(emu_threads(), blocks)

    def judge(self, said: str, damaged: str | None, watcher: Any) -> None:
        """Raise what a launch did wrong."""
        if watcher is not None and watcher.strict:
            watcher.check()
        if said:
            raise KernelError(said)
        if damaged and (watcher is None or not watcher.problems):
            raise KernelError(
                f"{self.name}: must write inside its arrays, got a write {damaged}. Check the"
                " index; `with tinygrad_edu.profile():` finds the line."
            )


VARIABLE = re.compile(r"__(?:device|constant|managed)__\b[^(;={]*[;=\[]")  # of the whole program


@cache
def independent(source: Source) -> bool:
    """Whether blocks cannot hear of one another, so that they may run on several cores: no atomics,
    no fences, no variables beside the arrays.
    """
    return (
        not any(word in source.text for word in ("atomic", "__threadfence", "volatile"))
        and VARIABLE.search(source.text) is None
    )


@cache
def helpers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(usable_cores(), "emu")


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=helpers.cache_clear)  # threads do not live on in a child


def side_by_side(libraries: list[Library], name: str, fixed: tuple, blocks: int) -> str:
    """Run a launch's blocks, an equal share by each copy of its library; what the first that failed
    says, in words.
    """
    cuts = [blocks * k // len(libraries) for k in range(len(libraries) + 1)]
    for library in libraries:
        library.arm()
    try:
        others = [
            helpers().submit(library.launch, library.entry(name), *fixed, *cuts[k : k + 2])
            for k, library in enumerate(libraries)
            if k
        ]
        try:
            said = [libraries[0].launch(libraries[0].entry(name), *fixed, *cuts[:2])]
        finally:
            wait(others)
    finally:
        for library in reversed(libraries):
            library.disarm()
    said += [other.result() for other in others]
    return next(
        (reworded(library, name, s.decode()) for library, s in zip(libraries, said) if s), ""
    )


def mended(arrays: list) -> str | None:
    """Where a kernel wrote into the guard of an array, which is put in order again."""
    found = None
    for parameter, array in arrays:
        memory = memory_of(array.host)
        damage = None if memory is None else memory.damaged()
        if memory is not None and damage:
            memory.mend()
            found = f"{damage} ({parameter.name}, shape {array.shape})"
    return found


def reworded(library: Library, name: str, said: str) -> str:
    """The runtime's message with the source line in the place of an address: `what|advice`,
    `@0x7f..: what|advice`.
    """
    said = re.sub(r"@(0x[0-9a-f]+)", lambda m: library.line_of(int(m[1], 16)), said)
    what, _, advice = said.partition("|")
    return f"{name}: {re.sub(r'^line ', library.source.name + ' line ', what)}. {advice}".strip()


@cache
def kernel(source: Source, name: str) -> EmuKernel:
    return EmuKernel(source, name)
