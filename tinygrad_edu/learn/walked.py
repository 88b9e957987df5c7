"""What happened at each step of the engine's own walk back."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..engine.backward import receive, root, walk
from ..engine.graph import NOWHERE, Leaf, Node, Output, mode
from .values import Room, Seen

if TYPE_CHECKING:
    from .trace import Trace


@dataclass(eq=False)
class Piece:
    """A cotangent on its way: of which input, to which value, and whether broadcasting was summed
    back first. `first` is False where it was added to what had arrived before.
    """

    name: str
    to: int
    seen: Seen
    summed: bool = False
    first: bool = True


@dataclass(eq=False)
class BackStep:
    """One step of the walk. `step` is the op's index, None at a leaf.

    `values` are the ids of the op's results (or of the leaf), `cotangents` what had arrived for
    each; `arrived` names, for each, the steps of the walk that sent to it, None being the start.
    `freed` names what a plain `backward()` gives free here.
    """

    index: int
    step: int | None
    values: list[int]
    cotangents: list[Seen | None]
    arrived: list[list[int | None]]
    pieces: list[Piece] = field(default_factory=list)
    freed: list[str] = field(default_factory=list)

    def arrays(self) -> Iterator[Seen]:
        yield from (seen for seen in self.cotangents if seen is not None)
        yield from (piece.seen for piece in self.pieces)

    def to_json(self, told: Callable[[Seen], dict]) -> dict:
        return {
            **{key: getattr(self, key) for key in ("index", "step", "values", "arrived", "freed")},
            "cotangents": [None if g is None else told(g) for g in self.cotangents],
            "pieces": [{**vars(p), "seen": told(p.seen)} for p in self.pieces],
        }


class Watch:
    """What the engine's walk tells of each step, see `engine.backward.walk`."""

    def __init__(self, trace: Trace):
        self.trace, self.room = trace, Room()
        self.steps: list[BackStep] = []
        self.current: BackStep | None = None
        self.waiting: list[tuple[str, bool]] = []  # (input's name, summed) of pieces to come
        self.arrived: dict[Any, list[int | None]] = {}
        self.parts: dict[int, dict[int, Seen]] = {}  # cotangents of ops with several results

    def see(self, node: Any, g: Any) -> Seen:
        return Seen(node.device, getattr(g, "array", g), self.room)

    def sent(self, node: Any, g: Any, pieces: Any) -> None:
        """`node` had received g, and its formulas made the pieces."""
        if isinstance(node, Output):
            self.parts.setdefault(id(node.edges[0]), {})[node.index] = self.see(node, g)
            self.waiting = []
        elif isinstance(node, Leaf):
            if node in self.trace.ends:
                value = self.trace.ends[node]
                self.add(None, [value], [self.see(node, g)], [node])
        elif id(node) in self.trace.made:
            self.sent_by_op(node, g, pieces)

    def sent_by_op(self, node: Any, g: Any, pieces: Any) -> None:
        step = self.trace.made[id(node)]
        if id(node) in self.parts:
            parts = self.parts[id(node)]
            cotangents = [parts.get(i) for i in range(len(step.outputs))]
        else:
            cotangents = [self.see(node, g)]
        ends = [(id(node), i) for i in range(len(cotangents))]
        self.add(step.index, step.outputs[: len(cotangents)], cotangents, ends)
        assert self.current is not None
        self.current.freed = list(step.kept) if node.op.keeps else []
        self.waiting = []
        for name, edge, piece in zip(input_names(node), node.edges, pieces):
            if edge is not None and edge is not NOWHERE and piece is not None:
                self.waiting.append((name, tuple(piece.shape) != tuple(edge.shape)))

    def add(self, step: int | None, values: list[int], cotangents: list, ends: list) -> None:
        arrived = [self.arrived.get(end, []) for end in ends]
        self.current = BackStep(len(self.steps), step, values, cotangents, arrived)
        self.steps.append(self.current)

    def receive(self, node: Any, g: Any, grads: dict, queue: list, run: Callable) -> None:
        """A cotangent arrives at `node`: the engine's own `receive`, seen."""
        end = self.end(node)
        if end is not None and not isinstance(g, dict):
            sender = None if self.current is None else self.current.index
            before = self.arrived.setdefault(end, [])
            if self.current is not None and self.waiting:
                name, summed = self.waiting.pop(0)
                to = self.trace.ends[end]
                piece = Piece(name, to, self.see(node, g), summed, not before)
                self.current.pieces.append(piece)
            before.append(sender)
        receive(node, g, grads, queue, run)

    def end(self, node: Any) -> Any:
        """What the node is known by in the trace; None if it is not part of it."""
        if isinstance(node, Output):
            found: Any = (id(node.edges[0]), node.index)
        else:
            found = node if isinstance(node, Leaf) else (id(node), 0)
        return found if found in self.trace.ends else None


def input_names(node: Node) -> list[str]:
    """The name of each edge of a node in its formulas."""
    op = node.op
    if not op.declared:
        return [*function_arguments(op.function, len(node.edges))]
    names = getattr(op, "inputs", None)
    if names is None:
        return ["input", "value"][: len(node.edges)]
    if op.variadic:
        return [f"{names[0]}[{i}]" for i in range(len(node.edges))]
    return list(names)


def function_arguments(function: Any, count: int) -> Iterator[str]:
    """The names that a Function's forward gives its arguments."""
    given = list(inspect.signature(function.forward).parameters.values())
    given = given[1:] if function.setup_context is None else given
    for i in range(count):
        p = given[min(i, len(given) - 1)] if given else None
        many = p is None or p.kind is p.VAR_POSITIONAL
        yield f"argument {i}" if many else p.name  # type: ignore[union-attr]


def walked(trace: Trace, gradient: Any) -> list[BackStep]:
    """Walk back from the loss of a trace; the graph stays, and nothing is added to `.grad`."""
    start = root(trace.loss, gradient, False, "backward")
    watch, before = Watch(trace), mode.watch
    mode.watch = watch
    try:
        walk([start], False, True)
    finally:
        mode.watch = before
    return watch.steps
