"""Errors of wrong arguments of modules, optimisers and schedules."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from ..engine.border import UNPLANNED, planned, worded


def check_names(cls: type) -> None:
    """Let `cls.__init__` say what to do, and which argument a misspelt one probably meant.

    For this package's own classes only: a user's __init__ stays as it was written.
    """
    init = vars(cls).get("__init__")
    if init is not None and cls.__module__.startswith("tinygrad_edu."):
        cls.__init__ = checked(init)  # type: ignore[misc]


def checked(init: Callable) -> Callable:
    @wraps(init)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        try:
            init(self, *args, **kwargs)
        except UNPLANNED as error:
            if planned(error):
                raise
            raise worded(type(self).__name__, partial(init, self), args, kwargs, error) from error

    return run
