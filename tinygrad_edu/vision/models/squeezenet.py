"""SqueezeNet: as good as AlexNet with a fiftieth of its parameters.

Reference: F. Iandola et al., 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters
           and <0.5MB model size".
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ... import functional, nn
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .weights import WeightsEnum, build, imagenet


class Fire(nn.Module):
    """Few channels by a 1 x 1 convolution, then many by 1 x 1 and 3 x 3 ones side by side.

    Shape: (N, inplanes, H, W) to (N, expand1x1_planes + expand3x3_planes, H, W)
    """

    def __init__(
        self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int
    ) -> None:
        super().__init__()
        self.inplanes = inplanes
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(x))
        narrow = self.expand1x1_activation(self.expand1x1(x))
        wide = self.expand3x3_activation(self.expand3x3(x))
        return functional.cat([narrow, wide], 1)


def pool() -> nn.MaxPool2d:
    """Halves the picture, rounding up."""
    return nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True)


def layers(version: str) -> list[nn.Module]:
    """The convolutions: 1_0 is the paper's, 1_1 pools earlier and needs 2.4 times less work."""
    if version == "1_0":
        return [
            nn.Conv2d(3, 96, kernel_size=7, stride=2),
            nn.ReLU(inplace=True),
            pool(),
            Fire(96, 16, 64, 64),
            Fire(128, 16, 64, 64),
            Fire(128, 32, 128, 128),
            pool(),
            Fire(256, 32, 128, 128),
            Fire(256, 48, 192, 192),
            Fire(384, 48, 192, 192),
            Fire(384, 64, 256, 256),
            pool(),
            Fire(512, 64, 256, 256),
        ]
    if version == "1_1":
        return [
            nn.Conv2d(3, 64, kernel_size=3, stride=2),
            nn.ReLU(inplace=True),
            pool(),
            Fire(64, 16, 64, 64),
            Fire(128, 16, 64, 64),
            pool(),
            Fire(128, 32, 128, 128),
            Fire(256, 32, 128, 128),
            pool(),
            Fire(256, 48, 192, 192),
            Fire(384, 48, 192, 192),
            Fire(384, 64, 256, 256),
            Fire(512, 64, 256, 256),
        ]
    raise ShapeError(f"SqueezeNet: version must be '1_0' or '1_1', got {version!r}. Pass one.")


class SqueezeNet(nn.Module):
    """Convolutions and Fire blocks; the last convolution has one channel per class.

    Shape: (N, 3, H, W) to (N, num_classes); H and W at least 21
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.features = nn.Sequential(*layers(version))
        last = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), last, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                if layer is last:
                    nn.init.normal_(layer.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(layer.weight)
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return functional.flatten(self.classifier(self.features(x)), 1)


class SqueezeNet1_0_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("squeezenet1_0-b66bff10.pth", 1_248_424)
    DEFAULT = IMAGENET1K_V1


class SqueezeNet1_1_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("squeezenet1_1-b8a52dc0.pth", 1_235_496)
    DEFAULT = IMAGENET1K_V1


def squeezenet1_0(weights: Any = None, progress: bool = True, **kwargs: Any) -> SqueezeNet:
    """The paper's; 1.2 million parameters. Arguments: `resnet18`, `SqueezeNet`."""
    return build(partial(SqueezeNet, "1_0"), SqueezeNet1_0_Weights, weights, kwargs)


def squeezenet1_1(weights: Any = None, progress: bool = True, **kwargs: Any) -> SqueezeNet:
    """The quicker one; 1.2 million parameters. Arguments: `resnet18`, `SqueezeNet`."""
    return build(partial(SqueezeNet, "1_1"), SqueezeNet1_1_Weights, weights, kwargs)
