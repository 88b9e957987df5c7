"""Networks of 3 x 3 convolutions only.

Reference: K. Simonyan, A. Zisserman, 2014, "Very deep convolutional networks for large-scale image
           recognition".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import functional, nn
from ...engine.tensor import Tensor
from .weights import WeightsEnum, build, imagenet

Plan = Sequence[int | str]
# channels of the convolutions; "M" halves the picture
PLANS: dict[str, Plan] = {
    "A": (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "B": (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    "D": (64, 64, "M", 128, 128, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"),
    "E": (64, 64, "M", 128, 128, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"),
}


def make_layers(cfg: Plan, batch_norm: bool = False) -> nn.Sequential:
    """The convolutions and pools of a plan.

    Args:
        cfg: numbers of channels; "M" for a pool.
        batch_norm: normalise after each convolution.
    """
    layers: list[nn.Module] = []
    channels = 3
    for step in cfg:
        if isinstance(step, str):
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, step, kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(step))
        layers.append(nn.ReLU(inplace=True))
        channels = step
    return nn.Sequential(*layers)


class VGG(nn.Module):
    """Convolutions, the mean over a 7 x 7 raster, three linear layers.

    Args:
        features: the convolutions, for example `make_layers(...)`; they give 512 channels.
        init_weights: start by He's rule; else as the layers start by themselves.

    Shape: (N, 3, H, W) to (N, num_classes); H and W at least 32
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self._start()

    def _start(self) -> None:
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, nn.Linear):
                nn.init.normal_(layer.weight, 0, 0.01)
            elif isinstance(layer, nn.BatchNorm2d):
                nn.init.ones_(layer.weight)
            else:
                continue
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(functional.flatten(self.avgpool(self.features(x)), 1))


def build_vgg(
    plan: str, batch_norm: bool, choices: type[WeightsEnum], weights: Any, options: dict[str, Any]
) -> VGG:
    """A VGG of the plan A, B, D or E of the paper. For the rest see `weights.build`."""
    if weights not in (None, False):
        options.setdefault("init_weights", False)  # they are replaced at once

    def make(**kwargs: Any) -> VGG:
        return VGG(make_layers(PLANS[plan], batch_norm), **kwargs)

    return build(make, choices, weights, options)


class VGG11_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg11-8a719046.pth", 132_863_336)
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg13-19584684.pth", 133_047_848)
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg16-397923af.pth", 138_357_544)
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg19-dcbb9e9d.pth", 143_667_240)
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg11_bn-6002323d.pth", 132_868_840)
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg13_bn-abd245e5.pth", 133_053_736)
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg16_bn-6c64b313.pth", 138_365_992)
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("vgg19_bn-c79401a0.pth", 143_678_248)
    DEFAULT = IMAGENET1K_V1


def vgg11(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """11 layers; 132.9 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("A", False, VGG11_Weights, weights, kwargs)


def vgg13(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """13 layers; 133.0 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("B", False, VGG13_Weights, weights, kwargs)


def vgg16(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """16 layers; 138.4 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("D", False, VGG16_Weights, weights, kwargs)


def vgg19(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """19 layers; 143.7 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("E", False, VGG19_Weights, weights, kwargs)


def vgg11_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """11 layers, normalised; 132.9 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("A", True, VGG11_BN_Weights, weights, kwargs)


def vgg13_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """13 layers, normalised; 133.1 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("B", True, VGG13_BN_Weights, weights, kwargs)


def vgg16_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """16 layers, normalised; 138.4 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("D", True, VGG16_BN_Weights, weights, kwargs)


def vgg19_bn(weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """19 layers, normalised; 143.7 million parameters. Arguments: `resnet18`, `VGG`."""
    return build_vgg("E", True, VGG19_BN_Weights, weights, kwargs)
