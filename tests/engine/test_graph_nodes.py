"""The graph's nodes as scripts use them that walk through a graph: names, next_functions, calls."""

from __future__ import annotations

import pytest

import tinygrad_edu as tg


def names(lib, build):
    x, w = (lib.ones(2, requires_grad=True) for _ in range(2))
    seen, stack = [], [build(lib, x, w).grad_fn]
    while stack:
        node = stack.pop()
        seen.append(node.name())
        stack.extend(to for to, _ in node.next_functions if to is not None)
    return seen


@pytest.mark.parametrize(
    "build",
    [
        lambda lib, x, w: x * w,
        lambda lib, x, w: (2 * x + w.exp()).sum(),
        lambda lib, x, w: (x / w - x.relu()).mean(),
        lambda lib, x, w: lib.stack([x, w]).tanh(),
    ],
)
def test_names_and_order_are_pytorchs(build):
    torch = pytest.importorskip("torch")
    assert names(tg, build) == names(torch, build)


def test_a_node_says_its_name_and_a_leaf_its_variable():
    x = tg.ones(2, requires_grad=True)
    y = x * x
    assert repr(y.grad_fn).startswith("<MulBackward0 object at 0x")
    assert repr(y) == "tensor([1., 1.], grad_fn=<MulBackward0>)"
    assert y.grad_fn.next_functions[0][0].variable is x


def test_a_node_called_applies_its_formulas():
    x, w = tg.tensor([2.0, 3.0], requires_grad=True), tg.tensor(5.0, requires_grad=True)
    gx, gw = (x * w).grad_fn(tg.ones(2))
    assert gx.tolist() == [5, 5] and gw.item() == 5  # summed back to the shape of w
    assert x.exp().grad_fn(tg.ones(2)).tolist() == x.exp().tolist()
    assert (2 * x).grad_fn(tg.ones(2))[1] is None
    y = x * w
    y.grad_fn(tg.ones(2))
    y.sum().backward()  # the graph is still there
    values, _ = x.reshape(1, 2).max(1)
    assert values.grad_fn(tg.ones(1), None).tolist() == [[0, 1]]
    with pytest.raises(tg.ShapeError, match="one cotangent per output"):
        y.grad_fn(tg.ones(3))


def test_a_number_is_formatted_as_a_number():
    assert f"{tg.tensor(2.5)}" == "2.5" == f"{tg.tensor(2.5)}"
    assert f"{tg.tensor(2.5):.3f} {tg.tensor(3)} {tg.tensor(True)}" == "2.500 3 True"
    assert f"{tg.zeros(2)}" == "tensor([0., 0.])"
