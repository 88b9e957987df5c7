"""Every rung of the kernels that work along rows, on the emulator: equal to the generic forward,
for any shape and with NaNs.
"""

from __future__ import annotations

import shutil

import numpy as np
import pytest

import tinygrad_edu as tg
from tinygrad_edu.devices.launch import ladders
from tinygrad_edu.engine.device import registry
from tinygrad_edu.engine.errors import KernelError

pytestmark = pytest.mark.skipif(shutil.which("g++") is None, reason="the emulator needs g++")
NAN, INF = float("nan"), float("inf")


def rungs(*ops):
    return [pytest.param(op, f"{r.number}{r.track}", id=r.name) for op in ops for r in ladders[op]]


def normal(*shape, seed=0):
    return np.random.default_rng([seed, *shape]).standard_normal(shape, dtype=np.float32)


def run(op, rung, args, attrs):
    """The arrays that the rung gives; None if it refuses the arguments."""
    emu = tg.device("emu")
    slot = getattr(emu.F, op)
    try:
        with tg.use_kernel(**{op: rung}):
            out = slot(*(emu.asarray(a) if isinstance(a, np.ndarray) else a for a in args), **attrs)
    except KernelError as error:
        if "must get arguments that the kernel takes" not in str(error):
            raise
        return None
    return [emu.to_host(o) for o in (out if isinstance(out, tuple) else (out,))]


def check(op, rung, *args, rtol=1e-5, atol=1e-6, **attrs):
    """The rung against the generic forward on NumPy, in float64 where it is exact enough; True if
    the rung takes the arguments.
    """
    got = run(op, rung, args, attrs)
    if got is None:
        return False
    with np.errstate(all="ignore"):
        want = registry[op].forward(np, *args, **attrs)
    want = want if isinstance(want, tuple) else (want,)
    assert len(got) == len(want)
    for a, b in zip(got, want):
        b = np.asarray(b)
        assert a.shape == b.shape, (a.shape, b.shape)
        assert a.dtype == b.dtype, (a.dtype, b.dtype)
        np.testing.assert_allclose(
            a,
            b,
            rtol=rtol,
            atol=atol,
            err_msg=f"{op} rung {rung} of {[getattr(v, 'shape', v) for v in args]} {attrs}",
        )
    return True


def check_cases(op, rung, **tolerances):
    """All cases of the op that the rung takes: at least one, or the rung is of no use."""
    return [
        check(op, rung, *case.make("float32"), **case.attrs, **tolerances)
        for case in registry[op].cases
    ]


SHAPES = [
    ((1,), None),
    ((7,), 0),
    ((257,), None),
    ((1025,), None),
    ((3, 31), 1),
    ((5, 33), -1),
    ((2, 3, 4), (1, 2)),
    ((4, 1, 3), 1),
    ((1, 1), None),
    ((70000,), 0),
    ((3, 8200), 1),
]
COLUMNS = [
    ((7, 3), 0),
    ((300, 33), 0),
    ((2, 5, 3), 1),
    ((2, 257, 40), 1),
    ((3, 2, 5), (0, 1)),
    ((600, 2), 0),
]


@pytest.mark.parametrize(("op", "rung"), rungs("sum", "amax"))
def test_a_reduction_of_every_rung_equals_the_generic_one(op, rung):
    taken = [
        *check_cases(op, rung),
        *(
            check(op, rung, normal(*shape), dim, keepdim, atol=2e-4)
            for shape, dim in SHAPES + COLUMNS
            for keepdim in (False, True)
        ),
    ]
    assert sum(taken) >= 8
    strided = normal(40, 90)[::2, 1::3]
    taken = [check(op, rung, strided, dim, atol=1e-5) for dim in (0, 1, None)]
    assert any(taken)


