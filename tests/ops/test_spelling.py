"""Every way to write a call that PyTorch accepts: keyword names, defaults, named results."""

from __future__ import annotations

import pickle

import pytest

import tinygrad_edu as tg

CALLS = """
x.split(split_size=2) | x.split(split_size=[1, 3], dim=-1) | L.split(x, split_size_or_sections=2)
x.tensor_split(sections=2) | x.tensor_split(indices=(1, 2), dim=1) | x.hsplit(sections=2)
x.hsplit(indices=[1]) | x.vsplit(indices=[1]) | x.reshape(3, 2, 2).dsplit(sections=2)
x[:1].expand(size=(3, 4)) | x[:1].expand((3, 4), implicit=False) | x.view(size=(4, 3))
x.view(dtype=L.int32) | x.tile(dims=(2, 1)) | x.unfold(dimension=0, size=2, step=1)
x[:1].broadcast_to(size=(3, 4)) | x.swapaxes(axis0=0, axis1=1) | x.new_zeros(size=(2,))
x.new_ones(size=(2, 2)) | x.new_full(size=(2,), fill_value=3.0) | x.new_tensor(data=[1, 2])
x.max(other=x + 1) | x.min(other=x - 1) | L.randint(high=1, size=(3,)) | L.randint(1, size=(3,))
F.softmax(x) | F.log_softmax(x) | F.softmin(x) | F.softmax(x.reshape(3, 2, 2)) | L.nn.Softmax()(x)
F.softmax(x, 1, 3, L.float64) | F.softmax(x, dim=1, _stacklevel=3, dtype=L.float64)
x.clone().copy_(other=x + 1)
"""
NAMED = ["x.max(1)", "x.min(1)", "x.median(1)", "x.sort(1)", "x.topk(2)", "x.aminmax()"]


def expressions(text):
    return [e.strip() for line in text.split("\n") for e in line.split(" | ") if e.strip()]


def value_of(L, expression):
    names = {"L": L, "F": L.nn.functional, "x": L.arange(12.0).reshape(3, 4)}
    return eval(expression, names)  # noqa: S307


def parts(result):
    many = result if isinstance(result, (tuple, list)) else [result]
    return [(str(y.dtype).split(".")[-1], tuple(y.shape), y.tolist()) for y in many]


@pytest.mark.filterwarnings("ignore:.*[Ii]mplicit|.*dim should be given")
@pytest.mark.parametrize("expression", expressions(CALLS))
def test_pytorchs_spelling_gives_pytorchs_result(expression):
    torch = pytest.importorskip("torch")
    ours, theirs = (parts(value_of(L, expression)) for L in (tg, torch))
    assert [p[:2] for p in ours] == [p[:2] for p in theirs]
    for (*_, a), (*_, b) in zip(ours, theirs):
        assert tg.allclose(tg.tensor(a).double(), tg.tensor(b).double(), rtol=1e-5)


@pytest.mark.parametrize("module", ["Softmax", "LogSoftmax", "Softmin"])
def test_a_softmax_without_a_dim_warns(module):
    with pytest.warns(UserWarning, match="dim should be given"):
        out = getattr(tg.nn, module)()(tg.zeros(2, 4))
    assert out.exp().sum(1).shape == (2,)
    with pytest.raises(tg.DTypeError, match="dim must be an int"):
        tg.zeros(2, 2).softmax(None)


@pytest.mark.parametrize("expression", NAMED)
def test_named_results_print_and_pickle_as_pytorchs(expression):
    result = value_of(tg, expression)
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is type(result)
    assert [y.tolist() for y in again] == [y.tolist() for y in result]
    torch = pytest.importorskip("torch")
    theirs = value_of(torch, expression)
    assert type(result).__name__ == type(theirs).__name__
    shown = repr(result).replace("tinygrad_edu", "torch")
    assert shown.split() == repr(theirs).replace("[ ", "[").split()


def test_functions_pickle_by_name():
    for f in (tg.where, tg.max, tg.nn.functional.softmax, tg.nn.functional.relu):
        assert pickle.loads(pickle.dumps(f)) is f


# ---- out= ----------------------------------------------------------------------------------------

