"""Cases: example calls of an op. Tests, docs and kernel checks run over them on every device."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np


class Sample:
    """A recipe for one input: a shape and where its values come from. Reproducible: values follow
    from seed and shape.
    """

    def __init__(
        self,
        *shape: int,
        low: float = -2.0,
        high: float = 2.0,
        kind: str = "float",
        values: Any = None,
    ):
        self.shape, self.low, self.high, self.kind, self.values = shape, low, high, kind, values

    def make(self, seed: int, dtype: str = "float64") -> np.ndarray:
        """The array: uniform in [low, high), distinct and away from ties; integers for kind "int",
        "bool" for masks.
        """
        if self.values is not None:
            array = np.array(self.values)
            return array.astype(dtype) if array.dtype.kind == "f" else array
        rng = np.random.default_rng([seed, zlib.crc32(repr(self.shape).encode())])
        size = int(np.prod(self.shape))
        if self.kind == "int":
            return rng.integers(int(self.low), int(self.high), self.shape)
        if self.kind == "bool":
            return rng.random(self.shape) < 0.5
        # stratified: no two values are close
        grid = (np.arange(size) + rng.uniform(0.25, 0.75, size)) / max(size, 1)
        return (
            (self.low + (self.high - self.low) * rng.permutation(grid))
            .reshape(self.shape)
            .astype(dtype)
        )

    def __repr__(self) -> str:
        return "x".join(map(str, self.shape)) if self.values is None else "values"


class Case:
    """One call: `args` in PyTorch's order (Arrays and plain values), `attrs` by name.

    grad=False: compare values only. second=False: first order only (a kink in the derivative, or a
    cost). `torch=False`: PyTorch has no such call. `rtol` loosens parity where algorithms differ.
    """

    def __init__(
        self,
        *args: Any,
        grad: bool = True,
        second: bool = True,
        torch: bool = True,
        rtol: float | None = None,
        **attrs: Any,
    ):
        self.args, self.attrs = tuple(Sample(*a) if isinstance(a, list) else a for a in args), attrs
        self.grad, self.second, self.torch, self.rtol = grad, second, torch, rtol

    def make(self, dtype: str = "float64", seed: int = 0) -> list:
        """The positional arguments with arrays filled in (also inside tuples of arrays)."""

        def fill(a: Any, i: int) -> Any:
            if isinstance(a, tuple) and a and all(isinstance(v, Sample) for v in a):
                return tuple(v.make(seed + 100 * i + j, dtype) for j, v in enumerate(a))
            return a.make(seed + i, dtype) if isinstance(a, Sample) else a

        return [fill(a, i) for i, a in enumerate(self.args)]

    def __repr__(self) -> str:
        return ",".join([*map(repr, self.args), *(f"{k}={v}" for k, v in self.attrs.items())])


def ints(*shape: int, low: int = 0, high: int = 3) -> Sample:
    """Integer input in [low, high)."""
    return Sample(*shape, low=low, high=high, kind="int")


def bools(*shape: int) -> Sample:
    """Boolean input."""
    return Sample(*shape, kind="bool")


def positive(*shape: int, low: float = 0.2, high: float = 2.0) -> Sample:
    """Float input away from zero."""
    return Sample(*shape, low=low, high=high)
