"""A stand-in for CuPy where there is no GPU: CuPy's names over NumPy memory, strict where CuPy is
strict.

Its arrays are the emulator's under another class: never read by NumPy without get(), without
`flags.writeable` and `ctypes`. What RawModule launches is noted in `launches` and run by the
emulator, so that the whole path of the device `cuda` is walked. While a stream captures, launches
are noted and run by Graph.launch alone, and a look at a value is the error that CUDA gives.

    fake = fake_cupy.make(gpus=1); monkeypatch.setitem(sys.modules, "cupy", fake)
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np

import tinygrad_edu
from tinygrad_edu.devices import source as sources
from tinygrad_edu.devices.emu import array as emulator
from tinygrad_edu.devices.emu.build import build

NAMES = Path(emulator.__file__)


class CUDARuntimeError(RuntimeError):
    pass


class CUDADriverError(RuntimeError):
    pass


class OutOfMemoryError(MemoryError):
    pass


class CompileException(Exception):
    pass


def array_module():
    """A second copy of the emulator's array module, whose class is turned into cupy.ndarray."""
    spec = importlib.util.spec_from_file_location(
        "tinygrad_edu.devices.emu._fake_cupy_array", NAMES
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Flags:
    """No `writeable`, as in CuPy."""

    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous, self.owndata = (
            flags.c_contiguous,
            flags.f_contiguous,
            flags.owndata,
        )


UFUNCS = ("add", "multiply", "maximum", "minimum", "logaddexp")
REDUCTIONS = (
    "sum mean amax amin argmax argmin prod all any var std count_nonzero nansum flip".split()
)
LIBRARY = ("matmul", "einsum", "dot")  # what cuBLAS computes


class Ufunc:
    """Without the methods, and the dtypes of `at`, that CuPy's lack."""

    def __init__(self, name, function, ndarray):
        self.name, self.function, self.ndarray = name, function, ndarray

    def __call__(self, *args, **kwargs):
        return self.function(*args, **kwargs)

    def accumulate(self, *args, **kwargs):
        raise NotImplementedError(f"`cupy.{self.name}.accumulate` is not supported yet")

    def at(self, x, index, value):
        narrow = x.dtype.name in ("bool", "int8", "int16", "uint8")
        if self.name in ("multiply", "logaddexp"):
            raise NotImplementedError(f"`cupy.{self.name}.at` is not supported yet")
        if narrow or x.dtype.name == "float16" and self.name != "add":
            raise TypeError(f"cupy.{self.name}.at: {x.dtype} is not supported")
        self.function.at(x, index, value)


def reduction(name, function):
    """NumPy takes the axis 0 or -1 of an array without axes; CuPy does not."""

    def call(x, axis=None, *args, **kwargs):
        if axis is not None and not x.ndim:
            raise ValueError(f"{name}: axis {axis} is out of bounds for array of dimension 0")
        return function(x, axis, *args, **kwargs)

    return call


def library(function, capturing_refuses):
    def call(*args, **kwargs):
        try:
            capturing_refuses("calls of cuBLAS")
        except RuntimeError as error:
            message = "calling cublasSetStream during stream capture is currently unsupported"
            raise NotImplementedError(message) from error
        return function(*args, **kwargs)

    return call


def make(gpus: int = 1, driver: int = 13020, runtime: int = 13020, capability: str = "90"):
    """A module named cupy with that many GPUs."""
    arrays = array_module()
    ndarray = arrays.EmuArray
    cupy = arrays.Module()
    log = []  # (name, grid, block, args, shared)
    state = types.SimpleNamespace(capturing=None, current=0, compiled=[], allocators=[], streams=[])

    def look(array):
        capturing_refuses("D2H transfers")
        return array.host

    plain = ndarray.__getattr__

    def getattribute(self, name):
        if name in ("ctypes", "device_id"):
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        if name == "flags":
            return Flags(self.host.flags)
        if name in ("item", "tolist"):
            look(self)
        return plain(self, name)

    ndarray.__name__ = ndarray.__qualname__ = "ndarray"
    ndarray.__getattr__ = getattribute
    ndarray.data = property(lambda self: types.SimpleNamespace(ptr=self.host.ctypes.data))
    ndarray.device = property(
        lambda self: types.SimpleNamespace(
            id=0 if gpus == 1 else placed.get(id(arrays.memory_of(self.host)), 0)
        )
    )
    ndarray.get = lambda self: look(self).copy()
    ndarray.__cuda_array_interface__ = property(
        lambda self: {
            "shape": self.shape,
            "typestr": self.dtype.str,
            "data": (self.data.ptr, False),
            "version": 3,
        }
    )
    ndarray.__dlpack__ = lambda self, **_: self.host.__dlpack__()
    ndarray.__dlpack_device__ = lambda self: (2, self.device.id)
    ndarray.base = property(
        lambda self: None if self.owns else owners.get(id(arrays.memory_of(self.host)))
    )
    for name, kind in (("__bool__", bool), ("__int__", int), ("__float__", float)):
        setattr(ndarray, name, lambda self, kind=kind: kind(look(self)))
    owners, placed = {}, {}

    def empty(shape, dtype=np.float64):
        new = plain_empty(shape, dtype)
        owners[id(arrays.memory_of(new.host))], placed[id(arrays.memory_of(new.host))] = (
            new,
            state.current,
        )
        kept.append(new)
        return new

    def capturing_refuses(what):
        if state.capturing is not None:
            raise RuntimeError(f"the current stream is capturing, so {what} are disallowed")

    def from_host(name):
        plain = getattr(arrays.Module, name)

        def make_array(data, dtype=None, **_):
            if type(data) is not ndarray:
                capturing_refuses("H2D transfers")
            return plain(data, dtype)

        return staticmethod(make_array)

    inner = arrays.Proxy.__getattr__

    def strict(self, name):
        value = inner(self, name)
        if name in UFUNCS:
            value = Ufunc(name, value, ndarray)
        elif name in REDUCTIONS:
            value = reduction(name, value)
        elif name in LIBRARY:
            value = library(value, capturing_refuses)
        self.__dict__[name] = value
        return value

    type(cupy).__getattr__ = strict
    type(cupy).asarray, type(cupy).array = from_host("asarray"), from_host("array")
    kept, plain_empty = [], arrays.empty
    arrays.empty = empty
    type(cupy).empty = staticmethod(empty)

    def from_dlpack(source):
        class CPU:  # what claims to be on a GPU holds memory of the CPU here
            __dlpack__ = staticmethod(lambda **_: source.__dlpack__())
            __dlpack_device__ = staticmethod(lambda: (1, 0))

        return ndarray(np.from_dlpack(CPU()), owns=True)

    def lowered(name):
        """A mangled name, in a way."""
        return "_Z" + re.sub(r"\W", "_", name)

    class Function:
        """A RawKernel."""

        def __init__(self, name, entry):
            self.name, self.entry, self.opted = name, entry, 0
            self.shared_size_bytes = build(entry.source).static_shared[entry.name]

        @property
        def max_dynamic_shared_size_bytes(self):
            return self.opted

        @max_dynamic_shared_size_bytes.setter
        def max_dynamic_shared_size_bytes(self, size):
            if size > 227 << 10:
                raise CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
            self.opted = size

        def __call__(self, grid, block, args, *, shared_mem=0):
            if (
                np.prod(block) > 1024
                or any(n > 65535 for n in tuple(grid)[1:])
                or shared_mem + self.shared_size_bytes > 48 << 10
                and shared_mem > self.opted
            ):
                raise CUDADriverError("CUDA_ERROR_INVALID_VALUE: invalid argument")
            for value in args:
                assert isinstance(value, (ndarray, np.generic)), (
                    f"{self.name}: {value!r} would be passed as it is"
                )
            log.append((self.name, grid, block, args, shared_mem))
            if state.capturing is None:
                self.run(grid, block, args, shared_mem)
            else:
                state.capturing.append(lambda: self.run(grid, block, args, shared_mem))

        def run(self, grid, block, args, shared_mem):
            given = [
                (
                    emulator.EmuArray(a.host)
                    if isinstance(a, ndarray)
                    else None
                    if isinstance(a, np.uintp) and not a
                    else a
                )
                for a in args
            ]
            self.entry.large_shared = True
            self.entry(grid, block, given, shared_mem)

    class RawModule:
        def __init__(self, *, path):
            text, name, folder, *named = Path(path).read_text(encoding="utf-8").split("\0")
            # the name in machine code: what C++ names
            self.named = {lowered(one): one for one in named if one}
            calls = tuple(self.named.values()) or None
            self.source = sources.Source(text, name, Path(folder), calls)

        def get_global(self, name):
            entry = tinygrad_edu.device("emu").kernel(self.source, self.source.calls[0])
            put = lambda data, count: entry.set_constant(name, ctypes.string_at(data, count))
            return types.SimpleNamespace(mem=types.SimpleNamespace(size=0), copy_from_host=put)

        def get_function(self, name):
            if self.source.named is not None and name not in self.named:
                raise CUDADriverError("CUDA_ERROR_NOT_FOUND: named symbol not found")
            called = self.named.get(name, name)
            return Function(name, tinygrad_edu.device("emu").kernel(self.source, called))

    class Nvrtc:
        """Its machine code is the source itself."""

        @staticmethod
        def getVersion():
            return 13, 5

        @staticmethod
        def createProgram(text, name, headers, names):
            return types.SimpleNamespace(text=text, name=name, log="", named=[])

        @staticmethod
        def addAddNameExpression(program, name):
            program.named.append(name)

        @staticmethod
        def getLoweredName(program, name):
            assert name in program.named
            return lowered(name)

        @staticmethod
        def compileProgram(program, options):
            state.compiled.append((program.name, options))
            if "#error" in program.text:
                program.log = (
                    f"{program.name}(2): error: #error directive\n1 error detected in the"
                    f' compilation of "{program.name}".'
                )
                raise CompileException("NVRTC_ERROR_COMPILATION (6)")
            program.folder = next(o[2:] for o in options if o.startswith("-I"))

        @staticmethod
        def getCUBIN(program):
            parts = [program.text, program.name, program.folder, *program.named]
            return "\0".join(parts).encode()

        @staticmethod
        def getProgramLog(program):
            return program.log

        @staticmethod
        def destroyProgram(program):
            pass

    class Graph:
        def __init__(self, work):
            self.work, self.streams = work, []

        def launch(self, stream=None):
            for one in self.work:
                one()

    class Stream:
        def __init__(self, non_blocking=False):
            self.non_blocking = non_blocking

        def __enter__(self):
            state.streams.append(self)
            return self

        def __exit__(self, *_):
            state.streams.remove(self)

        def begin_capture(self):
            assert self in state.streams, "not the current stream"
            state.capturing = []

        def end_capture(self):
            work, state.capturing = state.capturing, None
            return Graph(work)

        def synchronize(self):
            pass

    class Event:
        clock, tick = 0.0, 0.5

        def record(self, stream=None):
            Event.clock += Event.tick
            self.at = Event.clock

        def synchronize(self):
            assert hasattr(self, "at"), "not recorded"

    class Pool:
        def malloc(self, size):
            raise AssertionError("the stand-in allocates by itself")

        def used_bytes(self):
            return 1024

        def total_bytes(self):
            return 4096

    class Device:
        mem_info = (60 << 30, 141 << 30)
        compute_capability = capability

        def __init__(self, index=0):
            self.id = index

        def use(self):
            state.current = self.id

        def synchronize(self):
            if state.capturing is not None:
                raise CUDARuntimeError(
                    "cudaErrorStreamCaptureUnsupported: operation not permitted when stream is"
                    " capturing"
                )

    @contextmanager
    def using_allocator(allocator):
        state.allocators.append(allocator)
        yield
        state.allocators.pop()

    def count():
        if driver < runtime:
            raise CUDARuntimeError(
                "cudaErrorInsufficientDriver: CUDA driver version is insufficient for CUDA runtime"
                " version"
            )
        if not gpus:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return gpus

    properties = {
        "name": b"a stand-in",
        "multiProcessorCount": 1,
        "totalGlobalMem": 141 << 30,
        "l2CacheSize": 60 << 20,
    }
    names = types.SimpleNamespace
    cupy.cuda = names(
        Device=Device,
        Stream=Stream,
        Event=Event,
        MemoryPool=Pool,
        using_allocator=using_allocator,
        nvrtc=Nvrtc,
        get_elapsed_time=lambda a, b: b.at - a.at,
        driver=names(CUDADriverError=CUDADriverError),
        memory=names(OutOfMemoryError=OutOfMemoryError),
        compiler=names(CompileException=CompileException),
        runtime=names(
            CUDARuntimeError=CUDARuntimeError,
            getDeviceCount=count,
            driverGetVersion=lambda: driver,
            runtimeGetVersion=lambda: runtime,
            getDeviceProperties=lambda index: properties,
        ),
    )
    cupy.ndarray, cupy.RawModule, cupy.from_dlpack, cupy.get_default_memory_pool = (
        ndarray,
        RawModule,
        from_dlpack,
        Pool,
    )
    cupy.__version__, cupy.launches, cupy.state = "14.2.0", log, state
    return cupy


def install(monkeypatch, fake) -> None:
    """Let `import cupy` find the stand-in (or None: fail), and forget devices that were made
    before.
    """
    from tinygrad_edu.devices import cuda
    from tinygrad_edu.engine import device

    if "cupy" in sys.modules and importlib.util.find_spec("torch"):
        import torch  # noqa: F401  # its import looks into all modules, and half of CuPy cannot be looked into
    monkeypatch.setitem(sys.modules, "cupy", fake)
    monkeypatch.setattr(cuda, "found", {})
    monkeypatch.setattr(
        device,
        "devices",
        {name: d for name, d in device.devices.items() if not name.startswith("cuda")},
    )
