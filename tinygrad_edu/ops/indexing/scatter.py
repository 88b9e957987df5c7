"""Reading and writing single elements at indexes along a dim: gather, scatter and their kin."""

from __future__ import annotations

from math import inf

from ...engine.arrays import check_index
from ...engine.case import Case, Sample, ints
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError, check_dim
from ...engine.op import Array, piece
from ...engine.tensor import Tensor


def line(array):
    """A 0-d array as a vector: PyTorch counts it as one element along dim 0."""
    return array if array.ndim else array.reshape(1)


def positions(xp, index, dim, shape):
    """The full integer index of `index` along dim, with its own coordinates elsewhere."""
    grid = list(xp.indices(index.shape, sparse=True))
    grid[dim % max(len(shape), 1)] = index
    return tuple(grid)


def check_places(name, index, shape, dim):
    d = check_dim(name, dim, len(shape))
    if index.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: index must hold integers, got {index.dtype}. Convert it with .long()."
        )
    if not index.size:
        return
    sizes, places = index.shape or (1,), shape or (1,)
    if len(sizes) != len(places) or any(
        n > m for k, (n, m) in enumerate(zip(sizes, places)) if k != d
    ):
        raise ShapeError(
            f"{name}: index must have as many dims as the input, none larger but dim {dim}, got"
            f" {index.shape} for an input of {shape}. Expand or cut the index."
        )
    check_index(name, index, places[d], dim)


def combine(xp, ufunc, out, index, src, dim):
    """Combine src into out at index along dim, in place; repeated places count each time."""
    if index.size:
        ufunc.at(line(out), positions(xp, line(index), dim, out.shape), line(src))
    return out


@piece(
    cases=[
        Case([3, 4], ints(3, 2, high=4), 1),
        Case([], ints(2, high=1), 0),
        Case([3], ints(high=3), 0),
        Case([3, 4], ints(0), 0),
    ]
)
def take_at(xp, input: Array, index: Array, dim: int):
    """`gather`, with the tensors first.

    Math:   out[i, j] = input[i, index[i, j]] (dim 1);   d input = g added at index
    """
    check_places("gather", index, input.shape, dim)
    if not index.size:
        return xp.zeros(index.shape, input.dtype)
    return line(input)[positions(xp, line(index), dim, input.shape)].reshape(index.shape)


take_at.vjp(
    input=lambda F, g, index, input_shape, dim: F.scatter_zeros(g, index, dim, input_shape),
    index=None,
)


@composite(
    cases=[
        Case([3, 4], 1, ints(3, 2, high=4)),
        Case([3, 4], 0, ints(2, 4, high=3)),
        Case([], 0, ints(1, high=1)),
        Case([], 0, ints(high=1)),
        Case([3], 0, ints(high=3)),
        Case([3, 4], 0, ints(0)),
    ]
)
def gather(F, input: Tensor, dim: int, index: Tensor, *, sparse_grad: bool = False) -> Tensor:
    """Values picked along dim.

    Math:   out[i, j] = input[i, index[i, j]] (dim 1)
    Args:   sparse_grad: accepted; gradients are dense
    """
    return F.take_at(input, index, dim)


@piece(cases=[Case([3, 2], ints(3, 2, high=4), 1, (3, 4)), Case([2], ints(2, high=1), 0, ())])
def scatter_zeros(xp, input: Array, index: Array, dim: int, shape):
    """Zeros of `shape` with input added at index along dim: the transpose of take_at.

    Math:   out[i, index[i, j]] += input[i, j] (dim 1);   d input = take_at(g)
    """
    return combine(xp, xp.add, xp.zeros(shape, input.dtype), index, input, dim)


scatter_zeros.vjp(input=lambda F, g, index, dim: F.take_at(g, index, dim), index=None)


