"""Reductions and scans: many elements become one, or a running total. `dim` is one dim, several, or
None for all.
"""

from __future__ import annotations

from ...engine.case import Case, ints, positive
from ...engine.dtype import check_number
from ...engine.errors import DTypeError, ShapeError, check_dim
from ...engine.op import composite, op
from .scan import shifted, turned

OVER = [
    Case([2, 3]),
    Case([2, 3, 4], 1),
    Case([2, 3, 4], (0, -1)),
    Case([2, 3], dim=-1, keepdim=True),
    Case([], None),
]


@op(method=False, cases=[])
def sum_to(xp, x, /, shape):
    """Sum a broadcast value back to `shape`: what the walk does to a cotangent.

    Math:   out = sum over the dims that broadcasting added;   d x = g, broadcast
    """
    lead = x.ndim - len(shape)
    dims = (
        *range(lead),
        *(i + lead for i, n in enumerate(shape) if n == 1 and x.shape[i + lead] != 1),
    )
    return x.sum(axis=dims, keepdims=True).reshape(shape)


sum_to.vjp(x=lambda F, g, x_shape: F.broadcast_to(g, x_shape))


@op(method=False, differentiable=False)
def zeros_raw(xp, shape, dtype):
    """Zeros of a shape and NumPy dtype, for formulas."""
    return xp.zeros(shape, dtype)


def spread(F, g, x_shape, dim, keepdim):
    """A reduced cotangent, broadcast over the dims that were reduced."""
    if dim is None or dim == ():
        kept = (1,) * len(x_shape)
    else:
        dims = (
            {d % len(x_shape) for d in (dim if isinstance(dim, (tuple, list)) else (dim,))}
            if x_shape
            else set()
        )
        kept = tuple(1 if i in dims else n for i, n in enumerate(x_shape))
    return g if keepdim and dim is not None else F.reshape(g, kept)


def axes(dim):
    """PyTorch's dim as NumPy's axis: () means all, lists are tuples."""
    return (
        None
        if dim is None or dim == () or dim == []
        else tuple(dim)
        if isinstance(dim, list)
        else dim
    )


@op(cases=[*OVER, Case(ints(2, 3), 0), Case([0, 3], 0)])
def sum(xp, x, /, dim=None, keepdim=False, dtype=None):
    """Sum. Integers and booleans add up in int64.

    Math:   out = sum x;   d x = g, broadcast
    """
    from ...engine.dtype import as_dtype

    wanted = (
        x.dtype
        if dtype is None and x.dtype.kind == "f"
        else "int64"
        if dtype is None
        else as_dtype(dtype).numpy
    )
    return x.sum(axis=axes(dim), keepdims=keepdim, dtype=wanted)


sum.vjp(
    x=lambda F, g, x_shape, dim, keepdim: F.broadcast_to(
        spread(F, g, x_shape, dim, keepdim), x_shape
    )
)


def count(shape, dim):
    dims = (
        range(len(shape))
        if dim is None or dim == ()
        else (dim if isinstance(dim, (tuple, list)) else (dim,))
    )
    n = 1
    for d in dims:
        n *= shape[check_dim("reduction", d, len(shape))] if shape else 1
    return n


@op(cases=OVER)
def mean(xp, x, /, dim=None, keepdim=False, dtype=None):
    """Mean.

    Math:   out = sum x / N;   d x = g / N, broadcast
    """
    from ...engine.dtype import as_dtype

    if dtype is not None:
        x = x.astype(as_dtype(dtype).numpy)
    if x.dtype.kind != "f":
        raise TypeError(f"needs a floating-point tensor, not {x.dtype}; convert it with x.float()")
    n = count(x.shape, dim)
    return (
        x.sum(axis=axes(dim), keepdims=keepdim) / x.dtype.type(n)
        if n
        else xp.full_like(x.sum(axis=axes(dim), keepdims=keepdim), xp.nan)
    )


mean.vjp(
    x=lambda F, g, x_shape, dim, keepdim: F.broadcast_to(
        spread(F, g / (count(x_shape, dim) or 1), x_shape, dim, keepdim), x_shape
    )
)


@op(cases=[Case(positive(2, 3)), Case(positive(2, 3), 1), Case(positive(2, 3), -1, keepdim=True)])
def prod(xp, x, /, dim=None, keepdim=False, dtype=None):
    """Product along one dim or of all elements.

    Math:   out = prod x;   d x_i = g prod of the others
    """
    from ...engine.dtype import as_dtype

    wanted = (
        x.dtype
        if dtype is None and x.dtype.kind == "f"
        else "int64"
        if dtype is None
        else as_dtype(dtype).numpy
    )
    return x.prod(axis=dim, keepdims=keepdim, dtype=wanted)


