"""The built site, read as its visitors do: both languages, both schemes, wide and narrow.

python tools/build_site.py --out site
TINYGRAD_EDU_SITE=site python -m pytest tests/learn/test_site.py
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from learn.browser import opened, served

SITE = Path(os.environ.get("TINYGRAD_EDU_SITE", "site"))
PAGES = [
    "index.html",
    "reading-order.html",
    "architecture.html",
    "gallery.html",
    "tutorial/index.html",
    "tutorial/01_derivatives.html",
    "ops/elementwise.html",
    "reference/kernels.html",
    "reference/layers.html",
    "source/tinygrad_edu/engine/backward.py.html",
    "zh/index.html",
    "zh/reading-order.html",
    "zh/gallery.html",
    "zh/tutorial/01_derivatives.html",
]
LOOKS = [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")]

pytestmark = pytest.mark.skipif(
    not (SITE / "index.html").exists(), reason="needs the site: python tools/build_site.py"
)


@pytest.fixture(scope="module")
def address():
    with served(SITE) as url:
        yield url


@pytest.mark.parametrize("width, scheme", LOOKS)
@pytest.mark.parametrize("page", PAGES)
def test_a_page_is_good_for_everyone(browser, address, page, width, scheme):
    with opened(browser, f"{address}/{page}", width=width, scheme=scheme) as shown:
        shown.picture(f"{page.replace('/', '-')}-{width}-{scheme}", whole=False)
        assert shown.violations() == []
        assert shown.overflow() == 0


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("page", ["reading-order.html", "zh/reading-order.html"])
def test_a_page_works_by_keyboard(browser, address, page, width):
    with opened(browser, f"{address}/{page}", width=width, pages=2) as shown:
        assert shown.keyboard_problems() == []


def found_by(shown, words):
    """What the search finds, without the marks that split Chinese words."""
    shown.page.keyboard.press("/")
    shown.page.keyboard.type(words)
    shown.page.locator(".md-search-result__link").first.wait_for()
    return shown.page.locator(".md-search-result__list").inner_text().replace("\u200b", "")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_is_opened_and_answered_by_keyboard(browser, address, width):
    with opened(browser, f"{address}/index.html", width=width, pages=2) as shown:
        assert "softmax" in found_by(shown, "softmax").lower()
        shown.picture(f"search-{width}", whole=False)


def test_chinese_words_are_found(browser, address):
    with opened(browser, f"{address}/zh/index.html", language="zh", pages=2) as shown:
        assert "梯度" in found_by(shown, "梯度")
        shown.picture("search-zh", whole=False)


def test_the_menu_of_a_narrow_screen_opens_and_closes_by_keyboard(browser, address):
    with opened(browser, f"{address}/index.html", width=390) as shown:
        menu = shown.page.locator("header label[for=__drawer] .key")
        menu.focus()
        shown.page.keyboard.press("Enter")
        link = shown.page.locator(".md-nav--primary").get_by_role("link", name="Reading order")
        link.wait_for()
        shown.page.wait_for_timeout(300)
        shown.picture("menu-390", whole=False)
        shown.page.keyboard.press("Escape")
        assert not shown.page.locator("#__drawer").is_checked()


def test_a_page_leads_to_itself_in_the_other_language_and_back(browser, address):
    with opened(browser, f"{address}/reading-order.html", pages=3) as shown:
        shown.page.get_by_role("link", name="中文").click()
        shown.page.wait_for_url("**/zh/reading-order.html")
        assert shown.page.locator("html").get_attribute("lang") == "zh"
        shown.page.get_by_role("link", name="English", exact=True).click()
        shown.page.wait_for_url(re.compile(r"/reading-order.html$"))


def test_the_formula_of_an_op_is_set_as_mathematics(browser, address):
    with opened(browser, f"{address}/ops/elementwise.html#sigmoid") as shown:
        fraction = shown.page.locator("#sigmoid ~ .formula mfrac").first
        above, below = (fraction.locator(f"> :nth-child({n})").bounding_box() for n in (1, 2))
        assert above["y"] < below["y"]
