"""Joining and splitting: cat, stack and their kin; split, chunk and theirs; products of
coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations as choices
from itertools import combinations_with_replacement as repeated_choices
from operator import index
from typing import Any

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError, check_dim
from ...engine.op import Array, op
from ...engine.tensor import Tensor

MOST_EMPTY = 10_000  # pieces above the size, all of them empty: more is a slip, not a wish


def size_along(name, input, dim):
    if not input.ndim:
        raise IndexOutOfRange(f"{name}: needs at least one dim, got a 0-d tensor. Use it as it is.")
    return input.shape[check_dim(name, dim, input.ndim)]


def check_joinable(shapes, dim):
    """Refuse tensors that differ in more than the size along dim; name the first that does."""
    plain = [i for i, shape in enumerate(shapes) if shape != (0,)]
    first = shapes[plain[0]]
    for i in plain:
        shape = shapes[i]
        same = len(shape) == len(first) and all(
            n == m or d == dim for d, (n, m) in enumerate(zip(first, shape))
        )
        if not same:
            raise ShapeError(
                f"cat: tensors must have one shape but for dim {dim}, got {shapes!r:.600}, where"
                f" tensor {i} differs from tensor {plain[0]}. Reshape or pad it."
            )


def cat_rest(xp, tensors, dim):
    """cat with empty vectors, which PyTorch lets stand beside anything; or say what is wrong."""
    rest = [x for x in tensors if x.shape != (0,)] or list(tensors)
    if any(not x.ndim for x in rest):
        raise ShapeError("cat: tensors must have at least one dim, got a 0-d one. Use stack().")
    d = check_dim("cat", dim, rest[0].ndim)
    check_joinable([tuple(x.shape) for x in tensors], d)
    return xp.concatenate(rest, d)


@op(
    types="promote",
    method=False,
    alias=("concat", "concatenate"),
    cases=[
        Case((Sample(2, 3), Sample(1, 3))),
        Case((Sample(2, 3), Sample(2, 2)), 1),
        Case((Sample(2), Sample(3), Sample(1)), -1),
        Case((Sample(2, 3), Sample(0), Sample(1, 3))),
    ],
)
def cat(xp, tensors: Sequence[Array], dim: int = 0):
    """Tensors joined along an existing dim.

    Math:   out = [tensor_1, tensor_2, ...];   d tensor_i = its slice of g
    Shape:  equal but for dim
    """
    try:
        return xp.concatenate(tensors, index(dim))
    except (ValueError, TypeError):  # most calls are as the array library wants them
        return cat_rest(xp, tensors, dim)


def cat_vjp(F, g, tensors_shape, dim):
    pieces, start = [], 0
    for shape in tensors_shape:
        if shape == (0,):
            pieces.append(F.reshape(F.narrow(F.reshape(g, (-1,)), 0, 0, 0), (0,)))
            continue
        pieces.append(F.narrow(g, dim, start, shape[dim]))
        start += shape[dim]
    return pieces


cat.vjp(tensors=cat_vjp)


@op(
    types="promote",
    method=False,
    cases=[
        Case((Sample(2, 3), Sample(2, 3))),
        Case((Sample(2, 3), Sample(2, 3)), -1),
        Case((Sample(), Sample(), Sample()), 0),
    ],
)
def stack(xp, tensors: Sequence[Array], dim: int = 0):
    """Tensors of one shape joined along a new dim.

    Math:   out[i] = tensor_i;   d tensor_i = g[i]
    """
    shapes = [tuple(x.shape) for x in tensors]
    odd = next((i for i, shape in enumerate(shapes) if shape != shapes[0]), None)
    if odd is not None:
        raise ShapeError(
            f"stack: tensors must have one shape, got {shapes!r:.600}, where tensor {odd} differs"
            " from tensor 0. Use cat() to join along an existing dim."
        )
    return xp.stack(tensors, axis=dim)


stack.vjp(
    tensors=lambda F, g, tensors_shape, dim: [
        F.select(g, dim, i) for i in range(len(tensors_shape))
    ]
)


@composite(cases=[Case([3, 4], 0, 1, 2), Case([3, 4], -1, 0, 3)])
def narrow(F, input: Tensor, dim: int, start: int | Tensor, length: int) -> Tensor:
    """`length` elements from `start` along dim, a view.

    Math:   out = input[..., start:start + length, ...]
    """
    d = check_dim("narrow", dim, input.ndim)
    n = input.shape[d] if input.ndim else 0
    start = int(start)
    if not -n <= start <= n or length < 0 or start % (n + 1 if start >= 0 else n) + length > n:
        raise IndexOutOfRange(
            f"narrow: start and length must lie within the size {n} of dim {dim}, got {start} and"
            f" {length}. Make them smaller."
        )
    start = start + n if start < 0 else start
    return F.getitem(input, (slice(None),) * d + (slice(start, start + length),))


@composite(cases=[Case([3, 4], 0, 1), Case([3, 4], -1, -1)])
def select(F, input: Tensor, dim: int, index: int) -> Tensor:
    """One element along dim, which goes away; a view.

    Math:   out = input[..., index, ...]
    """
    if not input.ndim:
        raise IndexOutOfRange("select: needs at least one dim, got a 0-d tensor. Use it as it is.")
    return F.getitem(input, (slice(None),) * check_dim("select", dim, input.ndim) + (int(index),))


@composite(cases=[Case([3, 4]), Case([2, 3], 1)])
def unbind(F, input: Tensor, dim: int = 0) -> tuple[Tensor, ...]:
    """A tuple of all elements along dim.

    Math:   out_i = input[..., i, ...]
    """
    if not input.ndim:
        raise IndexOutOfRange("unbind: needs at least one dim, got a 0-d tensor. Use it as it is.")
    return tuple(
        F.select(input, dim, i) for i in range(input.shape[check_dim("unbind", dim, input.ndim)])
    )


@composite(
    cases=[Case([5, 2], 2), Case([5, 2], (1, 4)), Case([2, 4], 2, dim=1)],
    also={"split_size": "split_size_or_sections"},
)
def split(
    F, tensor: Tensor, split_size_or_sections: int | Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces along dim: of one size (the last may be smaller), or of the sizes given.

    Math:   out = consecutive slices of tensor
    """
    n, sizes = size_along("split", tensor, dim), split_size_or_sections
    if isinstance(sizes, int):
        if sizes < 0 or not sizes and n:
            raise ShapeError(
                f"split: the size must be positive, got {sizes}. Give how many elements each piece"
                " has."
            )
        sizes = [min(sizes, n - i) for i in range(0, n, sizes or 1)] or [0]
    if sum(sizes) != n or any(size < 0 for size in sizes):
        raise ShapeError(
            f"split: sizes must add up to {n} along dim {dim}, got {tuple(sizes)}. Change the"
            " sizes."
        )
    starts = [sum(sizes[:i]) for i in range(len(sizes))]
    return tuple(F.narrow(tensor, dim, start, size) for start, size in zip(starts, sizes))


