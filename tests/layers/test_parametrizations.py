"""Parametrized weights: PyTorch's names, values and gradients, and the way back."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn, optim
from tinygrad_edu.nn.utils import parametrizations, parametrize


class Symmetric(nn.Module):
    def forward(self, x):
        return x.triu() + x.triu(1).transpose(-1, -2)

    def right_inverse(self, x):
        return x.triu()


class Outer(nn.Module):
    """A matrix as a product of two vectors."""

    def forward(self, x, y):
        return x[:, None] * y[None]

    def right_inverse(self, matrix):
        return matrix[:, 0], matrix[0] / matrix[0, 0]


class Double(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, x):
        self.calls += 1
        return x * 2


MADE = {
    "weight_norm": lambda nn, p, **o: p.weight_norm(nn.Linear(4, 3, **o)),
    "weight_norm-1": lambda nn, p, **o: p.weight_norm(nn.Conv1d(2, 3, 2, **o), dim=1),
    "weight_norm-all": lambda nn, p, **o: p.weight_norm(nn.Linear(4, 3, **o), dim=None),
    "spectral_norm": lambda nn, p, **o: p.spectral_norm(nn.Linear(4, 3, **o)),
    "spectral_norm-transposed": lambda nn, p, **o: p.spectral_norm(
        nn.ConvTranspose1d(2, 3, 2, **o), n_power_iterations=2
    ),
    "spectral_norm-vector": lambda nn, p, **o: p.spectral_norm(nn.Linear(4, 3, **o), "bias"),
    **{
        f"orthogonal-{kind}-{shape[0]}x{shape[1]}{'' if trivial else '-plain'}": (
            lambda nn, p, kind=kind, shape=shape, trivial=trivial, **o: p.orthogonal(
                nn.Linear(*shape, **o), orthogonal_map=kind, use_trivialization=trivial
            )
        )
        for kind in ("matrix_exp", "cayley", "householder")
        for shape in ((3, 3), (4, 3), (3, 4))
        for trivial in (True, False)
    },
    "orthogonal-default": lambda nn, p, **o: p.orthogonal(nn.Linear(4, 3, **o)),
}


def pair(name):
    """One module of each package, with equal weights that are not those of the registration."""
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    te.manual_seed(0)
    theirs = MADE[name](torch.nn, torch.nn.utils.parametrizations, dtype=torch.float64)
    ours = MADE[name](nn, parametrizations, dtype=te.float64)
    with torch.no_grad():
        for p in theirs.parameters():
            if "householder" in name or "default" in name:  # the diagonal holds signs
                p += torch.randn_like(p).tril(-1) if p.ndim > 1 and p.shape[0] >= p.shape[1] else 0
            else:
                p += torch.randn_like(p) * 0.3
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict({k: te.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    return torch, ours, theirs


@pytest.mark.parametrize("name", MADE)
def test_value_gradients_and_repr_are_pytorchs(name):
    torch, ours, theirs = pair(name)
    assert repr(ours) == repr(theirs)
    which = "bias" if name.endswith("vector") else "weight"
    for training in (True, False):
        ours.train(training), theirs.train(training)
        a, b = getattr(ours, which), getattr(theirs, which)
        pull = np.random.default_rng(1).normal(size=a.shape)
        np.testing.assert_allclose(a.detach().numpy(), b.detach().numpy(), rtol=1e-9, atol=1e-12)
        (a * a * te.tensor(pull)).sum().backward()
        (b * b * torch.tensor(pull)).sum().backward()
    grads = dict(ours.named_parameters())
    for key, p in theirs.named_parameters():
        if p.grad is not None:
            np.testing.assert_allclose(
                grads[key].grad.numpy(), p.grad.numpy(), rtol=1e-7, atol=1e-9
            )


@pytest.mark.parametrize("name", [n for n in MADE if n != "spectral_norm-vector"])
def test_gradients_are_those_of_finite_differences(name):
    te.manual_seed(1)
    layer = MADE[name](nn, parametrizations, dtype=te.float64).eval()
    made = layer.parametrizations.weight
    points = [p.detach().clone().requires_grad_() for p in made.originals()]
    diagonal = te.eye(*points[0].shape, dtype=te.float64) if points[0].ndim == 2 else None

    def compute(*x):
        if "householder" in name or "default" in name:  # signs stand on the diagonal: not learnt
            x = [x[0] * (1 - diagonal) - diagonal]
        return made[0](*x)

    assert te.autograd.gradcheck(compute, tuple(points))


@pytest.mark.parametrize("name", [n for n in MADE if n.startswith("orthogonal")])
def test_an_orthogonal_weight_stays_orthogonal_in_training(name):
    te.manual_seed(0)
    layer = MADE[name](nn, parametrizations, dtype=te.float64)
    o = optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(5):
        o.zero_grad()
        layer(te.ones(2, layer.in_features, dtype=te.float64)).square().sum().backward()
        o.step()
    w = layer.weight.detach().numpy()
    w = w if w.shape[0] >= w.shape[1] else w.T
    np.testing.assert_allclose(w.T @ w, np.eye(w.shape[1]), atol=1e-12)


@pytest.mark.parametrize("shape", [(3, 3), (5, 3), (3, 5)])
@pytest.mark.parametrize("trivial", [True, False])
def test_an_orthogonal_matrix_can_be_assigned(shape, trivial):
    te.manual_seed(0)
    layer = nn.Linear(*shape, dtype=te.float64)
    parametrizations.orthogonal(layer, orthogonal_map="householder", use_trivialization=trivial)
    tall = np.linalg.qr(np.random.default_rng(0).normal(size=sorted(shape, reverse=True)))[0]
    value = te.tensor(tall if layer.weight.shape == tall.shape else tall.T)
    layer.weight = value
    np.testing.assert_allclose(layer.weight.detach().numpy(), value.numpy(), atol=1e-12)


def test_a_batch_of_matrices_can_be_orthogonal():
    class Batch(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(te.randn(2, 4, 3, dtype=te.float64))

    for trivial in (True, False):
        layer = parametrizations.orthogonal(Batch(), use_trivialization=trivial)
        w = layer.weight.detach().numpy()
        np.testing.assert_allclose(
            w.transpose(0, 2, 1) @ w, np.broadcast_to(np.eye(3), (2, 3, 3)), atol=1e-12
        )


def test_a_registered_parametrization_computes_the_weight_and_learns_the_original():
    layer = nn.Linear(3, 3)
    before, weight = layer.weight.detach().clone(), layer.weight
    assert not parametrize.is_parametrized(layer)
    assert parametrize.register_parametrization(layer, "weight", Symmetric()) is layer
    assert parametrize.is_parametrized(layer) and parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert layer.parametrizations.weight.original is weight
    assert (layer.weight == layer.weight.T).all() and isinstance(layer, nn.Linear)
    assert (layer.weight.triu() == before.triu()).all()
    assert [n for n, _ in layer.named_parameters()] == ["bias", "parametrizations.weight.original"]
    layer(te.ones(1, 3)).sum().backward()
    assert weight.grad.tolist() == [[1.0, 2.0, 2.0], [0.0, 1.0, 2.0], [0.0, 0.0, 1.0]]
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    value = te.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 5.0], [3.0, 5.0, 6.0]])
    layer.weight = value
    assert (layer.weight == value).all() and layer.parametrizations.weight.original is weight


@pytest.mark.parametrize("leave", [True, False])
def test_removing_leaves_the_same_parameter_object(leave):
    layer = nn.Linear(3, 3)
    weight, original = layer.weight, layer.weight.detach().clone()
    parametrize.register_parametrization(layer, "weight", Double())
    assert (layer.weight == original * 2).all()
    parametrize.remove_parametrizations(layer, "weight", leave_parametrized=leave)
    assert type(layer) is nn.Linear and layer.weight is weight
    assert (weight == (original * 2 if leave else original)).all()
    assert [n for n, _ in layer.named_parameters()] == ["bias", "weight"]
    assert not hasattr(layer, "parametrizations")


def test_a_weight_of_several_originals():
    layer = nn.Linear(3, 2)
    with te.no_grad():
        layer.weight.copy_(te.tensor([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    parametrize.register_parametrization(layer, "weight", Outer())
    made = layer.parametrizations.weight
    assert made.original0.shape == (2,) and made.original1.shape == (3,)
    assert made.original0.requires_grad and isinstance(made.original0, nn.Parameter)
    assert layer.weight.tolist() == [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]
    with pytest.raises(ValueError, match="one original tensor, got 2"):
        parametrize.remove_parametrizations(layer, "weight", leave_parametrized=False)
    parametrize.remove_parametrizations(layer, "weight")
    assert isinstance(layer.weight, nn.Parameter) and layer.weight.is_leaf


def test_parametrizations_are_applied_in_order_and_buffers_may_have_one():
    norm = nn.BatchNorm1d(2)
    parametrize.register_parametrization(norm, "running_var", Double())
    parametrize.register_parametrization(norm, "running_var", Double())
    assert norm.running_var.tolist() == [4.0, 4.0]
    assert "parametrizations.running_var.original" in dict(norm.named_buffers())


def test_cached_computes_each_weight_once():
    layer = nn.Linear(2, 2)
    made = Double()
    parametrize.register_parametrization(layer, "weight", made)
    made.calls = 0
    with parametrize.cached():
        with parametrize.cached():
            first = layer.weight
        assert layer.weight is first and made.calls == 1
    assert layer.weight is not first and made.calls == 2


@pytest.mark.parametrize("how", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies_compute_their_own_weight(how):
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    other = how(layer)
    assert type(other).__name__ == "ParametrizedLinear" and parametrize.is_parametrized(other)
    with te.no_grad():
        other.parametrizations.weight.original0.zero_()
    assert (other.weight == 0).all() and not (layer.weight == 0).any()


def test_weight_norm_loads_the_names_of_the_older_function():
    old = nn.utils.weight_norm(nn.Linear(3, 2))
    new = parametrizations.weight_norm(nn.Linear(3, 2))
    new.load_state_dict(old.state_dict())
    x = te.ones(1, 3)
    np.testing.assert_allclose(new(x).detach().numpy(), old(x).detach().numpy(), rtol=1e-6)


def test_transferred_parametrizations_share_the_originals():
    a, b = parametrizations.weight_norm(nn.Linear(3, 2)), nn.Linear(3, 2)
    parametrize.register_parametrization(a, "bias", Double())
    parametrize.transfer_parametrizations_and_params(a, b, "bias")
    assert not parametrize.is_parametrized(b, "weight")
    assert b.parametrizations.bias.original is a.parametrizations.bias.original
    assert (b.bias == a.bias).all()


class Wider(nn.Module):
    def forward(self, x):
        return te.cat([x, x])


class NoTensors(nn.Module):
    def forward(self, x):
        return x

    def right_inverse(self, x):
        return "no"


@pytest.mark.parametrize(
    "wrong, text",
    [
        (lambda m: parametrize.register_parametrization(m, "w", Double()), "'w', got a module"),
        (lambda m: parametrize.register_parametrization(m, "weight", Wider()), "unsafe=True"),
        (lambda m: parametrize.register_parametrization(m, "weight", NoTensors()), "got str"),
        (lambda m: parametrize.remove_parametrizations(m, "weight"), "must be parametrized"),
        (lambda m: parametrizations.orthogonal(m, "bias"), "must be a matrix"),
        (lambda m: parametrizations.orthogonal(m, "w"), "parameter or buffer 'w'"),
        (lambda m: parametrizations.orthogonal(m, orthogonal_map="qr"), "must be 'matrix_exp'"),
        (lambda m: parametrizations.spectral_norm(m, dim=2), r"\[-2, 1\], got 2"),
        (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), "at least 1"),
    ],
)
def test_what_cannot_be_parametrized_is_refused(wrong, text):
    layer = nn.Linear(3, 3)
    with pytest.raises(te.ShapeError, match=text):
        wrong(layer)
    assert type(layer) is nn.Linear and len(list(layer.parameters())) == 2
