"""draw(): a picture of the graph behind a loss, with the size of its gradients as colour."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Hashable
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..engine.errors import GraphError, ShapeError
from ..engine.tensor import Tensor
from ..nn.module import Module
from . import trace as traces
from .layout import Box, number
from .nested import Frame, Nested, arrange
from .scene import Group, Line, Rect, Scene, Text, html, paint, svg, text_width
from .sketch import Item, Scope, Sketcher, parents, relative

SCALE = ((54, 92, 168), (34, 143, 141), (214, 152, 40), (200, 62, 72))  # small to large
NO_NUMBER = "#c026d3"  # NaN or infinity
TITLE, NOTE, LINE, PAD = 12.5, 10.5, 14.0, 10.0
BAND = 5.0  # width of the coloured band of a box
KINDS = {"op": 7.0, "module": 4.0, "leaf": 11.0, "data": 11.0}  # radius of the corners


def draw(
    loss: Tensor | Callable[[], Tensor],
    level: str = "op",
    model: Module | None = None,
    names: dict[str, Tensor] | None = None,
    collapse: bool = True,
) -> Drawing:
    """Draw the graph behind a loss: ops or modules, shapes, names, and how large gradients are.

    The gradients are those of the engine's own walk back. No `.grad` changes, and the graph can
    still be used.

    Args:   loss: a tensor, or a function without arguments that returns one. With a function the
                picture also shows in which modules the ops were called.
            level: "op" for every op, "module" for layers.
            model: gives the parameters their names. names: names of further tensors.
            collapse: show layers that repeat one after the other once, with their number.
    Raises: ShapeError if level is unknown; DTypeError if there is no tensor; GraphError if no op
            made the loss.
    Note:   the result shows itself in a notebook; `.svg` is its text and `.save("x.svg")` writes
            it, as `.html` or `.png` too.
    """
    if level not in ("op", "module"):
        raise ShapeError(
            f"draw: level must be 'op' or 'module', got {level!r}. Choose one of them."
        )
    found = traces.of(loss, model, names)
    if not found.steps:
        raise GraphError(
            "draw: loss must come from ops on a tensor with requires_grad=True, got a tensor of"
            f" shape {tuple(found.loss.shape)} without a graph. Set requires_grad on the inputs, or"
            " give a function: draw(lambda: ...)."
        )
    if any(step.path for step in found.steps):
        place_writes(found)
    elif model is not None:
        place_in_modules(found, model)
    try:
        backs, note = found.backward(), ""
        if not any(step.recorded for step in found.steps):
            note = "Not recorded: draw(lambda: ...) also shows data and calls of modules."
    except GraphError as error:  # nothing requires gradients, or the graph was freed
        backs, note = [], f"No gradients: {error}"
    sketch = Sketcher(found, backs, level).sketch(collapse)
    return Drawing(found, sketch, level, note)


def place_writes(found: traces.Trace) -> None:
    """Put what the engine itself adds where memory is written in place, which is no call, into the
    modules of the op before it.
    """
    for before, step in pairwise(found.steps):
        if not step.recorded:
            step.path = before.path


def place_in_modules(found: traces.Trace, model: Module) -> None:
    """Where no call of a module was recorded, put ops that read a parameter into its module."""
    values = {v.id: v for v in found.values}
    kinds = {name: type(module).__name__ for name, module in model.named_modules()}
    for step in found.steps:
        homes = [values[v].name.rpartition(".")[0] for v in step.inputs if values[v].kind == "leaf"]
        homes = [home for home in homes if home in kinds]
        if homes:
            step.path = [(homes[0], kinds[homes[0]], step.index)]


class Drawing:
    """A picture of a graph. In a notebook it shows itself."""

    def __init__(self, found: traces.Trace, sketch: Any, level: str, note: str):
        self.trace, self.sketch, self.level, self.note = found, sketch, level, note

    @cached_property
    def scene(self) -> Scene:
        return Artist(self).scene()

    @cached_property
    def svg(self) -> str:
        """The text of the picture."""
        return svg(self.scene)

    def save(self, path: Any) -> None:
        """Write the picture; the name's end says how: .svg, .html or .png.

        Raises: ShapeError for another end; ImportError for .png without Matplotlib.
        """
        end = Path(path).suffix.lower()
        if end == ".svg":
            Path(path).write_text(self.svg, encoding="utf-8")
        elif end == ".html":
            Path(path).write_text(html(self.scene), encoding="utf-8")
        elif end == ".png":
            paint_png(self.scene, path)
        else:
            raise ShapeError(
                f"save: the name must end with .svg, .html or .png, got {str(path)!r}. Choose one."
            )

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        return f'<div style="overflow-x:auto">{self.svg}</div>'

    def __repr__(self) -> str:
        return f"<{self.scene.title}; .save('graph.svg') writes it>"


def paint_png(scene: Scene, path: Any) -> None:
    try:
        paint(scene, path)
    except ImportError as error:
        raise ImportError(
            "save: a .png needs Matplotlib, got none. Install it with pip install"
            " 'tinygrad_edu[cli]', or save as .svg."
        ) from error


class Artist:
    """Draws a sketch."""

    def __init__(self, drawing: Drawing):
        self.sketch, self.trace, self.level = drawing.sketch, drawing.trace, drawing.level
        self.notes = textwrap.wrap(drawing.note, 52)
        self.shapes: list[Any] = []
        self.home = {x: frame.path for x, frame in parents(self.sketch.root)}
        self.items = [x for x in everything(self.sketch.root) if isinstance(x, Item)]
        sizes = [
            x for i in self.items for x in (*i.grads, *(g for _, row, _ in i.rows for g in row))
        ]
        sizes = [x for x in sizes if x > 0 and math.isfinite(x)]
        self.low, self.high = (min(sizes), max(sizes)) if sizes else (0.0, 0.0)

    def scene(self) -> Scene:
        root = self.sketch.root
        sizes: dict[Hashable, tuple[float, float]] = {
            item: self.size_of(item) for item in self.items
        }
        labels = dict(frame_labels(root, ""))
        widths = {f: text_width(label, TITLE, True) + 24 for f, label in labels.items()}
        found = arrange(root, sizes, self.sketch.edges, widths)
        top = 58.0 + LINE * len(self.notes)
        width = max(found.width, 330.0)
        dx = (width - found.width) / 2
        for frame, box in found.frames:
            self.draw_frame(frame, shifted(box, dx, top))
        self.draw_edges(found, dx, top)
        for frame, box in found.frames:
            at = box.x + dx + 10, box.y + top + 17
            self.shapes.append(Text(*at, labels[frame], 12, "ink", True, halo="frame"))
        for item, box in found.boxes.items():
            assert isinstance(item, Item)
            self.draw_item(item, shifted(box, dx, top))
        self.draw_head()
        return Scene(width, found.height + top, self.title(), self.description(), self.shapes)

    def title(self) -> str:
        """What the picture shows, in one line."""
        leaves = [v for v in self.trace.leaves if v.shape is not None]
        count = sum(math.prod(v.shape or ()) for v in leaves)
        result = next(v for v in self.trace.values if v.id == self.trace.result)
        return (
            f"Graph of {result.name or 'the loss'} at {self.level} level: {len(self.trace.steps)}"
            f" ops, {len(leaves)} leaves with {count:,} numbers"
        )

    def description(self) -> str:
        """The items in forward order, for those who do not see the picture."""
        parts = []
        for item in self.items:
            size = "" if item.grad is None else f", gradient {short(item.grad)}"
            path = f" of {item.path}" if item.path else ""
            parts.append(f"{item.title}{path} ({item.shape}{size})")
        return "From the inputs to the loss: " + "; ".join(parts) + "."

    # ---- pieces ----

    def draw_head(self) -> None:
        """The title and the legend."""
        words = self.title().split(": ")
        self.shapes.append(Text(12, 19, words[0], 13.0, bold=True))
        self.shapes.append(Text(12, 34, words[1], NOTE, "dim"))
        for i, line in enumerate(self.notes):
            self.shapes.append(Text(12, 48 + LINE * (i + bool(self.high)), line, NOTE, "dim"))
        if not self.high:
            return
        x, y, size = 12.0, 42.0, 100.0
        for i in range(20):
            ink = mix(i / 19)
            self.shapes.append(Rect(x + i * size / 20, y, size / 20 + 0.4, 8, ink, ink, weight=0))
        text = f"{short(self.low)} to {short(self.high)}: RMS of the gradient"
        self.shapes.append(Text(x + size + 8, y + 8, text, NOTE, "dim"))

    def draw_frame(self, frame: Frame, box: Box) -> None:
        assert isinstance(frame, Scope)
        if frame.count > 1:  # a pile
            for step in (6.0, 3.0):
                far = Rect(box.x + step, box.y + step, box.width, box.height, "frame", radius=8)
                self.shapes.append(far)
        self.shapes.append(Rect(box.x, box.y, box.width, box.height, "frame", radius=8))

    def draw_edges(self, found: Nested, dx: float, top: float) -> None:
        for piece in found.pieces:
            points = tuple((x + dx, y + top) for x, y in piece.points)
            path = type(piece)(piece.source, piece.target, points).path()
            assert isinstance(piece.source, Item)
            ink = self.colour(piece.source.grad)
            self.shapes.append(Line(path, ink or "line", 1.6, ink is None))
            if piece.target is not None:
                x, y = points[-1]
                tip = f"M{number(x)} {number(y)}L{number(x - 3.5)} {number(y - 7)}"
                tip += f"L{number(x + 3.5)} {number(y - 7)}Z"
                self.shapes.append(Line(tip, ink or "line", 0.5, fill=ink or "line"))

    def draw_item(self, item: Item, box: Box) -> None:
        ink, radius = self.colour(item.grad), KINDS[item.kind]
        flat = item.kind == "data" or item.grad is None
        group = Group(self.tip(item))
        group.shapes.append(
            Rect(box.x, box.y, box.width, box.height, "card", ink or "line", radius, flat, 1.4)
        )
        if ink:
            inset = radius / 2 + 1
            band = Rect(box.x, box.y + inset, BAND, box.height - 2 * inset, ink, ink, weight=0)
            group.shapes.append(band)
        x, y = box.x + PAD + BAND, box.y + 17.0
        for text, size, style, bold in self.lines_of(item):
            group.shapes.append(Text(x, y, text, size, style, bold))
            y += LINE
        for text, sizes, learnt in item.rows:
            self.draw_row(group, text, sizes, learnt, x, y)
            y += LINE
        self.shapes.append(group)

    def lines_of(self, item: Item) -> list[tuple[str, float, str, bool]]:
        """(text, size, colour, bold) of the lines of a box, without the rows."""
        lines = [(item.title, TITLE, "ink", True)]
        name = relative(item.path, self.home[item])
        if name:
            lines.append((name, NOTE, "dim", False))
        lines.append((with_size(item.shape, item.grad), NOTE, "dim", False))
        return lines

    def size_of(self, item: Item) -> tuple[float, float]:
        lines = self.lines_of(item)
        widths = [text_width(text, size, bold) for text, size, _, bold in lines]
        widths += [text_width(with_size(t, root_mean(g)), NOTE) + 12 for t, g, _ in item.rows]
        return max(widths) + 2 * PAD + BAND, 12.0 + LINE * (len(lines) + len(item.rows))

    def draw_row(
        self, group: Group, text: str, sizes: list[float], learnt: bool, x: float, y: float
    ) -> None:
        """A parameter of a module, with a spot of its gradient's colour."""
        size = root_mean(sizes)
        ink = self.colour(size)
        spot = Rect(x, y - 8, 8, 8, ink or "card", ink or "line", 2, not learnt)
        group.shapes += [spot, Text(x + 12, y, with_size(text, size), NOTE, "dim")]

    def tip(self, item: Item) -> str:
        many = f"\nRMS of the gradients: {', '.join(map(short, item.grads))}" if item.grads else ""
        return f"{item.tip}{many}"

    def colour(self, size: float | None) -> str | None:
        """The colour of a gradient; None where there is none."""
        if size is None or size == 0:
            return None
        if not math.isfinite(size):
            return NO_NUMBER
        if self.high <= self.low * 1.0001:
            return mix(0.5)
        at = math.log(size / self.low) / math.log(self.high / self.low)
        return mix(min(max(at, 0.0), 1.0))


