"""Convolution over 1, 2 or 3 spatial dims, and its two transposes. Each is linear in each input,
and the gradients of each are the other two.

The work is one matrix product per block of images: `columns` lays the patches of a block out as a
matrix small enough to stay in the cache (im2col), so the patch matrix of a whole batch never exists
and the backward pass rebuilds it.
Reference: K. Chellapilla et al., 2006, "High performance convolutional neural networks for document
           processing".
"""

from __future__ import annotations

from collections.abc import Sequence

from ...engine.case import Case
from ...engine.composite import composite
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor

BLOCK_BYTES = 1 << 20  # of patches at a time: half of a typical L2 cache


def pad(xp, x, padding):
    return xp.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding))) if any(padding) else x


def out_size(shape, kernel, stride, padding, dilation):
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation)
    )


def tap_slices(tap, size, stride, dilation):
    """Where one kernel position reads the padded input, for all outputs at once."""
    return tuple(
        slice(t * d, t * d + (n - 1) * s + 1, s) for t, n, s, d in zip(tap, size, stride, dilation)
    )


def taps(kernel):
    """All kernel positions in row-major order."""
    found: list[tuple[int, ...]] = [()]
    for k in kernel:
        found = [(*t, i) for t in found for i in range(k)]
    return found


def blocks(n, bytes_per_image):
    step = max(1, BLOCK_BYTES // max(bytes_per_image, 1))
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


def columns(xp, xs, kernel, size, stride, dilation, images_last=False):
    """Patches of padded images: (n, C, *kernel, *size); or of images (C, n, *), with n behind the
    kernel dims.
    """
    a, b = xs.shape[:2]
    out = xp.empty((a, *kernel, b, *size) if images_last else (a, b, *kernel, *size), xs.dtype)
    for tap in taps(kernel):
        out[(slice(None), *tap) if images_last else (slice(None), slice(None), *tap)] = xs[
            (slice(None), slice(None), *tap_slices(tap, size, stride, dilation))
        ]
    return out


def volume(sizes):
    n = 1
    for s in sizes:
        n *= s
    return n


def check(input, weight, bias, stride, padding, dilation, groups):
    n = weight.ndim - 2
    if input.ndim != n + 2 or n < 1:
        raise ShapeError(
            f"conv{n}d: input must have {n + 2} dims (N, C, sizes) for a weight of shape"
            f" {weight.shape}, got {input.shape}. Add the batch dim with unsqueeze(0)."
        )
    if input.shape[1] != weight.shape[1] * groups or weight.shape[0] % groups:
        raise ShapeError(
            f"conv{n}d: input channels must be weight.shape[1] * groups ="
            f" {weight.shape[1] * groups} and output channels a multiple of groups={groups}, got"
            f" input {input.shape} and weight {weight.shape}. Check in_channels and groups."
        )
    if bias is not None and bias.shape != (weight.shape[0],):
        raise ShapeError(
            f"conv{n}d: bias must have shape ({weight.shape[0]},), got {bias.shape}. Use one value"
            " per output channel."
        )
    if min(stride) < 1 or min(dilation) < 1 or min(padding) < 0:
        raise ShapeError(
            f"conv{n}d: stride and dilation must be at least 1 and padding at least 0, got"
            f" {stride}, {dilation}, {padding}. Correct them."
        )
    size = out_size(input.shape[2:], weight.shape[2:], stride, padding, dilation)
    if min(size) < 1:
        raise ShapeError(
            f"conv{n}d: the kernel must fit into the padded input, got input {input.shape[2:]} with"
            f" padding {padding} and kernel {weight.shape[2:]} with dilation {dilation}. Use a"
            " larger input, more padding or a smaller kernel."
        )
    return size


@piece(
    types="match",
    cases=[
        Case([2, 3, 5, 6], [4, 3, 3, 2], [4]),
        Case([1, 4, 7, 6], [4, 2, 3, 3], None, (2, 1), (1, 0), (1, 2), 2),
    ],
)
def convolution(
    xp,
    input: Array,
    weight: Array,
    bias: Array | None = None,
    stride: Sequence[int] = (1, 1),
    padding: Sequence[int] = (0, 0),
    dilation: Sequence[int] = (1, 1),
    groups: int = 1,
):
    """Cross-correlation of images with kernels.

    Math:   out[n, o, p] = bias[o] + sum_{c, t} weight[o, c, t] input[n, c, stride p + dilation t -
            padding]
    Shape:  input (N, C, *), weight (O, C / groups, *kernel), bias (O), out (N, O, *)
    """
    size = check(input, weight, bias, stride, padding, dilation, groups)
    n, kernel, length = input.shape[0], weight.shape[2:], volume(size)
    x = pad(xp, input, padding)
    w = weight.reshape(groups, weight.shape[0] // groups, -1)
    out = xp.empty((n, groups, w.shape[1], length), input.dtype)
    for block in blocks(n, x.shape[1] * volume(kernel) * length * x.itemsize):
        xs = x[block]
        patches = (
            xs
            if volume(kernel) == 1 and set(stride) == {1}
            else columns(xp, xs, kernel, size, stride, dilation)
        )
        xp.matmul(w, patches.reshape(xs.shape[0], groups, -1, length), out=out[block])
        if bias is not None:
            out[block] += bias.reshape(groups, -1, 1)
    return out.reshape(n, weight.shape[0], *size)


@piece(
    types="match",
    cases=[
        Case([2, 4, 3, 5], [4, 3, 3, 2], (2, 3, 5, 6), (1, 1), (0, 0), (1, 1), 1),
        Case([1, 4, 4, 2], [4, 2, 3, 3], (1, 4, 7, 6), (2, 1), (1, 0), (1, 2), 2),
    ],
)
def convolution_input(
    xp,
    y: Array,
    weight: Array,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
):
    """The transpose of `convolution` in its input: what each input element gave to y (`size`: shape
    of the input).

    Math:   out[n, c, stride p + dilation t - padding] += sum_o weight[o, c, t] y[n, o, p]
    """
    if not y.size or not weight.size:
        return xp.zeros(size, y.dtype)
    n, kernel, spatial = y.shape[0], weight.shape[2:], y.shape[2:]
    w = weight.reshape(groups, weight.shape[0] // groups, -1).swapaxes(1, 2)
    w = xp.ascontiguousarray(w)
    out = xp.zeros((*size[:2], *(s + 2 * p for s, p in zip(size[2:], padding))), y.dtype)
    y = y.reshape(n, groups, weight.shape[0] // groups, -1)
    for block in blocks(n, size[1] * volume(kernel) * y.shape[-1] * y.itemsize):
        patches = xp.matmul(w, y[block]).reshape(-1, size[1], *kernel, *spatial)
        for tap in taps(kernel):
            out[(block, slice(None), *tap_slices(tap, spatial, stride, dilation))] += patches[
                (slice(None), slice(None), *tap)
            ]
    return xp.ascontiguousarray(
        out[(slice(None), slice(None), *(slice(p, p + s) for p, s in zip(padding, size[2:])))]
    )


@piece(
    types="match",
    cases=[
        Case([2, 9, 3, 5], [2, 3, 5, 6], (9, 3, 3, 2), (1, 1), (0, 0), (1, 1), 1),
        Case([1, 4, 4, 2], [1, 4, 7, 6], (4, 2, 3, 3), (2, 1), (1, 0), (1, 2), 2),
    ],
)
def convolution_weight(
    xp,
    y: Array,
    input: Array,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
):
    """The transpose of `convolution` in its weight (`size`: shape of the weight).

    Math:   out[o, c, t] = sum_{n, p} y[n, o, p] input[n, c, stride p + dilation t - padding]
    """
    if not y.size or not input.size:
        return xp.zeros(size, y.dtype)
    n, kernel, spatial = y.shape[0], size[2:], y.shape[2:]
    x = pad(xp, input, padding)
    length = volume(spatial)
    out = xp.zeros((groups, size[0] // groups, size[1] * volume(kernel)), y.dtype)
    for block in blocks(n, x.shape[1] * volume(kernel) * length * x.itemsize):
        # (C, *kernel, m, *spatial)
        patches = columns(
            xp, x[block].swapaxes(0, 1), kernel, spatial, stride, dilation, images_last=True
        )
        right = patches.reshape(groups, size[1] * volume(kernel), -1)
        left = xp.ascontiguousarray(y[block].swapaxes(0, 1)).reshape(groups, size[0] // groups, -1)
        # one long product over all images of the block
        out += xp.matmul(left, right.swapaxes(1, 2))
    return out.reshape(size)


convolution.vjp(
    input=lambda F, g, weight, input_shape, stride, padding, dilation, groups: F.convolution_input(
        g, weight, input_shape, stride, padding, dilation, groups
    ),
    weight=lambda F, g, input, weight_shape, stride, padding, dilation, groups: (
        F.convolution_weight(g, input, weight_shape, stride, padding, dilation, groups)
    ),
    bias=lambda F, g: F.sum(g, tuple(i for i in range(g.ndim) if i != 1)),
)


def convolution_input_d_y(F, g, weight, y_shape, stride, padding, dilation, groups):
    out = F.convolution(g, weight, None, stride, padding, dilation, groups)
    # an output_padding of a stride or more has room for more
    return out if tuple(out.shape) == tuple(y_shape) else F.getitem(out, tuple(map(slice, y_shape)))


convolution_input.vjp(
    y=convolution_input_d_y,
    weight=lambda F, g, y, weight_shape, stride, padding, dilation, groups: F.convolution_weight(
        y, g, weight_shape, stride, padding, dilation, groups
    ),
)
convolution_weight.vjp(
    y=lambda F, g, input, stride, padding, dilation, groups: F.convolution(
        input, g, None, stride, padding, dilation, groups
    ),
    input=lambda F, g, y, input_shape, stride, padding, dilation, groups: F.convolution_input(
        y, g, input_shape, stride, padding, dilation, groups
    ),
)


def spread(value, n):
    """A number or a sequence as a tuple of n."""
    value = (value,) * n if isinstance(value, int) else tuple(value)
    if len(value) != n:
        raise ShapeError(
            f"conv{n}d: needs one number or {n}, got {value}. Give one per spatial dim."
        )
    return value


def same_padding(F, input, kernel, dilation):
    """Pad so that the output has the input's size; an odd total puts one more at the end, as
    PyTorch does.
    """
    total = [d * (k - 1) for k, d in zip(kernel, dilation)]
    if any(t % 2 for t in total):
        widths = [w for t in reversed(total) for w in (0, t % 2)]
        input = F.pad(input, tuple(widths))
    return input, tuple(t // 2 for t in total)


def check_kernel(name, weight):
    if min(weight.shape[2:], default=1) < 1:
        raise ShapeError(
            f"{name}: the kernel's sizes must be at least 1, got a weight of shape"
            f" {tuple(weight.shape)}. Choose a larger kernel_size."
        )


def convolve(F, n, input, weight, bias, stride, padding, dilation, groups):
    check_kernel(f"conv{n}d", weight)
    stride, dilation = spread(stride, n), spread(dilation, n)
    batched = input.ndim == n + 2
    if not batched and input.ndim == n + 1:
        input = F.unsqueeze(input, 0)
    if padding == "same":
        if set(stride) != {1}:
            raise ShapeError(
                f"conv{n}d: padding='same' needs stride 1, got {stride}. Give the padding in"
                " numbers."
            )
        input, padding = same_padding(F, input, weight.shape[2:], dilation)
    elif padding == "valid":
        padding = (0,) * n
    out = F.convolution(input, weight, bias, stride, spread(padding, n), dilation, groups)
    return out if batched else F.squeeze(out, 0)


def upsample(F, n, input, weight, bias, stride, padding, output_padding, groups, dilation):
    check_kernel(f"conv_transpose{n}d", weight)
    stride, padding, dilation, extra = (
        spread(v, n) for v in (stride, padding, dilation, output_padding)
    )
    batched = input.ndim == n + 2
    if not batched:
        input = F.unsqueeze(input, 0)
    if input.ndim != n + 2 or input.shape[1] != weight.shape[0]:
        raise ShapeError(
            f"conv_transpose{n}d: input must be (N, {weight.shape[0]}, sizes) for a weight of shape"
            f" {tuple(weight.shape)}, got {tuple(input.shape)}. Check in_channels."
        )
    if any(not 0 <= e < max(st, d) for e, st, d in zip(extra, stride, dilation)):
        raise ShapeError(
            f"conv_transpose{n}d: output_padding must be smaller than stride or dilation, got"
            f" {extra} with {stride} and {dilation}. Use a smaller one."
        )
    dims = zip(input.shape[2:], stride, padding, dilation, weight.shape[2:], extra)
    sizes = [(s - 1) * st - 2 * p + d * (k - 1) + e + 1 for s, st, p, d, k, e in dims]
    size = (input.shape[0], weight.shape[1] * groups, *sizes)
    out = F.convolution_input(input, weight, size, stride, padding, dilation, groups)
    if bias is not None:
        out = out + F.reshape(bias, (-1,) + (1,) * n)
    return out if batched else F.squeeze(out, 0)


@composite(
    method=False,
    cases=[Case([2, 4, 7], [6, 4, 3], [6]), Case([2, 4, 7], [6, 2, 3], None, 2, 1, 2, 2)],
)
def conv1d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`convolution` over one spatial dim.

    Math:   see convolution
    Shape:  input (N, C, L) or (C, L), weight (O, C / groups, K), bias (O)
    """
    return convolve(F, 1, input, weight, bias, stride, padding, dilation, groups)


@composite(
    method=False,
    cases=[
        Case([2, 3, 5, 6], [4, 3, 3, 2], [4]),
        Case([2, 4, 7, 6], [4, 2, 3, 3], [4], 2, 1, 1, 2),
        Case([1, 2, 7, 7], [2, 2, 3, 3], None, (1, 2), (2, 0), (2, 1)),
        Case([2, 3, 4, 4], [5, 3, 1, 1], [5]),
        Case([2, 5, 5], [3, 2, 3, 3], [3], padding="same"),
        Case([1, 4, 5, 5], [4, 1, 3, 3], None, groups=4),
    ],
)
def conv2d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`convolution` over two spatial dims; padding in numbers, "same" or "valid".

    Math:   see convolution
    Shape:  input (N, C, H, W) or (C, H, W), weight (O, C / groups, KH, KW), bias (O)
    """
    return convolve(F, 2, input, weight, bias, stride, padding, dilation, groups)


@composite(
    method=False,
    cases=[
        Case([1, 2, 4, 3, 4], [3, 2, 2, 2, 3], [3]),
        Case([1, 2, 4, 4, 4], [2, 1, 3, 3, 3], None, 2, 1, 1, 2),
    ],
)
def conv3d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] | str = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """`convolution` over three spatial dims.

    Math:   see convolution
    Shape:  input (N, C, D, H, W) or (C, D, H, W), weight (O, C / groups, KD, KH, KW), bias (O)
    """
    return convolve(F, 3, input, weight, bias, stride, padding, dilation, groups)


@composite(method=False, cases=[Case([2, 4, 5], [4, 3, 3], [3], 2, 1, 1)])
def conv_transpose1d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """The transpose of `conv1d`: spreads each input element over the output.

    Math:   see convolution_input
    Shape:  input (N, C, L), weight (C, O / groups, K), bias (O)
    """
    return upsample(F, 1, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(
    method=False,
    cases=[
        Case([2, 4, 3, 4], [4, 3, 3, 2], [3]),
        Case([1, 4, 3, 3], [4, 1, 3, 3], None, 2, 1, 1, 2),
        Case([1, 2, 3, 3], [2, 2, 2, 2], None, 1, 0, 0, 1, 2),
    ],
)
def conv_transpose2d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """The transpose of `conv2d`.

    Math:   see convolution_input
    Shape:  input (N, C, H, W), weight (C, O / groups, KH, KW), bias (O)
    Reference: M. Zeiler et al., 2010, "Deconvolutional networks"
    """
    return upsample(F, 2, input, weight, bias, stride, padding, output_padding, groups, dilation)


@composite(method=False, cases=[Case([1, 2, 3, 2, 3], [2, 3, 2, 2, 2], [3], 2)])
def conv_transpose3d(
    F,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: int | Sequence[int] = 0,
    output_padding: int | Sequence[int] = 0,
    groups: int = 1,
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """The transpose of `conv3d`.

    Math:   see convolution_input
    Shape:  input (N, C, D, H, W), weight (C, O / groups, KD, KH, KW), bias (O)
    """
    return upsample(F, 3, input, weight, bias, stride, padding, output_padding, groups, dilation)
