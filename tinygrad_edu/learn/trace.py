"""The recorded program: the steps that led to a loss, their values, and the walk back.

    with tinygrad_edu.record():
        loss = f(x)
    trace = tinygrad_edu.learn.trace.of(loss)
    for step in trace.steps: ...
    for back in trace.backward(): ...

Steps and values are numbered in forward order. A loss that was computed outside `record()` has a
trace too: what the graph still holds is known, the rest is None.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.device import registry
from ..engine.errors import DTypeError
from ..engine.graph import NOWHERE, Leaf, Node, Output
from ..engine.tensor import Tensor
from ..nn.module import Module
from .tape import Call, Tape, record, tapes, told, user_frame, variable
from .values import Room, Seen, plain
from .walked import BackStep, input_names, walked

__all__ = ["BackStep", "Step", "Tape", "Trace", "Value", "of", "record"]

SECTION = re.compile(r"^Math: *(.*?)(?=^\w+:|\n\n|\Z)", re.S | re.M)
MORE = {  # ops that the engine makes itself, without a declaration
    "view_write": "out = input with value in the place of the view;"
    " d input = g, 0 in that place, d value = g in that place",
    "overwrite": "out does not depend on input; d input = 0",
    "to": "out = input on another device; d input = g, back on the first",
}
HOW = "not recorded: compute the loss inside `with tinygrad_edu.record():`"


@dataclass(eq=False)
class Value:
    """One array of the program. `array` is None where it was too large (`stats` then has figures)
    or not recorded. `kind`: "leaf" (requires gradients), "data" (does not), "result" of a step, or
    "residual": made by a step for its own backward.
    """

    id: int
    kind: str
    name: str = ""
    shape: tuple | None = None
    dtype: str = ""
    array: np.ndarray | None = None
    stats: dict[str, float] | None = None
    step: int | None = None  # that made it

    def fill(self, seen: Seen | None) -> None:
        """Take over what was seen."""
        if seen is not None and self.array is None and self.stats is None:
            self.shape, self.dtype = seen.shape, seen.dtype
            self.array, self.stats = seen.array, seen.stats
        if seen is not None and not self.name:
            self.name = seen.name


@dataclass(eq=False)
class Step:
    """One op. `inputs` and `outputs` are ids of values; `names` are the inputs' names in the
    formula, `wanted` says which of them get a cotangent, `kept` maps the names that the backward
    needs to the ids of their values.
    """

    index: int
    op: str
    formula: str
    inputs: list[int] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    wanted: list[bool] = field(default_factory=list)
    outputs: list[int] = field(default_factory=list)
    kept: dict[str, int] = field(default_factory=dict)
    attrs: dict[str, Any] = field(default_factory=dict)
    module: str = ""  # dotted name of the innermost module at work
    layer: str = ""  # the class of that module
    # (name, class, number of the call) of all modules at work, the outermost first
    path: list[tuple[str, str, int]] = field(default_factory=list)
    where: str = ""
    recorded: bool = True  # whether a tape saw it happen
    elementwise: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        """The attributes that are not those that the op has by default."""
        usual = getattr(registry.get(self.op), "defaults", {})
        return {k: v for k, v in self.attrs.items() if v is not None and not is_usual(v, usual, k)}


@dataclass(eq=False)
class Trace:
    """The steps that led to one loss."""

    loss: Tensor
    steps: list[Step]
    values: list[Value]
    result: int  # id of the loss's value
    ends: dict[Any, int]  # nodes to values: what arrives where
    made: dict[int, Step]  # by id of node

    @property
    def leaves(self) -> list[Value]:
        """The values that gradients are wanted for."""
        return [v for v in self.values if v.kind == "leaf"]

    def backward(self, gradient: Any = None) -> list[BackStep]:
        """Run the engine's own walk from the loss, and say what happened at each step.

        The graph is kept and no `.grad` is changed, so the real backward can follow.
        """
        return walked(self, gradient)

    def to_json(self, backs: list[BackStep] | None = None, numbers: int | None = None) -> dict:
        """Plain dicts, lists, numbers and strings.

        Args: backs: what `backward()` returned. numbers: at most so many numbers in all; the
            smallest arrays come first, the others are given by their statistics.
        """
        shown: list[Any] = [*self.values, *(seen for back in backs or () for seen in back.arrays())]
        full = within(numbers, [x.array for x in shown])
        return {
            "values": [value_json(v, full) for v in self.values],
            "steps": [{**vars(s), "attrs": attrs_json(s.attrs)} for s in self.steps],
            "loss": self.result,
            "backward": [back.to_json(lambda s: array_json(s, full)) for back in backs or ()],
        }


def is_usual(value: Any, usual: dict[str, Any], name: str) -> bool:
    return name in usual and type(value) is type(usual[name]) and bool(value == usual[name])


def within(numbers: int | None, arrays: list) -> set[int]:
    """The ids of the arrays that are shown in full."""
    chosen, total = set(), 0
    for array in sorted((a for a in arrays if a is not None), key=lambda a: a.size):
        total += array.size
        if numbers is not None and total > numbers:
            break
        chosen.add(id(array))
    return chosen


def array_json(x: Any, full: set[int]) -> dict:
    """An array, or figures about it."""
    found: dict[str, Any] = {"shape": None if x.shape is None else list(x.shape), "dtype": x.dtype}
    if x.array is not None and id(x.array) in full:
        return {**found, "array": plain(x.array)}
    if x.array is not None:
        from .values import statistics

        return {**found, "array": None, "stats": statistics(x.array)}
    return {**found, "array": None, "stats": x.stats}


def value_json(v: Value, full: set[int]) -> dict:
    return {"id": v.id, "kind": v.kind, "name": v.name, "step": v.step, **array_json(v, full)}


def attrs_json(value: Any) -> Any:
    """Attributes as JSON has them; what it has no word for becomes text."""
    if isinstance(value, dict):
        return {str(k): attrs_json(v) for k, v in value.items()}
    if isinstance(value, (tuple, list)):
        return [attrs_json(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value) if value.size <= 4096 else f"{value.dtype} {value.shape}"
    if isinstance(value, slice):
        return ":".join("" if x is None else str(x) for x in (value.start, value.stop, value.step))
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return plain(np.array(value)) if isinstance(value, float) else str(value)


# ---- from a loss to its trace --------------------------------------------------------------------


def of(
    loss: Tensor | Callable[[], Tensor],
    model: Module | None = None,
    names: dict[str, Tensor] | None = None,
) -> Trace:
    """The trace of a loss, or of a function without arguments that returns one.

    Args:   loss: a function is called once, inside `record()`, so that all values are known.
            model: parameters get its names for them. names: further names of leaves and data.
    """
    tape = None
    if callable(loss) and not isinstance(loss, Tensor):
        with record() as tape:
            loss = loss()
    if not isinstance(loss, Tensor):
        raise DTypeError(
            "trace: loss must be a Tensor, or a function that returns one, got"
            f" {type(loss).__name__}. Give the result of the last op."
        )
    tape = tape or next((t for t in tapes if t.find(loss) is not None), None)
    return Builder(loss, tape, model, names or {}).trace()


def formula_of(op: Any) -> str:
    """What the docstring says after Math:, on one line."""
    found = SECTION.search(getattr(op, "doc", ""))
    return " ".join(found[1].split()) if found else MORE.get(op.name, "")


class Builder:
    """Puts the graph and a tape together."""

    def __init__(self, loss: Tensor, tape: Tape | None, model: Any, names: dict[str, Tensor]):
        self.loss, self.tape, self.frame = loss, tape, user_frame()
        calls = sorted(tape.calls, key=lambda call: call.time) if tape else []
        self.calls, self.times = calls, [call.time for call in calls]
        self.functions = {id(call.node): call for call in calls if call.node is not None}
        self.nodes = {id(n): n for n in graph_of(loss)}
        self.call_of = {key: self.matching(n) for key, n in self.nodes.items()}
        self.node_of = {id(c): self.nodes[k] for k, c in self.call_of.items() if c}
        self.values: list[Value] = []
        self.by_key: dict[Any, Value] = {}
        self.ends: dict[Any, int] = {}
        self.tensors, self.given = names, {id(t.array): name for name, t in names.items()}
        self.modules, self.parameters = names_of_modules(model, tape.roots if tape else [])

    def matching(self, node: Node) -> Call | None:
        """The call that made a node: the last one before it, if the op is the same."""
        if id(node) in self.functions:
            return self.functions[id(node)]
        i = bisect.bisect(self.times, node.time) - 1
        call = self.calls[i] if i >= 0 else None
        return call if call and call.op is node.op and call.node is None else None

    def trace(self) -> Trace:
        items = sorted(self.needed(), key=lambda item: item.time)
        steps: list[Step] = []
        made: dict[int, Step] = {}
        for item in items:
            step = self.step(len(steps), item)
            steps.append(step)
            if isinstance(item, Node):
                made[id(item)] = step
        seen = self.tape.find(self.loss) if self.tape else None
        seen = seen or Seen(self.loss.device, self.loss.array, Room())
        result = self.value(self.loss.node, seen)
        result.name = result.name or variable(self.frame, lambda v: v is self.loss) or "loss"
        self.name_data()
        self.name_leaves()
        return Trace(self.loss, steps, self.values, result.id, self.ends, made)

    def needed(self) -> list[Node | Call]:
        """Every op that the loss depends on: a node where there is one, else a call."""
        seen = self.tape.find(self.loss) if self.tape else None
        first = self.producer(self.loss.node, seen)
        found, stack = {}, [first] if first is not None else []
        while stack:
            item = stack.pop()
            if id(item) in found:
                continue
            found[id(item)] = item
            for _, edge, seen in self.inputs(item):
                before = self.producer(edge, seen)
                if before is not None and id(before) not in found:
                    stack.append(before)
        return list(found.values())

    def producer(self, edge: Any, seen: Seen | None) -> Node | Call | None:
        """What made a value; None for leaves and data."""
        if isinstance(edge, Output):
            return edge.edges[0]
        if isinstance(edge, Node):
            return edge
        if isinstance(edge, Leaf) and edge is not NOWHERE or seen is None:
            return None
        return self.node_of.get(id(seen.maker), seen.maker)

    def inputs(self, item: Node | Call) -> Iterator[tuple[str, Any, Seen | None]]:
        """(name, edge, what was seen) of each input."""
        if isinstance(item, Call):
            yield from ((name, None, seen) for name, seen in item.inputs)
            return
        call, names = self.call_of[id(item)], input_names(item)
        seen = dict(call.inputs) if call else kept_inputs(item)
        keys = [str(i) for i in range(len(names))] if not item.op.declared else names
        for name, key, edge in zip(names, keys, item.edges):
            if edge is not None or key in seen:
                yield name, edge, seen.get(key)

    # ---- values ----

    def value(self, edge: Any, seen: Seen | None, kind: str = "data") -> Value:
        """The value of an edge, made if it is new."""
        key = self.key(edge, seen)
        value = self.by_key.get(key)
        if value is None:
            if isinstance(edge, Leaf) and edge is not NOWHERE:
                kind = "leaf"
                seen = seen or leaf_seen(edge)
            value = self.by_key[key] = Value(len(self.values), kind)
            self.values.append(value)
        if edge is not None and edge is not NOWHERE:
            self.ends.setdefault(end(edge), value.id)
            if value.shape is None:
                value.shape = tuple(edge.shape)
        value.fill(seen)
        return value

    def key(self, edge: Any, seen: Seen | None) -> Any:
        if isinstance(edge, Leaf) and edge is not NOWHERE:
            return "leaf", id(edge), content(seen or leaf_seen(edge))
        if isinstance(edge, (Node, Output)):
            return end(edge)
        if seen is None:
            return "unknown", len(self.values)
        maker = self.node_of.get(id(seen.maker))
        if maker is not None:  # the same array outside the graph, as by detach()
            return id(maker), seen.maker.outputs.index(seen) if seen in seen.maker.outputs else seen
        return "seen", id(seen)

    def step(self, index: int, item: Node | Call) -> Step:
        node = item if isinstance(item, Node) else None
        call = item if isinstance(item, Call) else self.call_of[id(item)]
        step = Step(index, item.op.name, formula_of(item.op), recorded=call is not None)
        step.elementwise = bool(getattr(item.op, "elementwise", False)) or item.op.name in PLAIN
        for name, edge, seen in self.inputs(item):
            step.inputs.append(self.value(edge, seen).id)
            step.names.append(name)
            step.wanted.append(edge is not None and edge is not NOWHERE)
        outs = self.outputs(node, call)
        for edge, seen in outs:
            value = self.value(edge, seen, "result")
            value.kind, value.step = "result", index
            step.outputs.append(value.id)
        if call is not None:
            step.attrs, step.where = dict(call.attrs), call.where
            step.path = [
                (self.modules.get(id(m), ""), type(m).__name__, turn)
                for m, turn in zip(call.modules, call.turns)
            ]
            module = call.modules[-1] if call.modules else None
            step.module = self.modules.get(id(module)) or ""
            step.layer = type(module).__name__ if module is not None else ""
        elif node is not None:
            step.attrs = kept_attrs(node)
        if node is not None:
            self.keep(step, node, call)
        return step

    def outputs(self, node: Node | None, call: Call | None) -> list[tuple[Any, Seen | None]]:
        """(edge, what was seen) of each result."""
        if node is None:
            return [(None, seen) for seen in call.outputs]  # type: ignore[union-attr]
        several = node.shape and isinstance(node.shape[0], tuple)
        edges = [Output(node, i) for i in range(len(node.shape))] if several else [node]
        seen = call.outputs if call else [kept_named(node).get("out")] * len(edges)
        return list(zip(edges, [*seen, *[None] * len(edges)]))

    def keep(self, step: Step, node: Node, call: Call | None) -> None:
        """Note the values that the node holds for its formulas."""
        if not node.op.declared:  # a Function: which of its tensors it saved cannot be told apart
            return
        known = dict(zip(step.names, step.inputs))
        known |= dict(zip(getattr(node.op, "outs", ("out",)), step.outputs))
        residuals = call.residuals if call else {}
        for name in kept_names(node):
            if name in residuals and name not in known:
                value = self.value(None, residuals[name], "residual")
                value.kind, value.step, value.name = "residual", step.index, value.name or name
                known[name] = value.id
            for each in (name, *[n for n in known if n.startswith(f"{name}[")]):
                if each in known:
                    step.kept[each] = known[each]

    def name_data(self) -> None:
        """The names that were given for data, which an op of the tape read."""
        for name, tensor in self.tensors.items():
            seen = self.tape.find(tensor) if self.tape else None
            value = self.by_key.get(("seen", id(seen)))
            if value is not None:
                value.name = name

    def name_leaves(self) -> None:
        """Names for leaves: those given, those of parameters, variables, numbers."""
        for key, value in self.by_key.items():
            if value.kind == "leaf":
                self.name_leaf(key[1], value)
        for number, value in enumerate([v for v in self.values if v.kind == "leaf"]):
            value.name = value.name or f"leaf {number}"

    def name_leaf(self, key: int, value: Value) -> None:
        leaf = next(e for e in self.ends if isinstance(e, Leaf) and id(e) == key)
        tensor = leaf.tensor()
        if tensor is None:
            return
        own = variable(self.frame, lambda v: v is tensor)
        address = id(tensor.array)
        value.name = (
            self.given.get(address) or self.parameters.get(address) or value.name or own or ""
        )


PLAIN = {"add", "sub", "mul", "true_divide", "neg", "pow", "where", "cast", "clone", "alias"}


def end(edge: Any) -> Any:
    """What a value is known by in the graph."""
    if isinstance(edge, Output):
        return id(edge.edges[0]), edge.index
    return (id(edge), 0) if isinstance(edge, Node) else edge


def graph_of(loss: Tensor) -> list[Node]:
    """All nodes behind a loss."""
    found: dict[int, Any] = {}
    stack = [loss.node] if loss.node is not None else []
    while stack:
        node = stack.pop()
        if id(node) not in found:
            found[id(node)] = node
            stack += [edge for edge in node.edges if edge is not None]
    return [n for n in found.values() if isinstance(n, Node)]


# ---- what a graph holds of a program that was not recorded ---------------------------------------


def kept_names(node: Node) -> list[str]:
    """What the formulas of a node name, each once."""
    held = node.kept or [()] * len(node.op.kept_names)
    rows = [row for row, kept in zip(node.op.kept_names, held) if kept is not None]
    return list(dict.fromkeys(name for row in rows for name in row))


def kept_named(node: Node) -> dict[str, Any]:
    """What a node holds, by name: arrays as Seen, all else as it is."""
    found: dict[str, Any] = {}
    if not node.op.declared:
        return found
    for row, kept in zip(node.op.kept_names, node.kept or ()):
        for name, value in zip(row, kept or ()):
            isarray = type(value) is node.device.array_type
            found[name] = Seen(node.device, value, Room()) if isarray else value
    return found


def kept_inputs(node: Node) -> dict[str, Seen]:
    return {name: x for name, x in kept_named(node).items() if isinstance(x, Seen)}


def kept_attrs(node: Node) -> dict[str, Any]:
    attrs = getattr(node.op, "attrs", ())
    return {n: told(getattr(x, "array", x)) for n, x in kept_named(node).items() if n in attrs}


def leaf_seen(leaf: Leaf) -> Seen | None:
    tensor = leaf.tensor()
    return None if tensor is None else Seen(tensor.device, tensor.array, Room())


def content(seen: Seen | None) -> Any:
    """What tells a leaf's values apart that was written between two ops."""
    return seen if seen is None or seen.array is None else seen.array.tobytes()


def names_of_modules(model: Module | None, roots: list) -> tuple[dict[int, str], dict[int, str]]:
    """Dotted names of modules, and of the arrays of their parameters and buffers.

    With several modules called from outside, each name starts with that of its variable.
    """
    if model is not None:
        roots = [(model, ""), *[(m, name) for m, name in roots if m is not model]]
    inner = {id(m) for root, _ in roots for m in root.modules() if m is not root}
    roots = [(m, name) for m, name in roots if id(m) not in inner]
    named = [m for m, _ in roots if any(True for _ in m.parameters())]
    modules: dict[int, str] = {}
    arrays: dict[int, str] = {}
    for root, variable_name in roots:
        alone = root is model or model is None and named[:1] == [root] and len(named) == 1
        prefix = "" if alone else variable_name or type(root).__name__
        for name, module in root.named_modules(prefix=prefix):
            modules.setdefault(id(module), name)
        for name, p in (*root.named_parameters(prefix=prefix), *root.named_buffers(prefix=prefix)):
            arrays.setdefault(id(p.array), name)
    return modules, arrays
