"""Parametrizations: a weight that is computed from other parameters whenever it is read.

    parametrize.register_parametrization(layer, "weight", Symmetric())

takes `layer.weight` out of the layer's parameters, keeps it as
`layer.parametrizations.weight.original`, and makes `layer.weight` the value of
`Symmetric()(original)`, through which gradients flow to `original`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ...autograd import no_grad
from ...engine.border import public
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from ..container import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "transfer_parametrizations_and_params",
    "type_before_parametrizations",
]


class _Cache(threading.local):
    """Values computed inside `cached()`, by (id of the module, name of the tensor)."""

    depth = 0  # how many `cached()` blocks are open

    def __init__(self) -> None:
        self.values: dict[tuple[int, str], Tensor] = {}


_cache = _Cache()


@contextmanager
def cached() -> Iterator[None]:
    """Inside the block each parametrized tensor is computed once, however often it is read."""
    _cache.depth += 1
    try:
        yield
    finally:
        _cache.depth -= 1
        if not _cache.depth:
            _cache.values = {}


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, applied in order, with what they start from: `original`,
    or `original0`, `original1`, … where the first one takes several tensors.

    Made by `register_parametrization`. A parametrization's `right_inverse(value)`, if it has one,
    finds what to start from, so that the tensor gets `value`.

    Args: unsafe: whether the parametrizations may change shape and dtype.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False):
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            start = self._start_for(original)
        self.is_tensor = isinstance(start, Tensor)
        self.ntensors = 1 if self.is_tensor else len(start)
        if isinstance(start, Tensor):
            if start.dtype is not dtype or start.device is not original.device:
                raise ShapeError(
                    "register_parametrization: right_inverse must keep dtype and device, got"
                    f" {start.dtype} on {start.device} for {dtype} on {original.device}. Convert"
                    " its result."
                )
            put(original, start)
            add_to(self, "original", original)
        else:
            for i, tensor in enumerate(start):
                part: Tensor = tensor.detach().clone()
                if isinstance(original, Parameter):
                    part = Parameter(part, original.requires_grad)
                add_to(self, f"original{i}", part)
        if not unsafe:
            check_alike(self(), shape, dtype)

    def _start_for(self, value: Tensor) -> Any:
        """What the first parametrization must start from to end at `value`."""
        start: Any = value
        for module in reversed(list(self)):
            if hasattr(module, "right_inverse"):
                try:
                    start = module.right_inverse(start)
                except NotImplementedError:
                    pass  # the tensor itself is the start
        tensors = start if isinstance(start, (list, tuple)) else [start]
        if not all(isinstance(t, Tensor) for t in tensors):
            raise ShapeError(
                "register_parametrization: right_inverse must return a tensor or a sequence of"
                f" tensors, got {type(start).__name__}. Correct its return value."
            )
        return start

    def originals(self) -> list[Tensor]:
        """The tensors that the first parametrization takes."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`."""
        for module in self:
            if not hasattr(module, "right_inverse"):
                raise RuntimeError(
                    f"{type(module).__name__}: must define right_inverse to assign to the"
                    " parametrized tensor, got a parametrization without. Define it, or write to"
                    " the original."
                )
        with no_grad():
            start: Any = value
            for module in reversed(list(self)):
                start = module.right_inverse(start)
            starts = [start] if isinstance(start, Tensor) else list(start)
            originals = self.originals()
            if [t.dtype for t in starts] != [t.dtype for t in originals]:
                raise ShapeError(
                    f"{type(self[0]).__name__}: right_inverse must return as many tensors and of"
                    f" the same dtypes as at registration, got {[t.dtype.name for t in starts]}"
                    f" for {[t.dtype.name for t in originals]}. Convert the assigned value."
                )
            for original, new in zip(originals, starts):
                put(original, new)

    def forward(self) -> Tensor:
        first, *others = list(self)
        value = first(*self.originals())
        for module in others:
            value = module(value)
        return value


def put(target: Tensor, value: Tensor) -> None:
    """Give `target` the value, also of another shape; the object stays, for optimisers hold it."""
    if value is target:
        return
    with no_grad():
        if target.shape == value.shape:
            target.copy_(value)
        else:
            target.data = value.detach().clone()


