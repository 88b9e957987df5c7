"""Pooling over 1, 2 or 3 spatial dims: each output looks at a window of the input, one kernel
position ("tap") at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.arrays import capture
from ...engine.case import Case, ints, positive
from ...engine.composite import composite
from ...engine.errors import DTypeError, ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .convolution import tap_slices, taps, volume

ALL = (slice(None), slice(None))


def padded(xp, x, low, high, value):
    return (
        xp.pad(x, ((0, 0), (0, 0), *zip(low, high)), constant_values=value)
        if any(low) or any(high)
        else x
    )


def geometry(name, shape, kernel, stride, padding, dilation, ceil_mode):
    """Output sizes, and how much the end must be padded so that the last window fits."""
    size, high = [], []
    for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation):
        if k < 1 or s < 1 or d < 1 or not 0 <= p <= ((k - 1) * d + 1) // 2:
            raise ShapeError(
                f"{name}: kernel, stride and dilation must be at least 1 and padding at most half"
                f" the kernel's span, got kernel {k}, stride {s}, padding {p}, dilation {d}."
                " Correct them."
            )
        span = n + 2 * p - d * (k - 1) - 1
        m = (-(-span // s) if ceil_mode else span // s) + 1
        if ceil_mode and (m - 1) * s >= n + p:
            m -= 1  # a window must not begin in the padding at the end
        if m < 1:
            raise ShapeError(
                f"{name}: the window must fit into the padded input, got input sizes {tuple(shape)}"
                f" and kernel {tuple(kernel)}. Use a smaller kernel."
            )
        size.append(m)
        high.append(max((m - 1) * s + d * (k - 1) + 1 - n - p, 0))
    return tuple(size), tuple(high)


def along(axis, start, step, n):
    """n elements along a dim, for all of the others."""
    return (*(slice(None),) * axis, slice(start, start + (n - 1) * step + 1, step))


def largest_along(xp, x, winners, reads, kind, step):
    """(largest of what each of `reads` gives, its tap number): one tap further along this dim is
    `step` taps in the window. `winners`: the tap numbers along the dims that are done; None: all 0.
    """
    out = x[reads[0]]
    won = xp.zeros(out.shape, kind) if winners is None else winners[reads[0]]
    for t, read in enumerate(reads[1:], 1):
        part = x[read]
        number = xp.asarray(t * step, kind)  # a later tap has a larger number than all before it
        number = number if winners is None else winners[read] + number
        won = xp.maximum(won, (part > out) * number)
        out = xp.maximum(out, part)
    return out, won


def largest(xp, x, kernel, stride, padding, dilation, ceil_mode):
    """(largest element of each window, its tap number)."""
    size, high = geometry("max_pool", x.shape[2:], kernel, stride, padding, dilation, ceil_mode)
    lowest = -xp.inf if x.dtype.kind == "f" else xp.iinfo(x.dtype).min
    xs = padded(xp, x, padding, high, lowest)
    # one dim after the other, the last first: k + k taps in the place of k * k
    kind = "uint8" if volume(kernel) < 256 else "int32"
    out, winners, step = xs, None, 1
    for i in reversed(range(len(kernel))):
        reads = [along(i + 2, t * dilation[i], stride[i], size[i]) for t in range(kernel[i])]
        out, winners = largest_along(xp, out, winners, reads, kind, step)
        step *= kernel[i]
    if out is x or out.base is not None:  # of one tap: the input itself is not handed out
        out = xp.array(out)
    odd = ~(out > lowest)
    # NaN: the last of a window wins; nothing above the padding's value: the first tap inside the
    # image
    if capture.active or odd.any():
        inside = padded(xp, xp.ones((1, 1, *x.shape[2:]), bool), padding, high, False)
        for i, tap in reversed(list(enumerate(taps(kernel)))):
            xp.copyto(
                winners, i, where=odd & inside[(*ALL, *tap_slices(tap, size, stride, dilation))]
            )
        for i, tap in enumerate(taps(kernel)):
            part = xs[(*ALL, *tap_slices(tap, size, stride, dilation))]
            xp.copyto(winners, i, where=part != part)
    return out, winners


WINDOW_CASES = [
    Case([2, 3, 6, 6], (2, 2), (2, 2), (0, 0), (1, 1)),
    Case([1, 2, 7, 5], (3, 2), (2, 1), (1, 1), (1, 2), True),
]


@piece(residuals=("winners",), cases=WINDOW_CASES)
def max_pool(
    xp,
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
):
    """Largest element of each window; the first of ties, in row-major order.

    Math:   out[p] = max_t x[stride p + dilation t - padding];   d x = g at the winner, else 0
    Note:   the winner is kept as a small tap number, not as a position
    """
    return largest(xp, x, kernel, stride, padding, dilation, ceil_mode)


max_pool.vjp(
    x=lambda F, g, winners, x_shape, kernel, stride, padding, dilation: F.max_pool_spread(
        g, winners, x_shape, kernel, stride, padding, dilation
    )
)


@piece(
    cases=[
        Case([2, 1, 2, 3], ints(2, 1, 2, 3, high=4), (2, 1, 4, 6), (2, 2), (2, 2), (0, 0), (1, 1)),
        Case([1, 2, 3, 4], ints(1, 2, 3, 4, high=4), (1, 2, 5, 4), (2, 2), (2, 1), (1, 1), (1, 2)),
    ]
)
def max_pool_spread(
    xp,
    x: Array,
    winners: Array,
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
):
    """Zeros of `shape` with x added where each window's winner was: the transpose of
    `max_pool_take`.

    Math:   out[winner of p] += x[p];   d x = max_pool_take(g)
    """
    size = x.shape[2:]
    wide = tuple(
        max(n + 2 * p, (m - 1) * s + d * (k - 1) + 1)
        for n, p, m, s, d, k in zip(shape[2:], padding, size, stride, dilation, kernel)
    )
    out = xp.zeros((*shape[:2], *wide), x.dtype)
    apart = all(s > d * (k - 1) for s, d, k in zip(stride, dilation, kernel))
    for i, tap in enumerate(taps(kernel)):
        place = out[(*ALL, *tap_slices(tap, size, stride, dilation))]
        if apart:  # no two windows share an element
            xp.multiply(x, winners == i, out=place)
        else:
            place += x * (winners == i)
    return xp.ascontiguousarray(out[(*ALL, *(slice(p, p + n) for p, n in zip(padding, shape[2:])))])


max_pool_spread.vjp(
    x=lambda F, g, winners, kernel, stride, padding, dilation: F.max_pool_take(
        g, winners, kernel, stride, padding, dilation
    ),
    winners=None,
)


@piece(
    cases=[
        Case([2, 1, 4, 6], ints(2, 1, 2, 3, high=4), (2, 2), (2, 2), (0, 0), (1, 1)),
        Case([1, 2, 5, 4], ints(1, 2, 3, 4, high=4), (2, 2), (2, 1), (1, 1), (1, 2)),
    ]
)
def max_pool_take(
    xp,
    x: Array,
    winners: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
):
    """The elements of x at given winners.

    Math:   out[p] = x[winner of p];   d x = max_pool_spread(g)
    """
    size = winners.shape[2:]
    high = tuple(
        max((m - 1) * s + d * (k - 1) + 1 - n - p, 0)
        for n, p, m, s, d, k in zip(x.shape[2:], padding, size, stride, dilation, kernel)
    )
    xs = padded(xp, x, padding, high, 0)
    out = xp.zeros(winners.shape, x.dtype)
    for i, tap in enumerate(taps(kernel)):
        out += xs[(*ALL, *tap_slices(tap, size, stride, dilation))] * (winners == i)
    return out


max_pool_take.vjp(
    x=lambda F, g, winners, x_shape, kernel, stride, padding, dilation: F.max_pool_spread(
        g, winners, x_shape, kernel, stride, padding, dilation
    ),
    winners=None,
)


@piece(
    cases=[
        Case([2, 3, 6, 6], (2, 2), (2, 2), (0, 0), (0, 0)),
        Case([1, 2, 7, 5], (3, 2), (2, 1), (1, 0), (2, 1)),
    ]
)
def sum_pool(
    xp,
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    high: Sequence[int],
):
    """Sum of each window; zeros beyond the edges (`high`: further padding at the end).

    Math:   out[p] = sum_t x[stride p + t - padding];   d x = g spread over its windows
    """
    xs = padded(xp, x, padding, tuple(max(h, 0) for h in high), 0)
    size = tuple((n - k) // s + 1 for n, k, s in zip(xs.shape[2:], kernel, stride))
    out = None
    for tap in taps(kernel):
        part = xs[(*ALL, *tap_slices(tap, size, stride, (1,) * len(kernel)))]
        out = xp.array(part) if out is None else xp.add(out, part, out=out)
    return out


sum_pool.vjp(
    x=lambda F, g, x_shape, kernel, stride, padding, high: F.sum_spread(
        g, x_shape, kernel, stride, padding, high
    )
)


@piece(
    cases=[
        Case([2, 3, 3, 3], (2, 3, 6, 6), (2, 2), (2, 2), (0, 0), (0, 0)),
        Case([1, 2, 4, 5], (1, 2, 7, 5), (3, 2), (2, 1), (1, 0), (2, 1)),
    ]
)
def sum_spread(
    xp,
    x: Array,
    shape: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    high: Sequence[int],
):
    """Each element added to its whole window: the transpose of sum_pool.

    Math:   out[stride p + t - padding] += x[p];   d x = sum_pool(g)
    """
    out = xp.zeros(
        (*shape[:2], *(n + p + max(h, 0) for n, p, h in zip(shape[2:], padding, high))), x.dtype
    )
    for tap in taps(kernel):
        out[(*ALL, *tap_slices(tap, x.shape[2:], stride, (1,) * len(kernel)))] += x
    return xp.ascontiguousarray(out[(*ALL, *(slice(p, p + n) for p, n in zip(padding, shape[2:])))])


sum_spread.vjp(
    x=lambda F, g, kernel, stride, padding, high: F.sum_pool(g, kernel, stride, padding, high)
)


def numbers(name, value, n):
    value = (value,) * n if isinstance(value, int) else tuple(value)
    if len(value) == 1:
        value *= n
    if len(value) != n:
        raise ShapeError(f"{name}: needs one number or {n}, got {value}. Give one per spatial dim.")
    return value


def batched(F, name, n, input):
    if input.ndim not in (n + 1, n + 2):
        raise ShapeError(
            f"{name}: input must have {n + 1} or {n + 2} dims, got shape {tuple(input.shape)}. Add"
            " the missing dims with unsqueeze."
        )
    if min(input.shape[input.ndim - n - 1 :]) < 1:
        raise ShapeError(
            f"{name}: channels and sizes must be at least 1, got shape {tuple(input.shape)}. Only"
            " the batch may be empty."
        )
    return F.unsqueeze(input, 0) if input.ndim == n + 1 else input


def check_numbers(name, input, kinds="f"):
    dtype = getattr(input, "array", input).dtype
    if dtype.kind not in kinds:
        raise DTypeError(
            f"{name}: needs a {'numeric' if 'i' in kinds else 'floating-point'} input, got"
            f" {dtype.name}. Convert it with x.float()."
        )


def max_pooling(F, n, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    name = f"max_pool{n}d"
    check_numbers(name, input, "fiu")
    kernel = numbers(name, kernel_size, n)
    stride = kernel if stride is None or stride == () else numbers(name, stride, n)
    padding, dilation = numbers(name, padding, n), numbers(name, dilation, n)
    x = batched(F, name, n, input)
    out = F.max_pool(x, kernel, stride, padding, dilation, ceil_mode)
    out = out if x is input else F.squeeze(out, 0)
    if not return_indices:
        return out
    indices = F.max_pool_positions(x, kernel, stride, padding, dilation, ceil_mode)
    return out, indices if x is input else F.squeeze(indices, 0)


@composite(method=False, cases=[Case([2, 3, 7], 2), Case([2, 3, 7], 3, 2, 1)])
def max_pool1d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window over one spatial dim.

    Math:   see max_pool
    Shape:  input (N, C, L) or (C, L)
    Args:   return_indices: also give the positions in the flattened spatial dims
    """
    return max_pooling(
        F, 1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@composite(
    method=False,
    cases=[
        Case([2, 3, 6, 6], 2),
        Case([2, 3, 7, 6], 3, 2, 1),
        Case([1, 2, 7, 7], (2, 3), (1, 2), 0, (2, 1)),
        Case([2, 5, 5], 2, ceil_mode=True),
    ],
)
def max_pool2d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window over two spatial dims.

    Math:   see max_pool
    Shape:  input (N, C, H, W) or (C, H, W)
    Args:   return_indices: also give the positions in the flattened spatial dims
    """
    return max_pooling(
        F, 2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@composite(
    method=False, cases=[Case([1, 2, 4, 4, 4], 2), Case([1, 4, 5, 4], 3, 2, 1, return_indices=True)]
)
def max_pool3d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:
    """Largest element of each window over three spatial dims.

    Math:   see max_pool
    Shape:  input (N, C, D, H, W) or (C, D, H, W)
    Args:   return_indices: also give the positions in the flattened spatial dims
    """
    return max_pooling(
        F, 3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices
    )


@piece(differentiable=False, cases=WINDOW_CASES)
def max_pool_positions(
    xp,
    x: Array,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
):
    """Position of each window's winner in the flattened spatial dims of x, as PyTorch's
    `return_indices`.

    Math:   out[p] = argmax_t x[stride p + dilation t - padding]
    """
    out, winners = largest(xp, x, kernel, stride, padding, dilation, ceil_mode)
    position, rest = xp.zeros(winners.shape, "int64"), winners.astype("int64")
    scale = volume(x.shape[2:])
    spread = volume(kernel)
    for axis, (k, n, m, s, p, d) in enumerate(
        zip(kernel, x.shape[2:], out.shape[2:], stride, padding, dilation)
    ):
        scale, spread = scale // n, spread // k
        start = (xp.arange(m) * s - p).reshape((m,) + (1,) * (len(kernel) - axis - 1))
        position += (start + rest // spread * d) * scale
        rest = rest % spread
    return position


def avg_pooling(
    F, n, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
):
    name = f"avg_pool{n}d"
    check_numbers(name, input, "fi")
    kernel, padding = numbers(name, kernel_size, n), numbers(name, padding, n)
    stride = kernel if stride is None or stride == () else numbers(name, stride, n)
    if divisor_override == 0:
        raise ShapeError(
            f"{name}: divisor_override must not be 0, got 0. Omit it to divide by the number of"
            " elements."
        )
    x = batched(F, name, n, input)
    size, _ = geometry(name, x.shape[2:], kernel, stride, padding, (1,) * n, ceil_mode)
    reach = tuple(
        max((m - 1) * s + k - (s0 + p), 0)
        for m, s, k, s0, p in zip(size, stride, kernel, x.shape[2:], padding)
    )
    total = F.sum_pool(x, kernel, stride, padding, reach)
    counts = divisor_override
    if not counts:
        counts = window_sizes(F, x, size, kernel, stride, padding, count_include_pad)
    if getattr(x, "array", x).dtype.kind == "f":
        out = total / counts
    else:
        out = F.div(total, counts, rounding_mode="trunc")
    return out if x is input else F.squeeze(out, 0)


def window_sizes(F, x, size, kernel, stride, padding, count_include_pad):
    """Elements in each window, what `ceil_mode` adds at the end not counted."""
    counts, n = 1, len(kernel)
    for axis, (k, s, p, s0, m) in enumerate(zip(kernel, stride, padding, x.shape[2:], size)):
        low, top = (-p, s0 + p) if count_include_pad else (0, s0)
        line = [min(i * s - p + k, top) - max(i * s - p, low) for i in range(m)]
        counts = counts * F.reshape(constant(F, x, line), (m,) + (1,) * (n - axis - 1))
    return counts


def constant(F, x, values):
    """Python numbers as a tensor (or raw array) like x."""
    if hasattr(x, "array"):
        return (
            type(x)(x.device.asarray(values, dtype=x.array.dtype), x.device)
            if type(x).__name__ == "Tensor"
            else x.wrap(x.device.asarray(values, dtype=x.array.dtype))
        )
    return F._device.asarray(values, dtype=x.dtype)


@composite(method=False, cases=[Case([2, 3, 7], 2), Case([2, 3, 7], 3, 2, 1)])
def avg_pool1d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Tensor:
    """Mean of each window over one spatial dim.

    Math:   out[p] = sum_t x[stride p + t - padding] / number of elements
    Shape:  input (N, C, L) or (C, L)
    Args:   count_include_pad: padding counts as elements
    """
    return avg_pooling(
        F, 1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None
    )


@composite(
    method=False,
    cases=[
        Case([2, 3, 6, 6], 2),
        Case([2, 3, 7, 6], 3, 2, 1),
        Case([2, 3, 7, 6], 3, 2, 1, False, False),
        Case([2, 5, 5], 2, ceil_mode=True),
        Case([1, 1, 4, 4], 2, divisor_override=3),
    ],
)
def avg_pool2d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window over two spatial dims.

    Math:   out[p] = sum_t x[stride p + t - padding] / number of elements
    Shape:  input (N, C, H, W) or (C, H, W)
    Args:   count_include_pad: padding counts as elements; divisor_override: divide by
            this instead
    """
    return avg_pooling(
        F, 2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@composite(method=False, cases=[Case([1, 2, 4, 4, 4], 2)])
def avg_pool3d(
    F,
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Tensor:
    """Mean of each window over three spatial dims.

    Math:   out[p] = sum_t x[stride p + t - padding] / number of elements
    Shape:  input (N, C, D, H, W) or (C, D, H, W)
    Args:   count_include_pad: padding counts as elements; divisor_override: divide by
            this instead
    """
    return avg_pooling(
        F, 3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


def lp_pooling(F, n, input, norm_type, kernel_size, stride, ceil_mode):
    kernel = numbers(f"lp_pool{n}d", kernel_size, n)
    powers = input**norm_type
    mean = avg_pooling(F, n, powers, kernel, stride, 0, ceil_mode, True, None)
    # the mask keeps the root's infinite slope at 0 away from the sum
    return (F.masked_fill(mean, mean == 0, 0.0) * volume(kernel)) ** (1 / norm_type)


@composite(
    method=False, cases=[Case(positive(2, 3, 7), 2, 3), Case(positive(2, 3, 7), 3.0, 3, 2, True)]
)
def lp_pool1d(
    F,
    input: Tensor,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window over one spatial dim, p = norm_type.

    Math:   out[p] = (sum_t x[stride p + t]^norm)^(1 / norm)
    Note:   no absolute value is taken, as in PyTorch
    """
    return lp_pooling(F, 1, input, norm_type, kernel_size, stride, ceil_mode)


@composite(
    method=False, cases=[Case(positive(1, 2, 5, 4), 2, 2), Case(positive(2, 5, 4), 1, (2, 3), 1)]
)
def lp_pool2d(
    F,
    input: Tensor,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window over two spatial dims, p = norm_type.

    Math:   out[p] = (sum_t x[stride p + t]^norm)^(1 / norm)
    Note:   no absolute value is taken, as in PyTorch
    """
    return lp_pooling(F, 2, input, norm_type, kernel_size, stride, ceil_mode)


@composite(method=False, cases=[Case(positive(1, 2, 4, 3, 4), 2, 2)])
def lp_pool3d(
    F,
    input: Tensor,
    norm_type: float,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    ceil_mode: bool = False,
) -> Tensor:
    """The p-norm of each window over three spatial dims, p = norm_type.

    Math:   out[p] = (sum_t x[stride p + t]^norm)^(1 / norm)
    Note:   no absolute value is taken, as in PyTorch
    """
    return lp_pooling(F, 3, input, norm_type, kernel_size, stride, ceil_mode)
