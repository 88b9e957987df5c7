"""Which kernel runs for which op: ladders of rungs, found by the names of their entry points.

An entry point is called `<op>_<rung>_<idea>`; a launcher of that name, in launch/, says how it is
started:

    @kernel("softmax_3_warp", supports=lambda x, dim: dim in (-1, x.ndim - 1))
    def softmax_3_warp(fn, x, /, dim, dtype=None): ...

Its signature after `fn` is the op's, or the update's (checked at import). The slot of a device's
table picks the highest rung whose `supports` holds, else the generic forward. `with
use_kernel(softmax=1):` pins a rung; 0 is the generic forward.
"""

from __future__ import annotations

import inspect
import math
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from typing import Any

from ..engine.device import Device, Table, registry
from ..engine.errors import KernelError
from ..engine.updates import updates
from .source import Source, kernel_file

NAME = re.compile(r"(\w+?)_(\d+)([a-z]?)_([a-z0-9_]+)$")  # op, rung, side track, idea


class Rung:
    """One kernel with its launcher."""

    def __init__(
        self,
        name: str,
        launcher: Callable,
        supports: Callable | None,
        source: Source | None,
        pinned_only: bool = False,
    ):
        match = NAME.match(name)
        if match is None:
            raise TypeError(
                f"kernel: the name must be <op>_<rung>_<idea>, got {name!r}. Rename it."
            )
        self.name, self.launcher, self.source, self.pinned_only = (
            name,
            launcher,
            source or kernel_file(match[1], name),
            pinned_only,
        )
        self.op, self.number, self.track, self.idea = match[1], int(match[2]), match[3], match[4]
        if launcher.__name__ != name:
            raise TypeError(
                f"kernel: {name!r} must be the name of its launcher, got the launcher"
                f" {launcher.__name__!r}. Rename one of them."
            )
        self.signature = inspect.signature(launcher)
        if self.op in registry or self.op in updates:
            self.check()
        self.supports, self.wants = (
            supports,
            ([] if supports is None else list(inspect.signature(supports).parameters)),
        )

    def check(self) -> None:
        """Refuse a launcher whose arguments are not the op's.

        Optimiser steps are declared above this layer: theirs is checked when they first run.
        """
        if self.op not in registry and self.op not in updates:
            raise TypeError(
                f"kernel: {self.name!r} must start with the name of an op, got {self.op!r}."
                " Rename it."
            )
        theirs = list(
            inspect.signature(
                registry[self.op].forward if self.op in registry else updates[self.op]
            ).parameters.values()
        )[1:]
        mine = list(self.signature.parameters.values())[1:]
        if [(p.name, p.kind, p.default) for p in mine] != [
            (p.name, p.kind, p.default) for p in theirs
        ]:
            raise TypeError(
                f"kernel: {self.name}'s launcher must take the op's arguments after fn,"
                f" {', '.join(map(str, theirs))}, got {', '.join(map(str, mine))}. Change it."
            )

    def fits(self, arguments: dict[str, Any]) -> bool:
        return self.supports is None or bool(self.supports(*(arguments[w] for w in self.wants)))


ladders: dict[str, list[Rung]] = {}  # op -> rungs, lowest first


def kernel(
    name: str,
    supports: Callable | None = None,
    source: Source | None = None,
    pinned_only: bool = False,
) -> Callable:
    """Declare the launcher of an entry point. `supports` names any of the op's arguments and tells
    whether the kernel takes them.

    pinned_only=True: runs for `use_kernel` alone, as what rounds more than the op may; the ladder
    passes it by.
    """

    def add(launcher: Callable) -> Callable:
        rung = Rung(name, launcher, supports, source, pinned_only)
        ladder = ladders.setdefault(rung.op, [])
        if any((r.number, r.track) == (rung.number, rung.track) for r in ladder):
            raise TypeError(
                f"kernel: rung {rung.number}{rung.track} of {rung.op} is declared twice. Give"
                f" {name!r} another number."
            )
        ladder.append(rung)
        ladder.sort(key=lambda r: (r.number, r.track))
        return launcher

    return add


class Pins(threading.local):
    """Per thread: rungs that `use_kernel` asked for."""

    def __init__(self) -> None:
        self.rungs: dict[str, int | str] = {}


