"""autocast: a block in which PyTorch would compute some ops in a narrower dtype."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any

from ..engine.dtype import dtype as DType
from ..engine.dtype import float16
from ..engine.errors import DeviceError
from ..named import bfloat16
from ..notes import say_once

KINDS = ("cpu", "cuda", "emu", "mps", "xpu")


class Depth(threading.local):
    """Per thread: the kinds of device inside whose autocast the code runs, innermost last."""

    def __init__(self) -> None:
        self.on: list[tuple[str, bool, DType]] = []


depth = Depth()


class autocast:  # noqa: N801  # PyTorch's name
    """A `with` block or decorator. Ops inside compute in the dtype of their inputs, as outside.

    Args:
        device_type: "cpu", "cuda" or "emu".
        dtype: what PyTorch would compute in; recorded and not used.
        enabled: False makes the block do nothing at all.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Any = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ):
        kind = str(device_type).split(":")[0]
        if kind not in KINDS:
            raise DeviceError(
                f"autocast: device_type must be one of {', '.join(KINDS)}, got {device_type!r}."
                " Use 'cpu'."
            )
        narrow = dtype or (bfloat16 if kind == "cpu" else float16)
        self.device, self.fast_dtype, self._enabled = kind, narrow, enabled

    def __enter__(self) -> autocast:
        if self._enabled:
            say_once(
                "autocast: every op computes in the dtype of its inputs, so this block computes in"
                f" float32 where PyTorch would use {self.fast_dtype.name}."
            )
        depth.on.append((self.device, self._enabled, self.fast_dtype))
        return self

    def __exit__(self, *exc: object) -> None:
        depth.on.pop()

    def __call__(self, func: Callable) -> Callable:
        @wraps(func)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return func(*args, **kwargs)

        return inside


def is_autocast_enabled(device_type: str = "cuda") -> bool:
    """Whether the code runs inside an enabled autocast block for that kind of device."""
    return next((on for kind, on, _ in reversed(depth.on) if kind == device_type), False)


def get_autocast_dtype(device_type: str) -> DType:
    """The dtype that the innermost block for that kind of device named."""
    default = bfloat16 if device_type == "cpu" else float16
    return next((d for kind, _, d in reversed(depth.on) if kind == device_type), default)


def is_autocast_available(device_type: str) -> bool:
    """Whether `autocast` takes that kind of device."""
    return device_type in KINDS


def custom_fwd(
    fwd: Callable | None = None, *, device_type: str = "cuda", cast_inputs: Any = None
) -> Callable:
    """Decorator of a Function's forward: inputs that are floating-point tensors are converted to
    `cast_inputs` when autocast is enabled.
    """
    if fwd is None:
        return lambda f: custom_fwd(f, device_type=device_type, cast_inputs=cast_inputs)

    @wraps(fwd)
    def forward(*args: Any, **kwargs: Any) -> Any:
        if cast_inputs is not None and is_autocast_enabled(device_type):
            args = tuple(
                a.to(cast_inputs) if getattr(a, "is_floating_point", bool)() else a for a in args
            )
        return fwd(*args, **kwargs)

    return forward


def custom_bwd(bwd: Callable | None = None, *, device_type: str = "cuda") -> Callable:
    """Decorator of a Function's backward, which needs nothing here."""
    return (lambda f: f) if bwd is None else bwd
