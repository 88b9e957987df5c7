"""weight_norm and spectral_norm: what PyTorch computes, gradients included, and the way back."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu import nn
from tinygrad_edu.nn.utils import (
    remove_spectral_norm,
    remove_weight_norm,
    spectral_norm,
    weight_norm,
)

MAKERS = {
    "linear": lambda nn, **o: nn.Linear(4, 3, **o),
    "convolution": lambda nn, **o: nn.Conv2d(2, 3, 3, **o),
    "transposed": lambda nn, **o: nn.ConvTranspose2d(2, 3, 3, **o),
}


def compare(torch, ours, theirs, shape):
    value = np.random.default_rng(0).standard_normal(shape)
    for _ in range(2):
        a, b = ours(tg.tensor(value)), theirs(torch.tensor(value))
        np.testing.assert_allclose(a.detach().array, b.detach().numpy(), rtol=1e-9)
        (a * a).sum().backward()
        (b * b).sum().backward()
    grads = dict(ours.named_parameters())
    assert set(grads) == {name for name, _ in theirs.named_parameters()}
    for name, p in theirs.named_parameters():
        np.testing.assert_allclose(grads[name].grad.array, p.grad.numpy(), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("which", ["weight_norm", "spectral_norm"])
@pytest.mark.filterwarnings("ignore")
def test_normalised_weights_compute_what_pytorch_computes(kind, which):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = getattr(torch.nn.utils, which)(MAKERS[kind](torch.nn, dtype=torch.float64))
    ours = {"weight_norm": weight_norm, "spectral_norm": spectral_norm}[which](
        MAKERS[kind](nn, dtype=tg.float64)
    )
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    compare(torch, ours, theirs, (2, 4) if kind == "linear" else (2, 2, 5, 5))


@pytest.mark.parametrize(
    ("add", "remove"), [(weight_norm, remove_weight_norm), (spectral_norm, remove_spectral_norm)]
)
def test_removing_leaves_one_parameter_of_the_same_effect(add, remove):
    layer = add(nn.Linear(4, 3)).eval()
    x = tg.randn(2, 4)
    before = layer(x).detach().array
    remove(layer)
    assert sorted(name for name, _ in layer.named_parameters()) == ["bias", "weight"]
    np.testing.assert_allclose(layer(x).detach().array, before, rtol=1e-6)
    with pytest.raises(tg.ShapeError, match="Nothing to remove"):
        remove(layer)


def test_spectral_norm_finds_the_largest_singular_value():
    layer = spectral_norm(nn.Linear(6, 5, dtype=tg.float64), n_power_iterations=200)
    layer(tg.zeros(1, 6, dtype=tg.float64))
    assert tg.linalg.svdvals(layer.weight)[0].item() == pytest.approx(1.0, abs=1e-6)


def test_a_module_without_the_parameter_is_refused():
    with pytest.raises(tg.ShapeError, match="weight_norm: the module must have a parameter"):
        weight_norm(nn.ReLU())


@pytest.mark.parametrize(
    ("add", "part"), [(weight_norm, "weight_g"), (spectral_norm, "weight_orig")]
)
def test_a_copy_learns_its_own_parameters(add, part):
    layer, x = add(nn.Linear(4, 3)), tg.randn(2, 4)
    with tg.no_grad():
        layer(x)
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        other(x).sum().backward()
        assert getattr(other, part).grad is not None and getattr(layer, part).grad is None


def test_layers_with_spectral_norm_can_be_stacked():
    layer = nn.TransformerEncoderLayer(4, 2, 6)
    spectral_norm(layer.linear1)
    encoder = nn.TransformerEncoder(layer, 2)
    encoder(tg.randn(3, 2, 4)).sum().backward()
    assert all(part.linear1.weight_orig.grad is not None for part in encoder.layers)


@pytest.mark.parametrize(
    ("which", "part"), [("weight_norm", "weight_g"), ("spectral_norm", "weight_orig")]
)
@pytest.mark.filterwarnings("ignore")
def test_removing_counts_what_was_learnt_since_the_last_call(which, part):
    torch = pytest.importorskip("torch")
    theirs = getattr(torch.nn.utils, which)(torch.nn.Linear(4, 3, dtype=torch.float64))
    ours = getattr(nn.utils, which)(nn.Linear(4, 3, dtype=tg.float64))
    ours.load_state_dict({k: tg.tensor(v.numpy()) for k, v in theirs.state_dict().items()})
    ours(tg.ones(1, 4, dtype=tg.float64)), theirs(torch.ones(1, 4, dtype=torch.float64))
    with tg.no_grad(), torch.no_grad():
        getattr(ours, part)[0].mul_(2.0), getattr(theirs, part)[0].mul_(2.0)
    getattr(nn.utils, "remove_" + which)(ours), getattr(torch.nn.utils, "remove_" + which)(theirs)
    np.testing.assert_allclose(
        ours.weight.detach().array, theirs.weight.detach().numpy(), rtol=1e-9
    )


@pytest.mark.parametrize(
    ("name", "dim"), [("weight", None), ("weight", 1), ("weight", -1), ("bias", 0)]
)
@pytest.mark.filterwarnings("ignore")
def test_weight_norm_has_one_length_where_pytorch_has_one(name, dim):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        weight_norm(nn.Conv1d(2, 3, 2), name, dim),
        torch.nn.utils.weight_norm(torch.nn.Conv1d(2, 3, 2), name, dim),
    )
    assert {k: tuple(v.shape) for k, v in ours.state_dict().items()} == {
        k: tuple(v.shape) for k, v in theirs.state_dict().items()
    }


def test_spectral_norm_without_power_iteration_is_refused():
    with pytest.raises(tg.ShapeError, match="n_power_iterations must be at least 1"):
        spectral_norm(nn.Linear(4, 3), n_power_iterations=0)
