"""Kernels of one's own: CUDA C text, launched with Tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..engine.device import Device, get_device
from ..engine.errors import DeviceError, KernelError
from ..engine.tensor import Tensor, as_tensor
from .source import Source, kernels_folder


class RawKernel:
    """The kernel `name` of CUDA C `text`; `kernel(grid, block, args, shared_mem=0)` runs it, as
    CuPy's RawKernel.

        scale = RawKernel('extern "C" __global__ void scale(float* y, const float* x, float by, int
        n) {...}', "scale")
        scale((2,), (128,), (y, x, 2.0, 256))

        sgemm = RawKernel("template <int BM, int BN> __global__ void sgemm(...) {...}",
                          "sgemm<64, 64>")

    Args: text: may `#include "common.cuh"` and what else kernels/ has. Other kernels of the text do
          not matter.
          name: as C++ names the kernel: with its template arguments, its namespace
          device: "emu", or "cuda" where there is one.
          options: for the compiler: "-DN=64" or "-Ifolder", each one word
          grid, block: up to three sizes. args: Tensors of that device in row-major order, None for
          a null pointer, numbers; for a parameter that is a struct or vector bytes, a ctypes
          Structure or a NumPy record. A pointer to unsigned words takes a Tensor of signed ones,
          one to bfloat16 an int16 Tensor: their bits are passed.
    Raises: KernelError if the text does not compile, an argument does not fit the signature, or the
            launch fails
    """

    def __init__(self, text: str, name: str, device: Any = "emu", options: Sequence[str] = ()):
        file = re.sub(r"\W+", "_", name).strip("_") + ".cu"
        self.source = source_of(text, file, (name,), options)
        self.name, self.device = name, device_of("RawKernel", device)
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


class RawModule:
    """CUDA C with several kernels; `module.get_function(name)` is one, as in CuPy's RawModule.

        module = RawModule(code=text, name_expressions=["sum<float>", "sum<double>"])
        module.get_function("sum<float>")((1,), (32,), (y, x))

    Args: code: CUDA C. path: a file with it, in the place of `code`
          name_expressions: kernels that get_function may name with template arguments; without
          them any that the text has may be asked for
          options, device: as for RawKernel
    Raises: KernelError as RawKernel, and if a name is not one of `name_expressions`
    """

    def __init__(
        self,
        code: str | None = None,
        *,
        path: Any = None,
        options: Sequence[str] = (),
        name_expressions: Sequence[str] | None = None,
        device: Any = "emu",
    ):
        if (code is None) == (path is None):
            raise KernelError(
                "RawModule: must get CUDA C as code or as the path of a file, got"
                f" {'neither' if code is None else 'both'}. Pass one."
            )
        self.code = Path(path).read_text(encoding="utf-8") if code is None else code
        self.options, self.device = tuple(options), device_of("RawModule", device)
        self.names = None if name_expressions is None else tuple(name_expressions)
        self.functions: dict[str, RawKernel] = {}

    def get_function(self, name: str) -> RawKernel:
        """The kernel of that name; compiled when it is first launched."""
        if self.names is not None and name not in self.names and "<" in name:
            raise KernelError(
                f"RawModule: the kernel must be one of the name_expressions {self.names}, got"
                f" {name!r}. Add it there."
            )
        if name not in self.functions:
            self.functions[name] = RawKernel(self.code, name, self.device, self.options)
        return self.functions[name]


def source_of(text: str, name: str, calls: tuple[str, ...], options: Sequence[str]) -> Source:
    """A text as a Source, its options checked."""
    wrong = [o for o in options if not re.match(r"-[DIU]\S|-std=|--std=", o)]
    if isinstance(options, str) or wrong:
        raise KernelError(
            "RawKernel: options must be a list of -DNAME=VALUE and -Ifolder, got"
            f" {options if isinstance(options, str) else wrong[0]!r}. Write each as one word."
        )
    kept = tuple(o for o in options if "std=" not in o)
    return Source(text, name, kernels_folder(), calls, kept)


def device_of(what: str, device: Any) -> Any:
    """The device, which must run CUDA C."""
    found = get_device(device)
    if not isinstance(found, Device) or not hasattr(found, "kernel"):
        raise DeviceError(f"{what}: the device must run CUDA C, got {found}. Use 'emu' or 'cuda'.")
    return found
