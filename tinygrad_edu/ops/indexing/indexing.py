"""Indexing: `x[...]`, `x[...] = value`, masks and coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from functools import wraps
from typing import Any, overload

from ...engine.arrays import overlaps
from ...engine.border import in_words, listed, public
from ...engine.case import Case, bools, ints, positive
from ...engine.composite import composite
from ...engine.device import functional, quiet, registry
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.graph import Node, mode
from ...engine.op import Array, piece
from ...engine.tensor import Tensor, as_tensor
from ...engine.views import check_writable, written

MOST_POWERS = 16_384  # columns of vander: one op each


def raw_index(index):
    """An index with Tensors replaced by raw arrays; the form that the `getitem` op keeps."""
    if isinstance(index, tuple):
        return tuple(raw_index(i) for i in index)
    if isinstance(index, Tensor):
        return index.array if index.array.dtype.kind != "u" else index.array.astype("bool")
    if isinstance(index, range):
        return list(index)
    return (
        [raw_index(i) for i in index]
        if isinstance(index, list) and any(isinstance(i, Tensor) for i in index)
        else index
    )


def arrays(xp, index):
    """An index with lists as arrays."""
    if isinstance(index, tuple):
        return tuple(arrays(xp, i) for i in index)
    return xp.asarray(index, dtype=None if index else "int64") if isinstance(index, list) else index


def plain_int(i):
    """An integer array without dims as an int, anything else as it is."""
    return int(i) if getattr(i, "shape", None) == () and i.dtype.kind == "i" else i


def split_index(xp, index):
    """(ints, slices and None; arrays): PyTorch applies one after the other, NumPy counts ints as
    arrays. The first is None where that is the same.
    """
    index = raw_index(index)
    if not isinstance(index, tuple):
        return None, plain_int(index)
    index = tuple(list(i) if isinstance(i, tuple) else plain_int(i) for i in index)
    if int not in map(type, index) or bool in map(type, index):
        return None, index
    index = arrays(xp, index)
    if not any(hasattr(i, "dtype") for i in index):
        return None, index
    basic: list = []
    for i in index:
        if hasattr(i, "dtype"):  # a mask covers as many dims as it has
            basic += [slice(None)] * (i.ndim if i.dtype.kind == "b" else 1)
        else:
            basic.append(i)
    advanced = [
        i if hasattr(i, "dtype") or i is Ellipsis else slice(None)
        for i in index
        if type(i) is not int
    ]
    return tuple(basic), tuple(advanced)


BASIC = frozenset((int, slice, type(None), type(Ellipsis)))  # parts of an index without arrays


def is_basic(index):
    """Whether NumPy makes a view: ints, slices, None and `...` only, the quick and common case."""
    if type(index) is tuple:
        return BASIC.issuperset(map(type, index))
    return type(index) in BASIC


@piece(
    view=True,
    cases=[
        Case([3, 4], (1, slice(None))),
        Case([3, 4], (slice(None), slice(1, None, 2))),
        Case([3, 4], (None, Ellipsis, 2)),
        Case([3, 4], (1, 2)),
        Case([3], 1),
        Case([3, 4], ([2, 0, 2],)),
        Case([3, 4], ([[True, False, True, True], [False] * 4, [True] * 4],)),
    ],
)
def getitem(xp, input: Array, index):
    """`x[index]`: ints, slices with steps, None, Ellipsis, integer and boolean arrays, mixed.

    Math:   out = input[index];   d input = zeros with g added at index
    Note:   bounds of index arrays are the array library's to check: NumPy raises, CuPy wraps them
            around without a word, as a look at the values would stop the GPU
    """
    if list in map(type, index) if type(index) is tuple else type(index) is list:
        index = arrays(xp, index)
    out = input[index]
    if type(out) is xp.ndarray:
        return out
    # NumPy copies a single element out as a number; with `...` it stays a view without dims
    return input[(*index, ...) if isinstance(index, tuple) else (index, ...)]


getitem.vjp(input=lambda F, g, input_shape, index: F.embed(g, input_shape, index))


@piece(cases=[Case([4], (3, 4), (1,)), Case([3, 2], (3, 2), ([2, 0, 2],))])
def embed(xp, input: Array, shape, index):
    """Zeros of `shape` with input added at `index` (repeated indexes add up): the transpose of
    getitem.

    Math:   out[index] += input;   d input = g[index]
    """
    out = xp.zeros(shape, input.dtype)
    if is_basic(index):
        out[index] = input
    else:
        xp.add.at(out, arrays(xp, index), input)
    return out


embed.vjp(input=lambda F, g, index: F.getitem(g, index))


def index_tensor(self, index):
    """`x[index]`."""
    if is_basic(index):
        return getitem(self, index)
    basic, index = split_index(self.device.xp, index)
    return getitem(self if basic is None else getitem(self, basic), index)


Tensor.__getitem__ = index_tensor  # type: ignore[method-assign]


@piece(cases=[Case([3, 4], (slice(None), 1)), Case([3], (1,))])
def zero_at(xp, input: Array, index):
    """input with zeros at index: the part of a cotangent that `x[index] = v` lets through.

    Math:   out = input, 0 at index;   d input = zero_at(g)
    """
    out = xp.array(input)
    out[index] = 0
    return out


zero_at.vjp(input=lambda F, g, index: F.zero_at(g, index))


@piece(cases=[Case([3, 4], [3], (slice(None), 1)), Case([3, 4], [], (1, 2))])
def setitem(xp, input: Array, value: Array, index):
    """A copy of input with value at index (`x[index] = value` writes in place and records this).

    Math:   out = input, value at index;   d input = g, 0 at index,   d value = g[index]
    """
    out = xp.array(input)
    out[index] = value
    return out


setitem.vjp(
    input=lambda F, g, index: F.zero_at(g, index), value=lambda F, g, index: F.getitem(g, index)
)


def assign(x: Tensor, index: Any, value: Any) -> None:
    """`x[index] = value`, in place."""
    if index is not Ellipsis and is_basic(index) and overlaps(x.array):
        # other elements of x may share the part's memory, so the write is to the part alone
        return assign(functional.getitem(x, index), Ellipsis, value)
    one = isinstance(value, (int, float))
    wanted = getattr(value, "node", None) is not None
    check_writable("setitem", x, wanted, apart=not one)
    basic, index = split_index(x.device.xp, index)
    if basic is not None:
        return assign(functional.getitem(x, basic), index, value)
    value = value_for(x, value)
    node = None
    try:
        recorded = mode.recording and (x.node is not None or value.node is not None)
        if recorded or value.ndim:
            value = stretched(value, x.array[index].shape)
        if recorded:
            kept = [None if t.node is None else (index,) for t in (x, value)]
            node = Node(setitem.op, (x.node, value.node), kept, x.shape, x.device)
        x.array[index] = value.array
    except (IndexError, ValueError, TypeError) as error:
        kind = IndexOutOfRange if isinstance(error, IndexError) else ShapeError
        must, _ = in_words(str(error))
        given = {"value": value, "index": index, "x": x}
        raise kind(
            f"setitem: {must}, got {listed(given)}. The value must broadcast to the indexed part."
        ) from error
    written(x, node)


def value_for(x: Tensor, value: Any) -> Tensor:
    """`value` as a Tensor of x's device and dtype."""
    if value is None:
        raise DTypeError("setitem: the value must be a tensor or a number, got None. Give one.")
    if isinstance(value, (int, float)):  # made on the device: a copy could not be captured
        return x.wrap(quiet().run(x.device.xp.full, (), value, x.array.dtype))
    if not isinstance(value, Tensor):
        value = as_tensor(value)
    return value.to(x.device, x.dtype)


