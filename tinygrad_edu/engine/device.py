"""A device is an array module and a table of raw functions: `device.F.<op>` is all dispatch."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Context
from importlib import import_module
from typing import Any

import numpy as np

from .errors import DeviceError
from .generator import Generator, current, current_generator, default_generator  # noqa: F401  # the device's random numbers

SILENT = Context()  # 1/0 is inf and 0/0 is NaN, as in PyTorch, without a word from NumPy
SILENT.run(np.seterr, all="ignore")
quiet = SILENT.copy  # `quiet().run(f, x)`: f(x) in there; users keep their own NumPy settings

registry: dict[str, Any] = {}  # every op, piece, composite and step by name


class Functional:
    """Every op on Tensors, by name: what formulas get as `F` when they are recorded themselves."""


functional: Any = Functional()


class Table:
    """The raw functions of one device.

    A slot is bound at first use; a device that runs kernels puts those there instead.
    """

    has_kernels = False

    def __init__(self, device: Device):
        self._device = device

    def __getattr__(self, name: str) -> Callable:
        try:
            function = registry[name].bind(self._device)
        except KeyError:
            raise AttributeError(
                f"F.{name}: no such op. See tinygrad_edu.functional for the names."
            ) from None
        setattr(self, name, function)
        return function


class Device:
    """Where arrays live.

    `xp` is the array module, `array_type` the class of its arrays, `F` the table of functions.
    """

    default: Device  # of new tensors

    def __init__(self, type: Any, index: int | None = None, xp: Any = None, array_type: Any = None):
        self.type, self.index, self.xp, self.array_type = type, index, xp, array_type
        self.F = Table(self)

    def __repr__(self) -> str:
        return f"device(type='{self.type}'" + (
            ")" if self.index is None else f", index={self.index})"
        )

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __reduce__(self) -> tuple:
        return get_device, (str(self),)

    def __deepcopy__(self, memo: dict) -> Device:
        return self

    def __enter__(self) -> Device:
        """Make it the device of new tensors inside a `with` block."""
        outer.append(Device.default)
        Device.default = self
        return self

    def __exit__(self, *exc: object) -> None:
        Device.default = outer.pop()

    def asarray(self, data: Any, dtype: Any = None) -> Any:
        """Host data (or an array of this device) as an array of this device, copied only if it must
        be.
        """
        return self.xp.asarray(data, dtype=dtype)

    def to_host(self, array: Any) -> np.ndarray:
        """An array of this device as a NumPy array."""
        return array

    def storage(self, array: Any) -> Any:
        """The object that owns the memory `array` looks into: equal for all views of one tensor."""
        # as_strided puts an object between
        while (
            type(array.base) is self.array_type
            or type(getattr(array.base, "base", None)) is self.array_type
        ):
            array = array.base
        return array

    def synchronize(self) -> None:
        """Wait until all work given to the device is done (nothing to wait for on the CPU)."""


cpu = Device.default = Device("cpu", None, np, np.ndarray)
outer: list[Device] = []  # the defaults outside of `with device:` blocks
devices: dict[str, Device] = {"cpu": cpu}
# imported when first asked for
BACKENDS = {"cuda": "tinygrad_edu.devices.cuda", "emu": "tinygrad_edu.devices.emu"}


def get_device(spec: Any = "cpu", index: int | None = None) -> Device:
    """The device of that name: "cpu", "cuda", "cuda:1", "emu"."""
    if isinstance(spec, Device):
        return spec
    name = str(spec) if index is None else f"{spec}:{index}"
    if name == "cpu:0":
        name = "cpu"
    if name not in devices:
        kind = name.split(":")[0]
        if kind not in BACKENDS:
            known = ", ".join(sorted({*devices, *BACKENDS}))
            raise DeviceError(
                f"device: must be one of {known}, got {spec!r}. Use one of those names."
            )
        try:
            devices[name] = import_module(BACKENDS[kind]).make_device(name)
        except ModuleNotFoundError as error:
            raise DeviceError(
                f"device: {name!r} needs the module {error.name}, which is not installed, got"
                f" {spec!r}. Run `tinygrad-edu doctor`, or use device='cpu'."
            ) from error
    return devices[name]
