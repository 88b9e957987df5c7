"""Reductions, scans and order: calls that once differed from PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.autograd import gradcheck

inf, nan = float("inf"), float("nan")


LIKE_PYTORCH = [
    "L.tensor(2.0).sum((0,))",
    "L.tensor(2.0).mean((0,))",
    "L.tensor(2.0).amax((0,))",
    "L.tensor(2.0).amin((-1,), keepdim=True)",
    "L.tensor(2.0).logsumexp((0,))",
    "L.tensor(2.0).var((0,), correction=0)",
    "L.tensor(True).all(0)",
    "L.tensor(2.0).argmax(0)",
    "L.softmax(L.ones(3, dtype=L.float16), 0, dtype=L.float64)",
    "L.log_softmax(L.tensor([1, 2]), 0, dtype=L.float64)",
    "L.ones(1).var()",
    "L.ones(1).std()",
    "L.tensor([1.0, 2.0]).var(correction=2)",
    "L.tensor([1.0, 2.0]).std(correction=3)",
    "L.ones(2).var(correction=2)",
    "L.ones(3).var(correction=None)",
    "L.gradient(L.tensor([1.0, 2.0, 4.0]), spacing=None)[0]",
    "L.histogram(L.tensor([1.0, 2.0, 2.0, 5.0]), 4).hist",
    "L.histogram(L.tensor([1.0, 2.0, 2.0, 5.0]), bins=4).bin_edges",
    "L.histogram(L.tensor([1.0, 2.0, 3.0]), 2, range=(0, 2), weight=L.tensor([0.5, 1, 2])).hist",
    "L.histogram(L.ones(3), 2).bin_edges",
    "L.histogram(L.ones(0), 2).bin_edges",
    "L.tensor([3.0, 1.0]).sort(stable=True).values",
    "L.argsort(L.tensor([3.0, 1.0]), stable=True, descending=True)",
]


@pytest.mark.parametrize("call", LIKE_PYTORCH)
@pytest.mark.filterwarnings("ignore")
def test_calls_that_once_differed_equal_pytorchs(call):
    torch = pytest.importorskip("torch")
    ours, theirs = (eval(call, {"L": lib}) for lib in (tg, torch))
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert ours.dtype.name == str(theirs.dtype).removeprefix("torch.")
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-5, equal_nan=True)


@pytest.mark.parametrize(
    "reduce",
    [
        lambda x: x.sum((0,)),
        lambda x: x.mean((0,)),
        lambda x: x.amax((0,)),
        lambda x: x.prod(0),
        lambda x: x.logsumexp((0,)),
        lambda x: x.max(0).values,
    ],
)
def test_a_number_reduced_over_its_only_dim_has_its_gradient(reduce):
    assert gradcheck(reduce, [tg.tensor(1.5, dtype=tg.float64).requires_grad_()])


def test_softmax_in_another_dtype_has_right_gradients():
    weight = tg.tensor([1.0, 2.0, 4.0], dtype=tg.float64)
    for function in (tg.softmax, tg.log_softmax):
        x = tg.tensor([0.5, -1.0, 2.0]).requires_grad_()
        wide = x.detach().double().requires_grad_()
        (function(x, 0, dtype=tg.float64) * weight).sum().backward()
        (function(wide, 0) * weight).sum().backward()
        np.testing.assert_allclose(x.grad.numpy(), wide.grad.numpy(), rtol=1e-6)


@pytest.mark.parametrize("name", ["cumsum", "cumprod", "cummax", "cummin", "logcumsumexp"])
@pytest.mark.parametrize(("shape", "dim"), [((), 1), ((), -2), ((3,), 1), ((2, 3), -3)])
def test_scans_refuse_a_dim_out_of_range(name, shape, dim):
    with pytest.raises(tg.TinygradEduError, match=f"{name}: dim must be in"):
        getattr(tg, name)(tg.ones(shape), dim)


def test_equal_elements_are_ranked_in_their_order():
    x = tg.tensor([2.0, 1.0, 2.0, 1.0]).requires_grad_()
    assert x.topk(3).indices.tolist() == [0, 2, 1]
    assert x.kthvalue(2).indices.item() == 3
    x.kthvalue(2).values.backward()
    assert x.grad.tolist() == [0, 0, 0, 1]


def test_named_results_are_called_as_pytorchs():
    torch = pytest.importorskip("torch")
    for call in ("L.aminmax(x)", "L.sort(x)", "L.topk(x, 1)", "L.histogram(x, 2)", "L.mode(x)"):
        ours, theirs = (eval(call, {"L": lib, "x": lib.tensor([1.0, 3.0])}) for lib in (tg, torch))
        assert type(ours).__name__ == type(theirs).__name__.removeprefix("torch.return_types.")
        assert all(hasattr(theirs, field) for field in ours._fields)