@composite(cases=[Case([5, 2], 2), Case([2, 6], 3, 1)])
def chunk(F, input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """At most `chunks` pieces of equal size along dim (the last may be smaller).

    Math:   out = consecutive slices of input
    """
    n = size_along("chunk", input, dim)
    if chunks < 1:
        raise ShapeError(
            f"chunk: chunks must be at least 1, got {chunks}. Say into how many pieces."
        )
    return F.split(input, -(-n // chunks), dim) if n else F.split(input, [0] * chunks, dim)


@composite(cases=[Case([5, 2], (1, 4)), Case([2, 4], (3, 1), 1)])
def split_with_sizes(
    F, input: Tensor, split_sizes: Sequence[int], dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces of the sizes given, along dim.

    Math:   out = consecutive slices of input
    """
    return F.split(input, tuple(split_sizes), dim)


# what PyTorch calls the argument in its two forms
CUTS = {"sections": "indices_or_sections", "indices": "indices_or_sections"}


@composite(
    cases=[
        Case([5, 2], 2),
        Case([5, 2], (1, 3)),
        Case([2, 7], 3, 1),
        Case([5], (2, 9)),
        Case([5], (3, 1)),
        Case([5], (-2,)),
    ],
    also=CUTS,
)
def tensor_split(
    F, input: Tensor, indices_or_sections: int | Sequence[int] | Tensor, dim: int = 0
) -> tuple[Tensor, ...]:
    """Pieces along dim: as many as asked for, sizes differing by at most one, or cut before the
    given indexes.

    Math:   out = consecutive slices of input
    """
    n = size_along("tensor_split", input, dim)
    cuts: Any = indices_or_sections
    if isinstance(cuts, Tensor):
        if cuts.ndim > 1 or cuts.dtype.name != "int64":
            raise ShapeError(
                "tensor_split: indices_or_sections must be a number or a vector of int64, got"
                f" {cuts.dtype.name} {tuple(cuts.shape)}. Convert it with .long()."
            )
        cuts = cuts.tolist()
    if isinstance(cuts, int):
        if cuts < 1:
            raise ShapeError(
                f"tensor_split: the number of sections must be at least 1, got {cuts}. Say into how"
                " many pieces."
            )
        if cuts > n + MOST_EMPTY:
            raise ShapeError(
                f"tensor_split: the sections must be at most {MOST_EMPTY:,} more than the size"
                f" {n}, got {cuts}. More of them would all be empty."
            )
        small, larger = divmod(n, cuts)
        cuts = [i * small + min(i, larger) for i in range(1, cuts)]
    places = [slice(a, b).indices(n)[:2] for a, b in zip([0, *cuts], [*cuts, n])]
    return tuple(F.narrow(input, dim, a, max(b - a, 0)) for a, b in places)


def directed(name, least, dim, axis_word):
    def body(F, input: Tensor, indices_or_sections: int | Sequence[int]) -> tuple[Tensor, ...]:
        if input.ndim < least:
            raise ShapeError(
                f"{name}: needs at least {least} dim(s), got shape {tuple(input.shape)}. Use"
                " tensor_split(dim=)."
            )
        along = 0 if input.ndim == 1 else dim
        if isinstance(indices_or_sections, int) and (
            indices_or_sections < 1 or input.shape[along] % indices_or_sections
        ):
            raise ShapeError(
                f"{name}: the size {input.shape[along]} must divide by the number of sections, got"
                f" {indices_or_sections}. Use tensor_split()."
            )
        return F.tensor_split(input, indices_or_sections, along)

    body.__name__, body.__doc__ = (
        name,
        f"tensor_split {axis_word}.\n\nMath:   out = consecutive slices of input",
    )
    shape = {1: [4, 2], 2: [4, 2], 3: [2, 2, 4]}[least]
    return composite(body, cases=[Case(shape, 2), Case(shape, (1,))], also=CUTS)


hsplit = directed("hsplit", 1, 1, "along columns (dim 1; dim 0 of a vector)")
vsplit = directed("vsplit", 2, 0, "along rows (dim 0)")
dsplit = directed("dsplit", 3, 2, "along depth (dim 2)")


def stacked(name, at_least, dim, text, alias=()):
    def body(F, tensors: Sequence[Tensor]) -> Tensor:
        many = [at_least(F, x) for x in pieces_of(name, tensors)]
        return F.cat(many, 0 if many[0].ndim == 1 else dim)

    body.__name__, body.__doc__ = name, f"{text}\n\nMath:   out = [tensor_1, tensor_2, ...]"
    return composite(
        body,
        method=False,
        alias=alias,
        cases=[
            Case((Sample(2, 3), Sample(2, 3))),
            Case((Sample(3), Sample(3))),
            Case((Sample(), Sample())),
        ],
    )


def pieces_of(name, tensors):
    many = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    if not many:
        raise ShapeError(
            f"{name}: needs a non-empty list of tensors, got an empty one. Give at least one."
        )
    return many


hstack = stacked(
    "hstack",
    lambda F, x: F.atleast_1d(x),
    1,
    "Tensors side by side: joined along dim 1 (vectors along dim 0).",
)
vstack = stacked(
    "vstack",
    lambda F, x: F.atleast_2d(x),
    0,
    "Tensors on top of each other: joined along dim 0, vectors as rows.",
    alias=("row_stack",),
)
dstack = stacked(
    "dstack", lambda F, x: F.atleast_3d(x), 2, "Tensors behind each other: joined along dim 2."
)
column_stack = stacked(
    "column_stack",
    lambda F, x: F.reshape(x, (-1, 1)) if x.ndim < 2 else x,
    1,
    "Tensors side by side, vectors as columns.",
)


@composite(
    method=False,
    cases=[
        Case([2], [3], indexing="ij"),
        Case([2], [3], indexing="xy"),
        Case([2], [3], [], indexing="ij"),
    ],
)
def meshgrid(F, *tensors: Tensor, indexing: str | None = None) -> tuple[Tensor, ...]:
    """Vectors repeated over a common grid: one tensor per vector, each of shape (n_1, n_2, ...).

    Math:   out_k[i_1, i_2, ...] = x_k[i_k]
    Args:   indexing: "ij" (matrix order, the default) or "xy" (the first two dims exchanged)
    """
    if len(tensors) == 1 and isinstance(tensors[0], (tuple, list)):
        tensors = tuple(tensors[0])
    indexing = indexing or "ij"
    dtypes = [x.dtype.name for x in tensors]
    if len(set(dtypes)) > 1:
        raise DTypeError(f"meshgrid: tensors must have one dtype, got {dtypes}. Convert them.")
    if indexing not in ("ij", "xy") or not tensors or any(x.ndim > 1 for x in tensors):
        raise ShapeError(
            "meshgrid: needs vectors and indexing 'ij' or 'xy', got shapes"
            f" {[tuple(x.shape) for x in tensors]} and {indexing!r}. Flatten them."
        )
    order = list(range(len(tensors)))  # the vector that runs along each dim
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    shape, grids = tuple(tensors[k].numel() for k in order), []
    for k, x in enumerate(tensors):
        form = [1] * len(order)
        form[order.index(k)] = -1
        grids.append(F.broadcast_to(F.reshape(x, tuple(form)), shape))
    return tuple(grids)


@composite(method=False, cases=[Case([2], [3]), Case([2])])
def cartesian_prod(F, *tensors: Tensor) -> Tensor:
    """All ways to take one element from each vector, one a row (a single vector comes back as it
    is).

    Math:   out = {(x_1[i], x_2[j], ...)}
    """
    if any(x.ndim != 1 for x in tensors) or not tensors:
        raise ShapeError(
            f"cartesian_prod: needs vectors, got shapes {[tuple(x.shape) for x in tensors]}."
            " Flatten them."
        )
    if len(tensors) == 1:
        return tensors[0]
    return F.stack([F.reshape(grid, (-1,)) for grid in F.meshgrid(*tensors, indexing="ij")], 1)


LARGEST = 2**26  # elements of combinations(): all are listed in Python first


@composite(method=False, cases=[Case([4]), Case([3], 2, True), Case([4], 3), Case([2], 3)])
def combinations(F, input: Tensor, r: int = 2, with_replacement: bool = False) -> Tensor:
    """All ways to take r elements of a vector, in order, one a row.

    Math:   out = {(x_i, x_j, ...) : i < j < ...} (with_replacement: i <= j <= ...)
    """
    if input.ndim != 1 or r < 0:
        raise ShapeError(
            f"combinations: needs a vector and r of 0 or more, got shape {tuple(input.shape)} and"
            f" {r}. Flatten it."
        )
    if not r:
        return F.narrow(input, 0, 0, 0)
    n = input.shape[0]
    total = n + r - 1 if with_replacement and n else n
    # of the binomial coefficients only small ones are worked out: from 2^64 on, none fits
    rows = math.comb(total, r) if min(r, total - r) < 64 else 2**64
    if rows * r > LARGEST:
        raise ShapeError(
            f"combinations: the result must have at most {LARGEST} elements, got {n} elements taken"
            f" {r} at a time. Take fewer at a time."
        )
    way = repeated_choices if with_replacement else choices
    index = F.tensor(list(way(range(n), r)) if rows else [], dtype="int64", device=input.device)
    return F.reshape(F.index_select(input, 0, F.reshape(index, (-1,))), (rows, r))


@composite(method=False, cases=[Case([2, 3], [1, 2]), Case([2], [], [2, 1])])
def block_diag(F, *tensors: Tensor) -> Tensor:
    """Matrices along the diagonal of one matrix, zeros elsewhere; vectors count as rows.

    Math:   out = diag(tensor_1, tensor_2, ...)
    """
    if any(x.ndim > 2 for x in tensors):
        raise DTypeError(
            "block_diag: needs tensors of at most 2 dims, got shapes"
            f" {[tuple(x.shape) for x in tensors]}. Reshape them."
        )
    blocks = [F.atleast_2d(x) for x in tensors] or [F.zeros(1, 0)]
    width, left, rows = sum(x.shape[1] for x in blocks), 0, []
    for x in blocks:
        n, m = x.shape
        rows.append(
            F.cat(
                [
                    F.zeros(n, left, dtype=x.dtype, device=x.device),
                    x,
                    F.zeros(n, width - left - m, dtype=x.dtype, device=x.device),
                ],
                1,
            )
        )
        left += m
    return F.cat(rows, 0)
