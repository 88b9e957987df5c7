"""Sliding windows: along one dim as a view, and over images as columns (im2col) with the sum that
undoes them.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.errors import DTypeError, IndexOutOfRange, ShapeError
from ...engine.op import Array, op, piece
from ...engine.tensor import Tensor
from ..layers.convolution import columns, out_size, tap_slices, taps, volume
from ..layers.convolution import pad as padded


@op(
    view=True,
    torch="unfold_copy",
    cases=[Case([7], 0, 3, 2), Case([2, 5, 3], 1, 2, 1), Case([2, 4], -1, 4, 1), Case([], 0, 1, 1)],
)
def unfold(xp, input: Array, dimension: int, size: int, step: int):
    """Windows of `size` elements, one every `step`, along one dim; a view with the window as last
    dim. nn.functional.unfold is `im2col`.

    Math:   out[..., i, ..., t] = input[..., step i + t, ...];   d input = g added where it came
            from
    Shape:  (..., n, ...) to (..., (n - size) // step + 1, ..., size)
    """
    dims = max(input.ndim, 1)
    if not -dims <= dimension < dims:
        raise IndexOutOfRange(
            f"unfold: dimension must be in [{-dims}, {dims - 1}], got {dimension}. Count from 0 or"
            " back from -1."
        )
    d, n = dimension % dims, input.shape[dimension] if input.ndim else 1
    if not 0 <= size <= n or step < 1:
        raise ShapeError(
            f"unfold: size must be in [0, {n}] along dim {dimension} and step at least 1, got"
            f" {size} and {step}. Correct them."
        )
    if not input.ndim:
        return input.reshape(1)[:size]
    return xp.lib.stride_tricks.as_strided(
        input,
        (*input.shape[:d], (n - size) // step + 1, *input.shape[d + 1 :], size),
        (*input.strides[:d], input.strides[d] * step, *input.strides[d + 1 :], input.strides[d]),
    )


unfold.vjp(
    input=lambda F, g, input_shape, dimension, step: F.unfold_back(g, input_shape, dimension, step)
)


@piece(cases=[Case([3, 3], (7,), 0, 2), Case([1], (), 0, 1)])
def unfold_back(xp, input: Array, shape, dimension, step):
    """Zeros of `shape` with each window added at its place: the transpose of `unfold`.

    Math:   out[..., step i + t, ...] += input[..., i, ..., t];   d input = unfold(g)
    """
    out = xp.zeros(shape, input.dtype)
    if not shape:
        return out + input.sum()
    d = dimension % len(shape)
    for t in range(input.shape[-1]):
        out[(slice(None),) * d + (slice(t, t + (input.shape[d] - 1) * step + 1, step),)] += input[
            ..., t
        ]
    return out


unfold_back.vjp(
    input=lambda F, g, input_shape, dimension, step: F.unfold(g, dimension, input_shape[-1], step)
)


def pair(name, what, value, least):
    """One number or two as a pair, none below `least`."""
    value = (value,) * 2 if isinstance(value, int) else tuple(value)
    value = value * 2 if len(value) == 1 else value
    if len(value) != 2 or min(value) < least:
        raise ShapeError(
            f"{name}: {what} must be one number or two, at least {least}, got {value}. Correct it."
        )
    return value


def settings(name, input, kernel_size, dilation, padding, stride):
    if getattr(input, "array", input).dtype.kind not in "fb":
        raise DTypeError(
            f"{name}: needs a floating-point input, got {input.dtype}. Convert it with x.float()."
        )
    return (
        pair(name, "kernel_size", kernel_size, 1),
        pair(name, "dilation", dilation, 1),
        pair(name, "padding", padding, 0),
        pair(name, "stride", stride, 1),
    )


@piece(cases=[Case([1, 2, 4, 5], (2, 3), (1, 1), (1, 0), (2, 1))])
def image_columns(xp, input: Array, kernel, dilation, padding, stride):
    """The patches of images as columns of a matrix.

    Math:   out[n, (c, t), p] = input[n, c, stride p + dilation t - padding];
            d input = columns_image(g)
    Shape:  (N, C, H, W) to (N, C KH KW, P)
    """
    size = out_size(input.shape[2:], kernel, stride, padding, dilation)
    return columns(xp, padded(xp, input, padding), kernel, size, stride, dilation).reshape(
        input.shape[0], input.shape[1] * volume(kernel), volume(size)
    )


@piece(cases=[Case([1, 4, 6], (4, 4), (2, 2), (1, 1), (1, 0), (2, 2))])
def columns_image(xp, input: Array, size, kernel, dilation, padding, stride):
    """Columns added up where their patches were in images of `size`: the transpose of
    image_columns.

    Math:   out[n, c, stride p + dilation t - padding] += input[n, (c, t), p];
            d input = image_columns(g)
    """
    spatial = out_size(size, kernel, stride, padding, dilation)
    patches = input.reshape(input.shape[0], input.shape[1] // volume(kernel), *kernel, *spatial)
    out = xp.zeros((*patches.shape[:2], *(n + 2 * p for n, p in zip(size, padding))), input.dtype)
    for tap in taps(kernel):
        out[(slice(None), slice(None), *tap_slices(tap, spatial, stride, dilation))] += patches[
            (slice(None), slice(None), *tap)
        ]
    inside = (slice(None), slice(None), *(slice(p, p + n) for p, n in zip(padding, size)))
    return xp.ascontiguousarray(out[inside])


image_columns.vjp(
    input=lambda F, g, input_shape, kernel, dilation, padding, stride: F.columns_image(
        g, input_shape[2:], kernel, dilation, padding, stride
    )
)
columns_image.vjp(
    input=lambda F, g, kernel, dilation, padding, stride: F.image_columns(
        g, kernel, dilation, padding, stride
    )
)


@composite(
    method=False,
    torch="nn.functional.unfold",
    cases=[
        Case([2, 3, 4, 5], 2),
        Case([1, 2, 5, 4], (3, 2), (1, 2), (1, 0), (2, 1)),
        Case([2, 4, 4], 3, 1, 1, 2),
    ],
)
def im2col(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """`nn.functional.unfold`: the patches of images as columns.

    Math:   out[n, (c, t), p] = input[n, c, stride p + dilation t - padding]
    Shape:  (N, C, H, W) or (C, H, W) to (N, C KH KW, P) or (C KH KW, P), P the number of windows
    """
    given = settings("unfold", input, kernel_size, dilation, padding, stride)
    if input.ndim not in (3, 4) or min(input.shape[input.ndim - 3 :]) < 1:
        raise ShapeError(
            "unfold: input must be (N, C, H, W) or (C, H, W), only the batch empty, got shape"
            f" {tuple(input.shape)}. Reshape it."
        )
    kernel, dilation, padding, stride = given
    if min(out_size(input.shape[-2:], kernel, stride, padding, dilation)) < 1:
        raise ShapeError(
            "unfold: the window must fit into the padded input, got input sizes"
            f" {tuple(input.shape[-2:])} and kernel {kernel}. Use a smaller kernel."
        )
    if input.ndim == 4:
        return F.image_columns(input, *given)
    return F.squeeze(F.image_columns(F.unsqueeze(input, 0), *given), 0)


@composite(
    method=False,
    cases=[
        Case([2, 12, 12], (4, 5), 2),
        Case([1, 12, 6], (5, 4), (3, 2), (1, 2), (1, 0), (2, 1)),
        Case([18, 4], (4, 4), 3, 1, 1, 2),
    ],
)
def fold(
    F,
    input: Tensor,
    output_size: int | Sequence[int],
    kernel_size: int | Sequence[int],
    dilation: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    stride: int | Sequence[int] = 1,
) -> Tensor:
    """Columns added up where their patches were: the transpose of `nn.functional.unfold`, not its
    inverse where patches overlap.

    Math:   out[n, c, stride p + dilation t - padding] += input[n, (c, t), p]
    Shape:  (N, C KH KW, P) or (C KH KW, P) to (N, C, *output_size) or (C, *output_size)
    """
    given = settings("fold", input, kernel_size, dilation, padding, stride)
    size = pair("fold", "output_size", output_size, 1)
    kernel, dilation, padding, stride = given
    count = volume(out_size(size, kernel, stride, padding, dilation))
    if (
        input.ndim not in (2, 3)
        or min(input.shape[input.ndim - 2 :]) < 1
        or input.shape[-2] % volume(kernel)
        or input.shape[-1] != count
        or min(out_size(size, kernel, stride, padding, dilation)) < 1
    ):
        raise ShapeError(
            f"fold: input must be (N, C * {volume(kernel)}, {count}) or without N for output_size"
            f" {size}, got shape {tuple(input.shape)}. Check output_size, kernel_size, dilation,"
            " padding and stride."
        )
    if input.ndim == 3:
        return F.columns_image(input, size, *given)
    return F.squeeze(F.columns_image(F.unsqueeze(input, 0), size, *given), 0)
