"""Kernels of one's own: CUDA C text, launched with Tensors."""

from __future__ import annotations

from typing import Any

from ..engine.device import Device, get_device
from ..engine.errors import DeviceError, KernelError
from ..engine.tensor import Tensor, as_tensor
from .source import Source, kernels_folder


class RawKernel:
    """The entry point `name` of CUDA C `text`; `kernel(grid, block, args, shared_mem=0)` runs it,
    as CuPy's RawKernel.

        scale = RawKernel('extern "C" __global__ void scale(float* y, const float* x, float by, int
        n) {...}', "scale") scale((2,), (128,), (y, x, 2.0, 256))

    Args: text: may `#include "common.cuh"` and what else kernels/ has. device: "emu", or "cuda"
          where there is one.
          grid, block: up to three sizes. args: Tensors of that device in row-major order, None for
          a null pointer, numbers
    Raises: KernelError if the text does not compile, an argument does not fit the signature, or the
            launch fails
    """

    def __init__(self, text: str, name: str, device: Any = "emu"):
        self.source, self.name, self.device = (
            Source(text, f"{name}.cu", kernels_folder()),
            name,
            get_device(device),
        )
        if not isinstance(self.device, Device) or not hasattr(self.device, "kernel"):
            raise DeviceError(
                f"RawKernel: the device must run CUDA C, got {self.device}. Use 'emu' or 'cuda'."
            )
        self.entry = self.device.kernel(self.source, name)

    def set_constant(self, name: str, values: Any) -> None:
        """Fill the `__constant__` variable `name` of the text, as cudaMemcpyToSymbol does; launches
        from now on read it.

        Args: values: numbers, an array or a Tensor (of any device), as many as the variable is
              declared with; converted to its type
        """
        dtype = self.source.constants.get(name)
        if dtype is None:
            raise KernelError(
                f"{self.name}: set_constant must name a __constant__ array of numbers"
                f" ({', '.join(self.source.constants) or 'there is none'}), got {name!r}. Check the"
                " spelling."
            )
        self.entry.set_constant(name, as_tensor(values).cpu().numpy().astype(dtype).tobytes())

    def __call__(self, grid: Any, block: Any, args: Any, shared_mem: int = 0) -> None:
        raw = []
        for i, a in enumerate(args):
            if isinstance(a, Tensor) and a.device is not self.device:
                raise KernelError(
                    f"{self.name}: argument {i} must be on {self.device}, got a tensor on"
                    f" {a.device}. Move it with .to('{self.device}')."
                )
            raw.append(a.array if isinstance(a, Tensor) else a)
        self.entry(grid, block, tuple(raw), shared_mem)
