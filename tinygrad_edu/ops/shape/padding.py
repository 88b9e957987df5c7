"""Padding: elements added at the ends of the last dims."""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from ..image.resample import Line
from ..layers.pooling import check_numbers


@piece(cases=[Case([3, 4], (1, 2), 0.0), Case([4, 5], (-1, 2, 1, -2), 0.5)])
def pad_constant(xp, input: Array, pad, value):
    """`pad` with one value; widths as in `pad`.

    Math:   out[i] = input[i - left], else value;   d input = pad_constant(g) with the
            widths negated: what was added is cut off
    """
    widths = [(0, 0)] * (input.ndim - len(pad) // 2) + [
        (pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)
    ]
    if min(pad, default=0) < 0:
        input = input[
            tuple(
                slice(max(-low, 0), n - max(-high, 0))
                for n, (low, high) in zip(input.shape, widths)
            )
        ]
    return xp.pad(
        input, [(max(low, 0), max(high, 0)) for low, high in widths], constant_values=value
    )


pad_constant.vjp(input=lambda F, g, pad: F.pad_constant(g, tuple(-w for w in pad), 0))


@composite(
    method=False,
    cases=[
        Case([3, 4], (1, 2)),
        Case([2, 3], (1, 1, 0, 2), value=0.5),
        Case([4, 5], (-1, 2)),
        Case([4, 5], (-1, -2, 2, 1)),
        Case([2, 3, 4], (1, 2), "reflect"),
        Case([1, 2, 4, 4], (1, 2, 2, 1), mode="reflect"),
        Case([1, 2, 4, 4], (1, 2, 2, 1), mode="replicate"),
        Case([1, 2, 4, 4], (1, 2, 2, 1), mode="circular"),
        Case([2, 3, 2, 3], (1, 1, 0, 1, 2, 2), mode="replicate"),
        Case([1, 1, 3, 2, 3], (1, 1, 0, 1, 2, 2), mode="reflect"),
        Case([1, 3, 4], (-1, 2), mode="circular"),
    ],
)
def pad(
    F, input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Tensor:
    """Elements added at both ends of the last dims: (left, right, top, bottom ...), the last dim
    first; negative: taken away.

    Math:   out[i] = input[i - left], else value (constant), or input mirrored (reflect), its ends
            repeated (replicate), or input wrapped round (circular)
    Note:   all but constant are for the last 1, 2 or 3 dims of an input that has one or two more
    """
    pad = tuple(pad)
    check_widths(input, pad, mode)
    if mode == "constant":
        return F.pad_constant(input, pad, 0 if value is None else value)
    check_mode(input, pad, mode, value)
    sizes = [s + low + high for s, low, high in ends(input, pad)]
    if mode == "circular":  # what is taken away goes before the rest is wrapped round
        cut, pad = tuple(min(w, 0) for w in pad), tuple(max(w, 0) for w in pad)
        input = F.pad_constant(input, cut, 0) if any(cut) else input
    out = input
    for i, m in enumerate(sizes):
        dim, low, high = input.ndim - 1 - i, pad[2 * i], pad[2 * i + 1]
        s = input.shape[dim]
        if max(low, high) > (s - 1 if mode == "reflect" else s) and mode != "replicate":
            raise ShapeError(
                f"pad: {mode} needs less padding than there are elements, got {low} and {high} for"
                f" size {s} of dim {dim}. Use less, or mode='replicate'."
            )
        if low or high:
            out = F.resample(out, dim, Line(mode, s, m, start=-low))
    return F.clone(input) if out is input else out


def ends(input: Tensor, pad: tuple) -> list[tuple[int, int, int]]:
    """(size, low, high) of each dim that is padded, the last dim first."""
    return list(zip(reversed(input.shape), pad[::2], pad[1::2]))


def check_widths(input: Tensor, pad: tuple, mode: str) -> None:
    """Refuse widths that do not fit the input, and unknown modes."""
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise ShapeError(
            f"pad: needs two numbers per dim and at most {2 * input.ndim}, got {pad}. Count from"
            " the last dim."
        )
    if mode not in ("constant", "reflect", "replicate", "circular"):
        raise ShapeError(
            f"pad: mode must be 'constant', 'reflect', 'replicate' or 'circular', got {mode!r}. Use"
            " one of these."
        )
    if any(s + min(low, 0) + min(high, 0) < 0 for s, low, high in ends(input, pad)):
        raise ShapeError(
            f"pad: no size may become negative, got {pad} for shape {tuple(input.shape)}. Cut off"
            " less."
        )


def check_mode(input: Tensor, pad: tuple, mode: str, value: float | None) -> None:
    """Refuse what the modes other than constant cannot pad."""
    n = len(pad) // 2
    if value is not None and value != 0:
        raise ShapeError(
            f"pad: value is for mode 'constant', got value={value} with mode {mode!r}. Omit it."
        )
    if n not in (1, 2, 3) or input.ndim - n not in (1, 2):
        raise ShapeError(
            f"pad: {mode} pads the last 1, 2 or 3 dims of an input with one or two more, got"
            f" {len(pad)} widths for shape {tuple(input.shape)}. Add dims with unsqueeze."
        )
    check_numbers("pad", input, "fiub" if mode == "circular" else "fiu")
    if mode != "circular" and min(input.shape[input.ndim - n - 1 :]) < 1:
        raise ShapeError(
            f"pad: {mode} needs channels and sizes of at least 1, got shape {tuple(input.shape)}."
            " Only the batch may be empty."
        )
