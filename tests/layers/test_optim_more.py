"""L-BFGS, Muon and averaged weights, beside PyTorch's."""

from __future__ import annotations

import copy
import inspect
import pickle

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn, optim
from tinygrad_edu.optim.swa_utils import (
    AveragedModel,
    get_ema_multi_avg_fn,
    get_swa_multi_avg_fn,
    update_bn,
)


def rosenbrock(te, start=(-1.5, 2.0)):
    x = te.tensor(list(start), dtype=te.float64, requires_grad=True)
    return [x], lambda: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2


def regression(te):
    rng = np.random.default_rng(3)
    w, b = (
        te.tensor(rng.normal(size=(6, 4)), requires_grad=True),
        te.tensor(rng.normal(size=4), requires_grad=True),
    )
    data, target = te.tensor(rng.normal(size=(30, 6))), te.tensor(rng.normal(size=(30, 4)))
    return [w, b], lambda: (((data @ w).tanh() + b - target) ** 2).mean() + 0.01 * (w**4).sum()


def lbfgs_path(te, problem, steps, **settings):
    params, loss = problem(te)
    optimiser = te.optim.LBFGS(params, **settings)

    def closure():
        optimiser.zero_grad()
        value = loss()
        value.backward()
        return value

    path = []
    for _ in range(steps):
        value = optimiser.step(closure).item()
        path.append([value, *np.concatenate([p.detach().numpy().ravel() for p in params])])
    return np.array(path), optimiser


@pytest.mark.parametrize("problem", [rosenbrock, regression])
@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.01},
        {"lr": 0.5, "history_size": 3, "max_iter": 5},
        {"line_search_fn": "strong_wolfe"},
        {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2},
        {"lr": 0.1, "max_iter": 1},
    ],
    ids=str,
)
def test_lbfgs_follows_pytorchs_trajectory_in_float64(problem, settings):
    torch = pytest.importorskip("torch")
    if problem is rosenbrock and "line_search_fn" not in settings:
        # without a line search larger steps diverge in this valley
        settings = {**settings, "lr": settings["lr"] * 0.001}
    # only 100 iterations: differences in rounding grow about tenfold every 30
    steps = 100 // settings.get("max_iter", 20)
    ours, a = lbfgs_path(te, problem, steps, **settings)
    theirs, b = lbfgs_path(torch, problem, steps, **settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    assert [a.state[a.params[0]][k] for k in ("n_iter", "func_evals")] == [
        next(iter(b.state.values()))[k] for k in ("n_iter", "func_evals")
    ]


def waves(te):
    centre = te.tensor(np.random.default_rng(5).normal(size=4) * 3)
    p = te.tensor(np.zeros(4), requires_grad=True)
    return [p], lambda: ((p - centre) ** 2).sum() + 0.3 * (3 * p).sin().sum()


@pytest.mark.parametrize("max_eval", [None, 1, 2, 3, 5, 8])
@pytest.mark.parametrize("problem", [waves, rosenbrock])
def test_a_line_search_of_lbfgs_stops_at_max_eval_as_pytorchs_does(problem, max_eval):
    torch = pytest.importorskip("torch")
    settings = dict(max_iter=3, max_eval=max_eval, history_size=2, line_search_fn="strong_wolfe")
    ours, a = lbfgs_path(te, problem, 12, **settings)
    theirs, b = lbfgs_path(torch, problem, 12, **settings)
    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    mine, other = a.state[a.params[0]], next(iter(b.state.values()))
    assert mine["func_evals"] == other["func_evals"]


@pytest.mark.parametrize("line_search", [None, "strong_wolfe"])
def test_lbfgs_state_has_pytorchs_entries_and_goes_both_ways(line_search):
    torch = pytest.importorskip("torch")
    settings = {"lr": 0.3, "max_iter": 3, "history_size": 4, "line_search_fn": line_search}
    _, a = lbfgs_path(te, regression, 4, **settings)
    path, b = lbfgs_path(torch, regression, 4, **settings)
    mine, other = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert mine.keys() == other.keys()
    assert len(mine["al"]) == len(other["al"]) == 4 and len(mine["ro"]) == len(other["ro"])
    for name in ("al", "ro", "old_dirs", "old_stps"):
        for x, y in zip(mine[name], other[name]):
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-7, atol=1e-12)

    def converted(value):
        if isinstance(value, list):
            return [converted(v) for v in value]
        return te.from_numpy(value.numpy()) if torch.is_tensor(value) else value

    params, loss = regression(te)
    continued = optim.LBFGS(params, **settings)
    state = b.state_dict()
    continued.load_state_dict(
        {
            "state": {0: {k: converted(v) for k, v in state["state"][0].items()}},
            "param_groups": state["param_groups"],
        }
    )
    with te.no_grad():
        flat = te.tensor(path[-1][1:])
        params[0].copy_(flat[:24].view(6, 4)), params[1].copy_(flat[24:])

    def closure():
        continued.zero_grad()
        value = loss()
        value.backward()
        return value

    whole, _ = lbfgs_path(torch, regression, 6, **settings)
    found = [float(continued.step(closure)) for _ in range(2)]
    np.testing.assert_allclose(found, whole[4:, 0], rtol=1e-8)


