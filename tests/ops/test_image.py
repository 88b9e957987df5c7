"""Resizing, grids, folds, paddings and pooling beside PyTorch: the layers, and drawn options beyond
the cases of the ops.
"""

from __future__ import annotations

import inspect
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_edu as te
from tinygrad_edu import nn
from tinygrad_edu.nn import functional as F

torch = pytest.importorskip("torch")
TF = torch.nn.functional
pytestmark = pytest.mark.filterwarnings("ignore")
EXAMPLES = settings(max_examples=80, deadline=None)


def values(shape, seed=0):
    """Distinct numbers, none a tie for a maximum."""
    n = math.prod(shape)
    return (
        (np.random.default_rng(seed).permutation(n) + 0.5).reshape(shape) / max(n, 1) * 4 - 2 + 1e-4
    )


def same(ours, theirs, x, *rest, rtol=1e-9, **kwargs):
    """Both refuse, or values, dtypes and the gradient of x agree. `rest` may hold arrays."""
    a, b = te.tensor(x), torch.tensor(x)
    if x.dtype.kind == "f":
        a.requires_grad_(), b.requires_grad_()
    try:
        expected = theirs(
            b, *(torch.tensor(r) if isinstance(r, np.ndarray) else r for r in rest), **kwargs
        )
    except (RuntimeError, ValueError, NotImplementedError, IndexError):
        with pytest.raises(te.TinygradEduError):
            ours(a, *(te.tensor(r) if isinstance(r, np.ndarray) else r for r in rest), **kwargs)
        return
    out = ours(a, *(te.tensor(r) if isinstance(r, np.ndarray) else r for r in rest), **kwargs)
    pairs = list(zip(out, expected)) if isinstance(expected, tuple) else [(out, expected)]
    for o, e in pairs:
        assert str(e.dtype).endswith(o.dtype.name)
        np.testing.assert_allclose(o.detach().numpy(), e.detach().numpy(), rtol=rtol, atol=rtol)
    out, expected = pairs[0]
    if expected.requires_grad and expected.numel():
        g = values(tuple(out.shape), 7)
        (
            out.backward(te.tensor(g, dtype=out.dtype)),
            expected.backward(torch.tensor(g).to(expected.dtype)),
        )
        np.testing.assert_allclose(a.grad.numpy(), b.grad.numpy(), rtol=rtol, atol=rtol)


# ---- layers --------------------------------------------------------------------------------------

L1, L2, L3 = (2, 4, 7), (2, 4, 6, 5), (1, 4, 4, 3, 5)
LAYERS = [
    ("Upsample", (), {"scale_factor": 2}, L2),
    ("Upsample", ((3, 9),), {"mode": "bicubic", "align_corners": False}, L2),
    ("Upsample", (5,), {"mode": "linear"}, L1),
    ("Upsample", (), {"scale_factor": (1.5, 2, 1), "mode": "trilinear"}, L3),
    ("Upsample", (), {"scale_factor": 1.7, "mode": "bilinear", "recompute_scale_factor": True}, L2),
    ("UpsamplingNearest2d", (), {"scale_factor": 3}, L2),
    ("UpsamplingBilinear2d", ((8, 9),), {}, L2),
    ("PixelShuffle", (2,), {}, L2),
    ("PixelUnshuffle", (2,), {}, (2, 3, 6, 4)),
    ("ChannelShuffle", (2,), {}, L2),
    ("Unfold", (3,), {}, L2),
    ("Unfold", ((3, 2), 1, (1, 0)), {"stride": 2}, L2),
    ("Fold", ((4, 5), 2), {}, (2, 12, 12)),
    ("Fold", ((4, 4), 3), {"padding": 1, "stride": 2}, (2, 18, 4)),
    ("LocalResponseNorm", (3,), {}, L2),
    ("LocalResponseNorm", (2, 0.5, 0.6, 2.0), {}, L1),
    ("LPPool1d", (1, 3), {}, L1),
    ("LPPool2d", (2, (3, 2)), {"stride": 2, "ceil_mode": True}, L2),
    ("LPPool3d", (2, 2), {}, L3),
    *((f"ConstantPad{d}d", (2, 0.5), {}, shape) for d, shape in ((1, L1), (2, L2), (3, L3))),
    ("ConstantPad2d", ((1, -1, 0, 2), 3.0), {}, L2),
    *(
        (f"{kind}Pad{d}d", (1,), {}, shape)
        for kind in ("Zero", "Reflection", "Replication", "Circular")
        for d, shape in ((1, L1), (2, L2), (3, L3))
    ),
    ("ReflectionPad2d", ((2, 0, 1, 3),), {}, L2),
    ("CircularPad2d", ((2, 0, 1, 3),), {}, L2),
    ("ReplicationPad1d", ((3, 9),), {}, (4, 7)),
    ("ZeroPad2d", ((1, 2, 0, -1),), {}, L2),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda c: f"{c[0]}-{c[1]}-{c[2]}")
