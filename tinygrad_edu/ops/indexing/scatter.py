"""Reading and writing at indexes along a dim: gather, scatter, index_select, index_add and their
kin.
"""

from __future__ import annotations

from math import inf

from ...engine.arrays import check_index
from ...engine.case import Array, Case, bools, ints
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError, check_dim
from ...engine.op import composite, op
from ...engine.tensor import Tensor
from .indexing import raw_index


def positions(xp, index, dim, shape):
    """The full integer index of `index` along dim, with its own coordinates elsewhere."""
    grid = list(xp.indices(index.shape, sparse=True))
    grid[dim % len(shape)] = index
    return tuple(grid)


def check_places(name, index, shape, dim, src_shape=None):
    d = check_dim(name, dim, len(shape))
    if index.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: index must hold integers, got {index.dtype}. Convert it with .long()."
        )
    if not index.size:
        return
    if (
        index.ndim != len(shape)
        and (index.ndim or 1) != (len(shape) or 1)
        or any(n > m for k, (n, m) in enumerate(zip(index.shape, shape)) if k != d)
    ):
        raise ShapeError(
            f"{name}: index must have as many dims as the input, none larger but dim {dim}, got"
            f" {index.shape} for an input of {shape}. Expand or cut the index."
        )
    check_index(name, index, shape[d] if shape else 1, dim)


@op(method=False)
def take_at(xp, x, index, /, dim):
    """`gather`, with the tensors first.

    Math:   out[i, j] = x[i, index[i, j]] (dim 1);   d x = g added at index
    """
    check_places("gather", index, x.shape, dim)
    return x[positions(xp, index, dim, x.shape)] if x.ndim else xp.array(x)


take_at.vjp(x=lambda F, g, index, x_shape, dim: F.scatter_zeros(g, index, dim, x_shape), index=None)


@composite(cases=[Case([3, 4], 1, ints(3, 2, high=4)), Case([3, 4], 0, ints(2, 4, high=3))])
def gather(F, input, dim, index, *, sparse_grad=False):
    """Values picked along dim.

    Math:   out[i, j] = input[i, index[i, j]] (dim 1)
    Args:   sparse_grad: accepted; gradients are dense
    """
    return F.take_at(input, index, dim)


@op(method=False)
def scatter_zeros(xp, x, index, /, dim, shape):
    """Zeros of `shape` with x added at index along dim: the transpose of take_at.

    Math:   out[i, index[i, j]] += x[i, j] (dim 1);   d x = take_at(g)
    """
    out = xp.zeros(shape, x.dtype)
    if x.ndim:
        xp.add.at(out, positions(xp, index, dim, x.shape), x)
        return out
    return xp.array(x)


scatter_zeros.vjp(x=lambda F, g, index, dim: F.take_at(g, index, dim), index=None)


@op(method=False)
def add_at(xp, x, index, src, /, dim):
    """`scatter_add`, with the tensors first.

    Math:   out[i, index[i, j]] += src[i, j] (dim 1);   d x = g,   d src = take_at(g)
    """
    check_places("scatter_add", index, x.shape, dim, src.shape)
    out = xp.array(x)
    xp.add.at(out, positions(xp, index, dim, x.shape), src)
    return out


add_at.vjp(x=lambda g: g, index=None, src=lambda F, g, index, dim: F.take_at(g, index, dim))


def leading(F, src, index):
    """The part of src that index has a place for."""
    if src.ndim != index.ndim or any(n > m for n, m in zip(index.shape, src.shape)):
        raise ShapeError(
            f"scatter: src must be at least as large as index in every dim, got {tuple(src.shape)}"
            f" for an index of {tuple(index.shape)}. Expand it."
        )
    return src if src.shape == index.shape else F.getitem(src, tuple(slice(n) for n in index.shape))


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 1, ints(3, 2, high=4), [3, 2]),
        Case([3, 4], 0, ints(2, 4, high=3), [3, 4], torch=False),
    ],
)
def scatter_add(F, input, dim, index, src):
    """input with src added at index along dim.

    Math:   out[i, index[i, j]] += src[i, j] (dim 1)
    """
    if src.dtype.name != input.dtype.name:
        raise DTypeError(
            f"scatter_add: src must have the input's dtype {input.dtype.name}, got"
            f" {src.dtype.name}. Convert it with .to()."
        )
    return F.add_at(input, index, leading(F, src, index), dim)


