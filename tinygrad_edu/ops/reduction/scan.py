"""Scans: each element becomes a sum, product, maximum ... of all up to it along one dim."""

from __future__ import annotations

from collections.abc import Sequence

from ... import return_types
from ...engine.case import Case, Sample, bools, ints
from ...engine.composite import composite
from ...engine.dtype import as_dtype, check_number
from ...engine.errors import ShapeError, check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor

ALONG = [Case([2, 3], 0), Case([2, 3, 4], dim=-1), Case([2, 3], 1)]
ZEROS = Sample(values=[[1.5, 0.0, -2.0, 0.5], [0.0, 3.0, 0.0, 1.2]])


def turned(F, x, dim):
    return F.flip(x, (dim,))


def shifted(F, x, dim, first):
    """x moved on by one along dim; `first` comes in at the start."""
    n = x.shape[dim]
    return F.cat((F.narrow(x, dim, 0, 1) * 0 + first, F.narrow(x, dim, 0, n - 1)), dim) if n else x


def sum_dtype(x, dtype):
    """The dtype in which PyTorch adds and multiplies: integers in int64."""
    if dtype is not None:
        return as_dtype(dtype).numpy
    return x.dtype if x.dtype.kind == "f" else "int64"


@op(inplace=True, cases=[*ALONG, Case(ints(2, 3), 1), Case([], 0), Case([0, 3], 0)])
def cumsum(xp, input: Array, dim: int, *, dtype=None):
    """Running sum.

    Math:   out_i = sum_{j<=i} input_j;   d input_i = sum_{j>=i} g_j
    """
    check_dim("cumsum", dim, input.ndim)
    wanted = sum_dtype(input, dtype)
    return xp.cumsum(input, axis=dim, dtype=wanted) if input.ndim else input.astype(wanted)


cumsum.vjp(
    input=lambda F, g, input_shape, dim: (
        turned(F, F.cumsum(turned(F, g, dim), dim), dim) if input_shape else g
    )
)


@piece(cases=[Case([2, 3], [2, 3], 1), Case([3, 2], [3, 2], 0)])
def recurrence(xp, a: Array, b: Array, dim: int):
    """A linear recurrence along dim, for the formulas of running products.

    Math:   out_i = b_i + a_i out_{i-1};   d b_i = G_i = g_i + a_{i+1} G_{i+1} (the same recurrence
            from the end),   d a_i = G_i out_{i-1}
    """
    out = xp.array(xp.moveaxis(b, dim, 0))
    a = xp.moveaxis(a, dim, 0)
    for i in range(1, len(out)):
        out[i] += a[i] * out[i - 1]
    return xp.ascontiguousarray(xp.moveaxis(out, 0, dim))


def from_the_end(F, a, u, dim):
    """G_i = u_i + a_{i+1} G_{i+1}."""
    return turned(
        F, F.recurrence(shifted(F, turned(F, a, dim), dim, 0.0), turned(F, u, dim), dim), dim
    )


recurrence.vjp(
    a=lambda F, g, a, out, dim: from_the_end(F, a, g, dim) * shifted(F, out, dim, 0.0),
    b=lambda F, g, a, dim: from_the_end(F, a, g, dim),
)


@op(inplace=True, cases=[*ALONG, Case(ZEROS, 1), Case(ints(2, 3), 1), Case([], 0)])
def cumprod(xp, input: Array, dim: int, *, dtype=None):
    """Running product.

    Math:   out_i = prod_{j<=i} input_j;   d input_i = (prod_{j<i} input_j) sum_{k>=i} g_k
            prod_{i<j<=k} input_j
    Note:   exact where elements are 0, since nothing is divided
    """
    check_dim("cumprod", dim, input.ndim)
    wanted = sum_dtype(input, dtype)
    return xp.cumprod(input, axis=dim, dtype=wanted) if input.ndim else input.astype(wanted)


cumprod.vjp(
    input=lambda F, g, input, input_shape, dim: (
        shifted(F, F.cumprod(input, dim), dim, 1.0) * from_the_end(F, input, g, dim)
        if input_shape
        else g
    )
)


@op(
    cases=[
        *ALONG,
        Case(Sample(values=[[1.0, float("-inf")], [300.0, 2.0]]), 1, grad=False),
        Case([], 0),
    ],
    types="float",
)
def logcumsumexp(xp, input: Array, dim: int):
    """Logarithm of the running sum of exponentials, without overflow.

    Math:   out_i = ln sum_{j<=i} e^{input_j};   d input_i = sum_{k>=i} g_k e^{input_i - out_k}
    """
    check_dim("logcumsumexp", dim, input.ndim)
    return xp.logaddexp.accumulate(input, axis=dim) if input.ndim else xp.array(input)


