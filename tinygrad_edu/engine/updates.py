"""Functions that change raw arrays in place: the steps of optimisers.

Nothing flows back through them, so they are no ops; they have a slot in each device's table, and a
device may have kernels for them.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from .device import quiet, registry


class Update:
    """A declared step, as the table and the ladders see it."""

    def __init__(self, forward: Callable):
        self.name, self.forward = forward.__name__, forward
        self.names = list(inspect.signature(forward).parameters)[1:]

    def bind(self, device: Any) -> Callable:
        forward = partial(self.forward, device.xp)

        def run(param: Any, *args: Any, **settings: Any) -> Any:
            if not hasattr(param, "ndim") or param.ndim:
                return forward(param, *args, **settings)
            # NumPy's results of arrays without dims are numbers, which `out=` refuses
            given = [as_vector(name, a) for name, a in zip(self.names, (param, *args))]
            result = forward(*given, **settings)
            return result.reshape(param.shape) if hasattr(result, "reshape") else result

        return run


def as_vector(name: str, value: Any) -> Any:
    """An array without dims as one of a single element; numbers such as lr stay."""
    single = getattr(value, "ndim", None) == 0 and name not in ("step", "lr")
    return value.reshape(1) if single else value


def update(function: Callable) -> Callable:
    """Declare `function(xp, ...)`. What it becomes takes a device in the place of xp and runs the
    device's slot of that name.
    """
    name = function.__name__
    registry[name] = Update(function)

    @wraps(function)
    def run(device: Any, *args: Any, **settings: Any) -> Any:
        return quiet().run(getattr(device.F, name), *args, **settings)

    return run
