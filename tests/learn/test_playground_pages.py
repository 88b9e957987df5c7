"""The playground's two pages in a real browser."""

from __future__ import annotations

import re

import pytest
from learn.browser import opened
from learn.test_playground import app, port, reader  # noqa: F401  fixtures

LOOKS = [(1280, "light", "en"), (390, "dark", "zh")]


@pytest.fixture
def playground(browser, port):  # noqa: F811
    """Opens a page of the playground, and ends with what it asked for not counted as its size."""

    def open_page(path="/", **look):
        return opened(browser, f"http://127.0.0.1:{port}{path}", **look)

    return open_page


def first_numbers(shown):
    """Wait until the page has drawn the first answer. Its size is what it has loaded now."""
    shown.page.locator("#chosen tbody tr").first.wait_for()
    assert shown.bytes < 200_000
    shown.bytes = -(10**9)  # the steps that follow are not the page


def loss(shown):
    return float(shown.page.locator("#train").inner_text())


@pytest.mark.parametrize("width, scheme, language", LOOKS)
def test_the_playground_is_accessible_in_every_look(playground, width, scheme, language):
    with playground("/", width=width, scheme=scheme, language=language) as shown:
        first_numbers(shown)
        assert shown.page.title().startswith({"en": "Playground", "zh": "神经网络"}[language])
        assert shown.keyboard_problems() == []
        assert shown.violations() == [] and shown.overflow() == 0
        shown.page.locator("#run").click()
        shown.page.locator("#steps").get_by_text("0", exact=True).wait_for(state="detached")
        shown.page.locator("#run").click()
        shown.page.locator("#gradients").check()
        shown.page.locator(".neuron[data-layer='1']").first.click()
        shown.picture(f"playground-{width}-{scheme}-{language}")
        assert shown.violations() == []


@pytest.mark.parametrize("width, scheme, language", LOOKS)
def test_the_digit_page_is_accessible_in_every_look(playground, width, scheme, language):
    with playground("/digit", width=width, scheme=scheme, language=language) as shown:
        assert shown.keyboard_problems() == [] and shown.violations() == []
        shown.page.get_by_role("button", name="8", exact=True).click()
        shown.page.locator(".maps canvas").last.wait_for()
        shown.picture(f"digit-{width}-{scheme}-{language}")
        assert shown.violations() == [] and shown.overflow() == 0


def test_run_pause_step_and_reset(playground):
    with playground() as shown:
        first_numbers(shown)
        page, first = shown.page, loss(shown)
        page.locator("#speed").select_option("20")
        page.get_by_role("button", name="Run").click()
        page.wait_for_function("() => Number(document.getElementById('train').textContent) < 0.1")
        page.get_by_role("button", name="Pause").click()
        page.locator("#news").get_by_text(re.compile(r"Step [1-9]")).wait_for()
        steps = int(page.locator("#steps").inner_text())
        assert steps % 20 == 0
        page.get_by_role("button", name="One step").click()
        page.locator("#steps").get_by_text(str(steps + 1), exact=True).wait_for()
        page.get_by_role("button", name="Reset").click()
        page.locator("#steps").get_by_text("0", exact=True).wait_for()
        assert loss(shown) == first


def test_the_network_is_built_by_buttons_and_its_surfaces_are_the_servers(playground):
    with playground() as shown:
        first_numbers(shown)
        page = shown.page
        page.get_by_role("button", name="Add a layer").click()
        page.get_by_role("button", name="Layer 3: add a neuron").click()
        page.get_by_role("button", name="Input xy").click()
        page.get_by_role("button", name="Layer 3, neuron 4").click()
        page.get_by_role("heading", name="Weights into layer 3, neuron 4").wait_for()
        assert page.locator(".neuron").count() == 7 + 4 + 3 + 4 + 1
        assert page.locator("#chosen tbody tr").count() == 3 + 1
        drawn = page.evaluate("""() => {
          const canvas = document.querySelector('.neuron[data-layer="3"][data-unit="3"] canvas');
          const {data} = canvas.getContext('2d').getImageData(0, 0, 48, 48);
          const start = (3 + 4 + 3 + 3) * 48 * 48;  // features, layers 1 and 2, three of layer 3
          const shown = new Uint32Array(data.buffer);
          return shown.every((pixel, i) => pixel === colours[pictures[start + i]])
            && new Set(shown).size > 20;
        }""")
        assert drawn