@op(method=False, types="promote", plain=("index",))
def put_at(xp, x, index, src, /, dim):
    """`scatter`, with the tensors first.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1);   d x = g, 0 at index,   d src = take_at(g)
    """
    check_places("scatter", index, x.shape, dim)
    out = xp.array(x)
    out[positions(xp, index, dim, x.shape) if x.ndim else ...] = src
    return out


put_at.vjp(
    x=lambda F, g, index, dim: F.put_at(g, index, 0.0, dim),
    index=None,
    src=lambda F, g, index, dim: F.take_at(g, index, dim),
)


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 1, Array(values=[[0, 1], [3, 2], [1, 0]]), [3, 2]),
        Case([3, 4], 1, Array(values=[[0, 1], [3, 2], [1, 0]]), 0.5),
    ],
)
def scatter(F, input, dim, index, src=None, value=None, *, reduce=None):
    """input with src (a tensor) or value (a number) written at index along dim.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1)
    Args:   reduce: "add" or "multiply" instead of writing
    """
    src = value if src is None else src
    if reduce is not None:
        if reduce not in ("add", "multiply"):
            raise ShapeError(
                f"scatter: reduce must be 'add' or 'multiply', got {reduce!r}. Use scatter_reduce"
                " for others."
            )
        src = (
            src
            if hasattr(src, "shape")
            else F.full(tuple(index.shape), src, dtype=input.dtype, device=input.device)
        )
        return F.scatter_reduce(input, dim, index, src, "sum" if reduce == "add" else "prod")
    if not hasattr(src, "shape"):
        src = F.full((), src, dtype=input.dtype, device=input.device)
        return F.put_at(input, index, src, dim)
    if src.dtype.name != input.dtype.name:
        raise DTypeError(
            f"scatter: src must have the input's dtype {input.dtype.name}, got {src.dtype.name}."
            " Convert it with .to()."
        )
    return F.put_at(input, index, leading(F, src, index) if hasattr(src, "shape") else src, dim)


# ---- scatter_reduce ------------------------------------------------------------------------------


@op(method=False, cases=[])
def multiply_at(xp, x, index, src, /, dim):
    """x with each place multiplied by what index sends there.

    Math:   out[i, index[i, j]] *= src[i, j] (dim 1);   d v = g times the product of the others
    Note:   exact at zeros: the product of the others is p / v without zeros, p at the only zero,
            else 0 (p: product of what is not 0)
    """
    check_places("scatter_reduce", index, x.shape, dim)
    out = xp.array(x)
    xp.multiply.at(out, positions(xp, index, dim, x.shape), src)
    return out


def of_the_others(F, g, value, product, zeros):
    none = value == 0
    return g * F.where(
        zeros == 0, product / F.where(none, 1.0, value), F.where((zeros == 1) & none, product, 0.0)
    )


def multiply_at_parts(F, x, index, src, dim):
    one = F.multiply_at(F.where(x == 0, 1.0, x), index, F.where(src == 0, 1.0, src), dim)
    return one, F.add_at(F.cast_like(x == 0, x), index, F.cast_like(src == 0, x), dim)


def multiply_at_d_x(F, g, x, index, src, dim):
    product, zeros = multiply_at_parts(F, x, index, src, dim)
    return of_the_others(F, g, x, product, zeros)


def multiply_at_d_src(F, g, x, index, src, dim):
    product, zeros = multiply_at_parts(F, x, index, src, dim)
    return of_the_others(
        F,
        F.take_at(g, index, dim),
        src,
        F.take_at(product, index, dim),
        F.take_at(zeros, index, dim),
    )


multiply_at.vjp(x=multiply_at_d_x, index=None, src=multiply_at_d_src)