@piece(cases=[Case([3, 4], ints(3, 2, high=4), [3, 2], 1), Case([], ints(2, high=1), [2], 0)])
def add_at(xp, input: Array, index: Array, src: Array, dim: int):
    """`scatter_add`, with the tensors first.

    Math:   out[i, index[i, j]] += src[i, j] (dim 1);   d input = g,   d src = take_at(g)
    """
    check_places("scatter_add", index, input.shape, dim)
    return combine(xp, xp.add, xp.array(input), index, src, dim)


add_at.vjp(input=lambda g: g, index=None, src=lambda F, g, index, dim: F.take_at(g, index, dim))


def leading(F, name, src, index):
    """The part of src that index has a place for."""
    if not index.numel():
        return F.reshape(F.getitem(F.reshape(src, (-1,)), (slice(0),)), tuple(index.shape))
    small, large = tuple(index.shape) or (1,), tuple(src.shape) or (1,)
    if len(small) != len(large) or any(n > m for n, m in zip(small, large)):
        raise ShapeError(
            f"{name}: src must be at least as large as index in every dim, got {tuple(src.shape)}"
            f" for an index of {tuple(index.shape)}. Expand it."
        )
    if tuple(src.shape) == tuple(index.shape):
        return src
    part = F.getitem(F.reshape(src, large), tuple(slice(n) for n in small))
    return F.reshape(part, tuple(index.shape))


def check_same_dtype(name, input, src, what="src"):
    if src.dtype.name != input.dtype.name:
        raise DTypeError(
            f"{name}: {what} must have the input's dtype {input.dtype.name}, got"
            f" {src.dtype.name}. Convert it with .to()."
        )


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 1, ints(3, 2, high=4), [3, 2]),
        Case([3, 4], 0, ints(2, 4, high=3), [3, 4], torch=False),
        Case([], 0, ints(1, high=1), [1]),
        Case([], 0, ints(high=1), []),
    ],
)
def scatter_add(F, input: Tensor, dim: int, index: Tensor, src: Tensor) -> Tensor:
    """input with src added at index along dim.

    Math:   out[i, index[i, j]] += src[i, j] (dim 1)
    """
    check_same_dtype("scatter_add", input, src)
    return F.add_at(input, index, leading(F, "scatter_add", src, index), dim)


@piece(
    types="promote",
    plain=("index",),
    cases=[
        Case([3, 4], Sample(values=[[0, 1], [3, 2], [1, 0]]), [3, 2], 1),
        Case([3, 4], ints(3, 2, high=4), 0.5, 1),
        Case([], ints(1, high=1), [1], 0),
    ],
)
def put_at(xp, input: Array, index: Array, src: Array, dim: int):
    """`scatter`, with the tensors first.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1);   d input = g, 0 at index,   d src = take_at(g)
    """
    check_places("scatter", index, input.shape, dim)
    out = xp.array(input)
    if index.size:
        line(out)[positions(xp, line(index), dim, input.shape)] = src
    return out


put_at.vjp(
    input=lambda F, g, index, dim: F.put_at(g, index, 0.0, dim),
    index=None,
    src=lambda F, g, index, dim: F.take_at(g, index, dim),
)


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 1, Sample(values=[[0, 1], [3, 2], [1, 0]]), [3, 2]),
        Case([3, 4], 1, Sample(values=[[0, 1], [3, 2], [1, 0]]), 0.5),
        Case([], 0, ints(1, high=1), [1]),
        Case([], 0, ints(high=1), 0.5),
    ],
)
def scatter(
    F,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor | float | None = None,
    value: float | None = None,
    *,
    reduce: str | None = None,
) -> Tensor:
    """input with src (a tensor) or value (a number) written at index along dim.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1)
    Args:   reduce: "add" or "multiply" instead of writing
    """
    src = value if src is None else src
    if reduce not in (None, "add", "multiply"):
        raise ShapeError(
            f"scatter: reduce must be 'add' or 'multiply', got {reduce!r}. Use scatter_reduce"
            " for others."
        )
    if not hasattr(src, "shape"):
        shape = () if reduce is None else tuple(index.shape)
        src = F.full(shape, src, dtype=input.dtype, device=input.device)
        if reduce is None:
            return F.put_at(input, index, src, dim)
    if reduce is not None:
        return F.scatter_reduce(input, dim, index, src, "sum" if reduce == "add" else "prod")
    check_same_dtype("scatter", input, src)
    return F.put_at(input, index, leading(F, "scatter", src, index), dim)


