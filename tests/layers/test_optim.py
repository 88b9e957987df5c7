"""Optimisers and schedules: PyTorch's trajectories and state layout, settings read when used, clear
errors.
"""

from __future__ import annotations

import copy
import inspect
import pickle
import warnings

import numpy as np
import pytest

import tinygrad_edu as te
from tinygrad_edu import nn, optim
from tinygrad_edu.optim import lr_scheduler

OPTIMISERS = [
    ("SGD", {"lr": 0.05}),
    ("SGD", {"lr": 0.05, "momentum": 0.9}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.05, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.001, "momentum": 0.5, "maximize": True}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.05, "amsgrad": True}),
    ("Adam", {"lr": 0.01, "maximize": True}),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.05}),
    ("AdamW", {"lr": 0.05, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {"lr": 0.02}),
    ("RMSprop", {"lr": 0.02, "momentum": 0.5, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.01, "maximize": True}),
    ("Adagrad", {"lr": 0.1}),
    (
        "Adagrad",
        {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.5, "weight_decay": 0.1},
    ),
    ("Adadelta", {"lr": 1.0}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1}),
    ("Adamax", {"lr": 0.05}),
    ("Adamax", {"lr": 0.05, "weight_decay": 0.1}),
    ("NAdam", {"lr": 0.05}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {"lr": 0.05}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("Adafactor", {"lr": 0.05}),
    ("Adafactor", {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-4, 0.1), "weight_decay": 0.1}),
    ("Adafactor", {"lr": 0.002, "d": 2.0, "maximize": True}),
    ("ASGD", {"lr": 0.02}),
    ("ASGD", {"lr": 0.02, "lambd": 0.1, "alpha": 0.5, "t0": 20, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.001, "maximize": True}),
    ("Rprop", {"lr": 0.01}),
    ("Rprop", {"lr": 0.01, "etas": (0.4, 1.3), "step_sizes": (1e-4, 0.1)}),
]
START = np.random.default_rng(0).normal(size=(3, 4))


def problem(te, seed: int = 1):
    """Two parameters and a loss with curvature of very different size in different directions, from
    either package.
    """
    rng = np.random.default_rng(seed)
    a, b = te.tensor(START, requires_grad=True), te.tensor(START[:, 0] * 2, requires_grad=True)
    scale, shift = te.tensor(10 ** rng.uniform(-2, 1, (3, 4))), te.tensor(rng.normal(size=(3, 4)))
    return [
        a,
        b,
    ], lambda: (scale * (a - shift) ** 2).sum() + (a.sin().sum(1) * b).sum() + (b**4).sum() * 0.1


def walk(te, optimiser, params, loss, steps: int, scheduler=None) -> np.ndarray:
    path = []
    for _ in range(steps):
        optimiser.zero_grad()
        loss().backward()
        optimiser.step()
        if scheduler is not None:
            scheduler.step()
        path.append(np.concatenate([p.detach().numpy().copy().ravel() for p in params]))
    return np.array(path)


def ident(case) -> str:
    return f"{case[0]}-{'-'.join(f'{k}={v}' for k, v in case[1].items())}"


