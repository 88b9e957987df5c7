"""The stepper's page: complete in itself, small, and with the engine's own numbers."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from learn import graphs

import tinygrad_edu
from tinygrad_edu import nn
from tinygrad_edu.learn import stepper, trace
from tinygrad_edu.learn.stepper.follow import follow

each_graph = pytest.mark.parametrize("graph", graphs.ALL, ids=lambda g: g.__name__)


def written(graph, folder):
    tinygrad_edu.manual_seed(0)
    f, leaves = graph()
    return tinygrad_edu.stepper(f, folder / "step.html"), f, leaves


def inside(path, name="data"):
    text = path.read_text(encoding="utf-8")
    found = re.search(rf'<script type="application/json" id="{name}">(.*?)</script>', text, re.S)
    return json.loads(found[1])


def array(entry):
    return np.array(entry["array"], dtype=entry["dtype"])


@each_graph
def test_the_numbers_in_the_page_are_the_engines(graph, tmp_path):
    path, f, leaves = written(graph, tmp_path)
    data = inside(path)
    loss = f()
    told = data["values"][data["loss"]]
    assert array(told).tobytes() == loss.detach().numpy().tobytes()
    loss.backward()
    by_leaf = {b["values"][0]: b["cotangents"][0] for b in data["backward"] if b["step"] is None}
    found = sorted((array(g).tobytes() for g in by_leaf.values()), key=hash)
    assert found == sorted((leaf.grad.numpy().tobytes() for leaf in leaves), key=hash)


@each_graph
def test_the_page_is_small_and_names_no_other_address(graph, tmp_path):
    path, _, _ = written(graph, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 1_000_000
    assert set(re.findall(r"\w+://[\w.]+", text)) <= {"http://www.w3.org"}  # the name of SVG
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=\"(?!data:)", text)


def test_a_large_program_still_makes_a_small_page(tmp_path):
    model = nn.Sequential(nn.Linear(300, 300), nn.Tanh(), nn.Linear(300, 300))
    x = tinygrad_edu.randn(200, 300)
    path = tinygrad_edu.stepper(lambda: (model(x) ** 2).mean(), tmp_path / "big.html", model=model)
    assert path.stat().st_size < 1_000_000
    weight = next(v for v in inside(path)["values"] if v["name"] == "0.weight")
    assert weight["array"] is None and weight["stats"]["max"] > 0


def test_a_program_of_many_steps_still_makes_a_small_page(tmp_path):
    x = tinygrad_edu.randn(20, 30, requires_grad=True)

    def loss():
        y = x
        for _ in range(60):
            y = (y * 0.9 + x.T.T).tanh()
        return y.masked_fill(y > 0, float("-inf")).amax()

    path = tinygrad_edu.stepper(loss, tmp_path / "long.html")
    assert path.stat().st_size < 1_000_000
    assert any("-Infinity" in step["numbers"].values() for step in inside(path)["steps"])


def test_both_languages_say_the_same():
    words = json.loads((stepper.HERE / "words.json").read_text(encoding="utf-8"))
    english, chinese = words["en"], words["zh"]
    assert english.keys() == chinese.keys()
    for key, text in english.items():
        if isinstance(text, str):
            assert set(re.findall(r"\{\w+\}", text)) == set(re.findall(r"\{\w+\}", chinese[key])), (
                key
            )
        else:
            assert len(text) == len(chinese[key])


def test_every_text_is_used_and_every_used_text_is_there():
    words = json.loads((stepper.HERE / "words.json").read_text(encoding="utf-8"))["en"]
    script = (stepper.HERE / "page.js").read_text(encoding="utf-8")
    used = set(re.findall(r"\bt\(\"(\w+)\"", script))
    assert used <= words.keys()
    assert not [k for k in words if f'"{k}"' not in script]


def test_what_a_reader_names_cannot_break_the_page(tmp_path):
    x = tinygrad_edu.ones(2, requires_grad=True)
    name = "</script><b>x"
    path = tinygrad_edu.stepper(lambda: (x * x).sum(), tmp_path / "s.html", names={name: x})
    assert name in {v["name"] for v in inside(path)["values"]}
    assert name not in path.read_text(encoding="utf-8")
    page = stepper.page(trace.of(lambda: (x * x).sum()), title="a < b & c")
    assert "<title>a &lt; b &amp; c</title>" in page


def test_each_input_has_its_own_rule():
    x, w = (tinygrad_edu.ones(2, requires_grad=True) for _ in range(2))
    step = trace.of(lambda: (x * w).sum()).steps[0]
    forward, rules, notes = stepper.formulas(step)
    assert len(forward) == 1 and "<mi>out</mi>" in forward[0]
    assert rules.keys() == {"input", "other"} and not notes
    assert "<mi>other</mi>" in rules["input"] and "<mi>input</mi>" in rules["other"]


def test_numbers_that_only_move_are_followed_to_their_place():
    table = tinygrad_edu.randn(5, 2, requires_grad=True)
    index = tinygrad_edu.tensor([3, 0, 3])

    def loss():
        rows = nn.functional.embedding(index, table)
        both = tinygrad_edu.cat([rows.T, rows.T[:, :1]], 1)
        return both.sum()

    tape = trace.of(loss)
    ways = {s.op: follow(s, tape) for s in tape.steps}
    assert ways["take_rows"]["weight"]["maps"] == [[6, 7, 0, 1, 6, 7]]
    assert ways["cat"]["tensors[0]"]["maps"] == [[0, 1, 2, -1, 3, 4, 5, -1]]
    assert ways["cat"]["tensors[1]"]["maps"] == [[-1, -1, -1, 0, -1, -1, -1, 1]]


def test_boxes_stand_for_every_op_and_every_given_tensor():
    f, _ = graphs.mlp()
    tape = trace.of(f)
    drawn = stepper.picture(tape)
    given = {f"v{v.id}" for v in tape.values if v.step is None}
    assert set(drawn["boxes"]) == given | {f"s{s.index}" for s in tape.steps}
    assert len(drawn["edges"]) == sum(len(s.inputs) for s in tape.steps)
