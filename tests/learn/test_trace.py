"""A trace tells what the engine did: every value, every cotangent, and nothing is changed by it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from learn import graphs

import tinygrad_edu
from tinygrad_edu import nn
from tinygrad_edu.engine.device import cpu, registry
from tinygrad_edu.learn import trace
from tinygrad_edu.nn import functional as F

each_graph = pytest.mark.parametrize("graph", graphs.ALL, ids=lambda g: g.__name__)


def made(graph):
    tinygrad_edu.manual_seed(0)
    return graph()


def same(a, b):
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def arriving(tape, leaves):
    """What the walk brought to each leaf, by the address of its tensor."""
    backs = tape.backward()
    at = {b.values[0]: b.cotangents[0].array for b in backs if b.step is None}
    return [at.get(tape.ends.get(leaf.node)) for leaf in leaves]


@each_graph
@pytest.mark.parametrize("recorded", [True, False])
def test_the_walk_brings_the_gradients_of_a_plain_backward(graph, recorded):
    f, leaves = made(graph)
    tape = trace.of(f) if recorded else trace.of(f())
    found = arriving(tape, leaves)
    assert all(leaf.grad is None for leaf in leaves)  # explaining adds nothing
    f().backward()
    for leaf, g in zip(leaves, found, strict=True):
        assert g is not None and same(g, leaf.grad.array)


@each_graph
def test_the_graph_can_be_walked_after_it_was_traced(graph):
    f, leaves = made(graph)
    loss = f()
    trace.of(loss).backward()
    loss.backward()
    assert all(leaf.grad is not None for leaf in leaves)


@each_graph
def test_the_values_are_those_that_the_ops_returned(graph):
    f, _ = made(graph)
    tape = trace.of(f)
    loss = tape.values[tape.result]
    assert same(loss.array, tape.loss.array)
    for step in tape.steps:
        if not step.recorded or step.op not in registry:
            continue
        again = graphs.again(tape, step)
        first = again[0] if isinstance(again, tuple) else again
        assert same(np.asarray(first), tape.values[step.outputs[0]].array), step.op


@each_graph
def test_a_step_comes_after_those_that_made_its_inputs(graph):
    tape = trace.of(made(graph)[0])
    for step in tape.steps:
        for value in (tape.values[i] for i in step.inputs):
            assert value.step is None or value.step < step.index
        assert all(tape.values[i].step == step.index for i in step.outputs)


@each_graph
def test_cotangents_add_up_to_what_a_step_receives(graph):
    tape = trace.of(made(graph)[0])
    backs = tape.backward()
    pieces: dict = {}
    for back in backs:
        for piece in back.pieces:
            pieces.setdefault(piece.to, []).append(piece)
    checked = 0
    for back in backs:
        for value, g, senders in zip(back.values, back.cotangents, back.arrived):
            if g is None or senders == [None]:
                continue
            arrived = pieces[value]
            total = arrived[0].seen.array
            for piece in arrived[1:]:
                total = total + piece.seen.array
            assert same(np.asarray(total), g.array)
            assert [piece.first for piece in arrived] == [True] + [False] * (len(arrived) - 1)
            checked += 1
    assert checked


@each_graph
def test_json_gives_every_number_back(graph):
    tape = trace.of(made(graph)[0])
    backs = tape.backward()
    told = json.loads(json.dumps(tape.to_json(backs), allow_nan=False))
    for value, entry in zip(tape.values, told["values"], strict=True):
        assert same(np.array(entry["array"], dtype=entry["dtype"]), value.array)
    for back, entry in zip(backs, told["backward"], strict=True):
        for g, e in zip(back.cotangents, entry["cotangents"], strict=True):
            assert g is None or same(np.array(e["array"], dtype=e["dtype"]), g.array)


def test_names_come_from_modules_arguments_and_variables():
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    x, free = tinygrad_edu.ones(1, 2), tinygrad_edu.ones(2, requires_grad=True)

    def loss():
        h = model(x * 2)
        return (h * free).sum()

    tape = trace.of(loss)
    assert {v.name for v in tape.leaves} == {"0.weight", "0.bias", "free"}
    assert [(s.op, s.module, s.layer) for s in tape.steps][:3] == [
        ("mul", "", ""),
        ("linear", "0", "Linear"),
        ("relu", "1", "ReLU"),
    ]
    assert tape.values[tape.steps[0].inputs[0]].name == "x"
    assert tape.values[tape.steps[3].inputs[0]].name == "h"
    assert tape.steps[3].where.startswith("test_trace.py:")
    result = loss()
    named = trace.of(result, model=model, names={"given": free})
    assert {v.name for v in named.leaves} == {"0.weight", "0.bias", "given"}


def test_two_modules_of_one_program_have_names_apart():
    encoder, decoder = nn.Linear(2, 2), nn.Linear(2, 2)
    x = tinygrad_edu.ones(1, 2)
    tape = trace.of(lambda: decoder(encoder(x)).sum())
    names = {v.name for v in tape.leaves}
    assert names == {"encoder.weight", "encoder.bias", "decoder.weight", "decoder.bias"}


def test_ops_that_need_no_gradient_are_recorded_too():
    x, w = tinygrad_edu.tensor([1.0, 2.0]), tinygrad_edu.tensor([3.0, 4.0], requires_grad=True)
    with tinygrad_edu.record() as tape:
        with tinygrad_edu.no_grad():
            scaled = (x - 1.5) * 2
        loss = (scaled * w).sum()
    found = trace.of(loss)
    assert [s.op for s in found.steps] == ["sub", "mul", "mul", "sum"]
    assert [s.wanted for s in found.steps] == [[False], [False], [False, True], [True]]
    assert len(tape.calls) == 4


def test_a_changed_array_is_another_value():
    w = tinygrad_edu.tensor([1.0, 2.0], requires_grad=True)

    def loss():
        first = (w * w).sum().detach()
        with tinygrad_edu.no_grad():
            w.sub_(1.0)
        return (w * first).sum()

    tape = trace.of(loss)
    assert [v.array.tolist() for v in tape.leaves if v.array.ndim] == [[0.0, 1.0]]
    before = tape.values[tape.steps[0].inputs[0]]
    assert before.array.tolist() == [1.0, 2.0]


def test_what_was_not_recorded_is_unknown_and_what_is_kept_is_not():
    w = tinygrad_edu.tensor([1.0, 2.0], requires_grad=True)
    tape = trace.of((w.exp() + w).sum())
    exp, total = tape.steps[0], tape.steps[1]
    assert tape.values[exp.outputs[0]].array.tolist() == w.exp().tolist()  # its formula keeps it
    assert tape.values[total.outputs[0]].array is None
    assert not exp.recorded


def test_large_arrays_become_figures():
    x = tinygrad_edu.ones(600, 600, requires_grad=True)  # 1.44 MB
    tape = trace.of(lambda: (x * 2).sum())
    value = tape.values[tape.steps[0].outputs[0]]
    assert value.array is None
    assert value.stats == {"min": 2.0, "max": 2.0, "mean": 2.0, "std": 0.0}


def test_nothing_is_left_behind_after_the_block():
    table, call, apply = cpu.F, nn.Module.__call__, tinygrad_edu.autograd.Function.__dict__["apply"]
    with pytest.raises(ZeroDivisionError), tinygrad_edu.record():
        assert cpu.F is not table
        _ = 1 / 0
    assert cpu.F is table and nn.Module.__call__ is call
    assert tinygrad_edu.autograd.Function.__dict__["apply"] is apply


def test_the_walk_has_no_watch_afterwards_even_if_it_fails():
    from tinygrad_edu.engine.graph import mode

    x = tinygrad_edu.ones(2, requires_grad=True)
    loss = (x * x).sum()
    loss.backward()
    with pytest.raises(tinygrad_edu.GraphError, match="freed"):
        trace.of(loss).backward()
    assert mode.watch is None


def test_kept_and_freed_are_those_of_the_graph():
    x, w = (tinygrad_edu.ones(2, requires_grad=True) for _ in range(2))
    tape = trace.of(lambda: (x * w).exp().sum())
    assert [sorted(s.kept) for s in tape.steps] == [["input", "other"], ["out"], []]
    freed = {b.step: sorted(b.freed) for b in tape.backward() if b.step is not None}
    assert freed == {0: ["input", "other"], 1: ["out"], 2: []}


def test_something_else_than_a_loss_is_refused():
    with pytest.raises(tinygrad_edu.DTypeError, match="must be a Tensor"):
        trace.of(3)
    with pytest.raises(tinygrad_edu.DTypeError, match="must be a Tensor"):
        trace.of(lambda: None)


def test_hooks_see_what_they_always_see():
    x = tinygrad_edu.ones(2, requires_grad=True)
    loss, seen = (F.relu(x) * 3).sum(), []
    x.register_hook(lambda g: seen.append(g.tolist()))
    trace.of(loss).backward()
    assert seen == [[3.0, 3.0]]
