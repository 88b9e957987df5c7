"""gradcheck's report: which entry is off, by how much, and the mistake that was made.

Each usual mistake is planted in an op of the user. The report must name it, and must accuse no op
that is right.
"""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.autograd import Function, gradcheck
from tinygrad_edu.engine.errors import GraphError


def drawn(*shape):
    rng = np.random.default_rng(sum(shape) + len(shape))
    return tg.tensor(rng.uniform(0.5, 2.0, shape), dtype=tg.float64, requires_grad=True)


def op(forward, backward, keep=lambda args, out: args):
    """A Function: `keep` chooses what is saved, `backward(g, *saved)` gives the gradients."""

    class Planted(Function):
        @staticmethod
        def forward(ctx, *args):
            out = forward(*args)
            ctx.save_for_backward(*keep(args, out))
            return out

        @staticmethod
        def backward(ctx, g):
            return backward(g, *ctx.saved_tensors)

    return Planted.apply


def report(function, *inputs):
    with pytest.raises(GraphError) as caught:
        gradcheck(function, inputs)
    said = str(caught.value)
    assert len(said) <= 1000
    return said


def out_only(args, out):
    return (out,)


def mul(backward):
    return op(lambda a, b: a * b, backward)


def add(backward):
    return op(lambda a, b: a + b, backward)


def matmul(backward):
    return op(lambda a, b: a @ b, backward)


A, B, ROW, SQUARE = drawn(3, 4), drawn(4, 3).T.detach().requires_grad_(), drawn(4), drawn(3, 3)
OTHER = (drawn(3, 3).detach() * tg.tensor([[1.0], [0.5], [2.0]], dtype=tg.float64)).requires_grad_()

