"""Movement: shapes change, values do not. Most results are views on the same memory."""

from __future__ import annotations

import weakref

from ...engine.backward import functional
from ...engine.case import Array, Case
from ...engine.errors import ShapeError, check_dim
from ...engine.op import composite, op
from ...engine.tensor import Tensor
from ...engine.views import check_writable


@op(
    view=True,
    varargs="shape",
    cases=[Case([2, 6], (3, 4)), Case([2, 6], (-1, 3)), Case([], (1, 1)), Case([0, 3], (3, 0))],
)
def reshape(xp, x, /, shape):
    """Another shape of the same elements; a view where the memory layout allows it.

    Math:   out = x;   d x = g in x's shape
    """
    return x.reshape(shape)


reshape.vjp(x=lambda F, g, x_shape: F.reshape(g, x_shape))


def shares_memory(a, b):
    """Whether two Tensors (or raw arrays, of which NumPy tells) look into the same memory."""
    if not hasattr(a, "device"):
        return not b.flags.owndata
    return a.device.storage(a.array) is b.device.storage(b.array)


@composite(cases=[Case([2, 6], (3, 4)), Case([2, 6], (-1, 3))])
def view(F, input, *shape):
    """`reshape` that never copies.

    Math:   out = x
    Raises: ShapeError if the memory layout does not allow a view
    """
    shape = shape[0] if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else shape
    if len(shape) == 1 and not isinstance(shape[0], int):
        raise ShapeError("view: needs sizes, got a dtype. Use x.to(dtype).")
    out = F.reshape(input, tuple(shape))
    array, source = getattr(out, "array", out), getattr(input, "array", input)
    if array.size and not source.flags.c_contiguous and not shares_memory(input, out):
        raise ShapeError(
            f"view: the memory layout of shape {tuple(input.shape)} does not allow {tuple(shape)}"
            " without a copy. Use reshape()."
        )
    return out


@composite(cases=[Case([2, 6], [3, 4])])
def view_as(F, input, other):
    """`view` with other's shape.

    Math:   out = x
    """
    return F.view(input, *other.shape)


@composite(cases=[Case([2, 6], [3, 4])])
def reshape_as(F, input, other):
    """`reshape` to other's shape.

    Math:   out = x
    """
    return F.reshape(input, other.shape)


@composite(cases=[Case([2, 3, 4]), Case([2, 3, 4], 1), Case([2, 3, 4], 0, 1), Case([])])
def flatten(F, input, start_dim=0, end_dim=-1):
    """Dims start_dim..end_dim as one.

    Math:   out = x
    """
    shape, n = tuple(input.shape), input.ndim
    if not n:
        return F.reshape(input, (1,))
    if not (-n <= start_dim < n and -n <= end_dim < n):
        raise ShapeError(
            f"flatten: start_dim and end_dim must be in [{-n}, {n - 1}], got {start_dim} and"
            f" {end_dim}. Count from 0 or back from -1."
        )
    a, b = start_dim % n, end_dim % n
    if a > b:
        raise ShapeError(
            f"flatten: start_dim must not come after end_dim, got {start_dim} and {end_dim}. Swap"
            " them."
        )
    size = 1
    for s in shape[a : b + 1]:
        size *= s
    return F.reshape(input, (*shape[:a], size, *shape[b + 1 :]))


@composite(cases=[Case([2, 12], 1, (3, 4)), Case([6], 0, (2, -1))])
def unflatten(F, input, dim, sizes):
    """One dim as several.

    Math:   out = x
    """
    d = check_dim("unflatten", dim, input.ndim)
    if not len(sizes):
        raise ShapeError(
            "unflatten: sizes must not be empty, got (). Give the sizes that the dim becomes."
        )
    return F.reshape(input, (*input.shape[:d], *sizes, *input.shape[d + 1 :]))


