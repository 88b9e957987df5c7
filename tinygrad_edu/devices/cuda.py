"""The device `cuda`: arrays are CuPy's, kernels are compiled by NVRTC, library products are
cuBLAS's.

    with device.capture() as graph:     # device = tinygrad_edu.device("cuda")
        step()                          # recorded, not run: on arrays that stay, without a look at a value
    graph.replay()                      # the whole step again by one call

Differences from the emulator that matter here: a launch returns before the kernel has run, so an
error of a kernel shows at a later call; and CuPy's memory pool hands freed memory out again at
once.
"""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from ..engine.arrays import capture as capturing
from ..engine.device import Device
from ..engine.errors import DeviceError, KernelError, TinygradEduError
from .emu.build import cache_folder
from .source import Parameter, Source
from .table import KernelTable

SHARED = 48 << 10  # bytes of shared memory a block may have without opting in
INSTALL = (
    "pip install 'tinygrad-edu[cuda]', which brings cupy-cuda13x (cupy-cuda12x for a driver of"
    " CUDA 12)"
)
ELSE = "or device='cpu' (`tinygrad-edu doctor` shows what is there)"
# `// arch: sm_90a`: for this chip alone; `// arch: sm_80 sm_90`: for sm_80 and later
MARKER = re.compile(r"^//\s*arch:\s*(.+)$", re.M)

ADVICE = (  # (what CUDA calls the error, what the user can do about it)
    (
        r"CAPTURE|StreamCapture",
        (
            "While a step is captured, do not look at values (item, tolist, print, if x:), do not"
            " copy to or from the CPU, and run the step once before."
        ),
    ),
    (
        r"ILLEGAL_ADDRESS|IllegalAddress|illegal memory",
        (
            "A kernel wrote outside its arrays: `with tinygrad_edu.profile():` on device='emu'"
            " finds the line. Start the process again."
        ),
    ),
    (
        r"MISALIGNED|misaligned",
        (
            "A vector load needs an address that is a multiple of its size: let `supports` ask for"
            " that. Start the process again."
        ),
    ),
    (
        r"OUT_OF_RESOURCES|OutOfResources",
        "Registers times threads do not fit: use smaller blocks, or __launch_bounds__.",
    ),
    (
        r"INVALID_VALUE|INVALID_CONFIGURATION|InvalidValue|InvalidConfiguration",
        (
            "A block has at most 1024 threads, a grid 2^31-1 x 65535 x 65535 blocks, shared memory"
            " a limit: split the work."
        ),
    ),
    (
        r"out of memory|OutOfMemory|MemoryAllocation",
        "Use smaller batches, free tensors that are not needed, or see device.memory().",
    ),
    (r"TIMEOUT|LaunchTimeout", "A GPU that drives a screen stops long kernels: split the work."),
    (
        r"NO_BINARY|NoKernelImage|INVALID_IMAGE|INVALID_PTX",
        "The compiler and the driver do not fit together: update the driver.",
    ),
    (r"libnvrtc|nvrtc", f"Install the compiler: {INSTALL}."),
)


def reworded(error: Exception, what: str) -> KernelError:
    """CUDA's error as one that says what to do."""
    said = re.sub(r"\s+", " ", str(error)).strip().rstrip(".")
    text = f"{type(error).__name__}: {said}"
    advice = next(
        (advice for pattern, advice in ADVICE if re.search(pattern, text)),
        "Try device='emu', which checks every access.",
    )
    return KernelError(f"{what}: must run without an error of CUDA, got {text}. {advice}")


# ---- the array module ----------------------------------------------------------------------------


class Philox:
    """NumPy's generator, for ops that draw counter-based numbers; the words are copied to the GPU."""

    def __init__(self, cupy: Any, key: int):
        self.cupy, self.words = cupy, np.random.Philox(key=key)

    def random_raw(self, size: int) -> Any:
        return self.cupy.asarray(self.words.random_raw(size))


class Random:
    """`xp.random`: CuPy's, with the one generator it does not have."""

    def __init__(self, cupy: Any):
        self.cupy = cupy

    def Philox(self, key: int) -> Philox:
        return Philox(self.cupy, key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cupy.random, name)


class OnItsGpu:
    """A function, called on the GPU that `activate` chooses."""

    def __init__(self, activate: Callable, function: Callable):
        self.activate, self.function = activate, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.activate()
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)  # xp.add.at


