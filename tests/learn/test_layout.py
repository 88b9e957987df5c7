"""The placing of a graph: nothing overlaps, edges lead on, and the same graph gives the same
picture.
"""

from __future__ import annotations

import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as tg
from tinygrad_edu.learn.layout import Box, apart, place

SIZE = st.tuples(st.integers(1, 200), st.integers(1, 80))


@st.composite
def graphs(draw):
    """Sizes of nodes, and edges from lower to higher numbers, some of them twice."""
    count = draw(st.integers(1, 14))
    sizes = {i: draw(SIZE) for i in range(count)}
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), max_size=24)) if pairs else []
    order = draw(st.permutations(range(count)))
    return {i: sizes[i] for i in order}, edges


def overlap(a: Box, b: Box) -> bool:
    apart_x = a.x + a.width <= b.x + 1e-6 or b.x + b.width <= a.x + 1e-6
    apart_y = a.y + a.height <= b.y + 1e-6 or b.y + b.height <= a.y + 1e-6
    return not (apart_x or apart_y)


def meets(box: Box, start: tuple, end: tuple) -> bool:
    """Whether a straight piece that leads down enters the box."""
    top, bottom = max(start[1], box.y), min(end[1], box.y + box.height)
    if bottom - top < 1e-6:
        return False
    height = end[1] - start[1]
    xs = [start[0] + (end[0] - start[0]) * (y - start[1]) / height for y in (top, bottom)]
    return max(xs) > box.x + 1e-6 and min(xs) < box.x + box.width - 1e-6


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_no_two_boxes_overlap_and_all_lie_inside(graph):
    found = place(*graph)
    for a, b in itertools.combinations(found.boxes.values(), 2):
        assert not overlap(a, b)
    for box in found.boxes.values():
        assert box.x >= 0 and box.x + box.width <= found.width + 1e-6
        assert box.y >= 0 and box.y + box.height <= found.height + 1e-6


@settings(max_examples=60, deadline=None)
@given(graphs())
def test_every_edge_leads_down_from_its_source_to_its_target_and_through_no_other_box(graph):
    found = place(*graph)
    assert [(r.source, r.target) for r in found.routes] == graph[1]
    for route in found.routes:
        source, target = found.boxes[route.source], found.boxes[route.target]
        ys = [y for _, y in route.points]
        assert ys == sorted(ys) and ys[0] == source.y + source.height and ys[-1] == target.y
        assert source.x <= route.points[0][0] <= source.x + source.width
        assert target.x <= route.points[-1][0] <= target.x + target.width
        for name, box in found.boxes.items():
            if name not in (route.source, route.target):
                assert not any(meets(box, a, b) for a, b in itertools.pairwise(route.points))


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_to_the_right_is_the_same_picture_with_the_axes_exchanged(graph):
    sizes, edges = graph
    right = place(sizes, edges, direction="right")
    down = place({name: size[::-1] for name, size in sizes.items()}, edges)
    assert (right.width, right.height) == (down.height, down.width)
    for name, box in right.boxes.items():
        other = down.boxes[name]
        assert box == Box(other.y, other.x, other.height, other.width)
    assert place(sizes, edges, direction="right") == right  # the same each time


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-50, 50), st.floats(0.1, 9), st.floats(0, 9)), min_size=2, max_size=6
    )
)
def test_positions_keep_the_room_and_no_small_move_serves_the_wishes_better(rows):
    wishes, weights, room = ([row[i] for row in rows] for i in range(3))
    room = room[1:]

    def cost(xs):
        return sum(w * (x - wish) ** 2 for x, wish, w in zip(xs, wishes, weights))

    def allowed(xs):
        return all(b - a >= r - 1e-9 for a, b, r in zip(xs, xs[1:], room))

    best = apart(wishes, weights, room)
    assert allowed(best)
    for first, last in itertools.combinations(range(len(best) + 1), 2):  # any run of neighbours
        for step in (-0.01, 0.01):
            moved = [x + step * (first <= i < last) for i, x in enumerate(best)]
            assert not allowed(moved) or cost(moved) >= cost(best) - 1e-6


