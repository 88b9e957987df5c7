"""`compile` and what belongs to it. Nothing is compiled: the Python code itself runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .left_out import explain_missing as _explain_missing
from .notes import say_once


def compile(model: Callable | None = None, **kwargs: Any) -> Any:
    """`model` itself, a module or function; without one, a decorator. Says so once.

    Args: kwargs: PyTorch's fullgraph, dynamic, backend, mode, options, disable; accepted.
    """
    say_once("compile: nothing is compiled here; the Python code itself runs.")
    return (lambda f: f) if model is None else model


def disable(fn: Callable | None = None, recursive: bool = True, **kwargs: Any) -> Any:
    """`fn` itself, or a decorator that changes nothing."""
    return (lambda f: f) if fn is None else fn


def is_compiling() -> bool:
    """False: nothing is compiled."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset() -> None:
    """Nothing: nothing was compiled."""


def cudagraph_mark_step_begin() -> None:
    """Nothing: nothing was compiled."""


_explain_missing(__name__)
