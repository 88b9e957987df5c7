"""DenseNet: every layer sees the outputs of all layers before it.

Reference: G. Huang, Z. Liu, L. van der Maaten, K. Weinberger, 2016, "Densely connected
           convolutional networks".
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from functools import partial
from typing import Any

from ... import functional, nn
from ...engine.tensor import Tensor
from ...utils.checkpoint import checkpoint
from .weights import WeightsEnum, build, imagenet


class _DenseLayer(nn.Module):
    """`growth_rate` new channels of all there are, through a narrow place.

    Shape: a list of (N, C_i, H, W), which sum to num_input_features, to (N, growth_rate, H, W)
    """

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        narrow = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, narrow, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(narrow)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(narrow, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate, self.memory_efficient = float(drop_rate), memory_efficient

    def bn_function(self, *inputs: Tensor) -> Tensor:
        """All channels, narrowed."""
        return self.conv1(self.relu1(self.norm1(functional.cat(inputs, 1))))

    def forward(self, input: Tensor | list[Tensor]) -> Tensor:
        inputs = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(tensor.requires_grad for tensor in inputs):
            narrow = checkpoint(self.bn_function, *inputs, use_reentrant=False)
        else:
            narrow = self.bn_function(*inputs)
        out = self.conv2(self.relu2(self.norm2(narrow)))
        if self.drop_rate > 0:
            out = nn.functional.dropout(out, p=self.drop_rate, training=self.training)
        return out


class _DenseBlock(nn.ModuleDict):
    """Dense layers one after the other; the output is all channels side by side.

    Shape: (N, C, H, W) to (N, C + num_layers growth_rate, H, W)
    """

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            self[f"denselayer{i + 1}"] = _DenseLayer(
                num_input_features + i * growth_rate,
                growth_rate,
                bn_size,
                drop_rate,
                memory_efficient,
            )

    def forward(self, init_features: Tensor) -> Tensor:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return functional.cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, half the size.

    Shape: (N, num_input_features, H, W) to (N, num_output_features, H / 2, W / 2)
    """

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """A stem that reduces the picture four times, dense blocks with transitions between, the mean,
    and a linear layer.

    Args:
        growth_rate: channels that each layer adds.
        block_config: layers of each block.
        num_init_features: channels of the stem.
        bn_size: the narrow place of a layer is bn_size * growth_rate wide.
        drop_rate: of dropout after each layer.
        memory_efficient: compute the narrow places again on the way back instead of keeping them.

    Shape: (N, 3, H, W) to (N, num_classes)
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        features: OrderedDict[str, nn.Module] = OrderedDict(
            conv0=nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False),
            norm0=nn.BatchNorm2d(channels),
            relu0=nn.ReLU(inplace=True),
            pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
        )
        for i, count in enumerate(block_config, 1):
            features[f"denseblock{i}"] = _DenseBlock(
                count, channels, bn_size, growth_rate, drop_rate, memory_efficient
            )
            channels += count * growth_rate
            if i < len(block_config):
                features[f"transition{i}"] = _Transition(channels, channels // 2)
                channels //= 2
        features["norm5"] = nn.BatchNorm2d(channels)
        self.features = nn.Sequential(features)
        self.classifier = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        out = nn.functional.relu(self.features(x))
        out = nn.functional.adaptive_avg_pool2d(out, (1, 1))
        return self.classifier(functional.flatten(out, 1))


def renamed(name: str) -> str:
    """A name of the published files, whose layers are called norm.1 and conv.1, as it is here."""
    return re.sub(r"(denselayer\d+\.(?:norm|conv))\.(\d)", r"\1\2", name)


class DenseNet121_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet121-a639ec97.pth", 7_978_856)
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet169-b2777c0a.pth", 14_149_480)
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("densenet201-c1103571.pth", 20_013_928)
    DEFAULT = IMAGENET1K_V1


def densenet121(weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """121 layers; 8.0 million parameters. Arguments: `resnet18`, `DenseNet`."""
    return build(DenseNet, DenseNet121_Weights, weights, kwargs, renamed)


def densenet169(weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """169 layers; 14.1 million parameters. Arguments: `resnet18`, `DenseNet`."""
    make = partial(DenseNet, 32, (6, 12, 32, 32))
    return build(make, DenseNet169_Weights, weights, kwargs, renamed)


def densenet201(weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """201 layers; 20.0 million parameters. Arguments: `resnet18`, `DenseNet`."""
    make = partial(DenseNet, 32, (6, 12, 48, 32))
    return build(make, DenseNet201_Weights, weights, kwargs, renamed)
