"""Joining, splitting and indexing at the edges: refusals, and tensors without dims."""

from __future__ import annotations

import pytest

import tinygrad_edu as tg


def test_cat_shows_all_shapes_and_names_the_odd_one():
    shapes = r"\(2, 3\), \(4, 3\), \(3, 2\)"
    with pytest.raises(tg.ShapeError, match=f"{shapes}.*tensor 2 differs from tensor 0"):
        tg.cat([tg.zeros(2, 3), tg.zeros(4, 3), tg.zeros(3, 2)])


def test_stack_shows_all_shapes_and_names_the_odd_one():
    with pytest.raises(tg.ShapeError, match=r"\(2,\), \(3,\).*tensor 1 differs from tensor 0"):
        tg.stack([tg.zeros(2), tg.zeros(3)])


@pytest.mark.parametrize(("n", "r", "again"), [(60, 30, False), (3, 10**9, True), (99, 99, True)])
def test_combinations_beyond_memory_are_refused_at_once(n, r, again):
    with pytest.raises(tg.ShapeError, match="at most"):
        tg.combinations(tg.arange(n), r, again)


def test_combinations_of_more_elements_than_there_are_is_empty():
    assert tg.combinations(tg.arange(3), 10**9).shape == (0, 10**9)


@pytest.mark.parametrize("sizes", [(-2,), (-2, 3), (2, -3)])
def test_sizes_below_minus_one_are_refused(sizes):
    for shape in (tg.zeros(6).reshape, tg.zeros(6).view):
        with pytest.raises(tg.ShapeError, match="sizes must be 0 or more, or -1"):
            shape(sizes)


@pytest.mark.parametrize("call", ["x.roll(1, 2)", "x.roll(1, -3)", "x.roll((1, 2), 0)"])
def test_roll_refuses_dims_out_of_range_and_unpaired_shifts(call):
    with pytest.raises(tg.ShapeError, match="roll: "):
        eval(call, {"x": tg.zeros(2, 3)})  # noqa: S307


CALLS = """
x.gather(0, i0)
x.gather(0, i1)
x.gather(0, empty)
x.scatter(0, i1, v)
x.scatter(0, i0, v[0])
x.scatter(0, i1, 2.5)
x.scatter_add(0, i1, v)
x.scatter_reduce(0, i1, v, 'sum')
x.scatter_reduce(0, i1, v, 'prod')
x.scatter_reduce(0, i1, v, 'mean')
x.scatter_reduce(0, i1, v, 'amax', include_self=False)
x.index_reduce(0, i1, v[0], 'prod')
x.index_add(0, i1, v[0])
x.index_copy(0, i1, v[0])
x.index_fill(0, i1, 4.0)
x.index_fill(0, i1, v[0])
x.index_select(0, i1)
x.flip(-1)
w.index_fill(0, L.tensor([1, 1]), v[0])
w.gather(0, empty)
w.gather(0, L.tensor(2))
w.scatter(0, empty, v)
L.take_along_dim(w, L.tensor([-1, 0, -3]), 0)
"""


@pytest.mark.parametrize("call", [line for line in CALLS.split("\n") if line])
def test_tensors_without_dims_and_odd_indexes_are_pytorchs(call):
    torch = pytest.importorskip("torch")
    found = []
    for L in (tg, torch):
        x = L.tensor(3.0, dtype=L.float64, requires_grad=True)
        v = L.tensor([2.0], dtype=L.float64, requires_grad=True)
        w = L.tensor([1.0, 2.0, 3.0], dtype=L.float64, requires_grad=True)
        i0, i1, empty = L.tensor(0), L.tensor([0]), L.zeros(0, dtype=L.int64)
        env = {"L": L, "x": x, "v": v, "w": w, "i0": i0, "i1": i1, "empty": empty}
        r = eval(call, env)  # noqa: S307
        grads = L.autograd.grad(r.sum(), [x, v, w], allow_unused=True)
        nothing = [0.0 if g is None else g.sum().item() for g in grads]
        found.append((tuple(r.shape), r.tolist(), nothing))
    assert found[0] == found[1]