def extreme_at(name, ufunc, word):
    def forward(xp, x, index, src, /, dim):
        check_places("scatter_reduce", index, x.shape, dim)
        out = xp.array(x)
        getattr(xp, ufunc).at(out, positions(xp, index, dim, x.shape), src)
        return out

    def reached(F, x, index, src, out, dim):
        """Which of x and src equal the result, and how many share it."""
        here, there = (
            F.cast_like(x == out, out),
            F.cast_like(src == F.take_at(out, index, dim), out),
        )
        return here, there, F.add_at(here, index, there, dim)

    def d_x(F, g, x, index, src, out, dim):
        here, _, count = reached(F, x, index, src, out, dim)
        return g * here / F.clamp(count, min=1)

    def d_src(F, g, x, index, src, out, dim):
        _, there, count = reached(F, x, index, src, out, dim)
        return F.take_at(g / F.clamp(count, min=1), index, dim) * there

    forward.__name__ = name
    forward.__doc__ = (
        f"x with the {word} of what index sends to each place.\n\nMath:   out[i, index[i, j]] ="
        f" {ufunc}(out, src[i, j]);   d v = g / ties where v = out, else 0"
    )
    op(forward, method=False, cases=[]).vjp(x=d_x, index=None, src=d_src)


extreme_at("largest_at", "maximum", "largest")
extreme_at("smallest_at", "minimum", "smallest")

REDUCES = "sum", "prod", "mean", "amax", "amin"
PLACES = Array(values=[[0, 1, 0], [3, 3, 1], [1, 0, 1]])


@composite(
    inplace=True,
    cases=[
        *(Case([3, 4], 1, PLACES, [3, 3], how) for how in REDUCES),
        *(Case([3, 4], 1, PLACES, [3, 3], how, include_self=False) for how in REDUCES),
        Case([4, 3], 0, PLACES, [3, 3], "prod"),
        Case([4], 0, Array(values=[1, 1]), Array(values=[0.0, 2.0]), "prod", second=False),
    ],
)
def scatter_reduce(F, input, dim, index, src, reduce, *, include_self=True):
    """input with what index sends to each place combined by sum, prod, mean, amax or amin.

    Math:   out[i, k] = reduce of input[i, k] and all src[i, j] with index[i, j] = k (dim 1)
    Args:   include_self: whether the input's own value counts where something arrives
    """
    if reduce not in REDUCES:
        raise ShapeError(
            f"scatter_reduce: reduce must be one of {REDUCES}, got {reduce!r}. Choose one of them."
        )
    if src.dtype.name != input.dtype.name:
        raise DTypeError(
            f"scatter_reduce: src must have the input's dtype {input.dtype.name}, got"
            f" {src.dtype.name}. Convert it with .to()."
        )
    src = leading(F, src, index)
    if not include_self:
        is_float, kind = input.dtype.is_floating_point, input.dtype.numpy
        low, high = (
            (-inf, inf)
            if is_float
            else (
                (False, True)
                if kind.kind == "b"
                else (int(input.device.xp.iinfo(kind).min), int(input.device.xp.iinfo(kind).max))
            )
        )
        input = F.put_at(
            input,
            index,
            F.full(
                (),
                {"prod": 1, "amax": low, "amin": high}.get(reduce, 0),
                dtype=input.dtype,
                device=input.device,
            ),
            dim,
        )
    if reduce == "sum":
        return F.add_at(input, index, src, dim)
    if reduce != "mean":
        return {"prod": F.multiply_at, "amax": F.largest_at, "amin": F.smallest_at}[reduce](
            input, index, src, dim
        )
    count = F.add_at(
        F.full_like(input, 1) if include_self else F.put_at(F.full_like(input, 1), index, 0, dim),
        index,
        F.full_like(src, 1),
        dim,
    )
    count = F.maximum(count, F.full_like(count, 1))
    total = F.add_at(input, index, src, dim)
    return (
        total / count
        if input.dtype.is_floating_point
        else F.div(total, count, rounding_mode="floor")
    )


# ---- whole slices by number ----------------------------------------------------------------------