def test_lbfgs_with_line_search_solves_rosenbrocks_valley():
    path, optimiser = lbfgs_path(
        te, rosenbrock, 8, line_search_fn="strong_wolfe", tolerance_change=1e-16
    )
    np.testing.assert_allclose(optimiser.params[0].detach().numpy(), [1, 1], atol=1e-6)


def test_saved_lbfgs_continues_exactly():
    whole, _ = lbfgs_path(te, regression, 6, lr=0.3, max_iter=3)
    params, loss = regression(te)
    first = optim.LBFGS(params, lr=0.3, max_iter=3)

    def closure_for(optimiser):
        def closure():
            optimiser.zero_grad()
            value = loss()
            value.backward()
            return value

        return closure

    for _ in range(3):
        first.step(closure_for(first))
    saved = pickle.loads(pickle.dumps(first.state_dict()))
    second = optim.LBFGS(params)
    second.load_state_dict(saved)
    for i in range(3, 6):
        assert float(second.step(closure_for(second))) == whole[i][0]


def test_lbfgs_refuses_what_it_cannot_do():
    x = te.ones(2, requires_grad=True)
    with pytest.raises(te.GraphError, match="needs a closure"):
        optim.LBFGS([x]).step()
    with pytest.raises(te.ShapeError, match="one group"):
        optim.LBFGS([{"params": [x]}, {"params": [te.ones(1, requires_grad=True)]}])
    with pytest.raises(te.ShapeError, match="line_search_fn"):
        optim.LBFGS([x], line_search_fn="armijo")


@pytest.mark.parametrize("name", ["LBFGS", "Muon"])
def test_signatures_are_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        inspect.signature(getattr(package, name)).parameters for package in (optim, torch.optim)
    )
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"nesterov": False, "weight_decay": 0.0},
        {"adjust_lr_fn": "match_rms_adamw", "momentum": 0.8},
    ],
    ids=str,
)
def test_muon_follows_pytorchs_up_to_its_bfloat16_rounding(shape, settings):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    start, target = rng.normal(size=shape), rng.normal(size=shape)
    ends = []
    for package in (te, torch):
        p = package.tensor(start, requires_grad=True)
        optimiser = package.optim.Muon([p], lr=0.05, **settings)
        for _ in range(20):
            optimiser.zero_grad()
            ((p - package.tensor(target)) ** 2 * 0.5).sum().backward()
            optimiser.step()
        ends.append(p.detach().numpy())
    moved = np.abs(ends[1] - start).max()
    assert moved > 0.3
    assert np.abs(ends[0] - ends[1]).max() < 0.05 * moved


def test_muon_moves_every_direction_alike():
    p = te.zeros(4, 4, dtype=te.float64, requires_grad=True)
    p.grad = te.tensor(np.diag([100.0, 10.0, 1.0, 0.5]))
    optim.Muon([p], lr=1.0, weight_decay=0.0, ns_steps=20, ns_coefficients=(2, -1.5, 0.5)).step()
    np.testing.assert_allclose(-p.detach().numpy(), np.eye(4), atol=1e-3)


def test_muon_refuses_vectors():
    with pytest.raises(te.ShapeError, match="Give the others to AdamW"):
        optim.Muon([te.ones(3, requires_grad=True)])


def models():
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
    return model, [[p + i for p in map(te.Tensor.detach, model.parameters())] for i in range(4)]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (get_swa_multi_avg_fn(), 1.5),
        (None, 1.5),
        (get_ema_multi_avg_fn(0.5), 0 * 0.125 + 1 * 0.125 + 2 * 0.25 + 3 * 0.5),
    ],
)
def test_averaged_model_holds_the_average_of_the_weights_it_was_given(function, expected):
    model, versions = models()
    start = [p.detach().clone() for p in model.parameters()]
    average = AveragedModel(model, multi_avg_fn=function)
    for version in versions:
        with te.no_grad():
            for p, value in zip(model.parameters(), version):
                p.copy_(value)
        average.update_parameters(model)
    for p, s in zip(average.module.parameters(), start):
        np.testing.assert_allclose((p - s).detach().numpy(), expected, rtol=1e-5)
    assert int(average.n_averaged) == 4


def test_averaged_state_dict_has_pytorchs_names():
    torch = pytest.importorskip("torch")
    ours = AveragedModel(nn.Linear(2, 2)).state_dict()
    assert list(ours) == list(
        torch.optim.swa_utils.AveragedModel(torch.nn.Linear(2, 2)).state_dict()
    )


def test_update_bn_computes_the_statistics_of_the_whole_loader():
    te.manual_seed(0)
    model, _ = models()
    batches = [te.randn(8, 3) * 3 + 1 for _ in range(5)]
    update_bn(batches, model)
    expected = np.mean([model[0](b).detach().numpy().mean(0) for b in batches], axis=0)
    np.testing.assert_allclose(model[1].running_mean.numpy(), expected, rtol=1e-5, atol=1e-6)
    assert model[1].momentum == 0.1 and copy.deepcopy(model).training