# ---- scatter_reduce ------------------------------------------------------------------------------


@piece(
    cases=[
        Case([4], Sample(values=[0, 2, 2]), [3], 0),
        Case([], ints(1, high=1), [1], 0),
        Case([2], Sample(values=[1, 1]), Sample(values=[0.0, 2.0]), 0, second=False),
    ]
)
def multiply_at(xp, input: Array, index: Array, src: Array, dim: int):
    """input with each place multiplied by what index sends there.

    Math:   out[i, index[i, j]] *= src[i, j] (dim 1);   d v = g times the product of the others
    Note:   exact at zeros: the product of the others is p / v without zeros, p at the only zero,
            else 0 (p: product of what is not 0)
    """
    check_places("scatter_reduce", index, input.shape, dim)
    return combine(xp, xp.multiply, xp.array(input), index, src, dim)


def of_the_others(F, g, value, product, zeros):
    none = value == 0
    return g * F.where(
        zeros == 0, product / F.where(none, 1.0, value), F.where((zeros == 1) & none, product, 0.0)
    )


def multiply_at_parts(F, input, index, src, dim):
    one = F.multiply_at(F.where(input == 0, 1.0, input), index, F.where(src == 0, 1.0, src), dim)
    zeros = F.cast_like(input == 0, input)
    return one, F.add_at(zeros, index, F.cast_like(src == 0, input), dim)


def multiply_at_d_input(F, g, input, index, src, dim):
    product, zeros = multiply_at_parts(F, input, index, src, dim)
    return of_the_others(F, g, input, product, zeros)


def multiply_at_d_src(F, g, input, index, src, dim):
    product, zeros = multiply_at_parts(F, input, index, src, dim)
    return of_the_others(
        F,
        F.take_at(g, index, dim),
        src,
        F.take_at(product, index, dim),
        F.take_at(zeros, index, dim),
    )


multiply_at.vjp(input=multiply_at_d_input, index=None, src=multiply_at_d_src)


def extreme_at(name, ufunc, word):
    def forward(xp, input: Array, index: Array, src: Array, dim: int):
        check_places("scatter_reduce", index, input.shape, dim)
        return combine(xp, getattr(xp, ufunc), xp.array(input), index, src, dim)

    def reached(F, input, index, src, out, dim):
        """Which of input and src equal the result, and how many share it."""
        here = F.cast_like(input == out, out)
        there = F.cast_like(src == F.take_at(out, index, dim), out)
        return here, there, F.add_at(here, index, there, dim)

    def d_input(F, g, input, index, src, out, dim):
        here, _, count = reached(F, input, index, src, out, dim)
        return g * here / F.clamp(count, min=1)

    def d_src(F, g, input, index, src, out, dim):
        _, there, count = reached(F, input, index, src, out, dim)
        return F.take_at(g / F.clamp(count, min=1), index, dim) * there

    forward.__name__ = name
    forward.__doc__ = (
        f"input with the {word} of what index sends to each place.\n\n"
        f"Math:   out[i, index[i, j]] = {ufunc}(out, src[i, j]);   d v = g / ties where v = out,"
        " else 0"
    )
    cases = [Case([4], Sample(values=[0, 2, 2]), [3], 0), Case([], ints(1, high=1), [1], 0)]
    piece(cases=cases)(forward).vjp(input=d_input, index=None, src=d_src)


extreme_at("largest_at", "maximum", "largest")
extreme_at("smallest_at", "minimum", "smallest")

