"""The graph: who made a value, and what its gradient formulas need.

Nodes point to nodes, never to the tensors they made: no reference cycles, and an array that no
formula names is freed at once. `time` orders everything that happened: an op is newer than its
inputs, and a write newer than a node tells that what the node kept may have changed.
"""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from itertools import count
from typing import Any

from .device import Device, cpu, functional, quiet
from .errors import GraphError
from .face import Face

clock = count(1).__next__


recording: ContextVar[Any] = ContextVar("recording", default=True)  # quicker than a local


class Mode(threading.local):
    """Per-thread switches. `recording`: ops leave nodes. `anomaly`: nodes remember their line and
    NaNs are errors; `recording` is then "anomaly", so that a call has one switch to look at.
    `watch`: what sees each step of a walk, see learn/walked.py.
    """

    inference = False
    anomaly = False
    watch: Any = None

    @property
    def recording(self) -> Any:
        return recording.get()

    @recording.setter
    def recording(self, value: Any) -> None:
        recording.set(value)


mode = Mode()


class Node(Face):
    """One recorded op.

    `edges`: the node of each input (None: needs no gradient). `kept`: for each input what its
    formula names, nothing else; None once freed. `shape`: of the output, or of each of several.
    `hooks`: called with the cotangent of the output; `retains`: a weak reference to the tensor
    whose `.grad` takes it; `where`: the user's line, in anomaly mode.
    """

    __slots__ = "op edges kept shape device time hooks retains where __weakref__".split()

    def __init__(self, op: Any, edges: tuple, kept: Any, shape: tuple, device: Device):
        self.op, self.edges, self.kept = op, edges, kept
        self.shape, self.device, self.time = shape, device, clock()
        self.hooks = self.retains = self.where = None

    def send(self, g: Any, create_graph: bool, retain_graph: bool) -> Any:
        """The cotangent for each edge, None where none is needed."""
        kept, op = self.kept, self.op
        if kept is None:
            raise freed(op)
        if self.time < Writes.latest:
            check_unchanged(self)
        if op.keeps and not retain_graph:
            self.kept = None
        if op.several:
            g = filled(g, self)
        try:
            if create_graph:
                return op.pull_recorded(self, functional, g, kept)
            if not op.declared:  # a user's own backward, with the user's NumPy settings
                return op.pull(self.device.F, g, kept)
            return quiet().run(op.pull, self.device.F, g, kept)
        except Exception as error:
            worded = failed(self, error)
            if worded is error:
                raise
            raise worded from error


def filled(slots: dict, node: Node) -> tuple:
    """The cotangents of all outputs, zeros for those that nothing depended on."""
    xp, some = node.device.xp, next(iter(slots.values()))
    zeros = [
        None if i in slots else xp.zeros(shape, getattr(some, "array", some).dtype)
        for i, shape in enumerate(node.shape)
    ]
    wrap = some.wrap if hasattr(some, "wrap") else lambda array: array
    return tuple([slots[i] if i in slots else wrap(zero) for i, zero in enumerate(zeros)])


class Leaf(Face):
    """The end of the graph: a tensor that the user made, held weakly."""

    edges: tuple = ()
    op = where = retains = None
    hooks: dict[int, Callable] | None = None
    after: dict[int, Callable] | None = None  # called once the tensor's .grad is there
    shape: tuple = ()
    device, time = cpu, 0

    def __init__(self, tensor: Any = None):
        if tensor is None:  # NOWHERE
            self.tensor: Callable = lambda: None
            return
        self.tensor, self.shape = weakref.ref(tensor), tensor.array.shape
        self.device, self.time = tensor.device, clock()

    def send(self, g: Any, create_graph: bool, retain_graph: bool) -> tuple:
        return ()


# The end of each view without history that requires gradients only because its base does: it was
# made under no_grad(), or before the base required any. As in PyTorch, no gradient arrives there.
NOWHERE = Leaf()


class Slots(dict):
    """The cotangents of a node with several outputs: {output index: g}."""

    def __init__(self, given: dict, shape: tuple):
        super().__init__(given)
        self.shape = shape

    def __add__(self, other: Slots) -> Slots:
        both = {i: self[i] + other[i] for i in self.keys() & other.keys()}
        return Slots({**self, **other, **both}, self.shape)


class Output(Face):
    """Output `index` of a node with several outputs: hands its cotangent on under its number."""

    __slots__ = ("edges", "index", "shape", "device", "time", "hooks", "retains", "__weakref__")
    where = None

    def __init__(self, node: Node, index: int):
        self.edges, self.index, self.shape = (node,), index, node.shape[index]
        self.device, self.time = node.device, clock()
        self.hooks: dict[int, Callable] | None = None
        self.retains: weakref.ref | None = None

    @property
    def op(self) -> Any:
        return self.edges[0].op

    def send(self, g: Any, create_graph: bool, retain_graph: bool) -> tuple:
        return (Slots({self.index: g}, self.edges[0].shape),)


# ---- noticing that a kept array was changed in place ---------------------------------------------


class Writes:
    """What was written in place: for each storage its version and the times of its last writes."""

    latest = 0  # time of the last write anywhere: an older node must look, a newer one need not
    log: dict[int, tuple[weakref.ref, list[int], deque[int]]] = {}


def note_write(device: Device, array: Any) -> None:
    """Note that the memory behind `array` was written in place."""
    owner = device.storage(array)
    key = id(owner)
    if key not in Writes.log:
        forget = weakref.ref(owner, lambda _: Writes.log.pop(key, None))
        Writes.log[key] = forget, [0], deque(maxlen=64)
    _, version, times = Writes.log[key]
    version[0] += 1
    Writes.latest = clock()
    times.append(Writes.latest)


def version_of(device: Device, array: Any) -> int:
    entry = Writes.log.get(id(device.storage(array)))
    return entry[1][0] if entry else 0


def check_unchanged(node: Node) -> None:
    """Raise if an array that `node` kept was written since."""
    device = node.device
    for names, values in zip(node.op.kept_names, node.kept):
        for name, value in zip(names, values or ()):
            if type(value) is not device.array_type:
                continue
            entry = Writes.log.get(id(device.storage(value)))
            if entry and entry[2][-1] > node.time:
                now = entry[1][0]
                then = now - sum(time > node.time for time in entry[2])
                raise GraphError(
                    f"{node.op.name}: {name} {value.shape} must not change between forward and"
                    f" backward, because the gradient needs it, got version {now} instead of"
                    f" {then}{node.where or ''}. Use the op without the underscore (x = x + y, not"
                    " x += y), or clone() before the in-place change."
                )


def freed(op: Any) -> GraphError:
    return GraphError(
        f"{op.name}: the graph must still hold what the forward pass kept, got one that an earlier"
        " backward freed. Pass retain_graph=True to the earlier backward, or run the forward pass"
        " again."
    )


def failed(node: Node, error: Exception) -> Exception:
    """Name the op whose formulas raised, and the forward line if anomaly mode knows it. What a
    user's own backward raises stays as it is.
    """
    if isinstance(error, (GraphError, MemoryError)) or not node.op.declared:
        return error
    return GraphError(
        f"{node.op.name}: the vjp formulas must run, got"
        f" {type(error).__name__}: {error}{node.where or ''}. Check these formulas."
    )
