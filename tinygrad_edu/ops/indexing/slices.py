"""Whole slices and elements by number: index_select, index_add, index_put, take and their kin."""

from __future__ import annotations

from ...engine.arrays import check_index
from ...engine.case import Case, Sample, bools, ints
from ...engine.composite import composite
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError, check_dim
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .indexing import raw_index
from .scatter import REDUCES, check_same_dtype


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
    """source in the shape of the slices it stands for."""
    d = check_dim(name, dim, input.ndim)
    shape = (*input.shape[:d], where[-1].size, *input.shape[d + 1 :]) if input.ndim else (1,)
    if tuple(source.shape) != shape and not (input.ndim <= 1 and source.numel() == where[-1].size):
        raise ShapeError(
            f"{name}: source must have the shape {shape}, got {tuple(source.shape)}. Give one slice"
            " per index."
        )
    check_same_dtype(name, input, source, "source")
    return source if tuple(source.shape) == shape else source.reshape(shape)


@piece(cases=[Case([3, 4], [2, 4], ([2, 0],)), Case([3], [2], ([1, 1],))])
def add_to(xp, input: Array, value: Array, index):
    """A copy of input with value added at index (repeated indexes add up).

    Math:   out = input, out[index] += value;   d input = g,   d value = g[index]
    """
    out = xp.array(input)
    xp.add.at(out, index, value)
    return out


add_to.vjp(input=lambda g: g, value=lambda F, g, index: F.getitem(g, index))

ROWS = Sample(values=[2, 0])


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 0, ROWS, [2, 4]),
        Case([3, 4], -1, Sample(values=[1, 1, 3]), [3, 3], alpha=2.0),
    ],
)
def index_add(
    F, input: Tensor, dim: int, index: Tensor, source: Tensor, *, alpha: float = 1
) -> Tensor:
    """input with alpha times source's slices added at index along dim; repeated indexes add up.

    Math:   out[index_i] += alpha source_i
    """
    where = place("index_add", input, dim, index)
    source = check_source("index_add", input, where, dim, source)
    source = source if alpha == 1 else source * alpha
    return F.add_to(input, source, where) if input.ndim else input + F.sum(source)


@composite(inplace=True, cases=[Case([3, 4], 0, ROWS, [2, 4]), Case([3, 4], 1, ROWS, [3, 2])])
def index_copy(F, input: Tensor, dim: int, index: Tensor, source: Tensor) -> Tensor:
    """input with source's slices written at index along dim.

    Math:   out[index_i] = source_i
    """
    where = place("index_copy", input, dim, index)
    source = check_source("index_copy", input, where, dim, source)
    if input.ndim:
        return F.setitem(input, source, where)
    last = F.reshape(F.narrow(source, 0, source.numel() - 1, 1), ())
    return F.setitem(input, last, (Ellipsis,))


@composite(
    inplace=True,
    cases=[
        Case([3, 4], 0, ROWS, 5.0),
        Case([3, 4], 1, ROWS, []),
        Case([3, 4], 1, Sample(values=[1, 3, 1]), []),
        Case([], 0, ints(1, high=1), []),
    ],
)
def index_fill(F, input: Tensor, dim: int, index: Tensor, value: Tensor | float) -> Tensor:
    """input with one number (or 0-d tensor) written at index along dim.

    Math:   out[index_i] = value
    """
    shape = tuple(getattr(value, "shape", ()))
    if shape:
        raise ShapeError(
            f"index_fill: value must be a number or a 0-d tensor, got shape {shape}. Use"
            " index_copy() for several."
        )
    d, raw = check_dim("index_fill", dim, input.ndim), numbers("index_fill", index)
    n = input.shape[d] if input.ndim else 1
    raw = input.device.xp.unique(raw + n * (raw < 0))  # each slice counts once in d value
    check_index("index_fill", raw, n, dim)
    if isinstance(value, Tensor):
        value = value.to(input.dtype)
    else:
        value = F.full((), value, dtype=input.dtype, device=input.device)
    if not raw.size:
        return F.clone(input)
    where = (slice(None),) * d + (raw,) if input.ndim else (Ellipsis,)
    return F.setitem(input, value, where)


