"""The functions behind the layers, under the names they have in `torch.nn.functional`.

The ops themselves are declared in `ops/`. This module adds only what layers need beyond them: the
argument `inplace` of activations, their forms with an underscore, and the poolings that always
return indices.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable as _Callable, Sequence
from typing import Any

from ..left_out import explain_missing as _explain_missing
from .. import functional as ops
from ..engine.border import public as _public
from ..engine.errors import DTypeError as _DTypeError
from ..engine.tensor import Tensor
from ..functional import (
    adaptive_avg_pool1d as adaptive_avg_pool1d,
    adaptive_avg_pool2d as adaptive_avg_pool2d,
    adaptive_avg_pool3d as adaptive_avg_pool3d,
    adaptive_max_pool1d as adaptive_max_pool1d,
    adaptive_max_pool2d as adaptive_max_pool2d,
    adaptive_max_pool3d as adaptive_max_pool3d,
    affine_grid as affine_grid,
    alpha_dropout as alpha_dropout,
    avg_pool1d as avg_pool1d,
    avg_pool2d as avg_pool2d,
    avg_pool3d as avg_pool3d,
    batch_norm as batch_norm,
    bilinear as bilinear,
    binary_cross_entropy as binary_cross_entropy,
    binary_cross_entropy_with_logits as binary_cross_entropy_with_logits,
    channel_shuffle as channel_shuffle,
    conv1d as conv1d,
    conv2d as conv2d,
    conv3d as conv3d,
    conv_transpose1d as conv_transpose1d,
    conv_transpose2d as conv_transpose2d,
    conv_transpose3d as conv_transpose3d,
    cosine_embedding_loss as cosine_embedding_loss,
    cosine_similarity as cosine_similarity,
    cross_entropy as cross_entropy,
    ctc_loss as ctc_loss,
    dropout as dropout,
    dropout1d as dropout1d,
    dropout2d as dropout2d,
    dropout3d as dropout3d,
    embedding as embedding,
    embedding_bag as embedding_bag,
    feature_alpha_dropout as feature_alpha_dropout,
    fold as fold,
    fractional_max_pool2d as fractional_max_pool2d,
    fractional_max_pool3d as fractional_max_pool3d,
    gaussian_nll_loss as gaussian_nll_loss,
    gelu as gelu,
    glu as glu,
    grid_sample as grid_sample,
    group_norm as group_norm,
    gumbel_softmax as gumbel_softmax,
    hardshrink as hardshrink,
    hinge_embedding_loss as hinge_embedding_loss,
    huber_loss as huber_loss,
    instance_norm as instance_norm,
    interpolate as interpolate,
    kl_div as kl_div,
    l1_loss as l1_loss,
    layer_norm as layer_norm,
    linear as linear,
    linear_cross_entropy as linear_cross_entropy,
    local_response_norm as local_response_norm,
    logsigmoid as logsigmoid,
    lp_pool1d as lp_pool1d,
    lp_pool2d as lp_pool2d,
    lp_pool3d as lp_pool3d,
    margin_ranking_loss as margin_ranking_loss,
    max_pool1d as max_pool1d,
    max_pool2d as max_pool2d,
    max_pool3d as max_pool3d,
    max_unpool1d as max_unpool1d,
    max_unpool2d as max_unpool2d,
    max_unpool3d as max_unpool3d,
    mse_loss as mse_loss,
    multi_margin_loss as multi_margin_loss,
    multilabel_margin_loss as multilabel_margin_loss,
    multilabel_soft_margin_loss as multilabel_soft_margin_loss,
    nll_loss as nll_loss,
    normalize as normalize,
    one_hot as one_hot,
    pad as pad,
    pairwise_distance as pairwise_distance,
    pdist as pdist,
    pixel_shuffle as pixel_shuffle,
    pixel_unshuffle as pixel_unshuffle,
    poisson_nll_loss as poisson_nll_loss,
    prelu as prelu,
    rms_norm as rms_norm,
    scaled_dot_product_attention as scaled_dot_product_attention,
    sigmoid as sigmoid,
    smooth_l1_loss as smooth_l1_loss,
    soft_margin_loss as soft_margin_loss,
    softplus as softplus,
    softshrink as softshrink,
    softsign as softsign,
    tanh as tanh,
    tanhshrink as tanhshrink,
    triplet_margin_loss as triplet_margin_loss,
    triplet_margin_with_distance_loss as triplet_margin_with_distance_loss,
    upsample as upsample,
    upsample_bilinear as upsample_bilinear,
    upsample_nearest as upsample_nearest,
)
from ..ops.shape import fold as _fold
from .multihead import multi_head_attention_forward as multi_head_attention_forward

unfold = _fold.im2col  # Tensor.unfold is another function

# ---- activations: with `inplace` the result replaces the values of input -------------------------


def _overwrite(function: _Callable[..., Tensor], input: Tensor, *settings: Any) -> Tensor:
    """Let the function's result take the place of the values of input."""
    if not isinstance(input, Tensor):
        raise _DTypeError(
            f"{function.__name__}: input must be a tensor that can be changed in place, got"
            f" {type(input).__name__}. Omit inplace=True."
        )
    return input.copy_(function(input.clone(), *settings))