def logcumsumexp_vjp(F, g, input, out, input_shape, dim):
    if not input_shape:
        return g
    # e^{out_{i-1} - out_i}, at most 1; the first is not used
    decay = F.exp(shifted(F, out, dim, 0.0) - out)
    return F.exp(input - out) * from_the_end(F, decay, g, dim)


logcumsumexp.vjp(input=logcumsumexp_vjp)


def running_best(xp, input, best, dim):
    """The running extremes `best`, and the index of the last occurrence of each."""
    shape = [1] * input.ndim
    shape[dim] = -1
    places = xp.arange(input.shape[dim]).reshape(shape)
    found = xp.where((input == best) | (input != input), places, 0)
    return best, xp.maximum.accumulate(found, axis=dim)


def running_best_vjp(F, gs, indices, input_shape, dim):
    return F.scatter_zeros(gs[0], indices, dim, input_shape) if input_shape else gs[0]


TIES = Case(Sample(values=[1.0, 1.0, float("nan"), 2.0]), 0, grad=False)


@op(outputs=return_types.cummax, cases=[*ALONG, TIES])
def cummax(xp, input: Array, dim: int):
    """Running maximum, with the index of its last occurrence.

    Math:   values_i = max_{j<=i} input_j;   d input = g added at the indices
    """
    check_dim("cummax", dim, input.ndim)
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    return running_best(xp, input, xp.maximum.accumulate(input, axis=dim), dim)


cummax.vjp(input=running_best_vjp)


@op(outputs=return_types.cummin, cases=[*ALONG, TIES])
def cummin(xp, input: Array, dim: int):
    """Running minimum, with the index of its last occurrence.

    Math:   values_i = min_{j<=i} input_j;   d input = g added at the indices
    """
    check_dim("cummin", dim, input.ndim)
    if not input.ndim:
        return xp.array(input), xp.zeros((), "int64")
    return running_best(xp, input, xp.minimum.accumulate(input, axis=dim), dim)


cummin.vjp(input=running_best_vjp)


@composite(
    cases=[
        Case([2, 5]),
        Case([2, 5], 2),
        Case([3, 2], 1, 0),
        Case([2, 3], 1, -1, Sample(2, 1), Sample(2, 2)),
        Case(bools(5)),
    ]
)
def diff(
    F,
    input: Tensor,
    n: int = 1,
    dim: int = -1,
    prepend: Tensor | None = None,
    append: Tensor | None = None,
) -> Tensor:
    """Differences of neighbours, n times.

    Math:   out_i = input_{i+1} - input_i
    """
    if not input.ndim:
        raise ShapeError("diff: needs at least one dim, got a 0-d tensor. Reshape it.")
    if n < 0:
        raise ShapeError(f"diff: n must be at least 0, got {n}. Correct it.")
    check_dim("diff", dim, input.ndim)
    parts = [p for p in (prepend, input, append) if p is not None]
    x = F.cat(parts, dim) if len(parts) > 1 else input
    for _ in range(n):
        size = x.shape[dim]
        if not size:
            break
        later, earlier = F.narrow(x, dim, 1, size - 1), F.narrow(x, dim, 0, size - 1)
        x = F.logical_xor(later, earlier) if x.dtype.name == "bool" else later - earlier
    return x


def steps(F, y, x, dx, dim):
    """Mean heights times widths of the pieces under a curve."""
    n = y.shape[check_dim("trapezoid", dim, y.ndim)] if y.ndim else 0
    check_number("trapezoid", y, "y")
    if not n:
        return F.narrow(y, dim, 0, 0) * 1.0
    heights = (F.narrow(y, dim, 1, n - 1) + F.narrow(y, dim, 0, n - 1)) / 2
    if x is None:
        return heights * (1 if dx is None else dx)
    if x.ndim == 1 and y.ndim > 1:
        x = F.reshape(x, tuple(-1 if d == dim % y.ndim else 1 for d in range(y.ndim)))
    return heights * F.diff(x, dim=dim)


@composite(method=False, cases=[Case([2, 5]), Case([2, 5], Sample(5)), Case([2, 5], dx=0.5, dim=0)])
def trapezoid(F, y: Tensor, x: Tensor | None = None, *, dx=None, dim: int = -1) -> Tensor:
    """Area under a curve by the trapezoid rule.

    Math:   out = sum_i (y_i + y_{i+1}) (x_{i+1} - x_i) / 2
    """
    return F.sum(steps(F, y, x, dx, dim), dim)


