"""Special functions: reference digits, PyTorch's edges, gradients beside finite differences."""

from __future__ import annotations

import math

import pytest

import tinygrad_edu as tg
from tinygrad_edu.autograd import gradcheck

# computed with 30 digits
REFERENCE = [
    ("bessel_j0", 5.05, -0.1610847417251776),
    ("bessel_j0", 59.0, -0.009648357814200946),
    ("bessel_j1", 21.45, 0.16647786516462587),
    ("bessel_y0", 21.45, 0.16738033326940488),
    ("bessel_y1", 0.2, -3.323824988111847),
    ("airy_ai", -30.0, -0.08796818845684216),
    ("airy_ai", -8.7, -0.2692045407005097),
    ("airy_ai", 1.5, 0.07174949700810541),
    ("modified_bessel_k0", 1.5, 0.21380556264752573),
    ("i1e", 30.0, 0.07191633059864755),
]
EDGES = [0.0, -0.0, 1e-30, 2.0, 25.0, -25.0, 600.0, -1.0, math.nan]
OF_ONE = (
    "airy_ai bessel_j0 bessel_j1 bessel_y0 bessel_y1 i0 i0e i1 i1e modified_bessel_i0 erfcx"
    " modified_bessel_i1 modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0"
    " scaled_modified_bessel_k1 spherical_bessel_j0"
)


@pytest.mark.parametrize(("name", "x", "value"), REFERENCE)
def test_values_are_exact_to_float64(name, x, value):
    out = getattr(tg.special, name)(tg.tensor(x, dtype=tg.float64)).item()
    assert out == pytest.approx(value, rel=5e-14)


@pytest.mark.parametrize("name", OF_ONE.split())
def test_edges_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours = getattr(tg.special, name)(tg.tensor(EDGES, dtype=tg.float64))
    theirs = getattr(torch.special, name)(torch.tensor(EDGES, dtype=torch.float64))
    assert ours.tolist() == pytest.approx(theirs.tolist(), rel=1e-6, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", ["gammainc", "gammaincc", "zeta"])
def test_functions_of_two_have_the_gradient_of_the_second(name):
    torch = pytest.importorskip("torch")
    function = getattr(tg.special, name)
    a = tg.tensor([1.5, 3.0, 20.0], dtype=tg.float64)
    x = tg.tensor([0.7, 4.0, 21.5], dtype=tg.float64, requires_grad=True)
    assert gradcheck(lambda x: function(a, x), (x,))
    theirs = getattr(torch.special, name)(torch.tensor(a.tolist()), torch.tensor(x.tolist()))
    assert function(a, x).tolist() == pytest.approx(theirs.tolist(), rel=1e-5)
    with pytest.raises(tg.GraphError, match="no derivative by input"):
        function(a.requires_grad_(), x).sum().backward()


def test_the_halves_of_the_gamma_integral_add_up_to_one():
    a, x = tg.tensor([0.1, 5.0, 300.0]), tg.tensor([2.0, 5.5, 290.0])
    both = tg.special.gammainc(a, x) + tg.special.gammaincc(a, x)
    assert both.tolist() == pytest.approx([1, 1, 1], rel=1e-6)
    assert tg.igamma(a, x).tolist() == tg.special.gammainc(a, x).tolist()


@pytest.mark.parametrize("out_features", [(), (4, 3)])
@pytest.mark.parametrize("bias", [False, True])
def test_linear_cross_entropy_loss_is_pytorchs(out_features, bias):
    torch = pytest.importorskip("torch")
    losses = [
        L.nn.LinearCrossEntropyLoss(5, 7, out_features=out_features, bias=bias, label_smoothing=0.1)
        for L in (tg, torch)
    ]
    with torch.no_grad():
        for ours, theirs in zip(losses[0].parameters(), losses[1].parameters()):
            theirs.copy_(torch.tensor(ours.tolist()))
    x = [[0.1 * i - 0.2 * j for j in range(5)] for i in range(2)]
    many = 2 * math.prod(out_features)
    values = []
    for L, loss in zip((tg, torch), losses):
        target = L.tensor([i % 7 for i in range(many)]).reshape(2, *out_features)
        value = loss(L.tensor(x), target)
        value.backward()
        values.append((value.item(), loss.linear.weight.grad.flatten().tolist()))
    assert values[0][0] == pytest.approx(values[1][0], rel=1e-5)
    assert values[0][1] == pytest.approx(values[1][1], rel=1e-4, abs=1e-6)
    assert list(losses[0].state_dict()) == list(losses[1].state_dict())