@_public
def relu(input: Tensor, inplace: bool = False) -> Tensor:
    """max(0, x)."""
    return _overwrite(ops.relu, input) if inplace else ops.relu(input)


@_public
def relu6(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x), 6)."""
    return _overwrite(ops.relu6, input) if inplace else ops.relu6(input)


@_public
def leaky_relu(input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> Tensor:
    """x where x > 0, else negative_slope · x."""
    if inplace:
        return _overwrite(ops.leaky_relu, input, negative_slope)
    return ops.leaky_relu(input, negative_slope)


@_public
def rrelu(
    input: Tensor,
    lower: float = 1 / 8,
    upper: float = 1 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Tensor:
    """leaky_relu whose slope is drawn from [lower, upper], or is their mean when not training."""
    if inplace:
        return _overwrite(ops.rrelu, input, lower, upper, training)
    return ops.rrelu(input, lower, upper, training)


@_public
def elu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """x where x > 0, else alpha (eˣ − 1)."""
    return _overwrite(ops.elu, input, alpha) if inplace else ops.elu(input, alpha)


@_public
def selu(input: Tensor, inplace: bool = False) -> Tensor:
    """elu with the scale and alpha that keep mean 0 and variance 1."""
    return _overwrite(ops.selu, input) if inplace else ops.selu(input)


@_public
def celu(input: Tensor, alpha: float = 1.0, inplace: bool = False) -> Tensor:
    """max(0, x) + min(0, alpha (e^(x / alpha) − 1))."""
    return _overwrite(ops.celu, input, alpha) if inplace else ops.celu(input, alpha)


@_public
def silu(input: Tensor, inplace: bool = False) -> Tensor:
    """x σ(x), also called swish."""
    return _overwrite(ops.silu, input) if inplace else ops.silu(input)


@_public
def mish(input: Tensor, inplace: bool = False) -> Tensor:
    """x tanh(ln(1 + eˣ))."""
    return _overwrite(ops.mish, input) if inplace else ops.mish(input)


@_public
def hardtanh(
    input: Tensor, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Tensor:
    """x held between min_val and max_val."""
    if inplace:
        return _overwrite(ops.hardtanh, input, min_val, max_val)
    return ops.hardtanh(input, min_val, max_val)


@_public
def hardsigmoid(input: Tensor, inplace: bool = False) -> Tensor:
    """min(max(0, x / 6 + 1/2), 1)."""
    return _overwrite(ops.hardsigmoid, input) if inplace else ops.hardsigmoid(input)


@_public
def hardswish(input: Tensor, inplace: bool = False) -> Tensor:
    """x · hardsigmoid(x)."""
    return _overwrite(ops.hardswish, input) if inplace else ops.hardswish(input)


@_public
def threshold(input: Tensor, threshold: float, value: float, inplace: bool = False) -> Tensor:
    """x where x > threshold, else value."""
    if inplace:
        return _overwrite(ops.threshold, input, threshold, value)
    return ops.threshold(input, threshold, value)


@_public
def relu_(input: Tensor) -> Tensor:
    """`relu` in place."""
    return relu(input, inplace=True)


@_public
def leaky_relu_(input: Tensor, negative_slope: float = 0.01) -> Tensor:
    """`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


@_public
def rrelu_(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False
) -> Tensor:
    """`rrelu` in place."""
    return rrelu(input, lower, upper, training, inplace=True)


@_public
def elu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`elu` in place."""
    return elu(input, alpha, inplace=True)


@_public
def selu_(input: Tensor) -> Tensor:
    """`selu` in place."""
    return selu(input, inplace=True)


@_public
def celu_(input: Tensor, alpha: float = 1.0) -> Tensor:
    """`celu` in place."""
    return celu(input, alpha, inplace=True)


@_public
def hardtanh_(input: Tensor, min_val: float = -1.0, max_val: float = 1.0) -> Tensor:
    """`hardtanh` in place."""
    return hardtanh(input, min_val, max_val, inplace=True)


@_public
def threshold_(input: Tensor, threshold: float, value: float) -> Tensor:
    """`threshold` in place."""
    return _overwrite(ops.threshold, input, threshold, value)


# ---- poolings that always return (values, indices) -----------------------------------------------


@_public
def max_pool1d_with_indices(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """`max_pool1d` with the indices; `return_indices` has no effect."""
    return max_pool1d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@_public
def max_pool2d_with_indices(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """`max_pool2d` with the indices; `return_indices` has no effect."""
    return max_pool2d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@_public
def max_pool3d_with_indices(
    input: Tensor,
    kernel_size: int | Sequence[int],
    stride: int | Sequence[int] | None = None,
    padding: int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    ceil_mode: bool = False,
    return_indices: bool = True,
) -> tuple[Tensor, Tensor]:
    """`max_pool3d` with the indices; `return_indices` has no effect."""
    return max_pool3d(input, kernel_size, stride, padding, dilation, ceil_mode, True)


@_public
def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: int | None, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool1d` with the indices; `return_indices` has no effect."""
    return adaptive_max_pool1d(input, output_size, True)


@_public
def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: int | tuple[int | None, ...] | None, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool2d` with the indices; `return_indices` has no effect."""
    return adaptive_max_pool2d(input, output_size, True)


