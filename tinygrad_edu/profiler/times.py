"""A stopwatch round every function of a device's table and round the formulas of every node.

Whose call it is shows in the stack of the program: the line that called, the modules that were
being called, and on the way back the node whose formula runs. So nothing is noted outside a
measurement, and an op that is not measured costs nothing more.
"""

from __future__ import annotations

import os
import sys
import threading
import time
import weakref
from bisect import bisect_left
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import FrameType
from typing import Any, NamedTuple

from ..engine.device import Device, devices
from ..engine.graph import Node, clock

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MODULES = os.path.join(PACKAGE, "nn", "module.py")  # its __call__ is a call of a module
OUTSIDE = "(outside modules)"
SEND = Node.send.__code__  # runs the formulas of a node


class Key(NamedTuple):
    """What calls are told apart by."""

    function: str  # of the device's table, or the node whose formulas run, such as MulBackward0
    line: str  # file:line of the program
    op: str  # whose forward or formula called the function
    backward: bool
    modules: tuple[str, ...]  # that were being called, the outermost first


class Event(NamedTuple):
    """One call. `start` and `end` by `time.perf_counter`; `live`: bytes of all results that exist
    after it, if that was asked for.
    """

    name: str
    start: float
    end: float
    key: Key
    thread: int
    bytes: int
    live: int | None
    shapes: tuple | None


@dataclass
class Sum:
    """Calls of one key: how many, seconds without and with the calls inside them, new bytes."""

    calls: int = 0
    seconds: float = 0.0
    total: float = 0.0
    bytes: int = 0


class Timed:
    """A device's table with a stopwatch round each function."""

    def __init__(self, table: Any, times: Times):
        self._table, self._times = table, times

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._table, name)
        if not callable(found):
            return found
        timed = self._times.around(name, found)
        setattr(self, name, timed)
        return timed


class Inner(threading.local):
    """Of one thread. `calls`: for each call that runs now, the seconds of calls inside it, and the
    seconds it took to note them; `ops`: seconds of all calls so far.
    """

    def __init__(self) -> None:
        self.calls: list[list[float]] = []
        self.ops = 0.0
        self.counted: dict[int, weakref.ref] = {}  # new memory that a call inside has counted