@composite(cases=[Case([2, 1, 3]), Case([2, 1, 3], 1), Case([2, 1, 3], 0), Case([1, 2, 1], (0, 2))])
def squeeze(F, input, dim=None):
    """Drop dims of size 1: all of them, or those named.

    Math:   out = x
    """
    n = input.ndim
    dims = range(n) if dim is None else (dim if isinstance(dim, (tuple, list)) else (dim,))
    for d in dims:
        if not -max(n, 1) <= d < max(n, 1):
            raise ShapeError(
                f"squeeze: dim must be in [{-n}, {n - 1}], got {d}. Count from 0 or back from -1."
            )
    drop = {d % n for d in dims} if n else set()
    return F.reshape(
        input, tuple(s for i, s in enumerate(input.shape) if not (i in drop and s == 1))
    )


@op(view=True, cases=[Case([2, 3], 0), Case([2, 3], -1), Case([], 0)])
def unsqueeze(xp, x, /, dim):
    """A new dim of size 1 at `dim`.

    Math:   out = x;   d x = g in x's shape
    """
    return xp.expand_dims(x, dim)


unsqueeze.vjp(x=lambda F, g, x_shape: F.reshape(g, x_shape))


@op(view=True, varargs="dims", cases=[Case([2, 3, 4], (2, 0, 1)), Case([2, 3, 4], (-1, 0, 1))])
def permute(xp, x, /, dims):
    """Dims in another order.

    Math:   out = x;   d x = g, permuted back
    """
    return xp.transpose(x, dims)


def inverse(dims):
    n = len(dims)
    order = [d % n for d in dims]
    return tuple(order.index(i) for i in range(n))


permute.vjp(x=lambda F, g, dims: F.permute(g, inverse(dims)))


@op(view=True, inplace=False, cases=[Case([2, 3, 4], 0, 1), Case([2, 3, 4], -1, 0)])
def transpose(xp, x, /, dim0, dim1):
    """Two dims exchanged.

    Math:   out = x^T;   d x = g^T
    """
    return xp.swapaxes(x, dim0, dim1) if x.ndim else x


transpose.vjp(x=lambda F, g, dim0, dim1: F.transpose(g, dim0, dim1))


@composite(cases=[Case([2, 3]), Case([3])])
def t(F, input):
    """Transpose of a matrix.

    Math:   out = x^T
    """
    if input.ndim > 2:
        raise ShapeError(
            f"t: needs at most 2 dims, got shape {tuple(input.shape)}. Use transpose() or mT."
        )
    return F.transpose(input, 0, 1) if input.ndim == 2 else input


def reversed_dims(self):
    """All dims in reverse order: the transpose of a matrix."""
    return functional.permute(self, tuple(range(self.ndim))[::-1])  # type: ignore[attr-defined]


def matrix_transpose(self):
    """The last two dims exchanged: the transpose of each matrix of a stack."""
    if self.ndim < 2:
        raise ShapeError(f"mT: needs at least 2 dims, got shape {self.shape}. Unsqueeze it first.")
    return functional.transpose(self, -2, -1)  # type: ignore[attr-defined]


Tensor.T = Tensor.H = property(reversed_dims)  # type: ignore[attr-defined]
Tensor.mT = Tensor.mH = property(matrix_transpose)  # type: ignore[attr-defined]


@composite(cases=[Case([2, 3, 4], 0, 2), Case([2, 3, 4], (0, 1), (1, 2))])
def movedim(F, input, source, destination):
    """Dims moved to other places, the rest in order.

    Math:   out = x
    """
    n = input.ndim
    source, destination = (
        [check_dim("movedim", d, n) for d in (v if isinstance(v, (tuple, list)) else (v,))]
        for v in (source, destination)
    )
    if (
        len(source) != len(destination)
        or len(set(source)) < len(source)
        or len(set(destination)) < len(destination)
    ):
        raise ShapeError(
            f"movedim: source and destination must be as many different dims, got {source} and"
            f" {destination}. Name each once."
        )
    if not n:
        return input
    order = [d for d in range(n) if d not in source]
    for to, frm in sorted(zip(destination, source)):
        order.insert(to, frm)
    return F.permute(input, tuple(order))


@op(view=True, method=True, cases=[Case([3], (2, 3)), Case([2, 1], (2, 3)), Case([], (2, 2))])
def broadcast_to(xp, x, /, shape):
    """Repeated along new and size-1 dims, without a copy.

    Math:   out = x;   d x = g, summed back
    """
    return xp.broadcast_to(x, shape)


