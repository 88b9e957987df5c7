"""The device `cuda`: arrays are CuPy's, kernels are compiled by NVRTC, library products are
cuBLAS's.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from ...engine.device import Device
from ...engine.errors import DeviceError
from ..source import Source
from ..table import KernelTable
from .arrays import Module, OnItsGpu
from .capture import Graph, captured
from .compile import architecture, lowered_names, machine_code
from .errors import reworded
from .kernel import CudaKernel


class CudaTable(KernelTable):
    """With several GPUs in the machine: each call makes its own the current one."""

    def __getattr__(self, name: str) -> Callable:
        slot = OnItsGpu(self._device.activate, super().__getattr__(name))  # type: ignore[attr-defined]  # a CudaDevice
        setattr(self, name, slot)
        return slot


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

    def lowered(self, source: Source, name: str) -> str:
        """The name in the machine code of a kernel that C++ names: `f<64>` is `_Z1fILi64E...`."""
        if source.named is None:
            return name
        arch = architecture(source, self.gpu.compute_capability)
        return lowered_names(self.cupy.cuda.nvrtc, source, arch)[name]

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

    def capture(self) -> AbstractContextManager[Graph]:
        """Record the launches of the block instead of running them; `graph.replay()` runs them.

        Run the same step once before, so that all kernels are built and the optimiser has its
        buffers; keep the model and its inputs as long as the graph. Inside: no look at a value, no
        copy to or from the CPU. Numbers that change from step to step (a learning rate) are
        recorded as they are. What the block allocates comes from a pool that belongs to the graph:
        no one else gets that memory while the graph lives.
        """
        return captured(self)
