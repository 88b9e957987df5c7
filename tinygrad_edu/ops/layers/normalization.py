"""Normalisation: subtract a mean, divide by a standard deviation, scale and shift."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ...engine.case import Case, Sample, positive
from ...engine.composite import composite
from ...engine.dtype import check_float, float16
from ...engine.errors import ShapeError
from ...engine.op import Array, piece
from ...engine.tensor import Tensor
from .convolution import volume


def normalise_backward(F, d, xhat, rstd, dims):
    """The cotangent of xhat = (x - mean) rstd, for statistics over dims.

    Math:   d x = rstd (d - mean(d) - xhat mean(d xhat))
    """
    return rstd * (d - F.mean(d, dims, True) - xhat * F.mean(d * xhat, dims, True))


def layer_norm_reference(F, x, weight, bias, dims, eps):
    centred = x - F.mean(x, dims, True)
    out = centred * F.rsqrt(F.mean(centred * centred, dims, True) + eps)
    return scaled(out, weight, bias)


@piece(
    types="match",
    residuals=("mean", "rstd"),
    reference=layer_norm_reference,
    cases=[
        Case([2, 3, 4], positive(4), [4]),
        Case([2, 3, 4], None, None, (-2, -1)),
        Case([3, 5], positive(5)),
    ],
)
def layer_normalization(
    xp,
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    dims: Sequence[int] = (-1,),
    eps: float = 1e-5,
):
    """Normalise over the last dims, scale and shift.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias
    Reference: J. L. Ba et al., 2016, "Layer normalization", eq. 4
    """
    N = math.prod([x.shape[d] for d in dims])
    mean = x.sum(dims, None, None, True)
    mean /= N
    out = x - mean
    rstd = (out * out).sum(dims, None, None, True)
    rstd += N * eps
    xp.divide(N, rstd, rstd)  # 1 / (var + eps), with var = sum / N
    xp.sqrt(rstd, rstd)
    out *= rstd
    if weight is not None:
        out *= weight
    if bias is not None:
        out += bias
    return out, mean, rstd


layer_normalization.vjp(
    x=lambda F, g, x, weight, mean, rstd, dims: F.layer_normalization_backward(
        g, x, mean, rstd, weight, dims
    ),
    weight=lambda F, g, x, mean, rstd, dims: F.normalization_weight_backward(
        g, x, rstd, mean, dims
    ),
    bias=lambda g: g,
)


# The backward of layer_normalization and rms_normalization is only called on raw arrays: higher
# orders go through their references.


@piece(
    types="match",
    differentiable=False,
    cases=[
        Case([2, 3, 4], [2, 3, 4], [2, 3, 1], positive(2, 3, 1), positive(4)),
        Case([2, 3, 4], [2, 3, 4], [2, 1, 1], positive(2, 1, 1), None, (-2, -1)),
    ],
)
def layer_normalization_backward(
    xp,
    u: Array,
    x: Array,
    mean: Array,
    rstd: Array,
    weight: Array | None = None,
    dims: Sequence[int] = (-1,),
):
    """The cotangent of layer_normalization's x, from the output's cotangent u and the residuals.

    Math:   out = rstd (d - mean(d) - xhat mean(d xhat)),   d = u weight,   xhat = (x - mean) rstd
    """
    xhat = x - mean
    xhat *= rstd
    d = u if weight is None else u * weight
    out = d * xhat
    xhat *= out.mean(axis=dims, keepdims=True)
    xp.subtract(d, d.mean(axis=dims, keepdims=True), out=out)
    out -= xhat
    out *= rstd
    return out


@piece(
    types="match",
    differentiable=False,
    cases=[
        Case([2, 3, 4], [2, 3, 4], positive(2, 3, 1), [2, 3, 1]),
        Case([2, 3, 4], [2, 3, 4], positive(2, 1, 1), None, (-2, -1)),
    ],
)
def normalization_weight_backward(
    xp, u: Array, x: Array, rstd: Array, mean: Array | None = None, dims: Sequence[int] = (-1,)
):
    """The cotangent of the weight of layer_normalization, or (without a mean) of rms_normalization.

    Math:   out = sum over the leading dims of u (x - mean) rstd
    """
    terms = u * rstd
    terms *= x if mean is None else x - mean
    return terms.sum(axis=tuple(range(x.ndim - len(dims))))


def last_dims(name, input, normalized_shape, **given):
    """The dims that normalized_shape stands for."""
    shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
    if not shape or input.shape[-len(shape) :] != shape:
        raise ShapeError(
            f"{name}: input must end in the sizes {shape}, at least one, got shape"
            f" {tuple(input.shape)}. Check normalized_shape."
        )
    for what, value in given.items():
        if value is not None and value.shape != shape:
            raise ShapeError(
                f"{name}: {what} must have the shape {shape} of normalized_shape, got"
                f" {tuple(value.shape)}. Change one of them."
            )
    return tuple(range(-len(shape), 0))


@composite(
    method=False,
    cases=[
        Case([2, 3, 4], (4,), positive(4), [4]),
        Case([2, 3, 4], (3, 4)),
        Case([2, 4], (4,), positive(4)),
    ],
)
def layer_norm(
    F,
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise over the last dims, whose sizes are `normalized_shape`.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias
    Reference: J. L. Ba et al., 2016, "Layer normalization", eq. 4
    """
    if input.dtype is float16:
        return in_float32(layer_norm, input, normalized_shape, weight, bias, eps)
    return F.layer_normalization(
        input,
        weight,
        bias,
        last_dims("layer_norm", input, normalized_shape, weight=weight, bias=bias),
        eps,
    )


