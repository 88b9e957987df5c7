"""record(): note each op's inputs and outputs while a program runs, beside the graph.

A tape puts itself between the ops and the tables of functions of the devices, as the profiler does,
so a program that is not recorded runs as if there were none. The graph itself is not touched: which
node belongs to which call is told by the clock that numbers both.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..autograd import Function
from ..engine.device import Device, devices, registry
from ..engine.graph import Output, clock, version_of
from ..engine.op import Op
from ..engine.tensor import Tensor
from ..nn.module import Module
from .values import Room, Seen

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
READ = tuple(os.path.join(PACKAGE, "learn", name) for name in ("course", "example"))
tapes: weakref.WeakSet[Tape] = weakref.WeakSet()


@dataclass(eq=False)
class Call:
    """One call of an op: what went in and what came out."""

    time: int
    op: Any
    inputs: list[tuple[str, Seen]]
    attrs: dict[str, Any]
    outputs: list[Seen]
    residuals: dict[str, Seen]
    modules: tuple[Module, ...]
    where: str
    turns: tuple[int, ...] = ()  # numbers that tell the calls of one module apart
    node: Any = None  # of a Function: its node. Those of ops are found by their time


@dataclass(eq=False)
class Tape:
    """What happened inside `with record() as tape:`. `learn.trace.of(loss)` makes sense of it.

    Note: copies of all arrays up to 4,096 numbers are kept, of larger ones up to 1 MB together;
          of the rest, min, max, mean and standard deviation.
    """

    calls: list[Call] = field(default_factory=list)
    roots: list[tuple[Module, str]] = field(default_factory=list)  # modules called from outside

    def __post_init__(self) -> None:
        self.room = Room()
        self.thread = threading.get_ident()
        self.stack: list[Module] = []
        self.turns: list[int] = []  # for each module of the stack, which call of a module it is
        self.turn = itertools.count().__next__
        self.known: dict[int, tuple[weakref.ref, int, Seen]] = {}  # by the id of a living array

    def __enter__(self) -> Tape:
        self.tables = [(d, d.F) for d in {*devices.values()}]
        for device, table in self.tables:
            device.F = Noted(table, device, self)  # type: ignore[assignment]
        self.call, self.apply = Module.__call__, Function.__dict__["apply"]
        Module.__call__ = noted_module(self, self.call)  # type: ignore[method-assign]
        Function.apply = noted_function(self, self.apply)  # type: ignore[method-assign]
        tapes.add(self)
        return self

    def __exit__(self, *exc: object) -> None:
        for device, table in self.tables:
            device.F = table
        Module.__call__ = self.call  # type: ignore[method-assign]
        Function.apply = self.apply  # type: ignore[method-assign]

    # ---- what was seen ----

    def see(self, device: Device, array: Any) -> Seen:
        """The array as it is now: the same as before, unless it was written since."""
        key, version = id(array), version_of(device, array)
        ref, then, seen = self.known.get(key, (None, 0, None))
        if ref is not None and ref() is array and seen is not None:
            if seen.still(device, array) and (seen.array is not None or then == version):
                return seen
        seen = Seen(device, array, self.room)
        forget = weakref.ref(array, lambda _: self.known.pop(key, None))
        self.known[key] = forget, version, seen
        return seen

    def find(self, tensor: Tensor) -> Seen | None:
        """What is known of a tensor, if an op of this tape returned or read it."""
        entry = self.known.get(id(tensor.array))
        same = entry is not None and entry[0]() is tensor.array
        return entry[2] if same and entry[2].still(tensor.device, tensor.array) else None  # type: ignore[index]

    def note(self, op: Op, device: Device, given: list, run: Callable) -> Any:
        """Run one op, and note it."""
        inputs, attrs = self.sorted_out(op, device, given)
        result = run()
        result, outputs, residuals = self.results(op, device, result)
        frame = user_frame()
        name_inputs(frame, given, inputs)
        call = Call(
            clock(), op, inputs, attrs, outputs, residuals, tuple(self.stack), line_of(frame)
        )
        call.turns = tuple(self.turns)
        for seen in (*outputs, *residuals.values()):
            if seen.maker is None and all(seen is not x for _, x in inputs):
                seen.maker = call
        self.calls.append(call)
        return result

    def sorted_out(self, op: Op, device: Device, given: list) -> tuple[list, dict]:
        """The inputs that are arrays, and all other arguments, by name."""
        inputs: list[tuple[str, Seen]] = []
        attrs: dict[str, Any] = {}
        for name, value in given:
            if name in op.inputs and op.variadic:
                inputs += [(f"{name}[{i}]", self.see(device, x)) for i, x in enumerate(value)]
            elif name in op.inputs and isinstance(value, device.array_type):
                inputs.append((name, self.see(device, value)))
            elif value is not None or name not in op.inputs:
                attrs[name] = told(value)
        return inputs, attrs

    def results(self, op: Op, device: Device, result: Any) -> tuple[Any, list, dict]:
        """The result with NumPy's scalars as arrays, and what is seen in it."""
        names = (*op.outs, *op.residuals)
        if op.any_number:
            arrays = list(result[0] if op.residuals else result)
            return result, [self.see(device, a) for a in arrays], {}
        parts = list(result) if len(names) > 1 else [result]
        for i in range(len(op.outs)):
            if not isinstance(parts[i], device.array_type):
                parts[i] = device.asarray(parts[i])
        outputs = [self.see(device, a) for a in parts[: len(op.outs)]]
        residuals = {
            name: self.see(device, a)
            for name, a in zip(op.residuals, parts[len(op.outs) :])
            if isinstance(a, device.array_type)
        }
        return (tuple(parts) if len(names) > 1 else parts[0]), outputs, residuals