broadcast_to.vjp(x=lambda F, g, x_shape: F.sum_to(g, x_shape))


@composite(cases=[Case([2, 1], (2, 3)), Case([3], (2, -1))])
def expand(F, input, *sizes):
    """`broadcast_to` where -1 keeps a size.

    Math:   out = x
    """
    sizes = tuple(sizes[0] if len(sizes) == 1 and isinstance(sizes[0], (tuple, list)) else sizes)
    lead = len(sizes) - input.ndim
    if lead < 0 or any(s == -1 for s in sizes[:lead]):
        raise ShapeError(
            f"expand: sizes must cover all {input.ndim} dims (-1 only for existing ones), got"
            f" {sizes} for shape {tuple(input.shape)}. Add the missing sizes."
        )
    return F.broadcast_to(
        input, tuple(input.shape[i - lead] if s == -1 else s for i, s in enumerate(sizes))
    )


@composite(cases=[Case([2, 1], [2, 3])])
def expand_as(F, input, other):
    """`expand` to other's shape.

    Math:   out = x
    """
    return F.broadcast_to(input, other.shape)


@composite(cases=[Case([2, 3], (2, 1)), Case([3], (2, 2))])
def repeat(F, input, *repeats):
    """The tensor tiled: dims may be added in front.

    Math:   out = x, repeats_i times along dim i
    """
    repeats = tuple(
        repeats[0] if len(repeats) == 1 and isinstance(repeats[0], (tuple, list)) else repeats
    )
    lead = len(repeats) - input.ndim
    if lead < 0:
        raise ShapeError(
            f"repeat: needs a number per dim ({input.ndim}), got {repeats}. Add ones in front."
        )
    shape = (1,) * lead + tuple(input.shape)
    wide = F.broadcast_to(
        F.reshape(input, tuple(v for s in shape for v in (1, s))),
        tuple(v for r, s in zip(repeats, shape) for v in (r, s)),
    )
    return F.reshape(wide, tuple(r * s for r, s in zip(repeats, shape)))


@composite(cases=[Case([2, 3], (2,)), Case([3], (2, 2))])
def tile(F, input, *dims):
    """`repeat`, with ones filled in front where dims are missing.

    Math:   out = x, dims_i times along dim i
    """
    dims = tuple(dims[0] if len(dims) == 1 and isinstance(dims[0], (tuple, list)) else dims)
    return F.repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@op(varargs="dims", cases=[Case([2, 3], (0,)), Case([2, 3, 2], (0, -1))])
def flip(xp, x, /, dims):
    """Reversed along dims.

    Math:   out = x backwards;   d x = g backwards
    """
    return xp.ascontiguousarray(xp.flip(x, dims)) if dims != () else xp.array(x)


flip.vjp(x=lambda F, g, dims: F.flip(g, dims))


@op(cases=[Case([2, 3], 1), Case([2, 3], (1, -1), (0, 1)), Case([2, 3], 2, 1)])
def roll(xp, x, /, shifts, dims=None):
    """Shifted around: what leaves at the end comes in at the start.

    Math:   out_i = x_(i - shift);   d x = g rolled back
    """
    return xp.roll(x, shifts, dims)


roll.vjp(
    x=lambda F, g, shifts, dims: F.roll(
        g, tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts, dims
    )
)


@composite(cases=[Case([2, 3])])
def contiguous(F, input):
    """The tensor itself if its memory is in order, else a copy.

    Math:   out = x
    """
    return input if getattr(input, "array", input).flags.c_contiguous else F.clone_contiguous(input)


@op(method=False)
def clone_contiguous(xp, x, /):
    """A copy in row-major order.

    Math:   out = x;   d x = g
    """
    return xp.ascontiguousarray(x)


clone_contiguous.vjp(x=lambda g: g)


@composite(method=False, cases=[Case([2, 1], [3]), Case([1], [2, 3], [])])
def broadcast_tensors(F, *tensors):
    """Tensors repeated to one common shape, without copies.

    Math:   out_k = x_k
    """
    shape = F.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(x if tuple(x.shape) == shape else F.broadcast_to(x, shape) for x in tensors)


