"""The checks of pages find what they are for."""

from __future__ import annotations

import pytest
from learn.browser import is_ours, opened, served

GOOD = """<!doctype html><html lang="en"><head><title>t</title><style>
body { color: #111; background: #fff } :focus-visible { outline: 2px solid blue }
@media (prefers-color-scheme: dark) { body { color: #eee; background: #111 } }
</style></head><body><main><h1>Title</h1>%s</main></body></html>"""


def page_of(folder, body):
    path = folder / "page.html"
    path.write_text(GOOD % body, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "url, ours",
    [
        ("file:///tmp/page.html", True),
        ("http://127.0.0.1:8000/page.html", True),
        ("data:text/css,p{}", True),
        ("https://example.org/a.js", False),
        ("http://127.0.0.1.example.org/", False),
        ("http://192.168.0.1/", False),
    ],
)
def test_which_addresses_are_on_this_machine(url, ours):
    assert is_ours(url) is ours


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_good_page_has_no_finding(browser, tmp_path, scheme):
    body = "<button>Play</button> <label>Step <input type=range></label>"
    with opened(browser, page_of(tmp_path, body), width=390, scheme=scheme, language="zh") as shown:
        assert shown.page.evaluate("navigator.language") == "zh-CN"
        assert shown.violations() == []
        assert shown.keyboard_problems() == []
        assert shown.overflow() == 0


@pytest.mark.parametrize(
    "body, rule",
    [
        ("<button></button>", "button-name"),
        ("<p style='color:#999;background:#fff'>pale</p>", "color-contrast"),
        ("<img src='data:image/gif;base64,R0lGODlhAQABAAAAACw='>", "image-alt"),
    ],
)
def test_axe_finds_what_some_readers_cannot_use(browser, tmp_path, body, rule):
    with opened(browser, page_of(tmp_path, body)) as shown:
        assert [found for found in shown.violations() if found.startswith(f"{rule}:")]


def test_a_control_without_a_visible_focus_is_found(browser, tmp_path):
    body = "<button style='outline:none'>Play</button>"
    with opened(browser, page_of(tmp_path, body)) as shown:
        assert "focus cannot be seen" in shown.keyboard_problems()[0]


def test_a_control_that_tab_does_not_reach_is_found(browser, tmp_path):
    trap = "<button id=a>Play</button><button>Stop</button><script>document.onkeydown = e => {"
    trap += " if (e.key === 'Tab') { e.preventDefault(); a.focus(); } }</script>"
    with opened(browser, page_of(tmp_path, trap)) as shown:
        assert "Stop" in shown.keyboard_problems()[0]


@pytest.mark.parametrize(
    "body, complaint",
    [
        ("<link rel=stylesheet href='https://example.org/a.css'>", "other machines"),
        # the page waits for it: its load event cannot come before the request
        (
            "<script>let x = new XMLHttpRequest(); x.open('GET', 'http://10.0.0.1/', false);"
            " try { x.send() } catch (e) {}</script>",
            "other machines",
        ),
        ("<script>nothing.here()</script>", "errors in its scripts"),
        ("<!--" + "x" * 1_000_000 + "-->", "bytes"),
    ],
)
def test_a_page_that_does_not_behave_fails(browser, tmp_path, body, complaint):
    with pytest.raises(AssertionError, match=complaint):
        with opened(browser, page_of(tmp_path, body)):
            pass


def test_a_served_page_may_ask_its_own_server_only(browser, tmp_path):
    page_of(tmp_path, "<script src=a.js></script>")
    (tmp_path / "a.js").write_text("document.title = 'ran'")
    with served(tmp_path) as address, opened(browser, f"{address}/page.html") as shown:
        assert shown.page.title() == "ran" and shown.bytes > 0
