"""Inputs nobody chose: broadcasting, dtypes, indexing and reductions drawn by hypothesis, against
NumPy and PyTorch.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import tinygrad_edu as tg
import tinygrad_edu.functional as F
from tinygrad_edu.autograd import gradcheck

torch = pytest.importorskip("torch", reason="PyTorch is the reference here")
quick = settings(max_examples=120, deadline=None)
DTYPES = ["float16", "float32", "float64", "uint8", "int8", "int16", "int32", "int64", "bool"]
BINARY = [
    "add",
    "sub",
    "mul",
    "div",
    "maximum",
    "minimum",
    "pow",
    "eq",
    "lt",
    "ge",
    "remainder",
    "floor_divide",
    "where",
]


def array(shape, dtype, draw_from):
    rng = np.random.default_rng(draw_from)
    return rng.integers(1, 5, shape).astype(dtype)


def same(ours, theirs):
    assert tuple(ours.shape) == tuple(theirs.shape)
    assert str(ours.dtype).split(".")[1] == str(theirs.dtype).split(".")[1]
    np.testing.assert_allclose(
        ours.array.astype("float64"),
        theirs.detach().numpy().astype("float64"),
        rtol=2e-3 if "16" in str(ours.dtype) else 1e-5,
        atol=1e-6,
    )


@quick
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=3, min_side=0),
    st.sampled_from(DTYPES),
    st.sampled_from(DTYPES),
    st.sampled_from(BINARY),
    st.integers(0, 99),
)
def test_two_tensors_of_any_shapes_and_dtypes_meet_as_in_pytorch(shapes, left, right, name, seed):
    a, b = (array(s, d, seed) for s, d in zip(shapes.input_shapes, (left, right)))
    if name == "where":
        call = lambda lib, x, y: lib.where(x > 2 if "bool" not in str(x.dtype) else x, x, y)  # noqa: E731  # shorter
    else:
        call = lambda lib, x, y: getattr(lib, name)(x, y)  # noqa: E731  # shorter
    try:
        theirs = call(torch, torch.tensor(a), torch.tensor(b))
    except RuntimeError:  # a pair PyTorch refuses, such as bool - bool
        return
    same(call(F, tg.tensor(a), tg.tensor(b)), theirs)


@quick
@given(
    st.sampled_from(DTYPES),
    st.sampled_from([True, 2, 1.5]),
    st.sampled_from(
        ["__add__", "__mul__", "__truediv__", "__radd__", "__rsub__", "__rtruediv__", "__lt__"]
    ),
    st.booleans(),
)
def test_python_numbers_do_not_promote_beyond_their_kind(dtype, number, method, flat):
    a = array((3,) if flat else (), dtype, 1)
    try:
        theirs = getattr(torch.tensor(a), method)(number)
    except RuntimeError:
        return
    same(getattr(tg.tensor(a), method)(number), theirs)


@quick
@given(
    hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3),
    st.sampled_from(["add", "mul", "sub", "true_divide"]),
)
def test_gradients_of_broadcast_inputs_are_summed_back(shapes, name):
    a, b = (
        tg.tensor(1.0 + np.random.default_rng(1).random(s)).requires_grad_()
        for s in shapes.input_shapes
    )
    assert gradcheck(getattr(F, name), (a, b))


INDEX = hnp.basic_indices((4, 3, 5), allow_newaxis=True, allow_ellipsis=True)


@quick
@given(INDEX)
def test_basic_indexing_reads_writes_and_differentiates_as_numpy_does(index):
    base = np.arange(60.0).reshape(4, 3, 5)
    parts = index if isinstance(index, tuple) else (index,)
    if any(isinstance(i, slice) and i.step is not None and i.step < 0 for i in parts):
        return  # PyTorch has no negative steps
    x = tg.tensor(base, requires_grad=True)
    y = x[index]
    np.testing.assert_array_equal(y.array, base[index])
    y.sum().backward()
    expected = np.zeros_like(base)
    expected[index] = 1
    np.testing.assert_array_equal(x.grad.array, expected)
    z, w = tg.tensor(base), base.copy()
    z[index] = -1.0
    w[index] = -1.0
    np.testing.assert_array_equal(z.array, w)


@quick
@given(hnp.integer_array_indices((4, 3), result_shape=hnp.array_shapes(max_dims=2, max_side=3)))
def test_integer_indexing_adds_up_gradients_of_repeated_entries(index):
    base = np.arange(12.0).reshape(4, 3)
    x = tg.tensor(base, requires_grad=True)
    y = x[tuple(tg.tensor(i) for i in index)]
    np.testing.assert_array_equal(y.array, base[index])
    y.sum().backward()
    expected = np.zeros_like(base)
    np.add.at(expected, index, 1)
    np.testing.assert_array_equal(x.grad.array, expected)


@quick
@given(hnp.arrays(bool, (4, 3)))
def test_boolean_indexing_selects_and_assigns(mask):
    base = np.arange(12.0).reshape(4, 3)
    x = tg.tensor(base, requires_grad=True)
    x[tg.tensor(mask)].sum().backward()
    np.testing.assert_array_equal(x.grad.array, mask.astype(float))
    z = tg.tensor(base)
    z[tg.tensor(mask)] = 0
    np.testing.assert_array_equal(z.array, np.where(mask, 0, base))


REDUCTIONS = [
    "sum",
    "mean",
    "prod",
    "amax",
    "amin",
    "logsumexp",
    "argmax",
    "any",
    "all",
    "cumsum",
    "softmax",
    "log_softmax",
    "max",
]
FUNCTIONS = [
    "relu",
    "sigmoid",
    "tanh",
    "exp",
    "log",
    "sqrt",
    "abs",
    "sign",
    "floor",
    "softplus",
    "gelu",
    "silu",
    "erf",
    "log1p",
    "expm1",
    "reciprocal",
    "rsqrt",
]
EXTREME = st.sampled_from(
    [0.0, -0.0, 1.0, -1.0, float("inf"), -float("inf"), float("nan"), 1e-40, 1e30, -1e30, 3.5]
)


@quick
@given(
    hnp.arrays(np.float64, hnp.array_shapes(max_dims=3, max_side=3), elements=EXTREME),
    st.sampled_from(REDUCTIONS),
    st.data(),
)
def test_reductions_of_extreme_values_equal_pytorchs(values, name, data):
    dim = data.draw(st.integers(-values.ndim, values.ndim - 1))
    keepdim = (
        {"keepdim": data.draw(st.booleans())}
        if name not in ("cumsum", "softmax", "log_softmax")
        else {}
    )
    ours = getattr(F, name)(tg.tensor(values), dim=dim, **keepdim)
    theirs = getattr(torch, name)(torch.tensor(values), dim=dim, **keepdim)
    if name == "max":
        ours, theirs = ours.values, theirs.values
    np.testing.assert_allclose(ours.array.astype(float), theirs.numpy().astype(float), rtol=1e-9)


@quick
@given(hnp.arrays(np.float64, (5,), elements=EXTREME), st.sampled_from(FUNCTIONS))
def test_functions_of_extreme_values_equal_pytorchs(values, name):
    theirs_of = getattr(torch, name, None) or getattr(torch.nn.functional, name)
    x, y = tg.tensor(values, requires_grad=True), torch.tensor(values, requires_grad=True)
    ours, theirs = getattr(F, name)(x), theirs_of(y)
    np.testing.assert_allclose(ours.array, theirs.detach().numpy(), rtol=1e-9, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 3),
    st.integers(1, 3),
    st.integers(0, 2),
    st.integers(1, 2),
    st.integers(1, 2),
    st.integers(5, 8),
)
def test_convolution_of_any_geometry_equals_pytorchs(
    kernel, stride, padding, dilation, groups, size
):
    rng = np.random.default_rng(0)
    x, w = (
        rng.standard_normal((2, 2 * groups, size, size + 1)),
        rng.standard_normal((4, 2, kernel, kernel)),
    )
    a, b = tg.tensor(x, requires_grad=True), tg.tensor(w, requires_grad=True)
    ta, tb = torch.tensor(x, requires_grad=True), torch.tensor(w, requires_grad=True)
    ours, theirs = (
        f(p, q, None, stride, padding, dilation, groups)
        for f, p, q in ((F.conv2d, a, b), (torch.nn.functional.conv2d, ta, tb))
    )
    np.testing.assert_allclose(ours.array, theirs.detach().numpy(), rtol=1e-9, atol=1e-9)
    (ours * ours).sum().backward()
    (theirs * theirs).sum().backward()
    np.testing.assert_allclose(a.grad.array, ta.grad.numpy(), rtol=1e-9, atol=1e-8)
    np.testing.assert_allclose(b.grad.array, tb.grad.numpy(), rtol=1e-9, atol=1e-8)


@settings(max_examples=80, deadline=None)
@given(
    st.integers(1, 3),
    st.one_of(st.none(), st.integers(1, 3)),
    st.integers(0, 1),
    st.booleans(),
    st.booleans(),
    st.integers(4, 7),
)
def test_pooling_of_any_geometry_equals_pytorchs(
    kernel, stride, padding, ceil_mode, count_include_pad, size
):
    padding = min(padding, kernel // 2)
    x = np.random.default_rng(0).standard_normal((2, 2, size, size + 2))
    for name, extra in (
        ("max_pool2d", {}),
        ("avg_pool2d", {"count_include_pad": count_include_pad}),
    ):
        a, ta = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
        ours = getattr(F, name)(a, kernel, stride, padding, ceil_mode=ceil_mode, **extra)
        theirs = getattr(torch.nn.functional, name)(
            ta, kernel, stride, padding, ceil_mode=ceil_mode, **extra
        )
        np.testing.assert_allclose(ours.array, theirs.detach().numpy(), rtol=1e-9)
        (ours * ours).sum().backward()
        (theirs * theirs).sum().backward()
        np.testing.assert_allclose(a.grad.array, ta.grad.numpy(), rtol=1e-9, atol=1e-12)
    ours = F.max_pool2d(a, kernel, stride, padding, return_indices=True)[1]
    theirs = torch.nn.functional.max_pool2d(ta, kernel, stride, padding, return_indices=True)[1]
    np.testing.assert_array_equal(ours.array, theirs.numpy())
