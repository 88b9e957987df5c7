"""dtypes with PyTorch's names, and PyTorch's rules for mixing them.

Source of the rules: PyTorch documentation, "Tensor Attributes", type promotion. Three classes of
operand are ranked: tensors with dimensions, then 0-d tensors, then Python numbers. A lower class
changes the result's dtype only if its category (bool < integer < floating) is higher, and then only
to the default dtype of that category.
"""

from __future__ import annotations

import numpy as np

from .errors import DTypeError


class dtype:
    """Kind and width of a tensor's elements: `name`, the NumPy dtype in `numpy`,
    `is_floating_point`, `itemsize`.
    """

    namespace = "tinygrad_edu"  # how it is printed; "torch" while `import torch` gives this engine

    def __init__(self, name: str, torch_class: str):
        try:
            self.name, self.numpy, self.torch_class = name, np.dtype(name), torch_class
        except (TypeError, ValueError) as error:
            raise DTypeError(
                f"dtype: all kinds are there already, got {name!r:.80}. Use float32, int64 ..."
            ) from error
        self.is_floating_point, self.is_complex = self.numpy.kind == "f", False
        self.is_signed, self.itemsize = self.numpy.kind in "fi", self.numpy.itemsize

    def __repr__(self) -> str:
        return f"{self.namespace}.{self.name}"

    def __reduce__(self) -> str:
        return self.name if self.name != "bool" else "bool_"

    def to_complex(self) -> None:
        raise DTypeError(
            f"dtype: complex numbers are not supported, got {self}. Keep real and imaginary parts"
            " in two tensors."
        )


float16, float32, float64 = (
    dtype("float16", "Half"),
    dtype("float32", "Float"),
    dtype("float64", "Double"),
)
uint8, int8, int16 = dtype("uint8", "Byte"), dtype("int8", "Char"), dtype("int16", "Short")
int32, int64, bool_ = dtype("int32", "Int"), dtype("int64", "Long"), dtype("bool", "Bool")
half, float_, double, short, int_, long = float16, float32, float64, int16, int32, int64
ALL = (float16, float32, float64, uint8, int8, int16, int32, int64, bool_)
of_numpy: dict[np.dtype, dtype] = {d.numpy: d for d in ALL}
CATEGORY = {"b": 0, "u": 1, "i": 1, "f": 2}
# what a Python number becomes as a tensor (float: the default dtype)
PYTHON = {bool: bool_, int: int64, float: float32}


def as_dtype(value: object) -> dtype:
    """`value` (a dtype, a NumPy dtype, a Python type, a name) as one of ours."""
    if isinstance(value, dtype):
        return value
    if isinstance(value, type) and value in PYTHON:
        return PYTHON[value]
    try:
        return of_numpy[np.dtype(value).newbyteorder("=")]  # type: ignore[call-overload]
    except (TypeError, KeyError, ValueError, AttributeError):
        names = ", ".join(d.name for d in ALL)
        raise DTypeError(
            f"dtype: must be one of {names}, got {value!r:.80}. Convert the data first."
        ) from None


def get_default_dtype() -> dtype:
    """The dtype of new floating-point tensors: float32 unless `set_default_dtype` changed it."""
    return PYTHON[float]


def set_default_dtype(d: dtype) -> None:
    """Make `d` (a floating-point dtype) the dtype of new floating-point tensors."""
    if not as_dtype(d).is_floating_point:
        raise DTypeError(
            f"set_default_dtype: must be a floating-point dtype, got {d!r}. Use float32 or float64."
        )
    PYTHON[float] = as_dtype(d)


def check_float(name: str, x: object, role: str = "input") -> None:
    """Refuse a raw array or Tensor that is not floating-point."""
    d = x.dtype  # type: ignore[attr-defined]
    if getattr(d, "numpy", d).kind != "f":
        raise DTypeError(
            f"{name}: {role} must be a floating-point tensor, got {getattr(d, 'name', d)}. Convert"
            " it with .float()."
        )


def check_number(name: str, x: object, role: str = "input") -> None:
    """Refuse a raw array or Tensor of booleans."""
    d = x.dtype  # type: ignore[attr-defined]
    if getattr(d, "numpy", d).kind == "b":
        raise DTypeError(f"{name}: {role} must hold numbers, got bool. Convert it with .float().")


def promote_types(a: dtype, b: dtype) -> dtype:
    """The dtype two tensors of dtype `a` and `b` meet in: floating wins over integer, then the
    wider one.
    """
    if a is b:
        return a
    a, b = as_dtype(a), as_dtype(b)
    ka, kb = CATEGORY[a.numpy.kind], CATEGORY[b.numpy.kind]
    if ka != kb:  # unlike NumPy, int64 with float32 stays float32
        return a if ka > kb else b
    return of_numpy[np.promote_types(a.numpy, b.numpy)]


def result_dtype(operands: list) -> np.dtype:
    """NumPy dtype of an elementwise result.

    `operands`: (NumPy dtype, ndim) for a tensor, a Python number for itself.
    """
    best: list[dtype | None] = [None, None, None]  # tensors with dims, 0-d tensors, Python numbers
    for value in operands:
        if isinstance(value, tuple):
            rank, d = (0 if value[1] else 1), of_numpy[value[0]]
        else:
            rank, d = 2, PYTHON[type(value)]
        known = best[rank]
        best[rank] = d if known is None else promote_types(known, d)
    found = [d for d in best if d is not None]
    return max(found, key=lambda d: CATEGORY[d.numpy.kind]).numpy  # of equals the first