def stretched(value: Tensor, shape: tuple) -> Tensor:
    """`value` in that shape; its leading dims of size 1 may be dropped, as in PyTorch."""
    extra = value.ndim - len(shape)
    if extra > 0 and set(value.shape[:extra]) <= {1}:
        value = functional.reshape(value, value.shape[extra:])
    return value if value.shape == shape else functional.broadcast_to(value, shape)


Tensor.__setitem__ = assign  # type: ignore[assignment, method-assign]


@public
def copy_(self, other, non_blocking=False):
    """Write other's values (broadcast, converted) into this tensor, with gradients flowing to
    other.
    """
    assign(self, Ellipsis, other)
    return self


@public
def fill_(self, value):
    """Write one value everywhere."""
    assign(self, Ellipsis, value)
    return self


Tensor.copy_, Tensor.fill_, Tensor.zero_ = copy_, fill_, lambda self: fill_(self, 0)  # type: ignore[method-assign]


@composite(cases=[Case([3, 4], bools(3, 4)), Case([3, 4], bools(4))])
def masked_select(F, input: Tensor, mask: Tensor) -> Tensor:
    """Elements where mask is True, in a row.

    Math:   out = input[mask]
    """
    input, mask = F.broadcast_tensors(input, mask)
    return F.getitem(input, raw_index(mask))


