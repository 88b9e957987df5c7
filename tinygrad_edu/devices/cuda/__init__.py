"""The device `cuda`: one NVIDIA GPU, through CuPy.

device.py    the device: arrays, streams, time, memory
arrays.py    the array module `xp`
compile.py   .cu text -> machine code, by NVRTC
kernel.py    a kernel: arguments checked against its signature, its launch
capture.py   a step recorded once and replayed as one call
errors.py    CUDA's errors, as errors that say what to do

Two differences from the emulator matter here. A launch returns before the kernel has run, so an
error of a kernel shows at a later call. And CuPy's memory pool hands freed memory out again at
once.
"""

from __future__ import annotations

import re
from typing import Any

from ...engine.errors import DeviceError
from .device import CudaDevice
from .errors import ELSE, INSTALL

found: dict[int, CudaDevice] = {}  # "cuda" and "cuda:0" are one device


def make_device(name: str) -> CudaDevice:
    """The device of that name (engine/device.py calls this once a name): "cuda" is "cuda:0"."""
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
