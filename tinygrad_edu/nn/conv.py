"""Convolutions."""

from __future__ import annotations

import math
from typing import Any

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor
from ..functional import empty
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def as_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """An int for every dim, or one int each."""
    if isinstance(value, int):
        return (value,) * n
    value = tuple(value)
    if len(value) != n or not all(isinstance(v, int) for v in value):
        raise ShapeError(f"{name} must be an int or {n} ints, got {value}. Give one value per dim.")
    return value


class _ConvNd(Module):
    """What all convolutions share: sizes, weight (out, in/groups, *kernel), bias, initial values,
    repr.
    """

    dims: int
    transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__()
        layer, n = self._get_name(), self.dims
        if groups <= 0 or in_channels % groups or out_channels % groups:
            raise ShapeError(
                f"{layer}: in_channels and out_channels must be divisible by groups, got"
                f" {in_channels}, {out_channels} and groups={groups}. Change one of them."
            )
        if padding_mode not in PADDING_MODES or self.transposed and padding_mode != "zeros":
            raise ShapeError(
                f"{layer}: padding_mode must be"
                f" {'zeros' if self.transposed else 'one of ' + ', '.join(PADDING_MODES)}, got"
                f" {padding_mode!r}. Use that."
            )
        self.in_channels, self.out_channels = in_channels, out_channels
        self.groups, self.padding_mode = groups, padding_mode
        self.kernel_size = as_tuple(kernel_size, n, f"{layer}: kernel_size")
        self.stride = as_tuple(stride, n, f"{layer}: stride")
        self.dilation = as_tuple(dilation, n, f"{layer}: dilation")
        self.output_padding = (0,) * n
        self.padding: Any = padding
        if isinstance(padding, str):
            self.check_named_padding(padding)
        else:
            self.padding = as_tuple(padding, n, f"{layer}: padding")
        first, second = (
            (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        )
        self.weight = Parameter(
            empty(first, second // groups, *self.kernel_size, device=device, dtype=dtype)
        )
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def check_named_padding(self, padding: str) -> None:
        layer = self._get_name()
        if padding not in ("same", "valid") or self.transposed:
            raise ShapeError(
                f"{layer}: padding must be"
                f" {'ints' if self.transposed else 'same, valid or ints'}, got {padding!r}. Use"
                " one of those."
            )
        if padding == "same" and any(s != 1 for s in self.stride):
            raise ShapeError(
                f"{layer}: padding='same' needs stride 1, got stride={self.stride}. Give the"
                " padding as ints."
            )

    def reset_parameters(self) -> None:
        """Draw new initial values: weight and bias uniform in ±1/√(in_channels/groups · kernel
        elements).
        """
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in:
                init.uniform_(self.bias, -1 / math.sqrt(fan_in), 1 / math.sqrt(fan_in))

    def forward(self, input: Tensor) -> Tensor:
        convolve = (F.conv1d, F.conv2d, F.conv3d)[self.dims - 1]
        if self.padding_mode == "zeros":
            return convolve(
                input, self.weight, self.bias, self.stride, self.padding, self.dilation, self.groups
            )
        padded = F.pad(input, self._both_sides(), mode=self.padding_mode)
        return convolve(padded, self.weight, self.bias, self.stride, 0, self.dilation, self.groups)

    def _both_sides(self) -> tuple[int, ...]:
        """The padding as F.pad takes it: (left, right) of the last dim first."""
        sides: list[int] = []
        for i in reversed(range(self.dims)):
            if isinstance(self.padding, str):
                total = (
                    self.dilation[i] * (self.kernel_size[i] - 1) if self.padding == "same" else 0
                )
                sides += [total // 2, total - total // 2]
            else:
                sides += [self.padding[i]] * 2
        return tuple(sides)

    def extra_repr(self) -> str:
        n = self.dims
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != (0,) * n:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * n:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * n:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class Conv1d(_ConvNd):
    """Convolution over one dim (cross-correlation, as in PyTorch).

    Shape:  (N, C_in, L) → (N, C_out, L_out), L_out = ⌊(L + 2·padding − dilation·(kernel_size − 1) −
            1) / stride⌋ + 1
    Args:   padding: int, tuple, 'same' or 'valid'; padding_mode: zeros, reflect, replicate or
            circular.
    """

    dims = 1


class Conv2d(_ConvNd):
    """Convolution over two dims.

    Shape: (N, C_in, H, W) → (N, C_out, H_out, W_out); see Conv1d for the sizes and arguments.
    """

    dims = 2


class Conv3d(_ConvNd):
    """Convolution over three dims.

    Shape: (N, C_in, D, H, W) → (N, C_out, D_out, H_out, W_out); see Conv1d.
    """

    dims = 3


class _ConvTransposeNd(_ConvNd):
    """The map that sends cotangents of a convolution's output back to its input, used as a layer;
    weight (in, out/groups, *kernel).
    """

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ):
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )
        self.output_padding = as_tuple(
            output_padding, self.dims, f"{self._get_name()}: output_padding"
        )

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        convolve = getattr(F, f"conv_transpose{self.dims}d")
        extra = self.output_padding if output_size is None else self._extra_for(input, output_size)
        return convolve(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            extra,
            self.groups,
            self.dilation,
        )

    def _extra_for(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """The output padding that gives exactly `output_size`."""
        wanted = tuple(output_size)[-self.dims :]
        extra = []
        for i in range(self.dims):
            smallest = (
                (input.shape[i - self.dims] - 1) * self.stride[i]
                - 2 * self.padding[i]
                + self.dilation[i] * (self.kernel_size[i] - 1)
                + 1
            )
            extra.append(wanted[i] - smallest)
            if not 0 <= extra[-1] < max(self.stride[i], self.dilation[i]):
                raise ShapeError(
                    f"{self._get_name()}: output_size must be from {smallest} to"
                    f" {smallest + self.stride[i] - 1} in dim {i - self.dims}, got {wanted[i]}."
                    " Change output_size or the stride."
                )
        return tuple(extra)


class ConvTranspose1d(_ConvTransposeNd):
    """Transposed convolution over one dim.

    Shape:  (N, C_in, L) → (N, C_out, L_out), L_out = (L − 1)·stride − 2·padding +
            dilation·(kernel_size − 1) + output_padding + 1
    """

    dims = 1


class ConvTranspose2d(_ConvTransposeNd):
    """Transposed convolution over two dims.

    Shape: (N, C_in, H, W) → (N, C_out, H_out, W_out); see ConvTranspose1d.
    """

    dims = 2


class ConvTranspose3d(_ConvTransposeNd):
    """Transposed convolution over three dims; see ConvTranspose1d."""

    dims = 3
