"""explain() says what the walk did, and changes nothing."""

from __future__ import annotations

import re

import numpy as np
import pytest
from learn import graphs
from support.cli import call

import tinygrad_edu
from tinygrad_edu import nn
from tinygrad_edu.cli import main
from tinygrad_edu.learn.example import example

each_graph = pytest.mark.parametrize("graph", graphs.ALL, ids=lambda g: g.__name__)


@each_graph
def test_every_step_of_the_walk_is_told_in_order(graph):
    tinygrad_edu.manual_seed(0)
    f, leaves = graph()
    told = tinygrad_edu.explain(f)
    text = str(told).partition("Backward, from the loss")[2]
    order = [int(n) for n in re.findall(r"^ *(\d+)\. ", text, re.M)]
    assert order == [b.step for b in told.backs if b.step is not None]
    assert len(re.findall(r"^leaf ", text, re.M)) == len(leaves)
    assert all(leaf.grad is None for leaf in leaves)


def test_the_example_by_hand():
    text = str(tinygrad_edu.explain(example, digits=6))
    x, w2 = np.array([1, -2, 0.5]), np.array([0.7, -0.5])
    w1, b1 = np.array([[0.2, -0.4, 0.6], [0.5, 0.3, -0.2]]), np.array([0.1, -0.3])
    h = np.tanh(w1 @ x + b1)
    g = 2 * (w2 @ h - 0.25)
    for number in (g**2 / 4, g, *(g * h), *(g * w2 * (1 - h**2))):
        assert f"{np.float32(number):.5g}" in re.sub(r"(\d+\.\d+)", shorter, text)
    assert "formula  d input = g (1 - out^2)" in text


def shorter(found):
    return f"{float(found[1]):.5g}"


def test_where_cotangents_add_up_is_shown_as_a_sum():
    x = tinygrad_edu.tensor([1.0, 2.0], requires_grad=True)
    text = str(tinygrad_edu.explain(lambda: (x * 3 + x).sum()))
    assert "2 cotangents, which add up:" in text
    assert "[1, 1]  from op 1 (add)" in text and "[3, 3]  from op 0 (mul)" in text
    assert "= grad (2,): [4, 4]" in text


def test_what_is_kept_and_freed_is_named():
    x = tinygrad_edu.tensor([1.0, 2.0], requires_grad=True)
    text = str(tinygrad_edu.explain(lambda: x.exp().sum()))
    assert "keeps    out for the backward" in text
    assert "frees    out, as backward() does" in text


def test_large_tensors_are_given_by_figures_and_lines_stay_short():
    model = nn.Linear(40, 30)
    text = repr(tinygrad_edu.explain(lambda: model(tinygrad_edu.ones(20, 40)).sum(), model=model))
    assert "weight (30, 40): min " in text
    assert max(map(len, text.splitlines())) < 180


def test_a_broadcast_says_that_it_was_summed():
    b = tinygrad_edu.ones(3, requires_grad=True)
    text = str(tinygrad_edu.explain(lambda: (tinygrad_edu.ones(2, 3) + b).sum()))
    assert "summed over the dims that broadcasting added: [2, 2, 2]" in text


def test_a_loss_from_outside_says_how_to_see_more():
    x = tinygrad_edu.ones(2, requires_grad=True)
    assert "tinygrad_edu.record()" in str(tinygrad_edu.explain((x + 1).exp().sum()))


def test_a_loss_without_a_graph_or_with_many_numbers_is_refused():
    with pytest.raises(tinygrad_edu.GraphError, match="requires_grad"):
        tinygrad_edu.explain(tinygrad_edu.ones(1))
    with pytest.raises(tinygrad_edu.GraphError, match="one number"):
        tinygrad_edu.explain(tinygrad_edu.ones(2, requires_grad=True) * 2)


# ---- the command ----


def test_the_command_shows_the_example(capsys):
    assert main(["explain", "--example"]) == 0
    assert "Backward, from the loss" in capsys.readouterr().out


def test_the_command_explains_the_backward_of_a_script(tmp_path):
    script = tmp_path / "s.py"
    script.write_text(
        "import torch\nx = torch.ones(3, requires_grad=True)\nfor k in (1, 2):\n"
        "    y = (x * k).sum()\n    y.backward()\nprint('THE END')\n"
    )
    code, out, _ = call("explain", "--call", "2", script, cwd=tmp_path)
    assert code == 0 and "y = 6" in out and "THE END" not in out
    code, _, err = call("explain", "--call", "3", script, cwd=tmp_path)
    assert code == 2 and "at least 3 times, got 2" in err


def test_the_command_wants_a_script_or_the_example(capsys):
    assert main(["explain"]) == 2
    assert "needs a script or --example" in capsys.readouterr().err