def in_float32(function, *args):
    """A function of float16 computed in float32, as PyTorch does: squares would overflow."""
    return function(
        *(a.float() if getattr(a, "dtype", None) is float16 else a for a in args)
    ).half()


def batch_norm_reference(F, x, weight, bias, dims, eps):
    mean = F.mean(x, dims, True)
    centred = x - mean
    var = F.mean(centred * centred, dims, True)
    return scaled(centred * F.rsqrt(var + eps), weight, bias), mean, var


@piece(
    types="match",
    outputs=("out", "mean", "var"),
    reference=batch_norm_reference,
    cases=[  # batch_norm checks the gradients: mean and var have none
        Case([4, 3], positive(1, 3), [1, 3], grad=False),
        Case([4, 3, 2], None, None, (0, 2), grad=False),
    ],
)
def batch_normalization(
    xp,
    x: Array,
    weight: Array | None = None,
    bias: Array | None = None,
    dims: Sequence[int] = (0,),
    eps: float = 1e-5,
):
    """Normalise over the batch; mean and (biased) variance come along for the running averages,
    without gradients.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias
    Shape:  weight and bias already shaped to broadcast against x
    Reference: S. Ioffe, C. Szegedy, 2015, "Batch normalization", alg. 1
    """
    mean = x.mean(axis=dims, keepdims=True)
    out = x - mean
    var = (out * out).mean(axis=dims, keepdims=True)
    scale = 1 / xp.sqrt(var + x.dtype.type(eps))
    out *= scale if weight is None else scale * weight
    if bias is not None:
        out += bias
    return out, mean, var