def numbers(name, index):
    """An index vector as a raw array of integers."""
    index = raw_index(index)
    if getattr(index, "dtype", None) is None or index.dtype.kind not in "iu" or index.ndim > 1:
        raise DTypeError(
            f"{name}: index must be a vector of integers, got"
            f" {getattr(index, 'dtype', type(index).__name__)} {getattr(index, 'shape', '')}. Use a"
            " mask with masked_select, or x[index]."
        )
    return index.reshape(-1)


def place(name, input, dim, index):
    """The full index of whole slices along dim."""
    raw, d = numbers(name, index), check_dim(name, dim, input.ndim)
    check_index(name, raw, input.shape[d] if input.ndim else 1, dim)
    return (slice(None),) * d + (raw,)


def check_source(name, input, where, dim, source):
    d = check_dim(name, dim, input.ndim)
    shape = (*input.shape[:d], where[-1].size, *input.shape[d + 1 :]) if input.ndim else ()
    if tuple(source.shape) != shape and not (input.ndim <= 1 and source.numel() == where[-1].size):
        raise ShapeError(
            f"{name}: source must have the shape {shape}, got {tuple(source.shape)}. Give one slice"
            " per index."
        )
    if source.dtype.name != input.dtype.name:
        raise DTypeError(
            f"{name}: source must have the input's dtype {input.dtype.name}, got"
            f" {source.dtype.name}. Convert it with .to()."
        )
    return source if tuple(source.shape) == shape else source.reshape(shape)


@op(method=False)
def add_to(xp, x, value, /, index):
    """A copy of x with value added at index (repeated indexes add up).

    Math:   out = x, out[index] += value;   d x = g,   d value = g[index]
    """
    out = xp.array(x)
    xp.add.at(out, index, value)
    return out


add_to.vjp(x=lambda g: g, value=lambda F, g, index: F.getitem(g, index))

ROWS = Array(values=[2, 0])


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 0, ROWS, [2, 4]),
        Case([3, 4], -1, Array(values=[1, 1, 3]), [3, 3], alpha=2.0),
    ],
)
def index_add(F, input, dim, index, source, *, alpha=1):
    """input with alpha times source's slices added at index along dim; repeated indexes add up.

    Math:   out[index_i] += alpha source_i
    """
    where = place("index_add", input, dim, index)
    source = check_source("index_add", input, where, dim, source)
    return (
        F.add_to(input, source if alpha == 1 else source * alpha, where)
        if input.ndim
        else input + F.reshape(source, ()) * alpha
    )


@composite(inplace=True, cases=[Case([3, 4], 0, ROWS, [2, 4]), Case([3, 4], 1, ROWS, [3, 2])])
def index_copy(F, input, dim, index, source):
    """input with source's slices written at index along dim.

    Math:   out[index_i] = source_i
    """
    where = place("index_copy", input, dim, index)
    source = check_source("index_copy", input, where, dim, source)
    return F.setitem(input, source, where) if input.ndim else F.reshape(source, ())


@composite(inplace=True, cases=[Case([3, 4], 0, ROWS, 5.0), Case([3, 4], 1, ROWS, [])])
def index_fill(F, input, dim, index, value):
    """input with one number (or 0-d tensor) written at index along dim.

    Math:   out[index_i] = value
    """
    if getattr(value, "ndim", 0):
        raise ShapeError(
            f"index_fill: value must be a number or a 0-d tensor, got shape {tuple(value.shape)}."
            " Use index_copy() for several."
        )
    d = check_dim("index_fill", dim, input.ndim)
    where = (slice(None),) * d + (numbers("index_fill", index),)
    if not input.ndim or any(not -input.shape[d] <= i < input.shape[d] for i in where[-1].tolist()):
        where = place("index_fill", input, dim, index)
    value = (
        value.to(input.dtype)
        if isinstance(value, Tensor)
        else F.full((), value, dtype=input.dtype, device=input.device)
    )
    return F.setitem(input, value, where) if input.ndim else value


