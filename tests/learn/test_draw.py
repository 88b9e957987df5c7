"""Drawings: what stands in them is what the engine did, and they stand alone."""

from __future__ import annotations

import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from learn import graphs
from learn.browser import opened

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.learn import draw as module
from tinygrad_edu.learn.nested import Frame, arrange
from tinygrad_edu.learn.sketch import Item, Scope, all_items
from tinygrad_edu.models.gpt import GPT
from tinygrad_edu.nn import functional as F

SVG = "{http://www.w3.org/2000/svg}"
each_level = pytest.mark.parametrize("level", ["op", "module"])


def mlp():
    tg.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 3))
    x, y = tg.randn(4, 6), tg.tensor([0, 1, 2, 0])
    return model, lambda: F.cross_entropy(model(x), y)


def gpt(layers=4):
    tg.manual_seed(0)
    model = GPT(11, layers=layers, heads=2, width=8, context=6)
    tokens = tg.randint(0, 11, (2, 6))
    return model, lambda: F.cross_entropy(model(tokens).flatten(0, 1), tokens.flatten())


def texts(drawing):
    return [e.text for e in ET.fromstring(drawing.svg).iter(f"{SVG}text")]


def items(drawing):
    return all_items(drawing.sketch.root.parts)


def size(t):
    return np.sqrt(np.mean(t.double().numpy() ** 2))


@each_level
def test_parameters_have_their_names_shapes_and_the_size_of_their_real_gradients(level):
    model, loss = mlp()
    drawing = tg.draw(loss, level, model=model)
    assert all(p.grad is None for p in model.parameters())
    loss().backward()
    for name, p in model.named_parameters():
        if level == "op":
            item = next(i for i in items(drawing) if i.title == name)
            found, shape = item.grad, item.shape
        else:
            rows = [row for i in items(drawing) for row in i.rows if i.path == name[0]]
            shape, (found,) = next((t, g) for t, g, _ in rows if t.startswith(name[2:]))
        assert found == pytest.approx(size(p.grad), rel=1e-6)
        assert " × ".join(map(str, p.shape)) in shape
        assert any(f"∇ {found:.2g}" in text for text in texts(drawing))


def test_ops_have_the_size_of_the_cotangent_of_their_result():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    loss = (y * y).sum()
    found = {i.title: i.grad for i in items(tg.draw(loss))}
    loss.backward()
    assert [i.grad for i in items(tg.draw(lambda: (x * 3).pow(2).sum())) if i.title == "mul"] == [
        pytest.approx(size(y.grad))
    ]
    assert found["sum"] == 1.0 and found["x"] == pytest.approx(size(x.grad))


def test_a_model_of_equal_blocks_shows_one_and_their_number():
    for level in ("op", "module"):
        model, loss = gpt()
        drawing = tg.draw(loss, level)
        (pile,) = [f for f in scopes(drawing.sketch.root) if f.count > 1]
        assert pile.count == 4 and pile.kind == "Block"
        assert "blocks.0 … blocks.3 · Block  × 4" in texts(drawing)
        # each box stands for the four: the gradients of all four layers
        loss().backward()
        sizes = [size(block.mlp[0].weight.grad) for block in model.blocks]
        if level == "op":
            item = next(i for i in all_items(pile.parts) if i.title == "0.weight")
            assert item.grads == pytest.approx(sizes, rel=1e-5)
        else:
            item = next(i for i in all_items(pile.parts) if i.path.endswith("mlp.0"))
            assert item.rows[0][1] == pytest.approx(sizes, rel=1e-5)
        model.zero_grad()
        everything = tg.draw(loss, level, collapse=False)
        assert len(items(everything)) > 2.5 * len(items(drawing))
        assert not [f for f in scopes(everything.sketch.root) if f.count > 1]


def test_a_weight_that_two_layers_share_is_drawn_once_with_two_edges():
    drawing = tg.draw(gpt()[1], "module")
    shared = [i for i in items(drawing) if i.title == "tokens.weight"]
    assert len(shared) == 1
    assert [b.title for a, b in drawing.sketch.edges if a is shared[0]] == ["Embedding", "Linear"]


def test_layers_that_repeat_in_pairs_are_one_pile():
    layers = [part for _ in range(5) for part in (nn.Linear(4, 4), nn.Tanh())]
    model, x = nn.Sequential(*layers), tg.ones(2, 4)
    for level, boxes in (("module", 4), ("op", 6)):  # x, Linear (and its two), Tanh, sum
        drawing = tg.draw(lambda: model(x).sum(), level)
        (pile,) = [f for f in scopes(drawing.sketch.root) if f.count > 1]
        assert pile.count == 5 and len(items(drawing)) == boxes