@piece(
    types="match",
    differentiable=False,
    outputs=True,
    cases=[
        Case([4, 3], [4, 3], [1, 3], positive(1, 3), positive(1, 3)),
        Case([4, 3, 2], [4, 3, 2], [1, 3, 1], positive(1, 3, 1), None, (0, 2)),
    ],
)
def batch_normalization_backward(
    xp,
    u: Array,
    x: Array,
    mean: Array,
    var: Array,
    weight: Array | None = None,
    dims: Sequence[int] = (0,),
    eps: float = 1e-5,
):
    """The cotangents of x, weight and bias, from the output's cotangent u and the statistics.

    Math:   out = rstd (d - mean(d) - xhat mean(d xhat)),   d = u weight,   xhat = (x - mean) rstd;
            d weight = sum u xhat,   d bias = sum u
    Note:   higher orders go through the reference of batch_normalization
    """
    count = x.size // max(mean.size, 1)
    rstd = 1 / xp.sqrt(var + x.dtype.type(eps))
    out = x - mean
    out *= rstd
    d_bias = u.sum(dims, None, None, True)
    d_weight = (u * out).sum(dims, None, None, True)
    out *= d_weight / -count
    out += u
    out -= d_bias / count
    out *= rstd if weight is None else rstd * weight
    return out, d_weight, d_bias


def batch_norm_vjp(F, gs, x, weight, mean, var, dims, eps):
    d_x, d_weight, d_bias = F.batch_normalization_backward(gs[0], x, mean, var, weight, dims, eps)
    return d_x, d_weight, d_bias


batch_normalization.vjp_all(batch_norm_vjp)


def check_channels(name, input, **given):
    for what, value in given.items():
        if value is not None and tuple(value.shape) != (input.shape[1],):
            raise ShapeError(
                f"{name}: {what} must have one value per channel, shape ({input.shape[1]},), got"
                f" {tuple(value.shape)} for an input of shape {tuple(input.shape)}. Check dim 1."
            )