@composite(
    inplace=True,
    cases=[
        *(
            Case([3, 4], 0, Array(values=[2, 0, 2]), [3, 4], how, torch=how != "sum")
            for how in REDUCES
            if how != "sum"
        ),
        Case([3, 4], 1, ROWS, [3, 2], "mean", include_self=False),
    ],
)
def index_reduce(F, input, dim, index, source, reduce, *, include_self=True):
    """input with source's slices combined into it at index along dim, by prod, mean, amax or amin.

    Math:   out[k] = reduce of input[k] and all source_i with index_i = k
    """
    where = place("index_reduce", input, dim, index)
    source = check_source("index_reduce", input, where, dim, source)
    d = check_dim("index_reduce", dim, input.ndim)
    wide = F.broadcast_to(
        F.reshape(
            Tensor(where[-1], input.device), tuple(-1 if k == d else 1 for k in range(input.ndim))
        ),
        source.shape,
    )
    return F.scatter_reduce(input, dim, wide, source, reduce, include_self=include_self)


def checked_indices(name, input, indices):
    """A tuple of index tensors as an index; the bounds are NumPy's to check."""
    if not isinstance(indices, (tuple, list)):
        raise DTypeError(
            f"{name}: indices must be a tuple of tensors, one per dim, got"
            f" {type(indices).__name__}. Write (index,)."
        )
    if len(indices) > input.ndim:
        raise IndexOutOfRange(
            f"{name}: at most {input.ndim} indices for shape {tuple(input.shape)}, got"
            f" {len(indices)}. Leave some out."
        )
    return tuple(slice(None) if i is None else raw_index(i) for i in indices)


@composite(
    inplace=True,
    cases=[
        Case([3, 4], (Array(values=[0, 2]), Array(values=[1, 1])), [2]),
        Case([3, 4], (Array(values=[0, 2, 0]),), [3, 4], accumulate=True),
        Case([3, 4], (Array(values=[1, -1]),), []),
    ],
)
def index_put(F, input, indices, values, accumulate=False):
    """input with values written (or added) at a tuple of index tensors: `x[indices] = values`
    without changing x.

    Math:   out[indices] = values (accumulate: +=)
    """
    where = checked_indices("index_put", input, indices)
    if values.dtype.name != input.dtype.name:
        raise DTypeError(
            f"index_put: values must have the input's dtype {input.dtype.name}, got"
            f" {values.dtype.name}. Convert them with .to()."
        )
    shape = input.array[where].shape
    values = values if tuple(values.shape) == shape else F.broadcast_to(values, shape)
    return F.add_to(input, values, where) if accumulate else F.setitem(input, values, where)


@composite(
    inplace=True,
    cases=[
        Case([3, 4], Array(values=[0, 5, 11]), [3]),
        Case([3, 4], Array(values=[[0, 5], [0, -1]]), [2, 2], accumulate=True),
    ],
)
def put(F, input, index, source, accumulate=False):
    """input with source written (or added) at places counted through the flattened tensor.

    Math:   out.flat[index_i] = source_i (accumulate: +=)
    """
    raw = raw_index(index).reshape(-1)
    if raw.size != source.numel():
        raise ShapeError(
            f"put: index and source must be equally many, got {raw.size} and {source.numel()}."
            " Expand one of them."
        )
    flat = F.index_put(
        F.reshape(input, (-1,)), (Tensor(raw, input.device),), F.reshape(source, (-1,)), accumulate
    )
    return F.reshape(flat, input.shape)


@composite(cases=[Case([3, 4], Array(values=[0, 5, -1])), Case([3, 4], Array(values=[[7], [7]]))])
def take(F, input, index):
    """Elements by their place in the flattened tensor, in index's shape.

    Math:   out_i = x.flat[index_i]
    """
    raw = raw_index(index)
    if raw.dtype.kind not in "iu":
        raise DTypeError(
            f"take: index must hold integers, got {raw.dtype}. Convert it with .long()."
        )
    return F.getitem(F.reshape(input, (-1,)), raw)