class Noted:
    """A device's table that tells a tape of each call."""

    def __init__(self, table: Any, device: Device, tape: Tape):
        self._table, self._noting, self._tape = table, device, tape

    def __getattr__(self, name: str) -> Any:
        found, op = getattr(self._table, name), registry.get(name)
        if not isinstance(op, Op):
            return found
        device, tape = self._noting, self._tape

        def noted(*args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != tape.thread:
                return found(*args, **kwargs)
            given = [*zip(op.order, args), *kwargs.items()]
            return tape.note(op, device, given, lambda: found(*args, **kwargs))

        setattr(self, name, noted)
        return noted


def noted_module(tape: Tape, call: Callable) -> Callable:
    """Module.__call__ that also tells the tape which module is at work."""

    def __call__(self: Module, *args: Any, **kwargs: Any) -> Any:  # noqa: N807
        if threading.get_ident() != tape.thread:
            return call(self, *args, **kwargs)
        if not tape.stack and all(self is not root for root, _ in tape.roots):
            frame = user_frame()
            tape.roots.append((self, variable(frame, lambda value: value is self)))
        tape.stack.append(self)
        tape.turns.append(tape.turn())
        try:
            return call(self, *args, **kwargs)
        finally:
            tape.stack.pop()
            tape.turns.pop()

    return __call__


def noted_function(tape: Tape, apply: Any) -> Any:
    """Function.apply that also notes the node it makes."""

    def noted(cls: type[Function], *args: Any) -> Any:
        out = apply.__func__(cls, *args)
        results = [o for o in (out if isinstance(out, tuple) else (out,)) if isinstance(o, Tensor)]
        node = next((o.node for o in results if o.node is not None), None)
        node = node.edges[0] if isinstance(node, Output) else node
        mine = node is not None and getattr(node.op, "function", None) is cls
        if node is not None and mine and threading.get_ident() == tape.thread:
            frame = user_frame()
            inputs = [(f"{i}", tape.see(a.device, a.array)) for i, a in tensors_of(args)]
            outputs = [tape.see(o.device, o.array) for o in results]
            where, modules = line_of(frame), tuple(tape.stack)
            attrs = {f"argument {i}": told(a) for i, a in enumerate(args) if plain_argument(a)}
            turns = tuple(tape.turns)
            call = Call(node.time, node.op, inputs, attrs, outputs, {}, modules, where, turns, node)
            tape.calls.append(call)
        return out

    return classmethod(noted)


def tensors_of(args: tuple) -> list[tuple[int, Tensor]]:
    return [(i, a) for i, a in enumerate(args) if isinstance(a, Tensor)]


def plain_argument(value: Any) -> bool:
    return isinstance(value, (int, float, str, tuple)) and not isinstance(value, Tensor)


def told(value: Any) -> Any:
    """An attribute as a reader may see it: arrays are copied, all else stays."""
    value = getattr(value, "array", value)
    if isinstance(value, tuple):
        return tuple(told(v) for v in value)
    return np.array(value) if isinstance(value, np.ndarray) else value


# ---- names ---------------------------------------------------------------------------------------


def user_frame() -> Any:
    """The innermost frame outside this package; None if there is none."""
    frame = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not (name.startswith("<") and " of op " in name or inside(name)):
            return frame
        frame = frame.f_back  # type: ignore[assignment]
    return None


def inside(file: str) -> bool:
    """Whether a file is part of this package, except for code that is there to be read."""
    path = os.path.abspath(file)
    return path.startswith(PACKAGE) and not path.startswith(READ)


def line_of(frame: Any) -> str:
    return "" if frame is None else f"{os.path.basename(frame.f_code.co_filename)}:{frame.f_lineno}"


def variable(frame: Any, wanted: Callable[[Any], bool]) -> str:
    """The name of a variable of that frame whose value is wanted; "" if there is none."""
    if frame is None:
        return ""
    read = {n: frame.f_globals[n] for n in frame.f_code.co_names if n in frame.f_globals}
    for name, value in (*frame.f_locals.items(), *read.items()):
        if name[0].isalpha() and wanted(value):
            return name
    return ""


def name_inputs(frame: Any, given: list, inputs: list[tuple[str, Seen]]) -> None:
    """Give inputs that have no name yet that of the variable which holds them."""
    arrays: dict[str, Any] = {}
    for name, value in given:
        many = isinstance(value, (list, tuple))
        arrays |= {f"{name}[{i}]": x for i, x in enumerate(value)} if many else {name: value}
    for name, seen in inputs:
        if not seen.name:
            array = arrays[name]
            seen.name = variable(frame, lambda v: isinstance(v, Tensor) and v.array is array)  # noqa: B023


def record() -> Tape:
    """Note each op of this thread inside a `with` block: `with tinygrad_edu.record() as tape:`.

    Values of ops that need no gradient are noted too. `explain`, `draw` and `stepper` find the tape
    by themselves when they get a loss that was computed in the block, as long as it is held.
    """
    return Tape()
