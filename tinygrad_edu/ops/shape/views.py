"""Movement: shapes change, values do not. Most results are views of the same memory."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ...engine.border import public
from ...engine.case import Case
from ...engine.composite import composite
from ...engine.device import functional
from ...engine.dtype import as_dtype
from ...engine.errors import IndexOutOfRange, ShapeError, check_dim
from ...engine.op import Array, Sizes, op, piece
from ...engine.tensor import Tensor
from ...engine.views import add_view, check_writable, living


def check_sizes(name, shape):
    if shape and min(shape) < -1:
        raise ShapeError(
            f"{name}: sizes must be 0 or more, or -1 for the one to be worked out, got"
            f" {tuple(shape)}. Correct them."
        )


@op(
    view=True,
    cases=[Case([2, 6], (3, 4)), Case([2, 6], (-1, 3)), Case([], (1, 1)), Case([0, 3], (3, 0))],
)
def reshape(xp, input: Array, shape: Sizes):
    """Another shape of the same elements; a view where the memory layout allows it.

    Math:   out = input;   d input = g in input's shape
    """
    out = input.reshape(shape)
    if out.shape != shape:  # the array library takes any negative size for -1
        check_sizes("reshape", shape)
    return out


reshape.vjp(input=lambda F, g, input_shape: F.reshape(g, input_shape))


def owner(array):
    """The array at the end of the chain of bases."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


@op(view=True, cases=[Case([2, 6], (3, 4)), Case([2, 6], (-1, 3))], also={"size": "shape"})
def view(xp, input: Array, shape: Sizes = (), *, dtype=None):
    """`reshape` that never copies; with a dtype: the same bytes read as that dtype.

    Math:   out = input;   d input = g in input's shape
    Args:   dtype: elements of another size change the last size (torch.view(dtype)); no gradient
            flows unless it is input's own
    Raises: ShapeError if the memory layout does not allow a view
    """
    if dtype is not None:
        return input.view(as_dtype(dtype).numpy)
    try:
        out = input.reshape(shape)
    except TypeError:
        if hasattr(shape[0], "__index__"):
            raise
        return input.view(as_dtype(shape[0]).numpy)
    base = input.base
    copied = out.base is not (input if base is None else base)
    if copied and not input.flags.c_contiguous and out.size and owner(out) is not owner(input):
        raise ShapeError(
            f"view: the memory layout of shape {input.shape} does not allow {tuple(shape)} without"
            " a copy. Use reshape()."
        )
    if out.shape != shape:
        check_sizes("view", shape)
    return out


view.vjp(input=lambda F, g, input_shape: F.reshape(g, input_shape))


@composite(cases=[Case([2, 6], [3, 4])])
def view_as(F, input: Tensor, other: Tensor) -> Tensor:
    """`view` with other's shape.

    Math:   out = input
    """
    return F.view(input, tuple(other.shape))


@composite(cases=[Case([2, 6], [3, 4])])
def reshape_as(F, input: Tensor, other: Tensor) -> Tensor:
    """`reshape` to other's shape.

    Math:   out = input
    """
    return F.reshape(input, tuple(other.shape))


@composite(cases=[Case([2, 3, 4]), Case([2, 3, 4], 1), Case([2, 3, 4], 0, 1), Case([])])
def flatten(F, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """Dims start_dim..end_dim as one; the tensor itself if that is one dim already.

    Math:   out = input
    """
    shape, n = tuple(input.shape), input.ndim
    a, b = check_dim("flatten", start_dim, n), check_dim("flatten", end_dim, n)
    if not n:
        return F.reshape(input, (1,))
    if a > b:
        raise ShapeError(
            f"flatten: start_dim must not come after end_dim, got {start_dim} and {end_dim}. Swap"
            " them."
        )
    if a == b:
        return input
    return F.reshape(input, (*shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :]))


@composite(cases=[Case([2, 12], 1, (3, 4)), Case([6], 0, (2, -1))])
def unflatten(F, input: Tensor, dim: int, sizes: Sequence[int]) -> Tensor:
    """One dim as several.

    Math:   out = input
    """
    d = check_dim("unflatten", dim, input.ndim)
    if not input.ndim:
        raise IndexOutOfRange(
            "unflatten: needs at least one dim, got a 0-d tensor. Use reshape() instead."
        )
    if not len(sizes):
        raise ShapeError(
            "unflatten: sizes must not be empty, got (). Give the sizes that the dim becomes."
        )
    return F.reshape(input, (*input.shape[:d], *sizes, *input.shape[d + 1 :]))