def test_layer_prints_and_computes_what_pytorchs_does(layer):
    name, args, kwargs, shape = layer
    ours, theirs = getattr(nn, name)(*args, **kwargs), getattr(torch.nn, name)(*args, **kwargs)
    assert repr(ours) == repr(theirs)
    same(ours, theirs, values(shape))


@pytest.mark.parametrize(
    "name", sorted({layer[0] for layer in LAYERS} | {"MaxUnpool1d", "MaxUnpool2d", "MaxUnpool3d"})
)
def test_layer_takes_settings_in_pytorchs_order_with_its_defaults(name):
    def names(cls):
        return [(p.name, p.default) for p in inspect.signature(cls).parameters.values()]

    assert names(getattr(nn, name)) == names(getattr(torch.nn, name))


@pytest.mark.parametrize(
    ("d", "shape", "args"),
    [
        (1, (2, 3, 7), (2,)),
        (2, (2, 3, 7, 6), (3, 2, 1)),
        (2, (3, 6, 4), ((2, 1),)),
        (3, (1, 2, 4, 5, 4), (2,)),
    ],
)
def test_unpooling_puts_maxima_back_where_pooling_found_them(d, shape, args):
    ours, theirs = getattr(nn, f"MaxUnpool{d}d")(*args), getattr(torch.nn, f"MaxUnpool{d}d")(*args)
    assert repr(ours) == repr(theirs)
    pooled, indices = getattr(torch.nn, f"MaxPool{d}d")(*args, return_indices=True)(
        torch.tensor(values(shape))
    )
    same(ours, theirs, pooled.numpy(), indices.numpy())
    same(ours, theirs, pooled.numpy(), indices.numpy(), output_size=shape[-d:])
    # out of reach: both refuse
    same(ours, theirs, pooled.numpy(), indices.numpy(), output_size=[n + 9 for n in shape[-d:]])
    x = te.tensor(values(shape))
    out = ours(*getattr(nn, f"MaxPool{d}d")(*args, return_indices=True)(x), output_size=shape[-d:])
    assert ((out == x) | (out == 0)).all()


# ---- resizing ------------------------------------------------------------------------------------

MODES = {
    1: ["nearest", "nearest-exact", "linear", "area"],
    2: ["nearest", "nearest-exact", "bilinear", "bicubic", "area"],
    3: ["nearest", "nearest-exact", "trilinear", "area"],
}


@EXAMPLES
@given(st.data())
def test_interpolate_equals_pytorchs_for_drawn_sizes_modes_and_options(data):
    d = data.draw(st.sampled_from([1, 2, 2, 3]))
    mode = data.draw(st.sampled_from(MODES[d]))
    shape = (1, 2, *(data.draw(st.integers(1, 8)) for _ in range(d)))
    options = {"mode": mode}
    if data.draw(st.booleans()):
        options["size"] = tuple(data.draw(st.integers(1, 11)) for _ in range(d))
    elif (
        mode != "nearest"
    ):  # with a factor, PyTorch's nearest has a gradient that is not its forward's
        options["scale_factor"] = data.draw(st.floats(0.3, 3))
        options["recompute_scale_factor"] = data.draw(st.sampled_from([None, False, True]))
    else:
        options["scale_factor"] = data.draw(st.sampled_from([0.5, 1, 2, 3, 4]))
    if mode in ("linear", "bilinear", "trilinear", "bicubic"):
        options["align_corners"] = data.draw(st.sampled_from([None, False, True]))
    same(F.interpolate, TF.interpolate, values(shape), **options)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("size", [(3, 4), (2, 15), (11, 5), (9, 3)])
