"""Parity with PyTorch on calls that the op's author did not choose: each case is drawn anew, with
other dtypes, memory layouts, sizes, dims (negative, out of range), flags and extreme values. What
PyTorch refuses must be refused, what it answers must be equal.
"""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ops import CASES, OPS, RANDOM, torch_function
from test_ops import INTERNAL, NO_PARITY

import tinygrad_edu as tg
from tinygrad_edu.engine.case import Sample
from tinygrad_edu.engine.device import functional
from tinygrad_edu.engine.errors import TinygradEduError
from tinygrad_edu.engine.tensor import Tensor

torch = pytest.importorskip("torch")
warnings.filterwarnings("ignore", module="torch")

FLOATS, OTHERS = ["float64", "float32", "float16"], ["int64", "int32", "uint8", "int8", "bool"]
EXTREMES = [
    0.0,
    -0.0,
    math.inf,
    -math.inf,
    math.nan,
    1e-310,
    1e-40,
    1e30,
    -1e30,
    1e-30,
    1.0,
    -1.0,
    0.5,
]
TOLERANCE = {"float64": 1e-8, "float32": 2e-4, "float16": 2e-2}
DIMS = {"dim", "dim0", "dim1", "dim2", "start_dim", "end_dim", "dims", "source", "destination"}

# What is deliberately not as in PyTorch, each with its reason: {op: {kind: reason}}.
WHOLE = "PyTorch cuts the fraction of a factor off without a word"
DIFFERENT: dict = {
    "addcmul": {"refused": WHOLE},
    "adaptive_avg_pool2d": {"refused": "needs at least one element"},
    "instance_norm": {"refused": "needs at least one channel"},
    "softmax": {"dtype": "PyTorch leaves empty integers as they are"},
    "softmin": {"dtype": "as softmax"},
    "threshold": {"accepted": "a number below 0 compares with uint8"},
    "pixel_unshuffle": {"shape": "sizes of 0"},
    "gradient": {"accepted": "uint8 has slopes here"},
    "block_diag": {
        "dtype": "numbers count as tensors with dims",
        "gradient": "PyTorch's is wrong beside an empty tensor",
    },
    "gelu": {"value": "gelu(inf) is inf"},
    "ndtri": {"value": "loses digits below 1e-16"},
    "polygamma": {"value": "0 at inf"},
    "take_along_dim": {"refused": "PyTorch reads beyond the end"},
    "soft_margin_loss": {"accepted": "shapes broadcast"},
    "histc": {"accepted": "bounds below 0 beside uint8"},
    "sub": {"accepted": "bool counts as 0 and 1 beside a number"},
    "subtract": {"accepted": "as sub"},
    "rsub": {"accepted": "as sub"},
    "local_response_norm": {"accepted": "PyTorch fails on some memory layouts"},
    "conv_transpose2d": {"accepted": "an empty result"},
    "conv2d": {"shape": "sizes of 0"},
    "conv3d": {"shape": "sizes of 0"},
    "xlog1py": {"dtype": "bool counts as float32", "value": "float32 beside float64"},
    "as_strided": {"refused": "strides are those of a contiguous tensor here"},
    "bmm": {"refused": "one dtype, also for empty matrices"},
    "cross_entropy": {"value": "sizes of 0"},
    "linear_cross_entropy": {"value": "as cross_entropy"},
    "scaled_dot_product_attention": {"refused": "one dtype"},
    "cosine_similarity": {"value": "float16 is promoted first", "gradient": "as value"},
    "rms_norm": {"dtype": "the weight is promoted"},
    "bincount": {"graph": "counts have no gradient; PyTorch fails in backward"},
    "heaviside": {"graph": "no gradient; PyTorch fails in backward"},
    "histogram": {"graph": "as bincount"},
    "cholesky_inverse": {"gradient": "PyTorch's has entries in the triangle that is not read"},
    "cholesky_solve": {"gradient": "as cholesky_inverse"},
    "dist": {"accepted": "bool counts as 0 and 1"},
    "einsum": {
        "dtype": "PyTorch sums lone letters first, in int64",
        "refused": "PyTorch promotes where no sum is left",
    },
    "interpolate": {"refused": "uint8 images: convert them"},
    "upsample": {"refused": "uint8 images: convert them"},
    "upsample_bilinear": {"refused": "uint8 images: convert them"},
    "i1": {"value": "finite at 91 in float32, where PyTorch's is inf"},
    "modified_bessel_i1": {"value": "inf at inf, where PyTorch's is nan"},
    "isin": {"accepted": "bool is compared as 0 and 1"},
    "kron": {"accepted": "PyTorch fails on some memory layouts"},
    "linalg_qr": {"graph": "R alone has no gradient"},
    "matrix_exp": {"refused": "no float16 in linear algebra"},
    "linalg_solve_triangular": {"refused": "both must have one dtype"},
    "pow": {"refused": "integers to negative powers would be cut to 0"},
    "std_mean": {"value": "the mean of inf and numbers is inf, not NaN"},
    "var_mean": {"value": "as std_mean"},
    "trapezoid": {
        "value": "inf at an end is inf, not NaN",
        "dtype": "sizes of 0",
        "graph": "sizes of 0",
    },
    "trapz": {
        "value": "as trapezoid",
        "dtype": "sizes of 0",
        "graph": "sizes of 0",
        "refused": "bool, also if empty",
    },
    "cumulative_trapezoid": {"value": "integer widths do not wrap around"},
}
# sums over many elements: where NaN goes depends on the algorithm
MILD = (
    "conv linalg cholesky matrix norm cell loss adaptive pairwise cosine attention entropy kl_div"
    " dist grid_sample logdet det pinverse inverse addmm addbmm baddbmm addmv"
).split()
# which of several equal values is chosen
UNSORTED = {"kthvalue", "topk", "median", "nanmedian", "mode", "sort", "argsort", "msort"}