@composite(cases=[Case([2, 1, 3]), Case([2, 1, 3], 1), Case([2, 1, 3], 0), Case([1, 2, 1], (0, 2))])
def squeeze(F, input: Tensor, dim: int | Sequence[int] | None = None) -> Tensor:
    """Drop dims of size 1: all of them, or those named.

    Math:   out = input
    """
    n = input.ndim
    dims = range(n) if dim is None else dim if isinstance(dim, (tuple, list)) else (dim,)
    drop = {check_dim("squeeze", d, n) for d in dims}
    return F.reshape(
        input, tuple(s for i, s in enumerate(input.shape) if not (i in drop and s == 1))
    )


@op(view=True, cases=[Case([2, 3], 0), Case([2, 3], -1), Case([], 0)])
def unsqueeze(xp, input: Array, dim: int):
    """A new dim of size 1 at `dim`.

    Math:   out = input;   d input = g in input's shape
    """
    return xp.expand_dims(input, dim)


unsqueeze.vjp(input=lambda F, g, input_shape: F.reshape(g, input_shape))


@op(view=True, cases=[Case([2, 3, 4], (2, 0, 1)), Case([2, 3, 4], (-1, 0, 1)), Case([], ())])
def permute(xp, input: Array, dims: Sizes):
    """Dims in another order.

    Math:   out = input;   d input = g, permuted back
    """
    return xp.transpose(input, dims)


def inverse(dims):
    n = len(dims)
    order = [d % n for d in dims]
    return tuple(order.index(i) for i in range(n))


permute.vjp(input=lambda F, g, dims: F.permute(g, inverse(dims)))


@op(
    view=True,
    alias=("swapaxes", "swapdims"),
    also={"axis0": "dim0", "axis1": "dim1"},
    cases=[Case([2, 3, 4], 0, 1), Case([2, 3, 4], -1, 0), Case([], 0, -1)],
)
def transpose(xp, input: Array, dim0: int, dim1: int):
    """Two dims exchanged.

    Math:   out = input^T;   d input = g^T
    """
    n = input.ndim
    if not (type(dim0) is type(dim1) is int and -n <= dim0 < n and -n <= dim1 < n):
        dim0, dim1 = check_dim("transpose", dim0, n), check_dim("transpose", dim1, n)
    return input.swapaxes(dim0, dim1) if n else input.reshape(())


transpose.vjp(input=lambda F, g, dim0, dim1: F.transpose(g, dim0, dim1))


@composite(cases=[Case([2, 3]), Case([3]), Case([])])
def t(F, input: Tensor) -> Tensor:
    """Transpose of a matrix; vectors and numbers stay as they are.

    Math:   out = input^T
    """
    if input.ndim > 2:
        raise ShapeError(
            f"t: needs at most 2 dims, got shape {tuple(input.shape)}. Use transpose() or mT."
        )
    return F.permute(input, tuple(range(input.ndim))[::-1])


def reversed_dims(self):
    """All dims in reverse order: the transpose of a matrix."""
    return permute(self, tuple(range(self.ndim))[::-1])


def matrix_transpose(self):
    """The last two dims exchanged: the transpose of each matrix of a stack."""
    if self.ndim < 2:
        raise ShapeError(f"mT: needs at least 2 dims, got shape {self.shape}. Unsqueeze it first.")
    return transpose(self, -2, -1)


Tensor.T = Tensor.H = property(reversed_dims)  # type: ignore[assignment, method-assign]
Tensor.mT = Tensor.mH = property(matrix_transpose)  # type: ignore[assignment, method-assign]


@composite(cases=[Case([2, 3, 4])])
def adjoint(F, input: Tensor) -> Tensor:
    """The last two dims exchanged.

    Math:   out = input^T
    """
    return F.transpose(input, -2, -1)