INTO = """
L.add(x, x, out=o) | L.mul(x, 2, out=x) | L.matmul(x, x.T, out=L.empty(0)) | L.exp(x, out=o)
L.max(x, 1, out=(v, i)) | L.sort(x, 1, out=(v, i)) | L.add(x, x, out=o.double())
L.cat([x, x], out=L.empty(0)) | L.sum(x, 1, out=L.empty(3)) | L.mean(x, dim=1, out=L.empty(5))
L.add(x, 1, out=L.zeros(6, 4)[1:4]) | L.where(x > 2, x, x * 0, out=o) | L.clamp(x, 0, 2, out=o)
L.index_select(x, 0, L.tensor([1]), out=L.empty(0)) | L.linalg.inv(L.eye(2), out=L.empty(2, 2))
"""
REFUSED = """
L.add(x, x, out=L.empty(3, 4, dtype=L.int64)) | L.add(x, x.clone().requires_grad_(), out=o)
L.add(x, x, out=o.requires_grad_()) | L.cat([x, x.clone().requires_grad_()], out=L.empty(0))
"""


def written(L, expression):
    """The results, what was given as `out`, and whether they are the same objects."""
    x, o = L.arange(12.0).reshape(3, 4), L.empty(3, 4)
    v, i = L.empty(0), L.empty(0, dtype=L.int64)
    result = eval(expression, {"L": L, "x": x, "o": o, "v": v, "i": i})  # noqa: S307
    many = result if isinstance(result, tuple) else (result,)
    kept = [any(y is z for z in (x, o, v, i)) for y in many]
    return parts(result), kept, parts(x)


@pytest.mark.filterwarnings("ignore:.*resized")
@pytest.mark.parametrize("expression", expressions(INTO))
def test_out_takes_the_result(expression):
    torch = pytest.importorskip("torch")
    (ours, *rest), (theirs, *others) = written(tg, expression), written(torch, expression)
    assert rest == others
    assert [p[:2] for p in ours] == [p[:2] for p in theirs]
    for (*_, a), (*_, b) in zip(ours, theirs):
        assert tg.allclose(tg.tensor(a).double(), tg.tensor(b).double(), rtol=1e-5)


@pytest.mark.parametrize("expression", expressions(REFUSED))
def test_out_refuses_what_would_lose_values_or_gradients(expression):
    with pytest.raises((tg.GraphError, tg.DTypeError)):
        written(tg, expression)
    with tg.no_grad():  # nothing is lost where nothing is recorded
        out = tg.empty(2)
        assert tg.exp(tg.zeros(2, requires_grad=True), out=out) is out
    with pytest.raises(tg.DTypeError, match="unknown argument"):
        tg.exp(tg.zeros(2), out=out, dmi=0)


# ---- older methods -------------------------------------------------------------------------------


def test_resize_keeps_what_fits():
    x = tg.arange(4.0)
    assert x.resize_(2, 2).tolist() == [[0, 1], [2, 3]]
    assert x.resize_(3).tolist() == [0, 1, 2]
    assert x.resize_as_(tg.zeros(2, 3)).shape == (2, 3)
    assert x.tolist()[0] == [0, 1, 2]
    with pytest.raises(tg.GraphError, match="requires no gradients"):
        tg.zeros(2).requires_grad_().resize_(3)


def test_new_makes_a_tensor_of_the_same_kind():
    x = tg.zeros(2, dtype=tg.float64)
    assert x.new([1, 2]).tolist() == [1, 2]
    assert x.new([1, 2]).dtype is tg.float64
    assert (x.new(2, 3).shape, x.new(x.shape).shape, x.new().shape) == ((2, 3), (2,), (0,))


def test_a_value_with_gradient_may_have_leading_dims_of_one():
    x, v = tg.zeros(3, 2), tg.ones(1, 2, requires_grad=True)
    x[1] = v
    x.sum().backward()
    assert v.grad.tolist() == [[1, 1]]


def test_empty_tensors_can_be_copied_into():
    assert tg.zeros(0, 24).copy_(tg.zeros(0, 24)).shape == (0, 24)
    assert tg.zeros(0, 3).copy_(tg.zeros(1, 3)).fill_(1).shape == (0, 3)