@pytest.mark.parametrize(("op", "rung"), rungs("sum", "amax"))
def test_a_nan_wins_a_reduction_and_infinities_pass_through(op, rung):
    for place in (0, 5, 39):
        for value in (NAN, -NAN, INF, -INF):
            x = normal(41, 41, seed=3)
            x[place, place] = value
            assert check(op, rung, x, 0, atol=1e-5) or check(op, rung, x, 1, atol=1e-5)
    x = np.full((3, 40), -INF, np.float32)
    assert check(op, rung, x, 0) or check(op, rung, x, 1)
    x = -1 - np.abs(normal(33, 70))  # no zero may slip in
    assert check(op, rung, x, 0, atol=1e-4) or check(op, rung, x, 1, atol=1e-4)


@pytest.mark.parametrize(("op", "rung"), rungs("sum"))
def test_the_sum_of_nothing_is_zero(op, rung):
    assert any(
        check(op, rung, np.zeros(shape, np.float32), dim)
        for shape, dim in [((0,), None), ((3, 0), 1), ((0, 3), 0), ((0, 4), 1)]
    )


@pytest.mark.parametrize("start", [0, 1, 2, 3])
@pytest.mark.parametrize("op", ["sum", "amax", "argmax"])
def test_float4_loads_find_the_first_multiple_of_16_bytes(op, start):
    emu = tg.device("emu")
    whole = emu.asarray(normal(5000))
    for n in (1, 2, 3, 4, 5, 1000, 4996):
        part = whole[start : start + n]
        with tg.use_kernel(**{op: 4}):
            got = emu.to_host(getattr(emu.F, op)(part))
        np.testing.assert_allclose(got, getattr(np, op)(emu.to_host(part)), rtol=1e-4, atol=1e-4)


def test_dims_that_are_no_neighbours_are_left_to_the_generic_forward():
    x = tg.randn(3, 4, 5)
    np.testing.assert_allclose(
        x.to("emu").sum((0, 2)).cpu().numpy(), x.sum((0, 2)).numpy(), rtol=1e-5, atol=1e-5
    )
    with (
        tg.use_kernel(sum=3),
        pytest.raises(KernelError, match="sum_3_warp: must get arguments that the kernel takes"),
    ):
        x.to("emu").sum((0, 2))


def test_the_same_input_gives_the_same_sum_as_a_tensor_and_its_gradient():
    x = tg.randn(33, 65)
    y = x.to("emu").requires_grad_()
    total = y.sum(1)
    total.backward(tg.ones(33, device="emu"))
    np.testing.assert_allclose(total.detach().cpu().numpy(), x.sum(1).numpy(), rtol=1e-5, atol=1e-5)
    assert (y.grad.cpu().numpy() == 1).all()


# ---- softmax and its kin ----

ROWS = [
    (1, 1),
    (3, 2),
    (5, 31),
    (2, 33),
    (9, 128),
    (130, 7),
    (3, 1000),
    (2, 1024),
    (2, 1500),
    (2, 3, 17),
    (4,),
    (0, 3),
    (3, 0),
    (1, 8192),
    (2, 1, 1028),
    (0, 2000),
]
# for long rows only
WIDE = {
    "softmax_6",
    "softmax_backward_5",
    "log_softmax_5",
    "log_softmax_backward_4",
    "layer_normalization_backward_4",
    "rms_normalization_backward_4",
}


@pytest.mark.parametrize(("op", "rung"), rungs("softmax", "log_softmax"))
def test_softmax_of_every_rung_equals_the_generic_one(op, rung):
    taken = [*check_cases(op, rung), *(check(op, rung, normal(*shape) * 10, -1) for shape in ROWS)]
    assert sum(taken) >= (4 if f"{op}_{rung}" in WIDE else len(ROWS) - 4)
    assert check(op, rung, normal(4, 3600)[::2, 1::3], 1) or check(
        op, rung, normal(4, 360)[::2, 1::3], 1
    )


@pytest.mark.parametrize(("op", "rung"), rungs("softmax", "log_softmax"))
def test_infinities_and_nans_go_through_a_softmax_as_in_numpy(op, rung):
    taken = []
    for cols in (70, 1200):
        x = normal(9, cols)
        x[0, 3] = NAN
        x[1, :] = -INF
        x[2, 5] = INF
        x[3, 1::2] = -INF
        x[4, 32:] = -INF
        x[5, :-1] = -INF
        x[6] = 1e30
        x[7, -1] = NAN
        taken.append(check(op, rung, x, -1))
    assert any(taken)