CRASHES = {"pdist"}  # PyTorch's backward, the whole process with it


def by_name() -> dict:
    found: dict = {}
    for param in CASES:
        name, case = param.values
        if name not in NO_PARITY | RANDOM | INTERNAL and case.torch:
            found.setdefault(name, []).append(case)
    return found


TEMPLATES = by_name()


def laid_out(array, how):
    """The same values in another memory layout."""
    if how == "transposed" and array.ndim > 1:
        return np.ascontiguousarray(array.T).T
    if how == "strided" and array.ndim:
        wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
        wide[..., ::2] = array
        return wide[..., ::2]
    return array


def draw_array(draw, recipe, dtype, resize, extreme, layout):
    """The values of one input."""
    if recipe.values is not None or recipe.kind != "float":
        array = recipe.make(draw(100), "float64")
        if array.dtype.kind == "f" and dtype in FLOATS:
            array = array.astype(dtype)
    else:
        shape = tuple(resize.get(n, n) for n in recipe.shape)
        array = Sample(*shape, low=recipe.low, high=recipe.high).make(draw(100))
        if dtype not in FLOATS:
            array = np.abs(array * 3) if dtype == "uint8" else array * 3
        if dtype == "bool":
            array = array > 0
        array = np.asarray(array).astype(dtype)
        if extreme and array.size and dtype in FLOATS:
            flat = array.reshape(-1).copy()
            with np.errstate(over="ignore"):
                for _ in range(1 + draw(3)):
                    flat[draw(flat.size)] = EXTREMES[draw(len(EXTREMES))]
            array = flat.reshape(array.shape)
    return laid_out(np.asarray(array), layout)


