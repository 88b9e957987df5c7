"""Indexing, joining and splitting: `x[...]`, gather and scatter, cat and split."""
from __future__ import annotations

from ..base.case import Array, Case, bools, ints
from ..base.errors import IndexOutOfRange, ShapeError
from ..core.autograd import functional, mode
from ..core.inplace import check_writable, written
from ..core.op import composite, op
from ..core.tensor import Tensor


def raw_index(index):
    """An index with Tensors replaced by raw arrays; the form that the `getitem` op keeps."""
    if isinstance(index, tuple):
        return tuple(raw_index(i) for i in index)
    if isinstance(index, Tensor):
        return index.array if index.array.dtype.kind != "u" else index.array.astype("bool")
    if isinstance(index, range):
        return list(index)
    return [raw_index(i) for i in index] if isinstance(index, list) and any(isinstance(i, Tensor) for i in index) else index


def is_basic(index):
    """Whether NumPy makes a view: ints, slices, None and Ellipsis only."""
    return all(i is None or i is Ellipsis or isinstance(i, (int, slice)) and not isinstance(i, bool) for i in (index if isinstance(index, tuple) else (index,)))


@op(view=True, method=False, cases=[Case([3, 4], (1, slice(None))), Case([3, 4], (slice(None), slice(1, None, 2))), Case([3, 4], (None, Ellipsis, 2)),
                                    Case([3, 4], ([2, 0, 2],)), Case([3, 4], ([[True, False, True, True], [False] * 4, [True] * 4],))])
def getitem(xp, x, /, index):
    """`x[index]`: ints, slices with steps, None, Ellipsis, integer and boolean arrays, mixed.

    Math:   out = x[index];   d x = zeros with g added at index
    """
    return x[tuple(xp.asarray(i) if isinstance(i, list) else i for i in index) if isinstance(index, tuple) else xp.asarray(index) if isinstance(index, list) else index]


getitem.vjp(x=lambda F, g, x_shape, index: F.embed(g, x_shape, index))


@op(method=False)
def embed(xp, x, /, shape, index):
    """Zeros of `shape` with x added at `index` (repeated indexes add up): the transpose of getitem.

    Math:   out[index] += x;   d x = g[index]
    """
    out = xp.zeros(shape, x.dtype)
    if is_basic(index):
        out[index] = x
    else:
        xp.add.at(out, tuple(xp.asarray(i) if isinstance(i, list) else i for i in index) if isinstance(index, tuple) else xp.asarray(index), x)
    return out


embed.vjp(x=lambda F, g, index: F.getitem(g, index))


@composite(operator="[]", method=False)
def index_tensor(F, input, index):
    """What `x[index]` calls.

    Math:   out = x[index]
    """
    return F.getitem(input, raw_index(index))


@op(method=False)
def zero_at(xp, x, /, index):
    """x with zeros at index: the part of a cotangent that `x[index] = v` lets through.

    Math:   out = x, 0 at index;   d x = zero_at(g)
    """
    out = xp.array(x)
    out[index] = 0
    return out


zero_at.vjp(x=lambda F, g, index: F.zero_at(g, index))


@op(method=False)
def setitem(xp, x, value, /, index):
    """A copy of x with value at index (`x[index] = value` writes in place and records this).

    Math:   out = x, value at index;   d x = g, 0 at index,   d value = g[index]
    """
    out = xp.array(x)
    out[index] = value
    return out


setitem.vjp(x=lambda F, g, index: F.zero_at(g, index), value=lambda F, g, index: F.getitem(g, index))


def assign(x, index, value):
    """`x[index] = value`, in place."""
    check_writable("setitem", x)
    index = raw_index(index)
    if not isinstance(value, Tensor):
        value = Tensor(x.device.asarray(value, dtype=x.array.dtype), x.device)
    if value.device is not x.device:
        value = value.to(x.device)
    if value.array.dtype is not x.array.dtype:
        value = value.to(x.dtype)
    node = None
    if mode.recording and (x.node is not None or value.node is not None):
        broadcast = functional.broadcast_to(value, x.array[index].shape) if value.shape != x.array[index].shape else value
        node = setitem.record([x, broadcast], [x.array, broadcast.array], (None,), {"index": index}, x.device)
    try:
        x.array[index] = value.array
    except (IndexError, ValueError) as error:
        kind = IndexOutOfRange if isinstance(error, IndexError) else ShapeError
        raise kind(f"setitem: {error}, got a value of shape {value.shape} for x[{index!r:.60}] with x of shape {x.shape}. "
                   "The value must broadcast to the indexed part.") from error
    written(x, node)


Tensor.__setitem__ = assign  # type: ignore[method-assign]


def copy_(self, source, non_blocking=False):
    """Write source's values (broadcast, converted) into this tensor, with gradients flowing to source."""
    assign(self, Ellipsis, source)
    return self


def fill_(self, value):
    """Write one value everywhere."""
    assign(self, Ellipsis, value)
    return self


Tensor.copy_, Tensor.fill_, Tensor.zero_ = copy_, fill_, lambda self: fill_(self, 0)  # type: ignore[attr-defined]