pins = Pins()


@contextmanager
def use_kernel(**rungs: int | str) -> Iterator[None]:
    """Pin the rung of each op's ladder: `use_kernel(softmax=1)`, `use_kernel(sum="2a")`; 0 means
    the generic forward.

    Raises: KernelError if there is no such op or rung; and, when the op runs, if the rung does not
            take the arguments
    """
    load_ladders()
    for op, rung in rungs.items():
        known = [f"{r.number}{r.track}" for r in ladders.get(op, ())]
        if str(rung) not in ("0", *known):
            offers = (
                f"the rungs of {op}: 0, {', '.join(known)}"
                if known
                else f"an op with kernels: {', '.join(sorted(ladders))}"
            )
            raise KernelError(
                f"use_kernel: must name {offers}, got {op}={rung!r}. Choose one of them."
            )
    before = pins.rungs
    pins.rungs = {**before, **rungs}
    try:
        yield
    finally:
        pins.rungs = before


def load_ladders() -> None:
    """Fill `ladders`.

    The launchers stand above this layer, so they are imported by name, as devices are.
    """
    import_module("tinygrad_edu.devices.launch")


class KernelTable(Table):
    """The table of a device that runs kernels."""

    def in_place(self, name: str) -> Callable:
        """The kernels of an update (base/updates.py), else its function over arrays."""
        key = f"_in_place_{name}"
        if key not in self.__dict__:
            load_ladders()
            generic = partial(updates[name], self._device.xp)
            setattr(self, key, choose(name, self._device, generic) if name in ladders else generic)
        return self.__dict__[key]

    def __getattr__(self, name: str) -> Callable:
        generic = super().__getattr__(name)
        load_ladders()
        op = name.removesuffix("_full") if name not in ladders else name
        if op in ladders and name == (op + "_full" if registry[op].residuals else op):
            slot = choose(op, self._device, generic)
            setattr(self, name, slot)
            return slot
        return generic


def choose(op: str, device: Device, generic: Callable) -> Callable:
    """The table slot of an op with a ladder."""
    ladder, handles = ladders[op], {}
    for rung in ladder:
        rung.check()
    signature = ladder[0].signature

    def slot(*args: Any, **attrs: Any) -> Any:
        pinned = str(pins.rungs[op]) if op in pins.rungs else None
        if pinned == "0":
            return generic(*args, **attrs)
        bound = signature.bind(None, *args, **attrs)
        bound.apply_defaults()
        for rung in reversed(ladder):
            if rung.pinned_only if pinned is None else pinned != f"{rung.number}{rung.track}":
                continue
            if rung.fits(bound.arguments):
                if rung.name not in handles:
                    handles[rung.name] = Handle(device, rung)
                return rung.launcher(handles[rung.name], *args, **attrs)
            if pinned is not None:
                given = ", ".join(
                    f"{k}: {v.dtype} {tuple(v.shape)}" if hasattr(v, "shape") else f"{k}={v!r}"
                    for k, v in list(bound.arguments.items())[1:]
                )
                raise KernelError(
                    f"{rung.name}: must get arguments that the kernel takes, got {given}. Leave the"
                    " rung to the ladder, or change the arguments."
                )
        return generic(*args, **attrs)

    return slot


class Handle:
    """What a launcher gets as `fn`: call it to launch; it also makes arrays on the device."""

    def __init__(self, device: Any, rung: Rung):
        self.device, self.rung = device, rung
        self.entries: dict[str | None, Any] = {}  # what the device made of each entry point

    def __call__(
        self, grid: tuple, block: tuple, args: tuple, shared: int = 0, entry: str | None = None
    ) -> None:
        """Launch `grid` x `block` threads.

        A grid without blocks is nothing to do. `entry` names another kernel of the op's files: a
        step before or after.
        """
        if entry not in self.entries:
            source = (
                self.rung.source
                if entry is None or entry in self.rung.source.entries
                else kernel_file(self.rung.op, entry)
            )
            self.entries[entry] = self.device.kernel(source, entry or self.rung.name)
        if shared > 48 << 10:  # CUDA wants to be asked for more
            self.entries[entry].large_shared = True
        if math.prod(grid):
            self.entries[entry](grid, block, args, shared)

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
