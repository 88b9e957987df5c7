"""Pooling layers: the largest or the mean value in each window, or in each of a given number of
regions.
"""

from __future__ import annotations

from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from . import functional as F
from .declared import Declared


class _MaxPool(Declared):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    dilation: Any = 1
    return_indices: bool = False
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPool):
    """The largest value in each window. Shape: (N, C, L) → (N, C, L_out), L_out as for Conv1d.

    Args: stride: default kernel_size; ceil_mode: round the output size up; return_indices: also
          give where the maxima were.
    """

    function = "max_pool1d"


class MaxPool2d(_MaxPool):
    """The largest value in each window.

    Shape: (N, C, H, W) → (N, C, H_out, W_out). Args: see MaxPool1d.
    """

    function = "max_pool2d"


class MaxPool3d(_MaxPool):
    """The largest value in each window.

    Shape: (N, C, D, H, W) → (N, C, D_out, H_out, W_out). Args: see MaxPool1d.
    """

    function = "max_pool3d"


class _AvgPool(Declared):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False
    count_include_pad: bool = True

    def __post_init__(self) -> None:
        if self.stride is None:
            self.stride = self.kernel_size

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool1d(_AvgPool):
    """The mean of each window. Shape: (N, C, L) → (N, C, L_out).

    Args: stride: default kernel_size; ceil_mode: round the output size up; count_include_pad:
          padding counts as zeros in the mean.
    """

    function = "avg_pool1d"

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("kernel_size", "stride", "padding"):
            value = getattr(self, name)
            setattr(self, name, (value,) if isinstance(value, int) else tuple(value))


class AvgPool2d(_AvgPool):
    """The mean of each window.

    Shape: (N, C, H, W) → (N, C, H_out, W_out). Args: see AvgPool1d; divisor_override: divide by
    that instead.
    """

    function = "avg_pool2d"
    divisor_override: int | None = None


class AvgPool3d(_AvgPool):
    """The mean of each window.

    Shape: (N, C, D, H, W) → (N, C, D_out, H_out, W_out). Args: see AvgPool2d.
    """

    function = "avg_pool3d"
    divisor_override: int | None = None


class _AdaptiveAvgPool(Declared):
    output_size: Any


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """The mean of output_size even regions. Shape: (N, C, L) → (N, C, output_size)."""

    function = "adaptive_avg_pool1d"


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """The mean of even regions.

    Shape: (N, C, H, W) → (N, C, *output_size); None keeps that size.
    """

    function = "adaptive_avg_pool2d"


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """The mean of even regions.

    Shape: (N, C, D, H, W) → (N, C, *output_size); None keeps that size.
    """

    function = "adaptive_avg_pool3d"


class _AdaptiveMaxPool(Declared):
    output_size: Any
    return_indices: bool = False

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """The largest value of output_size even regions. Shape: (N, C, L) → (N, C, output_size)."""

    function = "adaptive_max_pool1d"


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """The largest value of even regions.

    Shape: (N, C, H, W) → (N, C, *output_size); None keeps that size.
    """

    function = "adaptive_max_pool2d"


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """The largest value of even regions.

    Shape: (N, C, D, H, W) → (N, C, *output_size); None keeps that size.
    """

    function = "adaptive_max_pool3d"


class _LPPool(Declared):
    norm_type: float
    kernel_size: Any
    stride: Any = None
    ceil_mode: bool = False


class LPPool1d(_LPPool):
    """The p-norm of each window, p = norm_type.

    Shape: (N, C, L) → (N, C, L_out). Args: stride: default kernel_size.
    """

    function = "lp_pool1d"


class LPPool2d(_LPPool):
    """The p-norm of each window, p = norm_type. Shape: (N, C, H, W) → (N, C, H_out, W_out)."""

    function = "lp_pool2d"


class LPPool3d(_LPPool):
    """The p-norm of each window, p = norm_type.

    Shape: (N, C, D, H, W) → (N, C, D_out, H_out, W_out).
    """

    function = "lp_pool3d"


class _MaxUnpool(Declared):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0

    def __post_init__(self) -> None:
        n = int(self.function[-2])
        self.stride = self.kernel_size if self.stride is None else self.stride
        for name in ("kernel_size", "stride", "padding"):
            value = getattr(self, name)
            setattr(self, name, (value,) * n if isinstance(value, int) else tuple(value))

    def forward(self, input: Tensor, indices: Tensor, output_size: Any = None) -> Tensor:
        return getattr(F, self.function)(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )


class MaxUnpool1d(_MaxUnpool):
    """Maxima back to where MaxPool1d(return_indices=True) found them, zeros elsewhere. Shape: (N,
    C, L) → (N, C, L_out).

    Note: several input sizes give one output size of the pooling; `output_size` in the call says
          which it was.
    """

    function = "max_unpool1d"


class MaxUnpool2d(_MaxUnpool):
    """Maxima back to where MaxPool2d(return_indices=True) found them, zeros elsewhere.

    Shape: (N, C, H, W) → (N, C, H_out, W_out).
    """

    function = "max_unpool2d"


class MaxUnpool3d(_MaxUnpool):
    """Maxima back to where MaxPool3d(return_indices=True) found them, zeros elsewhere.

    Shape: (N, C, D, H, W) → (N, C, D_out, H_out, W_out).
    """

    function = "max_unpool3d"


class _FractionalMaxPool(Declared):
    kernel_size: Any
    output_size: Any = None
    output_ratio: Any = None
    return_indices: bool = False
    _random_samples: Tensor | None = None

    def __post_init__(self) -> None:
        if (self.output_size is None) == (self.output_ratio is None):
            raise ShapeError(
                f"{self._get_name()}: needs either output_size or output_ratio, got"
                f" {self.output_size} and {self.output_ratio}. Give one of them."
            )

    def extra_repr(self) -> str:
        return ""


class FractionalMaxPool2d(_FractionalMaxPool):
    """The largest value in windows that are spread at random, but nearly evenly.

    Shape: (N, C, H, W) → (N, C, *output_size).
    Args:  output_size, or output_ratio in (0, 1): the size of the result; return_indices: also
           give where the maxima were.
    Reference: B. Graham, 2014, "Fractional max-pooling".
    """

    function = "fractional_max_pool2d"


class FractionalMaxPool3d(_FractionalMaxPool):
    """The largest value in windows that are spread at random, but nearly evenly.

    Shape: (N, C, D, H, W) → (N, C, *output_size). Args: see FractionalMaxPool2d.
    """

    function = "fractional_max_pool3d"
