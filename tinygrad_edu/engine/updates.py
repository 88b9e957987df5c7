"""Functions that change raw arrays in place: the steps of optimisers. No ops, for nothing flows
back through them; a device may have kernels for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

updates: dict[str, Callable] = {}  # name -> function(xp, ...)


def has_kernels(device: Any) -> bool:
    return hasattr(type(device.F), "in_place")


def update(function: Callable) -> Callable:
    """Declare `function(xp, ...)`.

    What it becomes is called with a device in the place of xp, and runs that device's kernel where
    one takes the arguments.
    """
    name = function.__name__
    updates[name] = function

    @wraps(function)
    def run(device: Any, *args: Any, **settings: Any) -> Any:
        return (
            device.F.in_place(name)(*args, **settings)
            if has_kernels(device)
            else function(device.xp, *args, **settings)
        )

    return run
