"""Which kernel belongs to which op: ladders of rungs, found by the names of their entry points.

An entry point is called `<op>_<rung>_<idea>`. A launcher of that name, in launch/, starts it:

    @kernel("softmax_3_warp", supports=lambda input, dim: dim in (-1, input.ndim - 1))
    def softmax_3_warp(fn, input, dim, dtype=None): ...

After `fn` the launcher takes exactly the arguments of its op or optimiser step (checked at import).
table.py picks the rung that runs; importing launch/ fills `ladders`.
"""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable
from typing import Any

from ..engine.device import registry
from .source import Source, kernel_file

NAME = re.compile(r"(\w+?)_(\d+)([a-z]?)_([a-z0-9_]+)$")  # op, rung, side track, idea
LARGE = 48 << 10  # bytes of shared memory above which CUDA wants to be asked

ladders: dict[str, list[Rung]] = {}  # op -> rungs, lowest first


def definition(op: str) -> Callable | None:
    """The function `(xp, ...)` that declares an op or an optimiser step; None if there is none."""
    return registry[op].forward if op in registry else None


class Rung:
    """One kernel with its launcher.

    `pinned_only`: it rounds more than the op may, and runs only where `use_kernel` pins it.
    `least`: elements of the first input from which on it is worth while.
    """

    least = 0

    def __init__(
        self,
        name: str,
        launcher: Callable,
        supports: Callable | None,
        source: Any = None,
        pinned_only: bool = False,
    ):
        match = NAME.match(name)
        if match is None:
            raise TypeError(
                f"kernel: the name must be <op>_<rung>_<idea>, got {name!r}. Rename it."
            )
        if launcher.__name__ != name:
            raise TypeError(
                f"kernel: the launcher must be called {name!r}, got {launcher.__name__!r}."
                " Rename one of them."
            )
        self.name, self.launcher, self.pinned_only = name, launcher, pinned_only
        self.op, self.number, self.track, self.idea = match[1], int(match[2]), match[3], match[4]
        self.label = f"{self.number}{self.track}"  # what `use_kernel` calls it
        self.source: Any = source or kernel_file(self.op, name)
        self.parameters = list(inspect.signature(launcher).parameters.values())[1:]
        self.supports = supports
        self.wants = [] if supports is None else list(inspect.signature(supports).parameters)
        if definition(self.op) is not None:
            self.check()

    def check(self) -> None:
        """Refuse a launcher whose arguments are not the op's.

        Optimiser steps are declared above this layer, so the table checks theirs at first use.
        """
        declared = definition(self.op)
        if declared is None:
            raise TypeError(
                f"kernel: {self.name!r} must start with the name of an op, got {self.op!r}."
                " Rename it."
            )
        theirs = list(inspect.signature(declared).parameters.values())[1:]
        if signature(self.parameters) != signature(theirs):
            raise TypeError(
                f"kernel: the launcher of {self.name} must take the op's arguments after fn,"
                f" {', '.join(map(str, theirs))}, got {', '.join(map(str, self.parameters))}."
                " Change it."
            )

    def fits(self, arguments: dict[str, Any]) -> bool:
        """Whether the kernel takes these arguments of its op."""
        return self.supports is None or bool(self.supports(*(arguments[w] for w in self.wants)))


def signature(parameters: list[inspect.Parameter]) -> list[tuple]:
    """What must agree between an op and its launchers."""
    return [(p.name, p.kind, p.default) for p in parameters]


def kernel(
    name: str,
    supports: Callable | None = None,
    source: Source | None = None,
    pinned_only: bool = False,
) -> Callable:
    """Declare the launcher of an entry point.

    Args: supports: takes any of the op's arguments by name and tells whether the kernel takes them
          source: where the entry point stands, if not in kernels/
          pinned_only: the ladder passes this rung by; only `use_kernel` runs it
    """

    def add(launcher: Callable) -> Callable:
        add_rung(ladders, Rung(name, launcher, supports, source, pinned_only))
        return launcher

    return add


def add_rung(ladders: dict[str, list[Rung]], rung: Rung) -> None:
    """Put a rung into its op's ladder."""
    ladder = ladders.setdefault(rung.op, [])
    if any(other.label == rung.label for other in ladder):
        raise TypeError(
            f"kernel: rung {rung.label} of {rung.op} is declared twice. Give {rung.name!r} another"
            " number."
        )
    ladder.append(rung)
    ladder.sort(key=lambda r: (r.number, r.track))


class Handle:
    """What a launcher gets as `fn`: call it to launch; it also makes arrays on the device."""

    def __init__(self, device: Any, rung: Rung):
        self.device, self.rung = device, rung
        self.entries: dict[str | None, Any] = {}  # what the device made of each entry point

    def __call__(
        self, grid: tuple, block: tuple, args: tuple, shared: int = 0, entry: str | None = None
    ) -> None:
        """Launch `grid` x `block` threads. A grid without blocks launches nothing.

        `entry` names another kernel of the op's files: a step before or after this one.
        """
        if entry not in self.entries:
            self.entries[entry] = self.device.kernel(self.source_of(entry), entry or self.rung.name)
        if shared > LARGE:
            self.entries[entry].large_shared = True
        if math.prod(grid):
            self.entries[entry](grid, block, args, shared)

    def source_of(self, entry: str | None) -> Source:
        """Where an entry point stands: beside the rung's own, or in another file of the op."""
        if entry is None or entry in self.rung.source.entries:
            return self.rung.source
        return kernel_file(self.rung.op, entry)

    def empty(self, shape: tuple, like: Any) -> Any:
        """A new array, not yet written, of the dtype `like` or of the array `like`."""
        return self.device.empty(shape, getattr(like, "dtype", like))

    def using(self, source: Source) -> Handle:
        """The entry point of the same name in another source (generated for other attributes)."""
        other = Handle(self.device, self.rung)
        other.entries[None] = self.device.kernel(source, self.rung.name)
        return other

    def contiguous(self, x: Any) -> Any:
        """x in row-major order, copied only if it must be."""
        return x if x.flags.c_contiguous else self.device.F.clone_contiguous(x)