@piece(differentiable=False, cases=[Case(ints(2, 3, high=2)), Case(ints(high=2))])
def nonzero_matrix(xp, input: Array):
    """Coordinates of non-zero elements, one a row.

    Math:   out = {i : input_i != 0}
    """
    if not input.ndim:
        return xp.zeros((int(bool(input)), 0), "int64")
    return xp.stack(xp.nonzero(input), -1)


@composite(cases=[Case(ints(2, 3, high=2), grad=False)])
def nonzero(F, input: Tensor, *, as_tuple: bool = False) -> Tensor:
    """Coordinates of non-zero elements, one a row; `as_tuple`: one tensor per dim.

    Math:   out = {i : input_i != 0}
    """
    found = F.nonzero_matrix(F.reshape(input, (-1,)) if as_tuple and not input.ndim else input)
    return F.unbind(found, 1) if as_tuple else found


choose = functional.where


@overload
def where(condition: Tensor) -> tuple[Tensor, ...]: ...
@overload
def where(condition: Tensor, input: Tensor | float, other: Tensor | float) -> Tensor: ...
@wraps(choose)
@public
def where(condition, *args, **kwargs):
    return (
        choose(condition, *args, **kwargs)
        if args or kwargs
        else functional.nonzero(condition, as_tuple=True)
    )


where.__module__ = __name__  # where pickle finds it
functional.where = registry["where"].function = where  # the condition alone: nonzero()


@composite(cases=[Case(ints(2, 3, high=2), grad=False), Case(ints(high=2), grad=False)])
def argwhere(F, input: Tensor) -> Tensor:
    """Coordinates of non-zero elements, one a row.

    Math:   out = {i : input_i != 0}
    """
    return F.nonzero(input)


@composite(method=False, cases=[Case(ints(4, high=12), (3, 4), grad=False)])
def unravel_index(F, indices: Tensor, shape: int | Sequence[int]) -> tuple[Tensor, ...]:
    """Coordinates of places counted through a flattened tensor of that shape: one tensor per dim.

    Math:   out_d = (indices // product of the later sizes) mod shape_d
    """
    if indices.dtype.is_floating_point or indices.dtype.name == "bool":
        raise DTypeError(
            f"unravel_index: indices must hold integers, got {indices.dtype.name}. Convert them"
            " with .long()."
        )
    out, rest = [], indices
    for n in reversed((shape,) if isinstance(shape, int) else tuple(shape)):
        out.append(rest % n)
        rest = rest // n
    if bool(F.any(rest != 0)):
        raise IndexOutOfRange(
            f"unravel_index: indices must be below the number of elements of shape {shape},"
            " got larger ones. Correct them."
        )
    return tuple(reversed(out))


@composite(
    method=False,
    cases=[
        Case(positive(4), torch=False),
        Case([3], 5, True, torch=False),
        Case(ints(3), 3),
        Case([3], 4, grad=False),
    ],
)
def vander(F, x: Tensor, N: int | None = None, increasing: bool = False) -> Tensor:
    """Powers of each element, one element a row; falling unless increasing.

    Math:   out_ij = x_i^(N - 1 - j)
    """
    n = x.shape[-1] if N is None else N
    if x.ndim != 1:
        raise ShapeError(
            f"vander: must be a vector, got shape {tuple(x.shape)}. Use linalg.vander for stacks."
        )
    if n > MOST_POWERS:
        raise ShapeError(
            f"vander: N must be at most {MOST_POWERS:,}, got {n}. Ask for fewer powers."
        )
    x = x if x.dtype.is_floating_point else x.long()
    if not n:
        return F.reshape(x[:0], (x.shape[0], 0))
    powers = range(n) if increasing else reversed(range(n))
    return F.stack([x**k for k in powers], -1)


@composite(
    method=False,
    cases=[
        Case(positive(4), torch=False),
        Case([2, 3], N=5, torch=False),
        Case([3], N=2, torch=False),
        Case(ints(3)),
    ],
)
def linalg_vander(F, x: Tensor, *, N: int | None = None) -> Tensor:
    """Powers of each element, rising, one element a row; x may be a stack of vectors.

    Math:   out_ij = x_i^j
    Shape:  x (*, n) -> (*, n, N), N is n unless given
    """
    N = x.shape[-1] if N is None else N
    if N < 2:
        raise ShapeError(
            f"linalg.vander: N must be at least 2, got {N}. Give the number of powers, the zeroth"
            " included."
        )
    x = x if x.dtype.is_floating_point else x.long()
    return F.stack([x**k for k in range(N)], -1)