class Module:
    """`xp`: CuPy, with what ops use beyond it.

    `activate`: called before each function, where there are several GPUs.
    """

    def __init__(self, cupy: Any, activate: Callable | None = None):
        self.cupy, self.random, self.activate = cupy, Random(cupy), activate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.cupy, name)
        if self.activate is not None and callable(value) and not isinstance(value, type):
            value = OnItsGpu(self.activate, value)
        self.__dict__[name] = value  # found once
        return value

    @staticmethod
    def errstate(**_: Any) -> Any:
        """A GPU warns of nothing."""
        return nullcontext()

    def indices(self, dimensions: tuple, dtype: Any = int, sparse: bool = False) -> Any:
        """NumPy's; CuPy's knows no `sparse`, which leaves out what broadcasting repeats."""
        if not sparse:
            return self.cupy.indices(dimensions, dtype)
        return tuple(
            self.arange(n, dtype=dtype).reshape(
                [n if k == i else 1 for k in range(len(dimensions))]
            )
            for i, n in enumerate(dimensions)
        )


# ---- kernels -------------------------------------------------------------------------------------


@lru_cache
def toolkit_headers() -> tuple[str, ...]:
    """Folders with cuda_fp16.h and mma.h: of NVIDIA's wheels, or of an installed toolkit."""
    spec = find_spec("nvidia")
    wheels = (
        [
            path
            for place in spec.submodule_search_locations or ()
            for path in Path(place).glob("cu*/include")
        ]
        if spec
        else []
    )
    folders = [
        *wheels,
        *(Path(os.environ[v]) / "include" for v in ("CUDA_PATH", "CUDA_HOME") if v in os.environ),
        Path("/usr/local/cuda/include"),
    ]
    return tuple(str(folder) for folder in folders if folder.is_dir())


def architecture(source: Source, capability: str) -> str:
    """What to compile a source for on a GPU of that compute capability: "80" is sm_80, "90" is
    sm_90a, with the instructions of that chip alone.
    """
    marker = MARKER.search(source.text)
    wanted = re.findall(r"sm_(\d+)([af]?)", marker[1]) if marker else []
    if wanted and not any(
        number == capability or not suffix and int(number) <= int(capability)
        for number, suffix in wanted
    ):
        raise KernelError(
            f"{source.name}: needs a GPU of"
            f" {', '.join(f'sm_{number}{suffix}' for number, suffix in wanted)}, got"
            f" sm_{capability}. Choose another rung with use_kernel."
        )
    return f"sm_{capability}{'a' if int(capability) >= 90 else ''}"


def machine_code(nvrtc: Any, source: Source, arch: str) -> Path:
    """The cubin of a source, compiled if no one did yet.

    CuPy's own cache would not notice a change in common.cuh, and flushes denormals to 0.
    """
    options = (
        f"--gpu-architecture={arch}",
        "-std=c++17",
        "-lineinfo",
        f"-I{source.folder}",
        *(f"-I{folder}" for folder in toolkit_headers()),
    )
    version = ".".join(map(str, nvrtc.getVersion()))
    key = hashlib.sha256(
        "\0".join([source.text, source.header, version, *options]).encode()
    ).hexdigest()[:20]
    stem = re.sub(r"\W", "_", source.name.removesuffix(".cu"))
    final = cache_folder("cuda") / f"{stem}-{arch}-{key}.cubin"
    if not final.exists():
        program = nvrtc.createProgram(source.text, source.name, [], [])
        try:
            nvrtc.compileProgram(program, options)
            code = nvrtc.getCUBIN(program)
        except Exception as error:
            log = nvrtc.getProgramLog(program)
            lines = (
                [line for line in log.splitlines() if "error" in line]
                or log.splitlines()
                or [str(error)]
            )
            raise KernelError(
                f"{source.name}: must compile for {arch}, got\n"
                + "\n".join(f"    {line}" for line in lines[:12])
                + "\nCorrect these lines."
            ) from error
        finally:
            nvrtc.destroyProgram(program)
        # written beside and then renamed: two processes may build at once
        with tempfile.NamedTemporaryFile(dir=final.parent, delete=False) as file:
            file.write(code)
        os.replace(file.name, final)
    return final


def convert(
    name: str, parameter: Parameter, array_type: Any, gpu: int | None
) -> Callable[[Any], Any]:
    """The function that turns an argument into what CuPy passes on: arrays are checked, numbers
    become the parameter's type.

    CuPy passes the bytes of an argument as they are: what does not fit the signature would be
    silent corruption.
    """
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


class CudaKernel:
    """One entry point of a source on one GPU.

    `kernel(grid, block, args, shared)` starts it on the current stream and returns at once.
    """

    def __init__(self, device: CudaDevice, source: Source, name: str):
        if name not in source.entries:
            raise KernelError(
                f"{name}: must be an entry point of {source.name}, got one of"
                f" {', '.join(source.entries)}. Check the spelling."
            )
        self.device, self.source, self.name, self.parameters = (
            device,
            source,
            name,
            source.entries[name],
        )
        try:
            self.function = device.module(source).get_function(name)
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
        place = self.device.module(self.source).get_global(name)
        if len(data) != place.mem.size:
            raise KernelError(
                f"{self.name}: the constant {name!r} must get its {place.mem.size} bytes, got"
                f" {len(data)}. Give as many elements as it is declared with."
            )
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


