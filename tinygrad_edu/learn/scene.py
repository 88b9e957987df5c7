"""A picture as rectangles, lines and texts: written as SVG, or painted as PNG by Matplotlib.

Colours that depend on the reader's light or dark scheme have names; see `LIGHT` and `DARK`.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any

from .layout import number

LIGHT = {
    "paper": "#ffffff",
    "frame": "#f3f5f8",
    "card": "#ffffff",
    "line": "#8a94a3",
    "ink": "#1c2430",
    "dim": "#566070",
}
DARK = {
    "paper": "#14181f",
    "frame": "#1c222c",
    "card": "#262e3a",
    "line": "#7d8899",
    "ink": "#eef2f7",
    "dim": "#a9b4c3",
}
FONT = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif"
NARROW, WIDE = set("iljtfrI.,:;'|()[]· "), set("mwMWGOQ@%×∇")


@dataclass
class Rect:
    x: float
    y: float
    width: float
    height: float
    fill: str = "card"
    stroke: str = "line"
    radius: float = 0.0
    dashed: bool = False
    weight: float = 1.0


@dataclass
class Line:
    """A path as SVG writes it, with M, L, C and Z and absolute coordinates."""

    path: str
    stroke: str = "line"
    weight: float = 1.5
    dashed: bool = False
    fill: str = "none"


@dataclass
class Text:
    x: float
    y: float  # of the base line
    text: str
    size: float = 12.0
    colour: str = "ink"
    bold: bool = False
    anchor: str = "start"
    halo: str = ""  # colour of a rim that keeps lines away


@dataclass
class Group:
    """Shapes that belong together, with a text that shows when the pointer rests on them."""

    title: str
    shapes: list[Rect | Line | Text] = field(default_factory=list)


@dataclass
class Scene:
    """All shapes, the later above the earlier; title and description are for screen readers."""

    width: float
    height: float
    title: str
    description: str
    shapes: list[Any] = field(default_factory=list)

    def flat(self) -> Iterator[Rect | Line | Text]:
        for shape in self.shapes:
            yield from shape.shapes if isinstance(shape, Group) else [shape]


def text_width(text: str, size: float, bold: bool = False) -> float:
    """About how wide a text is; no font is measured."""
    units = sum(0.36 if c in NARROW else 0.9 if c in WIDE else 0.6 for c in text)
    return units * size * (1.06 if bold else 1.0)


# ---- SVG -----------------------------------------------------------------------------------------


def svg(scene: Scene) -> str:
    """The text of an SVG that stands alone, or inside a page: its style touches nothing else."""
    body = "\n".join(group_svg(s) if isinstance(s, Group) else shape_svg(s) for s in scene.shapes)
    name = "g" + hashlib.sha256((scene.title + body).encode()).hexdigest()[:8]
    w, h = number(scene.width), number(scene.height)
    style = f".{name}{{{variables(LIGHT)}font-family:{FONT};max-width:100%;height:auto}}"
    style += f"@media (prefers-color-scheme: dark){{.{name}{{{variables(DARK)}}}}}"
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" class="{name}" viewBox="0 0 {w} {h}" width="{w}" \
height="{h}" role="img" aria-labelledby="{name}-title {name}-desc">
<title id="{name}-title">{escape(scene.title)}</title>
<desc id="{name}-desc">{escape(scene.description)}</desc>
<style>{style}</style>
<rect width="{w}" height="{h}" fill="{colour("paper")}"/>
{body}
</svg>
"""


def variables(palette: dict[str, str]) -> str:
    return "".join(f"--{name}:{value};" for name, value in palette.items())


def colour(name: str) -> str:
    return f"var(--{name})" if name in LIGHT else name


def group_svg(group: Group) -> str:
    return f"<g><title>{escape(group.title)}</title>{''.join(map(shape_svg, group.shapes))}</g>"


