"""Where the boxes of a graph stand and how its edges run, for pictures of graphs.

`place` works in layers. Each box gets a rank below those of all boxes that lead to it; an edge over
several ranks gets a waypoint in each of them; the order within a rank is chosen so that few edges
cross; and the positions within a rank, in that order, come as near as the widths allow to what the
neighbours wish. The same graph gives the same picture each time.

Reference: K. Sugiyama, S. Tagawa and M. Toda, 1981, "Methods for visual understanding of
           hierarchical system structures".
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from ..engine.errors import GraphError

SWEEPS = 12  # how often the order, and then the positions, are improved; the last from below
WAYPOINT = 6.0  # width of the lane that a long edge gets in each rank it passes
STRAIGHT = 1.0, 8.0, 64.0  # how much an edge wants to be straight with 0, 1, 2 ends at waypoints
FROM_SOURCE = 0.01  # the same of an edge whose source nothing leads to, such as a weight's
PORT_STEP = 12.0  # widest distance between two ends of edges at one side of a box

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """A placed node: its left upper corner and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> Point:
        return self.x + self.width / 2, self.y + self.height / 2


@dataclass(frozen=True)
class Route:
    """An edge as a line through `points`: straight down beside boxes, slanted between two ranks."""

    source: Hashable
    target: Hashable
    points: tuple[Point, ...]

    def path(self) -> str:
        """The `d` of an SVG path: slanted parts become curves that begin and end straight down (or
        straight to the right, in a picture that runs to the right).
        """
        (x, y), *others = self.points
        across = abs(self.points[0][1] - self.points[1][1]) < abs(x - others[0][0])
        text = f"M{number(x)} {number(y)}"
        for nx, ny in others:
            if x == nx or y == ny:
                text += f"L{number(nx)} {number(ny)}"
            else:
                mx, my = (x + nx) / 2, (y + ny) / 2
                bends = (mx, y, mx, ny) if across else (x, my, nx, my)
                text += f"C{' '.join(map(number, (*bends, nx, ny)))}"
            x, y = nx, ny
        return text


@dataclass(frozen=True)
class Layout:
    """Boxes by the names of their nodes, a route for each edge in the order given, and the size of
    the whole.
    """

    boxes: dict[Hashable, Box]
    routes: list[Route]
    width: float
    height: float


def number(value: float) -> str:
    """A coordinate with at most one digit after the point."""
    return f"{round(value, 1):g}"


@dataclass
class Graph:
    """What the steps of `place` share. Nodes are numbers; waypoints follow the given nodes."""

    widths: list[float]
    heights: list[float]
    count: int  # of given nodes
    into: list[list[int]] = field(default_factory=list)  # for each node those that lead to it
    out: list[list[int]] = field(default_factory=list)
    ranks: list[int] = field(default_factory=list)
    layers: list[list[int]] = field(default_factory=list)  # the nodes of each rank, in order
    x: list[float] = field(default_factory=list)  # centres

    def link(self, source: int, target: int) -> None:
        self.out[source].append(target)
        self.into[target].append(source)

    def add_waypoint(self, rank: int) -> int:
        self.widths.append(WAYPOINT)
        self.heights.append(0.0)
        self.into.append([])
        self.out.append([])
        self.ranks.append(rank)
        return len(self.widths) - 1


