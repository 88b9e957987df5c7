"""Modules that hold modules or parameters: in a row, a list or a dict."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from operator import index as as_index
from typing import Any

from ..engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ..engine.tensor import Tensor
from .module import Module
from .parameter import Parameter

MOST_LAYERS = 10_000  # of one kind, made by a number: more would take hours


class Indexed(Module):
    """The list behaviour that Sequential, ModuleList and ParameterList share; `_items` says which
    table holds them.
    """

    _items = "_modules"

    def _key(self, idx: Any) -> str:
        n, i = len(self), as_index(idx)
        if not -n <= i < n:
            raise IndexOutOfRange(
                f"{self._get_name()}: the index must be from {-n} to {n - 1}, got {i}. Look at"
                " len()."
            )
        return str(i % n)

    def _table(self) -> dict[str, Any]:
        return self.__dict__[self._items]

    def _replace(self, values: Iterable) -> None:
        self.__dict__[self._items] = {str(i): v for i, v in enumerate(values)}

    def _check(self, value: Any) -> Any:
        if value is not None and not isinstance(value, Module):
            raise DTypeError(
                f"{self._get_name()}: each entry must be a Module, got {type(value).__name__}. Wrap"
                " functions in a Module."
            )
        return value

    def __len__(self) -> int:
        return len(self._table())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._table().values())

    def __getitem__(self, idx: Any) -> Any:
        if isinstance(idx, slice):
            return self._slice(idx)
        return self._table()[self._key(idx)]

    def _slice(self, idx: slice) -> Any:
        make: Any = self.__class__  # the subclasses take a list
        return make(list(self)[idx])

    def __setitem__(self, idx: Any, value: Any) -> None:
        self._table()[self._key(idx)] = self._check(value)

    def __delitem__(self, idx: Any) -> None:
        values = list(self)
        del values[idx if isinstance(idx, slice) else int(self._key(idx))]
        self._replace(values)

    def append(self, value: Any) -> Any:
        """Add one at the end."""
        self._table()[str(len(self))] = self._check(value)
        return self

    def extend(self, values: Iterable) -> Any:
        """Add several at the end."""
        if not isinstance(values, Iterable) or isinstance(values, Tensor):
            raise DTypeError(
                f"{self._get_name()}.extend: must be given several entries, got"
                f" {type(values).__name__}. Put them into a list."
            )
        for value in list(values):
            self.append(value)
        return self

    def insert(self, index: int, value: Any) -> Any:
        """Put one before position `index`."""
        n = len(self)
        if not -n <= index <= n:
            raise IndexOutOfRange(
                f"{self._get_name()}.insert: the index must be from {-n} to {n}, got {index}. Look"
                " at len()."
            )
        values = list(self)
        values.insert(index, self._check(value))
        self._replace(values)
        return self

    def pop(self, key: Any = -1) -> Any:
        """Take one out and return it."""
        value = self[key]
        del self[key]
        return value

    def __dir__(self) -> list[str]:
        return [name for name in super().__dir__() if not name.isdigit()]


class Sequential(Indexed):
    """Modules called one after the other: `Sequential(a, b)(x) = b(a(x))`.

    Args: modules in order, or one OrderedDict (any mapping) that names them.
    """

    def __init__(self, *args: Any):
        super().__init__()
        if len(args) == 1 and isinstance(args[0], Mapping):
            named: Any = args[0].items()
        else:
            named = ((str(i), module) for i, module in enumerate(args))
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def _key(self, idx: Any) -> str:  # entries may have names of their own
        return list(self._modules)[int(super()._key(idx))]

    def _slice(self, idx: slice) -> Sequential:
        return self.__class__(OrderedDict(list(self._modules.items())[idx]))

    def __delitem__(self, idx: Any) -> None:
        names = list(self._modules)
        gone = names[idx] if isinstance(idx, slice) else [self._key(idx)]
        kept = [(name, m) for name, m in self._modules.items() if name not in gone]
        if names == [str(i) for i in range(len(names))]:  # plain numbers stay without gaps
            self._replace(m for _, m in kept)
        else:
            self.__dict__["_modules"] = dict(kept)

    def __add__(self, other: Sequential) -> Sequential:
        if not isinstance(other, Sequential):
            raise DTypeError(
                f"Sequential: + must join it with another Sequential, got {type(other).__name__}."
                " Use append for one module."
            )
        return Sequential(*self, *other)

    def __iadd__(self, other: Sequential) -> Sequential:
        return self.extend(other)

    def __mul__(self, n: int) -> Sequential:
        if not isinstance(n, int) or n <= 0:
            raise ShapeError(
                f"Sequential: can be repeated a positive whole number of times, got {n!r}. Pass an"
                " int from 1."
            )
        return Sequential(*list(self) * n)

    __rmul__ = __mul__

    def __imul__(self, n: int) -> Sequential:
        return self.extend(list(self * n)[len(self) :])


class ModuleList(Indexed):
    """A list of modules that are all registered. It has no forward: index it or loop over it."""

    def __init__(self, modules: Iterable | None = None):
        super().__init__()
        self.extend(modules if modules is not None else ())

    def __add__(self, other: Iterable) -> ModuleList:
        return ModuleList([*self, *other])

    def __iadd__(self, other: Iterable) -> ModuleList:
        return self.extend(other)

    def __repr__(self) -> str:  # equal neighbours share a line: (0-2): 3 x ReLU()
        if not len(self):
            return f"{self._get_name()}()"
        groups: list[tuple[int, int, str]] = []
        for i, module in enumerate(self):
            text = repr(module)
            if groups and groups[-1][2] == text:
                groups[-1] = (groups[-1][0], i, text)
            else:
                groups.append((i, i, text))
        lines = [
            f"({a}): {text}" if a == b else f"({a}-{b}): {b - a + 1} x {text}"
            for a, b, text in groups
        ]
        return (
            f"{self._get_name()}("
            + "".join("\n  " + line.replace("\n", "\n  ") for line in lines)
            + "\n)"
        )


class Named(Module):
    """The dict behaviour that ModuleDict and ParameterDict share."""

    _items = "_modules"

    def _table(self) -> dict[str, Any]:
        return self.__dict__[self._items]

    def __getitem__(self, key: str) -> Any:
        return self._table()[key]

    def __setitem__(self, key: str, value: Any) -> None:
        self.add_module(key, value)

    def __delitem__(self, key: str) -> None:
        del self._table()[key]

    def __len__(self) -> int:
        return len(self._table())

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __contains__(self, key: str) -> bool:
        return key in self._table()

    def keys(self) -> Any:
        return self._table().keys()

    def values(self) -> Any:
        return self._table().values()

    def items(self) -> Any:
        return self._table().items()

    def get(self, key: str, default: Any = None) -> Any:
        return self._table().get(key, default)

    def clear(self) -> None:
        """Take everything out."""
        self._table().clear()

    def pop(self, key: str) -> Any:
        """Take the entry `key` out and return it."""
        return self._table().pop(key)

    def update(self, entries: Any) -> None:
        """Add or replace entries from a mapping or an iterable of (key, value) pairs."""
        if not isinstance(entries, Iterable):
            raise DTypeError(
                f"{self._get_name()}.update: must be given a mapping or pairs, got"
                f" {type(entries).__name__}. Pass a dict."
            )
        pairs = entries.items() if isinstance(entries, (Mapping, Named)) else entries
        for key, value in pairs:
            self[key] = value


class ModuleDict(Named):
    """A dict of modules that are all registered, in the order they were added."""

    def __init__(self, modules: Any = None):
        super().__init__()
        self.update(modules if modules is not None else {})


class Parameters:
    """Storing a plain tensor in a parameter container makes a Parameter of it."""

    def _wrap(self, value: Any) -> Parameter:
        if not isinstance(value, Tensor):
            raise DTypeError(
                f"{type(self).__name__}: each entry must be a Parameter or a Tensor, got"
                f" {type(value).__name__}. Make one with tensor(...)."
            )
        return value if isinstance(value, Parameter) else Parameter(value)

    def _lines(self) -> str:
        lines = []
        for name, p in self._parameters.items():  # type: ignore[attr-defined]
            where = "" if p.device.type == "cpu" else f" ({p.device})"
            size = "x".join(str(n) for n in p.shape)
            lines.append(f"({name}): Parameter containing: [{p.dtype} of size {size}{where}]")
        return "\n".join(lines)


class ParameterList(Parameters, Indexed):
    """A list of parameters that are all registered."""

    _items = "_parameters"

    def __init__(self, values: Iterable | None = None):
        super().__init__()
        self.extend(values if values is not None else ())

    def _check(self, value: Any) -> Parameter:
        return self._wrap(value)

    def __iadd__(self, values: Iterable) -> ParameterList:
        return self.extend(values)

    def __repr__(self) -> str:
        lines = self._lines().replace("\n", "\n  ")
        return f"{self._get_name()}(" + (f"\n  {lines}\n)" if lines else ")")


class ParameterDict(Parameters, Named):
    """A dict of parameters that are all registered, in the order they were added."""

    _items = "_parameters"

    def __init__(self, parameters: Any = None):
        super().__init__()
        self.update(parameters if parameters is not None else {})

    def __setitem__(self, key: str, value: Any) -> None:
        self.register_parameter(key, self._wrap(value))

    def __repr__(self) -> str:
        lines = self._lines().replace("\n", "\n  ")
        return f"{self._get_name()}(" + (f"\n  {lines}\n)" if lines else ")")
