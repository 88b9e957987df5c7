"""The hook of Python's import behind `install_as_torch`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from ..engine.dtype import dtype
from ..engine.errors import TinygradEduError
from ..left_out import advice
from .table import ALIASES, MOVED, VERSIONS, real_name


class CompatError(TinygradEduError, ImportError):
    """PyTorch itself is imported already, so its names cannot be taken."""


class Renamed(ModuleType):
    """`torch`, `torchvision` or `torch.nn.modules`: a module of this engine under another name,
    with attributes of its own beside those of the module.
    """

    def __init__(self, name: str, module: ModuleType):
        super().__init__(name, module.__doc__)
        self.__dict__.update(__path__=[], __wrapped__=module)
        if name in VERSIONS:
            self.__version__ = VERSIONS[name]

    def __getattr__(self, name: str) -> Any:
        if name == "__all__":
            return [n for n in dir(self.__wrapped__) if not n.startswith("_")]
        path = f"{self.__name__}.{name}"
        if path in ALIASES:
            return import_module(ALIASES[path])
        return getattr(self.__wrapped__, name)

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *dir(self.__wrapped__)})


class Alias(Loader):
    """Puts a module that exists in the place of a new one."""

    def __init__(self, module: ModuleType):
        self.module = module

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        name = module.__spec__.name  # type: ignore[union-attr]
        sys.modules[name] = self.module
        if name in VERSIONS:
            self.module.__spec__ = module.__spec__
            set_attributes(name)


class Finder(MetaPathFinder):
    """Finds PyTorch's modules in this engine."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        real = real_name(name)
        if real is None:
            return None
        try:
            module = import_module(real)
        except ModuleNotFoundError as error:
            if error.name is None or not (real + ".").startswith(error.name + "."):
                raise  # something that the module itself needs
            raise ModuleNotFoundError(unknown(name), name=name) from None
        if name in RENAMED:
            module = nn_modules() if name not in VERSIONS else Renamed(name, module)
        return ModuleSpec(name, Alias(module), is_package=True)


finder = Finder()
RENAMED = (*VERSIONS, "torch.nn.modules")
# (module, attribute, what it was): set for PyTorch's module paths
set_here: list[tuple[ModuleType, str, Any]] = []


def nn_modules() -> ModuleType:
    """`torch.nn.modules`, one object."""
    from .. import nn

    if not isinstance(nn.modules, Renamed):
        put(nn, "modules", Renamed("torch.nn.modules", nn))
    return nn.modules


def unknown(name: str) -> str:
    """What to say about a module of PyTorch's that is not here."""
    said = advice(name.rpartition(".")[2])
    return f"No module named {name!r} in tinygrad_edu, which stands for PyTorch here. {said}"


def set_attributes(root: str) -> None:
    """Make the table's module paths readable as attributes: `utils.data.dataloader`."""
    if root == "torch":
        nn_modules()
    for name, real in {**ALIASES, **MOVED}.items():
        parent, _, last = name.rpartition(".")
        if name.split(".")[0] == root and parent and not name.startswith(RENAMED[-1]):
            module = import_module(real)
            home = import_module(real_name(parent) or parent)
            if last not in vars(home):
                put(home, last, getattr(module, last) if name in MOVED else module)


def put(home: ModuleType, name: str, value: Any) -> None:
    """Set an attribute, to be taken back by `uninstall`."""
    set_here.append((home, name, vars(home).get(name)))
    setattr(home, name, value)


def ours(name: str) -> bool:
    """Whether a module name is one of PyTorch's."""
    return name.split(".")[0] in VERSIONS


def is_installed() -> bool:
    """Whether `import torch` gives this engine."""
    return finder in sys.meta_path


def install_as_torch() -> None:
    """Let `import torch` and `import torchvision` give this engine in this process.

    Dtypes and sizes are then printed as PyTorch prints them.

    Raises: CompatError if PyTorch itself is imported: half of a program would use the one and half
        the other.
    """
    if is_installed():
        return
    there = sorted(filter(ours, sys.modules))
    if there:
        raise CompatError(
            f"install_as_torch: PyTorch must not be imported yet, got {there[0]!r} in sys.modules."
            " Call it first, or start another process with `tinygrad-edu run`."
        )
    sys.meta_path.insert(0, finder)
    dtype.namespace = "torch"


def uninstall() -> None:
    """Take it back: `import torch` finds PyTorch again, if it is installed.

    Modules that a program holds already stay what they are.
    """
    if not is_installed():
        return
    sys.meta_path.remove(finder)
    dtype.namespace = "tinygrad_edu"
    for name in list(filter(ours, sys.modules)):
        del sys.modules[name]
    while set_here:
        home, name, before = set_here.pop()
        if before is None:
            delattr(home, name)
        else:
            setattr(home, name, before)