def shape_svg(shape: Rect | Line | Text) -> str:
    if isinstance(shape, Text):
        extra = ' font-weight="600"' if shape.bold else ""
        extra += f' text-anchor="{shape.anchor}"' if shape.anchor != "start" else ""
        if shape.halo:
            extra += f' paint-order="stroke" stroke="{colour(shape.halo)}" stroke-width="5"'
        return (
            f'<text x="{number(shape.x)}" y="{number(shape.y)}" font-size="{number(shape.size)}"'
            f' fill="{colour(shape.colour)}"{extra}>{escape(shape.text)}</text>'
        )
    dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
    ink = f'fill="{colour(shape.fill)}" stroke="{colour(shape.stroke)}"'
    ink += f' stroke-width="{number(shape.weight)}"{dash}'
    if isinstance(shape, Line):
        return f'<path d="{shape.path}" {ink}/>'
    x, y, w, h = map(number, (shape.x, shape.y, shape.width, shape.height))
    round_ = f' rx="{number(shape.radius)}"' if shape.radius else ""
    return f'<rect x="{x}" y="{y}" width="{w}" height="{h}"{round_} {ink}/>'


def html(scene: Scene) -> str:
    """A page that holds the picture and nothing else."""
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(scene.title)}</title>
<style>body{{margin:0;font-family:{FONT};color:{LIGHT["ink"]};background:{LIGHT["paper"]}}}
h1{{font-size:1rem;margin:1rem}}
div{{overflow:auto}}
div:focus-visible{{outline:3px solid #2b7bb9;outline-offset:-3px}}
div svg{{display:block;margin:auto;max-width:none}}
@media (prefers-color-scheme: dark){{
body{{color:{DARK["ink"]};background:{DARK["paper"]}}}}}</style>
</head>
<body><main><h1>{escape(scene.title)}</h1>
<div tabindex="0" role="region" aria-label="Picture">
{svg(scene)}</div></main></body>
</html>
"""


# ---- PNG -----------------------------------------------------------------------------------------


def paint(scene: Scene, path: Any, scale: float = 2.0) -> None:
    """Write a PNG in light colours.

    Args:   scale: pixels for each unit of the scene.
    Raises: ImportError without Matplotlib.
    """
    from matplotlib.figure import Figure

    dpi = 72 * scale
    figure = Figure(figsize=(scene.width / 72, scene.height / 72), dpi=dpi)
    figure.patch.set_facecolor(LIGHT["paper"])
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, scene.width), ylim=(scene.height, 0))
    axes.axis("off")
    for i, shape in enumerate(scene.flat()):
        paint_shape(axes, shape, i)
    figure.savefig(path, format="png")


def paint_shape(axes: Any, shape: Rect | Line | Text, order: int) -> None:
    from matplotlib.patches import FancyBboxPatch, PathPatch
    from matplotlib.patheffects import withStroke

    if isinstance(shape, Text):
        anchor = {"start": "left", "middle": "center", "end": "right"}[shape.anchor]
        look: dict[str, Any] = {"fontweight": "bold"} if shape.bold else {}
        look |= {"color": light(shape.colour), "ha": anchor, "va": "baseline", "zorder": order}
        text = axes.text(shape.x, shape.y, shape.text, fontsize=0.92 * shape.size, **look)
        if shape.halo:
            text.set_path_effects([withStroke(linewidth=5, foreground=light(shape.halo))])
        return
    fill = light(shape.fill)
    look = {"facecolor": fill, "edgecolor": light(shape.stroke), "linewidth": shape.weight}
    look |= {"linestyle": (0, (4, 3)) if shape.dashed else "-", "zorder": order}
    if isinstance(shape, Rect):
        style = f"round,pad=0,rounding_size={shape.radius}" if shape.radius else "square,pad=0"
        size = shape.width, shape.height
        axes.add_patch(FancyBboxPatch((shape.x, shape.y), *size, boxstyle=style, **look))
    else:
        axes.add_patch(PathPatch(matplotlib_path(shape.path), **look))


def light(name: str) -> str:
    return LIGHT.get(name, name)


def matplotlib_path(text: str) -> Any:
    from matplotlib.path import Path

    codes: list[Any] = []
    points: list[Sequence[float]] = []
    for letter, rest in re.findall(r"([MLCZ])([^MLCZ]*)", text):
        numbers = [float(x) for x in rest.split()]
        if letter == "Z":
            codes.append(Path.CLOSEPOLY)
            points.append((0.0, 0.0))
            continue
        pairs = list(zip(numbers[::2], numbers[1::2]))
        code = {"M": Path.MOVETO, "L": Path.LINETO, "C": Path.CURVE4}[letter]
        codes += [code] * len(pairs)
        points += pairs
    return Path(points, codes)
