"""Pages in a real browser: Chromium without a window, driven by playwright.

    from learn.browser import opened

    def test_the_page(browser, tmp_path):    # `browser` is a fixture of conftest.py
        with opened(browser, tmp_path / "page.html", width=390, scheme="dark") as shown:
            shown.page.get_by_role("button", name="Play").click()
            assert shown.violations() == []
            assert shown.keyboard_problems() == []
            shown.picture("page-dark-390")

A page that asks any address but files and 127.0.0.1, or that has an error in its scripts, fails
when it is closed. The tests skip without playwright or Chromium. With TINYGRAD_EDU_PICTURES=folder
each `picture` is written there, to be looked at.

Reference: axe-core's rules (WCAG 2.2 A and AA, and best practices),
https://dequeuniversity.com/rules/axe/
"""

from __future__ import annotations

import functools
import http.server
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SAFE_SCHEMES = {"file", "data", "blob", "about"}
LOOPBACK = {"127.0.0.1", "localhost"}
LARGEST = 1_000_000  # bytes that a page may load in all
CONTROLS = "a[href], button, input, select, textarea, summary, iframe, [tabindex]"

# Whether each control that a reader sees can be reached by Tab. Of radio buttons of one name, Tab
# reaches the chosen one and arrows the others. What Tab reached is marked.
MISSED = """selector => {
  const shown = e => e.checkVisibility({checkVisibility: true, checkOpacity: true})
      && e.getBoundingClientRect().width > 0 && !e.closest('[inert]');
  const groups = new Set([...document.querySelectorAll('input[type=radio][data-reached]')]
      .map(e => e.name));
  return [...document.querySelectorAll(selector)]
    .filter(e => !e.disabled && e.tabIndex >= 0 && shown(e))
    .filter(e => !e.hasAttribute('data-reached'))
    .filter(e => !(e.type === 'radio' && groups.has(e.name)))
    .map(e => e.outerHTML.slice(0, 160));
}"""

# The element that has the focus, and whether it, its label or what stands beside it looks different
# from when it has not.
FOCUSED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return null;
  const again = e.hasAttribute('data-reached');
  e.setAttribute('data-reached', '');
  const around = [e, e.parentElement, e.nextElementSibling, ...(e.labels || [])].filter(Boolean);
  const look = () => around.map(a => ['', '::before', '::after'].map(pseudo => {
    const s = getComputedStyle(a, pseudo || null);
    return [s.outlineStyle === 'none' ? '' : s.outlineStyle + s.outlineWidth + s.outlineColor,
      s.boxShadow, s.borderColor, s.backgroundColor, s.color, s.textDecorationLine,
      s.stroke, s.strokeWidth, s.opacity, s.transform].join();
  }).join()).join();
  for (const a of around) a.style.transition = 'none';
  const during = look();
  if (e.tagName === 'IFRAME') return {text: e.outerHTML.slice(0, 160), again, visible: true};
  e.blur();
  const after = look();
  e.focus({preventScroll: true});
  return {text: e.outerHTML.slice(0, 160), again, visible: during !== after};
}"""


def missing() -> str:
    """Why no page can be shown here, or an empty text."""
    if find_spec("playwright") is None or find_spec("axe_playwright_python") is None:
        return "needs pip install 'tinygrad_edu[browser]'"
    if executable() is None:
        return "needs Chromium, for example apt-get install chromium"
    return ""


def executable() -> str | None:
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@pytest.fixture(scope="module")  # while it lives, an event loop runs in this thread
def browser() -> Iterator[Any]:
    """A running Chromium, one for all tests of a file."""
    if why := missing():
        pytest.skip(why)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=executable(), args=["--no-sandbox"])
        yield running
        running.close()


class Shown:
    """An open page: `page` is playwright's, the methods say what is wrong with it."""

    def __init__(self, page: Any):
        self.page = page
        self.outside: list[str] = []
        self.errors: list[str] = []
        self.bytes = 0

    def violations(self, *, without: tuple[str, ...] = ()) -> list[str]:
        """axe's findings, one text for each element. `without` are selectors to leave out."""
        from axe_playwright_python.sync_playwright import Axe

        self.page.evaluate("() => Promise.all(document.getAnimations().map(a => a.finish()))")
        found = Axe().run(
            self.page, context={"exclude": [[s] for s in without]} if without else None
        )
        return [
            f"{rule['id']}: {' '.join(map(str, node['target']))}: {node.get('failureSummary', '')}"
            for rule in found.response["violations"]
            for node in rule["nodes"]
        ]

    def keyboard_problems(self, *, limit: int = 400) -> list[str]:
        """Controls that Tab does not reach, and those that do not show that they have the focus."""
        self.page.evaluate("() => { document.activeElement?.blur(); window.scrollTo(0, 0); }")
        hidden: list[str] = []
        for _ in range(limit):
            self.page.keyboard.press("Tab")
            focused = self.page.evaluate(FOCUSED)
            if focused is None or focused["again"]:
                break
            if not focused["visible"]:
                hidden.append(f"the focus cannot be seen on {focused['text']}")
        missed = self.page.evaluate(MISSED, CONTROLS)
        return hidden + [f"Tab does not reach {text}" for text in missed]

    def overflow(self) -> int:
        """By how many pixels the page is wider than the window: 0 on a page that fits."""
        return self.page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )

    def picture(self, name: str, *, whole: bool = True) -> None:
        """A screenshot in the folder $TINYGRAD_EDU_PICTURES; nothing without it."""
        if folder := os.environ.get("TINYGRAD_EDU_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.screenshot(path=Path(folder) / f"{name}.png", full_page=whole)


def is_ours(url: str) -> bool:
    """Whether an address is on this machine."""
    parts = urlsplit(url)
    return parts.scheme in SAFE_SCHEMES or parts.hostname in LOOPBACK


def listen(shown: Shown, context: Any) -> None:
    """Stop and note requests to other machines, note errors, count bytes."""

    def on_request(route: Any) -> None:
        if is_ours(route.request.url):
            route.continue_()
        else:
            shown.outside.append(route.request.url)
            route.abort()

    def on_response(response: Any) -> None:
        shown.bytes += int(response.headers.get("content-length", 0))

    context.route("**/*", on_request)
    page = shown.page
    page.on("response", on_response)
    page.on("websocket", lambda ws: None if is_ours(ws.url) else shown.outside.append(ws.url))
    page.on("pageerror", lambda error: shown.errors.append(str(error)))


@contextmanager
def opened(
    browser: Any,
    where: Path | str,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: str = "light",
    language: str = "en",
    pages: int = 1,
) -> Iterator[Shown]:
    """Open a file or an address, in a fresh profile, and check on leaving that it behaved.

    `pages`: how many the visit sees; the index of a search counts as one.
    """
    url = where.resolve().as_uri() if isinstance(where, Path) else where
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        locale={"en": "en-GB", "zh": "zh-CN"}.get(language, language),
        reduced_motion="reduce",
    )
    try:
        shown = Shown(context.new_page())
        listen(shown, context)
        shown.page.set_default_timeout(20_000)
        shown.page.goto(url, wait_until="load")
        yield shown
        assert not shown.outside, f"{url} asked other machines: {shown.outside}"
        assert not shown.errors, f"{url} has errors in its scripts: {shown.errors}"
        assert shown.bytes <= pages * LARGEST, f"{url} loaded {shown.bytes} bytes"
        if isinstance(where, Path):
            assert where.stat().st_size <= LARGEST, f"{where} has {where.stat().st_size} bytes"
    finally:
        context.close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server for this folder, as `python -m http.server` gives it."""
    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