PLANTED = {
    "sign": (mul(lambda g, a, b: (-g * b, g * a)), (A, B), "The sign is wrong"),
    "sign of one entry": (
        op(lambda x: x.sin(), lambda g, x: -g * x.cos()),
        (drawn(1),),
        "The sign is wrong",
    ),
    "factor 2": (
        op(lambda x: x * x, lambda g, x: g * x),
        (A,),
        "every entry is 0.5 times what it must be",
    ),
    "odd factor": (
        op(lambda x: x.exp(), lambda g, x: g * x.exp() * 1.7),
        (A,),
        "every entry is 1.7 times what it must be",
    ),
    "factor left out": (
        mul(lambda g, a, b: (g, g * a)),
        (A, B),
        "A factor is missing. It gives g; right is g · input 1.",
    ),
    "factor too many": (
        mul(lambda g, a, b: (g * b * a, g * a)),
        (A, B),
        "A factor is too many. It gives g · input 0 · input 1; right is g · input 1.",
    ),
    "cotangent left out": (
        op(lambda x: x.sin(), lambda g, x: x.cos()),
        (A,),
        "multiplied by g, the result is right",
    ),
    "chain left out": (
        op(lambda x: x.sqrt() * x, lambda g, x: g * 1.5 / x.sqrt()),
        (A,),
        "multiplied by input 0, the result is right",
    ),
    "no sum over the broadcast dim": (
        mul(lambda g, a, b: (g * b, (g * a)[0])),
        (A, ROW),
        "The sum over a broadcast dim is missing or wrong. It gives g · input 0, the first piece"
        " over dim 0; right is g · input 0, summed over dim 0.",
    ),
    "a sum over the wrong dim": (
        add(lambda g, a, b: (g, g.sum(1))),
        (SQUARE, drawn(3)),
        "The sum over a broadcast dim is missing or wrong. It gives g, summed over dim 1; right is"
        " g, summed over dim 0.",
    ),
    "a mean for the sum": (
        add(lambda g, a, b: (g, g.mean(0))),
        (drawn(5, 4), ROW),
        "A mean stands where a sum must: every entry is 5 times too small",
    ),
    "a sum for the mean": (
        op(lambda x: x.mean(1), lambda g, x: g.unsqueeze(1).expand(3, 7)),
        (drawn(3, 7),),
        "A sum stands where a mean must: every entry is 7 times too large",
    ),
    "factor not transposed": (
        matmul(lambda g, a, b: (g @ b, a.transpose(0, 1) @ g)),
        (SQUARE, OTHER),
        "A transpose or the order of a matrix product is wrong. It gives g @ input 1; right is"
        " g @ input 1.T.",
    ),
    "matrices in the wrong order": (
        matmul(lambda g, a, b: (g @ b.transpose(0, 1), g @ a.transpose(0, 1))),
        (SQUARE, OTHER),
        "A transpose or the order of a matrix product is wrong. It gives g @ input 0.T; right is"
        " input 0.T @ g.",
    ),
    "result transposed": (
        op(lambda x: x * 2, lambda g, x: 2 * g.transpose(0, 1)),
        (SQUARE,),
        "the result is the transpose of what it must be",
    ),
    "input kept for the output": (
        op(lambda x: x.exp(), lambda g, kept: g * kept),
        (A,),
        "A wrong value is kept: saved tensor 0 is input 0, and must be the output.",
    ),
    "output kept for the input": (
        op(lambda x: x * x, lambda g, kept: 2 * g * kept, out_only),
        (A,),
        "A wrong value is kept: saved tensor 0 is the output, and must be input 0.",
    ),
    "kept before the last step": (
        op(lambda x: x.tanh(), lambda g, kept: g * (1 - kept * kept)),
        (A,),
        "A wrong value is kept: saved tensor 0 is input 0, and must be the output.",
    ),
    "the wrong one of two": (
        op(lambda a, b: a * b, lambda g, a, b: (g * a, g * b)),
        (A, B),
        "A wrong value is kept",
    ),
    "nothing returned": (mul(lambda g, a, b: (None, g * a)), (A, B), "No gradient arrives"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_the_mistake_that_was_planted_is_named(name):
    function, inputs, said = PLANTED[name]
    assert said in report(function, *inputs)


def in_place_forward(x):
    x.array[...] *= 2  # behind the engine's back: it notices x.mul_(2)
    return x * x


def scribbles(g, x):
    out = g * 2 * x
    x.array[...] = 0.0
    return out * 0.5


def kept_then_changed(args, out):
    kept = args[0].clone()
    kept.array[0] = 7.0
    return (kept,)


@pytest.mark.parametrize(
    "function, said",
    [
        (op(in_place_forward, lambda g, x: 2 * g * x), "The function changes input 0 in place"),
        (op(lambda x: x * x, scribbles), "backward changes saved tensor 0 in place"),
        (
            op(lambda x: x * x, lambda g, x: 2 * g * x, kept_then_changed),
            "with input 0 as saved tensor 0, backward is right. What is saved there is neither an"
            " input nor the output: was it changed in place?",
        ),
    ],
)
def test_a_change_in_place_is_named(function, said):
    assert said in report(function, drawn(4))


def test_the_report_says_where_and_by_how_much():
    wrong = op(lambda x: x * 1.0, lambda g, x: g * tg.tensor([1.0, 1.0, 3.0], dtype=tg.float64))
    said = report(lambda x: wrong(x) * 2, drawn(3))
    assert "at input 0[2] (off by" in said and "worst of 1 entries of 3" in said


def test_what_is_no_usual_mistake_is_not_guessed_at():
    wrong = op(lambda x: x.sin(), lambda g, x: g * (x.cos() + 0.1 * x * x - 0.03))
    assert report(wrong, A).endswith("Check the formula of that input.")


RIGHT = {
    "mul": (mul(lambda g, a, b: (g * b, g * a)), (A, B)),
    "mul, broadcast": (mul(lambda g, a, b: (g * b, (g * a).sum(0))), (A, ROW)),
    "matmul": (
        matmul(lambda g, a, b: (g @ b.transpose(0, 1), a.transpose(0, 1) @ g)),
        (A, drawn(4, 2)),
    ),
    "exp": (op(lambda x: x.exp(), lambda g, kept: g * kept, out_only), (A,)),
    "mean": (op(lambda x: x.mean(1), lambda g, x: (g / 4).unsqueeze(1).expand(3, 4)), (A,)),
    "transpose": (op(lambda x: x.transpose(0, 1), lambda g, x: g.transpose(0, 1)), (A,)),
}


@pytest.mark.parametrize("name", RIGHT)
def test_a_right_op_is_not_accused(name):
    function, inputs = RIGHT[name]
    assert gradcheck(function, inputs)


def test_a_right_input_is_not_accused_for_a_wrong_one():
    assert "input 1[" in report(mul(lambda g, a, b: (g * b, -g * a)), A, B)


def test_an_op_of_several_outputs_is_told_too():
    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, g, h):
            return -(g * 2 + h * 3)

    assert "The sign is wrong" in report(Both.apply, A)