@composite(
    alias=("moveaxis",),
    cases=[Case([2, 3, 4], 0, 2), Case([2, 3, 4], (0, 1), (1, 2)), Case([], 0, -1)],
)
def movedim(
    F, input: Tensor, source: int | Sequence[int], destination: int | Sequence[int]
) -> Tensor:
    """Dims moved to other places, the rest in order.

    Math:   out = input
    """
    n = input.ndim
    start, end = (
        [check_dim("movedim", d, n) for d in (v if isinstance(v, (tuple, list)) else (v,))]
        for v in (source, destination)
    )
    once = len(set(start)) == len(start) and len(set(end)) == len(end)
    if len(start) != len(end) or not once:
        raise ShapeError(
            f"movedim: source and destination must be as many different dims, got {start} and"
            f" {end}. Name each once."
        )
    order = [d for d in range(n) if d not in start]
    for to, frm in sorted(zip(end, start)) if n else ():
        order.insert(to, frm)
    return F.permute(input, tuple(order))


# ---- stretching ----------------------------------------------------------------------------------


@op(
    view=True,
    also={"size": "shape"},
    cases=[Case([3], (2, 3)), Case([2, 1], (2, 3)), Case([], (2, 2)), Case([2], (1, 2))],
)
def broadcast_to(xp, input: Array, shape: Sizes):
    """Repeated along new and size-1 dims, without a copy.

    Math:   out = input;   d input = g, summed back
    Note:   several elements of a stretched result share one place in memory: a part whose elements
            lie apart may be written to, and one value may be written everywhere
    """
    wide = xp.broadcast_to(input, shape)
    if wide.size == input.size:
        return input.reshape(wide.shape)
    if not getattr(wide.flags, "writeable", True) and input.flags.writeable:
        wide.flags.writeable = True  # NumPy's view is read-only, CuPy has no such flag
    return wide


broadcast_to.vjp(input=lambda F, g, input_shape: F.sum_to(g, input_shape))


@composite(cases=[Case([2, 1], (2, 3)), Case([3], (2, -1))])
def expand(F, input: Tensor, size: Sizes = (), *, implicit: bool = False) -> Tensor:
    """`broadcast_to` where -1 keeps a size.

    Math:   out = input
    Args:   implicit: has no effect, as in PyTorch
    """
    size = tuple(size)
    lead = len(size) - input.ndim
    if lead < 0 or any(s == -1 for s in size[:lead]):
        raise ShapeError(
            f"expand: size must cover all {input.ndim} dims (-1 only for existing ones), got"
            f" {size} for shape {tuple(input.shape)}. Add the missing sizes."
        )
    return F.broadcast_to(
        input, tuple(input.shape[i - lead] if s == -1 else s for i, s in enumerate(size))
    )


@composite(cases=[Case([2, 1], [2, 3])])
def expand_as(F, input: Tensor, other: Tensor) -> Tensor:
    """`expand` to other's shape.

    Math:   out = input
    """
    return F.broadcast_to(input, tuple(other.shape))