def test_one_backward_of_the_network_opens_in_the_stepper(playground):
    with playground(language="zh", scheme="dark") as shown:
        first_numbers(shown)
        shown.page.get_by_role("button", name="单步").click()
        shown.page.locator("#steps").get_by_text("1", exact=True).wait_for()
        with shown.page.context.expect_page() as opening:
            shown.page.locator("#stepper").click()
        page, errors = opening.value, []
        page.wait_for_url(lambda url: url != "about:blank")  # it is there before its address is
        page.wait_for_load_state("load")
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
        page.reload(wait_until="load")
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        page.keyboard.press("End")
        assert page.get_by_text("0.weight").count() and not errors


def test_points_are_added_by_mouse_and_by_keyboard(playground):
    with playground() as shown:
        first_numbers(shown)
        page = shown.page
        page.locator("#data").select_option("own")
        page.locator("#train").get_by_text("–").wait_for()
        page.get_by_role("button", name="Run").click()
        page.get_by_text("There are no points yet").wait_for()
        area = page.locator("#points")
        side = area.bounding_box()["width"]
        area.click(position={"x": side / 4, "y": side / 4})
        area.click(position={"x": side * 3 / 4, "y": side / 4}, modifiers=["Shift"])
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Tab")
        for key in ("ArrowDown", "ArrowDown", "ArrowLeft", "Enter"):
            page.keyboard.press(key)
        page.wait_for_function("() => points.length === 3")
        first, second, third = page.evaluate("points")
        assert first == pytest.approx([-1.2, 1.2, 1], abs=0.05)
        assert second == pytest.approx([1.2, 1.2, 0], abs=0.05)
        assert third == [-0.1, -0.2, 1]
        page.get_by_role("button", name="Remove my points").click()
        page.wait_for_function("() => points.length === 0")


def test_a_stopped_server_is_told(playground):
    with playground() as shown:
        first_numbers(shown)
        shown.page.route("**/api/train", lambda route: route.abort())
        shown.page.get_by_role("button", name="Run").click()
        shown.page.get_by_role("alert").get_by_text("The server does not answer").wait_for()
        shown.page.get_by_role("button", name="Run").wait_for()


def test_language_and_colours_can_be_switched_and_are_kept(playground):
    with playground() as shown:
        first_numbers(shown)
        page = shown.page
        paper = "() => getComputedStyle(document.body).backgroundColor"
        before = page.evaluate(paper)
        page.get_by_role("button", name="中文").click()
        page.get_by_role("button", name="浅色 / 深色").click()
        page.goto(f"{page.url}digit")
        page.get_by_role("heading", name="你写的数字").wait_for()
        assert page.evaluate("document.documentElement.lang") == "zh-CN"
        assert page.evaluate(paper) != before


def test_examples_are_read_and_evidence_is_chosen(playground):
    with playground("/digit") as shown:
        page = shown.page
        for digit in range(10):
            page.get_by_role("button", name=str(digit), exact=True).click()
            page.locator("#news").get_by_text(f"Most likely {digit}").wait_for()
        before = page.evaluate("[...last.pictures.slice(784, 2352)]")
        page.get_by_role("radio").nth(4).check()
        page.get_by_text("Evidence for 4").wait_for()
        assert page.evaluate("[...last.pictures.slice(784, 2352)]") != before
        page.get_by_role("button", name="Clear").click()
        page.locator("#mattered_note").get_by_text("Draw a digit first").wait_for()


def test_a_digit_is_drawn_by_mouse_and_by_keyboard(playground):
    with playground("/digit") as shown:
        page = shown.page
        box = page.locator("#ink").bounding_box()
        page.mouse.move(box["x"] + 150, box["y"] + 50)
        page.mouse.down()
        page.mouse.move(box["x"] + 140, box["y"] + 220, steps=5)
        page.mouse.up()
        page.locator("#news").get_by_text("Most likely 1").wait_for()
        page.get_by_role("button", name="Clear").click()
        page.keyboard.press("Shift+Tab")  # to the drawing; the pen is in the middle, and up
        strokes = [("ArrowUp", 10), ("ArrowLeft", 8), (" ", 1), ("ArrowRight", 14)]
        for key, times in [*strokes, ("ArrowDown", 20)]:
            for _ in range(times):
                page.keyboard.press(key)
        page.locator("#news").get_by_text("Most likely 7").wait_for()
