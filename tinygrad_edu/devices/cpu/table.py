"""The table of the CPU: NumPy's forwards, and C++ kernels where a compiler is found.

A slot with a ladder runs the highest rung whose `supports` holds, else the generic forward. Small
arrays go to NumPy at once: to start a kernel costs more than they do.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...engine.device import Table, cpu
from ...engine.errors import KernelError
from ..build import compiler
from ..native.rungs import SMALL, Call
from ..rungs import Rung
from ..table import asked, native_ladders, pins, refused
from .threads import native_threads


@lru_cache
def why_not() -> str:
    """Why C++ kernels do not run here; "" if they do."""
    if os.environ.get("TINYGRAD_EDU_NATIVE") == "0":
        return "TINYGRAD_EDU_NATIVE=0 is set"
    try:
        compiler()
    except KernelError as error:
        return str(error)
    return ""


class NativeTable(Table):
    """The raw functions of the CPU. Needs no look at the kernels until an op with a ladder runs."""

    @staticmethod
    def fuses_attention(query: Any, mask: Any) -> bool:
        """Whether scaled_dot_product_attention is to run as one op, which keeps no weights."""
        if query.numel() < SMALL or query.dtype.name != "float32" or why_not():
            return False
        return mask is None or not mask.requires_grad and mask.ndim <= query.ndim

    def __getattr__(self, name: str) -> Callable:
        function = super().__getattr__(name)
        if not why_not() and serves(name):
            function = choose(native_ladders()[name], function)
            setattr(self, name, function)
        return function


def serves(op: str) -> bool:
    """Whether a rung may run: of itself, or because `use_kernel` has named the op."""
    return any(op in asked or not rung.pinned_only for rung in native_ladders().get(op, ()))


def choose(ladder: list[Rung], generic: Callable) -> Callable:
    """The slot of an op with a ladder."""
    for rung in ladder:
        rung.check()
    op, calls = ladder[0].op, {rung.name: Call(rung, native_threads) for rung in ladder}
    names = [p.name for p in ladder[0].parameters]
    defaults = {p.name: p.default for p in ladder[0].parameters if p.default is not p.empty}
    climbing = [rung for rung in reversed(ladder) if not rung.pinned_only]
    least = min((rung.least for rung in climbing), default=math.inf)
    by_label = {rung.label: rung for rung in ladder}
    broken = False

    def slot(*args: Any, **attrs: Any) -> Any:
        if args[0].size < least and not pins.rungs:  # first: small arrays must cost nothing
            return generic(*args, **attrs)
        pin = pins.rungs and str(pins.rungs.get(op, ""))
        if broken or not pin and args[0].size < least or pin and pin not in by_label:
            return generic(*args, **attrs)
        arguments = {**defaults, **dict(zip(names, args)), **attrs}
        if pin:
            rung = by_label[pin]
            if not rung.fits(arguments):
                raise refused(rung, arguments)
            return rung.launcher(calls[rung.name], *args, **attrs)
        return first_fit(*args, **attrs, arguments=arguments)

    def first_fit(*args: Any, arguments: dict, **attrs: Any) -> Any:
        nonlocal broken
        for rung in climbing:
            if args[0].size >= rung.least and rung.fits(arguments):
                try:
                    return rung.launcher(calls[rung.name], *args, **attrs)
                except KernelError as error:  # it does not compile: NumPy can do the work
                    broken = True
                    warnings.warn(f"{rung.name}: NumPy runs instead. {error}", stacklevel=2)
                    break
        return generic(*args, **attrs)

    return slot


def use_native() -> None:
    """Give the CPU this table. Called once, at import."""
    cpu.F = NativeTable(cpu)