@composite(cases=[Case([3, 4], 0, 1, 2), Case([3, 4], -1, 0, 3)])
def narrow(F, input, dim, start, length):
    """`length` elements from `start` along dim, a view.

    Math:   out = x[..., start:start + length, ...]
    """
    d = dim % input.ndim
    return F.getitem(input, (slice(None),) * d + (slice(start, start + length),))


@composite(cases=[Case([3, 4], 0, 1), Case([3, 4], -1, -1)])
def select(F, input, dim, index):
    """One element along dim, which goes away; a view.

    Math:   out = x[..., index, ...]
    """
    return F.getitem(input, (slice(None),) * (dim % input.ndim) + (index,))


@composite(cases=[Case([3, 4]), Case([2, 3], 1)])
def unbind(F, input, dim=0):
    """A tuple of all elements along dim.

    Math:   out_i = x[..., i, ...]
    """
    return tuple(F.select(input, dim, i) for i in range(input.shape[dim]))


@composite(cases=[Case([5, 2], 2), Case([5, 2], (1, 4)), Case([2, 4], 2, dim=1)])
def split(F, input, split_size_or_sections, dim=0):
    """Pieces along dim: of one size (the last may be smaller), or of the sizes given.

    Math:   out = consecutive slices of x
    """
    n, sizes = input.shape[dim], split_size_or_sections
    if isinstance(sizes, int):
        if sizes <= 0:
            raise ShapeError(f"split: the size must be positive, got {sizes}. Give how many elements each piece has.")
        sizes = [min(sizes, n - i) for i in range(0, n, sizes)] or [0]
    if sum(sizes) != n:
        raise ShapeError(f"split: sizes must add up to {n} along dim {dim}, got {tuple(sizes)}. Change the sizes.")
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(F.narrow(input, dim, start, size) for start, size in zip(starts, sizes))