def mix(at: float) -> str:
    """The colour at a place of the scale, from 0 to 1."""
    at *= len(SCALE) - 1
    i = min(int(at), len(SCALE) - 2)
    parts = [round(a + (b - a) * (at - i)) for a, b in zip(SCALE[i], SCALE[i + 1])]
    return "#" + "".join(f"{part:02x}" for part in parts)


def root_mean(sizes: list[float]) -> float | None:
    return math.sqrt(sum(x * x for x in sizes) / len(sizes)) if sizes else None


def short(size: float) -> str:
    return f"{size:.2g}"


def with_size(text: str, size: float | None) -> str:
    """A text and the size of a gradient."""
    return text if size is None else f"{text} · ∇ {short(size)}"


def frame_labels(scope: Scope, above: str) -> Any:
    """(frame, text) of every frame inside."""
    for part in scope.parts:
        if isinstance(part, Scope):
            yield part, part.label(above)
            yield from frame_labels(part, part.path or above)


def everything(scope: Scope) -> Any:
    """All frames and items inside, in order."""
    for part in scope.parts:
        yield part
        if isinstance(part, Scope):
            yield from everything(part)


def shifted(box: Box, dx: float, dy: float) -> Box:
    return Box(box.x + dx, box.y + dy, box.width, box.height)
