"""MobileNet V2: each block widens the channels, filters each one alone, and narrows them again.

Reference: M. Sandler, A. Howard, M. Zhu, A. Zhmoginov, L.-C. Chen, 2018, "MobileNetV2: inverted
           residuals and linear bottlenecks".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import functional, nn
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .weights import WeightsEnum, build, imagenet

Norm = Callable[[int], nn.Module]
# expansion, channels, blocks, stride of the first block (Table 2 of the paper)
SETTING = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


def _make_divisible(v: float, divisor: int, min_value: int | None = None) -> int:
    """The nearest multiple of `divisor`, at least `min_value` and 90 % of `v`."""
    nearest = max(min_value or divisor, int(v + divisor / 2) // divisor * divisor)
    return nearest if nearest >= 0.9 * v else nearest + divisor


class Conv2dNormActivation(nn.Sequential):
    """A convolution without bias that keeps the size but for its stride, a norm, and ReLU6."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 3,
        stride: int = 1,
        groups: int = 1,
        norm_layer: Norm = nn.BatchNorm2d,
    ) -> None:
        self.out_channels = out_channels
        super().__init__(
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                padding=(kernel_size - 1) // 2,
                groups=groups,
                bias=False,
            ),
            norm_layer(out_channels),
            nn.ReLU6(inplace=True),
        )


class InvertedResidual(nn.Module):
    """Widen by `expand_ratio`, filter each channel alone, narrow without an activation.

    Shape: (N, inp, H, W) to (N, oup, H / stride, W / stride)
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Norm | None = None
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ShapeError(f"InvertedResidual: stride must be 1 or 2, got {stride}. Correct it.")
        norm = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        wider = [] if expand_ratio == 1 else [Conv2dNormActivation(inp, hidden, 1, norm_layer=norm)]
        self.conv = nn.Sequential(
            *wider,
            Conv2dNormActivation(hidden, hidden, 3, stride, groups=hidden, norm_layer=norm),
            nn.Conv2d(hidden, oup, 1, bias=False),
            norm(oup),
        )
        self.stride, self.out_channels = stride, oup
        self.use_res_connect = stride == 1 and inp == oup

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """A convolution, seven stages of blocks, a wide 1 x 1 convolution, the mean, a linear layer.

    Args:
        width_mult: factor of all numbers of channels.
        inverted_residual_setting: rows (expansion, channels, blocks, stride), instead of the
            paper's.
        round_nearest: numbers of channels are multiples of this.
        block, norm_layer: instead of InvertedResidual and BatchNorm2d.

    Shape: (N, 3, H, W) to (N, num_classes)
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Norm | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        make, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        features: list[nn.Module] = [Conv2dNormActivation(3, channels, 3, 2, norm_layer=norm)]
        for expansion, wanted, blocks, stride in inverted_residual_setting or SETTING:
            out = _make_divisible(wanted * width_mult, round_nearest)
            for i in range(blocks):
                features.append(make(channels, out, stride if i == 0 else 1, expansion, norm))
                channels = out
        features.append(Conv2dNormActivation(channels, self.last_channel, 1, norm_layer=norm))
        self.features = nn.Sequential(*features)  # (N, last_channel, H / 32, W / 32)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        self._start()

    def _start(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out")
            elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(layer.weight)
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)
            else:
                continue
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(functional.flatten(x, 1))


class MobileNet_V2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("mobilenet_v2-b0353104.pth", 3_504_872)
    IMAGENET1K_V2 = imagenet("mobilenet_v2-7ebf99e0.pth", 3_504_872, 232)
    DEFAULT = IMAGENET1K_V2


def mobilenet_v2(weights: Any = None, progress: bool = True, **kwargs: Any) -> MobileNetV2:
    """3.5 million parameters. Arguments: `resnet18`, `MobileNetV2`."""
    return build(MobileNetV2, MobileNet_V2_Weights, weights, kwargs)
