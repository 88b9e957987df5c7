"""The stepper's page in a real browser: its numbers, its keys, its looks."""

from __future__ import annotations

import numpy as np
import pytest
from learn import graphs
from learn.browser import opened

import tinygrad_edu
from tinygrad_edu.engine.device import registry
from tinygrad_edu.learn import trace
from tinygrad_edu.learn.example import example

each_graph = pytest.mark.parametrize("graph", graphs.ALL, ids=lambda g: g.__name__)
QUICK = [(1280, "light", "en"), (390, "dark", "zh")]  # the others are among the slow tests
# what the cards show at every position, one after another
NUMBERS = """() => [...Array(total + 1).keys()].map(position => {
  go(position);
  return Object.fromEntries([...document.querySelectorAll('.card')].map(card => [
    card.dataset.key, [...card.querySelectorAll('.cell')].map(cell => cell.dataset.value)]));
})"""
WAYS = """asked => asked.map(([step, name, count]) =>
  [...Array(count).keys()].map(place => waysBack(T.steps[step], name, place)))"""


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of each graph, and its trace."""
    folder, made = tmp_path_factory.mktemp("pages"), {}
    for graph in graphs.ALL:
        tinygrad_edu.manual_seed(0)
        f, _ = graph()
        tape = trace.of(f)
        path = folder / f"{graph.__name__}.html"
        tinygrad_edu.stepper(f, path)
        made[graph.__name__] = path, tape
    made["example"] = tinygrad_edu.stepper(example, folder / "example.html"), trace.of(example)
    return made


def expected(tape, backs, at):
    """What the cards of a position show."""
    if at <= len(tape.steps):
        step = tape.steps[at - 1]
        shown = {f"in:{n}": tape.values[i] for n, i in zip(step.names, step.inputs)}
        return shown | {f"out:{i}": tape.values[v] for i, v in enumerate(step.outputs)}
    back = backs[at - len(tape.steps) - 1]
    shown = {f"g:{i}": g for i, g in enumerate(back.cotangents) if g is not None}
    return shown | {f"piece:{i}": p.seen for i, p in enumerate(back.pieces)}


def as_array(texts, like):
    if like.dtype == "bool":
        return np.array([text == "true" for text in texts])
    return np.array([float(text) for text in texts]).astype(like.dtype)


@each_graph
def test_the_numbers_on_the_page_are_the_engines_to_the_last_digit(graph, browser, pages):
    path, tape = pages[graph.__name__]
    backs = tape.backward()
    total, checked = len(tape.steps) + len(backs), 0
    with opened(browser, path) as shown:
        found = shown.page.evaluate(NUMBERS)
        assert shown.page.locator("#place").inner_text() == f"{total} / {total}"
    for at in range(1, total + 1):
        for key, value in expected(tape, backs, at).items():
            if value.array.size > 64:  # a heat map
                assert found[at][key] == []
                continue
            told = as_array(found[at][key], value)
            assert told.tobytes() == value.array.tobytes(), (at, key)
            checked += value.array.size
    assert checked > 10


@each_graph
def test_a_number_depends_on_nothing_but_what_is_marked(graph, browser, pages):
    """Changing an entry changes only results that the page follows to it."""
    path, tape = pages[graph.__name__]
    asked = [
        (step.index, name, tape.values[i].array)
        for step in tape.steps
        if step.op in registry and step.recorded
        for name, i in zip(step.names, step.inputs)
        if tape.values[i].array.dtype.kind == "f" and tape.values[i].array.size <= 40
    ]
    with opened(browser, path) as shown:
        found = shown.page.evaluate(WAYS, [[s, name, value.size] for s, name, value in asked])
    for (number, name, value), marked in zip(asked, found, strict=True):
        step = tape.steps[number]
        for place in range(value.size):
            changed = value.copy()
            changed.reshape(-1)[place] += 3
            moved = changes(tape, step, {name: changed})
            assert marked[place] is None or moved <= set(marked[place]), (step.op, name)


def changes(tape, step, changed):
    """The places of the result that change with an input."""
    out = graphs.again(tape, step, changed)
    out = np.asarray(out[0] if isinstance(out, tuple) else out).reshape(-1)
    plain = tape.values[step.outputs[0]].array.reshape(-1)
    return set(np.flatnonzero(out != plain).tolist())


LOOKS = [
    pytest.param(w, s, n, marks=() if (w, s, n) in QUICK else pytest.mark.slow)
    for w in (1280, 390)
    for s in ("light", "dark")
    for n in ("en", "zh")
]


@pytest.mark.parametrize("width, scheme, language", LOOKS)
def test_it_is_accessible_at_every_width_in_both_colours_and_languages(
    width, scheme, language, browser, pages
):
    for name, positions in (("example", (0, 11)), ("conv", (2,)), ("broadcast", (12,))):
        options = {"width": width, "scheme": scheme, "language": language}
        with opened(browser, pages[name][0], **options) as shown:
            for at in positions:
                shown.page.locator("#slider").fill(str(at))
                assert shown.violations() == []
                assert shown.overflow() == 0
                shown.picture(f"stepper-{name}-{at}-{width}-{scheme}-{language}")
            html = shown.page.locator("html")
            assert html.get_attribute("lang") == {"en": "en", "zh": "zh-CN"}[language]
            assert html.get_attribute("data-theme") == scheme


@pytest.mark.parametrize("width", [1280, 390])
def test_everything_can_be_reached_by_keyboard(width, browser, pages):
    with opened(browser, f"{pages['example'][0].resolve().as_uri()}#step=4", width=width) as shown:
        assert shown.keyboard_problems() == []


def test_keys_move_through_the_program(browser, pages):
    path, tape = pages["example"]
    total = len(tape.steps) + len(tape.backward())
    with opened(browser, path) as shown:
        page, place = shown.page, shown.page.locator("#place")
        for key, at in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("End", total),
                        ("ArrowRight", total), ("Home", 0)):  # fmt: skip
            page.keyboard.press(key)
            assert place.inner_text() == f"{at} / {total}"
        page.keyboard.press("?")
        assert page.get_by_role("dialog", name="Keys").is_visible()
        page.keyboard.press("Escape")
        assert not page.get_by_role("dialog", name="Keys").is_visible()


def test_play_pause_slider_and_list(browser, pages):
    with opened(browser, "about:blank") as shown:
        page = shown.page
        page.clock.install()
        page.goto(pages["example"][0].resolve().as_uri())
        page.keyboard.press("Space")
        page.clock.run_for(3100)
        assert page.locator("#place").inner_text().startswith("2 /")
        page.get_by_role("button", name="Pause").click()
        page.clock.run_for(9000)
        assert page.locator("#place").inner_text().startswith("2 /")
        page.locator("#slider").fill("9")
        assert page.locator("#now").inner_text() == "Backward 2 of 10: sub"
        page.get_by_label("Go to a step").select_option("4")
        assert page.locator("#now").inner_text() == "Forward 4 of 7: mul"
        page.locator("#s0").click()
        assert page.locator("#now").inner_text() == "Forward 1 of 7: matmul"


def test_the_chain_rule_is_spelled_out_with_its_numbers(browser, pages):
    path, tape = pages["example"]
    with opened(browser, f"{path.resolve().as_uri()}#step=11") as shown:  # backward of w2 * h
        page = shown.page
        w2 = next(v.array for v in tape.values if v.name == "w2")
        h = next(v.array for v in tape.values if v.name == "h")
        back = tape.backward()[3]
        g = back.cotangents[0].array
        page.locator("[data-key='piece:1'] .cell").nth(1).click()
        said = page.locator("#numbers").inner_text().replace("−", "-")
        for number in (g[1], w2[1], g[1] * w2[1]):
            assert f"{number:.4g}" in said
        page.locator("[data-key='piece:0'] .cell").nth(1).click()
        assert f"{h[1]:.4g}" in page.locator("#numbers").inner_text().replace("−", "-")
        marked = page.locator("[data-key='g:0'] .cell.marked")
        assert marked.count() == 1


def test_a_sum_of_products_marks_what_each_cotangent_meets(browser, pages):
    path, tape = pages["mlp"]  # position 8: d input[0, 0] = sum over o of g[0, o] weight[o, 0]
    with opened(browser, f"{path.resolve().as_uri()}#step=8") as shown:
        page = shown.page
        weight = page.locator("[data-key='kept:weight'] .cell")
        marked = [i for i in range(8) if "marked" in weight.nth(i).get_attribute("class")]
        assert marked == [0, 4]
        assert page.locator("[data-key='kept:input'] .cell.marked").count() == 0
        step, g = tape.steps[2], tape.backward()[2].cotangents[0].array
        w = tape.values[step.inputs[1]].array
        said = page.locator("#numbers").inner_text().replace("−", "-")
        for number in (g[0, 0], g[0, 1], w[0, 0], w[1, 0], (g @ w)[0, 0]):
            assert f"{number:.4g}" in said


def test_kept_tensors_light_up_and_go_out(browser, pages):
    path, _ = pages["example"]
    with opened(browser, f"{path.resolve().as_uri()}#step=4") as shown:
        page = shown.page
        assert page.locator("#kept li").all_inner_texts() == ["x (3)", "h (2)", "w2 (2)"]
        assert page.locator(".box.kept text:first-of-type").all_text_contents() == [
            "x",
            "w2",
            "tanh",
        ]
        page.keyboard.press("End")
        assert page.locator(".box.kept").count() == 0


def test_a_number_can_be_followed_to_where_it_came_from(browser, pages):
    path, _ = pages["example"]
    with opened(browser, f"{path.resolve().as_uri()}#step=3") as shown:
        page = shown.page
        page.locator("[data-key='out:0'] .tensor").focus()
        page.keyboard.press("ArrowRight")
        assert page.locator("[data-key='out:0'] .readout").inner_text().startswith("h[1] = ")
        assert page.locator("[data-key='in:input'] .cell.marked").count() == 1
        page.locator("[data-key='in:input'] .tensor").focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        assert page.locator("#now").inner_text() == "Forward 2 of 7: add"


def test_language_and_colours_can_be_switched(browser, pages):
    with opened(browser, pages["example"][0]) as shown:
        page = shown.page
        page.get_by_role("button", name="中文").click()
        assert page.locator("#now").inner_text() == "程序开始之前"
        page.get_by_role("button", name="English").click()
        page.get_by_role("button", name="Colours: Dark").click()
        assert page.locator("html").get_attribute("data-theme") == "dark"


def test_a_cell_of_a_heat_map_can_be_chosen(browser, tmp_path):
    x = tinygrad_edu.randn(20, 30, requires_grad=True)
    path = tinygrad_edu.stepper(lambda: x.tanh().sum(), tmp_path / "s.html")
    with opened(browser, f"{path.resolve().as_uri()}#step=1") as shown:
        page = shown.page
        canvas = page.locator("[data-key='out:0'] canvas")
        assert canvas.count() == 1
        canvas.click(position={"x": 5, "y": 5})
        page.locator("[data-key='out:0'] .tensor").focus()
        page.keyboard.press("ArrowDown")
        said = page.locator("[data-key='out:0'] .readout").inner_text().replace("−", "-")
        assert said == f"out[1, 0] = {np.tanh(x.detach().numpy())[1, 0]!s}"