@each_level
def test_a_write_in_place_does_not_tear_its_module(level):
    parts = [nn.Conv2d(2, 2, 1), nn.BatchNorm2d(2), nn.ReLU(inplace=True)]
    model, x = nn.Sequential(*parts), tg.ones(1, 2, 3, 3)
    drawing = tg.draw(lambda: model(x).sum(), level)
    assert [f.kind for f in drawing.sketch.root.parts if isinstance(f, Scope)] == ["Sequential"]
    if level == "module":
        assert [i.title for i in items(drawing)] == ["x", "Conv2d", "BatchNorm2d", "ReLU", "sum"]
        assert {i.shape for i in items(drawing)[:4]} == {"1 × 2 × 3 × 3"}  # without mean, deviation


def test_a_cell_called_in_a_loop_is_one_pile():
    cell, xs = nn.RNNCell(3, 4), tg.randn(6, 2, 3)

    def loss():
        h = tg.zeros(2, 4)
        for x in xs:
            h = cell(x, h)
        return h.sum()

    drawing = tg.draw(loss)
    piles = [f for f in scopes(drawing.sketch.root) if f.count > 1]
    assert [f.count for f in piles] == [6]
    assert sum(i.title.endswith("weight_ih") for i in items(drawing)) == 1


def scopes(frame):
    for part in frame.parts:
        if isinstance(part, Scope):
            yield part
            yield from scopes(part)


@each_level
@pytest.mark.parametrize("graph", graphs.ALL, ids=lambda g: g.__name__)
def test_each_graph_is_drawn_whole(graph, level):
    """No item is lost or drawn over another, and each edge comes to its end."""
    tg.manual_seed(0)
    f, _ = graph()
    drawing = tg.draw(f, level)
    root = ET.fromstring(drawing.svg)
    assert len(root.findall(f"{SVG}g")) == len(items(drawing))
    arrows = [p for p in root.findall(f"{SVG}path") if p.get("d").endswith("Z")]
    assert len(arrows) == len(drawing.sketch.edges)
    tg.draw(f(), level).svg  # a loss that nobody recorded


def test_a_drawing_stands_alone_and_can_be_heard():
    drawing = tg.draw(mlp()[1])
    root = ET.fromstring(drawing.svg)
    assert "http" not in drawing.svg.replace("http://www.w3.org/2000/svg", "")
    assert root.get("role") == "img"
    title, desc = (root.find(f"{SVG}{tag}") for tag in ("title", "desc"))
    assert root.get("aria-labelledby").split() == [title.get("id"), desc.get("id")]
    assert "Graph of" in title.text and "linear of 0" in desc.text
    assert "prefers-color-scheme: dark" in drawing.svg
    selectors = re.findall(r"\.([\w-]+)\{", drawing.svg)
    assert {*selectors} == {root.get("class")}  # in a page, it changes nothing else
    other = ET.fromstring(tg.draw(mlp()[1], "module").svg)
    assert other.get("class") != root.get("class")


