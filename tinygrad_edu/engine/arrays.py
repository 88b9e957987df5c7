"""Reading anything array-like into an array, and printing arrays as PyTorch does."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from . import dtype as dtypes
from .device import quiet
from .errors import IndexOutOfRange, ShapeError


def is_tensor(value: Any) -> bool:
    """Whether value is a Tensor: it stands above this module, so it is known by what it has."""
    return hasattr(value, "array") and hasattr(value, "device")


class Capture(threading.local):
    """Per thread: whether what runs is recorded as a graph of a GPU. Then no value exists yet, and
    checks that look at values are left out.
    """

    active = False


capture = Capture()


def as_array(data: Any, dtype: Any, device: Any, copy: bool = False) -> Any:
    """Anything array-like as a raw array: Python floats take the default dtype, Python ints int64,
    arrays keep theirs.
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype).numpy
    # a raw array that is there already
    if type(data) is device.array_type and device.type != "cpu":
        return (device.xp.array if copy else device.xp.asarray)(data, dtype=wanted)
    if is_tensor(data):
        array = data.device.to_host(data.array)
    elif isinstance(data, (list, tuple)) and any(is_tensor(v) for v in flat(data)):
        array = np.array(unwrap(data))
    else:
        try:
            array = np.asarray(data)
        except ValueError as error:
            raise ShapeError(
                f"tensor: nested lists must have equal lengths, got {data!r:.80}. Pad or trim them."
            ) from error
        if (
            wanted is None
            and not isinstance(data, (np.ndarray, np.generic))
            and not hasattr(data, "__array__")
            and array.dtype == np.float64
        ):
            wanted = dtypes.get_default_dtype().numpy
        if (
            wanted is None
            and array.dtype == np.float64
            and array.size == 0
            and isinstance(data, (list, tuple))
        ):
            wanted = dtypes.get_default_dtype().numpy
    if wanted is None:
        wanted = dtypes.as_dtype(array.dtype).numpy
    made = partial(np.array, order="C") if copy else np.asarray
    return device.asarray(quiet().run(made, array, dtype=wanted))


def address(array: Any) -> int:
    """Where the first element stands: NumPy's and the emulator's arrays tell it in another way than
    CuPy's.
    """
    return array.ctypes.data if hasattr(array, "ctypes") else array.data.ptr


def overlaps(array: Any) -> bool:
    """Whether two elements may lie in the same place: stretched dims, overlapping windows."""
    if array.size < 2 or array.flags.c_contiguous:
        return False
    reach = 0
    for stride, size in sorted((abs(t), n) for t, n in zip(array.strides, array.shape) if n > 1):
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def flat(data: Any) -> Iterator:
    for v in data:
        yield from flat(v) if isinstance(v, (list, tuple)) else (v,)


def unwrap(data: Any) -> Any:
    return (
        [unwrap(v) for v in data]
        if isinstance(data, (list, tuple))
        else data.device.to_host(data.array)
        if is_tensor(data)
        else data
    )


printing: dict[str, Any] = {  # set_printoptions changes it; sci_mode None: where numbers ask for it
    "precision": 4,
    "threshold": 1000,
    "edgeitems": 3,
    "linewidth": 75,
    "sci_mode": None,
}


def printed(array: np.ndarray) -> str:
    """The values of a tensor as its repr shows them."""
    return np.array2string(
        array,
        separator=", ",
        prefix="tensor(",
        formatter=formatter(array),
        threshold=printing["threshold"],
        edgeitems=printing["edgeitems"],
        max_line_width=printing["linewidth"],
    )


def formatter(array: np.ndarray) -> Any:
    """PyTorch's way to print floats: four decimals, `1.` if all are whole, powers of ten if they
    differ too much.
    """
    if array.dtype.kind != "f":
        return None  # as NumPy does
    finite = np.abs(array[np.isfinite(array)].astype(np.float64))
    nonzero = finite[finite > 0]
    if nonzero.size == 0 or (finite == np.floor(finite)).all() and nonzero.max() < 1e8:
        return {"float": lambda v: f"{v:.0f}." if np.isfinite(v) else str(v)}
    wide = printing["sci_mode"]
    if wide is None:
        wide = nonzero.max() / nonzero.min() > 1000 or nonzero.max() >= 1e8 or nonzero.min() < 1e-4
    form = f".{printing['precision']}{'e' if wide else 'f'}"
    return {"float": lambda v: format(v, form) if np.isfinite(v) else str(v)}


def check_index(name: str, index: Any, size: int, dim: int) -> None:
    """Refuse an index array with values outside [0, size)."""
    if not index.size or capture.active:
        return
    # one pass over the index: as an unsigned number, a negative one is larger than any size
    if int(index.view(f"u{index.itemsize}").max()) >= size:
        raise IndexOutOfRange(
            f"{name}: index must be in [0, {size - 1}] along dim {dim}, got values from"
            f" {int(index.min())} to {int(index.max())}. Correct the index."
        )