def draw_call(draw, name):
    """(arguments with NumPy arrays, keywords, whether extreme values are among them)."""
    case = TEMPLATES[name][draw(len(TEMPLATES[name]))]
    kind = draw(10)
    dtype = "float64" if kind < 4 else "float32" if kind < 6 else (FLOATS + OTHERS)[draw(8)]
    recipes = [
        r for a in case.args for r in (a if isinstance(a, tuple) else (a,)) if isinstance(r, Sample)
    ]
    sizes = sorted({n for r in recipes if r.values is None for n in r.shape})
    resize = {sizes[draw(len(sizes))]: [0, 1, 1, 2, 7][draw(5)]} if sizes and not draw(4) else {}
    extreme, mixed = not draw(3) and not any(word in name for word in MILD), not draw(5)
    # PyTorch's answers for integers are accidents
    if name.endswith(("_loss", "kl_div", "local_response_norm", "entropy", "with_logits")):
        dtype, mixed = dtype if dtype in FLOATS else "float64", False
    layout = ["plain", "transposed", "strided"][draw(3)]

    def made(a):
        if isinstance(a, Sample):
            return draw_array(
                draw, a, (FLOATS + OTHERS)[draw(8)] if mixed else dtype, resize, extreme, layout
            )
        return (
            tuple(made(v) for v in a)
            if isinstance(a, tuple) and a and isinstance(a[0], Sample)
            else a
        )

    args = [made(a) for a in case.args]
    attrs = dict(case.attrs)
    order = OPS[name].order
    ndim = args[0].ndim if args and isinstance(args[0], np.ndarray) else 0
    for i, value in enumerate(args):
        if i < len(order) and order[i] in DIMS and type(value) is int:
            args[i] = [value, value - ndim, value, ndim, -ndim - 1, 0, -1][draw(7)]
    for key, value in attrs.items():
        if key in DIMS and type(value) is int:
            attrs[key] = [value, value - ndim, value, ndim, -ndim - 1, 0, -1][draw(7)]
        elif type(value) is bool:
            attrs[key] = bool(draw(2))
    if (
        "keepdim" in order
        and "keepdim" not in attrs
        and len(args) <= order.index("keepdim")
        and "dim" in [*attrs, *order[: len(args)]]
        and not draw(3)
    ):
        attrs["keepdim"] = True
    return args, attrs, extreme


def ours_of(v, grad):
    if isinstance(v, tuple) and v and isinstance(v[0], np.ndarray):
        return tuple(ours_of(a, grad) for a in v)
    if not isinstance(v, np.ndarray):
        return v
    t = Tensor(v, tg.device("cpu"))
    return t.requires_grad_() if grad and v.dtype.kind == "f" else t


def theirs_of(v, grad):
    if isinstance(v, tuple) and v and isinstance(v[0], np.ndarray):
        return tuple(theirs_of(a, grad) for a in v)
    if not isinstance(v, np.ndarray):
        return v
    t = torch.from_numpy(v.copy(order="K"))
    return t.requires_grad_() if grad and v.dtype.kind == "f" else t


def flat(x):
    return [t for v in x for t in flat(v)] if isinstance(x, (tuple, list)) else [x]


def written(name, args, attrs):
    """The call, to be typed again."""

    def show(v):
        if isinstance(v, np.ndarray):
            layout = "" if v.flags.c_contiguous else ".strided"
            return (
                f"{v.dtype}{list(v.shape)}{layout}"
                if v.size > 24
                else f"tensor({v.tolist()}, {v.dtype}){layout}"
            )
        return (
            "(" + ", ".join(map(show, v)) + ")"
            if isinstance(v, tuple) and v and isinstance(v[0], np.ndarray)
            else repr(v)
        )

    return f"{name}({', '.join([*map(show, args), *(f'{k}={v!r}' for k, v in attrs.items())])})"