@composite(method=False, cases=[Case([2, 1], [3]), Case([1], [2, 3], [])])
def broadcast_tensors(F, *tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors repeated to one common shape, without copies.

    Math:   out_k = tensor_k
    """
    shape = F.broadcast_shapes(*(x.shape for x in tensors))
    return tuple(x if tuple(x.shape) == shape else F.broadcast_to(x, shape) for x in tensors)


@composite(method=False, cases=[Case((2, 1), (3,), grad=False), Case((), (4, 1), grad=False)])
def broadcast_shapes(F, *shapes) -> tuple[int, ...]:
    """The shape that tensors of these shapes broadcast to.

    Math:   out_d = the size that is not 1
    """
    shapes = tuple([(s,) if isinstance(s, int) else tuple(s) for s in shapes])
    out = []
    for d in range(-max(map(len, shapes), default=0), 0):
        sizes = {shape[d] for shape in shapes if len(shape) >= -d} - {1}
        if len(sizes) > 1:
            raise ShapeError(
                "broadcast_shapes: sizes must be equal or 1, counted from the last dim, got"
                f" {list(shapes)}. Reshape or unsqueeze one of them."
            )
        out.append(sizes.pop() if sizes else 1)
    return tuple(out)


# ---- more dims, windows of memory ----------------------------------------------------------------


@composite(cases=[Case([2, 3])])
def ravel(F, input: Tensor) -> Tensor:
    """All elements in a row; a view where the memory layout allows it.

    Math:   out = input
    """
    return F.reshape(input, (-1,))


def at_least(n, place):
    def body(F, *tensors: Any) -> Any:
        def raised(x):
            return F.reshape(x, place(tuple(x.shape))) if x.ndim < n else x

        if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
            return tuple(map(raised, tensors[0]))
        many = tuple(map(raised, tensors))
        return many[0] if len(many) == 1 else many

    body.__name__ = f"atleast_{n}d"
    body.__doc__ = (
        f"Dims of size 1 added to a tensor, or each of several, with fewer than {n}.\n\n"
        "Math:   out = input"
    )
    return composite(
        body,
        method=False,
        cases=[Case([]), Case([2]), Case([2, 3]), Case([2, 3, 2]), Case([], [2])],
    )


atleast_1d = at_least(1, lambda shape: (1,))
atleast_2d = at_least(2, lambda shape: (1, *shape) if shape else (1, 1))
atleast_3d = at_least(
    3, lambda shape: {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}[len(shape)]
)


@op(
    view=True,
    cases=[Case([3, 4], (2, 2), (1, 2)), Case([6], (2, 3), (1, 1), 1), Case([3, 4], (), ())],
)
def as_strided(
    xp, input: Array, size: Sequence[int], stride: Sequence[int], storage_offset: int | None = None
):
    """A view with sizes and strides of your own on a contiguous tensor; elements may appear more
    than once.

    Math:   out_i = input.flat[storage_offset + sum_d i_d stride_d];   d input = g added where each
            element came from
    Args:   stride, storage_offset: in elements
    """
    offset = storage_offset or 0
    last = offset + sum((n - 1) * s for n, s in zip(size, stride))
    if (
        len(size) != len(stride)
        or any(v < 0 for v in (*size, *stride, offset))
        or (0 not in size and last >= input.size)
        or not input.flags.c_contiguous
    ):
        raise ShapeError(
            f"as_strided: size {tuple(size)}, stride {tuple(stride)} and storage_offset {offset}"
            f" must stay within a contiguous tensor of {input.size} elements, got shape"
            f" {input.shape}. Make it contiguous() or the sizes smaller."
        )
    return xp.lib.stride_tricks.as_strided(
        input.reshape(-1)[offset:], size, tuple(s * input.itemsize for s in stride)
    )


@piece(cases=[Case([2, 2], (3, 4), (1, 2), 3), Case([], (2,), (), 1)])
def strided_back(xp, input: Array, shape, stride, offset):
    """Zeros of `shape` with input added where as_strided took it from.

    Math:   out.flat[offset + sum_d i_d stride_d] += input_i;   d input = as_strided(g)
    """
    out = xp.zeros(shape, input.dtype)
    places = offset + sum(
        (i * s for i, s in zip(xp.indices(input.shape, sparse=True), stride)),
        xp.zeros(input.shape, "int64"),
    )
    xp.add.at(out.reshape(-1), places, input)
    return out


as_strided.vjp(
    input=lambda F, g, input_shape, stride, storage_offset: F.strided_back(
        g, input_shape, stride, storage_offset or 0
    )
)
strided_back.vjp(
    input=lambda F, g, input_shape, stride, offset: F.as_strided(
        F.contiguous(g), input_shape, stride, offset
    )
)


# ---- in place ------------------------------------------------------------------------------------


def changed_in_place(name):
    """`name_`: the tensor itself takes the new shape, over the same memory."""

    def method(self, *args, **kwargs):
        check_writable(name + "_", self, apart=False)
        old = Tensor(self.array, self.device, self.node)
        old.view_of = self.view_of
        new = getattr(functional, name)(old, *args, **kwargs)
        for view in living(self.views):  # they look at its old shape
            view.view_of = old, *view.view_of[1:]  # type: ignore[index]  # a view has one
            add_view(old, view)
        self.array, self.view_of, self.views = new.array, new.view_of, None
        self.set_node(new.node)
        if self.view_of is not None:
            add_view(self.view_of[0], self)
        return self

    method.__name__ = name + "_"
    method.__doc__ = f"In-place version of {name}: the tensor itself changes shape."
    setattr(Tensor, name + "_", public(method))


for _name in ("squeeze", "unsqueeze", "transpose", "t"):
    changed_in_place(_name)
Tensor.swapaxes_ = Tensor.swapdims_ = Tensor.transpose_  # type: ignore[method-assign]
