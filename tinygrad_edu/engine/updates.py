"""Functions that change raw arrays in place: the steps of optimisers. No ops, for nothing flows back
through them; they have a slot in each device's table, and a device may have kernels for them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from .device import registry


class Update:
    """A declared step, as the table and the ladders see it."""

    is_piece, cases, alias = True, (), ()

    def __init__(self, forward: Callable):
        self.name, self.forward = forward.__name__, forward

    def bind(self, device: Any) -> Callable:
        return partial(self.forward, device.xp)


def update(function: Callable) -> Callable:
    """Declare `function(xp, ...)`. What it becomes takes a device in the place of xp and runs the
    device's slot of that name.
    """
    name = function.__name__
    registry[name] = Update(function)

    @wraps(function)
    def run(device: Any, *args: Any, **settings: Any) -> Any:
        return getattr(device.F, name)(*args, **settings)

    return run