@composite(method=False, cases=[Case([2, 5])])
def trapz(F, y: Tensor, x: Tensor | None = None, *, dx=None, dim: int = -1) -> Tensor:
    """`trapezoid` under its older name.

    Math:   out = sum_i (y_i + y_{i+1}) (x_{i+1} - x_i) / 2
    """
    return F.trapezoid(y, x, dx=dx, dim=dim)


@composite(method=False, cases=[Case([2, 5]), Case([2, 5], Sample(2, 5))])
def cumulative_trapezoid(
    F, y: Tensor, x: Tensor | None = None, *, dx=None, dim: int = -1
) -> Tensor:
    """Area under a curve up to each point but the first.

    Math:   out_k = sum_{i<=k} (y_i + y_{i+1}) (x_{i+1} - x_i) / 2
    """
    return F.cumsum(steps(F, y, x, dx, dim), dim)


@composite(
    method=False,
    cases=[
        Case([4]),
        Case([3, 4], dim=1),
        Case([3, 4], spacing=0.5),
        Case([4], spacing=2.0, edge_order=2),
        Case([3, 4], spacing=(0.5, 2.0)),
    ],
)
def gradient(
    F, input: Tensor, *, spacing=None, dim: int | Sequence[int] | None = None, edge_order: int = 1
) -> tuple[Tensor, ...]:
    """Slopes of sampled values, by central differences, one tensor per dim.

    Math:   out_i = (input_{i+1} - input_{i-1}) / 2h inside; at the ends one-sided of order
            edge_order. Uneven coordinates weigh both neighbours
    Args:   spacing: the step, or one per dim, or a tensor of coordinates per dim
    """
    dims = (
        range(input.ndim)
        if dim is None
        else [
            check_dim("gradient", d, input.ndim) for d in ((dim,) if isinstance(dim, int) else dim)
        ]
    )
    spacing = 1 if spacing is None else spacing
    steps = list(spacing) if isinstance(spacing, (tuple, list)) else [spacing] * len(dims)
    if (
        len(steps) != len(dims)
        or edge_order not in (1, 2)
        or any(input.shape[d] < edge_order + 1 for d in dims)
    ):
        raise ShapeError(
            f"gradient: needs one spacing per dim ({len(dims)}), edge_order 1 or 2 and more than"
            f" edge_order values along each, got {len(steps)}, {edge_order} and shape"
            f" {tuple(input.shape)}. Correct them."
        )
    return tuple(slopes(F, input, d, h, edge_order) for d, h in zip(dims, steps))


def slopes(F, x, d, h, edge_order):
    """The slope at each point along dim d: at both ends from one side, else from two neighbours."""
    if hasattr(h, "shape") and h.ndim:
        return uneven_slopes(F, x, d, F.diff(h), edge_order)
    n = x.shape[d]

    def at(start, length):
        return F.narrow(x, d, start, length)

    # the point itself has no weight, so its NaN does not count
    middle = (at(2, n - 2) - at(0, n - 2)) / (2 * h)
    if edge_order == 1:
        left, right = (at(1, 1) - at(0, 1)) / h, (at(n - 1, 1) - at(n - 2, 1)) / h
    else:
        left = (at(1, 1) * 4 - at(0, 1) * 3 - at(2, 1)) / (2 * h)
        right = (at(n - 1, 1) * 3 - at(n - 2, 1) * 4 + at(n - 3, 1)) / (2 * h)
    return F.cat([left, middle, right], d)


def uneven_slopes(F, x, d, widths, edge_order):
    """The same where neighbours are `widths` apart: closer ones weigh more."""
    n = x.shape[d]
    widths = F.reshape(widths, tuple(-1 if k == d else 1 for k in range(x.ndim)))

    def at(start, length):
        return F.narrow(x, d, start, length)

    def width(start, length=1):
        return F.narrow(widths, d, start, length)

    a, b = width(0, n - 2), width(1, n - 2)
    middle = (
        at(0, n - 2) * (-b / (a * (a + b)))
        + at(1, n - 2) * ((b - a) / (a * b))
        + at(2, n - 2) * (a / (b * (a + b)))
    )
    first, last = width(0), width(n - 2)
    if edge_order == 1:
        left, right = (at(1, 1) - at(0, 1)) / first, (at(n - 1, 1) - at(n - 2, 1)) / last
    else:
        second, before = width(1), width(n - 3)
        left = (
            at(0, 1) * (-(2 * first + second) / (first * (first + second)))
            + at(1, 1) * ((first + second) / (first * second))
            - at(2, 1) * (first / (second * (first + second)))
        )
        right = (
            at(n - 3, 1) * (last / (before * (before + last)))
            - at(n - 2, 1) * ((last + before) / (before * last))
            + at(n - 1, 1) * ((2 * last + before) / (last * (before + last)))
        )
    return F.cat([left, middle, right], d)