@pytest.mark.parametrize("case", OPTIMISERS, ids=ident)
def test_trajectory_follows_pytorchs_over_100_steps(case):
    torch = pytest.importorskip("torch")
    paths = []
    for package in (te, torch):
        params, loss = problem(package)
        paths.append(
            walk(package, getattr(package.optim, case[0])(params, **case[1]), params, loss, 100)
        )
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", OPTIMISERS, ids=ident)
def test_state_dict_has_pytorchs_layout_and_goes_both_ways(case):
    torch = pytest.importorskip("torch")
    ours, our_loss = problem(te)
    theirs, their_loss = problem(torch)
    a, b = (
        getattr(optim, case[0])(ours, **case[1]),
        getattr(torch.optim, case[0])(theirs, **case[1]),
    )
    walk(te, a, ours, our_loss, 3), walk(torch, b, theirs, their_loss, 3)
    mine, other = a.state_dict(), b.state_dict()
    assert mine["param_groups"] == other["param_groups"]
    assert mine["state"].keys() == other["state"].keys()
    for i in mine["state"]:
        assert mine["state"][i].keys() == {k for k, v in other["state"][i].items() if v is not None}
        for key, value in mine["state"][i].items():
            np.testing.assert_allclose(value.numpy(), other["state"][i][key].numpy(), rtol=1e-6)
            assert (
                str(value.dtype).split(".")[1] == str(other["state"][i][key].dtype).split(".")[1]
            ), key
    c = getattr(optim, case[0])(ours, lr=123.0)
    c.load_state_dict(
        {
            "state": {
                i: {k: te.from_numpy(v.numpy()) for k, v in s.items() if v is not None}
                for i, s in other["state"].items()
            },
            "param_groups": other["param_groups"],
        }
    )
    d, e = problem(te)
    reference = getattr(optim, case[0])(d, **case[1])
    expected = walk(te, reference, d, e, 6)
    np.testing.assert_allclose(walk(te, c, ours, our_loss, 3), expected[3:], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", sorted({case[0] for case in OPTIMISERS}))
def test_signature_is_pytorchs(name):
    torch = pytest.importorskip("torch")
    ours, theirs = (
        inspect.signature(getattr(package, name)).parameters for package in (optim, torch.optim)
    )
    assert [(p.name, p.default, p.kind) for p in ours.values()] == [
        (p.name, p.default, p.kind) for p in theirs.values()
    ]


def test_optimizer_prints_as_pytorchs_does():
    torch = pytest.importorskip("torch")
    for name in ("SGD", "AdamW"):
        assert repr(getattr(optim, name)([nn.Parameter(te.zeros(2))], lr=0.1)) == repr(
            getattr(torch.optim, name)([torch.nn.Parameter(torch.zeros(2))], lr=0.1)
        )


@pytest.mark.parametrize(
    "case",
    [*OPTIMISERS, ("Lion", {"lr": 0.01}), ("Lion", {"lr": 0.01, "weight_decay": 0.1})],
    ids=ident,
)
def test_saved_and_loaded_optimizer_continues_exactly(case):
    params, loss = problem(te)
    optimiser = getattr(optim, case[0])(params, **case[1])
    walk(te, optimiser, params, loss, 4)
    saved = pickle.loads(pickle.dumps(optimiser.state_dict()))
    others, other_loss = problem(te)
    with te.no_grad():
        for p, q in zip(others, params):
            p.copy_(q)
    continued = getattr(optim, case[0])(others, lr=1.0)
    continued.load_state_dict(saved)
    np.testing.assert_array_equal(
        walk(te, continued, others, other_loss, 4), walk(te, optimiser, params, loss, 4)
    )


def test_loading_copies_the_state():
    params, loss = problem(te)
    a, b = optim.Adam(params), optim.Adam(params)
    walk(te, a, params, loss, 1)
    b.load_state_dict(a.state_dict())
    before = b.state[params[0]]["exp_avg"].clone()
    walk(te, a, params, loss, 1)
    assert (b.state[params[0]]["exp_avg"] == before).all()


def test_lion_steps_by_the_sign_of_the_blended_momentum():
    p = te.tensor([1.0, 1.0, 1.0], requires_grad=True)
    o = optim.Lion([p], lr=0.1, betas=(0.5, 0.9), weight_decay=0.5)
    p.grad = te.tensor([3.0, -2.0, 0.0])
    o.step()
    np.testing.assert_allclose(p.tolist(), [0.95 - 0.1, 0.95 + 0.1, 0.95], rtol=1e-6)
    np.testing.assert_allclose(o.state[p]["exp_avg"].tolist(), [0.3, -0.2, 0.0], rtol=1e-6)


def test_learning_rate_is_read_at_every_step_and_may_be_a_tensor():
    p = te.tensor([1.0], requires_grad=True)
    rate = te.tensor(0.5)
    o = optim.SGD([p], lr=rate)
    p.grad = te.tensor([1.0])
    o.step()
    rate.fill_(0.25)
    o.step()
    o.param_groups[0]["lr"] = 0.125
    o.step()
    assert p.item() == 1 - 0.5 - 0.25 - 0.125


def test_groups_have_settings_of_their_own():
    a, b = te.tensor([1.0], requires_grad=True), te.tensor([1.0], requires_grad=True)
    o = optim.SGD([{"params": [a]}, {"params": b, "lr": 0.5}], lr=0.1)
    a.grad = b.grad = te.tensor([1.0])
    o.step()
    assert a.item() == pytest.approx(0.9) and b.item() == 0.5
    c = te.tensor([1.0], requires_grad=True)
    o.add_param_group({"params": [c], "momentum": 0.9})
    assert [g["momentum"] for g in o.param_groups] == [0, 0, 0.9]


def test_named_parameters_are_taken_with_their_names():
    o = optim.SGD(nn.Linear(2, 1).named_parameters(), lr=0.1)
    assert o.param_groups[0]["param_names"] == ["weight", "bias"] and o.state_dict()[
        "param_groups"
    ][0]["param_names"] == ["weight", "bias"]


def test_parameters_without_gradient_are_left_alone():
    a, b = te.tensor([1.0], requires_grad=True), te.tensor([1.0], requires_grad=True)
    o = optim.Adam([a, b])
    a.grad = te.tensor([1.0])
    o.step()
    assert b.item() == 1.0 and b not in o.state and a.item() != 1.0


def test_step_calls_the_closure_with_gradients_on_and_returns_its_loss():
    p = te.tensor([2.0], requires_grad=True)
    o = optim.SGD([p], lr=0.1)

    def closure():
        o.zero_grad()
        loss = (p * p).sum()
        loss.backward()
        return loss

    with te.no_grad():
        assert o.step(closure).item() == 4.0
    assert p.item() == pytest.approx(2 - 0.1 * 4)


def test_step_changes_the_parameter_in_place_and_tells_autograd():
    p = te.tensor([1.0, 2.0], requires_grad=True)
    memory = p.detach()
    loss = (p * p).sum()
    p.grad = te.ones(2)
    optim.SGD([p], lr=0.5).step()
    assert memory.tolist() == [0.5, 1.5]
    with pytest.raises(te.GraphError, match="version"):
        loss.backward()


def test_zero_grad_forgets_or_fills_with_zeros():
    p = te.tensor([1.0], requires_grad=True)
    o = optim.SGD([p], lr=0.1)
    p.grad = te.tensor([1.0])
    grad = p.grad
    o.zero_grad(set_to_none=False)
    assert p.grad is grad and grad.item() == 0
    o.zero_grad()
    assert p.grad is None


def test_hooks_run_before_and_after_each_step_until_removed():
    p = te.tensor([1.0], requires_grad=True)
    o = optim.SGD([p], lr=0.1)
    seen = []
    before, after = (
        o.register_step_pre_hook(lambda *a: seen.append("before")),
        o.register_step_post_hook(lambda *a: seen.append("after")),
    )
    o.step()
    before.remove(), after.remove()
    o.step()
    assert seen == ["before", "after"]


def test_step_does_not_write_to_the_gradient():
    for name, settings in OPTIMISERS:
        params, loss = problem(te)
        o = getattr(optim, name)(params, **settings)
        for _ in range(2):
            o.zero_grad()
            loss().backward()
            before = [p.grad.clone() for p in params]
            o.step()
            assert all((a == p.grad).all() for a, p in zip(before, params)), name


@pytest.mark.parametrize(
    "make, kind, text",
    [
        (lambda p: optim.SGD([], lr=0.1), ValueError, "empty list"),
        (lambda p: optim.SGD(p, lr=0.1), TypeError, "iterable"),
        (lambda p: optim.SGD([p, p], lr=0.1), ValueError, "appear once"),
        (
            lambda p: optim.SGD([{"params": [p]}, {"params": [p]}], lr=0.1),
            ValueError,
            "appear once",
        ),
        (lambda p: optim.SGD([p * 2], lr=0.1), te.GraphError, "leaf"),
        (lambda p: optim.SGD([1.0], lr=0.1), TypeError, "must be a Tensor"),
        (lambda p: optim.SGD([{"params": {p}}], lr=0.1), TypeError, "order"),
        (lambda p: optim.SGD([p], lr=-1), ValueError, "lr must be 0 or more, got -1"),
        (lambda p: optim.SGD([p], lr=float("nan")), ValueError, "lr"),
        (lambda p: optim.SGD([p], lr=0.1, nesterov=True), ValueError, "nesterov"),
        (lambda p: optim.SGD([p], lr=0.1, momentum=-0.1), ValueError, "momentum"),
        (lambda p: optim.Adam([p], betas=(0.9, 1.0)), ValueError, r"betas\[1\]"),
        (lambda p: optim.Adam([p], eps=-1e-8), ValueError, "eps"),
        (lambda p: optim.AdamW([p], weight_decay=-1), ValueError, "weight_decay"),
        (lambda p: optim.Adam([p], differentiable=True), ValueError, "differentiable"),
        (lambda p: optim.Adam([p], foreach=True, fused=True), ValueError, "at most one"),
        (lambda p: optim.SGD([p], lr=te.ones(2)), ValueError, "1 element"),
        (lambda p: optim.SGD([("a", p), te.ones(2)], lr=0.1), ValueError, "names for 1 of 2"),
        (
            lambda p: optim.SGD([{"params": [p]}, {"params": [("b", te.ones(2))]}], lr=0.1),
            ValueError,
            "a group with names after groups without",
        ),
        (lambda p: optim.AdamW([p], betas=(0.9, te.tensor(0.99))), ValueError, "two numbers"),
        (lambda p: optim.AdamW([p], te.tensor(0.1), foreach=True), ValueError, "omit foreach"),
        (lambda p: optim.SGD(nn.Linear(2, 2)), TypeError, r"Pass model.parameters\(\)"),
        (lambda p: optim.SGD([p], momentun=0.9), TypeError, "Did you mean 'momentum'"),
        (lambda p: optim.AdamW([p], weightdecay=0.9), TypeError, "Did you mean 'weight_decay'"),
        (lambda p: optim.Lion([p], beta=(0.9, 0.9)), TypeError, "Did you mean 'betas'"),
        (
            lambda p: lr_scheduler.StepLR(optim.SGD([p]), stepsize=3),
            TypeError,
            "Did you mean 'step_size'",
        ),
        (lambda p: optim.Rprop([p], etas=(1.5, 0.5)), ValueError, "etas"),
        (lambda p: optim.Adadelta([p], rho=2), ValueError, "rho"),
        (lambda p: optim.Adafactor([p], eps=(-1, 1e-3)), ValueError, "eps"),
        (lambda p: optim.Adafactor([p], eps=(None, -1)), ValueError, "eps"),
        (lambda p: optim.Adafactor([p], d=0.5), ValueError, "d 1 or more"),
        (lambda p: optim.Adafactor([p], beta2_decay=0.8), ValueError, "beta2_decay"),
        (lambda p: optim.ASGD([p], weight_decay=-0.5), ValueError, "weight_decay"),
        (
            lambda p: optim.SGD([p], lr=0.1).load_state_dict(
                optim.SGD([p, te.zeros(1)], lr=0.1).state_dict()
            ),
            ValueError,
            "as many parameters",
        ),
        (lambda p: lr_scheduler.StepLR("no", 1), TypeError, "Optimizer"),
        (
            lambda p: lr_scheduler.LambdaLR(optim.SGD([p]), [len, len]),
            ValueError,
            "one for each of the 1 groups",
        ),
        (lambda p: lr_scheduler.OneCycleLR(optim.SGD([p]), 0.1), ValueError, "total_steps"),
        (lambda p: lr_scheduler.OneCycleLR(optim.Adagrad([p]), 0.1, 10), ValueError, "momentum"),
        (
            lambda p: lr_scheduler.SequentialLR(optim.SGD([p]), [], []),
            ValueError,
            "one schedule more",
        ),
        (lambda p: lr_scheduler.StepLR(optim.SGD([p]), 1, last_epoch=3), KeyError, "initial_lr"),
    ],
)
def test_wrong_use_is_refused_with_what_was_given(make, kind, text):
    with pytest.raises(kind, match=text):
        make(te.tensor([1.0], requires_grad=True))


# ---- schedules ----

SCHEDULES = {
    "StepLR": lambda s, o: s.StepLR(o, 4, 0.5),
    "MultiStepLR": lambda s, o: s.MultiStepLR(o, [3, 7, 7, 15], 0.5),
    "ExponentialLR": lambda s, o: s.ExponentialLR(o, 0.9),
    "CosineAnnealingLR": lambda s, o: s.CosineAnnealingLR(o, 7, 0.01),
    "LinearLR": lambda s, o: s.LinearLR(o, 0.25, 0.75, 6),
    "LinearLR-default": lambda s, o: s.LinearLR(o),
    "ConstantLR": lambda s, o: s.ConstantLR(o, 0.3, 6),
    "PolynomialLR": lambda s, o: s.PolynomialLR(o, 9, 2.0),
    "LambdaLR": lambda s, o: s.LambdaLR(o, [lambda t: 0.9**t, lambda t: 1 / (1 + t)]),
    "MultiplicativeLR": lambda s, o: s.MultiplicativeLR(o, lambda t: 0.95 + 0.01 * (t % 3)),
    "OneCycleLR": lambda s, o: s.OneCycleLR(o, [1.0, 2.0], total_steps=31),
    "OneCycleLR-linear": lambda s, o: s.OneCycleLR(
        o,
        1.0,
        epochs=4,
        steps_per_epoch=8,
        anneal_strategy="linear",
        three_phase=True,
        pct_start=0.4,
    ),
    "CyclicLR": lambda s, o: s.CyclicLR(o, 0.1, 1.0, 4, 3),
    "CyclicLR-2": lambda s, o: s.CyclicLR(o, [0.1, 0.2], 1.0, 4, mode="triangular2"),
    "CyclicLR-exp": lambda s, o: s.CyclicLR(
        o, 0.1, 1.0, 4, mode="exp_range", gamma=0.9, cycle_momentum=False
    ),
    "WarmRestarts": lambda s, o: s.CosineAnnealingWarmRestarts(o, 4, 2, 0.01),
    "Sequential": lambda s, o: s.SequentialLR(
        o,
        [s.LinearLR(o, 0.1, 1.0, 5), s.CosineAnnealingLR(o, 10), s.ExponentialLR(o, 0.5)],
        [5, 15],
    ),
    "Chained": lambda s, o: s.ChainedScheduler([s.ConstantLR(o, 0.1, 4), s.ExponentialLR(o, 0.9)]),
}


def rates(package, make, epochs: int = 30):
    a, b = (package.zeros(1, requires_grad=True) for _ in range(2))
    o = package.optim.SGD([{"params": [a]}, {"params": [b], "lr": 0.4}], lr=0.2, momentum=0.9)
    scheduler = make(package.optim.lr_scheduler, o)
    found = [[(g["lr"], g["momentum"]) for g in o.param_groups]]
    for _ in range(epochs):
        o.step()
        scheduler.step()
        assert scheduler.get_last_lr() == [g["lr"] for g in o.param_groups]
        found.append([(g["lr"], g["momentum"]) for g in o.param_groups])
    return np.array(found)


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.filterwarnings("ignore")
def test_schedule_gives_pytorchs_rates(name):
    torch = pytest.importorskip("torch")
    np.testing.assert_allclose(
        rates(te, SCHEDULES[name]), rates(torch, SCHEDULES[name]), rtol=1e-9, atol=1e-12
    )


def scheduled(package, name, steps: int = 0):
    groups = [
        {"params": [package.zeros(1, requires_grad=True)]},
        {"params": [package.zeros(1, requires_grad=True)], "lr": 0.4},
    ]
    o = package.optim.SGD(groups, lr=0.2, momentum=0.9)
    s = SCHEDULES[name](package.optim.lr_scheduler, o)
    for _ in range(steps):
        o.step(), s.step()
    return o, s


def assert_equal_up_to_rounding(a, b):
    assert type(a) is type(b)
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal_up_to_rounding(a[key], b[key])
    elif isinstance(a, (list, tuple)):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_equal_up_to_rounding(x, y)
    else:
        assert a == (pytest.approx(b, rel=1e-9) if isinstance(b, float) else b)


@pytest.mark.parametrize("steps", [0, 1, 9, 17])
@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules_state_dict_is_pytorchs_and_goes_both_ways(name, steps):
    torch = pytest.importorskip("torch")
    (o, s), (o2, s2) = scheduled(te, name, steps), scheduled(torch, name, steps)
    assert_equal_up_to_rounding(s.state_dict(), s2.state_dict())
    (o3, s3), (o4, s4) = scheduled(te, name), scheduled(torch, name)
    s3.load_state_dict(copy.deepcopy(s2.state_dict())), s4.load_state_dict(s.state_dict())
    for here, there in ((o3, o2), (o4, o)):
        for group, other in zip(here.param_groups, there.param_groups):
            group.update({k: v for k, v in other.items() if k != "params"})
    for _ in range(10):
        for opt, schedule in ((o, s), (o3, s3), (o4, s4)):
            opt.step(), schedule.step()
        for opt in (o3, o4):
            for group, other in zip(opt.param_groups, o.param_groups):
                assert group.keys() == other.keys()
                assert group["lr"] == pytest.approx(other["lr"], rel=1e-9)
                assert group["momentum"] == pytest.approx(other["momentum"], rel=1e-9)


NESTED = {
    "sequence in a sequence": lambda s, o: s.SequentialLR(
        o,
        [
            s.SequentialLR(o, [s.ConstantLR(o, 0.5, 2), s.ExponentialLR(o, 0.9)], [3]),
            s.StepLR(o, 2, 0.5),
        ],
        [7],
    ),
    "chain in a sequence": lambda s, o: s.SequentialLR(
        o,
        [s.ChainedScheduler([s.ConstantLR(o, 0.5, 2), s.ExponentialLR(o, 0.9)]), s.StepLR(o, 2)],
        [5],
    ),
    "cycle second": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1, 3), s.OneCycleLR(o, 0.5, 30)], [4]
    ),
    "warm restarts second": lambda s, o: s.SequentialLR(
        o, [s.LinearLR(o, 0.1, 1, 3), s.CosineAnnealingWarmRestarts(o, 3, 2)], [4]
    ),
    "three": lambda s, o: s.SequentialLR(
        o, [s.StepLR(o, 2, 0.5), s.CosineAnnealingLR(o, 6, 0.01), s.PolynomialLR(o, 5)], [3, 9]
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", NESTED)
def test_schedules_within_schedules_give_pytorchs_rates(name):
    torch = pytest.importorskip("torch")
    make = NESTED[name]
    np.testing.assert_allclose(rates(te, make, 20), rates(torch, make, 20), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(
    "make",
    [
        lambda s, o: s.ExponentialLR(o, 0.9, last_epoch=5),
        lambda s, o: s.StepLR(o, 3, 0.5, last_epoch=5),
        lambda s, o: s.CosineAnnealingLR(o, 9, last_epoch=5),
        lambda s, o: s.PolynomialLR(o, 9, last_epoch=5),
        lambda s, o: s.LambdaLR(o, lambda t: 0.9**t, last_epoch=5),
        lambda s, o: s.MultiplicativeLR(o, lambda t: 0.9, last_epoch=5),
    ],
)
def test_a_schedule_made_for_a_later_epoch_gives_pytorchs_rates(make):
    torch = pytest.importorskip("torch")
    found = []
    for package in (te, torch):
        group = {"params": [package.zeros(1, requires_grad=True)], "initial_lr": 0.3}
        o = package.optim.SGD([group], lr=0.2)
        s = make(package.optim.lr_scheduler, o)
        found.append([o.param_groups[0]["lr"]])
        for _ in range(6):
            o.step(), s.step()
            found[-1].append(o.param_groups[0]["lr"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


@pytest.mark.parametrize("cls", ["OneCycleLR", "CyclicLR"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam"])
def test_cycles_put_their_bounds_into_the_groups(cls, optimizer):
    torch = pytest.importorskip("torch")
    groups = []
    for package in (te, torch):
        o = getattr(package.optim, optimizer)([package.zeros(1, requires_grad=True)])
        settings = (1.0, 10) if cls == "OneCycleLR" else (0.1, 1.0)
        getattr(package.optim.lr_scheduler, cls)(o, *settings)
        groups.append({k: v for k, v in o.param_groups[0].items() if k != "params"})
    assert_equal_up_to_rounding(*groups)


def test_plateaus_state_dict_is_pytorchs():
    torch = pytest.importorskip("torch")
    states = []
    for package in (te, torch):
        o = package.optim.SGD([package.zeros(1, requires_grad=True)], lr=0.1)
        s = package.optim.lr_scheduler.ReduceLROnPlateau(o, patience=1)
        for value in (1.0, 0.9, 0.95, 0.97):
            s.step(value)
        states.append(s.state_dict())
    assert_equal_up_to_rounding(*states)


@pytest.mark.parametrize("closure", [False, True])
@pytest.mark.parametrize("name", ["SGD", "LBFGS"])
def test_a_schedule_stepped_before_its_optimiser_warns(name, closure):
    p = te.zeros(1, requires_grad=True)

    def loss():
        return (p * p).sum()

    for first in ("optimiser", "schedule"):
        o = getattr(optim, name)([p])
        s = lr_scheduler.StepLR(o, 2)
        with warnings.catch_warnings(record=True) as seen:
            warnings.simplefilter("always")
            if first == "optimiser":
                o.step(loss) if name == "LBFGS" or closure else o.step()
            s.step(), s.step()
        assert len(seen) == (first == "schedule")
    assert "optimizer.step() must come before scheduler.step()" in str(seen[0].message)


def test_a_schedule_fills_a_rate_that_is_a_tensor():
    rate = te.tensor(0.5)
    o = optim.SGD([te.zeros(1, requires_grad=True)], lr=rate)
    s = lr_scheduler.ExponentialLR(o, 0.5)
    o.step(), s.step()
    assert o.param_groups[0]["lr"] is rate and rate.item() == 0.25
    last = s.get_last_lr()
    o.step(), s.step()
    assert last[0].item() == 0.25


def test_callable_objects_of_a_schedule_are_saved_with_it():
    class Decay:
        def __init__(self, base):
            self.base = base

        def __call__(self, t):
            return self.base**t

    o = optim.SGD([te.zeros(1, requires_grad=True)])
    state = lr_scheduler.LambdaLR(o, Decay(0.5)).state_dict()
    assert state["lr_lambdas"] == [{"base": 0.5}]
    other = lr_scheduler.LambdaLR(o, Decay(0.9))
    other.load_state_dict(state)
    assert other.lr_lambdas[0].base == 0.5


@pytest.mark.filterwarnings("ignore:.*must come before")
@pytest.mark.parametrize("name", SCHEDULES)
def test_saved_and_loaded_schedule_continues_exactly(name):
    def make():
        o = optim.SGD(
            [
                {"params": [te.zeros(1, requires_grad=True)]},
                {"params": [te.zeros(1, requires_grad=True)], "lr": 0.4},
            ],
            lr=0.2,
            momentum=0.9,
        )
        return o, SCHEDULES[name](lr_scheduler, o)

    (o, s), (o2, s2) = make(), make()
    for _ in range(9):
        s.step()
    o2.load_state_dict(copy.deepcopy(o.state_dict()))
    s2.load_state_dict(copy.deepcopy(s.state_dict()))
    for _ in range(9):
        s.step(), s2.step()
        assert [g["lr"] for g in o.param_groups] == [g["lr"] for g in o2.param_groups]


@pytest.mark.parametrize(
    "settings",
    [
        {"patience": 2},
        {"mode": "max", "patience": 1, "cooldown": 2},
        {"threshold_mode": "abs", "threshold": 0.05, "patience": 0, "min_lr": [0.01, 0.1]},
    ],
    ids=str,
)
def test_reduce_on_plateau_gives_pytorchs_rates(settings):
    torch = pytest.importorskip("torch")
    measured = np.round(np.abs(np.sin(np.arange(40))) + 1 / (1 + np.arange(40)), 2)
    found = []
    for package in (te, torch):
        o = package.optim.SGD(
            [{"params": [package.zeros(1)]}, {"params": [package.zeros(1)], "lr": 0.4}], lr=0.2
        )
        s = package.optim.lr_scheduler.ReduceLROnPlateau(o, factor=0.5, **settings)
        found.append([])
        for value in measured:
            s.step(float(value))
            found[-1].append([g["lr"] for g in o.param_groups])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-12)


def test_warm_restarts_follow_fractions_of_an_epoch():
    torch = pytest.importorskip("torch")
    found = []
    for package in (te, torch):
        o = package.optim.SGD([package.zeros(1)], lr=0.2)
        s = package.optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 2, 2)
        found.append([])
        for t in np.arange(0, 15, 0.3):
            s.step(float(t))
            found[-1].append(o.param_groups[0]["lr"])
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9)


def test_a_rate_changed_by_hand_is_kept_by_chainable_schedules():
    o = optim.SGD([te.zeros(1)], lr=1.0)
    s = lr_scheduler.ExponentialLR(o, 0.5)
    o.param_groups[0]["lr"] = 8.0
    s.step()
    assert o.param_groups[0]["lr"] == 4.0


def test_schedule_trains_as_pytorchs_does():
    torch = pytest.importorskip("torch")
    paths = []
    for package in (te, torch):
        params, loss = problem(package)
        o = package.optim.AdamW(params, lr=0.1)
        paths.append(
            walk(
                package,
                o,
                params,
                loss,
                50,
                package.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=51),
            )
        )
    np.testing.assert_allclose(paths[0], paths[1], rtol=1e-6, atol=1e-6)