@composite(
    method=False,
    cases=[
        Case([4, 3], None, None, positive(3), Sample(3), True),
        Case([4, 3, 2, 2], None, None, positive(3), Sample(3), True),
        Case([4, 3, 5], None, None, None, None, True),
        Case([4, 3], Sample(3), positive(3), positive(3), Sample(3), False),
        Case([2, 3, 4], Sample(3), positive(3), None, None, False),
    ],
)
def batch_norm(
    F,
    input: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel (dim 1) over the batch, or by running averages when not training.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias;   running = (1 - momentum) running +
            momentum batch (unbiased variance)
    Reference: S. Ioffe, C. Szegedy, 2015, "Batch normalization", alg. 1
    """
    check_float("batch_norm", input)
    if input.dtype is float16:
        return in_float32(
            lambda x, w, b: F.batch_norm(
                x, running_mean, running_var, w, b, training, momentum, eps
            ),
            input,
            weight,
            bias,
        )
    if tuple(input.shape) == (0,):  # PyTorch takes this for an empty batch
        return F.clone(input)
    if input.ndim < 2:
        raise ShapeError(
            f"batch_norm: input must have at least 2 dims (N, C), got shape {tuple(input.shape)}."
            " Add the batch dim with unsqueeze(0)."
        )
    check_channels(
        "batch_norm",
        input,
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not training and (running_mean is None or running_var is None):
        raise ShapeError(
            "batch_norm: needs running_mean and running_var when not training, got None. Give them,"
            " or training=True."
        )
    shape = (1, -1) + (1,) * (input.ndim - 2)  # of a column: one value per channel
    scale = None if weight is None else F.reshape(weight, shape)
    shift = None if bias is None else F.reshape(bias, shape)
    if not training:
        rstd = F.rsqrt(F.reshape(running_var, shape).to(input.dtype) + eps)
        centred = input - F.reshape(running_mean, shape)
        return scaled(centred * (rstd if scale is None else rstd * scale), None, shift)
    n = input.numel() // max(input.shape[1], 1)
    if n == 0:
        return scaled(F.clone(input), scale, shift)
    if n == 1:
        raise ShapeError(
            "batch_norm: needs more than one value per channel when training, got shape"
            f" {tuple(input.shape)}. Use a larger batch, or eval()."
        )
    dims = tuple(i for i in range(input.ndim) if i != 1)
    out, mean, var = F.batch_normalization(input, scale, shift, dims, eps)
    track(F, running_mean, mean.detach(), momentum)
    track(F, running_var, var.detach() * (n / (n - 1)), momentum)
    return out


def scaled(x, weight, bias):
    """x weight + bias, where they are given."""
    x = x if weight is None else x * weight
    return x if bias is None else x + bias


def track(F, running, batch, momentum):
    """Move a running average towards the batch's value."""
    if running is not None:
        running.copy_(running.detach() * (1 - momentum) + F.reshape(batch, (-1,)) * momentum)


@composite(
    method=False,
    cases=[Case([2, 4, 3], 2, positive(4), Sample(4)), Case([2, 4, 3, 2], 4), Case([3, 6], 3)],
)
def group_norm(
    F,
    input: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise groups of channels of each item.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias, statistics over a group and all
            positions
    Reference: Y. Wu, K. He, 2018, "Group normalization"
    """
    if input.ndim < 2 or num_groups < 1 or input.shape[1] % num_groups:
        raise ShapeError(
            f"group_norm: channels (dim 1) must be a multiple of num_groups={num_groups}, got shape"
            f" {tuple(input.shape)}. Choose a divisor of the channels."
        )
    if input.shape[0] * volume(input.shape[1:]) == num_groups:
        raise ShapeError(
            f"group_norm: needs more than one value per group, got shape {tuple(input.shape)} for"
            f" {num_groups} groups. Use fewer groups."
        )
    check_channels("group_norm", input, weight=weight, bias=bias)
    if input.dtype is float16:
        return in_float32(group_norm, input, num_groups, weight, bias, eps)
    grouped = F.reshape(input, (input.shape[0], num_groups, volume(input.shape[1:]) // num_groups))
    out = F.reshape(F.layer_normalization(grouped, None, None, (-1,), eps), tuple(input.shape))
    shape = (1, -1) + (1,) * (input.ndim - 2)
    weight = None if weight is None else F.reshape(weight, shape)
    return scaled(out, weight, None if bias is None else F.reshape(bias, shape))


@composite(
    method=False, cases=[Case([2, 3, 4]), Case([2, 3, 4, 2], None, None, positive(3), Sample(3))]
)
def instance_norm(
    F,
    input: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Normalise each channel of each item.

    Math:   out = (x - mean) / sqrt(var + eps) weight + bias, statistics over positions
    Reference: D. Ulyanov et al., 2016, "Instance normalization"
    """
    if not use_input_stats and (running_mean is None or running_var is None):
        raise ShapeError(
            "instance_norm: needs running_mean and running_var when use_input_stats is False, got"
            " None. Give them, or use_input_stats=True."
        )
    if input.ndim < 2 or use_input_stats and (input.ndim < 3 or volume(input.shape[2:]) < 2):
        raise ShapeError(
            "instance_norm: needs (N, C, *) with more than one element per channel, got shape"
            f" {tuple(input.shape)}. Use a larger input."
        )
    check_channels(
        "instance_norm",
        input,
        running_mean=running_mean,
        running_var=running_var,
        weight=weight,
        bias=bias,
    )
    if not use_input_stats:
        return F.batch_norm(input, running_mean, running_var, weight, bias, False, momentum, eps)
    if running_mean is not None and input.shape[0]:
        dims = tuple(range(2, input.ndim))
        x = input.detach()
        track(F, running_mean, F.mean(F.mean(x, dims), 0), momentum)
        track(F, running_var, F.mean(F.var(x, dims), 0), momentum)
    return F.group_norm(input, input.shape[1], weight, bias, eps)


def rms_norm_reference(F, x, weight, dims, eps):
    out = x * F.rsqrt(F.mean(x * x, dims, True) + eps)
    return out if weight is None else out * weight


@piece(
    types="promote",
    residuals=("rstd",),
    reference=rms_norm_reference,
    cases=[Case([2, 3, 4], positive(4)), Case([2, 3, 4], None, (-2, -1))],
)
def rms_normalization(
    xp, x: Array, weight: Array | None = None, dims: Sequence[int] = (-1,), eps: float = 1e-5
):
    """Divide by the root mean square over the last dims, and scale.

    Math:   out = x / sqrt(mean(x^2) + eps) weight
    Reference: B. Zhang, R. Sennrich, 2019, "Root mean square layer normalization", eq. 4
    """
    rstd = 1 / xp.sqrt((x * x).mean(axis=dims, keepdims=True) + x.dtype.type(eps))
    out = x * rstd
    if weight is not None:
        out *= weight
    return out, rstd


rms_normalization.vjp(
    x=lambda F, g, x, weight, rstd, dims: F.rms_normalization_backward(g, x, rstd, weight, dims),
    weight=lambda F, g, x, rstd, dims: F.normalization_weight_backward(g, x, rstd, None, dims),
)


@piece(
    types="match",
    differentiable=False,
    cases=[
        Case([2, 3, 4], [2, 3, 4], positive(2, 3, 1), positive(4)),
        Case([2, 3, 4], [2, 3, 4], positive(2, 1, 1), None, (-2, -1)),
    ],
)
def rms_normalization_backward(
    xp, u: Array, x: Array, rstd: Array, weight: Array | None = None, dims: Sequence[int] = (-1,)
):
    """The cotangent of rms_normalization's x, from the output's cotangent u and the residual.

    Math:   out = rstd (d - xhat mean(d xhat)),   d = u weight,   xhat = x rstd
    """
    xhat = x * rstd
    d = u if weight is None else u * weight
    out = d * xhat
    xhat *= out.mean(axis=dims, keepdims=True)
    xp.subtract(d, xhat, out=out)
    out *= rstd
    return out


@composite(method=False, cases=[Case([2, 3, 4], (4,), positive(4)), Case([2, 3, 4], (3, 4))])
def rms_norm(
    F,
    input: Tensor,
    normalized_shape: int | Sequence[int],
    weight: Tensor | None = None,
    eps: float | None = None,
) -> Tensor:
    """Divide by the root mean square over the last dims.

    Math:   out = x / sqrt(mean(x^2) + eps) weight
    Reference: B. Zhang, R. Sennrich, 2019, "Root mean square layer normalization"
    """
    check_float("rms_norm", input)
    if input.dtype is float16:
        return in_float32(rms_norm, input, normalized_shape, weight, eps)
    if eps is None:
        eps = {"float64": 2.220446049250313e-16, "float32": 1.1920928955078125e-07}[
            input.dtype.name
        ]
    return F.rms_normalization(
        input, weight, last_dims("rms_norm", input, normalized_shape, weight=weight), eps
    )


@composite(
    method=False,
    cases=[Case([2, 5, 3], 3), Case([1, 4, 2, 3], 2, 0.5, 0.5, 2.0), Case([2, 3, 2, 1, 2], 5, 0.1)],
)
def local_response_norm(
    F, input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Tensor:
    """Each element divided by a power of the mean square over the `size` channels around it.

    Math:   out[c] = x[c] / (k + alpha mean_{c' in window(c)} x[c']^2)^beta
    Shape:  (N, C, *), unchanged
    Note:   the window starts size // 2 channels before c; channels beyond the ends count as zeros
    Reference: A. Krizhevsky et al., 2012, "ImageNet classification with deep convolutional neural
               networks", section 3.3 (a sum there)
    """
    if input.ndim < 3 or size < 1:
        raise ShapeError(
            "local_response_norm: input must have at least 3 dims (N, C, *) and size be at least"
            f" 1, got shape {tuple(input.shape)} and {size}. Correct them."
        )
    if not volume(input.shape):
        return input
    squares = F.reshape(input * input, (input.shape[0], 1, input.shape[1], -1))
    total = F.sum_pool(
        F.pad(squares, (0, 0, size // 2, (size - 1) // 2)), (size, 1), (1, 1), (0, 0), (0, 0)
    )
    return input / F.reshape(total * (alpha / size) + k, tuple(input.shape)) ** beta