@composite(method=False, cases=[Case((2, 1), (3,), grad=False), Case((), (4, 1), grad=False)])
def broadcast_shapes(F, *shapes):
    """The shape that tensors of these shapes broadcast to.

    Math:   out_d = the size that is not 1
    """
    shapes = [(shape,) if isinstance(shape, int) else tuple(shape) for shape in shapes]
    out = []
    for d in range(-max(map(len, shapes), default=0), 0):
        sizes = {shape[d] for shape in shapes if len(shape) >= -d} - {1}
        if len(sizes) > 1:
            raise ShapeError(
                "broadcast_shapes: sizes must be equal or 1, counted from the last dim, got"
                f" {shapes}. Reshape or unsqueeze one of them."
            )
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


@composite(
    cases=[
        Case([2, 3], 2),
        Case([2, 3], 2, 1),
        Case([3], Array(values=[1, 0, 2])),
        Case([2, 3], Array(values=[2, 1]), 0),
    ]
)
def repeat_interleave(F, input, repeats=None, dim=None, *, output_size=None):
    """Each element `repeats` times, one after the other; one number for all, or one per element.

    Math:   out = x_0, x_0, x_1, x_1, ... (along dim, or of the flattened tensor)
    Note:   repeat_interleave(repeats) alone gives the indexes
    """
    xp = input.device.xp
    if repeats is None:
        counts = input.array
        if counts.ndim != 1 or counts.dtype.kind not in "iu" or (counts < 0).any():
            raise ShapeError(
                "repeat_interleave: repeats must be a vector of whole numbers of 0 or more, got"
                f" {input.dtype.name} {tuple(input.shape)}. Correct it."
            )
        return Tensor(xp.repeat(xp.arange(counts.size), counts), input.device)
    if dim is None:
        input, dim = F.reshape(input, (-1,)), 0
    d = check_dim("repeat_interleave", dim, input.ndim)
    n = input.shape[d] if input.ndim else 1
    counts = repeats.array if hasattr(repeats, "array") else xp.asarray(repeats)
    if counts.ndim > 1 or counts.size not in (1, n) or (counts < 0).any():
        raise ShapeError(
            f"repeat_interleave: repeats must be one number of 0 or more, or {n} of them, got"
            f" {counts.tolist()!r:.80}. Correct it."
        )
    return F.index_select(
        F.atleast_1d(input), d, Tensor(xp.repeat(xp.arange(n), counts.reshape(-1)), input.device)
    )


@composite(cases=[Case([2, 3])])
def flipud(F, input):
    """Rows in reverse order.

    Math:   out = x backwards along dim 0
    """
    if not input.ndim:
        raise ShapeError("flipud: needs at least one dim, got a 0-d tensor. Use it as it is.")
    return F.flip(input, (0,))


@composite(cases=[Case([2, 3])])
def fliplr(F, input):
    """Columns in reverse order.

    Math:   out = x backwards along dim 1
    """
    if input.ndim < 2:
        raise ShapeError(
            f"fliplr: needs at least two dims, got shape {tuple(input.shape)}. Use flipud() for a"
            " vector."
        )
    return F.flip(input, (1,))


@composite(cases=[Case([2, 3]), Case([2, 3], 2), Case([2, 3], -1), Case([2, 3, 2], 3, (1, 2))])
def rot90(F, input, k=1, dims=(0, 1)):
    """Turned by k quarter turns, from the first of two dims towards the second.

    Math:   out = x turned
    """
    if len(dims) != 2 or check_dim("rot90", dims[0], input.ndim) == check_dim(
        "rot90", dims[1], input.ndim
    ):
        raise ShapeError(
            f"rot90: dims must be two different dims, got {tuple(dims)} for shape"
            f" {tuple(input.shape)}. Name two."
        )
    a, b = dims
    turns = k % 4
    if turns == 0:
        return F.clone(input)
    if turns == 2:
        return F.flip(input, (a, b))
    return (
        F.flip(F.transpose(input, a, b), (a,))
        if turns == 1
        else F.transpose(F.flip(input, (a,)), a, b)
    )


@composite(cases=[Case([2, 3])])
def ravel(F, input):
    """All elements in a row; a view where the memory layout allows it.

    Math:   out = x
    """
    return F.reshape(input, (-1,))


