"""Normalisation: over the batch, over features, over groups of channels."""

from __future__ import annotations

from typing import Any

from ..engine.dtype import int64
from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import empty, ones, zeros
from ..functional import tensor as new_tensor
from . import functional as F
from . import init
from .declared import Declared
from .module import Module
from .parameter import Parameter


class _Norm(Module):
    """Running statistics and an affine map per channel: what batch and instance normalisation
    share.
    """

    dims: tuple[int, ...]  # allowed numbers of input dims

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        self.num_features, self.eps, self.momentum = num_features, eps, momentum
        self.affine, self.track_running_stats = affine, track_running_stats
        where = {"device": device, "dtype": dtype}
        for name, there in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name, Parameter(empty(num_features, **where)) if there else None
            )
        self.register_buffer(
            "running_mean", zeros(num_features, **where) if track_running_stats else None
        )
        self.register_buffer(
            "running_var", ones(num_features, **where) if track_running_stats else None
        )
        self.register_buffer(
            "num_batches_tracked",
            new_tensor(0, dtype=int64, device=device) if track_running_stats else None,
        )
        self.running_mean: Tensor | None
        self.running_var: Tensor | None
        self.num_batches_tracked: Tensor | None
        self.reset_parameters()

    def reset_running_stats(self) -> None:
        """Forget what was seen: mean 0, variance 1."""
        if self.track_running_stats:
            self.running_mean.zero_()  # type: ignore[union-attr]
            self.running_var.fill_(1)  # type: ignore[union-attr]
            self.num_batches_tracked.zero_()  # type: ignore[union-attr]

    def reset_parameters(self) -> None:
        """Weight 1, bias 0, and fresh running statistics."""
        self.reset_running_stats()
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def _check_input_dim(self, input: Tensor) -> None:
        if input.ndim not in self.dims:
            raise ShapeError(
                f"{self._get_name()}: needs an input with {' or '.join(map(str, self.dims))} dims,"
                f" got shape {input.shape}. Reshape it."
            )

    def extra_repr(self) -> str:
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, affine={self.affine}, "
            f"bias={self.bias is not None}, track_running_stats={self.track_running_stats}"
        )


class _BatchNorm(_Norm):
    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        momentum = 0.0 if self.momentum is None else self.momentum
        if self.training and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            if self.momentum is None:  # the plain average of all batches so far
                momentum = 1 / self.num_batches_tracked.item()
        use_batch = self.training or self.running_mean is None
        tracked = not self.training or self.track_running_stats
        return F.batch_norm(
            input,
            self.running_mean if tracked else None,
            self.running_var if tracked else None,
            self.weight,
            self.bias,
            use_batch,
            momentum,
            self.eps,
        )


class BatchNorm1d(_BatchNorm):
    """Each channel shifted and scaled to mean 0 and variance 1 over the batch, then an affine map
    that is learnt.

    Math:   y = (x − mean) / √(var + eps) · weight + bias
    Shape:  (N, C) or (N, C, L), C = num_features; the output has the input's shape
    Args:   momentum: share of the new batch in the running statistics that evaluation uses; None:
            plain average of all
            batches. track_running_stats=False: evaluation uses the batch too.
    Note:   the batch is normalised with the biased variance, the running variance is the unbiased
            one.
    Reference: S. Ioffe, C. Szegedy, 2015, "Batch normalization", algorithm 1.
    """

    dims = (2, 3)


class BatchNorm2d(_BatchNorm):
    """Batch normalisation of images. Shape: (N, C, H, W). See BatchNorm1d."""

    dims = (4,)


class BatchNorm3d(_BatchNorm):
    """Batch normalisation of volumes. Shape: (N, C, D, H, W). See BatchNorm1d."""

    dims = (5,)