@composite(
    cases=[
        Case([3, 4], ints(3, 2, high=4), 1),
        Case([3, 4], ints(1, 4, high=3), 0),
        Case([3, 4], Array(values=[0, 11, 5])),
    ]
)
def take_along_dim(F, input, indices, dim=None):
    """`gather`, with input and indices broadcast together; without dim, through the flattened
    tensor.

    Math:   out[i, j] = x[i, indices[i, j]] (dim 1)
    """
    if dim is None:
        return F.gather(F.reshape(input, (-1,)), 0, F.reshape(indices, (-1,)))
    d = check_dim("take_along_dim", dim, input.ndim)
    if input.ndim != indices.ndim:
        raise ShapeError(
            "take_along_dim: input and indices must have equally many dims, got"
            f" {tuple(input.shape)} and {tuple(indices.shape)}. Unsqueeze one of them."
        )
    common = [
        *F.broadcast_shapes(
            tuple(n for k, n in enumerate(input.shape) if k != d),
            tuple(n for k, n in enumerate(indices.shape) if k != d),
        )
    ]
    wide = F.broadcast_to(input, (*common[:d], input.shape[d], *common[d:]))
    return F.gather(wide, d, F.broadcast_to(indices, (*common[:d], indices.shape[d], *common[d:])))


@composite(inplace=True, cases=[Case([3, 4], bools(3, 4), [12]), Case([3, 4], bools(4), [3, 5])])
def masked_scatter(F, input, mask, source):
    """input with source's elements, in order, written where mask is True.

    Math:   out[mask] = the first elements of source
    """
    if mask.dtype.name != "bool" or source.dtype.name != input.dtype.name:
        raise DTypeError(
            f"masked_scatter: mask must be bool and source {input.dtype.name}, got"
            f" {mask.dtype.name} and {source.dtype.name}. Convert them."
        )
    input, mask = F.broadcast_tensors(input, mask)
    raw = mask.array
    n = int(raw.sum())
    if n > source.numel():
        raise ShapeError(
            f"masked_scatter: source must have an element for each True ({n}), got"
            f" {source.numel()}. Give more."
        )
    return F.setitem(input, F.narrow(F.reshape(source, (-1,)), 0, 0, n), raw)


@composite(cases=[Case([3, 4], [4], 0, 1), Case([3, 4], [3], -1, -2)])
def select_scatter(F, input, src, dim, index):
    """input with src written at one index along dim.

    Math:   out[index] = src
    """
    d = check_dim("select_scatter", dim, input.ndim)
    return written_at(F, "select_scatter", input, src, (slice(None),) * d + (int(index),))


@composite(
    cases=[
        Case([4, 3], [2, 3], start=1, end=3),
        Case([4, 3], [4, 2], 1, 0, 3, 2),
        Case([4, 3], [4, 3]),
    ]
)
def slice_scatter(F, input, src, dim=0, start=None, end=None, step=1):
    """input with src written at a slice along dim.

    Math:   out[start:end:step] = src
    """
    d = check_dim("slice_scatter", dim, input.ndim)
    if step < 1:
        raise ShapeError(
            f"slice_scatter: step must be at least 1, got {step}. Flip src for the other direction."
        )
    return written_at(
        F, "slice_scatter", input, src, (slice(None),) * d + (slice(start, end, step),)
    )


def written_at(F, name, input, src, index):
    shape = input.array[index].shape
    if tuple(src.shape) != shape:
        raise ShapeError(
            f"{name}: src must have the shape {shape} of what it replaces, got {tuple(src.shape)}."
            " Reshape it."
        )
    return F.setitem(
        input, src if src.dtype.name == input.dtype.name else src.to(input.dtype), index
    )


@composite(cases=[Case([3, 4], 1, ints(5, high=4)), Case([3, 4], 0, ints(2, high=3))])
def index_select(F, input, dim, index):
    """Elements along dim by number.

    Math:   out = x[..., index, ...]
    """
    index = numbers("index_select", index)
    d = check_dim("index_select", dim, input.ndim)
    check_index("index_select", index, input.shape[d] if input.ndim else 1, dim)
    return F.getitem(input, (slice(None),) * d + (index,)) if input.ndim else F.clone(input)
