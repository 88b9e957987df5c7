"""Tensors in memory that several processes see: what one writes, the others read.

The memory has no name. A descriptor of it travels when the tensor is sent to a process that starts,
and the memory is gone with the last process that uses it.
"""

from __future__ import annotations

import mmap
from multiprocessing import reduction
from typing import Any

import numpy as np

from ..engine.device import cpu
from ..engine.errors import DeviceError
from ..engine.tensor import Tensor
from .processes import shared_memory

descriptors: dict[int, int] = {}  # address of an array: the descriptor of its memory


def share(tensor: Tensor) -> Tensor:
    """Move the tensor's values to shared memory, in place."""
    if tensor.device.type != "cpu":
        raise DeviceError(
            f"share_memory_: must be a CPU tensor, got one on {tensor.device}. Move it with .cpu()."
        )
    if not is_shared(tensor) and tensor.numel():
        descriptor = shared_memory(tensor.nbytes)
        array = over(descriptor, tensor.array.shape, tensor.array.dtype)
        array[...] = tensor.array
        tensor.array = array
    return tensor


def over(descriptor: int, shape: tuple, dtype: Any) -> np.ndarray:
    """An array over the memory of a descriptor, which stays open as long as this process lives."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    array = np.frombuffer(mmap.mmap(descriptor, size), dtype).reshape(shape)
    descriptors[array.__array_interface__["data"][0]] = descriptor
    return array


def is_shared(tensor: Tensor) -> bool:
    """Whether other processes see what is written to the tensor."""
    return tensor.device.type == "cpu" and address(tensor) in descriptors


def address(tensor: Tensor) -> int:
    return tensor.array.__array_interface__["data"][0]


def reduce(tensor: Tensor) -> tuple:
    """How a tensor is sent to another process: a shared one by its descriptor."""
    if not is_shared(tensor) or not tensor.is_contiguous():
        return tensor.__reduce_ex__(2)
    sent = reduction.DupFd(descriptors[address(tensor)])
    kind = tensor.array.dtype.str
    return attach, (type(tensor), sent, tensor.array.shape, kind, tensor.requires_grad)


def attach(cls: type, sent: Any, shape: tuple, dtype: str, requires_grad: bool) -> Tensor:
    """The same memory in the process that was sent it."""
    tensor: Tensor = object.__new__(cls)
    Tensor.__init__(tensor, over(sent.detach(), shape, dtype), cpu)
    return tensor.requires_grad_() if requires_grad else tensor


def share_memory_(self: Tensor) -> Tensor:
    """Move the values to memory that processes started from now on see too, in place."""
    return share(self)


def register() -> None:
    """Let multiprocessing send tensors this way."""
    from ..nn.parameter import Buffer, Parameter

    for cls in (Tensor, Parameter, Buffer):
        reduction.ForkingPickler.register(cls, reduce)


Tensor.share_memory_ = share_memory_  # type: ignore[attr-defined]
Tensor.is_shared = is_shared  # type: ignore[attr-defined]
register()