def run(function, args, attrs):
    """(result, None) or (None, the error)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return function(*args, **attrs), None
    except Exception as error:  # noqa: BLE001  # any refusal counts
        return None, error


def close(a, b, dtype, rtol=0.0):
    tolerance = max(TOLERANCE.get(dtype, 0), rtol)
    finite = b[np.isfinite(b)] if b.dtype.kind == "f" else b
    size = float(np.abs(finite).max()) if tolerance and finite.size else 0.0
    with np.errstate(all="ignore"):
        return (
            np.allclose(
                a.astype("float64"),
                b.astype("float64"),
                rtol=tolerance,
                atol=tolerance
                * max(size if size < 1e20 else 1.0, 1e-3 if dtype != "float64" else 1e-6),
                equal_nan=True,
            )
            if dtype != "int64"
            else np.array_equal(a, b)
        )


def difference(draw, name):
    """(kind, description) of how a drawn call differs from PyTorch's, or None."""
    args, attrs, extreme = draw_call(draw, name)
    arrays = [a for a in flat(args) if isinstance(a, np.ndarray)]
    # what PyTorch refuses then differs from op to op
    odd = any(not a.size for a in arrays) or len({a.dtype for a in arrays}) > 1
    text = written(name, args, attrs)
    theirs_function = torch_function(torch, name)
    rtol = max((case.rtol or 0.0 for case in TEMPLATES[name]), default=0.0)
    grad = any(a.dtype == np.float64 for a in arrays) and not extreme and name not in CRASHES
    their_args = [theirs_of(a, grad) for a in args]
    theirs, their_error = run(theirs_function, their_args, attrs)
    if their_error is not None and "is not differentiable with respect to" in str(their_error):
        return None
    if their_error is not None and (
        "not implemented for" in str(their_error) or isinstance(their_error, NotImplementedError)
    ):
        return None
    if their_error is not None and grad:
        again, error = run(theirs_function, [theirs_of(a, False) for a in args], attrs)
        if error is None:
            return None
    ours_args = [ours_of(a, grad) for a in args]
    ours, error = run(getattr(functional, name), ours_args, attrs)
    if error is not None and not isinstance(error, TinygradEduError):
        return (
            "raw error" if their_error is None else "raw refusal"
        ), f"{text}: {type(error).__name__}: {str(error)[:150]}"
    if their_error is not None:
        return (
            None
            if error is not None or odd
            else ("accepted", f"{text}: PyTorch refuses: {str(their_error)[:150]}")
        )
    if error is not None:
        empty = all(not t.numel() for t in flat(theirs) if isinstance(t, torch.Tensor))
        return None if empty else ("refused", f"{text}: {str(error)[:200]}")
    found, expected = flat(ours), flat(theirs)
    if len(found) != len(expected):
        return "count", f"{text}: {len(found)} results instead of {len(expected)}"
    pairs = []
    for a, b in zip(found, expected):
        if not isinstance(b, torch.Tensor):
            if a != b and not (a != a and b != b):
                return "value", f"{text}: {a!r} instead of {b!r}"
            continue
        kind = str(b.dtype).split(".")[-1]
        if not isinstance(a, Tensor) or a.dtype.name != kind:
            return (
                "dtype",
                (
                    f"{text}: {getattr(getattr(a, 'dtype', None), 'name', type(a).__name__)}"
                    f" instead of {kind}"
                ),
            )
        x, y = a.detach().array, b.numpy(force=True)
        if x.shape != y.shape:
            return "shape", f"{text}: {x.shape} instead of {y.shape}"
        if name in UNSORTED and kind == "int64" and np.unique(arrays[0]).size < arrays[0].size:
            continue
        if not close(x, y, kind):
            return "value", f"{text}: {x.tolist()} instead of {y.tolist()}"[:600]
        if a.requires_grad and b.requires_grad:
            pairs.append((a, b))
        elif grad and a.requires_grad != b.requires_grad:
            return "graph", f"{text}: requires_grad {a.requires_grad} instead of {b.requires_grad}"
    if grad and pairs:
        rng = np.random.default_rng(0)
        weights = [rng.uniform(0.5, 1.5, a.shape) for a, _ in pairs]
        _, error = run(
            lambda: sum(
                (b * torch.from_numpy(np.asarray(w)).to(b.dtype)).sum()
                for (_, b), w in zip(pairs, weights)
            ).backward(),
            (),
            {},
        )
        if error is not None:
            return None  # a mistake of PyTorch's
        _, error = run(
            lambda: sum(
                (a * tg.tensor(w, dtype=a.dtype)).sum() for (a, _), w in zip(pairs, weights)
            ).backward(),
            (),
            {},
        )
        if error is not None:
            return "gradient error", f"{text}: {type(error).__name__}: {str(error)[:150]}"
        for x, y in zip(flat(list(ours_args)), flat(list(their_args))):
            if isinstance(y, torch.Tensor) and y.requires_grad:
                g = np.zeros(x.shape) if x.grad is None else x.grad.array
                h = np.zeros(x.shape) if y.grad is None else y.grad.numpy(force=True)
                if not close(
                    g, h, "float64", max(rtol, *(TOLERANCE.get(v.dtype.name, 0.0) for v in arrays))
                ):
                    return "gradient", f"{text}: {g.tolist()} instead of {h.tolist()}"[:600]
    return None


