"""The array module `xp` of the device `cuda`: CuPy, with what ops use beyond it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np


class Philox:
    """NumPy's counter-based generator; its words are copied to the GPU."""

    def __init__(self, cupy: Any, key: int):
        self.cupy, self.words = cupy, np.random.Philox(key=key)

    def random_raw(self, size: int) -> Any:
        return self.cupy.asarray(self.words.random_raw(size))


class Random:
    """`xp.random`: CuPy's, with the one generator it does not have."""

    def __init__(self, cupy: Any):
        self.cupy = cupy

    def Philox(self, key: int) -> Philox:
        return Philox(self.cupy, key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.cupy.random, name)


class OnItsGpu:
    """A function, called on the GPU that `activate` chooses."""

    def __init__(self, activate: Callable, function: Callable):
        self.activate, self.function = activate, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.activate()
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)  # xp.add.at


# on 0-d arrays CuPy refuses the dim 0 or -1 that NumPy takes
REDUCTIONS = frozenset(
    "sum mean amax amin argmax argmin prod all any var std count_nonzero nansum flip".split()
)
UFUNCS = frozenset(("add", "multiply", "maximum", "minimum", "logaddexp"))
# atomic operations exist for wider types only
WIDER = dict.fromkeys(("bool", "int8", "int16", "uint8"), "int32") | {"float16": "float32"}


class Reduction:
    """A reduction of CuPy that takes the dim 0 or -1 of a 0-d array, as NumPy's does."""

    def __init__(self, function: Callable):
        self.function = function

    def __call__(self, x: Any, axis: Any = None, *args: Any, **kwargs: Any) -> Any:
        if axis is None or x.ndim:
            return self.function(x, axis, *args, **kwargs)
        return self.function(x.reshape(1), 0, *args, **kwargs).reshape(())

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)


class Ufunc:
    """A ufunc of CuPy with the methods `accumulate` and `at` for every dtype."""

    def __init__(self, cupy: Any, name: str, function: Any):
        self.cupy, self.name, self.function = cupy, name, function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.function, name)

    def accumulate(self, x: Any, axis: int = 0) -> Any:
        """Running results in log2 n steps: a step of width w makes each element stand for the 2w
        elements that end with it.
        """
        out = self.cupy.moveaxis(self.cupy.array(x), axis, -1)
        width = 1
        while width < out.shape[-1]:
            out[..., width:] = self.function(out[..., :-width], out[..., width:])
            width *= 2
        return self.cupy.moveaxis(out, -1, axis)

    def at(self, x: Any, index: Any, value: Any) -> None:
        """x[index] <- f(x[index], value), where an index may come several times."""
        if self.name == "multiply":
            multiply_at(self.cupy, x, index, value)
            return
        wide = WIDER.get(x.dtype.name)
        if wide is None:
            self.function.at(x, index, value)
            return
        work = x.astype(wide)
        value = value.astype(wide) if hasattr(value, "astype") else value
        self.function.at(work, index, value)
        x[...] = work.astype(x.dtype)


def multiply_at(cupy: Any, x: Any, index: Any, value: Any) -> None:
    """x[index] *= value, where an index may come several times: values are sorted by place, a
    segmented scan multiplies those of one place, and the last of each place is used.
    """
    places = cupy.arange(x.size).reshape(x.shape)[index]
    values = cupy.broadcast_to(cupy.asarray(value, dtype=x.dtype), places.shape).reshape(-1)
    places = places.reshape(-1)
    if not places.size:
        return
    order = cupy.argsort(places)
    places, values = places[order], values[order]
    width = 1
    while width < places.size:
        same = places[:-width] == places[width:]
        joined = cupy.where(same, values[:-width] * values[width:], values[width:])
        values[width:] = joined
        width *= 2
    # what is not the last of its place goes to one more element, which is dropped
    spare = cupy.where(places[:-1] == places[1:], x.size, places[:-1])
    factors = cupy.ones(x.size + 1, dtype=x.dtype)
    factors[cupy.concatenate([spare, places[-1:]])] = values
    x *= factors[:-1].reshape(x.shape)


class Module:
    """`xp`: CuPy, with what ops use beyond it.

    `activate`: called before each function, where there are several GPUs.
    """

    def __init__(self, cupy: Any, activate: Callable | None = None):
        self.cupy, self.random, self.activate = cupy, Random(cupy), activate

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.cupy, name)
        if name in REDUCTIONS:
            value = Reduction(value)
        elif name in UFUNCS:
            value = Ufunc(self.cupy, name, value)
        if self.activate is not None and callable(value) and not isinstance(value, type):
            value = OnItsGpu(self.activate, value)
        self.__dict__[name] = value  # found once
        return value

    @staticmethod
    def errstate(**_: Any) -> Any:
        """A GPU warns of nothing."""
        return nullcontext()

    def indices(self, dimensions: tuple, dtype: Any = int, sparse: bool = False) -> Any:
        """NumPy's; CuPy's knows no `sparse`, which leaves out what broadcasting repeats."""
        if not sparse:
            return self.cupy.indices(dimensions, dtype)
        return tuple(
            self.arange(n, dtype=dtype).reshape(
                [n if k == i else 1 for k in range(len(dimensions))]
            )
            for i, n in enumerate(dimensions)
        )
