"""Reductions: many elements become one. `dim` is one dim, several, or None for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, overload

from ... import return_types
from ...engine.case import Case, Sample, ints, positive
from ...engine.composite import composite
from ...engine.dtype import as_dtype, check_number
from ...engine.errors import DTypeError, ShapeError, check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from .scan import shifted, sum_dtype, turned

OVER = [
    Case([2, 3]),
    Case([2, 3, 4], 1),
    Case([2, 3, 4], (0, -1)),
    Case([2, 3], dim=-1, keepdim=True),
    Case([], None),
    Case([], (0,)),
]


def axes(name, dim, ndim):
    """PyTorch's dim as NumPy's axis: () means all; a 0-d tensor takes 0 and -1."""
    if type(dim) is int and ndim:  # most calls
        return dim
    if dim is None or dim == () or dim == []:
        return None
    if not ndim:
        for d in dim if isinstance(dim, (tuple, list)) else (dim,):
            check_dim(name, d, 0)
        return None
    return tuple(dim) if isinstance(dim, list) else dim


def reduced_dims(dim, ndim):
    """The dims that are reduced, counted from the front."""
    if dim is None or dim == () or dim == []:
        return list(range(ndim))
    if not ndim:
        return []
    return [
        check_dim("reduction", d, ndim) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))
    ]


def spread(F, g, shape, dim, keepdim):
    """A reduced cotangent, reshaped so that it broadcasts over the dims that were reduced."""
    if keepdim and dim is not None:
        return g
    dims = reduced_dims(dim, len(shape))
    return F.reshape(g, tuple(1 if i in dims else n for i, n in enumerate(shape)))


def count(shape, dim):
    """How many elements are reduced to one."""
    return math.prod(shape[d] for d in reduced_dims(dim, len(shape)))


# ---- pieces of formulas --------------------------------------------------------------------------


@piece(cases=[Case([2, 3], (3,)), Case([4, 2, 3], (2, 1)), Case([2, 3], (2, 3))])
def sum_to(xp, input: Array, shape: Sequence[int]):
    """Sum a broadcast value back to `shape`: what the walk does to a cotangent.

    Math:   out = sum over the dims that broadcasting added;   d input = g, broadcast
    """
    lead = input.ndim - len(shape)
    dims = (
        *range(lead),
        *(i + lead for i, n in enumerate(shape) if n == 1 and input.shape[i + lead] != 1),
    )
    return input.sum(axis=dims, keepdims=True).reshape(shape)


sum_to.vjp(input=lambda F, g, input_shape: F.broadcast_to(g, input_shape))


@piece(cases=[Case(ints(2, 3), [2])])
def cast_like(xp, input: Array, like: Array):
    """The input in the dtype of `like`: a mask as numbers.

    Math:   out = input;   no gradient
    """
    return input.astype(like.dtype)


cast_like.vjp(input=None, like=None)


# ---- sums and products ---------------------------------------------------------------------------


@op(cases=[*OVER, Case(ints(2, 3), 0), Case([0, 3], 0)])
def sum(
    xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype=None
):
    """Sum. Integers and booleans add up in int64.

    Math:   out = sum input;   d input = g, broadcast
    """
    return input.sum(
        axis=axes("sum", dim, input.ndim), keepdims=keepdim, dtype=sum_dtype(input, dtype)
    )


def sum_vjp(F, g, input_shape, dim, keepdim):
    return F.broadcast_to(spread(F, g, input_shape, dim, keepdim), input_shape)


sum.vjp(input=sum_vjp)


@op(cases=OVER)
def mean(
    xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False, *, dtype=None
):
    """Mean.

    Math:   out = sum input / N;   d input = g / N, broadcast
    """
    x = input if dtype is None else input.astype(as_dtype(dtype).numpy)
    if x.dtype.kind != "f":
        raise DTypeError(
            f"mean: input must be a floating-point tensor, got {x.dtype}. Convert it with"
            " x.float()."
        )
    total, n = x.sum(axis=axes("mean", dim, x.ndim), keepdims=keepdim), count(x.shape, dim)
    return total / x.dtype.type(n) if n else xp.full_like(total, xp.nan)


mean.vjp(
    input=lambda F, g, input_shape, dim, keepdim: sum_vjp(
        F, g / (count(input_shape, dim) or 1), input_shape, dim, keepdim
    )
)


@op(
    cases=[
        Case(positive(2, 3)),
        Case(positive(2, 3), 1),
        Case(positive(2, 3), -1, keepdim=True),
        Case(Sample(values=[[0.0, 2.0, 3.0], [0.0, 0.0, 1.0]]), 1),
        Case([], 0),
    ]
)
def prod(xp, input: Array, dim: int | None = None, keepdim: bool = False, *, dtype=None):
    """Product along one dim or of all elements.

    Math:   out = prod input;   d input_i = g prod of the others
    """
    return input.prod(
        axis=axes("prod", dim, input.ndim), keepdims=keepdim, dtype=sum_dtype(input, dtype)
    )


def prod_vjp(F, g, input, input_shape, dim, keepdim):
    """The product of the others is (product before) x (product after): exact at zeros, where out /
    input would fail.
    """
    whole = dim is None or not input_shape
    x, d = (F.reshape(input, (-1,)), 0) if whole else (input, dim)
    before = shifted(F, F.cumprod(x, d), d, 1.0)
    after = turned(F, shifted(F, F.cumprod(turned(F, x, d), d), d, 1.0), d)
    return spread(F, g, input_shape, dim, keepdim) * F.reshape(before * after, input_shape)


prod.vjp(input=prod_vjp)


# ---- variance ------------------------------------------------------------------------------------


def variance(F, input, dim, correction, keepdim):
    """As in PyTorch, N <= correction divides by 0: NaN where all elements are equal, else inf."""
    divisor = count(input.shape, dim) - correction
    centred = input - (F.mean(input) if dim is None else F.mean(input, dim, True))
    total = F.sum(centred * centred, dim, keepdim)
    return total / divisor if divisor > 0 else total * math.inf


def spread_arguments(dim, unbiased, correction):
    """`var(x, False)` and `var(x, dim, unbiased)` are PyTorch's older spellings of `correction`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not None:
        correction = int(unbiased)
    return dim, 1 if correction is None else correction


