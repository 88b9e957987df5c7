"""The twelve small programs on which the learning tools are compared with the engine."""

from __future__ import annotations

from collections.abc import Callable

import tinygrad_edu
from tinygrad_edu import Tensor, nn
from tinygrad_edu.autograd import Function
from tinygrad_edu.engine.device import cpu, registry
from tinygrad_edu.nn import functional as F


def leaf(*sizes: int) -> Tensor:
    return tinygrad_edu.randn(*sizes, requires_grad=True)


def mlp() -> tuple[Callable, list]:
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2))
    x, y = tinygrad_edu.randn(5, 3), tinygrad_edu.tensor([0, 1, 1, 0, 1])
    return lambda: F.cross_entropy(model(x), y), [*model.parameters()]


def conv() -> tuple[Callable, list]:
    x, w, b = leaf(1, 1, 6, 6), leaf(2, 1, 3, 3), leaf(2)
    return lambda: F.max_pool2d(F.conv2d(x, w, b).relu(), 2).mean(), [x, w, b]


def lstm_step() -> tuple[Callable, list]:
    cell, x = nn.LSTMCell(3, 2), leaf(2, 3)

    def loss() -> Tensor:
        h, c = cell(x, (tinygrad_edu.zeros(2, 2), tinygrad_edu.ones(2, 2)))
        return (h * c).sum()

    return loss, [x, *cell.parameters()]


def attention() -> tuple[Callable, list]:
    q, k, v = leaf(1, 3, 4), leaf(1, 3, 4), leaf(1, 3, 4)

    def loss() -> Tensor:
        p = (q @ k.transpose(-2, -1) / 2.0).softmax(-1)
        return ((p @ v) ** 2).mean() + F.scaled_dot_product_attention(q, k, v).sum()

    return loss, [q, k, v]


def shared_weights() -> tuple[Callable, list]:
    w, x = leaf(3, 3), leaf(2, 3)
    return lambda: ((x @ w).tanh() @ w).tanh().sum(), [w, x]


def broadcast() -> tuple[Callable, list]:
    a, b, c = leaf(3, 1), leaf(4), leaf(1)
    return lambda: ((a + b) * c - b / 3).pow(2).mean(), [a, b, c]


def inplace_and_view() -> tuple[Callable, list]:
    w = leaf(3)

    def loss() -> Tensor:
        a = w * 2
        a[0] = w[1] * 3
        b, c = a.split([1, 2])
        d = a.view(3)
        d.mul_(w)
        return (a * b).sum() + c.max()

    return loss, [w]


def second_order() -> tuple[Callable, list]:
    x = leaf(3)

    def loss() -> Tensor:
        (g,) = tinygrad_edu.autograd.grad((x**3).sum(), x, create_graph=True)
        return (g * g).sum() + x.exp().sum()

    return loss, [x]


def embedding() -> tuple[Callable, list]:
    table, head = nn.Embedding(6, 3), leaf(3, 2)
    index = tinygrad_edu.tensor([[0, 2, 2], [5, 1, 0]])
    return lambda: (table(index).sum(1) @ head).logsumexp(1).sum(), [table.weight, head]


def batch_norm() -> tuple[Callable, list]:
    norm, x = nn.BatchNorm1d(3), leaf(4, 3)
    return lambda: (norm(x) ** 3).sum(), [x, *norm.parameters()]


class Cube(Function):
    @staticmethod
    def forward(ctx, x, scale):
        ctx.save_for_backward(x)
        ctx.scale = scale
        return x**3 * scale

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * ctx.scale * g, None


def function() -> tuple[Callable, list]:
    x = leaf(2, 2)
    return lambda: (Cube.apply(x, 0.5) * x).sum(), [x]


def max_with_ties() -> tuple[Callable, list]:
    x = tinygrad_edu.tensor([[1.0, 3.0, 3.0], [2.0, 2.0, 2.0]], requires_grad=True)
    return lambda: (x.amax(1) * x.max() + x.max(1).values).sum(), [x]


ALL = (
    mlp,
    conv,
    lstm_step,
    attention,
    shared_weights,
    broadcast,
    inplace_and_view,
    second_order,
    embedding,
    batch_norm,
    function,
    max_with_ties,
)


def again(tape, step, changed=None):
    """What the op returns for the inputs and attributes that the trace tells, with some changed."""
    op = registry[step.op]
    given = dict(step.attrs)
    for name, i in zip(step.names, step.inputs):
        value = (changed or {}).get(name, tape.values[i].array)
        if op.variadic:
            given.setdefault(step.names[0].split("[")[0], []).append(value)
        else:
            given[name] = value
    if op.slot:
        return getattr(cpu.F, step.op)(*[given[name] for name in op.inputs])
    given |= {p.name: None for p in op.parameters if p.name in op.optional - given.keys()}
    leading = [p.name for p in op.parameters if p.kind is not p.KEYWORD_ONLY]
    return getattr(cpu.F, step.op)(*[given.pop(name) for name in leading], **given)
