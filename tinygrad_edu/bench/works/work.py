"""How an op's kernels are measured: `work("softmax", make, full, quick, ...)` declares it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.device import registry
from ...engine.errors import KernelError, ShapeError

Sizes = list[tuple[int, ...]]
ROWS: Sizes = [(16384, 8192), (131072, 1024)]
SMALL_ROWS: Sizes = [(64, 256), (37, 301), (5, 2048)]
FLAT: Sizes = [(2**28,)]
SMALL_FLAT: Sizes = [(20_000,)]
CPU_ROWS: Sizes = [(1024, 1024)]
CPU_FLAT: Sizes = [(2**20,)]


class Work:
    """Arguments for one op, made from a shape.

    Args: make(rng, *shape): gives host arrays and plain values
          full, quick: shapes for a GPU; small ones for the emulator and tests
          flops(*shape): what the mathematics needs
          attrs: the op's attributes
          torch(torch, *arguments, **attrs): PyTorch's counterpart
          tolerance(*shape): how far float32 may be from float64, relative and absolute
          view(array): what is done on the device first
          coarse(*shape): the tolerance of a rung that rounds more than the op does
          changes: the arguments that an optimiser step writes to; these are its results
          cpu: shapes for a CPU, as layers of a small network have them (default: quick)
    """

    def __init__(
        self,
        make: Callable,
        full: Sizes,
        quick: Sizes,
        flops: Callable = lambda *shape: 0,
        attrs: dict | None = None,
        torch: Callable | None = None,
        tolerance: Callable = lambda *shape: 2e-5,
        view: Callable | None = None,
        coarse: Callable = lambda *shape: 0.05,
        changes: tuple[str, ...] = (),
        cpu: Sizes | None = None,
    ):
        self.make, self.full, self.quick, self.flops = make, full, quick, flops
        self.attrs, self.torch, self.tolerance = attrs or {}, torch, tolerance
        self.view, self.coarse, self.changes = view, coarse, changes
        self.cpu = cpu or quick


works: dict[str, Work] = {}  # by op, filled by `work`


def work(op: str, *args: Any, **more: Any) -> None:
    """Declare what the kernels of an op are measured on. The arguments are those of Work."""
    if op in works:
        raise TypeError(f"work: {op!r} is declared twice. Remove one declaration.")
    works[op] = Work(*args, **more)


def normal(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Random numbers. Zeros would draw less power and run unrealistically fast."""
    return rng.standard_normal(shape, dtype=np.float32)


def one(rng: np.random.Generator, *shape: int) -> tuple:
    """One array of that shape."""
    return (normal(rng, *shape),)


def per_element(n: float) -> Callable:
    """n FLOPs for each element."""
    return lambda *shape: n * math.prod(shape)


def size(value: Any) -> int:
    """How many numbers the arguments of a call hold."""
    if isinstance(value, (tuple, list)):
        return sum(map(size, value))
    return value.size if isinstance(value, np.ndarray) else 0


def works_of(op: str) -> Work:
    """The work of an op. An op without one is measured on its largest case, whose number is then
    the shape.
    """
    if op in works:
        return works[op]
    cases = getattr(registry.get(op), "cases", [])  # a step of an optimiser has none
    if not cases:
        raise KernelError(
            f"bench: {op} must have cases or a `work` in tinygrad_edu/bench/works/, got neither."
            " Add one."
        )
    best = max(range(len(cases)), key=lambda i: size(cases[i].make("float32")))
    return Work(
        lambda rng, i: tuple(cases[i].make("float32")),
        [(best,)],
        [(best,)],
        attrs=cases[best].attrs,
        tolerance=lambda *s: 2e-4,
    )


def parse_shape(op: str, text: str) -> tuple[int, ...]:
    """`16384x8192`, or `16384,8192`, as sizes."""
    try:
        shape = tuple(int(n) for n in text.replace(",", "x").split("x"))
    except ValueError:
        shape = ()
    wanted = works_of(op)
    lengths = {len(s) for s in (*wanted.full, *wanted.quick, *wanted.cpu)}
    fits = wanted.make is one or len(shape) in lengths
    if not shape or any(n < 1 for n in shape) or not fits:
        raise ShapeError(
            f"bench: --shape of {op} must look like {'x'.join(map(str, wanted.full[0]))}, got"
            f" {text!r}. Write sizes with x between them."
        )
    return shape
