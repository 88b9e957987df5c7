"""Elements repeated, reversed or shifted: always in memory of their own."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case, Sample
from ...engine.composite import composite
from ...engine.errors import ShapeError, check_dim
from ...engine.op import Array, Sizes, op, piece
from ...engine.tensor import Tensor


def sides(shape, repeats):
    """(repeats, size) of each dim of the result, size 1 where the input has no such dim."""
    return tuple(zip(repeats, (1,) * (len(repeats) - len(shape)) + tuple(shape)))


@op(cases=[Case([2, 3], (2, 1)), Case([3], (2, 2)), Case([3], (1,)), Case([1], (3,)), Case([], ())])
def repeat(xp, input: Array, repeats: Sizes):
    """The tensor tiled: dims may be added in front.

    Math:   out = input, repeats_i times along dim i;   d input = the copies' cotangents added
    """
    if len(repeats) < input.ndim or min(repeats, default=0) < 0:
        raise ShapeError(
            f"repeat: repeats must be a number of 0 or more for each of the {input.ndim} dims, got"
            f" {tuple(repeats)}. Add ones in front."
        )
    both = sides(input.shape, repeats)
    narrow = input.reshape(tuple(v for _, s in both for v in (1, s)))
    wide = xp.broadcast_to(narrow, tuple(v for pair in both for v in pair))
    return xp.array(wide, order="C").reshape(tuple(r * s for r, s in both))


def repeat_vjp(F, g, input_shape, repeats):
    both = sides(input_shape, repeats)
    copies = F.reshape(g, tuple(v for pair in both for v in pair))
    return F.reshape(F.sum(copies, tuple(range(0, 2 * len(both), 2))), input_shape)


repeat.vjp(input=repeat_vjp)


@composite(cases=[Case([2, 3], (2,)), Case([3], (2, 2)), Case([2, 3], ())])
def tile(F, input: Tensor, dims: Sizes = ()) -> Tensor:
    """`repeat`, with ones filled in front where dims are missing.

    Math:   out = input, dims_i times along dim i
    """
    dims = tuple(dims)
    return F.repeat(input, (1,) * (input.ndim - len(dims)) + dims)


@op(cases=[Case([2, 3], (0,)), Case([2, 3, 2], (0, -1)), Case([1, 2], (0,)), Case([], (-1,))])
def flip(xp, input: Array, dims: Sizes):
    """Reversed along dims.

    Math:   out = input backwards;   d input = g backwards
    """
    places = {check_dim("flip", d, input.ndim) for d in dims}
    if len(places) < len(dims):
        raise ShapeError(
            f"flip: dims must differ, got {tuple(dims)} for shape {input.shape}. Name each once."
        )
    backwards = slice(None, None, -1)
    index = tuple(backwards if d in places else slice(None) for d in range(input.ndim))
    return xp.array(input[index] if input.ndim else input, order="C")


flip.vjp(input=lambda F, g, dims: F.flip(g, dims))


@composite(cases=[Case([2, 3])])
def flipud(F, input: Tensor) -> Tensor:
    """Rows in reverse order.

    Math:   out = input backwards along dim 0
    """
    if not input.ndim:
        raise ShapeError("flipud: needs at least one dim, got a 0-d tensor. Use it as it is.")
    return F.flip(input, (0,))


@composite(cases=[Case([2, 3])])
def fliplr(F, input: Tensor) -> Tensor:
    """Columns in reverse order.

    Math:   out = input backwards along dim 1
    """
    if input.ndim < 2:
        raise ShapeError(
            f"fliplr: needs at least two dims, got shape {tuple(input.shape)}. Use flipud() for a"
            " vector."
        )
    return F.flip(input, (1,))


@composite(cases=[Case([2, 3]), Case([2, 3], 2), Case([2, 3], -1), Case([2, 3, 2], 3, (1, 2))])
def rot90(F, input: Tensor, k: int = 1, dims: Sequence[int] = (0, 1)) -> Tensor:
    """Turned by k quarter turns, from the first of two dims towards the second.

    Math:   out = input turned
    """
    places = {check_dim("rot90", d, input.ndim) for d in dims}
    if len(dims) != 2 or len(places) != 2:
        raise ShapeError(
            f"rot90: dims must be two different dims, got {tuple(dims)} for shape"
            f" {tuple(input.shape)}. Name two."
        )
    a, b = dims
    turns = k % 4
    if turns == 0:
        return F.clone(input)
    if turns == 1:
        return F.flip(F.transpose(input, a, b), (a,))
    if turns == 2:
        return F.flip(input, (a, b))
    return F.transpose(F.flip(input, (a,)), a, b)


@op(cases=[Case([2, 3], 1), Case([2, 3], (1, -1), (0, 1)), Case([2, 3], 2, 1), Case([2, 3], 1, -2)])
def roll(xp, input: Array, shifts: int | Sequence[int], dims: int | Sequence[int] | None = None):
    """Shifted around: what leaves at the end comes in at the start.

    Math:   out_i = input_(i - shift);   d input = g rolled back
    Note:   without dims the flattened tensor is rolled
    """
    steps = tuple(shifts) if isinstance(shifts, (tuple, list)) else (shifts,)
    named = () if dims is None else tuple(dims) if isinstance(dims, (tuple, list)) else (dims,)
    if len(steps) != max(len(named), 1):
        raise ShapeError(
            f"roll: needs one shift per dim, or one without dims, got shifts {steps} and dims"
            f" {named}. Give equally many."
        )
    if not named:
        return xp.roll(input, steps[0])
    return xp.roll(input, steps, tuple(check_dim("roll", d, input.ndim) for d in named))


def roll_back(F, g, shifts, dims):
    back = tuple(-s for s in shifts) if isinstance(shifts, (tuple, list)) else -shifts
    return F.roll(g, back, dims)


roll.vjp(input=roll_back)


@composite(cases=[Case([2, 3])])
def contiguous(F, input: Tensor) -> Tensor:
    """The tensor itself if its memory is in order, else a copy.

    Math:   out = input
    """
    raw: Array = getattr(input, "array", input)
    return input if raw.flags.c_contiguous else F.clone_contiguous(input)


@piece(cases=[Case([2, 3])])
def clone_contiguous(xp, input: Array):
    """A copy in row-major order.

    Math:   out = input;   d input = g
    """
    return xp.array(input, order="C")


clone_contiguous.vjp(input=lambda g: g)


@composite(
    cases=[
        Case([2, 3], 2),
        Case([2, 3], 2, 1),
        Case([3], Sample(values=[1, 0, 2])),
        Case([2, 3], Sample(values=[2, 1]), 0),
    ]
)
def repeat_interleave(
    F,
    input: Tensor,
    repeats: int | Tensor | None = None,
    dim: int | None = None,
    *,
    output_size: int | None = None,
) -> Tensor:
    """Each element `repeats` times, one after the other; one number for all, or one per element.

    Math:   out = x_0, x_0, x_1, x_1, ... (along dim, or of the flattened tensor)
    Note:   repeat_interleave(repeats) alone gives the indexes
    Args:   output_size: accepted; the size is worked out
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
    index = Tensor(xp.repeat(xp.arange(n), counts.reshape(-1)), input.device)
    return F.index_select(F.atleast_1d(input), d, index)
