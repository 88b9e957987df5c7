"""The table of a device that runs kernels, and `use_kernel`.

A slot runs the highest rung whose `supports` holds, else the generic forward. `with
use_kernel(softmax=1):` pins a rung; 0 is the generic forward.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from ..engine.device import Device, Table, cpu
from ..engine.errors import KernelError
from .rungs import Handle, Rung


def all_ladders() -> dict[str, list[Rung]]:
    """Every ladder. Declared when first asked for, since reading all kernels takes 0.1 s."""
    from .launch import ladders

    return ladders


def native_ladders() -> dict[str, list[Rung]]:
    """Every ladder of C++ kernels. Declared when first asked for."""
    from .native.launch import ladders

    return ladders


class Pins(threading.local):
    """Per thread: the rungs that `use_kernel` asked for."""

    def __init__(self) -> None:
        self.rungs: dict[str, int | str] = {}


pins = Pins()
asked: set[str] = set()  # ops that `use_kernel` named


@contextmanager
def use_kernel(**rungs: int | str) -> Iterator[None]:
    """Pin the rung of each op's ladder: `use_kernel(softmax=1)`, `use_kernel(sum="2a")`; 0 is the
    generic forward.

    Raises: KernelError if there is no such op or rung; and, when the op runs, if the rung does not
            take the arguments
    """
    for op, rung in rungs.items():
        check_pin(op, str(rung))
        if op not in asked:
            asked.add(op)
            cpu.F.__dict__.pop(op, None)  # to be looked up again
    before = pins.rungs
    pins.rungs = {**before, **rungs}
    try:
        yield
    finally:
        pins.rungs = before


def check_pin(op: str, rung: str) -> None:
    """Refuse a rung that is not there."""
    ladders = all_ladders() | native_ladders()
    both = (*all_ladders().get(op, ()), *native_ladders().get(op, ()))
    known = list(dict.fromkeys(r.label for r in both))
    if known and rung in ("0", *known):
        return
    if known:
        offers = f"one of the rungs of {op}: 0, {', '.join(known)}"
    else:
        offers = f"an op with kernels: {', '.join(sorted(ladders))}"
    raise KernelError(f"use_kernel: must name {offers}, got {op}={rung}. Choose one of them.")


class KernelTable(Table):
    """The table of a device that runs kernels."""

    has_kernels = True

    @staticmethod
    def fuses_attention(query: Any, mask: Any) -> bool:
        """Whether scaled_dot_product_attention is to run as one op: its kernels take no mask."""
        return mask is None

    def __getattr__(self, name: str) -> Callable:
        function = super().__getattr__(name)
        ladders = all_ladders()
        if name in ladders:
            function = choose(ladders[name], self._device, function)
            setattr(self, name, function)
        return function


def choose(ladder: list[Rung], device: Device, generic: Callable) -> Callable:
    """The slot of an op with a ladder."""
    for rung in ladder:
        rung.check()
    op, handles = ladder[0].op, {rung.name: Handle(device, rung) for rung in ladder}
    names = [p.name for p in ladder[0].parameters]
    defaults = {p.name: p.default for p in ladder[0].parameters if p.default is not p.empty}
    climbing = [rung for rung in reversed(ladder) if not rung.pinned_only]
    by_label = {rung.label: rung for rung in ladder}

    def slot(*args: Any, **attrs: Any) -> Any:
        arguments = {**defaults, **dict(zip(names, args)), **attrs}
        if op in pins.rungs:
            pin = str(pins.rungs[op])
            if pin == "0":
                return generic(*args, **attrs)
            rung = by_label[pin]
            if not rung.fits(arguments):
                raise refused(rung, arguments)
            return rung.launcher(handles[rung.name], *args, **attrs)
        for rung in climbing:
            if rung.fits(arguments):
                return rung.launcher(handles[rung.name], *args, **attrs)
        return generic(*args, **attrs)

    return slot


def refused(rung: Rung, arguments: dict[str, Any]) -> KernelError:
    """The error of a pinned rung that does not take its arguments."""
    given = ", ".join(
        f"{name}: {v.dtype} {tuple(v.shape)}" if hasattr(v, "shape") else f"{name}={v!r}"
        for name, v in arguments.items()
    )
    return KernelError(
        f"{rung.name}: must get arguments that the kernel takes, got {given}. Do not pin the rung,"
        " or change the arguments."
    )