@pytest.mark.parametrize("align_corners", [False, True])
def test_antialiased_shrinking_equals_pytorchs(mode, size, align_corners):
    same(
        F.interpolate,
        TF.interpolate,
        values((1, 2, 9, 11)),
        size=size,
        mode=mode,
        align_corners=align_corners,
        antialias=True,
        rtol=1e-6,
    )


def test_antialiased_weights_sum_to_one_where_the_width_becomes_one():
    ones = te.ones(1, 1, 5, 1)
    assert F.interpolate(ones, (8, 1), mode="bilinear", antialias=True).numpy() == pytest.approx(1)


@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
def test_nearest_picks_pytorchs_element_for_every_pair_of_sizes(mode):
    for dtype in ("float32", "float64", "uint8"):
        for n in (1, 2, 5, 7, 10, 33):
            x = np.arange(n).astype(dtype).reshape(1, 1, n)
            for m in range(1, 45):
                np.testing.assert_array_equal(
                    F.interpolate(te.tensor(x), m, mode=mode).numpy(),
                    TF.interpolate(torch.tensor(x), m, mode=mode).numpy(),
                )


def test_an_infinite_pixel_stays_with_its_neighbours():
    x = values((1, 1, 5, 5))
    x[0, 0, 2, 2] = np.inf
    for options in (
        {"mode": "bilinear"},
        {"mode": "bicubic"},
        {"mode": "area"},
        {"mode": "nearest"},
    ):
        np.testing.assert_array_equal(
            F.interpolate(te.tensor(x), (8, 9), **options).numpy() < np.inf,
            TF.interpolate(torch.tensor(x), (8, 9), **options).numpy() < np.inf,
        )


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((1, 2, 3, 3), {}),
        ((1, 2, 3, 3), {"size": 2, "scale_factor": 2}),
        ((1, 2, 3, 3), {"size": (2, 3, 4)}),
        ((1, 2, 3), {"size": 2, "mode": "bilinear"}),
        ((1, 2, 3, 3), {"size": 2, "mode": "cubic"}),
        ((1, 2, 3, 3), {"size": 2, "align_corners": True}),
        ((1, 2, 3, 3), {"size": 2, "recompute_scale_factor": True}),
        ((1, 2, 3, 3), {"scale_factor": 0.1}),
        ((2, 3), {"size": 2}),
        ((1, 2, 3), {"size": 2, "mode": "linear", "antialias": True}),
    ],
)
def test_interpolate_refuses_what_pytorch_refuses_and_says_how_to_mend_it(shape, options):
    with pytest.raises((ValueError, RuntimeError, NotImplementedError, AssertionError)):
        TF.interpolate(torch.zeros(shape), **options)
    with pytest.raises(te.ShapeError, match=r"^interpolate: .* got .*\. \w"):
        F.interpolate(te.zeros(*shape), **options)


# ---- grids ---------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data())
def test_grid_sample_equals_pytorchs_in_value_and_both_gradients(data):
    d = data.draw(st.sampled_from([2, 2, 3]))
    mode = data.draw(st.sampled_from(["bilinear", "nearest"] + ["bicubic"] * (d == 2)))
    padding, corners = (
        data.draw(st.sampled_from(["zeros", "border", "reflection"])),
        data.draw(st.sampled_from([None, False, True])),
    )
    x = values((2, 2, *(data.draw(st.integers(1, 5)) for _ in range(d))))
    grid = np.random.default_rng(data.draw(st.integers(0, 9))).uniform(
        -2.2, 2.2, (2, *(data.draw(st.integers(1, 4)) for _ in range(d)), d)
    )
    if data.draw(st.booleans()):
        grid = np.round(grid * 2) / 2  # right on elements and borders, where slopes jump
    same(
        lambda g, v: F.grid_sample(v, g, mode, padding, corners),
        lambda g, v: TF.grid_sample(v, g, mode, padding, corners),
        grid,
        x,
    )
    same(F.grid_sample, TF.grid_sample, x, grid, mode, padding, corners)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
