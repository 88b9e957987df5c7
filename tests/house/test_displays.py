"""What a notebook shows: tables of tensors, layers, optimisers and runs, and one output that is
written anew while a training runs.
"""

from __future__ import annotations

import re
import sys
import types
from html.parser import HTMLParser

import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.train import screen


class Balanced(HTMLParser):
    """Collects the cells; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.open, self.cells = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1] += data


def test_a_tensor_shows_what_it_is_and_its_values():
    x = tg.tensor([[1.0, -2.0], [float("nan"), 0.5]], requires_grad=True)
    text = x._repr_html_()
    assert Balanced(text).cells == ["1", "-2", "nan", "0.5"]
    assert "shape (2, 2), " in text and "float32, cpu, requires_grad" in text
    assert "grad_fn mul" in (x * 2)._repr_html_().lower().replace("backward", "")
    assert re.search(r"rgba\(209,73,91,0.25\)", text)  # half of the largest, above zero


@pytest.mark.parametrize(
    "shape", [(), (0,), (3,), (0, 4), (2, 3, 4), (1000, 1000), (2, 0, 3), (20,), (2, 2, 2, 2)]
)
@pytest.mark.parametrize("dtype", [tg.float32, tg.int64, tg.bool])
def test_a_tensor_of_any_shape_shows_a_small_table(shape, dtype):
    text = tg.zeros(shape, dtype=dtype)._repr_html_()
    assert len(Balanced(text).cells) <= 12 * 13 + 1 and len(text) < 20_000


def test_modules_and_optimisers_show_tables_and_escape_what_they_show():
    class Odd(nn.Module):
        def extra_repr(self):
            return "<script>"

    model = nn.Sequential(nn.Linear(3, 2), Odd())
    text = model._repr_html_()
    assert "<script>" not in text
    cells = Balanced(text).cells
    assert cells[:3] == ["name", "layer", "parameters"] and "8" in cells
    text = tg.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)._repr_html_()
    cells = Balanced(text).cells
    assert "momentum" in cells and "0.9" in cells and "0.5" in cells


def test_a_profile_shows_its_page_in_a_frame():
    from tinygrad_edu.devices.emu.profile import Profile

    text = Profile()._repr_html_()
    assert text.startswith("<iframe srcdoc=") and "&lt;h1&gt;Kernel profile" in text


class Handle:
    shown: list[str] = []

    def update(self, what):
        self.shown.append(what)


@pytest.fixture
def notebook(monkeypatch):
    """A stand-in for IPython in the kernel of a notebook."""
    shell = types.SimpleNamespace(kernel=object())
    display = types.ModuleType("IPython.display")
    display.HTML = str
    display.display = lambda what, display_id: Handle()
    package = types.ModuleType("IPython")
    package.get_ipython, package.display = (lambda: shell), display
    monkeypatch.setitem(sys.modules, "IPython", package)
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    Handle.shown = []
    return Handle


def test_a_notebook_gets_one_output_that_is_written_anew(notebook):
    shown = screen.make_screen("images")
    assert isinstance(shown, screen.NotebookScreen)
    shown.say("Training on <5> images")
    shown.last = -1e9
    shown.step(screen.Step(1, 2, 3, 10, 0.5, None, 100.0, 60.0))
    result = {"epoch": 1, "loss": 0.5, "validation_loss": 0.25, "seconds": 3.0}
    shown.epoch(result, 2, True)
    shown.stop()
    assert "&lt;5&gt;" in notebook.shown[-1]
    assert "batch 3/10" in notebook.shown[1] and "batch" not in notebook.shown[-1]
    assert "0.2500" in Balanced(notebook.shown[-1]).cells
    before = len(notebook.shown)
    for batch in range(1000):  # a loop writes now and then, not each step
        shown.last = screen.time.monotonic()
        shown.step(screen.Step(2, 2, batch, 1000, 0.5, None, 100.0, 60.0))
    assert len(notebook.shown) - before < 100


def test_a_command_started_by_a_notebook_prints_plain_lines(monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    assert type(screen.make_screen("images")) is screen.Screen


def test_outside_of_notebooks_nothing_asks_for_ipython(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not screen.in_notebook()
    assert "IPython" not in sys.modules