@composite(
    inplace=True,
    cases=[
        *(
            Case([3, 4], 0, Sample(values=[2, 0, 2]), [3, 4], how, torch=how != "sum")
            for how in REDUCES
            if how != "sum"
        ),
        Case([3, 4], 1, ROWS, [3, 2], "mean", include_self=False),
        Case([], 0, ints(1, high=1), [], "amax"),
    ],
)
def index_reduce(
    F,
    input: Tensor,
    dim: int,
    index: Tensor,
    source: Tensor,
    reduce: str,
    *,
    include_self: bool = True,
) -> Tensor:
    """input with source's slices combined into it at index along dim, by prod, mean, amax or amin.

    Math:   out[k] = reduce of input[k] and all source_i with index_i = k
    """
    where = place("index_reduce", input, dim, index)
    source = check_source("index_reduce", input, where, dim, source)
    d = check_dim("index_reduce", dim, input.ndim)
    number = Tensor(where[-1], input.device)
    wide = F.reshape(number, tuple(-1 if k == d else 1 for k in range(source.ndim)))
    wide = F.broadcast_to(wide, tuple(source.shape))
    return F.scatter_reduce(input, dim, wide, source, reduce, include_self=include_self)


def checked_indices(name, input, indices):
    """A tuple of index tensors as an index; for their bounds see getitem."""
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
        Case([3, 4], (Sample(values=[0, 2]), Sample(values=[1, 1])), [2]),
        Case([3, 4], (Sample(values=[0, 2, 0]),), [3, 4], accumulate=True),
        Case([3, 4], (Sample(values=[1, -1]),), []),
    ],
)
def index_put(
    F, input: Tensor, indices: tuple[Tensor, ...], values: Tensor, accumulate: bool = False
) -> Tensor:
    """input with values written (or added) at a tuple of index tensors: `x[indices] = values`
    without changing x.

    Math:   out[indices] = values (accumulate: +=)
    """
    where = checked_indices("index_put", input, indices)
    check_same_dtype("index_put", input, values, "values")
    shape = input.array[where].shape
    values = values if tuple(values.shape) == shape else F.broadcast_to(values, shape)
    return F.add_to(input, values, where) if accumulate else F.setitem(input, values, where)


@composite(
    inplace=True,
    cases=[
        Case([3, 4], Sample(values=[0, 5, 11]), [3]),
        Case([3, 4], Sample(values=[[0, 5], [0, -1]]), [2, 2], accumulate=True),
    ],
)
def put(F, input: Tensor, index: Tensor, source: Tensor, accumulate: bool = False) -> Tensor:
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
    return F.reshape(flat, tuple(input.shape))


@composite(cases=[Case([3, 4], Sample(values=[0, 5, -1])), Case([3, 4], Sample(values=[[7], [7]]))])
def take(F, input: Tensor, index: Tensor) -> Tensor:
    """Elements by their place in the flattened tensor, in index's shape.

    Math:   out_i = input.flat[index_i]
    """
    raw = raw_index(index)
    if raw.dtype.kind not in "iu":
        raise DTypeError(
            f"take: index must hold integers, got {raw.dtype}. Convert it with .long()."
        )
    return F.getitem(F.reshape(input, (-1,)), raw)


@composite(inplace=True, cases=[Case([3, 4], bools(3, 4), [12]), Case([3, 4], bools(4), [3, 5])])
def masked_scatter(F, input: Tensor, mask: Tensor, source: Tensor) -> Tensor:
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
def select_scatter(F, input: Tensor, src: Tensor, dim: int, index: int) -> Tensor:
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
def slice_scatter(
    F,
    input: Tensor,
    src: Tensor,
    dim: int = 0,
    start: int | None = None,
    end: int | None = None,
    step: int = 1,
) -> Tensor:
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
def index_select(F, input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements along dim by number.

    Math:   out = input[..., index, ...]
    """
    index = numbers("index_select", index)
    d = check_dim("index_select", dim, input.ndim)
    check_index("index_select", index, input.shape[d] if input.ndim else 1, dim)
    return F.getitem(input, (slice(None),) * d + (index,)) if input.ndim else F.clone(input)