def at_least(n, place):
    def body(F, *tensors):
        """Dims of size 1 added where there are fewer than so many."""
        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            return tuple(
                F.reshape(x, place(tuple(x.shape))) if x.ndim < n else x for x in tensors[0]
            )
        many = tuple(F.reshape(x, place(tuple(x.shape))) if x.ndim < n else x for x in tensors)
        return many[0] if len(many) == 1 else many

    body.__name__, body.__doc__ = (
        f"atleast_{n}d",
        (
            f"Dims of size 1 added to a tensor, or each of several, with fewer than {n}.\n\nMath:  "
            " out = x"
        ),
    )
    composite(
        body,
        method=False,
        cases=[Case([]), Case([2]), Case([2, 3]), Case([2, 3, 2]), Case([], [2])],
    )


at_least(1, lambda shape: (1,))
at_least(2, lambda shape: (1, *shape) if shape else (1, 1))
at_least(3, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)])


@op(
    view=True,
    cases=[Case([3, 4], (2, 2), (1, 2)), Case([6], (2, 3), (1, 1), 1), Case([3, 4], (), ())],
)
def as_strided(xp, x, /, size, stride, storage_offset=None):
    """A view with sizes and strides of your own on a contiguous tensor; elements may appear more
    than once.

    Math:   out_i = x.flat[storage_offset + sum_d i_d stride_d];   d x = g added where each element
            came from
    Args:   stride, storage_offset: in elements
    """
    offset = storage_offset or 0
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    if (
        len(size) != len(stride)
        or any(v < 0 for v in (*size, *stride, offset))
        or (0 not in size and last >= x.size)
        or not x.flags.c_contiguous
    ):
        raise ShapeError(
            f"as_strided: size {tuple(size)}, stride {tuple(stride)} and storage_offset {offset}"
            f" must stay within a contiguous tensor of {x.size} elements, got shape {x.shape}. Make"
            " it contiguous() or the sizes smaller."
        )
    return xp.lib.stride_tricks.as_strided(
        x.reshape(-1)[offset:], size, tuple(s * x.itemsize for s in stride)
    )


@op(method=False)
def strided_back(xp, x, /, shape, stride, offset):
    """Zeros of `shape` with x added where as_strided took it from.

    Math:   out.flat[offset + sum_d i_d stride_d] += x_i;   d x = as_strided(g)
    """
    out = xp.zeros(shape, x.dtype)
    places = offset + sum(
        (i * s for i, s in zip(xp.indices(x.shape, sparse=True), stride)),
        xp.zeros(x.shape, "int64"),
    )
    xp.add.at(out.reshape(-1), places, x)
    return out


as_strided.vjp(
    x=lambda F, g, x_shape, stride, storage_offset: F.strided_back(
        g, x_shape, stride, storage_offset or 0
    )
)
strided_back.vjp(
    x=lambda F, g, x_shape, stride, offset: F.as_strided(F.contiguous(g), x_shape, stride, offset)
)


def changed_in_place(name):
    """`name_`: the tensor itself takes the new shape, over the same memory."""

    def method(self, *args, **kwargs):
        check_writable(name + "_", self)
        old = Tensor(self.array, self.device, self.node)
        old.base, old.steps, old.views = self.base, self.steps, self.views
        for reference in old.views or ():  # views of this tensor look at its old shape from now on
            if reference() is not None:
                reference().base = old
        new = getattr(functional, name)(old, *args, **kwargs)
        self.array, self.node, self.base, self.steps, self.views = (
            new.array,
            new.node,
            new.base,
            new.steps,
            None,
        )
        if self.base is not None:
            self.base.views.append(weakref.ref(self, self.base.views.remove))
        return self

    method.__name__, method.__doc__ = (
        name + "_",
        f"In-place version of {name}: the tensor itself changes shape.",
    )
    setattr(Tensor, name + "_", method)


for _name in ("squeeze", "unsqueeze", "transpose", "t"):
    changed_in_place(_name)
Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_  # type: ignore[attr-defined]


@composite(cases=[Case([2, 3, 4])])
def adjoint(F, input):
    """The last two dims exchanged.

    Math:   out = x^T
    """
    return F.transpose(input, -2, -1)
