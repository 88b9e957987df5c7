"""Formulas of docstrings become MathML that a browser sets."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

import pytest
from learn.browser import opened

from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.op import Declared
from tinygrad_edu.learn.mathml import mathml

MATH = {
    op.name: found[1]
    for op in registry.values()
    if isinstance(op, Declared) and (found := re.search(r"Math: *(.*?)(?:\n\S|\Z)", op.doc, re.S))
}


def shape(text, names=("input", "other")):
    """The MathML of one statement, as nested calls, without spaces and rows of one thing."""

    def of(e):
        inside = [of(child) for child in e if child.tag != "mspace"]
        if e.tag in ("mi", "mn", "mo", "mtext"):
            return e.text
        if e.tag in ("mrow", "math"):
            return " ".join(inside)
        return f"{e.tag[1:]}({' ; '.join(inside)})"

    (made,) = mathml(text, names)
    return of(ElementTree.fromstring(made))


@pytest.mark.parametrize(
    "text, expected",
    [
        ("out = 1 / (1 + e^-input)", "out = frac(1 ; 1 + sup(e ; − input))"),
        ("g input / other", "frac(g input ; other)"),
        ("input/2 (1 + x)", "frac(input ; 2) ( 1 + x )"),
        ("(a + b) / c d", "frac(a + b ; c) d"),
        ("sqrt(2/pi)", "sqrt(frac(2 ; π))"),
        ("sum_{i, j} x_i^2", "under(∑ ; i , j) subsup(x ; i ; 2)"),
        ("integral_0^inf f(t)", "underover(∫ ; 0 ; ∞) f ( t )"),
        ("|input - other|^p", "sup(| input − other | ; p)"),
        ("|x|_p", "sub(| x | ; p)"),
        ("ln |x| + |y|", "ln | x | + | y |"),
        ("d input = g [input <= 0]", "d input = g [ input ≤ 0 ]"),
        ("input where the mask is set, else 0", "input where the mask is set , else 0"),
        ("sum x / number of elements", "frac(∑ x ; number of elements)"),
        ("negative_slope input_n", "negative_slope sub(input ; n)"),
    ],
)
def test_what_a_formula_becomes(text, expected):
    assert shape(text, ("input", "other", "negative_slope")) == expected


def test_statements_are_set_one_by_one():
    made = mathml("out = max(a; b); d a = g. At 0: 0.")
    assert len(made) == 3 and all(m.startswith('<math display="block">') for m in made)
    assert "display" not in mathml("x", block=False)[0]


@pytest.mark.parametrize(
    "text", ["", "(", "a /", "x^", "x_", "|x", "]", "a ; ; b", "a < b & c", "^"]
)
def test_no_text_is_too_broken(text):
    for made in mathml(text):
        ElementTree.fromstring(made)


@pytest.mark.parametrize("name", sorted(MATH))
def test_the_formula_of_every_op_loses_nothing(name):
    op = registry[name]
    made = "".join(mathml(" ".join(MATH[name].split()), [p.name for p in op.parameters]))
    letters = "".join(ElementTree.fromstring(f"<r>{made}</r>").itertext())
    kept = set(re.findall(r"[0-9]+|[a-z]{4,}", letters.lower()))
    wanted = re.findall(r"[0-9]+|[a-z]{4,}", MATH[name].lower())
    signs = {
        "beta",
        "alpha",
        "gamma",
        "sigma",
        "sqrt",
        "prod",
        "integral",
        "lambda",
        "delta",
        "theta",
    }
    assert not [word for word in wanted if word not in kept | signs and word not in letters.lower()]


def test_a_browser_sets_fractions_and_roots(browser, tmp_path):
    page = tmp_path / "math.html"
    body = "".join(mathml("out = 1 / sqrt(x)"))
    page.write_text(
        f"<!doctype html><html lang=en><meta charset=utf-8><title>m</title><main><h1>m</h1>{body}"
    )
    with opened(browser, page) as shown:
        above, below = (
            shown.page.locator(f"mfrac > :nth-child({n})").bounding_box() for n in (1, 2)
        )
        assert above["y"] + above["height"] <= below["y"] + 1
        assert shown.violations() == []