class Times:
    """Inside a `with` block: calls, seconds and new bytes of each function, line, op and module.

    Args: folder: lines of files in it are told apart; by default those of any file that is not part
            of this package.
        memory: also follow which results still exist: `live` and `peak`, in bytes.
        shapes: also note the shapes of the inputs.
    """

    def __init__(self, folder: str | None = None, memory: bool = False, shapes: bool = False):
        self.folder, self.memory, self.shapes = folder, memory, shapes
        self.found: dict[Key, Sum] = {}
        self.blocks: dict[str, Sum] = {}  # of record_function
        self.events: list[Event] | None = None  # a list: calls are noted one by one
        self.marks: list[tuple[str, float, float, int]] = []  # blocks: name, start, seconds, thread
        self.inner = Inner()
        self.files: dict[str, str] = {}  # names of files as they are shown, "" for this package's
        self.total = 0.0
        self.live = self.peak = 0
        self.arrays: dict[int, weakref.ref] = {}
        self.made: list[int] = []  # times of the graph's clock at which other modules' calls began
        self.makers: list[tuple[str, ...]] = []  # and these modules
        self.roots: dict[int, tuple[Any, dict[int, str]]] = {}  # outermost modules, names of parts

    def __enter__(self) -> Times:
        self.tables: list[tuple[Device, Any]] = [(d, d.F) for d in {*devices.values()}]
        for device, table in self.tables:
            device.F = Timed(table, self)  # type: ignore[assignment]
        self.send = Node.send
        Node.send = self.around_send(Node.send)  # type: ignore[method-assign]
        self.began = time.perf_counter()
        return self

    def __exit__(self, *exc: object) -> None:
        self.total += time.perf_counter() - self.began
        for device, table in self.tables:
            device.F = table
        Node.send = self.send  # type: ignore[method-assign]

    # ---- one call ----

    def around(self, name: str, function: Callable) -> Callable:
        """A function of the table, measured."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            return self.run(name, None, function, args, kwargs)

        return timed

    def around_send(self, send: Callable) -> Any:
        """What runs the formulas of a node, measured."""

        def timed(node: Node, g: Any, create_graph: bool, retain_graph: bool) -> Any:
            return self.run(node.name(), node, send, (node, g, create_graph, retain_graph), {})

        return timed

    def run(self, name: str, node: Any, function: Callable, args: tuple, kwargs: dict) -> Any:
        """Call the function and note it."""
        calls, result = self.inner.calls, None
        calls.append([0.0, 0.0])
        start = time.perf_counter()
        try:
            result = function(*args, **kwargs)
            return result
        finally:
            end = time.perf_counter()
            inside, noting = calls.pop()
            total = end - start - noting
            own = total - inside
            self.inner.ops += own
            self.note(name, node, (start, end), (own, total), args, result)
            if calls:
                calls[-1][0] += total
                calls[-1][1] += noting + time.perf_counter() - end

    def note(
        self, name: str, node: Any, span: tuple, spent: tuple, args: tuple, result: Any
    ) -> None:
        """Count one call."""
        key = self.whose(name, node, sys._getframe(3))
        new = sum(map(self.new_bytes, new_memory(result, args)))
        if not self.inner.calls:
            self.inner.counted.clear()
        entry = self.found.setdefault(key, Sum())
        entry.calls += 1
        entry.seconds += spent[0]
        entry.total += spent[1]
        entry.bytes += new
        if self.events is not None:
            shapes = tuple(a.shape for a in args if hasattr(a, "shape")) if self.shapes else None
            live = self.live if self.memory else None
            thread = threading.get_native_id()
            self.events.append(Event(name, span[0], span[1], key, thread, new, live, shapes))

    def whose(self, name: str, node: Any, frame: FrameType | None) -> Key:
        """Look up the stack for the line, the modules, and on the way back the node."""
        line, op, modules = "", name, []
        while frame is not None:
            code = frame.f_code
            if not line:
                line = self.line_of(frame)
            if code is SEND and node is None:
                node = frame.f_locals["self"]
            elif code.co_name == "__call__" and code.co_filename == MODULES:
                if node is None:  # modules around a backward pass have no part in it
                    modules.append(frame.f_locals["self"])
            frame = frame.f_back
        names = self.names_of(modules[::-1])
        if node is None:
            if not self.makers or self.makers[-1] != names:
                self.made.append(clock())  # nodes from now on will be later than this
                self.makers.append(names)
        else:
            op = node.op.name
            names = names or self.maker_of(node)
        return Key(name, line or "elsewhere", op, node is not None, names)

    def line_of(self, frame: FrameType) -> str:
        """file:line if the frame belongs to the program."""
        name = frame.f_code.co_filename
        if name not in self.files:
            file = os.path.abspath(name)  # `python script.py` gives a relative name
            theirs = not (name.startswith("<") or file.startswith(PACKAGE))
            theirs = theirs and file.startswith(self.folder or "")
            self.files[name] = os.path.relpath(file, self.folder or os.getcwd()) if theirs else ""
        return f"{self.files[name]}:{frame.f_lineno}" if self.files[name] else ""

    def maker_of(self, node: Any) -> tuple[str, ...]:
        """The modules in which a node was made: those whose calls began last before it."""
        at = bisect_left(self.made, node.time) - 1
        return self.makers[at] if at >= 0 else ()

    def names_of(self, modules: list[Any]) -> tuple[str, ...]:
        """The names of nested modules: the class of the outermost, then dotted paths in it."""
        if not modules:
            return ()
        root = modules[0]
        title = type(root).__name__
        known = self.roots.setdefault(id(root), (root, {}))[1]
        if any(id(module) not in known for module in modules):
            for path, module in root.named_modules():
                known[id(module)] = f"{title}.{path}" if path else title
        return tuple(known.get(id(m), f"{title}.{type(m).__name__}") for m in modules)

    def new_bytes(self, array: Any) -> int:
        """The size of new memory, unless a call inside this one has counted it; while `memory` is
        on, it is live until it is gone.
        """
        size, key, counted = array.nbytes, id(array), self.inner.counted
        if key in counted and counted[key]() is array:
            return 0
        try:
            counted[key] = weakref.ref(array)
        except TypeError:  # an array of a kind that cannot be watched
            return size
        if self.memory and key not in self.arrays:

            def gone(_: weakref.ref) -> None:
                del self.arrays[key]
                self.live -= size

            self.arrays[key] = weakref.ref(array, gone)
            self.live += size
            self.peak = max(self.peak, self.live)
        return size

    def mark(self, name: str, start: float, seconds: float, ops: float) -> None:
        """Count a block that has a name of its own. `ops`: seconds in ops, which count there."""
        entry = self.blocks.setdefault(name, Sum())
        entry.calls += 1
        entry.seconds += max(seconds - ops, 0.0)
        entry.total += seconds
        self.marks.append((name, start, seconds, threading.get_native_id()))

    # ---- what was found ----

    def sums(self, which: int) -> list[tuple[str, int, float]]:
        """(name, calls, seconds) of each function (which = 0) or line (1), the longest first."""
        total: dict[str, Sum] = {}
        for key, found in self.found.items():
            entry = total.setdefault(key[which], Sum())  # type: ignore[arg-type]
            entry.calls += found.calls
            entry.seconds += found.seconds
        rows = [(name, entry.calls, entry.seconds) for name, entry in total.items()]
        return sorted(rows, key=lambda row: -row[2])

    def report(self, limit: int = 15) -> str:
        """Tables by op, by line, and by module if there are any."""
        from .averages import averages

        within = sum(found.seconds for found in self.found.values())
        outside = max(self.total - within, 0.0)
        parts = [
            f"{self.total:.2f} s in all: {within:.2f} s in ops, {outside:.2f} s outside (Python,"
            " the graph, data)"
        ]
        for title, which in (("op", 0), ("line", 1)):
            parts += ["", table(title, self.sums(which)[:limit], self.total)]
        if any(key.modules for key in self.found):
            parts += ["", averages(self, "module").table(row_limit=3 * limit)]
        return "\n".join(parts)


def new_memory(result: Any, args: tuple) -> list[Any]:
    """The arrays that hold the memory of a result, without those that were given."""
    items = result if isinstance(result, (tuple, list)) else (result,)
    given = {id(owner(a)) for a in args}
    found = {id(o): o for item in items if hasattr(o := owner(item), "nbytes")}
    return [array for key, array in found.items() if key not in given]


def owner(array: Any) -> Any:
    """The array whose memory this one looks at; itself if it has its own."""
    array = getattr(array, "array", array)  # of a Tensor, where a backward pass is recorded
    while hasattr(getattr(array, "base", None), "nbytes"):
        array = array.base
    return array


def table(title: str, rows: Iterable[tuple[str, int, float]], total: float) -> str:
    """Names, seconds, shares and calls in columns."""
    lines = [f"{title:<36} {'seconds':>9} {'share':>6} {'calls':>8} {'us/call':>9}"]
    for name, calls, seconds in rows:
        share = 100 * seconds / total if total else 0.0
        lines.append(
            f"{name:<36} {seconds:>9.3f} {share:>5.1f}% {calls:>8} {1e6 * seconds / calls:>9.1f}"
        )
    return "\n".join(lines)
