"""The device `emu`: CUDA C run on the CPU. g++ compiles the unchanged `.cu` text with our own
header, fibers are the threads.

build.py     .cu text -> shared library, kept in the user's cache folder
launch.py    checks of a launch (limits, kinds of arguments), the call, what went wrong in words
array.py     guarded memory that starts as NaN
profile.py   counters and checks per source line
shim/        cuda_emu.h (the CUDA dialect), runtime.cpp (fibers, barriers, warps), profile.cpp
             (what watches memory)
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ...engine.device import Device
from ..table import KernelTable
from .array import EmuArray, Module, empty, memory_of


class EmuDevice(Device):
    """Arrays in guarded memory, kernels run by fibers."""

    def __init__(self, name: str):
        super().__init__("emu", None, Module(), EmuArray)
        self.F = KernelTable(self)

    def asarray(self, data: Any, dtype: Any = None) -> Any:
        return self.xp.asarray(data, dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """A copy, as from a GPU; what is no array of this device stays as it is."""
        return array.host.copy() if type(array) is EmuArray else np.asarray(array)

    def storage(self, array: Any) -> Any:
        return memory_of(array.host)

    def empty(self, shape: tuple, dtype: Any) -> EmuArray:
        return empty(shape, dtype)

    def kernel(self, source: Any, name: str) -> Any:
        """The kernel `name` of a source, built if it must be."""
        from .launch import kernel  # the compiler is asked for only now

        return kernel(source, name)


def make_device(name: str) -> EmuDevice:
    """The one device `emu` (engine/device.py calls this once)."""
    if name != "emu":
        from ...engine.errors import DeviceError

        raise DeviceError(f"device: there is one emulated device, 'emu', got {name!r}. Use 'emu'.")
    return EmuDevice(name)
