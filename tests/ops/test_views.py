"""Which results look into their input's memory, which own theirs, and which are the input itself:
as in PyTorch.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

import tinygrad_edu as tg

SHAPES = [(), (1,), (3,), (1, 1), (2, 3), (3, 3), (1, 2, 2, 1), (2, 4, 2, 2)]
EXPRESSIONS = """
x.t() | x.T | x.movedim(0, -1) | x.movedim((), ()) | x.permute(*range(x.ndim))
x.transpose(0, -1) | x.swapaxes(0, 0)
L.atleast_1d(x) | L.atleast_2d(x) | L.atleast_3d(x) | x.flatten() | x.ravel() | x.contiguous()
x.reshape(x.shape) | x.reshape(-1) | x.reshape(-2) | x.view(-1) | x.view(-2) | x.view(L.float32)
x.view_as(x) | x.reshape_as(x) | x.unflatten(0, (-1,)) | x.squeeze() | x.squeeze(0)
L.squeeze(x, ()) | x.unsqueeze(0)
x.expand(x.shape) | x.expand_as(x) | L.broadcast_to(x, x.shape) | L.broadcast_tensors(x, x)
x.as_strided(x.shape, x.stride())
x.diag() | x.diagonal() | x.diag_embed() | x.diagflat() | x.tril() | L.trace(x)
x.flip(0) | x.flip(()) | x.flip(-1) | x.flip(1) | x.flip(0, 0) | L.fliplr(x) | L.flipud(x)
x.repeat(1, *([1] * x.ndim)) | x.repeat(2, *([1] * x.ndim)) | x.tile(1) | x.tile(()) | x.tile(2)
x.repeat_interleave(1) | x.roll(0) | x.roll(1) | x.roll(0, 0) | x.roll(1, 5) | x.roll((1, 1), 0)
x.rot90(0) | x.rot90(4) | x.rot90(1) | x.rot90(2)
x[...] | x[0] | x[()] | x[:] | x[0:1] | x[None] | x[L.tensor(0)] | x[True] | x[[0]]
x.select(0, 0) | x.unbind(0) | x.split(1) | x.chunk(1) | x.tensor_split(1) | x.narrow(0, 0, 1)
x.unfold(0, 1, 1) | L.hsplit(x, 1)
L.cat([x]) | L.cat([x, x[:0]]) | L.stack([x]) | L.hstack([x]) | L.column_stack([x])
L.meshgrid(x, indexing="ij") | L.cartesian_prod(x) | L.combinations(x, 1) | L.block_diag(x)
x.index_select(0, L.tensor([0])) | x.take(L.tensor([0])) | L.take_along_dim(x, L.tensor([0]))
x.gather(0, L.zeros(x.shape, dtype=L.int64)) | x.masked_select(L.ones(x.shape, dtype=L.bool))
L.nn.functional.pad(x, (0, 0)) | L.nn.functional.channel_shuffle(x, 1)
L.nn.functional.pixel_shuffle(x, 1) | L.nn.functional.pixel_unshuffle(x, 1)
"""
CALLS = [e.strip() for line in EXPRESSIONS.split("\n") for e in line.split(" | ") if e.strip()]


def kinship(L, expression, shape):
    """Whether the result is the input, a view of it, a copy, or an error."""
    x = L.arange(float(math.prod(shape))).reshape(shape).clone()
    try:
        y = eval(expression, {"L": L, "x": x})  # noqa: S307
    except (IndexError, RuntimeError, TypeError, ValueError):
        return "refused"
    y = y[0] if isinstance(y, (tuple, list)) else y
    if y is x:
        return "itself"
    before = y.numpy().copy()
    x.numpy()[...] = -7
    if not y.numel():
        return "empty"
    return "copy" if np.array_equal(before, y.numpy()) else "view"


@pytest.mark.parametrize("expression", CALLS)
def test_views_and_copies_are_pytorchs(expression):
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch about .T of other than matrices
        ours = {shape: kinship(tg, expression, shape) for shape in SHAPES}
        theirs = {shape: kinship(torch, expression, shape) for shape in SHAPES}
    assert ours == theirs


WRITES = """
y = x * 1; y[0].fill_(7)
y = x * 1; y[0].mul_(5)
y = x.reshape(2, 2) * 1; y[1, 0].mul_(5)
y = x * 1; y.select(0, 2).mul_(5)
y = x.reshape(2, 2) * 1; y.diagonal().mul_(3)
y = x.reshape(2, 2) * 1; y.diagonal(1).fill_(3)
y = x.reshape(2, 2) * 1; y.diagonal().zero_()
y = x.reshape(2, 2) * 1; y.diagonal().copy_(x[:2])
y = (x * 1).expand(4); y.mul_(2)
y = (x * 1).expand_as(x); y.add_(1)
y = x * 1; L.broadcast_to(y, (1, 4)).mul_(2)
y = x * 1; L.broadcast_tensors(y, y)[0].mul_(2)
y = x.reshape(2, 2) * 1; d = L.diag(y); y.mul_(3); y = y.sum() + d
y = x * 1; d = y.repeat(1); y.mul_(3); y = y + d
y = x.reshape(1, 4) * 1; d = y.flip(0); y.mul_(3); y = y + d
y = x * 1; f = y.flatten(); f.mul_(2)
y = x * 1; y.t().mul_(2)
y = x * 1; y.fill_diagonal_(3) if y.ndim > 1 else y
"""


@pytest.mark.parametrize("code", [line for line in WRITES.split("\n") if line])
def test_writes_through_views_and_their_gradients_are_pytorchs(code):
    torch = pytest.importorskip("torch")
    found = []
    for L in (tg, torch):
        x = L.tensor([1.0, 2.0, 3.0, 4.0], dtype=L.float64, requires_grad=True)
        env = {"L": L, "x": x}
        exec(code, env)  # noqa: S102
        y = env["y"]
        (y * y).sum().backward()
        found.append((y.detach().numpy(), x.grad.numpy()))
    np.testing.assert_array_equal(*(values for values, _ in found))
    np.testing.assert_array_equal(*(gradients for _, gradients in found))


def test_elements_met_in_a_loop_can_be_written():
    x = tg.zeros(3)
    for v in x:
        v += 1
    x.unbind()[2].mul_(5)
    assert x.tolist() == [1, 1, 5]


def test_hooks_of_a_view_are_its_own():
    for view in (lambda v: v.t(), lambda v: v.reshape(2), lambda v: v.expand(2)):
        x = tg.ones(2, requires_grad=True)
        y = view(x)
        y.register_hook(lambda g: g * 10)
        (y.sum() * 2 + x.sum()).backward()
        assert x.grad.tolist() == [21, 21]


def test_an_element_of_a_parameter_can_be_written():
    p = tg.nn.Parameter(tg.zeros(3))
    with tg.no_grad():
        p[2].copy_(tg.tensor(6.0))
    assert p.tolist() == [0, 0, 6]


def test_a_stretched_tensor_shares_places_and_refuses_writes():
    with pytest.raises(tg.ShapeError, match="expanded"):
        tg.zeros(1).expand(3).add_(1)


@pytest.mark.parametrize(
    "code",
    [
        "x.view(L.int32)",
        "x.view(dtype=L.int32)",
        "x.view(L.float64)",
        "x.view(L.int16)",
        "x.view(L.uint8)",
        "x[:, :2].view(L.float64)",
        "x[:, ::2].view(L.int32)",
        "x[:, ::2].view(L.float64)",
        "x[:, :1].view(L.float64)",
        "x[0, 0].view(L.int32)",
        "x[0, 0].view(L.int16)",
        "x.t().view(L.int16)",
    ],
)
def test_bytes_viewed_as_another_dtype_are_pytorchs(code):
    torch = pytest.importorskip("torch")

    def outcome(L):
        x = L.tensor([[1.0, 2.0, 3.0, -4.0], [5.5, 6.0, -7.0, 0.25]])
        try:
            y = eval(code, {"L": L, "x": x})  # noqa: S307
        except (RuntimeError, ValueError):
            return None
        x.zero_()
        assert not y.numpy().any()
        return str(y.dtype).split(".")[1], tuple(y.shape)

    assert outcome(tg) == outcome(torch)


def test_a_view_of_the_own_dtype_carries_gradients():
    x = tg.ones(3, requires_grad=True)
    x.view(tg.float32).sum().backward()
    assert x.grad.tolist() == [1, 1, 1]


STRETCHED = """
y[0].mul_(2) | y[0:1].mul_(3) | y[1:2].sub_(1) | y[0].copy_(L.zeros(3)) | y[3][None].add_(1)
y.fill_(3) | y.zero_() | y[0, 1].fill_(9) | y.__setitem__(0, 7.0)
y.__setitem__((slice(1, 2), slice(0, 2)), 7.0) | y.transpose_(0, 1) | y.unsqueeze_(0) | y.t_()
"""


def written_part(L, expression, recorded):
    """Values and gradients after a write to a part of a stretched tensor, or the refusal."""
    x = L.arange(1.0, 4.0).reshape(1, 3).requires_grad_(recorded)
    z = x * 1
    y = z.expand(4, 3)
    eval(expression, {"L": L, "y": y})  # noqa: S307
    if recorded:
        try:
            (z * z).sum().backward()
        except RuntimeError:  # PyTorch: no graph is left once everything is overwritten
            return z.tolist(), tuple(y.shape), [[0.0] * 3]
    return z.tolist(), tuple(y.shape), x.grad.tolist() if recorded else None


@pytest.mark.parametrize("recorded", [False, True])
@pytest.mark.parametrize(
    "expression", [e for e in STRETCHED.replace("\n", " | ").split(" | ") if e]
)
def test_parts_of_a_stretched_tensor_can_be_written(expression, recorded):
    torch = pytest.importorskip("torch")
    assert written_part(tg, expression, recorded) == written_part(torch, expression, recorded)


def test_a_view_of_a_number_written_in_place_sends_the_gradient_back():
    x = tg.tensor(2.0, dtype=tg.float64, requires_grad=True)
    y = x + x
    y.view(()).mul_(3)
    (y * 2).backward()  # 2 g is NumPy's scalar, which is no array with a base
    assert x.grad.item() == 12.0


@pytest.mark.parametrize("given", [(3, 3), (3, 4, -1), (4, 2, 1), (0, 3)])
@pytest.mark.parametrize("name", ["tril_indices", "triu_indices"])
def test_indices_of_a_triangle_are_pytorchs(name, given):
    torch = pytest.importorskip("torch")
    ours, theirs = getattr(tg, name)(*given), getattr(torch, name)(*given)
    assert ours.tolist() == theirs.tolist() and ours.dtype is tg.int64
    assert getattr(tg, name)(*given, dtype=tg.int32, device="cpu").dtype is tg.int32


def test_a_view_as_integers_of_a_leaf_requires_no_gradient():
    x = tg.ones(4, requires_grad=True)
    for whole in (x.view(tg.int32), x[:2].view(tg.int32)):
        assert not whole.requires_grad and whole.grad_fn is None
    assert x[:2].requires_grad