@pytest.mark.parametrize(("op", "rung"), rungs("softmax_backward", "log_softmax_backward"))
def test_the_backward_of_softmax_of_every_rung_equals_the_generic_one(op, rung):
    taken = check_cases(op, rung)
    for shape in ROWS:
        with np.errstate(all="ignore"):
            y = registry[op.removesuffix("_backward")].forward(np, normal(*shape, seed=1), -1)
        taken.append(check(op, rung, normal(*shape, seed=2), y, -1, atol=1e-5))
    assert sum(taken) >= (4 if f"{op}_{rung}" in WIDE else len(ROWS) - 4)
    ones = np.broadcast_to(np.float32(1), (3, 1100))  # a cotangent as broadcasting leaves it
    assert check(op, rung, ones, normal(3, 1100), 1) or check(
        op, rung, ones[:, :5], normal(3, 5), 1
    )


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_a_softmax_on_the_emulator_has_the_gradients_of_the_cpu_of_both_orders(name):
    def gradients(device):
        x, w = (tg.tensor(normal(3, 40, seed=s), device=device).requires_grad_() for s in (1, 2))
        (g,) = tg.autograd.grad((getattr(x, name)(-1) * w).sum(), x, create_graph=True)
        gg = tg.autograd.grad((g * g).sum(), (x, w))
        return [t.detach().cpu().numpy() for t in (g, *gg)]

    for a, b in zip(gradients("emu"), gradients("cpu")):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# ---- cross-entropy ----


def scores(rows, classes, seed=0):
    return normal(rows, classes, seed=seed) * 5, np.random.default_rng(seed).integers(
        0, classes, rows
    )


@pytest.mark.parametrize(("op", "rung"), rungs("class_cross_entropy"))
def test_cross_entropy_of_every_rung_equals_the_generic_one(op, rung):
    assert sum(check_cases(op, rung)) >= 2
    for rows, classes in [(1, 1), (5, 3), (130, 10), (3, 31), (2, 257), (3, 1023), (2, 5001)]:
        x, target = scores(rows, classes)
        assert check(op, rung, x, target, rtol=1e-5, atol=2e-6)
        assert check(op, rung, x, target, ignore_index=int(target[0]))
    x, target = scores(6, 50)
    x[0, 7], x[1, :], x[2, 5], x[3, target[3]], x[4] = NAN, -INF, INF, -INF, x[4] + 2e4
    assert check(op, rung, x, target, atol=1e-3)


@pytest.mark.parametrize(("op", "rung"), rungs("class_cross_entropy_backward"))
def test_the_backward_of_cross_entropy_of_every_rung_equals_the_generic_one(op, rung):
    assert sum(check_cases(op, rung)) >= 2
    for rows, classes in [(1, 1), (5, 3), (130, 10), (3, 31), (2, 257), (3, 1023), (2, 5001)]:
        x, target = scores(rows, classes)
        _, top, logsum = registry["class_cross_entropy"].forward(np, x, target)
        for ignore in (-100, int(target[0])):
            assert check(op, rung, normal(rows, seed=3), x, target, top, logsum, ignore)
    assert check(op, rung, np.broadcast_to(np.float32(0.2), (rows,)), x, target, top, logsum)