class SyncBatchNorm(_BatchNorm):
    """Batch normalisation over all processes, of which there is one. Shape: (N, C, ...)."""

    dims = (2, 3, 4, 5)

    @classmethod
    def convert_sync_batchnorm(cls, module: Module, process_group: Any = None) -> Module:
        """`module` itself: the batch norms of one process are right as they are."""
        return module


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        batch = input if input.ndim == self.dims[1] else input.unsqueeze(0)
        out = F.instance_norm(
            batch,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return out if batch is input else out.squeeze(0)


class InstanceNorm1d(_InstanceNorm):
    """Each channel of each example normalised over its positions. Shape: (N, C, L) or (C, L).

    Reference: D. Ulyanov et al., 2016, "Instance normalization".
    """

    dims = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """Each channel of each example normalised over its positions.

    Shape: (N, C, H, W) or (C, H, W).
    """

    dims = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """Each channel of each example normalised over its positions.

    Shape: (N, C, D, H, W) or (C, D, H, W).
    """

    dims = (4, 5)


class LayerNorm(Module):
    """Each example normalised over its last dims, then an affine map per element.

    Shape:  (..., *normalized_shape), unchanged
    Args:   normalized_shape: an int or the sizes of the last dims; elementwise_affine, bias: which
            parameters to learn.
    Reference: J. L. Ba et al., 2016, "Layer normalization".
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float = 1e-5,
        elementwise_affine: bool = True,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps, self.elementwise_affine = eps, elementwise_affine
        for name, there in (("weight", elementwise_affine), ("bias", elementwise_affine and bias)):
            self.register_parameter(
                name,
                (
                    Parameter(empty(*self.normalized_shape, device=device, dtype=dtype))
                    if there
                    else None
                ),
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.layer_norm(input, self.normalized_shape, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps},"
            f" elementwise_affine={self.elementwise_affine}, bias={self.bias is not None}"
        )


class RMSNorm(Module):
    """Each example divided by its root mean square over the last dims, times a weight.

    Math:   y = x / √(mean(x²) + eps) · weight
    Args:   eps: default None, the smallest step of the dtype at 1.
    Reference: B. Zhang, R. Sennrich, 2019, "Root mean square layer normalization".
    """

    def __init__(
        self,
        normalized_shape: Any,
        eps: float | None = None,
        elementwise_affine: bool = True,
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        self.normalized_shape = (
            (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        )
        self.eps, self.elementwise_affine = eps, elementwise_affine
        self.register_parameter(
            "weight",
            (
                Parameter(empty(*self.normalized_shape, device=device, dtype=dtype))
                if elementwise_affine
                else None
            ),
        )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1."""
        if self.weight is not None:
            init.ones_(self.weight)

    def forward(self, input: Tensor) -> Tensor:
        return F.rms_norm(input, self.normalized_shape, self.weight, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.normalized_shape}, eps={self.eps}, elementwise_affine={self.elementwise_affine}"
        )


class GroupNorm(Module):
    """Each example normalised over groups of channels, then an affine map per channel.

    Shape:  (N, C, *), C = num_channels, divisible by num_groups
    Reference: Y. Wu, K. He, 2018, "Group normalization".
    """

    def __init__(
        self,
        num_groups: int,
        num_channels: int,
        eps: float = 1e-5,
        affine: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ):
        super().__init__()
        if num_channels % num_groups:
            raise ShapeError(
                f"GroupNorm: num_channels must be divisible by num_groups, got {num_channels} and"
                f" {num_groups}. Change one of them."
            )
        self.num_groups, self.num_channels, self.eps, self.affine = (
            num_groups,
            num_channels,
            eps,
            affine,
        )
        for name, there in (("weight", affine), ("bias", affine and bias)):
            self.register_parameter(
                name, Parameter(empty(num_channels, device=device, dtype=dtype)) if there else None
            )
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Weight 1, bias 0."""
        if self.weight is not None:
            init.ones_(self.weight)
        if self.bias is not None:
            init.zeros_(self.bias)

    def forward(self, input: Tensor) -> Tensor:
        return F.group_norm(input, self.num_groups, self.weight, self.bias, self.eps)

    def extra_repr(self) -> str:
        return (
            f"{self.num_groups}, {self.num_channels}, eps={self.eps}, affine={self.affine},"
            f" bias={self.bias is not None}"
        )


class LocalResponseNorm(Declared):
    """Each element divided by what the `size` channels around it have. Shape: (N, C, *), unchanged.

    Math:   y_c = x_c / (k + alpha · mean of x² over the window)^beta
    Reference: A. Krizhevsky et al., 2012, "ImageNet classification with deep convolutional neural
               networks", section 3.3.
    """

    function = "local_response_norm"
    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def extra_repr(self) -> str:
        return f"{self.size}, alpha={self.alpha}, beta={self.beta}, k={self.k}"
