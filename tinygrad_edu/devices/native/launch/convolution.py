"""Launchers of kernels/convolution*.cpp: images (N, C, H, W) in float32; what has one spatial dim
is an image of one row.
"""

from __future__ import annotations

from ...launch.convolution import length
from ...launch.pooling import as_image
from ...launch.shapes import float32
from ..rungs import native


def image(x, weight, stride):
    return float32(x, weight) and x.ndim == len(stride) + 2 and len(stride) in (1, 2)


def takes(input, weight, bias, stride, padding, dilation, groups):
    """The kernel fits into the image, and the channels into the groups; else the generic forward
    says what is wrong.
    """
    return (
        image(input, weight, stride)
        and float32(bias)
        and weight.ndim == input.ndim
        and input.size > 0 < weight.size
        and min(*stride, *dilation) >= 1
        and min(padding) >= 0
        and input.shape[1] == weight.shape[1] * groups
        and weight.shape[0] % groups == 0
        and (bias is None or bias.shape == weight.shape[:1])
        and min(out_size(input, weight, stride, padding, dilation)) >= 1
    )


def out_size(input, weight, stride, padding, dilation):
    dims = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    return tuple(length(*numbers) for numbers in dims)


def takes_transposed(y, weight, stride, size):
    return image(y, weight, stride) and y.size and weight.size and min(size) > 0


def takes_weight(y, input, stride, size):
    return image(y, input, stride) and y.size and input.size and min(size) > 0


def numbers(shape, weight_shape, spatial, stride, padding, dilation, groups):
    """What all entry points take after the arrays: N, C, H, W, O, OH, OW, KY, KX and the steps."""
    steps = ((stride, 1), (padding, 0), (dilation, 1))
    pairs = [as_image(v, first) for v, first in ((spatial, 1), (weight_shape[2:], 1), *steps)]
    flat = [int(n) for pair in pairs for n in pair]
    return (*shape[:2], *as_image(shape[2:], 1), weight_shape[0], *flat, groups)


def forward(fn, input, weight, bias, stride, padding, dilation, groups):
    spatial = out_size(input, weight, stride, padding, dilation)
    x, w = fn.contiguous(input), fn.contiguous(weight)
    b = None if bias is None else fn.contiguous(bias)
    out = fn.empty((x.shape[0], w.shape[0], *spatial), x)
    fn(out, x, w, b, *numbers(x.shape, w.shape, spatial, stride, padding, dilation, groups))
    return out


@native("convolution_1_naive", supports=takes)
def convolution_1_naive(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups)


@native("convolution_2_columns", supports=takes)
def convolution_2_columns(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups)


@native("convolution_3_direct", supports=takes)
def convolution_3_direct(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups)


def small_steps(weight, stride, padding, dilation, groups):
    """A kernel of 3 x 3 in steps of 1, with enough channels on both sides to pay."""
    ones = tuple(stride) == tuple(dilation) == (1, 1)
    return (
        ones
        and weight.shape[2:] == (3, 3)
        and max(padding) <= 2
        and min(weight.shape[0] // groups, weight.shape[1]) >= 32
    )


def takes_winograd(input, weight, bias, stride, padding, dilation, groups):
    return small_steps(weight, stride, padding, dilation, groups) and takes(
        input, weight, bias, stride, padding, dilation, groups
    )


@native("convolution_4_winograd", supports=takes_winograd)
def convolution_4_winograd(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups)


def transposed(fn, y, weight, size, stride, padding, dilation, groups):
    y, w, out = fn.contiguous(y), fn.contiguous(weight), fn.empty(tuple(size), y)
    fn(out, y, w, *numbers(size, w.shape, y.shape[2:], stride, padding, dilation, groups))
    return out


@native("convolution_input_1_naive", supports=takes_transposed)
def convolution_input_1_naive(fn, y, weight, size, stride, padding, dilation, groups):
    return transposed(fn, y, weight, size, stride, padding, dilation, groups)


@native("convolution_input_2_direct", supports=takes_transposed)
def convolution_input_2_direct(fn, y, weight, size, stride, padding, dilation, groups):
    return transposed(fn, y, weight, size, stride, padding, dilation, groups)


def takes_transposed_winograd(y, weight, size, stride, padding, dilation, groups):
    return small_steps(weight, stride, padding, dilation, groups) and takes_transposed(
        y, weight, stride, size
    )


@native("convolution_input_3_winograd", supports=takes_transposed_winograd)
def convolution_input_3_winograd(fn, y, weight, size, stride, padding, dilation, groups):
    return transposed(fn, y, weight, size, stride, padding, dilation, groups)


def of_weight(fn, y, input, size, stride, padding, dilation, groups):
    y, x, out = fn.contiguous(y), fn.contiguous(input), fn.empty(tuple(size), y)
    fn(out, y, x, *numbers(x.shape, size, y.shape[2:], stride, padding, dilation, groups))
    return out


@native("convolution_weight_1_naive", supports=takes_weight)
def convolution_weight_1_naive(fn, y, input, size, stride, padding, dilation, groups):
    return of_weight(fn, y, input, size, stride, padding, dilation, groups)


@native("convolution_weight_2_direct", supports=takes_weight)
def convolution_weight_2_direct(fn, y, input, size, stride, padding, dilation, groups):
    return of_weight(fn, y, input, size, stride, padding, dilation, groups)


def takes_turned(y, input, size, groups, stride):
    """Enough output channels in a group to fill a vector's lanes."""
    return takes_weight(y, input, stride, size) and size[0] // groups >= 6


@native("convolution_weight_3_turned", supports=takes_turned)
def convolution_weight_3_turned(fn, y, input, size, stride, padding, dilation, groups):
    return of_weight(fn, y, input, size, stride, padding, dilation, groups)
