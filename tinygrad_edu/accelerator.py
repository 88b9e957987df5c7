"""The accelerator of this machine, with the names of `torch.accelerator`: an NVIDIA GPU or none.

The emulated GPU is never one: it is slower than the CPU and has to be asked for by name.
"""

from __future__ import annotations

from typing import Any

from . import cuda
from .engine.device import Device, get_device
from .left_out import explain_missing as _explain_missing


def is_available() -> bool:
    """Whether there is a GPU that can be used."""
    return cuda.is_available()


def device_count() -> int:
    """How many GPUs there are."""
    return cuda.device_count()


def current_accelerator(check_available: bool = False) -> Device | None:
    """The GPU's device, or None."""
    return get_device("cuda") if is_available() else None


def current_device_index() -> int:
    """The number of the GPU in use."""
    return cuda.current_device()


def set_device_index(device: Any) -> None:
    """Make it the GPU in use; only GPU 0 can be."""
    cuda.set_device(device)


current_device_idx, set_device_idx = current_device_index, set_device_index


def synchronize(device: Any = None) -> None:
    """Wait until the GPU, if there is one, has done what it was given."""
    if is_available():
        cuda.synchronize(device)


def empty_cache() -> None:
    """Give memory that is not in use back to the driver."""
    cuda.empty_cache()


def memory_allocated(device: Any = None) -> int:
    """Bytes of arrays on the GPU."""
    return cuda.memory_allocated(device)


def memory_reserved(device: Any = None) -> int:
    """Bytes taken from the driver."""
    return cuda.memory_reserved(device)


_explain_missing(__name__)