@composite(cases=[Case([5, 2], 2), Case([2, 6], 3, 1)])
def chunk(F, input, chunks, dim=0):
    """At most `chunks` pieces of equal size along dim (the last may be smaller).

    Math:   out = consecutive slices of x
    """
    return F.split(input, max(1, -(-input.shape[dim] // chunks)), dim)


@op(variadic=True, types="promote", method=False, cases=[Case((Array(2, 3), Array(1, 3))), Case((Array(2, 3), Array(2, 2)), 1), Case((Array(2), Array(3), Array(1)), -1)])
def cat(xp, tensors, /, dim=0):
    """Tensors joined along an existing dim.

    Math:   out = [x_1, x_2, ...];   d x_i = its slice of g
    Shape:  equal but for dim
    """
    return xp.concatenate(tensors, axis=dim)


def cat_vjp(F, g, tensors_shape, dim):
    pieces, start = [], 0
    for shape in tensors_shape:
        pieces.append(F.narrow(g, dim, start, shape[dim]))
        start += shape[dim]
    return pieces


cat.vjp(tensors=cat_vjp)


@op(variadic=True, types="promote", method=False, cases=[Case((Array(2, 3), Array(2, 3))), Case((Array(2, 3), Array(2, 3)), -1), Case((Array(), Array(), Array()), 0)])
def stack(xp, tensors, /, dim=0):
    """Tensors of one shape joined along a new dim.

    Math:   out[i] = x_i;   d x_i = g[i]
    """
    return xp.stack(tensors, axis=dim)


stack.vjp(tensors=lambda F, g, tensors_shape, dim: [F.select(g, dim, i) for i in range(len(tensors_shape))])


def check_index(name, index, size, dim):
    if index.size and (int(index.min()) < 0 or int(index.max()) >= size):
        raise IndexOutOfRange(f"{name}: index must be in [0, {size - 1}] along dim {dim}, got values from {int(index.min())} to {int(index.max())}. Correct the index.")


def positions(xp, index, dim, shape):
    """The full integer index of `index` along dim, with its own coordinates elsewhere."""
    grid = list(xp.indices(index.shape, sparse=True))
    grid[dim % len(shape)] = index
    return tuple(grid)


@op(method=False)
def take_at(xp, x, index, /, dim):
    """`gather`, with the tensors first.

    Math:   out[i, j] = x[i, index[i, j]] (dim 1);   d x = g added at index
    """
    check_index("gather", index, x.shape[dim] if x.ndim else 1, dim)
    return x[positions(xp, index, dim, x.shape)] if x.ndim else xp.array(x)


take_at.vjp(x=lambda F, g, index, x_shape, dim: F.scatter_zeros(g, index, dim, x_shape), index=None)


@composite(cases=[Case([3, 4], 1, ints(3, 2, high=4)), Case([3, 4], 0, ints(2, 4, high=3))])
def gather(F, input, dim, index):
    """Values picked along dim.

    Math:   out[i, j] = input[i, index[i, j]] (dim 1)
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
    check_index("scatter_add", index, x.shape[dim], dim)
    out = xp.array(x)
    xp.add.at(out, positions(xp, index, dim, x.shape), src)
    return out


add_at.vjp(x=lambda g: g, index=None, src=lambda F, g, index, dim: F.take_at(g, index, dim))


def leading(F, src, index):
    """The part of src that index has a place for."""
    return src if src.shape == index.shape else F.getitem(src, tuple(slice(n) for n in index.shape))


@composite(inplace=True, cases=[Case([3, 4], 1, ints(3, 2, high=4), [3, 2]), Case([3, 4], 0, ints(2, 4, high=3), [3, 4], torch=False)])
def scatter_add(F, input, dim, index, src):
    """input with src added at index along dim.

    Math:   out[i, index[i, j]] += src[i, j] (dim 1)
    """
    return F.add_at(input, index, leading(F, src, index), dim)


@op(method=False, types="promote", plain=("index",))
def put_at(xp, x, index, src, /, dim):
    """`scatter`, with the tensors first.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1);   d x = g, 0 at index,   d src = take_at(g)
    """
    check_index("scatter", index, x.shape[dim], dim)
    out = xp.array(x)
    out[positions(xp, index, dim, x.shape)] = src
    return out


put_at.vjp(x=lambda F, g, index, dim: F.put_at(g, index, 0.0, dim), index=None, src=lambda F, g, index, dim: F.take_at(g, index, dim))


@composite(inplace=True, cases=[Case([3, 4], 1, Array(values=[[0, 1], [3, 2], [1, 0]]), [3, 2]), Case([3, 4], 1, Array(values=[[0, 1], [3, 2], [1, 0]]), 0.5)])
def scatter(F, input, dim, index, src=None, value=None):
    """input with src (a tensor) or value (a number) written at index along dim.

    Math:   out[i, index[i, j]] = src[i, j] (dim 1)
    """
    src = value if src is None else src
    return F.put_at(input, index, leading(F, src, index) if hasattr(src, "shape") else src, dim)


@composite(cases=[Case([3, 4], 1, ints(5, high=4)), Case([3, 4], 0, ints(2, high=3))])
def index_select(F, input, dim, index):
    """Elements along dim by number.

    Math:   out = x[..., index, ...]
    """
    index = raw_index(index)
    check_index("index_select", index, input.shape[dim], dim)
    return F.getitem(input, (slice(None),) * (dim % input.ndim) + (index,))


@composite(cases=[Case([3, 4], bools(3, 4))])
def masked_select(F, input, mask):
    """Elements where mask is True, in a row.

    Math:   out = x[mask]
    """
    if input.shape != mask.shape:
        shape = (input * 0 + mask.to(input.dtype) * 0).shape
        input, mask = F.broadcast_to(input, shape), F.broadcast_to(mask, shape)
    return F.getitem(input, raw_index(mask))


@op(differentiable=False, method=False, cases=[])
def nonzero_matrix(xp, x, /):
    """Coordinates of non-zero elements, one a row.

    Math:   out = {i : x_i != 0}
    """
    return xp.stack(xp.nonzero(x), -1) if x.ndim else xp.zeros((int(bool(x)), 0), "int64")


@composite(cases=[Case(ints(2, 3, high=2), grad=False)])
def nonzero(F, input, as_tuple=False):
    """Coordinates of non-zero elements, one a row; `as_tuple`: one tensor per dim.

    Math:   out = {i : x_i != 0}
    """
    found = F.nonzero_matrix(input)
    return F.unbind(found, 1) if as_tuple else found


@op(method=False, differentiable=False, cases=[Case(ints(4, high=3), 3), Case(ints(2, 2, high=3), 5)])
def one_hot(xp, x, /, num_classes=-1):
    """Rows of an identity matrix.

    Math:   out[i, c] = [x_i = c]
    """
    n = int(x.max()) + 1 if num_classes == -1 else num_classes
    check_index("one_hot", x, n, -1)
    return (x[..., None] == xp.arange(n)).astype("int64")


@op(method=False, cases=[Case(ints(2, 3, high=5), [5, 4]), Case(ints(3, low=1, high=5), [5, 2], padding_idx=0)])
def embedding(xp, input, weight, /, padding_idx=None):
    """Rows of a table.

    Math:   out_i = weight[input_i];   d weight = g added at input (nothing at padding_idx)
    Shape:  input any shape of integers, weight (V, D), out (*, D)
    """
    check_index("embedding", input, weight.shape[0], 0)
    return weight[input]


def embedding_vjp(F, g, input, weight_shape, padding_idx):
    if padding_idx is not None:
        g = g * F.cast_like(F.unsqueeze(input != padding_idx % weight_shape[0], -1), g)
    return F.embed_rows(g, input, weight_shape)


embedding.vjp(input=None, weight=embedding_vjp)


@op(method=False)
def embed_rows(xp, x, index, /, shape):
    """Zeros of `shape` with rows of x added at index: the transpose of taking rows.

    Math:   out[index_i] += x_i;   d x = g[index]
    """
    out = xp.zeros(shape, x.dtype)
    xp.add.at(out, index, x)
    return out


embed_rows.vjp(x=lambda F, g, index: F.embedding(index, g), index=None)
