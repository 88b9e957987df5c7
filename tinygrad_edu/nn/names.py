"""Answers to misspelt keyword arguments of modules, optimisers and schedules."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import Any

from ..engine.errors import DTypeError


def unknown_name(caller: str, given: str, known: Iterable[str]) -> DTypeError:
    """The error for a keyword argument `given` that is not among `known`."""
    names = list(known)
    close = get_close_matches(given, names, n=1, cutoff=0.5)
    advice = f"Did you mean {close[0]!r}?" if close else "Omit it."
    return DTypeError(
        f"{caller}: keyword arguments must be among {', '.join(names)}, got {given!r}. {advice}"
    )


def check_names(cls: type) -> None:
    """Let `cls.__init__` name the argument that a misspelt one probably meant.

    For this package's own classes only: a user's __init__ stays as it was written.
    """
    init = vars(cls).get("__init__")
    if init is not None and cls.__module__.startswith("tinygrad_edu."):
        cls.__init__ = checked(init)  # type: ignore[misc]


def checked(init: Callable) -> Callable:
    parameters = list(inspect.signature(init).parameters.values())[1:]  # without self
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters):
        return init
    known = [p.name for p in parameters if p.kind is not inspect.Parameter.VAR_POSITIONAL]

    @wraps(init)
    def run(self: Any, *args: Any, **kwargs: Any) -> None:
        for name in kwargs:
            if name not in known:
                raise unknown_name(type(self).__name__, name, known)
        init(self, *args, **kwargs)

    return run
