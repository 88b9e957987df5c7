"""Names that ops answer to besides their own: NumPy's argument names, `out`, Python's operators."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from .errors import DTypeError, unknown_name
from .into import into
from .tensor import Tensor

REQUIRED = type("REQUIRED", (), {"__repr__": lambda self: "REQUIRED"})()  # has no default
RENAMED = {"axis": "dim", "keepdims": "keepdim"}  # NumPy's names, which PyTorch accepts too
OPERATORS = {  # symbol -> method, reflected method, in-place method
    "+": ("__add__", "__radd__", "__iadd__"),
    "-": ("__sub__", "__rsub__", "__isub__"),
    "*": ("__mul__", "__rmul__", "__imul__"),
    "/": ("__truediv__", "__rtruediv__", "__itruediv__"),
    "//": ("__floordiv__", "__rfloordiv__", "__ifloordiv__"),
    "%": ("__mod__", "__rmod__", "__imod__"),
    "**": ("__pow__", "__rpow__", "__ipow__"),
    "@": ("__matmul__", "__rmatmul__", None),
    "&": ("__and__", "__rand__", "__iand__"),
    "|": ("__or__", "__ror__", "__ior__"),
    "^": ("__xor__", "__rxor__", "__ixor__"),
    "<<": ("__lshift__", "__rlshift__", "__ilshift__"),
    ">>": ("__rshift__", "__rrshift__", "__irshift__"),
    "==": ("__eq__", None, None),
    "!=": ("__ne__", None, None),
    "<": ("__lt__", None, None),
    "<=": ("__le__", None, None),
    ">": ("__gt__", None, None),
    ">=": ("__ge__", None, None),
    "neg": ("__neg__", None, None),
    "abs": ("__abs__", None, None),
    "~": ("__invert__", None, None),
    "[]": ("__getitem__", None, None),
    "pos": ("__pos__", None, None),
}


def respelled(op: Any, given: dict, unknown: dict) -> Any:
    """A call with `out=`, other names (axis, keepdims), a misspelt name, a missing argument."""
    out = unknown.pop("out", None)
    if out is not None:
        again = partial(respelled, op, given, unknown)
        return into(op.name, out, again, (*given.values(), *unknown.values()))
    renamed = {op.renamed.get(name, name): value for name, value in unknown.items()}
    check_names(op, renamed)
    given |= renamed
    for name, value in given.items():
        if value is REQUIRED:
            raise missing(op, name, "nothing")
    return op.function(**given)


def missing(op: Any, name: str, got: str) -> DTypeError:
    """The error for an argument that was not given."""
    return DTypeError(
        f"{op.name}: needs the argument {name!r}, got {got}. Its arguments are"
        f" {', '.join(op.order)}."
    )


def check_names(op: Any, given: dict) -> None:
    """Refuse an argument that the op does not have."""
    for name in given.keys() - {*op.order}:
        raise unknown_name(op.name, name, op.order)


def install_operator(symbol: str, function: Callable, inplace: Callable | None) -> None:
    """Python's operator methods: straight, reflected, augmented."""
    straight, reflected, augmented = OPERATORS[symbol]
    if symbol in ("==", "!="):

        def compare(a: Any, b: Any) -> Any:
            return NotImplemented if b is None or isinstance(b, str) else function(a, b)

        setattr(Tensor, straight, compare)
        return
    setattr(Tensor, straight, function)
    if reflected:
        commutes = symbol in "+*&|^"
        setattr(Tensor, reflected, function if commutes else lambda a, b: function(b, a))
    if augmented and inplace:
        setattr(Tensor, augmented, inplace)
