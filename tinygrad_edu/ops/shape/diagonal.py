"""Diagonals and triangles of matrices: taken out, built, written."""

from __future__ import annotations

from ...engine.border import public
from ...engine.case import Case
from ...engine.composite import composite
from ...engine.device import get_device
from ...engine.errors import ShapeError, check_dim
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor


@op(view=True, cases=[Case([3, 4]), Case([4, 3], 1), Case([2, 3, 3], -1, 1, 2), Case([2, 3], 5)])
def diagonal(xp, input: Array, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """The diagonal of two dims, as a new last dim; a view.

    Math:   out_i = input_{i, i + offset};   d input = g on the diagonal
    """
    rows, cols = check_dim("diagonal", dim1, input.ndim), check_dim("diagonal", dim2, input.ndim)
    if rows == cols:
        raise ShapeError(
            f"diagonal: dim1 and dim2 must differ, got {dim1} and {dim2} for shape {input.shape}."
            " Change one of them."
        )
    below, right = max(-offset, 0), max(offset, 0)
    part = xp.moveaxis(input, (rows, cols), (-2, -1))[..., below:, right:]
    down, across = part.strides[-2:]
    return xp.lib.stride_tricks.as_strided(
        part, (*part.shape[:-2], min(part.shape[-2:])), (*part.strides[:-2], down + across)
    )


@piece(cases=[Case([3], (3, 4), 0, 0, 1), Case([2, 2], (3, 2, 3), -1, 0, 2)])
def diagonal_embed(xp, input: Array, shape, offset, dim1, dim2):
    """Zeros of `shape` with input on the diagonal of two dims: the transpose of `diagonal`.

    Math:   out_{i, i + offset} = input_i;   d input = diagonal(g)
    """
    out = xp.zeros(shape, input.dtype)
    line = xp.moveaxis(out, (dim1, dim2), (-2, -1))
    i = xp.arange(input.shape[-1])
    line[..., i + max(-offset, 0), i + max(offset, 0)] = input
    return out


diagonal.vjp(
    input=lambda F, g, input_shape, offset, dim1, dim2: F.diagonal_embed(
        g, input_shape, offset, dim1, dim2
    )
)
diagonal_embed.vjp(input=lambda F, g, offset, dim1, dim2: F.diagonal(g, offset, dim1, dim2))


@composite(cases=[Case([3, 3]), Case([2, 4])])
def trace(F, input: Tensor) -> Tensor:
    """Sum of the diagonal of a matrix.

    Math:   out = sum_i input_ii
    """
    if input.ndim != 2:
        raise ShapeError(
            f"trace: must be a matrix, got shape {tuple(input.shape)}. Use diagonal(0, -2,"
            " -1).sum(-1) for a stack."
        )
    return F.sum(F.diagonal(input))


@composite(cases=[Case([3]), Case([3, 3]), Case([2], 1), Case([2], -2), Case([3, 4], -1)])
def diag(F, input: Tensor, diagonal: int = 0) -> Tensor:
    """A vector as a diagonal matrix, or a copy of a matrix's diagonal.

    Math:   out = diag(input)
    """
    if input.ndim == 1:
        return F.diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(
            f"diag: must be a vector or a matrix, got shape {tuple(input.shape)}. Use diagonal() or"
            " diag_embed() for stacks."
        )
    return F.clone(F.diagonal(input, diagonal))


@composite(cases=[Case([3]), Case([2, 3], 1), Case([2, 3], -1, 0, 2), Case([2, 2], 0, -1, 0)])
def diag_embed(F, input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """The last dim laid on the diagonal of two new dims, zeros elsewhere.

    Math:   out_{.., i, i + offset} = input_{.., i}
    """
    ndim = input.ndim + 1
    d1, d2 = check_dim("diag_embed", dim1, ndim), check_dim("diag_embed", dim2, ndim)
    if d1 == d2 or not input.ndim:
        raise ShapeError(
            f"diag_embed: dim1 and dim2 must differ and the input have a dim, got {dim1} and {dim2}"
            f" for shape {tuple(input.shape)}. Change one of them."
        )
    n = input.shape[-1] + max(offset, -offset)
    rest = iter(input.shape[:-1])
    shape = tuple(n if d in (d1, d2) else next(rest) for d in range(ndim))
    return F.diagonal_embed(input, shape, offset, d1, d2)


@composite(cases=[Case([3]), Case([2, 2], 1)])
def diagflat(F, input: Tensor, offset: int = 0) -> Tensor:
    """All elements, in a row, on the diagonal of a matrix.

    Math:   out = diag(flatten(input))
    """
    return F.diag_embed(F.reshape(input, (-1,)), offset)


@composite(cases=[Case([3, 3], [3]), Case([3, 4], [3], 1), Case([2, 3, 3], [2, 3], 0, 1, 2)])
def diagonal_scatter(
    F, input: Tensor, src: Tensor, offset: int = 0, dim1: int = 0, dim2: int = 1
) -> Tensor:
    """input with src written on a diagonal.

    Math:   out = input, but out_{i, i + offset} = src_i
    """
    here = F.diagonal(input, offset, dim1, dim2)
    if tuple(here.shape) != tuple(src.shape):
        raise ShapeError(
            f"diagonal_scatter: src must have the shape {tuple(here.shape)} of the diagonal, got"
            f" {tuple(src.shape)}. Reshape it."
        )
    xp, ends = input.device.xp, (-2, -1)
    i = xp.arange(here.shape[-1])
    flat = F.setitem(
        F.movedim(input, (dim1, dim2), ends),
        src.to(input.dtype),
        (Ellipsis, i + max(-offset, 0), i + max(offset, 0)),
    )
    return F.movedim(flat, ends, (dim1, dim2))


@composite(method=False, cases=[Case([3, 4]), Case([2, 3, 3], offset=1)])
def linalg_diagonal(F, A: Tensor, *, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """`diagonal` of the last two dims.

    Math:   out_i = A_{i, i + offset}
    """
    return F.diagonal(A, offset, dim1, dim2)


@public
def fill_diagonal_(self, fill_value, wrap: bool = False):
    """Write one number on the main diagonal; `wrap`: start again below the square part of a tall
    matrix.
    """
    if self.ndim < 2:
        raise ShapeError(
            f"fill_diagonal_: needs at least 2 dims, got shape {self.shape}. Use fill_() for a"
            " vector."
        )
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise ShapeError(
            f"fill_diagonal_: with more than 2 dims all sizes must be equal, got {self.shape}. Use"
            " diagonal()."
        )
    width = self.shape[-1]
    around = wrap and self.ndim == 2  # past the last column comes one row without a place
    rows = [
        i for i in range(self.shape[0] if around else min(self.shape)) if i % (width + 1) < width
    ]
    if rows:
        xp = self.device.xp
        places = [xp.asarray(rows)] * (self.ndim - 1)
        self[(*places, xp.asarray([i % (width + 1) for i in rows]))] = fill_value
    return self


Tensor.fill_diagonal_ = fill_diagonal_  # type: ignore[method-assign]


def triangle(name, word):
    def indices(row: int, col: int, offset: int = 0, *, dtype="int64", device=None):
        where = get_device(device or "cpu")
        places = getattr(where.xp, name)(row, offset, col)
        return Tensor(where.xp.stack(places), where).to(dtype=dtype)

    indices.__name__ = name
    indices.__doc__ = (
        f"Coordinates of the {word} triangle of a row x col matrix, shape (2, how many)."
    )
    return public(indices)


tril_indices, triu_indices = triangle("tril_indices", "lower"), triangle("triu_indices", "upper")


def check_matrix(name, input):
    if input.ndim < 2:
        raise ShapeError(
            f"{name}: needs at least 2 dims, got shape {tuple(input.shape)}. Unsqueeze it first."
        )


@op(inplace=True, cases=[Case([3, 4]), Case([2, 3, 3], -1)])
def tril(xp, input: Array, diagonal: int = 0):
    """Lower triangle, zeros above.

    Math:   out_ij = input_ij [j <= i + diagonal];   d input = tril(g)
    """
    check_matrix("tril", input)
    return xp.tril(input, diagonal)


tril.vjp(input=lambda F, g, diagonal: F.tril(g, diagonal))


@op(inplace=True, cases=[Case([3, 4]), Case([2, 3, 3], 1)])
def triu(xp, input: Array, diagonal: int = 0):
    """Upper triangle, zeros below.

    Math:   out_ij = input_ij [j >= i + diagonal];   d input = triu(g)
    """
    check_matrix("triu", input)
    return xp.triu(input, diagonal)


triu.vjp(input=lambda F, g, diagonal: F.triu(g, diagonal))