class CudaTable(KernelTable):
    """With several GPUs in the machine: each call makes its own the current one."""

    def __getattr__(self, name: str) -> Callable:
        slot = OnItsGpu(self._device.activate, super().__getattr__(name))  # type: ignore[attr-defined]  # a CudaDevice
        setattr(self, name, slot)
        return slot


# ---- the device ----------------------------------------------------------------------------------


class Graph:
    """A captured sequence of launches, with the memory it works in."""

    def __init__(self, device: CudaDevice, pool: Any):
        self.device, self.pool, self.graph = device, pool, None

    def replay(self) -> None:
        """Start all of it again, on the current stream."""
        if self.graph is None:
            raise KernelError(
                "Graph.replay: the capture must have ended, got one that is going on or failed."
                " Replay after the with block."
            )
        try:
            self.graph.launch()
        except self.device.errors as error:
            raise reworded(error, "Graph.replay") from error


class CudaDevice(Device):
    """One NVIDIA GPU, through CuPy."""

    index: int
    array_type: Any

    def __init__(self, index: int, cupy: Any, several: bool):
        super().__init__(
            "cuda", index, Module(cupy, self.activate if several else None), cupy.ndarray
        )
        self.F = (CudaTable if several else KernelTable)(self)
        self.cupy, self.several = cupy, several
        self.gpu = cupy.cuda.Device(index)
        self.modules: dict[Source, Any] = {}
        self.lock = threading.Lock()
        self.errors = (
            cupy.cuda.runtime.CUDARuntimeError,
            cupy.cuda.driver.CUDADriverError,
            cupy.cuda.memory.OutOfMemoryError,
            cupy.cuda.compiler.CompileException,
        )

    def activate(self) -> None:
        """Make this GPU the one that new arrays and launches of this thread go to."""
        if self.several:
            self.gpu.use()

    # ---- arrays

    def empty(self, shape: tuple, dtype: Any) -> Any:
        self.activate()
        return self.xp.empty(shape, dtype)

    def asarray(self, data: Any, dtype: Any = None) -> Any:
        self.activate()
        if self.several and type(data) is self.array_type and data.device.id != self.index:
            raise DeviceError(
                f"cuda: an array must be on cuda:{self.index}, got one on cuda:{data.device.id}."
                f" Move the tensor with .to('cuda:{self.index}')."
            )
        return self.xp.asarray(data, dtype=dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """A copy; waits until what is to be copied was computed."""
        if type(array) is not self.array_type:
            return np.asarray(array)
        try:
            return array.get()
        except self.errors as error:
            raise reworded(error, "cuda") from error

    def contiguous(self, array: Any) -> Any:
        return array if array.flags.c_contiguous else self.xp.ascontiguousarray(array)

    def matmul(self, a: Any, b: Any, out: Any = None) -> Any:
        """The library's product: cuBLAS, in full float32 (CuPy uses TF32 only if CUPY_TF32=1)."""
        return self.xp.matmul(a, b, out=out)

    # ---- kernels

    def module(self, source: Source) -> Any:
        """The loaded machine code of a source, compiled once for this kind of GPU."""
        with self.lock:
            if source not in self.modules:
                self.activate()
                path = machine_code(
                    self.cupy.cuda.nvrtc, source, architecture(source, self.gpu.compute_capability)
                )
                self.modules[source] = self.cupy.RawModule(path=str(path))
            return self.modules[source]

    def kernel(self, source: Source, name: str) -> CudaKernel:
        """The kernel `name` of a source, built if it must be."""
        return CudaKernel(self, source, name)

    # ---- time and order

    def synchronize(self) -> None:
        self.activate()
        try:
            self.gpu.synchronize()
        except self.errors as error:
            raise reworded(error, "synchronize") from error

    def stream(self) -> Any:
        """A new stream: inside `with device.stream():` launches of this thread go there."""
        self.activate()
        return self.cupy.cuda.Stream(non_blocking=True)

    def event(self) -> Any:
        """A mark in the current stream: `event.record()` sets it."""
        self.activate()
        return self.cupy.cuda.Event()

    def elapsed(self, start: Any, stop: Any) -> float:
        """Milliseconds between two recorded events; waits for the later one."""
        stop.synchronize()
        return float(self.cupy.cuda.get_elapsed_time(start, stop))

    @contextmanager
    def capture(self) -> Iterator[Graph]:
        """Record the launches of the block instead of running them; `graph.replay()` runs them.

        Run the same step once before, so that all kernels are built and the optimiser has its
        buffers; keep the model and its inputs as long as the graph. Inside: no look at a value, no
        copy to or from the CPU. Numbers that change from step to step (a learning rate) are
        recorded as they are. What the block allocates comes from a pool that belongs to the graph:
        no one else gets that memory while the graph lives.
        """
        self.synchronize()
        cuda = self.cupy.cuda
        graph, stream = Graph(self, cuda.MemoryPool()), self.stream()
        with cuda.using_allocator(graph.pool.malloc), stream:
            stream.begin_capture()
            capturing.active = True
            try:
                yield graph
            except BaseException as error:
                try:
                    stream.end_capture()  # else the stream could not be used again
                except self.errors:
                    pass
                if (
                    isinstance(error, self.errors)
                    or isinstance(error, TinygradEduError)
                    and not isinstance(error, KernelError)
                    and "apture" in str(error)
                ):
                    raise reworded(error, "capture") from error
                raise
            finally:
                capturing.active = False
            try:
                graph.graph = stream.end_capture()
            except self.errors as error:
                raise reworded(error, "capture") from error

    # ---- what is there

    def memory(self) -> dict[str, int]:
        """Bytes: of the GPU free and in all; of CuPy's pool in use by arrays and held."""
        self.activate()
        free, total = self.gpu.mem_info
        pool = self.cupy.get_default_memory_pool()
        return {"free": free, "total": total, "used": pool.used_bytes(), "held": pool.total_bytes()}

    def info(self) -> dict[str, Any]:
        """What the GPU is."""
        runtime = self.cupy.cuda.runtime
        p = runtime.getDeviceProperties(self.index)
        name = p["name"]
        return {
            "name": name.decode() if isinstance(name, bytes) else str(name),
            "capability": self.gpu.compute_capability,
            "multiprocessors": int(p["multiProcessorCount"]),
            "memory": int(p["totalGlobalMem"]),
            "l2": int(p["l2CacheSize"]),
            "driver": runtime.driverGetVersion(),
            "runtime": runtime.runtimeGetVersion(),
            "cupy": self.cupy.__version__,
        }


found: dict[int, CudaDevice] = {}  # "cuda" and "cuda:0" are one device


def make_device(name: str) -> CudaDevice:
    """The device of that name (core/device.py calls this once a name): "cuda" is "cuda:0"."""
    match = re.fullmatch(r"cuda(?::(\d+))?", name)
    if match is None:
        raise DeviceError(
            f"device: must be 'cuda' or 'cuda:' with the number of a GPU, got {name!r}. Use 'cuda'."
        )
    index = int(match[1] or 0)
    if index not in found:
        cupy, count = gpus(name)
        if index >= count:
            raise DeviceError(
                f"device: must be one of the {count} GPUs of this machine,"
                f" cuda:0{f' to cuda:{count - 1}' if count > 1 else ''}, got {name!r}. Use one of"
                " them."
            )
        found[index] = CudaDevice(index, cupy, count > 1)
    return found[index]


def gpus(name: str) -> tuple[Any, int]:
    """CuPy and how many GPUs it sees, or an error that says what is missing."""
    try:
        import cupy
    except ImportError as error:  # not there, or its libraries do not load
        got = (
            "no module cupy"
            if isinstance(error, ModuleNotFoundError)
            else f"an error at its import: {error}"
        )
        raise DeviceError(
            f"device: {name!r} needs CuPy, got {got}. Install it ({INSTALL}), {ELSE}."
        ) from error
    runtime = cupy.cuda.runtime
    try:
        count = runtime.getDeviceCount()
    except runtime.CUDARuntimeError as error:
        try:
            driver = runtime.driverGetVersion()
        except runtime.CUDARuntimeError:
            driver = 0
        needs = runtime.runtimeGetVersion()
        if driver and driver < needs:
            raise DeviceError(
                f"device: {name!r} needs a driver of CUDA {version(needs)}, got one of CUDA"
                f" {version(driver)}. Update the NVIDIA driver, or install"
                f" cupy-cuda{driver // 1000}x in the place of cupy-cuda13x."
            ) from error
        what = "no NVIDIA driver" if not driver else f"none ({str(error).split(':')[0]})"
        raise DeviceError(
            f"device: {name!r} needs an NVIDIA GPU, got {what}. Use device='emu', which runs the"
            f" same kernels on the CPU, {ELSE}."
        ) from error
    if not count:
        raise DeviceError(
            f"device: {name!r} needs an NVIDIA GPU, got none. Use device='emu', which runs the same"
            f" kernels on the CPU, {ELSE}."
        )
    return cupy, count


def version(number: int) -> str:
    """12040 is 12.4."""
    return f"{number // 1000}.{number % 1000 // 10}"