def test_float4_loads_of_scores_need_an_aligned_start():
    emu = tg.device("emu")
    x, target = scores(3, 9)
    _, top, logsum = registry["class_cross_entropy"].forward(np, x, target)
    u = np.ones(3, np.float32)
    shifted = emu.asarray(np.concatenate([[0], x.ravel()]).astype(np.float32))[1:].reshape(3, 9)
    got = emu.F.class_cross_entropy_backward(
        emu.asarray(u), shifted, *map(emu.asarray, (target, top, logsum))
    )
    np.testing.assert_allclose(
        emu.to_host(got),
        registry["class_cross_entropy_backward"].forward(np, u, x, target, top, logsum),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize("ignore", [-100, 2])
def test_cross_entropy_on_the_emulator_is_that_of_the_cpu_with_its_gradients(reduction, ignore):
    x, target = scores(7, 5)

    def both(device):
        t = tg.tensor(x, device=device).requires_grad_()
        loss = tg.nn.functional.cross_entropy(
            t, tg.tensor(target, device=device), ignore_index=ignore, reduction=reduction
        )
        (g,) = tg.autograd.grad(loss.sum(), t, create_graph=True)
        (gg,) = tg.autograd.grad((g * g).sum(), t)
        return [v.detach().cpu().numpy() for v in (loss, g, gg)]

    for a, b in zip(both("emu"), both("cpu")):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


# ---- normalisation ----

NORMED = [
    (1, 1),
    (3, 2),
    (5, 31),
    (9, 33),
    (2, 128),
    (300, 5),
    (3, 1023),
    (2, 1024),
    (2, 1028),
    (1, 8192),
    (3, 2002),
    (2, 3, 17),
]


def weights(cols):
    return np.abs(normal(cols, seed=5)) + 0.1, normal(cols, seed=6)


@pytest.mark.parametrize(("op", "rung"), rungs("layer_normalization", "rms_normalization"))
def test_a_normalisation_of_every_rung_equals_the_generic_one(op, rung):
    more = 2 if op.startswith("layer") else 1
    assert any(check_cases(op, rung)) or rung == "4"
    taken = [
        check(op, rung, 3 + normal(*shape), *weights(shape[-1])[:more], (-1,), rtol=1e-4, atol=1e-4)
        for shape in NORMED
    ]
    assert sum(taken) >= 2
    taken = [
        check(op, rung, normal(2, 8, 160), *(None,) * more, (-2, -1), 1e-3, atol=1e-5),
        check(op, rung, normal(2, 8, 4), *(None,) * more, (1, 2), atol=1e-5),
    ]
    assert any(taken)
    assert not check(op, rung, normal(3, 4), *(None,) * more, (0,))
    # far from zero: the digits of the variance must not cancel
    x = 1e4 + normal(3, 1600 if rung == "4" else 160)
    x[0, 5] = NAN
    assert check(op, rung, x, *(None,) * more, (-1,), rtol=1e-2, atol=2e-3)


@pytest.mark.parametrize(
    ("op", "rung"), rungs("layer_normalization_backward", "rms_normalization_backward")
)
def test_the_backward_of_a_normalisation_of_every_rung_equals_the_generic_one(op, rung):
    wide = f"{op}_{rung}" in WIDE
    assert any(check_cases(op, rung, atol=1e-5)) or wide
    for shape in NORMED:
        x, (weight, _) = 3 + normal(*shape), weights(shape[-1])
        residuals = registry[op.removesuffix("_backward")].forward(np, x)[1:]
        u = normal(*shape, seed=9)
        taken = check(op, rung, u, x, *residuals, weight, atol=1e-4, rtol=1e-4) and check(
            op, rung, u, x, *residuals, atol=1e-4, rtol=1e-4
        )
        assert taken or (shape[-1] > 1024) != wide or shape[-1] % 4


@pytest.mark.parametrize(("op", "rung"), rungs("normalization_weight_backward"))
def test_the_cotangent_of_a_normalisations_weight_of_every_rung_equals_the_generic_one(op, rung):
    assert any(check_cases(op, rung))
    for rows, cols in [(1, 1), (3, 2), (300, 33), (257, 5), (600, 65)]:
        arrays = (
            normal(rows, cols),
            normal(rows, cols, seed=1),
            normal(rows, 1),
            normal(rows, 1, seed=1),
        )
        assert check(op, rung, *arrays, atol=1e-4)
        assert check(op, rung, *arrays[:3], atol=1e-4)


@pytest.mark.parametrize(("op", "rung"), rungs("batch_normalization"))
def test_batch_normalisation_of_every_rung_equals_the_generic_one(op, rung):
    taken = []
    for shape in [(4, 3), (257, 65), (2, 3, 5), (3, 70, 2, 2), (9, 1, 9, 9), (1, 2, 300)]:
        dims = (0, *range(2, len(shape)))
        weight, bias = (w.reshape(1, -1, *(1,) * (len(shape) - 2)) for w in weights(shape[1]))
        for mean in (0, 1e3):
            taken.append(
                check(
                    op,
                    rung,
                    mean + normal(*shape),
                    weight,
                    bias,
                    dims,
                    1e-4,
                    rtol=1e-3,
                    atol=1e-3 if mean else 1e-5,
                )
            )
        taken.append(check(op, rung, normal(*shape), None, None, dims, rtol=1e-4, atol=1e-5))
    assert sum(taken) >= 12
    x = normal(3, 4, 5)
    x[1, 2, 3] = NAN
    assert check(op, rung, x, None, None, (0, 2), atol=1e-5)
    assert not check(op, rung, x, None, None, (0, 1))


@pytest.mark.parametrize("name", ["layer_norm", "rms_norm", "batch_norm", "group_norm"])
def test_normalisation_on_the_emulator_has_the_gradients_of_the_cpu_of_both_orders(name):
    def both(device):
        x, w, b = (
            tg.tensor(v, device=device).requires_grad_() for v in (normal(5, 6), *weights(6))
        )
        F = tg.nn.functional
        out = {
            "layer_norm": lambda: F.layer_norm(x, (6,), w, b),
            "rms_norm": lambda: F.rms_norm(x, (6,), w),
            "batch_norm": lambda: F.batch_norm(x, None, None, w, b, True),
            "group_norm": lambda: F.group_norm(x, 2, w, b),
        }[name]()
        gs = tg.autograd.grad((out * out * out).sum(), (x, w), create_graph=True)
        gg = tg.autograd.grad((gs[0] * gs[0]).sum() + gs[1].sum(), (x, w))
        return [v.detach().cpu().numpy() for v in (out, *gs, *gg)]

    for a, b in zip(both("emu"), both("cpu")):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-3)


