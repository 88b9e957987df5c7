"""TorchScript's names. A model is its Python code here: `script` and `trace` give back what they
were given, and say so once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .engine.errors import TinygradEduError
from .left_out import explain_missing as _explain_missing
from .nn import Module
from .notes import say_once

ScriptModule = ScriptFunction = RecursiveScriptModule = Module
Final, Attribute = Any, Any


def script(obj: Any, *args: Any, **kwargs: Any) -> Any:
    """`obj` itself, a function, class or module."""
    say_once("jit.script: nothing is compiled here; the Python code itself runs.")
    return obj


def trace(func: Any, example_inputs: Any = None, *args: Any, **kwargs: Any) -> Any:
    """`func` itself."""
    say_once("jit.trace: nothing is traced here; the Python code itself runs.")
    return func


def unchanged(fn: Callable | None = None, **kwargs: Any) -> Any:
    """A decorator that changes nothing, with or without arguments."""
    return fn if callable(fn) else unchanged


ignore = unused = export = script_method = interface = unchanged


def annotate(the_type: Any, the_value: Any) -> Any:
    """The value."""
    return the_value


def freeze(mod: Any, *args: Any, **kwargs: Any) -> Any:
    """`mod` itself."""
    return mod


optimize_for_inference = freeze


def is_scripting() -> bool:
    """False: the Python code itself runs."""
    return False


is_tracing = is_scripting


def fork(func: Callable, *args: Any, **kwargs: Any) -> Any:
    """`func(*args)` at once; `wait` gives the result."""
    return func(*args, **kwargs)


def wait(future: Any) -> Any:
    """What `fork` gave."""
    return future


def save(m: Any, f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """An error: there is no TorchScript to save."""
    raise TinygradEduError(
        f"jit.save: needs a compiled model, got {type(m).__name__}, and nothing is compiled here."
        " Use save(model.state_dict(), path)."
    )


def load(f: Any, *args: Any, **kwargs: Any) -> NoReturn:
    """An error: TorchScript is not read."""
    raise TinygradEduError(
        f"jit.load: must be a file of tensors, got {f!r:.200}, a TorchScript file. Save the"
        " state_dict in PyTorch and use load()."
    )


_explain_missing(__name__)
