"""Graphs with frames: boxes that hold boxes, such as the layers of a network with their ops.

Each frame is placed by `layout.place` on its own, the innermost first; in the frame around it, it
is one box. An edge that crosses a frame's border does so at a port, at its upper or lower side, and
is drawn in pieces: to the port, and on from there.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from .layout import Box, Point, Route, place

LABEL = 24.0  # height for the name of a frame, above what it holds
GAP = 18.0, 26.0
MARGIN = 12.0


@dataclass(eq=False)
class Frame:
    """A frame around items (any hashable) and other frames."""

    name: Hashable = None
    parts: list[Hashable | Frame] = field(default_factory=list)


@dataclass
class Piece:
    """A part of an edge from item `source`, to item `target` or to the border of a frame (None)."""

    source: Hashable
    target: Hashable | None
    points: tuple[Point, ...]

    def path(self) -> str:
        """The `d` of an SVG path."""
        return Route(self.source, self.target, self.points).path()


@dataclass
class Nested:
    """Boxes of items and of frames (without the outermost), the pieces of all edges, and the size.

    `into` and `out`: for each source whose edge crosses the border, where it does.
    """

    boxes: dict[Hashable, Box]
    frames: list[tuple[Frame, Box]]
    pieces: list[Piece]
    width: float
    height: float
    into: dict[Hashable, float] = field(default_factory=dict)
    out: dict[Hashable, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """A place on a frame's border: for the value of `source`."""

    source: Hashable
    inward: bool


def arrange(
    frame: Frame,
    sizes: Mapping[Hashable, tuple[float, float]],
    edges: Iterable[tuple[Hashable, Hashable]],
    widths: Mapping[Frame, float] | None = None,
    label: float = 0.0,
) -> Nested:
    """Place items and frames.

    Args:   frame: the outermost; each item stands in one frame.
            sizes: item → (width, height). widths: the least width of frames.
            edges: (source item, target item); of equal ones the first counts. Between two parts of
                a frame they must make no cycle.
            label: free height at the top, for the frame's name.
    """
    edges, widths = list(dict.fromkeys(edges)), widths or {}
    part_of = {item: part for part in frame.parts for item in items_of(part)}
    ports: dict[Port, None] = {}
    links: dict[tuple, None] = {}  # (part or port, part or port, source, target)
    for source, target in edges:
        a, b = part_of.get(source), part_of.get(target)
        if a is None:
            ports[Port(source, True)] = None
        if b is None:
            ports[Port(source, False)] = None
        a, b = a or Port(source, True), b or Port(source, False)
        if a is not b:
            end = target if b is target else None
            links[a, b, source, end] = None
    inner = {
        part: arrange(part, sizes, touching(part, edges), widths, LABEL)
        for part in frame.parts
        if isinstance(part, Frame)
    }
    room: dict[Hashable, tuple[float, float]] = dict.fromkeys(ports, (6.0, 0.0))
    for part in frame.parts:
        box = inner.get(part) if isinstance(part, Frame) else None
        room[part] = (box.width, box.height) if box else sizes[part]
    fixed = {i: ends_of(inner, a, b, source) for i, (a, b, source, _) in enumerate(links)}
    found = place(
        room,
        [(a, b) for a, b, _, _ in links],
        GAP,
        MARGIN,
        ports=fixed,
        first=[port for port in ports if port.inward],
        last=[port for port in ports if not port.inward],
    )
    return put_together(frame, links, ports, inner, found, widths.get(frame, 0.0), label)


def put_together(frame, links, ports, inner, found, least, label) -> Nested:
    """The picture of a frame from those of its parts."""
    width = max(found.width, least)
    dx, dy = (width - found.width) / 2, label
    result = Nested({}, [], [], width, found.height + label)
    for part in frame.parts:
        box = moved(found.boxes[part], dx, dy)
        if not isinstance(part, Frame):
            result.boxes[part] = box
            continue
        below = inner[part]
        result.frames.append((part, box))
        result.frames += [(f, moved(b, box.x, box.y)) for f, b in below.frames]
        result.boxes |= {item: moved(b, box.x, box.y) for item, b in below.boxes.items()}
        result.pieces += [
            Piece(p.source, p.target, shifted(p.points, box.x, box.y)) for p in below.pieces
        ]
    for (a, b, source, target), route in zip(links, found.routes):
        points = shifted(route.points, dx, dy)
        if isinstance(a, Port):  # from the border itself
            points = ((points[0][0], 0.0), *points)
        if isinstance(b, Port):
            points = (*points, (points[-1][0], result.height))
        result.pieces.append(Piece(source, target, tuple(dict.fromkeys(points))))
    for port in ports:
        side = result.into if port.inward else result.out
        side[port.source] = found.boxes[port].centre[0] + dx
    return result


def items_of(part: Hashable | Frame) -> list[Hashable]:
    """All items in a part."""
    if not isinstance(part, Frame):
        return [part]
    return [item for inner in part.parts for item in items_of(inner)]


def touching(frame: Frame, edges: list[tuple[Hashable, Hashable]]) -> list:
    """The edges with an end in the frame."""
    inside = set(items_of(frame))
    return [edge for edge in edges if edge[0] in inside or edge[1] in inside]


def ends_of(inner: Mapping, a: Hashable, b: Hashable, source: Hashable) -> tuple:
    """Where an edge must leave a and arrive at b: at the ports of frames, and straight at ours."""
    start = inner[a].out[source] if a in inner else None
    end = inner[b].into[source] if b in inner else None
    return (3.0 if isinstance(a, Port) else start), (3.0 if isinstance(b, Port) else end)


def moved(box: Box, dx: float, dy: float) -> Box:
    return Box(box.x + dx, box.y + dy, box.width, box.height)


def shifted(points: Iterable[Point], dx: float, dy: float) -> tuple[Point, ...]:
    return tuple((x + dx, y + dy) for x, y in points)
