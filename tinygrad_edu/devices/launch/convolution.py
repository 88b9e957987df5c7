"""Launchers of kernels/convolution.cu, convolution_input.cu and convolution_weight.cu: images (N,
C, H, W) in float32.
"""

from __future__ import annotations

import math

from ..rungs import kernel
from .shapes import ceil_div, float32

MOST = 2**31 - 1024  # elements: they are counted in an int


def images(*arrays):
    return float32(*arrays) and all(a is None or a.ndim in (1, 4) and a.size < MOST for a in arrays)


def sizes_of(input_shape, weight_shape, spatial, stride, padding, dilation, groups):
    """The sizes that all kernels take, in their order after N: C, H, W, O, OH, OW, KH, KW, SY, SX,
    PY, PX, DY, DX, groups.
    """
    return (
        *input_shape[1:],
        weight_shape[0],
        *spatial,
        *weight_shape[2:],
        *stride,
        *padding,
        *dilation,
        groups,
    )


def length(size, kernel_size, stride, padding, dilation):
    """Output size along one dim."""
    return (size + 2 * padding - dilation * (kernel_size - 1) - 1) // stride + 1


def takes_forward(input, weight, bias, stride, padding, dilation, groups):
    """The kernel fits into the image, and the channels into the groups; else the generic forward
    says what is wrong.
    """
    if not images(input, weight, bias) or input.ndim != 4 or weight.ndim != 4 or len(stride) != 2:
        return False
    fits = all(
        length(*v) >= 1 for v in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    )
    return (
        fits
        and min(*stride, *dilation) >= 1
        and min(padding) >= 0
        and input.shape[1] == weight.shape[1] * groups
        and weight.shape[0] % groups == 0
        and (bias is None or bias.shape == weight.shape[:1])
    )


def forward(fn, input, weight, bias, stride, padding, dilation, groups, tiles):
    input, weight, bias = (
        fn.contiguous(input),
        fn.contiguous(weight),
        None if bias is None else fn.contiguous(bias),
    )
    spatial = tuple(
        length(*v) for v in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    )
    out = fn.empty((input.shape[0], weight.shape[0], *spatial), input)
    if not out.size:
        return out
    sizes = sizes_of(input.shape, weight.shape, spatial, stride, padding, dilation, groups)
    if tiles:
        places = input.shape[0] * math.prod(spatial)
        fn(
            (ceil_div(places, 16), ceil_div(weight.shape[0] // groups, 16), groups),
            (16, 16),
            (out, input, weight, bias, places, *sizes),
        )
    else:
        fn((ceil_div(out.size, 128),), (128,), (out, input, weight, bias, out.size, *sizes))
    return out


@kernel("convolution_1_direct", supports=takes_forward)
def convolution_1_direct(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups, False)


def takes_patches(input, weight, bias, stride, padding, dilation, groups):
    return (
        takes_forward(input, weight, bias, stride, padding, dilation, groups)
        and input.size * weight.size > 0
        and patches_of(input, weight, stride, padding, dilation) < MOST
    )


def patches_of(input, weight, stride, padding, dilation):
    """Elements of all images' matrices of patches."""
    places = math.prod(
        length(*v) for v in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    )
    return math.prod(input.shape[:2]) * math.prod(weight.shape[2:]) * places


@kernel("convolution_2_im2col", supports=takes_patches)
def convolution_2_im2col(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    input, weight, N, (O, K) = (
        fn.contiguous(input),
        fn.contiguous(weight),
        input.shape[0],
        (weight.shape[0], math.prod(weight.shape[1:])),
    )
    spatial = tuple(
        length(*v) for v in zip(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    )
    patches = fn.empty((N, groups, K, math.prod(spatial)), input)
    fn(
        (ceil_div(patches.size, 256),),
        (256,),
        (
            patches,
            input,
            patches.size,
            *sizes_of(input.shape, weight.shape, spatial, stride, padding, dilation, groups),
        ),
    )
    out = fn.device.F.matmul(weight.reshape(groups, O // groups, K), patches).reshape(
        N, O, *spatial
    )
    return out if bias is None else fn.device.F.add(out, bias.reshape(O, 1, 1))


@kernel("convolution_3_implicit", supports=takes_forward)
def convolution_3_implicit(
    fn, input, weight, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1
):
    return forward(fn, input, weight, bias, stride, padding, dilation, groups, True)


def takes_input(y, weight, size, stride):
    return (
        images(y, weight)
        and y.ndim == weight.ndim == 4
        and len(stride) == 2
        and y.size > 0
        and weight.size > 0
        and math.prod(size) < MOST
    )


@kernel("convolution_input_1_gather", supports=takes_input)
def convolution_input_1_gather(fn, y, weight, size, stride, padding, dilation, groups):
    y, weight, out = fn.contiguous(y), fn.contiguous(weight), fn.empty(tuple(size), y)
    if out.size:
        fn(
            (ceil_div(out.size, 128),),
            (128,),
            (
                out,
                y,
                weight,
                out.size,
                *sizes_of(size, weight.shape, y.shape[2:], stride, padding, dilation, groups),
            ),
        )
    return out


def takes_weight(y, input, size, stride):
    return (
        images(y, input)
        and y.ndim == input.ndim == 4
        and len(stride) == 2
        and y.size > 0
        and input.size > 0
        and math.prod(size) < MOST
    )


def weight_gradient(fn, y, input, size, stride, padding, dilation, groups, threads):
    y, input, out = fn.contiguous(y), fn.contiguous(input), fn.empty(tuple(size), y)
    if out.size:
        fn(
            (out.size if threads else ceil_div(out.size, 128),),
            (128,),
            (
                out,
                y,
                input,
                out.size,
                input.shape[0],
                *sizes_of(input.shape, size, y.shape[2:], stride, padding, dilation, groups),
            ),
        )
    return out


@kernel("convolution_weight_1_naive", supports=takes_weight)
def convolution_weight_1_naive(fn, y, input, size, stride, padding, dilation, groups):
    return weight_gradient(fn, y, input, size, stride, padding, dilation, groups, False)


@kernel("convolution_weight_2_block", supports=takes_weight)
def convolution_weight_2_block(fn, y, input, size, stride, padding, dilation, groups):
    return weight_gradient(fn, y, input, size, stride, padding, dilation, groups, True)