def place(
    sizes: Mapping[Hashable, tuple[float, float]],
    edges: Iterable[tuple[Hashable, Hashable]],
    gap: tuple[float, float] = (18.0, 30.0),
    margin: float = 12.0,
    direction: str = "down",
    ports: Mapping[int, tuple[float | None, float | None]] | None = None,
    first: Iterable[Hashable] = (),
    last: Iterable[Hashable] = (),
) -> Layout:
    """Place the nodes of a directed graph without cycles.

    Args:   sizes: node → (width, height). Nodes given earlier stand further left where nothing
                else decides.
            edges: (source, target); the same pair may come more than once.
            gap: least distance between two boxes of a rank, and between two ranks.
            margin: free space around the whole.
            direction: where edges lead, "down" or "right".
            ports: edge number → (distance from the source's left border at which the edge leaves,
                the same where it arrives at the target); None: anywhere.
            first: nodes that get a rank of their own above all others. last: the same below.
    Raises: GraphError if the edges make a cycle or name a node without a size.
    """
    if direction not in ("down", "right"):
        raise GraphError(
            f"place: direction must be 'down' or 'right', got {direction!r}. Choose one of them."
        )
    right = direction == "right"
    names, pairs = list(sizes), list(edges)
    index = {name: i for i, name in enumerate(names)}
    for i, pair in enumerate(pairs):
        if pair[0] not in index or pair[1] not in index:
            raise GraphError(
                f"place: edge {i} must join nodes that have a size, got {pair}. Add them to sizes."
            )
    given = [tuple(map(float, sizes[name][::-1] if right else sizes[name])) for name in names]
    n = len(names)
    graph = Graph([w for w, _ in given], [h for _, h in given], n)
    graph.into, graph.out = [[] for _ in names], [[] for _ in names]
    numbered = [(index[a], index[b]) for a, b in pairs]
    for source, target in numbered:
        graph.link(source, target)
    graph.ranks = ranks_of(graph, {index[a] for a in first}, {index[b] for b in last})
    chains = add_waypoints(graph, numbered)
    order(graph)
    position(graph, gap[0])
    bands = bands_of(graph, gap[1], margin)
    shift = margin - min((x - w / 2 for x, w in zip(graph.x, graph.widths)), default=0.0)
    graph.x = [x + shift for x in graph.x]
    boxes = [box_of(graph, bands, i) for i in range(n)]
    lines = lines_of(graph, chains, boxes, bands, ports or {})
    width = max((x + w / 2 for x, w in zip(graph.x, graph.widths)), default=0.0) + margin
    height = bands[-1][1] + margin if bands else 2 * margin
    if right:
        boxes = [Box(b.y, b.x, b.height, b.width) for b in boxes]
        lines = [tuple((y, x) for x, y in points) for points in lines]
        width, height = height, width
    routes = [Route(a, b, points) for (a, b), points in zip(pairs, lines)]
    return Layout(dict(zip(names, boxes)), routes, width, height)


# ---- ranks ---------------------------------------------------------------------------------------


def ranks_of(graph: Graph, first: set[int], last: set[int]) -> list[int]:
    """A rank for each node: the longest way to it. Then nodes that more edges leave than reach,
    such as weights, move down to their first user. `first` and `last` stand above and below.
    """
    waiting = [len(sources) for sources in graph.into]
    ready = [i for i, count in enumerate(waiting) if not count]
    ranks = [0] * graph.count
    for node in ready:  # grows while it runs: a topological order
        for target in graph.out[node]:
            ranks[target] = max(ranks[target], ranks[node] + 1)
            waiting[target] -= 1
            if not waiting[target]:
                ready.append(target)
    if len(ready) < graph.count:
        raise GraphError(
            f"place: the edges must make no cycle, got one among {graph.count - len(ready)} of"
            f" {graph.count} nodes. Leave out an edge that leads back."
        )
    for node in reversed(ready):
        if len(graph.out[node]) > len(graph.into[node]):
            ranks[node] = min(ranks[target] for target in graph.out[node]) - 1
    for pinned, rank in ((first, -1), (last, graph.count)):
        for node in pinned:
            ranks[node] = rank
    used = {rank: i for i, rank in enumerate(sorted({*ranks}))}
    return [used[rank] for rank in ranks]


