"""Arrays as they were at one moment: a copy where it is small, figures about it where it is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

SMALL = 4_096  # numbers that are always copied
ROOM = 1_000_000  # bytes for copies of larger arrays, all together


class Room:
    """What is left of the memory for copies of large arrays."""

    def __init__(self, size: int = ROOM):
        self.left = size

    def takes(self, array: np.ndarray) -> bool:
        """Whether there is room for a copy; if there is, it is taken."""
        if array.size <= SMALL:
            return True
        if array.nbytes > self.left:
            return False
        self.left -= array.nbytes
        return True


class Seen:
    """One array at one moment.

    `array` is a copy, or None where there was no room; `stats` then says what it looked like.
    `name` is the variable that held it, `maker` the call that returned it.
    """

    __slots__ = ("array", "dtype", "maker", "name", "shape", "stats", "__weakref__")

    def __init__(self, device: Any, array: Any, room: Room):
        host = np.asarray(device.to_host(array))
        self.shape, self.dtype = tuple(host.shape), host.dtype.name
        self.array = host.copy() if room.takes(host) else None
        self.stats = statistics(host) if self.array is None else None
        self.name = ""
        self.maker: Any = None

    def still(self, device: Any, array: Any) -> bool:
        """Whether the array holds the same bytes as then. Without a copy: as far as one knows."""
        if self.array is None:
            return True
        return self.array.tobytes() == np.asarray(device.to_host(array)).tobytes()


def statistics(array: np.ndarray) -> dict[str, float]:
    """min, max, mean and standard deviation of the finite entries, and how many are not finite."""
    if not array.size or array.dtype.kind not in "fiub":
        return {}
    wide = array.astype(np.float64)
    finite = wide[np.isfinite(wide)]
    if not finite.size:
        return {"not finite": wide.size}
    found = {
        "min": float(finite.min()),
        "max": float(finite.max()),
        "mean": float(finite.mean()),
        "std": float(finite.std()),
    }
    if finite.size < wide.size:
        found["not finite"] = wide.size - finite.size
    return found


def plain(array: np.ndarray) -> Any:
    """Nested lists for JSON: each number has the fewest digits that give it back in its dtype."""
    if array.dtype.kind == "f" and array.dtype.itemsize < 8:
        short = [number(float(str(x))) for x in array.reshape(-1)]
    else:
        short = [number(x) for x in array.reshape(-1).tolist()]
    return nested(short, array.shape)


def number(x: Any) -> Any:
    """A number as JSON has it: what is not finite becomes its name."""
    if isinstance(x, float) and not math.isfinite(x):
        return "NaN" if math.isnan(x) else "Infinity" if x > 0 else "-Infinity"
    return x


def nested(flat: list, shape: tuple) -> Any:
    """A flat list in that shape."""
    if not shape:
        return flat[0]
    size = math.prod(shape[1:])
    return [nested(flat[i * size : (i + 1) * size], shape[1:]) for i in range(shape[0])]
