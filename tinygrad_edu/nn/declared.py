"""Layers that are one function with settings: the settings are the class's annotations, as in a
dataclass.
"""

from __future__ import annotations

import inspect
from typing import Any, ClassVar, dataclass_transform

from ..engine.errors import DTypeError, unknown_name
from ..engine.tensor import Tensor
from . import functional as F
from .module import Module


@dataclass_transform(eq_default=False)
class Declared(Module):
    """A module around `F.<function>`.

        class LeakyReLU(Declared):
            function = "leaky_relu"
            negative_slope: float = 0.01
            inplace: bool = False

    makes `LeakyReLU(negative_slope=0.01, inplace=False)`, whose call is `F.leaky_relu(input,
    negative_slope=…, inplace=…)` with the values its attributes have then. A tensor among the
    settings becomes a buffer.
    """

    function: ClassVar[str]
    _fields: ClassVar[tuple[str, ...]] = ()
    _signature: ClassVar[inspect.Signature]

    def __init_subclass__(cls, **kwargs: Any):
        super().__init_subclass__(**kwargs)
        if "__init__" in vars(cls):  # a subclass with an __init__ of its own declares no settings
            own_init = inspect.signature(cls.__init__)
            cls.__signature__ = own_init.replace(parameters=list(own_init.parameters.values())[1:])  # type: ignore[attr-defined]
            return
        own = [
            name
            for name, kind in inspect.get_annotations(cls).items()
            if "ClassVar" not in str(kind)
        ]
        cls._fields = (*cls._fields, *(name for name in own if name not in cls._fields))
        slots = [
            inspect.Parameter(
                name,
                inspect.Parameter.POSITIONAL_OR_KEYWORD,
                default=getattr(cls, name, inspect.Parameter.empty),
            )
            for name in cls._fields
        ]
        cls._signature = cls.__signature__ = inspect.Signature(slots)  # type: ignore[attr-defined]

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__()
        signature: inspect.Signature = self._signature
        for name in kwargs:
            if name not in self._fields:
                raise unknown_name(self._get_name(), name, self._fields)
        try:
            settings = signature.bind(*args, **kwargs)
        except TypeError as error:
            raise DTypeError(
                f"{self._get_name()}: the settings must be {signature}, got a call with another"
                f" form ({error}). Check their names."
            ) from None
        settings.apply_defaults()
        for name, value in settings.arguments.items():
            if isinstance(value, Tensor) or (value is None and name in ("weight", "pos_weight")):
                # not register_buffer: the class has a default of that name
                self._buffers[name] = value
            else:
                setattr(self, name, value)
        self.__post_init__()

    def __post_init__(self) -> None:
        """For subclasses: adjust settings once they are there."""

    def settings(self) -> dict[str, Any]:
        """The current settings by name."""
        return {
            name: self._buffers[name] if name in self._buffers else getattr(self, name)
            for name in self._fields
        }

    def forward(self, *inputs: Any) -> Any:
        return getattr(F, self.function)(*inputs, **self.settings())

    def extra_repr(self) -> str:
        return ", ".join(
            f"{name}={value!r}"
            for name, value in self.settings().items()
            if name != "inplace" or value
        )
