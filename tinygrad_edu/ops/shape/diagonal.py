"""Diagonals and triangles of matrices: taken out, built, written."""

from __future__ import annotations

from ...engine.case import Case
from ...engine.device import get_device
from ...engine.errors import ShapeError, check_dim
from ...engine.op import composite, op
from ...engine.tensor import Tensor


@op(view=True, cases=[Case([3, 4]), Case([4, 3], 1), Case([2, 3, 3], -1, 1, 2)])
def diagonal(xp, x, /, offset=0, dim1=0, dim2=1):
    """The diagonal of two dims, as a new last dim; a view.

    Math:   out_i = x_{i, i + offset};   d x = g on the diagonal
    """
    return xp.diagonal(x, offset, dim1, dim2)


@op(method=False)
def diagonal_embed(xp, x, /, shape, offset, dim1, dim2):
    """Zeros of `shape` with x on the diagonal of two dims: the transpose of `diagonal`.

    Math:   out_{i, i + offset} = x_i;   d x = diagonal(g)
    """
    out = xp.zeros(shape, x.dtype)
    line = xp.moveaxis(out, (dim1, dim2), (-2, -1))
    i = xp.arange(x.shape[-1])
    line[..., i + max(-offset, 0), i + max(offset, 0)] = x
    return out


diagonal.vjp(
    x=lambda F, g, x_shape, offset, dim1, dim2: F.diagonal_embed(g, x_shape, offset, dim1, dim2)
)
diagonal_embed.vjp(x=lambda F, g, offset, dim1, dim2: F.diagonal(g, offset, dim1, dim2))


@composite(cases=[Case([3, 3]), Case([2, 4])])
def trace(F, input):
    """Sum of the diagonal of a matrix.

    Math:   out = sum_i x_ii
    """
    if input.ndim != 2:
        raise ShapeError(
            f"trace: must be a matrix, got shape {tuple(input.shape)}. Use diagonal(0, -2,"
            " -1).sum(-1) for a stack."
        )
    return F.sum(F.diagonal(input))


@composite(cases=[Case([3]), Case([3, 3]), Case([2], 1), Case([2], -2), Case([3, 4], -1)])
def diag(F, input, diagonal=0):
    """A vector as a diagonal matrix, or a matrix's diagonal.

    Math:   out = diag(x)
    """
    if input.ndim == 1:
        return F.diag_embed(input, diagonal)
    if input.ndim != 2:
        raise ShapeError(
            f"diag: must be a vector or a matrix, got shape {tuple(input.shape)}. Use diagonal() or"
            " diag_embed() for stacks."
        )
    return F.diagonal(input, diagonal)


@composite(cases=[Case([3]), Case([2, 3], 1), Case([2, 3], -1, 0, 2), Case([2, 2], 0, -1, 0)])
def diag_embed(F, input, offset=0, dim1=-2, dim2=-1):
    """The last dim laid on the diagonal of two new dims, zeros elsewhere.

    Math:   out_{.., i, i + offset} = x_{.., i}
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
def diagflat(F, input, offset=0):
    """All elements, in a row, on the diagonal of a matrix.

    Math:   out = diag(flatten(x))
    """
    return F.diag_embed(F.reshape(input, (-1,)), offset)


@composite(cases=[Case([3, 3], [3]), Case([3, 4], [3], 1), Case([2, 3, 3], [2, 3], 0, 1, 2)])
def diagonal_scatter(F, input, src, offset=0, dim1=0, dim2=1):
    """input with src written on a diagonal.

    Math:   out = x, but out_{i, i + offset} = src_i
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


@composite(method=False, cases=[Case([3, 4], torch=False), Case([2, 3, 3], offset=1, torch=False)])
def diagonal_of_matrices(F, A, *, offset=0, dim1=-2, dim2=-1):
    """`diagonal` of the last two dims: linalg.diagonal.

    Math:   out_i = A_{i, i + offset}
    """
    return F.diagonal(A, offset, dim1, dim2)


def fill_diagonal_(self, fill_value, wrap=False):
    """Write one number on the main diagonal; `wrap`: start again below a tall matrix's square part."""
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
    n = min(self.shape)
    rows = range(self.shape[0]) if wrap and self.ndim == 2 else range(n)
    where = [i for i in rows if i % (width + 1) < width]
    if where:
        xp = self.device.xp
        self[
            tuple(
                xp.asarray([i % (width + 1) if k == self.ndim - 1 and wrap else i for i in where])
                for k in range(self.ndim)
            )
        ] = fill_value
    return self


Tensor.fill_diagonal_ = fill_diagonal_  # type: ignore[attr-defined]


def triangle(name, word):
    def indices(row, col, offset=0, *, dtype="int64", device=None):
        where = get_device(device or "cpu")
        return Tensor(where.xp.stack(getattr(where.xp, name)(row, offset, col)), where).to(dtype)

    indices.__name__, indices.__doc__ = (
        name,
        f"Coordinates of the {word} triangle of a row x col matrix, shape (2, how many).",
    )
    return indices


tril_indices, triu_indices = triangle("tril_indices", "lower"), triangle("triu_indices", "upper")


@op(inplace=True, cases=[Case([3, 4]), Case([2, 3, 3], -1)])
def tril(xp, x, /, diagonal=0):
    """Lower triangle, zeros above.

    Math:   out_ij = x_ij [j <= i + diagonal];   d x = tril(g)
    """
    return xp.tril(x, diagonal)


tril.vjp(x=lambda F, g, diagonal: F.tril(g, diagonal))


@op(inplace=True, cases=[Case([3, 4]), Case([2, 3, 3], 1)])
def triu(xp, x, /, diagonal=0):
    """Upper triangle, zeros below.

    Math:   out_ij = x_ij [j >= i + diagonal];   d x = triu(g)
    """
    return xp.triu(x, diagonal)


triu.vjp(x=lambda F, g, diagonal: F.triu(g, diagonal))