def add_waypoints(graph: Graph, edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """Break long edges into steps of one rank; the nodes and waypoints of each edge."""
    graph.into, graph.out = [[] for _ in graph.into], [[] for _ in graph.out]
    chains = []
    for source, target in edges:
        between = range(graph.ranks[source] + 1, graph.ranks[target])
        chain = [source, *(graph.add_waypoint(rank) for rank in between), target]
        for pair in pairwise(chain):
            graph.link(*pair)
        chains.append(chain)
    return chains


# ---- order within a rank -------------------------------------------------------------------------


def order(graph: Graph) -> None:
    """Choose the order of each rank: by the mean place of the neighbours, from above and from below
    in turn; the order with the fewest crossings stays.
    """
    graph.layers = [[] for _ in range(max(graph.ranks, default=-1) + 1)]
    for node in first_order(graph):
        graph.layers[graph.ranks[node]].append(node)
    best, least = [list(layer) for layer in graph.layers], crossings(graph)
    for sweep in range(SWEEPS):
        if not least:
            break
        down = sweep % 2 == 0
        places = {node: i for layer in graph.layers for i, node in enumerate(layer)}
        for layer in graph.layers if down else reversed(graph.layers):
            sort_layer(layer, graph.into if down else graph.out, places)
        found = crossings(graph)
        if found < least:
            best, least = [list(layer) for layer in graph.layers], found
    graph.layers = best


def first_order(graph: Graph) -> list[int]:
    """All nodes, each after a walk that follows edges from the first node on: what belongs together
    stands together.
    """
    seen: set[int] = set()
    result = []
    for start in range(len(graph.widths)):
        stack = [start]
        while stack:
            node = stack.pop()
            if node not in seen:
                seen.add(node)
                result.append(node)
                stack += reversed(graph.out[node])
                stack += reversed(graph.into[node])
    return result


def sort_layer(layer: list[int], neighbours: list[list[int]], places: dict[int, int]) -> None:
    """Order a rank by the mean place of each node's neighbours; nodes without any stay in place."""
    keys = {
        node: sum(places[other] for other in near) / len(near)
        for node in layer
        if (near := neighbours[node])
    }
    moving = iter(sorted(keys, key=lambda node: keys[node]))  # stable: equal keys keep their order
    layer[:] = [next(moving) if node in keys else node for node in layer]
    places.update((node, i) for i, node in enumerate(layer))


def crossings(graph: Graph) -> int:
    """How often two edges cross."""
    total = 0
    for upper, lower in pairwise(graph.layers):
        places = {node: i for i, node in enumerate(lower)}
        ends: list[int] = []  # of the edges so far, sorted
        for node in upper:
            targets = sorted(places[target] for target in graph.out[node])
            total += sum(len(ends) - bisect_left(ends, place + 1) for place in targets)
            for place in targets:
                insort(ends, place)
    return total


# ---- positions -----------------------------------------------------------------------------------


def position(graph: Graph, gap: float) -> None:
    """Choose the centres: each rank in turn comes as near to the wishes of its neighbours as the
    widths allow.
    """
    graph.x = [0.0] * len(graph.widths)
    for layer in graph.layers:
        move(graph, layer, gap, [0.0] * len(layer), [1.0] * len(layer))
    for sweep in range(SWEEPS):
        down = sweep % 2 == 0
        for layer in graph.layers if down else reversed(graph.layers):
            settle(graph, layer, gap, down)


def settle(graph: Graph, layer: list[int], gap: float, down: bool) -> None:
    """Move a rank towards its neighbours above (down) or below (not down)."""
    wishes, weights = [], []
    for node in layer:
        ends = (
            [(other, node) for other in graph.into[node]]
            if down
            else [(node, other) for other in graph.out[node]]
        )
        near = [(b if a == node else a, pull(graph, a, b)) for a, b in ends]
        weight = sum(w for _, w in near)
        wishes.append(sum(graph.x[o] * w for o, w in near) / weight if near else graph.x[node])
        weights.append(weight or 0.01)
    move(graph, layer, gap, wishes, weights)


def pull(graph: Graph, source: int, target: int) -> float:
    """How much the edge wants to be straight."""
    waypoints = (source >= graph.count) + (target >= graph.count)
    return FROM_SOURCE if not graph.into[source] else STRAIGHT[waypoints]


def move(
    graph: Graph, layer: list[int], gap: float, wishes: list[float], weights: list[float]
) -> None:
    """Put the centres of a rank as near to the wishes as the widths and gaps allow."""
    widths = [graph.widths[node] for node in layer]
    room = [(a + b) / 2 + gap for a, b in pairwise(widths)]
    for node, x in zip(layer, apart(wishes, weights, room)):
        graph.x[node] = x


def apart(wishes: list[float], weights: list[float], room: list[float]) -> list[float]:
    """Positions with at least `room` between neighbours that minimise the weighted squares of the
    distances to the wishes.

    Without the room taken off, the positions must only not fall: neighbours that would are merged
    and share the mean of their wishes until none is left ("pool adjacent violators").
    """
    offsets = [0.0]
    for distance in room:
        offsets.append(offsets[-1] + distance)
    pools: list[tuple[float, float, int]] = []  # (mean, weight, number of members)
    for wish, weight, offset in zip(wishes, weights, offsets):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other, heavy, members = pools.pop()
            mean = (mean * weight + other * heavy) / (weight + heavy)
            weight, count = weight + heavy, count + members
        pools.append((mean, weight, count))
    means = [mean for mean, _, count in pools for _ in range(count)]
    return [mean + offset for mean, offset in zip(means, offsets)]


# ---- lines ---------------------------------------------------------------------------------------


def bands_of(graph: Graph, gap: float, margin: float) -> list[Point]:
    """Where each rank begins and ends."""
    bands, y = [], margin
    for layer in graph.layers:
        height = max(graph.heights[node] for node in layer)
        bands.append((y, y + height))
        y += height + gap
    return bands


def box_of(graph: Graph, bands: list[Point], node: int) -> Box:
    """In the middle of its rank; what nothing leads to stands low, close to its user."""
    width, height = graph.widths[node], graph.heights[node]
    top, bottom = bands[graph.ranks[node]]
    y = (top + bottom - height) / 2 if graph.into[node] else bottom - height
    return Box(graph.x[node] - width / 2, y, width, height)


def lines_of(
    graph: Graph,
    chains: list[list[int]],
    boxes: list[Box],
    bands: list[Point],
    ports: Mapping[int, tuple[float | None, float | None]],
) -> list[tuple[Point, ...]]:
    """The points of each edge."""
    leave, arrive = ends_of(graph, chains, boxes, True), ends_of(graph, chains, boxes, False)
    for i, (start, end) in ports.items():
        if start is not None:
            leave[i] = boxes[chains[i][0]].x + start
        if end is not None:
            arrive[i] = boxes[chains[i][-1]].x + end
    result = []
    for i, chain in enumerate(chains):
        first, last = boxes[chain[0]], boxes[chain[-1]]
        points = [(leave[i], first.y + first.height), (leave[i], bands[graph.ranks[chain[0]]][1])]
        for node in chain[1:-1]:
            points += [(graph.x[node], y) for y in bands[graph.ranks[node]]]
        points += [(arrive[i], bands[graph.ranks[chain[-1]]][0]), (arrive[i], last.y)]
        result.append(tuple(dict.fromkeys(points)))
    return result


def ends_of(graph: Graph, chains: list[list[int]], boxes: list[Box], leaving: bool) -> list[float]:
    """Where each edge touches its source (or target): side by side in the order in which the edges
    come, and straight above (below) the next point of its way where that can be.
    """
    at: dict[int, list[int]] = {}
    for i, chain in enumerate(chains):
        at.setdefault(chain[0 if leaving else -1], []).append(i)
    aims = [graph.x[chain[1 if leaving else -2]] for chain in chains]
    result = [0.0] * len(chains)
    for node, numbers in at.items():
        numbers.sort(key=lambda i: aims[i])
        width, count = 0.8 * boxes[node].width, len(numbers)
        step = min(PORT_STEP, width / count)
        first, last = graph.x[node] - width / 2, graph.x[node] + width / 2 - step * (count - 1)
        wishes = [
            min(max(aims[i], first + step * k), last + step * k) for k, i in enumerate(numbers)
        ]
        for i, x in zip(numbers, apart(wishes, [1.0] * count, [step] * (count - 1))):
            result[i] = x
    return result
