"""stepper(loss, "step.html"): one page to step through a program and its walk back.

The page holds everything that it needs: numbers, formulas, pictures and scripts. It asks no other
address and needs no server. `page.html`, `page.css` and `page.js` beside this file are put together
with the trace; `words.json` has its texts in English and Chinese.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from ...engine.device import registry
from ...engine.tensor import Tensor
from ...files import write_atomically
from ...nn.module import Module
from .. import trace
from ..layout import place
from ..mathml import GREEK, mathml, statements
from ..trace import Step, Trace, Value
from ..values import number
from ..walked import BackStep
from .follow import follow

HERE = Path(__file__).parent
NUMBERS = 40_000  # on a page, at most
FOLLOWED = 60_000  # places that say where numbers came from
LARGEST = 980_000  # bytes of a page; fewer numbers are shown on one that would be larger
RULE = re.compile(r",\s+(?=d \w+ (?:=|likewise))")  # between "d input = g" and "d other = g"


def stepper(
    loss: Tensor | Callable[[], Tensor],
    path: str | Path = "step.html",
    model: Module | None = None,
    names: dict[str, Tensor] | None = None,
    *,
    title: str | None = None,
) -> Path:
    """Write a page that shows the graph, each op forward and each step of the real walk back.

    `tinygrad_edu.stepper(lambda: loss_of(model, x, y), "step.html")`, then open the file.

    Args:   loss: a tensor, or a function without arguments that returns one, which is recorded so
            that every value is known. model: its parameters are called by its names. names: names
            of further leaves. title: what the page is called.
    Note:   the page stays below 1 MB: the largest tensors are given by figures. The graph is kept,
            and no `.grad` is changed.
    Raises: GraphError if the loss has no graph, was freed, or holds more than one number.
    """
    target = Path(path)
    write_atomically(target, page(trace.of(loss, model, names), title).encode())
    return target


def page(traced: Trace, title: str | None = None) -> str:
    """The text of the page."""
    backs, text = traced.backward(), ""
    for share in (1.0, 0.5, 0.25, 0.1, 0.0):
        text = filled(told(traced, backs, share), title)
        if len(text.encode()) <= LARGEST:
            break
    return text


def filled(data: dict, title: str | None) -> str:
    """The files of this folder, put together with what the page shows."""
    words = json.loads((HERE / "words.json").read_text(encoding="utf-8"))
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for mark, content in (
        ("/*CSS*/", (HERE / "page.css").read_text(encoding="utf-8")),
        ("/*WORDS*/", in_script(words)),
        ("/*DATA*/", in_script({**data, "title": title or ""})),
        ("/*JS*/", (HERE / "page.js").read_text(encoding="utf-8")),
        ("<!--TITLE-->", escape(title or words["en"]["title"])),
    ):
        text = text.replace(mark, content, 1)
    return text


def in_script(data: Any) -> str:
    """JSON that may stand inside a <script>."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def told(traced: Trace, backs: list[BackStep], share: float = 1.0) -> dict[str, Any]:
    """What the page shows: the trace, with formulas, places and ways back. `share`: of the numbers
    and places that a page may have.
    """
    data = traced.to_json(backs, int(share * NUMBERS))
    room = int(share * FOLLOWED)
    for step, entry in zip(traced.steps, data["steps"]):
        entry["settings"] = {k: said(v) for k, v in step.settings.items()}
        entry["numbers"] = {
            GREEK.get(k, k): number(v)
            for k, v in step.attrs.items()
            if isinstance(v, (int, float)) and not isinstance(v, bool)
        }
        entry["forward"], entry["rules"], entry["notes"] = formulas(step)
        ways = follow(step, traced)
        size = sum(len(m) for way in ways.values() for m in way.get("maps", ()))
        room -= size
        entry["ways"] = ways if room >= 0 else {}
        del entry["attrs"], entry["formula"]
    data["picture"] = picture(traced)
    return data


def said(value: Any) -> str:
    """A setting in few words."""
    text = str(trace.attrs_json(value)).replace("'", "")
    return text if len(text) <= 60 else text[:57] + "..."


# ---- formulas ------------------------------------------------------------------------------------


def formulas(step: Step) -> tuple[list[str], dict[str, str], list[str]]:
    """As MathML: the statements about the result, the rule of each input, and all others."""
    op = registry.get(step.op)
    names = {n.split("[")[0] for n in step.names} | {*step.attrs, *step.kept}
    names |= {*getattr(op, "outs", ()), *getattr(op, "residuals", ())}
    forward: list[str] = []
    notes: list[str] = []
    rules: dict[str, str] = {}
    for statement in statements(step.formula):
        for part in RULE.split(statement):
            (shown,) = mathml(part, names)
            found = re.match(r"d (\w+) ", part)
            of = found[1] if found else ""
            if of in names or of == "tensor_i":
                rules[of] = shown
            elif rules or found:
                notes.append(shown)
            else:
                forward.append(shown)
    by_input = {n: rules[base(n)] for n in step.names if base(n) in rules}
    notes += [r for n, r in rules.items() if n not in map(base, step.names)]
    return forward, by_input, notes


def base(name: str) -> str:
    """`tensor_i` for `tensors[2]`, as formulas call it."""
    return "tensor_i" if name.startswith("tensors[") else name


# ---- the graph -----------------------------------------------------------------------------------


def picture(traced: Trace) -> dict[str, Any]:
    """Where the boxes stand and how the edges run."""
    sizes: dict[Any, tuple[float, float]] = {}
    edges: list[tuple[str, str]] = []
    values: list[int] = []  # of each edge
    first_use = {i: s.index for s in reversed(traced.steps) for i in s.inputs}
    for v in traced.values:
        if v.step is None and v.id in first_use:
            sizes[f"v{v.id}"] = wide(v.name or v.kind, shape_of(v)), 40.0
    for s in traced.steps:
        shapes = [shape_of(traced.values[i]) for i in s.outputs]
        sizes[f"s{s.index}"] = wide(s.op, *shapes), 40.0
    for s in traced.steps:
        for i in s.inputs:
            made = traced.values[i].step
            edges.append((f"v{i}" if made is None else f"s{made}", f"s{s.index}"))
            values.append(i)
    placed = place(sizes, edges, gap=(16.0, 30.0))
    return {
        "width": round(placed.width),
        "height": round(placed.height),
        "boxes": {
            name: [round(b.x, 1), round(b.y, 1), round(b.width, 1), round(b.height, 1)]
            for name, b in placed.boxes.items()
        },
        "edges": [
            {"from": r.source, "to": r.target, "value": value, "path": r.path()}
            for r, value in zip(placed.routes, values)
        ],
    }


def wide(*lines: str) -> float:
    """The width of a box with these lines."""
    return max(64.0, 20.0 + 7.2 * max(map(len, lines)))


def shape_of(v: Value) -> str:
    return "?" if v.shape is None else " × ".join(map(str, v.shape)) or "number"