def test_a_chain_stands_in_one_line_and_weights_hang_beside_their_users():
    sizes = dict.fromkeys(["x", "a", "b", "c", "wa", "wb", "wc"], (60, 20))
    edges = [("x", "a"), ("wa", "a"), ("a", "b"), ("wb", "b"), ("b", "c"), ("wc", "c")]
    boxes = place(sizes, edges).boxes
    middles = [boxes[name].centre[0] for name in "abc"]
    assert max(middles) - min(middles) < 8
    for name in "abc":  # one rank above the user, not at the top of the picture
        assert boxes["w" + name].y == boxes[name].y - 50


def test_edges_cross_only_where_they_must():
    sizes = dict.fromkeys("abcdef", (10, 10))
    edges = [("a", "f"), ("b", "e"), ("c", "d")]
    found = place(sizes, edges)
    lines = sorted((r.points[0][0], r.points[-1][0]) for r in found.routes)
    assert [end for _, end in lines] == sorted(end for _, end in lines)
    both = [(a, b) for a in "ab" for b in "de"]  # every one of these with each other: one crossing
    lines = [(r.points[0][0], r.points[-1][0]) for r in place(sizes, both).routes]
    pairs = itertools.combinations(lines, 2)
    assert sum((a[0] - b[0]) * (a[1] - b[1]) < 0 for a, b in pairs) == 1


def test_an_edge_can_be_asked_to_touch_a_box_at_a_place():
    found = place({"a": (80, 20), "b": (40, 20)}, [("a", "b")], ports={0: (10.0, None)})
    points = found.routes[0].points
    assert points[0][0] == found.boxes["a"].x + 10
    assert points[-1][0] == found.boxes["b"].centre[0]


def test_a_path_bends_only_between_ranks():
    found = place({"a": (80, 20), "b": (40, 20), "c": (40, 20)}, [("a", "b"), ("a", "c")])
    for route in found.routes:
        assert re.fullmatch(r"M[\d. ]+C[\d. ]+", route.path())
    straight = place({"a": (40, 20), "b": (40, 20)}, [("a", "b")]).routes[0]
    assert re.fullmatch(r"M[\d. ]+L[\d. ]+", straight.path())
    right = place(
        {"a": (80, 20), "b": (40, 20), "c": (4, 2)}, [("a", "b"), ("a", "c")], direction="right"
    )
    start, bends = right.routes[0].path()[1:].split("C")
    assert start.split()[1] == bends.split()[1]  # it leaves straight to the right


def test_a_cycle_and_an_unknown_node_are_named():
    with pytest.raises(tg.GraphError, match="cycle"):
        place({"a": (1, 1), "b": (1, 1)}, [("a", "b"), ("b", "a")])
    with pytest.raises(tg.GraphError, match="'z'"):
        place({"a": (1, 1)}, [("a", "z")])
    with pytest.raises(tg.GraphError, match="direction"):
        place({"a": (1, 1)}, [], direction="up")


def test_nothing_is_a_picture_too():
    assert place({}, []).boxes == {} and place({}, []).routes == []


def test_a_graph_of_a_thousand_ops_is_placed_too():
    sizes = dict.fromkeys(range(1000), (70, 30))
    edges = [(i, i + 1) for i in range(999)] + [(i, i + 7) for i in range(0, 990, 3)]
    found = place(sizes, edges)
    assert len(found.boxes) == 1000 and len(found.routes) == len(edges)


@settings(max_examples=30, deadline=None)
@given(graphs())
def test_pinned_nodes_stand_above_and_below_all_others(graph):
    sizes, edges = graph
    count = len(sizes)
    sizes, edges = {**sizes, "top": (9, 9), "end": (9, 9)}, [*edges, ("top", 0), (count - 1, "end")]
    boxes = place(sizes, edges, first=["top"], last=["end"]).boxes
    assert all(boxes["top"].y + 9 <= box.y for name, box in boxes.items() if name != "top")
    assert all(box.y + box.height <= boxes["end"].y for n, box in boxes.items() if n != "end")