def add_to(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def check_alike(value: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(value, Tensor) or value.shape != shape or value.dtype is not dtype:
        given = f"{value.dtype} {tuple(value.shape)}" if isinstance(value, Tensor) else repr(value)
        raise ShapeError(
            f"register_parametrization: a parametrization must keep dtype {dtype} and shape"
            f" {tuple(shape)}, got {given}. Pass unsafe=True to allow others."
        )


class _Parametrized(Module):
    """What a module's class gains with its first parametrization: the tensors are computed."""

    def _lists(self) -> dict[str, Any]:
        table = self.__dict__.get("_modules", {}).get("parametrizations")
        return {} if table is None else table.__dict__["_modules"]

    def __getattr__(self, name: str) -> Any:
        lists = self._lists()
        if name not in lists:
            return super().__getattr__(name)
        if not _cache.depth:
            return lists[name]()
        key = (id(self), name)
        if key not in _cache.values:
            _cache.values[key] = lists[name]()
        return _cache.values[key]

    def __setattr__(self, name: str, value: Any) -> None:
        lists = self._lists()
        if name in lists:
            lists[name].right_inverse(value)
        else:
            super().__setattr__(name, value)

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return _blank, (type_before_parametrizations(self),), self.__dict__


def _parametrized_class(cls: type) -> type:
    return type(f"Parametrized{cls.__name__}", (_Parametrized, cls), {})


def _blank(cls: type) -> Module:
    """An empty parametrized module, which copying and unpickling fill."""
    return object.__new__(_parametrized_class(cls))


@public
def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Make `module.tensor_name` the value of `parametrization(original)`; further calls append.

    Args:   parametrization: its forward computes the tensor; its right_inverse, if defined, finds
            what to start from: at registration and at `module.tensor_name = value`.
            unsafe: allow other shapes and dtypes.
    Returns: the module. Its class becomes a subclass, Parametrized….
    Raises: ShapeError where there is no such parameter or buffer, or shape or dtype would change.
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        present: Any = module.parametrizations[tensor_name]
        if not unsafe:
            value = getattr(module, tensor_name)
            result = parametrization(value)
            check_alike(result, value.shape, value.dtype)
            if hasattr(parametrization, "right_inverse"):
                check_alike(parametrization.right_inverse(result), value.shape, value.dtype)
        present.append(parametrization)
        present.unsafe |= unsafe
        return module
    if module._parameters.get(tensor_name) is None and module._buffers.get(tensor_name) is None:
        raise ShapeError(
            f"register_parametrization: {type(module).__name__} must have a parameter or buffer"
            f" {tensor_name!r}, got a module without. It has"
            f" {[*module._parameters, *module._buffers]}."
        )
    made = ParametrizationList([parametrization], getattr(module, tensor_name), unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.__class__ = _parametrized_class(type(module))
        module.parametrizations = ModuleDict()
    module.parametrizations[tensor_name] = made
    return module


@public
def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether `module.tensor_name`, or any tensor of the module, is parametrized."""
    lists = module._lists() if isinstance(module, _Parametrized) else {}
    return bool(lists) if tensor_name is None else tensor_name in lists


@public
def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make `module.tensor_name` an ordinary parameter (or buffer) again.

    Args:   leave_parametrized: keep the computed value; False: go back to the original one.
    Raises: ShapeError for a tensor that is not parametrized, or leave_parametrized=False where
            there are several originals.
    """
    if not is_parametrized(module, tensor_name):
        raise ShapeError(
            f"remove_parametrizations: {tensor_name!r} must be parametrized, got a"
            f" {type(module).__name__} where it is not. Nothing to remove."
        )
    made: Any = module.parametrizations[tensor_name]
    if not made.is_tensor and not leave_parametrized:
        raise ShapeError(
            "remove_parametrizations: leave_parametrized=False needs one original tensor, got"
            f" {made.ntensors}. Pass leave_parametrized=True."
        )
    value = getattr(module, tensor_name)
    if made.is_tensor:
        original = made.original
        if leave_parametrized:
            put(original, value)
    else:
        original = Parameter(value.detach()) if value.requires_grad else value
    del module.parametrizations[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type_before_parametrizations(module)
    add_to(module, tensor_name, original)
    return module


@public
def type_before_parametrizations(module: Module) -> type:
    """The class that the module had before its first parametrization."""
    return type(module).__mro__[2] if isinstance(module, _Parametrized) else type(module)


@public
def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Let `to_module` share the parametrizations and originals of `from_module`: of one tensor, or
    of all.
    """
    if not is_parametrized(from_module):
        return to_module
    names = list(from_module.parametrizations) if tensor_name is None else [tensor_name]
    for name in names:
        given: Any = from_module.parametrizations[name]
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name).detach()))
        for parametrization in given:
            register_parametrization(to_module, name, parametrization)
        taken: Any = to_module.parametrizations[name]
        for part, original in given._parameters.items():
            setattr(taken, part, original)
    return to_module
