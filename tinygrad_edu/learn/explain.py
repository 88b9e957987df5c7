"""explain(loss): the backward pass in text, in the order of the engine's own walk."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..nn.module import Module
from . import trace
from .mathml import statements
from .trace import Step, Trace, Value
from .values import Seen, statistics
from .walked import BackStep, Piece

INLINE = 6  # numbers that fit into a line
SHOWN = 48  # numbers that are written out at all
INDENT = " " * 6
G = (
    "g is the cotangent of an op's output: for each of its numbers, how fast the loss moves with\n"
    "it. A leaf is a tensor that no op made and that gets a gradient."
)


def explain(
    loss: Tensor | Callable[[], Tensor],
    model: Module | None = None,
    names: dict[str, Tensor] | None = None,
    *,
    digits: int = 4,
) -> Explanation:
    """What `loss.backward()` does, step by step: `print(tinygrad_edu.explain(loss))`.

    The values are those of the engine's own walk. It keeps the graph and changes no `.grad`, so
    that `loss.backward()` can follow. Hooks are called, as they are part of a walk.

    Args:   loss: a tensor, or a function without arguments that returns one. The function is
            recorded, so that every value is known; from a tensor that was computed outside
            `record()` those are known that the graph keeps.
            model: its parameters are called by its names. names: names of further leaves.
            digits: significant digits of the numbers.
    Raises: GraphError if the loss has no graph, was freed, or holds more than one number.
    """
    return Explanation(trace.of(loss, model, names), digits)


class Explanation:
    """The text, and what it was made from: `trace`, the program, and `backs`, the walk."""

    def __init__(self, traced: Trace, digits: int = 4):
        self.trace, self.digits = traced, digits
        self.backs = traced.backward()

    def __str__(self) -> str:
        parts = [self.heading(), "Forward\n", *map(self.forward, self.trace.steps)]
        parts += [f"Backward, from the loss to the leaves\n\n{G}\n", *map(self.back, self.backs)]
        parts.append(self.ending())
        return "\n".join(parts)

    __repr__ = __str__

    # ---- forward ----

    def heading(self) -> str:
        t = self.trace
        loss = t.values[t.result]
        ops, leaves = len(t.steps), len(t.leaves)
        return (
            f"{loss.name} = {self.array(loss.array)}: {many(ops, 'op')} forward,"
            f" {many(len(self.backs), 'step')} back to {many(leaves, 'leaf', 'leaves')}.\n"
        )

    def forward(self, step: Step) -> str:
        given = [self.value_of(name, i) for name, i in zip(step.names, step.inputs)]
        given += [f"{k} = {v!r:.60}" for k, v in step.settings.items()]
        lines = [self.title(step)]
        lines += [field("in", text) for text in given]
        lines += [field("out", self.value_of("", i)) for i in step.outputs]
        if step.kept:
            names = ", ".join(step.kept)
            lines.append(field("keeps", f"{names} for the backward"))
        return "\n".join(lines) + "\n"

    def title(self, step: Step) -> str:
        layer = f"{step.layer} {step.module}".strip()
        rest = "  ".join(filter(None, (layer and f"[{layer}]", step.where)))
        return f"{step.index:>4}. {step.op:<{20 if rest else 0}} {rest}".rstrip()

    def value_of(self, name: str, i: int) -> str:
        """`weight = w (2, 3) from op 4: numbers`."""
        value = self.trace.values[i]
        left = f"{name} = " if name and name != value.name else ""
        return f"{left}{self.known_as(value, bool(name))}{self.numbers(value)}"

    def known_as(self, value: Value, source: bool = True) -> str:
        """`h (2,) from op 3`."""
        made = f" from op {value.step}" if source and value.step is not None else ""
        shape = "" if value.shape is None else f" {tuple(value.shape)}"
        return f"{value.name}{shape}{made}".strip()

    def numbers(self, x: Value | Seen) -> str:
        if x.array is not None:
            return self.after(x.array)
        if x.stats is not None:
            return f": {self.figures(x.stats)}"
        return ": not recorded"

    # ---- backward ----

    def back(self, b: BackStep) -> str:
        if b.step is None:
            return self.leaf(b)
        step = self.trace.steps[b.step]
        lines = [self.title(step)]
        lines += [field("formula", rule) for rule in rules_of(step)]
        for value, g, senders in zip(b.values, b.cotangents, b.arrived):
            lines.append(field("arrives", self.arrival("g", value, g, senders)))
        lines += [field("sends", self.piece(step, p)) for p in b.pieces]
        if b.freed:
            lines.append(
                field("frees", f"{', '.join(b.freed)}, as backward() does (not this walk)")
            )
        return "\n".join(lines) + "\n"

    def leaf(self, b: BackStep) -> str:
        value = self.trace.values[b.values[0]]
        text = self.arrival("grad", value.id, b.cotangents[0], b.arrived[0])
        return f"leaf  {self.known_as(value)}\n{field('arrives', text)}\n"

    def arrival(self, name: str, value: int, g: Seen | None, senders: list) -> str:
        """What a step receives, and the parts it was added from."""
        if g is None:
            return f"{name}: nothing depends on it, so zeros stand in"
        total = f"{name} {g.shape}{self.numbers(g)}"
        if len(senders) < 2:
            return total
        parts = [p for b in self.backs for p in b.pieces if p.to == value]
        froms = [self.origin(s) for s in senders]
        rows = [f"  {self.numbers(p.seen)[2:]}  from {f}" for p, f in zip(parts, froms)]
        return "\n".join([f"{len(rows)} cotangents, which add up:", *rows, f"  = {total}"])

    def origin(self, sender: int | None) -> str:
        if sender is None:
            return "the start"
        step = self.backs[sender].step
        return "a leaf" if step is None else f"op {step} ({self.trace.steps[step].op})"

    def piece(self, step: Step, p: Piece) -> str:
        to = self.trace.values[p.to]
        goal = f"op {to.step}" if to.step is not None else to.name
        summed = ", summed over the dims that broadcasting added" if p.summed else ""
        return f"d {p.name} {p.seen.shape} to {goal}{summed}{self.numbers(p.seen)}"

    def ending(self) -> str:
        end = "No .grad was changed and the graph is kept: backward() can follow."
        if any(v.array is None and v.stats is None for v in self.trace.values):
            end += f"\nSome values were {trace.HOW}."
        return end

    # ---- numbers ----

    def after(self, array: np.ndarray) -> str:
        text = self.array(array)
        return f": {text}" if "\n" not in text else ":\n" + textwrap.indent(text, INDENT)

    def array(self, array: np.ndarray | None) -> str:
        """Numbers of a small array, figures of a large one."""
        if array is None:
            return "not recorded"
        if array.size > SHOWN:
            return self.figures(statistics(array))
        form: Any = {"float_kind": lambda x: f"{x:.{self.digits}g}"}
        text = np.array2string(array, formatter=form, separator=", ", max_line_width=88)
        return text if array.size > INLINE else " ".join(text.split())

    def figures(self, stats: dict[str, float]) -> str:
        return ", ".join(f"{name} {x:.{self.digits}g}" for name, x in stats.items()) or "empty"


def rules_of(step: Step) -> list[str]:
    """The statements of an op's formula: all but those of inputs that get no cotangent."""
    unwanted = {n.split("[")[0] for n, wanted in zip(step.names, step.wanted) if not wanted}
    unwanted |= step.attrs.keys()
    parts = statements(step.formula)
    return [p for p in parts if not any(p.startswith(f"d {name} =") for name in unwanted)] or parts


def field(name: str, text: str) -> str:
    """A line of a step: `      name     text`, with further lines below the text."""
    first, *more = text.split("\n")
    return "\n".join([f"{INDENT}{name:<8} {first}", *(f"{INDENT}{' ' * 9}{line}" for line in more)])


def many(n: int, one: str, more: str = "") -> str:
    return f"{n} {one if n == 1 else more or one + 's'}"
