"""From a trace to what a picture of it shows: items in frames, and the edges between them.

At op level each op is an item, each module a frame. At module level a module without modules inside
is an item with its parameters as lines, and ops that only move numbers, such as views, are left
out. Parts that repeat one after the other are shown once, with their number.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..engine.device import registry
from ..engine.graph import Leaf
from ..nn.parameter import Parameter
from .nested import Frame, items_of
from .trace import BackStep, Step, Trace, Value
from .values import Seen

MOVES = {"reshape", "clone", "cast", "contiguous", "to", "alias"}  # beside all views
LONGEST = 8  # parts that may repeat together


@dataclass(eq=False)
class Item:
    """A box of the picture. `grads`: the RMS of its result's cotangent, of each that it stands for;
    `rows`: what belongs to it: name and shape, the same of its gradient, and whether it is learnt.
    """

    kind: str  # "op", "module", "leaf" or "data"
    title: str
    path: str = ""  # dotted name of its module
    shape: str = ""
    grads: list[float] = field(default_factory=list)
    rows: list[tuple[str, list[float], bool]] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    tip: str = ""

    @property
    def grad(self) -> float | None:
        return together(self.grads)


@dataclass(eq=False)
class Scope(Frame):
    """A frame of one call of a module."""

    path: str = ""
    kind: str = ""  # the class
    copies: list[str] = field(default_factory=list)  # paths of what it stands for, itself first
    count: int = 1

    def label(self, above: str) -> str:
        names = [relative(path, above) for path in self.copies]
        text = names[0] if len(names) == 1 or names[0] == names[-1] else f"{names[0]} … {names[-1]}"
        words = [word for word in (text, self.kind) if word]
        times = f"  × {self.count}" if self.count > 1 else ""
        return " · ".join(words) + times


@dataclass
class Sketch:
    """All that is drawn. `edges` join items."""

    root: Scope
    edges: list[tuple[Item, Item]]


def together(sizes: Iterable[float]) -> float | None:
    """The RMS of several arrays of one size, from that of each."""
    known = list(sizes)
    return math.sqrt(sum(x * x for x in known) / len(known)) if known else None


def rms(seen: Seen) -> float:
    """The root of the mean square of an array, or from its figures."""
    if seen.array is not None:
        wide = seen.array.astype(np.float64)
        with np.errstate(all="ignore"):
            return float(np.sqrt(np.mean(wide * wide))) if wide.size else 0.0
    stats = seen.stats or {}
    if "not finite" in stats:
        return math.nan
    return math.hypot(stats.get("mean", 0.0), stats.get("std", 0.0))


def shape_text(shape: tuple | None) -> str:
    if shape is None:
        return "shape ?"
    return " × ".join(map(str, shape)) if shape else "scalar"


def relative(path: str, above: str) -> str:
    """A dotted name without what the frame around it says already."""
    return path[len(above) + 1 :] if above and path.startswith(f"{above}.") else path


class Sketcher:
    """Builds a Sketch: frames and items, leaves and edges, and then what repeats is folded."""

    def __init__(self, trace: Trace, backs: list[BackStep], level: str):
        self.trace, self.level = trace, level
        self.grads: dict[int, float] = {}
        for back in backs:
            for value, seen in zip(back.values, back.cotangents):
                if seen is not None:
                    self.grads[value] = rms(seen)
        self.values = {v.id: v for v in trace.values}
        self.parameters = {
            v
            for end, v in trace.ends.items()
            if isinstance(end, Leaf) and isinstance(end.tensor(), Parameter)
        }
        self.item_of: dict[int, Item] = {}  # by index of step
        self.leaf_of: dict[int, Item] = {}  # by id of value
        self.rows: set[int] = set()  # values that are rows of an item
        self.edges: dict[tuple[Item, Item], None] = {}
        self.origins: dict[int, Item | int | None] = {}  # by id of value: what it comes from
        self.stands_for: dict[Item, list[Item]] = {}
        self.marks: dict[Item, dict[int, int]] = {}  # item: {number of a fold: which copy}

    def sketch(self, collapse: bool) -> Sketch:
        root = self.scopes()
        if self.level == "module":
            self.modules_as_items(root)
        else:
            self.single_ops_as_items(root)
        self.describe()
        self.add_edges(root)
        if collapse:
            self.fold(root)
        return Sketch(root, self.folded_edges())

    # ---- frames ----

    def scopes(self) -> Scope:
        """A frame for each call of a module, with the items of its ops."""
        root = Scope()
        stack: list[tuple[Any, Scope]] = [(None, root)]
        for step in self.trace.steps:
            if self.level == "module" and moves(step):
                continue
            path = step.path
            same = 0
            while same < min(len(path), len(stack) - 1) and stack[same + 1][0] == path[same]:
                same += 1
            del stack[same + 1 :]
            for entry in path[same:]:
                scope = Scope(path=entry[0], kind=entry[1], copies=[entry[0]])
                stack[-1][1].parts.append(scope)
                stack.append((entry, scope))
            stack[-1][1].parts.append(self.item("op", step.op, [step]))
        return root

    def item(self, kind: str, title: str, steps: list[Step]) -> Item:
        item = Item(kind, title, steps=steps)
        self.item_of |= dict.fromkeys([step.index for step in steps], item)
        return item

    def modules_as_items(self, scope: Scope) -> None:
        """Put an item in the place of each frame without frames inside."""
        for i, part in enumerate(scope.parts):
            if not isinstance(part, Scope):
                continue
            if any(isinstance(inner, Scope) for inner in part.parts):
                self.modules_as_items(part)
                continue
            item = self.item("module", part.kind, [s for x in all_items([part]) for s in x.steps])
            item.path = part.path
            scope.parts[i] = item

    def single_ops_as_items(self, scope: Scope) -> None:
        """Put the op in the place of each frame inside another that holds one op alone."""
        for i, part in enumerate(scope.parts):
            if not isinstance(part, Scope):
                continue
            only = part.parts[0]
            if len(part.parts) == 1 and isinstance(only, Item) and scope.kind:
                only.path = part.path
                scope.parts[i] = only
            else:
                self.single_ops_as_items(part)

    def describe(self) -> None:
        """Shapes, gradients and tips of the items."""
        used = {v for step in self.trace.steps for v in step.inputs} | {self.trace.result}
        for item in {*self.item_of.values()}:
            last = item.steps[-1]
            results = [self.values[v] for v in last.outputs if v in used] or [
                self.values[v] for v in last.outputs[:1]
            ]
            item.shape = ", ".join(shape_text(v.shape) for v in results[:2])
            item.shape += ", …" * (len(results) > 2)
            sizes = [self.grads[v.id] for v in results if v.id in self.grads]
            item.grads = [max(sizes, key=nan_first)] if sizes else []
            lines = [f"{step.op}: {step.formula}" for step in item.steps[:6]]
            where = f" of {item.path}" if item.path else ""
            item.tip = "\n".join([f"{item.title}{where} → {item.shape}", *lines])

    # ---- edges ----

    def add_edges(self, root: Scope) -> None:
        """Join the items. Leaves and data get items of their own, or a row in their module's."""
        for step in self.trace.steps:
            made = self.item_of.get(step.index)
            if made is None and step.inputs:  # left out: it comes from where its input does
                made = self.origin(step.inputs[0])  # type: ignore[assignment]
            self.origins |= dict.fromkeys(step.outputs, made)
        users: dict[int, dict[Item, None]] = {}
        for step in self.trace.steps:
            target = self.item_of.get(step.index)
            for v in step.inputs if target is not None else ():
                origin = self.origin(v)
                if isinstance(origin, Item) and origin is not target:
                    self.edges[origin, target] = None  # type: ignore[index]
                elif isinstance(origin, int):
                    users.setdefault(origin, {})[target] = None  # type: ignore[index]
        above = dict(parents(root))
        for v, items in users.items():
            if self.worth_showing(self.values[v]):
                self.add_leaf(self.values[v], list(items), above)

    def origin(self, v: int) -> Item | int | None:
        """The item that makes a value; of a leaf or data, its id."""
        return v if self.values[v].step is None else self.origins[v]

    def worth_showing(self, value: Value) -> bool:
        if value.kind == "leaf" or self.level == "op" and value.shape:
            return True
        return value.kind == "data" and bool(value.name) and bool(value.shape)

    def add_leaf(self, value: Value, users: list[Item], above: dict) -> None:
        """Show a leaf or data: as a row of the only module that it belongs to, else as an item in
        the innermost frame around its users.
        """
        sizes = [self.grads[value.id]] if value.id in self.grads else []
        user = users[0]
        if (
            user.kind == "module"
            and len(users) == 1
            and relative(value.name, user.path) != value.name
        ):
            text = f"{relative(value.name, user.path)}  {shape_text(value.shape)}"
            user.rows.append((text, sizes, value.kind == "leaf"))
            return
        chains = [chain(user, above) for user in users]
        shared = [f for f in chains[0] if all(f in other for other in chains)]
        frame = shared[0] if self.inside_module(value) else shared[-1]
        item = Item(value.kind, relative(value.name, frame.path) or "data", grads=sizes)
        item.shape = shape_text(value.shape)
        item.tip = f"{value.name or 'data'}: {item.shape}, {value.dtype}\n{figures(value)}"
        frame.parts.insert(place_for(frame, users), item)
        for user in users:
            self.edges[item, user] = None

    def inside_module(self, value: Value) -> bool:
        """Whether a leaf or data belongs to a module: its parameter, or made there without name."""
        return not value.name or "." in value.name or value.id in self.parameters

    # ---- what repeats ----

    def fold(self, scope: Scope) -> None:
        """Show parts that repeat one after the other once."""
        for part in scope.parts:
            if isinstance(part, Scope):
                self.fold(part)
        parts, i = scope.parts, 0
        looks = [self.look(part) for part in parts]
        while i < len(parts):
            period, count = repeated(looks[i:])
            if count > 1 and any(map(of_module, parts[i : i + period])):
                copies = [parts[i + k * period : i + (k + 1) * period] for k in range(count)]
                parts[i : i + period * count] = [self.folded(copies)]
                looks[i : i + period * count] = [None]
            i += 1

    def folded(self, copies: list[list]) -> Scope:
        """One frame for all copies; what stays is the first."""
        number = max((f for marks in self.marks.values() for f in marks), default=0) + 1
        for k, copy in enumerate(copies):
            for first, item in zip(all_items(copies[0]), all_items(copy)):
                members = [item, *self.stands_for.pop(item, [])] if k else [item]
                members += self.stands_for.get(item, []) if not k else []
                for member in members:
                    self.marks.setdefault(member, {})[number] = k
                if k:
                    self.stands_for.setdefault(first, []).extend(members)
                    first.grads += item.grads
                    for row, other in zip(first.rows, item.rows):
                        row[1].extend(other[1])
        first_part = copies[0][0]
        if len(copies[0]) == 1 and isinstance(first_part, Scope):
            first_part.copies = [copy[0].path for copy in copies]
            first_part.count *= len(copies)
            return first_part
        names = [part.path for copy in copies for part in copy if part.path]
        return Scope(parts=list(copies[0]), copies=names, count=len(copies))

    def look(self, part: Any) -> Any:
        """What makes two parts the same but for their names and numbers."""
        if isinstance(part, Scope):
            return part.kind, part.count, tuple(map(self.look, part.parts))
        steps = tuple((s.op, tuple(self.values[v].shape for v in s.inputs)) for s in part.steps)
        title = part.title if part.steps else ""  # names of leaves differ
        return part.kind, title, part.shape, steps, tuple(text for text, _, _ in part.rows)

    def folded_edges(self) -> list[tuple[Item, Item]]:
        """The edges between what is shown; those from one copy to the next are left out."""
        shown = {member: item for item, members in self.stands_for.items() for member in members}
        found: dict[tuple[Item, Item], None] = {}
        for a, b in self.edges:
            marks, others = self.marks.get(a, {}), self.marks.get(b, {})
            within = all(marks[fold] == others[fold] for fold in marks.keys() & others.keys())
            a, b = shown.get(a, a), shown.get(b, b)
            if within and a is not b:
                found[a, b] = None
        return list(found)


