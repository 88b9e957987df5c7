"""Whole modules in files: `save(model, "model.pt")` and `load("model.pt", weights_only=False)`.

A file holds the name of each module's class and the module's attributes; the code of the class is
not in it. When such a file is loaded,

- nothing is imported: a class is looked up by its name in the modules that the program has
  imported already, so the script that loads a model of its own class must define that class first;
- only subclasses of `nn.Module`, `argparse.Namespace` and what `add_safe_globals` lists are taken;
- no code of the class runs: neither `__init__` nor `__new__`, `__setstate__` or `__reduce__`. An
  empty object gets the saved attributes, which are plain values, tensors and further modules;
- an attribute may be a function, if it is one of `nn.functional` (an activation, for example).

Hooks are code, so a module with hooks is not saved. Prefer `state_dict()` for what is kept for
long: it does not depend on the names of attributes and classes.
"""

from __future__ import annotations

import argparse
import sys
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import functional as ops
from ..engine.errors import CheckpointError
from ..engine.tensor import Tensor
from ..nn import functional
from ..nn.module import HOOKS, Module
from ..nn.parameter import Parameter
from .pickles import Class, Name, never_run

FUNCTIONS = {"tinygrad_edu.nn.functional": functional, "tinygrad_edu.functional": ops}
HELD = {"_parameters": Parameter, "_buffers": Tensor, "_modules": Module}
listed: dict[tuple[str, str], type] = {}  # what add_safe_globals was given


class Function(Name):
    """A function of `nn.functional` that a module has as an attribute."""

    def __init__(self, text: str, function: Callable) -> None:
        super().__init__(text)
        self.function = function


# ---- classes that the caller trusts --------------------------------------------------------------


def add_safe_globals(safe_globals: Iterable[type]) -> None:
    """Let `load` make objects of these classes, also with weights_only=True. They get the saved
    attributes; no code of the class runs.
    """
    for cls in safe_globals:
        listed[cls.__module__, cls.__qualname__] = cls


def get_safe_globals() -> list[type]:
    """The classes that `add_safe_globals` was given."""
    return list(listed.values())


def clear_safe_globals() -> None:
    """Forget all classes that `add_safe_globals` was given."""
    listed.clear()


@contextmanager
def safe_globals(safe_globals: Iterable[type]) -> Iterator[None]:
    """`add_safe_globals` for the length of a with block."""
    before = dict(listed)
    add_safe_globals(safe_globals)
    try:
        yield
    finally:
        listed.clear()
        listed.update(before)


# ---- reading -------------------------------------------------------------------------------------


def finder(weights_only: bool) -> Callable[[str, str], Name]:
    """What finds a class by module and name, as `load` asks for it."""

    def find(module: str, name: str) -> Name:
        if (module, name) in listed:
            return Class(f"{module}.{name}", listed[module, name], fill)
        if weights_only:
            return never_run(module, name)
        if module in FUNCTIONS:
            return Function(f"{module}.{name}", public_function(module, name))
        return trusted_class(module, name)

    return find


def public_function(module: str, name: str) -> Callable:
    function = vars(FUNCTIONS[module]).get(name)
    if name.startswith("_") or not callable(function) or isinstance(function, type):
        never_run(module, name)
    assert function is not None
    return function


def named_class(module: str, name: str) -> Any:
    """What has that name in a module that is imported already. Nothing is imported or called."""
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found


def trusted_class(module: str, name: str) -> Class:
    """The class of that name if it is imported already and one that may be rebuilt."""
    cls = named_class(module, name)
    if cls is argparse.Namespace:
        return Class(f"{module}.{name}", cls, fill)
    if not isinstance(cls, type) or not issubclass(cls, Module):
        raise CheckpointError(
            f"it asks for {module[:80]}.{name[:80]}, which is not a subclass of nn.Module that the"
            " program has imported. Define or import the class before load, or list another class"
            " with add_safe_globals"
        )
    return Class(f"{module}.{name}", cls, fill_module)


def fill(target: Any, state: dict[str, Any]) -> None:
    vars(target).update(plain(state))


def plain(state: dict[str, Any]) -> dict[str, Any]:
    return {k: v.function if isinstance(v, Function) else v for k, v in state.items()}


def fill_module(module: Any, state: dict[str, Any]) -> None:
    """Give a module its attributes, after its tables have been found to hold what they must."""
    if not HELD.keys() <= state.keys() or state.keys() & set(HOOKS):
        raise CheckpointError(f"the attributes of a {type(module).__name__} are not a module's")
    for table, kind in HELD.items():
        values = state[table]
        if type(values) not in (dict, OrderedDict) or not all(
            type(name) is str and (value is None or isinstance(value, kind))
            for name, value in values.items()
        ):
            raise CheckpointError(f"{table} of a {type(module).__name__} holds something else")
    if type(state.get("training")) is not bool or not isinstance(
        state.get("_non_persistent_buffers_set"), set
    ):
        raise CheckpointError(f"the attributes of a {type(module).__name__} are not a module's")
    vars(module).update(plain(state), **{name: OrderedDict() for name in HOOKS})


# ---- writing -------------------------------------------------------------------------------------


def state_of(value: Any, where: str) -> dict[str, Any]:
    """The attributes of an object that are saved."""
    state = dict(vars(value))
    for name in HOOKS if isinstance(value, Module) else ():
        if state.pop(name, None):
            raise CheckpointError(
                f"save: a module with hooks is not saved, got a {type(value).__name__} with"
                f" {name} at {where or 'the top'}. Remove its hooks, or save its state_dict()."
            )
    return state


def function_name(value: Any) -> tuple[str, str] | None:
    """Module and name of a function that `load` takes as an attribute of a module."""
    name = getattr(value, "__name__", None)
    if not callable(value) or isinstance(value, type) or not isinstance(name, str):
        return None
    places = (
        (module, name) for module, space in FUNCTIONS.items() if vars(space).get(name) is value
    )
    return next(places, None)


def class_name(value: Any, where: str) -> tuple[str, str] | None:
    """Module and name of the class of an object that `load` can make again."""
    cls = type(value)
    place = cls.__module__, cls.__qualname__
    if not isinstance(value, (Module, argparse.Namespace)) and place not in listed:
        return None
    if getattr(value, "parametrizations", None):
        raise CheckpointError(
            "save: a module with parametrizations is saved by its state_dict() only, as in PyTorch,"
            f" got a {cls.__name__} at {where or 'the top'}. Save its state_dict(), or call"
            " remove_parametrizations first."
        )
    if named_class(*place) is not cls:
        raise CheckpointError(
            f"save: the class of a module must be found by its name, got {'.'.join(place)} at"
            f" {where or 'the top'}. Define it at the top of a file, or save its state_dict()."
        )
    return place