@_public
def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: int | tuple[int | None, ...] | None, return_indices: bool = True
) -> tuple[Tensor, Tensor]:
    """`adaptive_max_pool3d` with the indices; `return_indices` has no effect."""
    return adaptive_max_pool3d(input, output_size, True)


@_public
def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool2d` with the indices; `return_indices` has no effect."""
    return fractional_max_pool2d(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )


@_public
def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: int | Sequence[int],
    output_size: int | Sequence[int] | None = None,
    output_ratio: float | Sequence[float] | None = None,
    return_indices: bool = True,
    _random_samples: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """`fractional_max_pool3d` with the indices; `return_indices` has no effect."""
    return fractional_max_pool3d(
        input, kernel_size, output_size, output_ratio, True, _random_samples
    )


@_public
def softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Exponentials that add up to one along dim.

    Args:   dim: without it, PyTorch's choice with a warning: 1, or 0 of a tensor with 0, 1 or 3
            dims. dtype: computed and returned in this dtype, by default in the input's
    """
    dim = _implicit_dim("softmax", input) if dim is None else dim
    return ops.softmax(input, dim, dtype=dtype)


@_public
def log_softmax(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Logarithm of softmax.

    Args:   dim: without it, PyTorch's choice with a warning: 1, or 0 of a tensor with 0, 1 or 3
            dims. dtype: computed and returned in this dtype, by default in the input's
    """
    dim = _implicit_dim("log_softmax", input) if dim is None else dim
    return ops.log_softmax(input, dim, dtype=dtype)


@_public
def softmin(
    input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None
) -> Tensor:
    """Softmax of -input along dim.

    Args:   dim: without it, PyTorch's choice with a warning: 1, or 0 of a tensor with 0, 1 or 3
            dims. dtype: computed and returned in this dtype, by default in the input's
    """
    dim = _implicit_dim("softmin", input) if dim is None else dim
    return ops.softmin(input, dim, dtype=dtype)


def _implicit_dim(name: str, input: Tensor) -> int:
    """The dim of softmax and its kin when none is given."""
    dim = 0 if input.ndim in (0, 1, 3) else 1
    warnings.warn(
        f"{name}: dim should be given, got None, and {dim} is used. Give dim.", stacklevel=4
    )
    return dim


_explain_missing(__name__)