REDUCES = "sum", "prod", "mean", "amax", "amin"
PLACES = Sample(values=[[0, 1, 0], [3, 3, 1], [1, 0, 1]])


def nothing_yet(reduce, dtype, xp):
    """The value that changes no reduction."""
    kind = dtype.numpy.kind
    if kind == "f":
        low, high = -inf, inf
    elif kind == "b":
        low, high = False, True
    else:
        low, high = int(xp.iinfo(dtype.numpy).min), int(xp.iinfo(dtype.numpy).max)
    return {"prod": 1, "amax": low, "amin": high}.get(reduce, 0)


@composite(
    inplace=True,
    cases=[
        *(Case([3, 4], 1, PLACES, [3, 3], how) for how in REDUCES),
        *(Case([3, 4], 1, PLACES, [3, 3], how, include_self=False) for how in REDUCES),
        *(Case([], 0, ints(1, high=1), [1], how) for how in REDUCES),
        Case([4, 3], 0, PLACES, [3, 3], "prod"),
        Case([4], 0, Sample(values=[1, 1]), Sample(values=[0.0, 2.0]), "prod", second=False),
    ],
)
def scatter_reduce(
    F,
    input: Tensor,
    dim: int,
    index: Tensor,
    src: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """input with what index sends to each place combined by sum, prod, mean, amax or amin.

    Math:   out[i, k] = reduce of input[i, k] and all src[i, j] with index[i, j] = k (dim 1)
    Args:   include_self: whether the input's own value counts where something arrives
    """
    if reduce not in REDUCES:
        raise ShapeError(
            f"scatter_reduce: reduce must be one of {REDUCES}, got {reduce!r}. Choose one of them."
        )
    check_same_dtype("scatter_reduce", input, src)
    src = leading(F, "scatter_reduce", src, index)
    if not include_self:
        start = nothing_yet(reduce, input.dtype, input.device.xp)
        blank = F.full((), start, dtype=input.dtype, device=input.device)
        input = F.put_at(input, index, blank, dim)
    combined = {"prod": F.multiply_at, "amax": F.largest_at, "amin": F.smallest_at}
    if reduce in combined:
        return combined[reduce](input, index, src, dim)
    total = F.add_at(input, index, src, dim)
    if reduce == "sum":
        return total
    count = F.full_like(input, 1)
    count = count if include_self else F.put_at(count, index, 0, dim)
    count = F.add_at(count, index, F.full_like(src, 1), dim)
    count = F.maximum(count, F.full_like(count, 1))
    if input.dtype.is_floating_point:
        return total / count
    return F.div(total, count, rounding_mode="floor")


@composite(
    cases=[
        Case([3, 4], ints(3, 2, high=4), 1),
        Case([3, 4], ints(1, 4, high=3), 0),
        Case([3, 4], Sample(values=[[0, -1, -4]]), 1),
        Case([3, 4], Sample(values=[0, 11, 5])),
    ]
)
def take_along_dim(F, input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """`gather`, with input and indices broadcast together and negative indices counted from the
    end; without dim, through the flattened tensor.

    Math:   out[i, j] = input[i, indices[i, j]] (dim 1)
    """
    if dim is None:
        input, indices, dim = F.reshape(input, (-1,)), F.reshape(indices, (-1,)), 0
    d = check_dim("take_along_dim", dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(
            "take_along_dim: input and indices must have equally many dims, got"
            f" {tuple(input.shape)} and {tuple(indices.shape)}. Unsqueeze one of them."
        )
    n = input.shape[d] if input.ndim else 1
    indices = F.where(indices < 0, indices + n, indices)
    common = F.broadcast_shapes(
        *(tuple(m for k, m in enumerate(x.shape) if k != d) for x in (input, indices))
    )
    if not input.ndim:
        return F.gather(input, d, indices)
    wide = F.broadcast_to(input, (*common[:d], n, *common[d:]))
    return F.gather(wide, d, F.broadcast_to(indices, (*common[:d], indices.shape[d], *common[d:])))