def test_contrast_of_texts_is_enough_in_light_and_dark():
    from tinygrad_edu.learn.scene import DARK, LIGHT

    def light(colour):
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        r, g, b = (p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    for palette in (LIGHT, DARK):
        for ink in ("ink", "dim"):
            for ground in ("paper", "frame", "card"):
                a, b = sorted((light(palette[ink]), light(palette[ground])))
                assert (b + 0.05) / (a + 0.05) >= 4.5, (ink, ground)


def test_what_cannot_be_drawn_in_colour_says_why():
    x = tg.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    drawing = tg.draw(loss)
    assert "No gradients:" in (said := " ".join(texts(drawing))) and "freed" in said
    assert {i.title for i in items(drawing)} == {"x", "mul", "sum"}
    nothing = tg.draw(lambda: tg.ones(2).exp().sum())
    assert any("No gradients:" in t for t in texts(nothing))


def test_nan_and_zero_gradients_have_colours_of_their_own():
    x = tg.tensor([0.0, 1.0], requires_grad=True)
    drawing = tg.draw(lambda: (x * 0).sqrt().sum())
    artist = module.Artist(drawing)
    assert artist.colour(float("nan")) == module.NO_NUMBER in drawing.svg
    assert artist.colour(0.0) is None


def test_small_gradients_are_blue_and_large_ones_red():
    artist = module.Artist(tg.draw(mlp()[1]))
    red = [int(artist.colour(size)[1:3], 16) for size in (artist.low, artist.high)]
    blue = [int(artist.colour(size)[5:7], 16) for size in (artist.low, artist.high)]
    assert red[0] < red[1] and blue[0] > blue[1]


def test_save_writes_svg_html_and_png(tmp_path):
    drawing = tg.draw(mlp()[1])
    for end, start in ((".svg", b"<svg"), (".html", b"<!doctype html>")):
        drawing.save(tmp_path / f"x{end}")
        assert (tmp_path / f"x{end}").read_bytes().startswith(start)
    with pytest.raises(tg.ShapeError, match=r"\.svg, \.html or \.png, got .*x\.gif"):
        drawing.save(tmp_path / "x.gif")
    assert drawing._repr_svg_() == drawing.svg and drawing.svg in drawing._repr_html_()
    pytest.importorskip("matplotlib", reason="Matplotlib is not installed; pip install matplotlib")
    drawing.save(tmp_path / "x.png")
    from matplotlib.image import imread

    picture = imread(tmp_path / "x.png")
    width, height = drawing.scene.width, drawing.scene.height
    assert picture.shape[:2] == pytest.approx((2 * height, 2 * width), abs=2)
    assert picture.std() > 0.02  # something is on it


def test_a_png_without_matplotlib_says_what_to_install(tmp_path, monkeypatch):
    drawing = tg.draw(mlp()[1])
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r"tinygrad_edu\[cli\]"):
        drawing.save(tmp_path / "x.png")


@pytest.mark.parametrize(
    "loss",
    [
        tg.ones(3).sum(),
        tg.ones((), requires_grad=True),  # a leaf: no op made it
        lambda: tg.ones(()),
    ],
    ids=["data", "leaf", "function"],
)
def test_a_loss_without_a_graph_is_refused_not_drawn_empty(loss):
    with pytest.raises(
        tg.GraphError, match=r"draw: loss must come from ops .* shape \(\) .* Set re"
    ):
        tg.draw(loss)


def test_an_unknown_level_is_refused():
    with pytest.raises(tg.ShapeError, match="'op' or 'module', got 'layer'"):
        tg.draw(lambda: None, "layer")


def test_frames_hold_their_items_and_edges_cross_borders_at_one_point():
    inner = Frame("inner", ["b", "c"])
    outer = Frame(None, ["a", inner, "d"])
    edges = [("a", "b"), ("a", "c"), ("b", "c"), ("c", "d"), ("a", "d")]
    found = arrange(outer, dict.fromkeys("abcd", (50, 20)), edges)
    ((frame, border),) = found.frames
    assert frame is inner
    for name, box in found.boxes.items():
        holds = border.x < box.x and border.x + border.width > box.x + box.width
        holds &= border.y < box.y and border.y + border.height > box.y + box.height
        assert holds == (name in "bc")
    through = [p for p in found.pieces if p.source == "a"]
    into = [p for p in through if p.target is None]
    assert len(into) == 1 and into[0].points[-1][1] == border.y
    starts = {p.points[0] for p in through if p.target in ("b", "c")}
    assert starts == {into[0].points[-1]}
    assert isinstance(items(tg.draw(mlp()[1]))[0], Item)


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_a_drawing_is_for_everyone(browser, tmp_path, scheme, width):
    """No request, no violation of axe, the keyboard reaches the picture, nothing sticks out."""
    tg.draw(gpt()[1], "module").save(tmp_path / "gpt.html")
    with opened(browser, tmp_path / "gpt.html", width=width, scheme=scheme) as shown:
        assert shown.violations() == []
        assert shown.keyboard_problems() == []
        assert shown.overflow() == 0
        shown.picture(f"drawing-{scheme}-{width}")
        dark = scheme == "dark"
        ground = shown.page.evaluate("getComputedStyle(document.querySelector('svg > rect')).fill")
        assert ground == ("rgb(20, 24, 31)" if dark else "rgb(255, 255, 255)")


def test_texts_stay_in_their_boxes(browser, tmp_path):
    """Widths are guessed without a font: the browser's own must not be larger."""
    tg.draw(gpt()[1]).save(tmp_path / "gpt.html")
    with opened(browser, tmp_path / "gpt.html") as shown:
        out = shown.page.evaluate("""() => [...document.querySelectorAll('svg > g')].flatMap(g => {
            const right = g.querySelector('rect').getBoundingClientRect().right;
            return [...g.querySelectorAll('text')].filter(
                t => t.getBoundingClientRect().right > right).map(t => t.textContent) })""")
    assert not out