# ---- argmax, topk ----


def rank_inputs():
    """Rows with ties, NaNs, both zeros and both infinities."""
    for rows, cols in [(1, 1), (130, 3), (3, 33), (2, 257), (2, 1500)]:
        yield normal(rows, cols)
        x = np.round(normal(rows, cols, seed=1))  # many ties
        yield x
        y = x.copy()
        y[0, ::7] = NAN
        y[-1, ::5] = -NAN
        yield y
    yield np.full((2, 40), -INF, np.float32)
    yield np.array(
        [[-0.0, 0.0, -0.0], [0.0, -0.0, 0.0], [-INF, INF, NAN], [-3.0, -2.0, -INF]], np.float32
    )


@pytest.mark.parametrize(("op", "rung"), rungs("argmax", "max_dim"))
def test_the_first_of_the_largest_is_found_by_every_rung_and_a_nan_is_largest(op, rung):
    assert any(check_cases(op, rung))
    for x in rank_inputs():
        assert check(op, rung, x, 1)
        assert check(op, rung, x, -1, True)
        if op == "argmax":
            assert check(op, rung, x)
            assert check(op, rung, x, None, True)
    assert check(op, rung, normal(40, 90)[::2, 1::3], 1)
    assert not check(op, rung, normal(4, 5), 0)


@pytest.mark.parametrize(("op", "rung"), rungs("topk"))
def test_topk_of_every_rung_equals_a_stable_sort(op, rung):
    assert any(check_cases(op, rung))
    for x in rank_inputs():
        for k in (0, 1, 2, 5, 31, 32):
            for largest in (True, False):
                assert check(op, rung, x, k, -1, largest) == (k <= x.shape[1])
    assert check(op, rung, -np.sort(-normal(3, 200)), 32)
    assert check(op, rung, np.sort(normal(3, 200)), 32)  # every element is better than all before
    assert not check(op, rung, normal(3, 200), 33)