def moves(step: Step) -> bool:
    """Whether an op only moves numbers."""
    return step.op in MOVES or bool(getattr(registry.get(step.op), "view", False))


def nan_first(x: float) -> float:
    return math.inf if math.isnan(x) else x


def figures(value: Value) -> str:
    """Values of a small array, figures of a large one."""
    if value.array is None:
        return ", ".join(f"{k} {x:.3g}" for k, x in (value.stats or {}).items())
    if value.array.size <= 8:
        return np.array2string(value.array, precision=4, separator=", ")
    x = value.array.astype(np.float64)
    return f"min {x.min():.3g}, max {x.max():.3g}, mean {x.mean():.3g}, std {x.std():.3g}"


def parents(scope: Scope) -> Iterator[tuple[Any, Scope]]:
    """(part, the frame around it) of everything inside."""
    for part in scope.parts:
        yield part, scope
        if isinstance(part, Scope):
            yield from parents(part)


def chain(part: Any, above: dict) -> list[Scope]:
    """The frames around a part, the innermost first."""
    found = []
    while part in above:
        part = above[part]
        found.append(part)
    return found


def place_for(frame: Scope, users: list[Item]) -> int:
    """Where a leaf goes among the parts of a frame: before its only user, or in front of all."""
    near = [i for i, part in enumerate(frame.parts) if {*users} & {*all_items([part])}]
    if len(near) == 1:
        return near[0]
    return next(i for i, part in enumerate(frame.parts) if not isinstance(part, Item) or part.steps)


def all_items(parts: Iterable[Any]) -> list[Item]:
    """The items in some parts, in order."""
    return [item for part in parts for item in items_of(part)]  # type: ignore[misc]


def of_module(part: Any) -> bool:
    return isinstance(part, Scope) or bool(part.path)


def repeated(looks: list[Any]) -> tuple[int, int]:
    """(period, count) of the repetition at the start that covers most; (1, 1) if there is none.

    Two parts in a row are enough if it is one part that repeats, several must come three times.
    """
    best = 1, 1
    for period in range(1, LONGEST + 1):
        count = 1
        while (
            looks[:period] == looks[count * period : (count + 1) * period] and looks[0] is not None
        ):
            count += 1
        enough = count >= (2 if period == 1 else 3)
        if enough and None not in looks[:period] and period * count > best[0] * best[1]:
            best = period, count
    return best