SPREAD = [
    Case([2, 3]),
    Case([2, 3, 4], 1),
    Case([2, 3], (0, 1), keepdim=True),
    Case([2, 3], 0, correction=0),
]


@composite(cases=SPREAD)
def var(
    F,
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """Variance, in two passes, so that a large mean does no harm.

    Math:   out = sum (input - mean)^2 / (N - correction)
    """
    dim, correction = spread_arguments(dim, unbiased, correction)
    return variance(F, input, dim, correction, keepdim)


@composite(cases=SPREAD)
def std(
    F,
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> Tensor:
    """Standard deviation.

    Math:   out = sqrt(sum (input - mean)^2 / (N - correction))
    Note:   the gradient is 0 where all elements are equal
    """
    dim, correction = spread_arguments(dim, unbiased, correction)
    return root(F, variance(F, input, dim, correction, keepdim), 0.5)


@composite(method=False, cases=SPREAD)
def var_mean(
    F,
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> tuple[Tensor, ...]:
    """Variance and mean.

    Math:   sum (input - mean)^2 / (N - correction), mean
    """
    dim, correction = spread_arguments(dim, unbiased, correction)
    return F.var(input, dim, keepdim=keepdim, correction=correction), F.mean(input, dim, keepdim)


@composite(method=False, cases=SPREAD)
def std_mean(
    F,
    input: Tensor,
    dim: int | Sequence[int] | None = None,
    unbiased: bool | None = None,
    keepdim: bool = False,
    *,
    correction: float | None = 1,
) -> tuple[Tensor, ...]:
    """Standard deviation and mean.

    Math:   sqrt(sum (input - mean)^2 / (N - correction)), mean
    """
    dim, correction = spread_arguments(dim, unbiased, correction)
    return F.std(input, dim, keepdim=keepdim, correction=correction), F.mean(input, dim, keepdim)


# ---- extremes ------------------------------------------------------------------------------------


def extreme_vjp(F, g, input, out, input_shape, dim, keepdim):
    """Ties share the cotangent equally."""
    extreme = F.broadcast_to(spread(F, out, input_shape, dim, keepdim), input_shape)
    hit = F.cast_like(input == extreme, g)
    share = hit / (F.sum(hit) if dim is None else F.sum(hit, dim, True))
    return share * F.broadcast_to(spread(F, g, input_shape, dim, keepdim), input_shape)


@op(cases=OVER)
def amax(xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False):
    """Largest element; ties share the gradient.

    Math:   out = max input;   d input = g [input = out] / number of ties
    """
    return input.max(axis=axes("amax", dim, input.ndim), keepdims=keepdim)


amax.vjp(input=extreme_vjp)


@op(cases=OVER)
def amin(xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False):
    """Smallest element; ties share the gradient.

    Math:   out = min input;   d input = g [input = out] / number of ties
    """
    return input.min(axis=axes("amin", dim, input.ndim), keepdims=keepdim)


amin.vjp(input=extreme_vjp)


def value_and_index(xp, input, argument, dim, keepdim):
    """The element that `argument` (argmax or argmin) finds along dim, and its index."""
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    index = xp.expand_dims(argument(input, axis=dim), dim)
    values = xp.take_along_axis(input, index, dim)
    return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))


def value_and_index_vjp(F, gs, indices, input_shape, dim, keepdim):
    g = gs[0]
    if not input_shape:
        return g
    if not keepdim:
        g, indices = F.unsqueeze(g, dim), F.unsqueeze(indices, dim)
    return F.scatter_zeros(g, indices, dim, input_shape)


ALONG_ONE = [Case([2, 3, 4], 1), Case([2, 3], -1, keepdim=True), Case([], 0)]


@piece(outputs=return_types.max, cases=ALONG_ONE)
def max_dim(xp, input: Array, dim: int, keepdim: bool = False):
    """Largest element along one dim, with its index (the first of ties).

    Math:   values = max input;   d input = g at the index, else 0
    """
    check_dim("max", dim, input.ndim)
    return value_and_index(xp, input, xp.argmax, dim, keepdim)


max_dim.vjp(input=value_and_index_vjp)


@piece(outputs=return_types.min, cases=ALONG_ONE)
def min_dim(xp, input: Array, dim: int, keepdim: bool = False):
    """Smallest element along one dim, with its index (the first of ties).

    Math:   values = min input;   d input = g at the index, else 0
    """
    check_dim("min", dim, input.ndim)
    return value_and_index(xp, input, xp.argmin, dim, keepdim)


min_dim.vjp(input=value_and_index_vjp)


EXTREMES = [Case([2, 3]), Case([2, 3, 4], 1), Case([2, 3], dim=-1, keepdim=True), Case([2, 3], [3])]


def check_pair(name, keepdim):
    if keepdim:
        raise DTypeError(
            f"{name}: keepdim goes with a dim, got two tensors and keepdim=True. Omit keepdim."
        )


@overload
def max(input: Tensor, dim: None = None) -> Tensor: ...
@overload
def max(input: Tensor, dim: int, keepdim: bool = False) -> return_types.max: ...
@overload
def max(input: Tensor, dim: Tensor) -> Tensor: ...
@composite(cases=EXTREMES, also={"other": "dim"})
def max(F, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Largest element of all; along `dim` (values, indices); or the elementwise maximum of two
    tensors.

    Math:   out = max input
    """
    if hasattr(dim, "array"):
        check_pair("max", keepdim)
        return F.maximum(input, dim)
    return F.amax(input) if dim is None else F.max_dim(input, dim, keepdim)


@overload
def min(input: Tensor, dim: None = None) -> Tensor: ...
@overload
def min(input: Tensor, dim: int, keepdim: bool = False) -> return_types.min: ...
@overload
def min(input: Tensor, dim: Tensor) -> Tensor: ...
@composite(cases=EXTREMES, also={"other": "dim"})
def min(F, input: Tensor, dim: Any = None, keepdim: bool = False) -> Any:
    """Smallest element of all; along `dim` (values, indices); or the elementwise minimum of two
    tensors.

    Math:   out = min input
    """
    if hasattr(dim, "array"):
        check_pair("min", keepdim)
        return F.minimum(input, dim)
    return F.amin(input) if dim is None else F.min_dim(input, dim, keepdim)


PLACES = [Case([2, 3]), Case([2, 3], 1), Case([2, 3], 0, keepdim=True)]


@op(differentiable=False, cases=PLACES)
def argmax(xp, input: Array, dim: int | None = None, keepdim: bool = False):
    """Index of the largest element, the first of ties.

    Math:   out = argmax input
    """
    check_number("argmax", input)
    return xp.argmax(input, axis=axes("argmax", dim, input.ndim), keepdims=keepdim)


@op(differentiable=False, cases=PLACES)
def argmin(xp, input: Array, dim: int | None = None, keepdim: bool = False):
    """Index of the smallest element, the first of ties.

    Math:   out = argmin input
    """
    check_number("argmin", input)
    return xp.argmin(input, axis=axes("argmin", dim, input.ndim), keepdims=keepdim)


# ---- truth and counts ----------------------------------------------------------------------------

TRUTH = [
    Case(ints(2, 3, high=2)),
    Case(ints(2, 3, high=2), 1),
    Case(ints(2, 3, high=2), 0, keepdim=True),
]


@op(differentiable=False, cases=TRUTH)
def any(xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False):
    """Whether any element is non-zero.

    Math:   out = any(input != 0)
    """
    return xp.any(input, axis=axes("any", dim, input.ndim), keepdims=keepdim)


@op(differentiable=False, cases=TRUTH)
def all(xp, input: Array, dim: int | Sequence[int] | None = None, keepdim: bool = False):
    """Whether all elements are non-zero.

    Math:   out = all(input != 0)
    """
    return xp.all(input, axis=axes("all", dim, input.ndim), keepdims=keepdim)


@op(differentiable=False, cases=[Case(ints(2, 3)), Case(ints(2, 3), 1)])
def count_nonzero(xp, input: Array, dim: int | Sequence[int] | None = None):
    """How many elements are non-zero.

    Math:   out = sum [input != 0]
    """
    return xp.count_nonzero(input, axis=axes("count_nonzero", dim, input.ndim))


# ---- norm ----------------------------------------------------------------------------------------


@composite(
    cases=[
        Case([2, 3], dim=1),
        Case([2, 3, 4], 2, dim=(1, 2)),
        Case([2, 3]),
        Case([2, 3], 1, dim=1),
        Case([2, 3], float("inf"), dim=1),
        Case([2, 3], 3, 1),
        Case([2, 3], 0.5, 1),
        Case([2, 3], -1, 1),
        Case([2, 3], 0, 1),
        Case([2, 3], float("-inf")),
        Case([2, 3], "fro", (0, 1)),
        Case([2, 3], "nuc"),
        Case([2, 3, 2], "nuc", (0, 2), True),
    ]
)
def norm(
    F,
    input: Tensor,
    p: float | str | None = "fro",
    dim: int | Sequence[int] | None = None,
    keepdim: bool = False,
    *,
    dtype=None,
) -> Tensor:
    """p-norm of the elements; the gradient at a zero vector is 0.

    Args:   p: a number, inf, -inf, 0 (counts the non-zero elements), "fro" (the same as 2) or
            "nuc" (the sum of a matrix's singular values)
    Math:   out = (sum |input|^p)^(1/p)
    """
    x = input if dtype is None else input.to(dtype)
    if not x.dtype.is_floating_point:
        raise DTypeError(
            f"norm: must be a floating-point tensor, got {x.dtype.name}. Convert it with x.float()."
        )
    if p in ("fro", None, 2, 2.0):
        return root(F, F.sum(x * x, dim, keepdim), 0.5)
    if p == "nuc":
        return F.linalg_matrix_norm(x, "nuc", (0, 1) if dim is None else dim, keepdim)
    if not isinstance(p, (int, float)):
        raise ShapeError(
            f"norm: p must be a number, inf, -inf, 'fro' or 'nuc', got {p!r}. Use"
            " tinygrad_edu.linalg.norm for other matrix norms."
        )
    return number_norm(F, x, p, dim, keepdim)


def number_norm(F, x, p, dim, keepdim):
    """The norm of order p, a number other than 2."""
    size = F.abs(x)
    if p == math.inf:
        return F.amax(size, dim, keepdim)
    if p == -math.inf:
        return F.amin(size, dim, keepdim)
    if p == 0:
        # a constant, but part of the graph
        return F.sum(F.where(x != 0, F.masked_fill(x, (x == x) | (x != x), 1.0), 0.0), dim, keepdim)
    if p == 1:
        return F.sum(size, dim, keepdim)
    if p < 1:  # the derivative of |x|^p at 0 is infinite; as in PyTorch it counts as 0
        zero = x == 0
        safe = F.pow(F.where(zero, 1.0, size), p)
        size_p = F.where(zero, 0.0 if p > 0 else math.inf, safe)
        return root(F, F.sum(size_p, dim, keepdim), 1 / p)
    return root(F, F.sum(F.pow(size, p), dim, keepdim), 1 / p)


def root(F, total, power):
    """total^power, with gradient 0 where total is 0."""
    zero = total == 0
    safe = F.pow(F.where(zero, 1.0, total), power)
    return F.where(zero, 0.0 if power > 0 else math.inf, safe)