@pytest.mark.parametrize("place", [math.nan, math.inf, -math.inf, 1e30, -1e30])
def test_grid_sample_survives_places_that_are_none(mode, padding, place):
    x, grid = values((1, 1, 2, 3)), np.array([[[[place, 0.2], [0.1, place]]]])
    np.testing.assert_allclose(
        F.grid_sample(te.tensor(x), te.tensor(grid), mode, padding, False).numpy(),
        TF.grid_sample(torch.tensor(x), torch.tensor(grid), mode, padding, False).numpy(),
        rtol=1e-9,
    )


@pytest.mark.parametrize("size", [(2, 1, 3, 4), (1, 2, 1, 5), (2, 1, 2, 3, 4), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("align_corners", [None, False, True])
def test_affine_grid_equals_pytorchs(size, align_corners):
    n = len(size) - 2
    same(F.affine_grid, TF.affine_grid, values((size[0], n, n + 1)), size, align_corners)


def test_sampling_on_the_identity_grid_gives_the_image_back():
    x = te.tensor(values((2, 3, 4, 5)))
    theta = te.tensor([[[1.0, 0, 0], [0, 1, 0]]] * 2, dtype=te.float64)
    for corners in (False, True):
        np.testing.assert_allclose(
            F.grid_sample(x, F.affine_grid(theta, x.shape, corners), align_corners=corners).numpy(),
            x.numpy(),
            atol=1e-12,
        )


# ---- windows -------------------------------------------------------------------------------------


@EXAMPLES
@given(st.data())
def test_padding_equals_pytorchs_in_every_mode_negative_widths_included(data):
    mode = data.draw(st.sampled_from(["constant", "reflect", "replicate", "circular"]))
    shape = tuple(data.draw(st.lists(st.integers(2, 5), min_size=1, max_size=5)))
    n = data.draw(st.integers(1, len(shape)))
    widths = tuple(
        data.draw(st.integers(-1 if data.draw(st.booleans()) else 0, 3)) for _ in range(2 * n)
    )
    same(
        F.pad,
        TF.pad,
        values(shape).astype(data.draw(st.sampled_from(["float64", "int64"]))),
        widths,
        mode,
    )


@EXAMPLES
@given(st.data())
def test_pooling_equals_pytorchs_for_drawn_windows(data):
    d = data.draw(st.sampled_from([1, 2, 2, 3]))
    shape = (
        *(2,) * data.draw(st.integers(0, 1)),
        2,
        *(data.draw(st.integers(2, 7)) for _ in range(d)),
    )
    kernel = (
        tuple(data.draw(st.integers(1, 3)) for _ in range(d))
        if data.draw(st.booleans())
        else data.draw(st.integers(1, 3))
    )
    if d == 3 and max(kernel if isinstance(kernel, tuple) else (kernel,)) > min(shape[-3:]):
        return  # only avg_pool3d of PyTorch refuses windows larger than the input
    stride, padding, ceil = (
        data.draw(st.sampled_from([None, 1, 2, 3])),
        data.draw(st.integers(0, 1)),
        data.draw(st.booleans()),
    )
    kind, x = data.draw(st.sampled_from(["max", "avg"])), values(shape)
    if kind == "max":
        same(
            getattr(F, f"max_pool{d}d"),
            getattr(TF, f"max_pool{d}d"),
            x,
            kernel,
            stride,
            padding,
            1,
            ceil,
            return_indices=data.draw(st.booleans()),
        )
    else:
        divisor = {"divisor_override": data.draw(st.sampled_from([None, 3]))} if d > 1 else {}
        same(
            getattr(F, f"avg_pool{d}d"),
            getattr(TF, f"avg_pool{d}d"),
            x,
            kernel,
            stride,
            padding,
            ceil,
            data.draw(st.booleans()),
            **divisor,
        )


@EXAMPLES
@given(st.data())
def test_adaptive_pooling_equals_pytorchs_for_every_pair_of_sizes(data):
    d = data.draw(st.sampled_from([1, 2, 2, 3]))
    x = values((2, *(data.draw(st.integers(1, 9)) for _ in range(d))))
    size = tuple(data.draw(st.integers(1, 12)) for _ in range(d))
    same(getattr(F, f"adaptive_avg_pool{d}d"), getattr(TF, f"adaptive_avg_pool{d}d"), x, size)
    # ties: the first wins
    same(
        getattr(F, f"adaptive_max_pool{d}d"),
        getattr(TF, f"adaptive_max_pool{d}d"),
        np.round(x),
        size,
        return_indices=True,
    )


@pytest.mark.parametrize("pool", ["max_pool2d", "adaptive_max_pool2d"])
def test_max_pooling_gives_the_gradient_to_the_last_nan_and_never_to_the_padding(pool):
    x = values((2, 3, 6, 6))
    x[0, 0, :3, :4], x[1, 1, 1:3, 1], x[0, 2] = -np.inf, np.nan, np.nan
    args = (3, 2, 1) if pool == "max_pool2d" else (2,)
    same(getattr(F, pool), getattr(TF, pool), x, *args, return_indices=True)


def test_an_infinite_element_reaches_only_the_windows_it_is_in():
    x = np.zeros((1, 1, 6))
    x[0, 0, 0] = np.inf
    assert F.adaptive_avg_pool1d(te.tensor(x), 4).tolist() == [[[math.inf, 0, 0, 0]]]


@pytest.mark.parametrize("p", [1, 2, 3.0])
def test_lp_pooling_has_gradient_zero_where_the_window_is_zero(p):
    same(F.lp_pool1d, TF.lp_pool1d, np.array([[[0.0, 0, 1, 2, 0, 0]]]), p, 2)


def test_long_integers_pool_as_in_pytorch():
    x = (values((1, 2, 5, 6)) * 20).astype("int64")
    same(F.max_pool2d, TF.max_pool2d, x, 2)
    same(F.avg_pool2d, TF.avg_pool2d, x, 2)
    same(F.adaptive_avg_pool2d, TF.adaptive_avg_pool2d, x, 2)  # both refuse


@EXAMPLES
@given(st.data())
def test_sliding_windows_equal_pytorchs_and_share_memory(data):
    shape = tuple(data.draw(st.lists(st.integers(1, 6), max_size=3)))
    dim, size, step = (
        data.draw(st.integers(-len(shape) - 1, len(shape))),
        data.draw(st.integers(0, 4)),
        data.draw(st.integers(0, 3)),
    )
    same(
        lambda x: x.unfold(dim, size, step),
        lambda x: x.unfold(dim, size, step),
        np.asarray(values(shape)),
    )


def test_writing_to_the_source_of_sliding_windows_shows_in_them_and_is_noticed_by_backward():
    x = te.arange(7.0)
    windows = x.unfold(0, 3, 2)
    x[2] = 9.0
    assert windows.tolist() == [[0, 1, 9], [9, 3, 4], [4, 5, 6]]
    leaf = te.arange(7.0).requires_grad_()
    y = leaf * 1
    square = y.unfold(0, 3, 2) ** 2
    y.add_(1)
    with pytest.raises(te.GraphError, match="must not change"):
        square.sum().backward()


@pytest.mark.parametrize("kernel", [2, (3, 2)])
@pytest.mark.parametrize(
    ("dilation", "padding", "stride"), [(1, 0, 1), (2, 1, 1), ((1, 2), (0, 2), (2, 3))]
)
def test_fold_and_unfold_equal_pytorchs_and_are_transposes(kernel, dilation, padding, stride):
    x = values((2, 3, 6, 7))
    same(F.unfold, TF.unfold, x, kernel, dilation, padding, stride)
    columns = F.unfold(te.tensor(x), kernel, dilation, padding, stride)
    y = values(tuple(columns.shape), 3)
    same(F.fold, TF.fold, y, (6, 7), kernel, dilation, padding, stride)
    back = F.fold(te.tensor(y), (6, 7), kernel, dilation, padding, stride)
    assert (columns * te.tensor(y)).sum().item() == pytest.approx(
        (back * te.tensor(x)).sum().item(), rel=1e-12
    )


@pytest.mark.parametrize(
    "call",
    [
        lambda n, t: n.fold(t(2, 12, 11), (4, 5), 2),
        lambda n, t: n.fold(t(2, 11, 12), (4, 5), 2),
        lambda n, t: n.unfold(t(2, 3, 2, 2), 3),
        lambda n, t: n.unfold(t(3, 2), 1),
        lambda n, t: n.pixel_shuffle(t(1, 3, 2, 2), 2),
        lambda n, t: n.pixel_unshuffle(t(1, 3, 3, 2), 2),
        lambda n, t: n.channel_shuffle(t(1, 3, 2, 2), 2),
        lambda n, t: n.max_pool2d(t(1, 1, 4, 4), 2, 1, 2),
        lambda n, t: n.max_pool2d(t(1, 1, 1, 4), 2),
        lambda n, t: n.avg_pool2d(t(1, 1, 4, 4), 2, divisor_override=0),
        lambda n, t: n.adaptive_avg_pool2d(t(1, 1, 4, 4), (2, 2, 2)),
        lambda n, t: n.pad(t(1, 2, 3), (3, 0), "reflect"),
        lambda n, t: n.pad(t(2, 3), (1, 1, 1, 1), "reflect"),
        lambda n, t: n.pad(t(2, 3), (1,)),
        lambda n, t: n.pad(t(1, 2, 3), (1, 1), "replicate", 2.0),
        lambda n, t: n.grid_sample(t(1, 1, 2, 2), t(2, 1, 1, 2)),
        lambda n, t: n.grid_sample(t(1, 1, 2, 2), t(1, 1, 1, 3)),
        lambda n, t: n.affine_grid(t(1, 2, 3), (1, 1, 2, 2, 2)),
        lambda n, t: n.local_response_norm(t(2, 3), 2),
        lambda n, t: n.group_norm(t(2, 4, 3), 3),
        lambda n, t: n.layer_norm(t(2, 4), (3,)),
        lambda n, t: n.rms_norm(t(2, 4), (3,)),
        lambda n, t: n.instance_norm(t(2, 4, 1)),
        lambda n, t: n.batch_norm(t(2, 4), None, None),
        lambda n, t: n.batch_norm(t(2, 4), t(3), t(3), training=True),
    ],
)
def test_what_pytorch_refuses_is_refused_with_a_remedy(call):
    with pytest.raises((RuntimeError, ValueError, IndexError, NotImplementedError, AssertionError)):
        call(TF, torch.ones)
    with pytest.raises(te.TinygradEduError, match=r"(?s)^\w+: .*, got .*\. \w"):
        call(F, te.ones)


# ---- normalisation -------------------------------------------------------------------------------


@pytest.mark.parametrize("function", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("shape", [(3, 2, 4), (2, 3, 2, 3), (2, 2, 2, 1, 3)])
@pytest.mark.parametrize("from_batch", [True, False])
@pytest.mark.parametrize("momentum", [0.1, 1.0])
def test_running_statistics_move_as_pytorchs(function, shape, from_batch, momentum):
    mean, var = values(shape[1:2], 1), np.abs(values(shape[1:2], 2)) + 0.1
    tracked = [te.tensor(mean), te.tensor(var)], [torch.tensor(mean), torch.tensor(var)]
    same(
        lambda x: getattr(F, function)(x, *tracked[0], None, None, from_batch, momentum),
        lambda x: getattr(TF, function)(x, *tracked[1], None, None, from_batch, momentum),
        values(shape),
    )
    for ours, theirs in zip(*tracked):
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=1e-9)


@pytest.mark.parametrize(
    ("size", "alpha", "beta", "k"), [(1, 1e-4, 0.75, 1.0), (4, 0.5, 0.5, 2.0), (9, 1.0, 1.5, 0.5)]
)
@pytest.mark.parametrize("shape", [(2, 5, 3), (1, 5, 2, 3), (2, 3, 2, 1, 2)])
def test_local_response_norm_equals_pytorchs(shape, size, alpha, beta, k):
    same(F.local_response_norm, TF.local_response_norm, values(shape), size, alpha, beta, k)