def prod_vjp(F, g, x, x_shape, dim, keepdim):
    """The product of the others is (product before) x (product after): exact at zeros, where out /
    x would fail.
    """
    flat = F.reshape(x, (-1,)) if dim is None else x
    d = 0 if dim is None else dim
    before = shifted(F, F.cumprod(flat, d), d, 1.0)
    after = turned(F, shifted(F, F.cumprod(turned(F, flat, d), d), d, 1.0), d)
    return spread(F, g, x_shape, dim, keepdim) * F.reshape(before * after, x_shape)


prod.vjp(x=prod_vjp)


def variance_body(F, input, dim, correction, keepdim):
    n = count(input.shape, dim)
    centred = input - F.mean(input, dim, True) if dim is not None else input - F.mean(input)
    return (
        F.sum(centred * centred, dim, keepdim) / (n - correction)
        if n > correction
        else F.sum(centred * centred, dim, keepdim) * float("nan")
    )


def split_arguments(dim, unbiased, correction):
    """`var(x, False)` and `var(x, dim, unbiased)` are PyTorch's older spellings of `correction`."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    return dim, correction if unbiased is None else int(unbiased)


SPREAD = [
    Case([2, 3]),
    Case([2, 3, 4], 1),
    Case([2, 3], (0, 1), keepdim=True),
    Case([2, 3], 0, correction=0),
]


@composite(cases=SPREAD)
def var(F, input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """Variance, two passes, so large means do no harm.

    Math:   out = sum (x - mean)^2 / (N - correction)
    """
    dim, correction = split_arguments(dim, unbiased, correction)
    return variance_body(F, input, dim, correction, keepdim)


@composite(cases=SPREAD)
def std(F, input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """Standard deviation.

    Math:   out = sqrt(sum (x - mean)^2 / (N - correction))
    """
    dim, correction = split_arguments(dim, unbiased, correction)
    # equal values: gradient 0, not NaN
    return root(F, variance_body(F, input, dim, correction, keepdim), 0.5)


@composite(method=False, cases=SPREAD)
def var_mean(F, input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """Variance and mean.

    Math:   sum (x - mean)^2 / (N - correction), mean
    """
    dim, correction = split_arguments(dim, unbiased, correction)
    return F.var(input, dim, keepdim=keepdim, correction=correction), F.mean(input, dim, keepdim)


@composite(method=False, cases=SPREAD)
def std_mean(F, input, dim=None, unbiased=None, keepdim=False, *, correction=1):
    """Standard deviation and mean.

    Math:   sqrt(sum (x - mean)^2 / (N - correction)), mean
    """
    dim, correction = split_arguments(dim, unbiased, correction)
    return F.std(input, dim, keepdim=keepdim, correction=correction), F.mean(input, dim, keepdim)


def extreme_vjp(F, g, x, out, x_shape, dim, keepdim):
    """Ties share the cotangent equally."""
    hit = F.cast_like(x == F.broadcast_to(spread(F, out, x_shape, dim, keepdim), x_shape), g)
    share = hit / F.sum(hit, dim, True) if dim is not None else hit / F.sum(hit)
    return share * F.broadcast_to(spread(F, g, x_shape, dim, keepdim), x_shape)


@op(method=False, types="same", cases=[])
def cast_like(xp, x, y, /):
    """x in y's dtype (a mask as numbers), for formulas.

    Math:   out = x;   d x = none
    """
    return x.astype(y.dtype)


cast_like.vjp(x=None, y=None)


@op(cases=OVER)
def amax(xp, x, /, dim=None, keepdim=False):
    """Largest element; ties share the gradient.

    Math:   out = max x;   d x = g [x = out] / number of ties
    """
    return x.max(axis=axes(dim), keepdims=keepdim)


amax.vjp(x=extreme_vjp)


@op(cases=OVER)
def amin(xp, x, /, dim=None, keepdim=False):
    """Smallest element; ties share the gradient.

    Math:   out = min x;   d x = g [x = out] / number of ties
    """
    return x.min(axis=axes(dim), keepdims=keepdim)


amin.vjp(x=extreme_vjp)


def best_along(name, arg, word):
    def forward(xp, x, /, dim, keepdim=False):
        if not x.ndim:
            return xp.array(x), xp.zeros((), "int64")
        index = xp.expand_dims(getattr(xp, arg)(x, axis=dim), dim)
        values = xp.take_along_axis(x, index, dim)
        return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))

    forward.__name__ = f"{name}_dim"
    forward.__doc__ = (
        f"{word} along one dim, with its index (the first of ties).\n\nMath:   values = {name} x;  "
        " d x = g at the index, else 0"
    )

    def formula(F, gs, indices, x_shape, dim, keepdim):
        g = gs[0]
        if not x_shape:
            return g
        if not keepdim:
            g, indices = F.unsqueeze(g, dim), F.unsqueeze(indices, dim)
        return F.scatter_zeros(g, indices, dim, x_shape)

    op(
        forward,
        method=False,
        outputs=("values", "indices"),
        cases=[Case([2, 3, 4], 1, torch=False), Case([2, 3], -1, keepdim=True, torch=False)],
    ).vjp(x=formula)


best_along("max", "argmax", "Largest element")
best_along("min", "argmin", "Smallest element")


def check_pair(name, keepdim):
    if keepdim:
        raise DTypeError(
            f"{name}: keepdim goes with a dim, got two tensors and keepdim=True. Leave keepdim out."
        )


@composite(
    cases=[Case([2, 3]), Case([2, 3, 4], 1), Case([2, 3], dim=-1, keepdim=True), Case([2, 3], [3])]
)
def max(F, input, dim=None, keepdim=False):
    """Largest element of all; along `dim` (values, indices); or the elementwise maximum of two
    tensors.

    Math:   out = max x
    """
    if hasattr(dim, "array"):
        check_pair("max", keepdim)
        return F.maximum(input, dim)
    return F.amax(input) if dim is None else F.max_dim(input, dim, keepdim)


@composite(
    cases=[Case([2, 3]), Case([2, 3, 4], 1), Case([2, 3], dim=-1, keepdim=True), Case([2, 3], [3])]
)
def min(F, input, dim=None, keepdim=False):
    """Smallest element of all; along `dim` (values, indices); or the elementwise minimum of two
    tensors.

    Math:   out = min x
    """
    if hasattr(dim, "array"):
        check_pair("min", keepdim)
        return F.minimum(input, dim)
    return F.amin(input) if dim is None else F.min_dim(input, dim, keepdim)


def index_of(name):
    def forward(xp, x, /, dim=None, keepdim=False):
        check_number(name, x)
        return getattr(xp, name)(x, axis=dim, keepdims=keepdim)

    forward.__name__ = name
    forward.__doc__ = (
        f"Index of the {'largest' if name == 'argmax' else 'smallest'} element, the first of"
        f" ties.\n\nMath:   out = {name} x"
    )
    op(
        forward,
        differentiable=False,
        cases=[Case([2, 3]), Case([2, 3], 1), Case([2, 3], 0, keepdim=True)],
    )


index_of("argmax")
index_of("argmin")


def truth(name):
    def forward(xp, x, /, dim=None, keepdim=False):
        return getattr(xp, name)(x, axis=axes(dim), keepdims=keepdim)

    forward.__name__ = name
    forward.__doc__ = f"Whether {name} elements are non-zero.\n\nMath:   out = {name}(x != 0)"
    op(
        forward,
        differentiable=False,
        cases=[
            Case(ints(2, 3, high=2)),
            Case(ints(2, 3, high=2), 1),
            Case(ints(2, 3, high=2), 0, keepdim=True),
        ],
    )


truth("any")
truth("all")


@op(differentiable=False, cases=[Case(ints(2, 3)), Case(ints(2, 3), 1)])
def count_nonzero(xp, x, /, dim=None):
    """How many elements are non-zero.

    Math:   out = sum [x != 0]
    """
    return xp.count_nonzero(x, axis=axes(dim))


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
    ]
)
def norm(F, input, p="fro", dim=None, keepdim=False, dtype=None):
    """p-norm of the elements; the gradient at a zero vector is 0.

    Args:   p: a number, inf, -inf, 0 (counts what is not zero) or "fro" (the same as 2)
    Math:   out = (sum |x|^p)^(1/p)
    """
    x = input if dtype is None else input.to(dtype)
    if not x.dtype.name.startswith("float"):
        raise DTypeError(
            f"norm: must be a floating-point tensor, got {x.dtype.name}. Convert it with x.float()."
        )
    if p in ("fro", None, 2, 2.0):
        return root(F, F.sum(x * x, dim, keepdim), 0.5)
    if not isinstance(p, (int, float)):
        raise ShapeError(
            f"norm: p must be a number, inf, -inf or 'fro', got {p!r}. Use tinygrad_edu.linalg.norm"
            " for matrix norms."
        )
    size = F.abs(x)
    if p == float("inf"):
        return F.amax(size, dim, keepdim)
    if p == -float("inf"):
        return F.amin(size, dim, keepdim)
    if p == 0:
        # a constant, but part of the graph
        return F.sum(F.where(x != 0, F.masked_fill(x, (x == x) | (x != x), 1.0), 0.0), dim, keepdim)
    if p == 1:
        return F.sum(size, dim, keepdim)
    if p < 1:  # the derivative of |x|^p at 0 is infinite; as in PyTorch it counts as 0
        zero = x == 0
        safe = F.pow(F.where(zero, 1.0, size), p)
        return root(
            F, F.sum(F.where(zero, 0.0 if p > 0 else float("inf"), safe), dim, keepdim), 1 / p
        )
    return root(F, F.sum(F.pow(size, p), dim, keepdim), 1 / p)


def root(F, total, power):
    """total^power, with gradient 0 where total is 0."""
    zero = total == 0
    return F.where(
        zero, 0.0 if power > 0 else float("inf"), F.pow(F.where(zero, 1.0, total), power)
    )