def excused(name, kind):
    return DIFFERENT.get(name, {}).get(kind)


@pytest.mark.parametrize("name", sorted(TEMPLATES))
@settings(max_examples=12)
@given(data=st.data())
def test_drawn_calls_answer_and_refuse_as_pytorch_does(name, data):
    found = difference(lambda n: data.draw(st.integers(0, n - 1)), name)
    assert found is None or excused(name, found[0]), found


# ---- calls that once differed --------------------------------------------------------------------

inf, nan = math.inf, math.nan
FOUND = [  # kept as they were drawn; `L` is the library
    "L.clamp(L.tensor([True, False]), -0.5, 0.7)",
    "L.clip(L.zeros(0, dtype=L.bool), -0.5, 0.7)",
    "L.corrcoef(L.tensor([[1.0, 2.0, 5.0]]))",
    "L.cov(L.tensor([[1, 2], [3, 7]]))",
    "L.nn.functional.cosine_similarity(L.ones(2, 3, dtype=L.float16), L.ones(2, 3, dtype=L.int64))",
    "L.diagonal_scatter(L.tensor([[nan]]), L.tensor([0.5]))",
    "L.diagonal_scatter(L.tensor([[True, False], [False, True]]), L.tensor([False, True]))",
    "L.dist(L.tensor([-inf, 0.5]), L.tensor([1.0, inf]), 0)",
    "L.gradient(L.tensor([1.5, nan, 0.5, 0.25]))[0]",
    "L.hypot(L.tensor([3.0]), L.tensor([4]))",
    "L.kthvalue(L.tensor([3, 1, 2]), 2)",
    "L.ldexp(L.ones(2, dtype=L.float16), L.tensor([1, 2]))",
    "L.linalg.vector_norm(L.tensor([-inf, 1.0]), 0)",
    "L.nn.functional.linear(L.zeros(2, 0), L.zeros(4, 0), L.ones(4))",
    "L.log_softmax(L.tensor(inf), 0)",
    "L.softmax(L.zeros(2, 0, 4), 1)",
    (
        "L.masked_scatter(L.zeros(2, 1), L.tensor([[True, False, True], [False, True, True]]),"
        " L.arange(4.0))"
    ),
    "L.scatter(L.zeros(3, dtype=L.int32), 0, L.tensor([1]), 7)",
    "L.scatter(L.zeros(3, dtype=L.bool), 0, L.tensor([1]), 0.5)",
    "L.vander(L.tensor([3, 0, -4], dtype=L.int8), 4)",
    "L.var(L.zeros(2, 3), 2)",
    "L.std_mean(L.zeros(2, 3, 7), 3)",
    "L.diff(L.ones(3, 1), 1, 2)",
    "L.index_put(L.zeros(0), (L.tensor([1, -1]),), L.tensor(0.5))",
    "L.nn.functional.rms_norm(L.ones(1, 3, dtype=L.int64), (3,))",
    "L.sub(L.tensor([5]), L.tensor([3]), alpha=2.5)",
    "L.addcdiv(L.tensor([1]), L.tensor([2]), L.tensor([3]), value=0.5)",
    "L.isclose(L.tensor([1.0]), L.tensor([1.0], dtype=L.float64))",
    "L.argmax(L.tensor([True, False]))",
    "L.relu(L.tensor([True]))",
    "L.lerp(L.tensor([4]), L.tensor([0], dtype=L.uint8), 0.7)",
    "L.lerp(L.tensor([inf]), L.tensor([0.5]), 0.7)",
    "L.max(L.ones(2), L.ones(2), keepdim=True)",
    "L.topk(L.tensor([True, False]), 1)",
    "L.zeros(4, 3).T.view(2, 6)",
    "L.div(L.tensor([4]), L.tensor([0]), rounding_mode='trunc')",
    "L.logsumexp(L.zeros(2, 0), -1)",
    "L.erfinv(L.tensor([1, -1]))",
    "L.quantile(L.tensor([-inf, 0.5, 1.0]), 0.25)",
    "L.nn.functional.kl_div(L.tensor([0.5]), L.tensor([-0.3]), reduction='sum')",
    "L.nn.functional.cross_entropy(L.zeros(0, 3), L.zeros(0, 3))",
    "L.mvlgamma(L.tensor([True]), 2)",
    "L.addcmul(L.ones(2, 1, dtype=L.float16), L.tensor([True]), L.tensor([True]), value=0.5)",
    "L.matmul(L.zeros(5, 2, 0), L.zeros(0, 4))",
    (
        "L.scatter_reduce(L.tensor([True, False]), 0, L.tensor([0]), L.tensor([True]), 'sum',"
        " include_self=False)"
    ),
    "L.einsum('ij,jk', L.ones(2, 3), L.ones(4, 2))",
    "L.linalg.cross(L.ones(3), L.ones(2, 3))",
    # read family by family
    "L.arange(24).reshape(2, 3, 4)[1, :, [0, 1]]",
    "L.arange(24).reshape(2, 3, 4)[1, None, [0, 1]]",
    "L.arange(24).reshape(2, 3, 4)[L.tensor(1), :, L.tensor([[0], [2]])]",
    "L.ones(3, 4)[[]]",
    "L.ones(3).copy_(L.ones(3)).__setitem__(5, 1.0)",
    "L.ones(3).__setitem__('a', 1.0)",
    "L.where(L.tensor([[True, False], [True, True]]))",
    "L.where(L.tensor([True, False]), 1.0, 0)",
    "L.tensor(2.0).nonzero(as_tuple=True)",
    "L.ones(3).masked_fill(L.tensor([True, False, True]), L.tensor(2.0).requires_grad_()).detach()",
    "L.ones(3).masked_fill(L.tensor([True, False, True]), L.ones(3))",
    "L.scatter(L.tensor(1.0), 0, L.tensor(0), L.tensor(2.0))",
    "L.gather(L.ones(2), 0, L.tensor([1]), sparse_grad=False)",
    "L.index_fill(L.arange(4), 0, L.tensor([0, -1]), 7)",
    "L.index_fill(L.arange(4), 0, L.tensor([0, -5]), 7)",
    "L.index_select(L.tensor(2.0), 0, L.tensor([0]))",
    "L.tensor([3, 250], dtype=L.uint8) + -3",
    "-3 * L.tensor([3, 250], dtype=L.uint8)",
    "L.tensor([3, 250], dtype=L.uint8) % -3",
    "L.tensor([8, 12]).gcd_(L.tensor([12, 18]))",
    "L.tensor([8, 12]).lcm_(L.tensor([12, 18]))",
    "L.conv_transpose1d(L.ones(1, 2, 4), L.ones(2, 3, 3), output_padding=1)",
    "L.conv_transpose1d(L.ones(1, 2, 4), L.ones(2, 3, 3), stride=1, dilation=3, output_padding=2)",
    "L.nn.functional.mse_loss(L.arange(3.0), L.ones(3), weight=L.tensor([0.5, 1.0, 3.0]))",
    "L.nn.functional.l1_loss(L.arange(3.0), L.ones(3), weight=L.tensor([0.5, 1.0, 3.0]))",
    "L.nn.functional.huber_loss(L.arange(3.0), L.ones(3), weight=L.tensor([0.5, 1.0, 3.0]))",
    "L.nn.functional.mse_loss(L.arange(3.0), L.ones(3), weight=L.ones(1))",
    "L.nn.functional.mse_loss(L.arange(3.0), L.ones(3), False)",
    "L.nn.functional.mse_loss(L.arange(3.0), L.ones(3), None, None, 'sum')",
    "L.nn.functional.cross_entropy(L.eye(3), L.tensor([0, 2, 1]), None, None, 2, None, 'sum', 0.1)",
    "L.nn.functional.nll_loss(L.eye(3), L.tensor([0, 2, 1]), None, False, 2)",
    "L.nn.functional.poisson_nll_loss(L.ones(2), L.ones(2), True, False, None, 1e-8, None, 'sum')",
    (
        "L.nn.functional.triplet_margin_loss(L.ones(2, 3), L.zeros(2, 3), L.ones(2, 3), 1.0, 2.0,"
        " 1e-6, True, None, None, 'sum')"
    ),
    "L.nn.functional.kl_div(L.tensor(-0.5), L.tensor(0.5), reduction='batchmean')",
    "L.nn.functional.cosine_embedding_loss(L.ones(2, 3), L.ones(2, 3), L.tensor(1))",
    "L.nn.functional.multi_margin_loss(L.ones(2, 3), L.tensor([0, 1]), p=3)",
    "L.nn.functional.triplet_margin_loss(L.ones(2, 3), L.zeros(2, 3), L.ones(2, 3), margin=0.0)",
    "L.nn.functional.triplet_margin_loss(L.ones(2, 3), L.zeros(3), L.ones(2, 3))",
    "L.nn.functional.binary_cross_entropy(L.tensor([0.5]), L.tensor([1.5]))",
    "L.nn.functional.binary_cross_entropy(L.tensor([0.5]), L.tensor([1]))",
    "L.nn.functional.binary_cross_entropy_with_logits(L.tensor([0.5]), L.tensor([1]))",
    "L.nn.functional.cross_entropy(L.eye(3), L.eye(3), ignore_index=1)",
    "L.rms_norm(L.full((1, 1), 0.125, dtype=L.float16), (1,))",
    "L.rms_norm(L.full((1, 2), 300.0, dtype=L.float16), (2,))",
    "L.layer_norm(L.tensor([[1.0, 3000.0]], dtype=L.float16), (2,), L.ones(2), L.full((2,), 3.0))",
    "L.group_norm(L.tensor([[1.0, 3000.0]], dtype=L.float16), 1)",
    (
        "L.nn.functional.batch_norm(L.tensor([[1.0, 3.0], [3000.0, 4.0]], dtype=L.float16),"
        " L.ones(2), L.ones(2), training=True)"
    ),
    "L.nn.functional.batch_norm(L.tensor([[1.0, 3.0]], dtype=L.float16), L.ones(2), L.ones(2))",
    (
        "L.nn.functional.scaled_dot_product_attention(L.ones(2, 3, dtype=L.float64), L.ones(4, 3,"
        " dtype=L.float64), L.eye(4, dtype=L.float64), L.arange(8.0).reshape(2, 4))"
    ),
    (
        "L.nn.functional.embedding_bag(L.tensor([[0, 1]]), L.ones(2, 3), mode='max',"
        " scale_grad_by_freq=True)"
    ),
]


@pytest.mark.parametrize("call", FOUND)
def test_a_call_that_once_differed_answers_or_refuses_as_pytorch_does(call):
    (ours, error), (theirs, their_error) = (
        run(lambda lib=lib: eval(call, {"L": lib, "inf": inf, "nan": nan}), (), {})
        for lib in (tg, torch)
    )  # noqa: S307
    assert (error is None) == (their_error is None), (error, their_error)
    if error is not None:
        assert isinstance(error, TinygradEduError)
        return
    for a, b in zip(flat(ours), flat(theirs), strict=True):
        assert a.dtype.name == str(b.dtype).split(".")[-1]
        np.testing.assert_allclose(a.array, b.numpy(), rtol=1e-5)
