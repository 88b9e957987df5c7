"""Residual networks: each block adds what it computes to what it was given.

References:
    K. He, X. Zhang, S. Ren, J. Sun, 2015, "Deep residual learning for image recognition".
    S. Xie et al., 2016, "Aggregated residual transformations for deep neural networks" (ResNeXt).
    S. Zagoruyko, N. Komodakis, 2016, "Wide residual networks".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import functional, nn
from ...engine.errors import ShapeError
from ...engine.tensor import Tensor
from .weights import WeightsEnum, build, imagenet

Norm = Callable[[int], nn.Module]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A convolution that keeps the size, without bias: a normalisation follows."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A linear map of the channels of every pixel."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and the way around them.

    Math:  out = relu(x + norm(conv(relu(norm(conv(x))))))
    Shape: (N, inplanes, H, W) to (N, planes, H / stride, W / stride)
    """

    expansion = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        if (groups, base_width, dilation) != (1, 64, 1):
            raise ShapeError(
                "BasicBlock: must have groups=1, base_width=64 and dilation=1, got"
                f" {groups}, {base_width} and {dilation}. Use Bottleneck for others."
            )
        norm = norm_layer or nn.BatchNorm2d
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    """A 3 x 3 convolution between two 1 x 1 ones, and the way around them.

    The stride is that of the 3 x 3 convolution, not of the first one as in the paper; this is known
    as ResNet 1.5 and scores higher.

    Shape: (N, inplanes, H, W) to (N, 4 planes, H / stride, W / stride)
    """

    expansion = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        width = planes * base_width // 64 * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """A stem that reduces the picture four times, four groups of blocks, the mean, and a linear
    layer.

    Args:
        block: BasicBlock or Bottleneck.
        layers: how many blocks in each of the four groups.
        zero_init_residual: let every block start as the identity.
        groups, width_per_group: of the 3 x 3 convolutions of Bottleneck.
        replace_stride_with_dilation: for the last three groups: dilate instead of reducing.
        norm_layer: makes a normalisation of a number of channels; BatchNorm2d by default.

    Shape: (N, 3, H, W) to (N, num_classes)
    """

    def __init__(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        dilate = (False, *(replace_stride_with_dilation or (False, False, False)))
        if len(dilate) != 4:
            raise ShapeError(
                "ResNet: replace_stride_with_dilation must be None or three truth values, got"
                f" {replace_stride_with_dilation}. Give one for each of the last three groups."
            )
        norm = norm_layer or nn.BatchNorm2d
        self.inplanes, self.dilation = 64, 1
        self.groups, self.base_width = groups, width_per_group
        self.conv1 = nn.Conv2d(3, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = norm(64)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)  # (N, 64, H / 4, W / 4)
        self.layer1 = self._make_layer(block, norm, 64, layers[0])
        self.layer2 = self._make_layer(block, norm, 128, layers[1], 2, dilate[1])
        self.layer3 = self._make_layer(block, norm, 256, layers[2], 2, dilate[2])
        self.layer4 = self._make_layer(block, norm, 512, layers[3], 2, dilate[3])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        self._start(zero_init_residual)

    def _start(self, zero_init_residual: bool) -> None:
        """Set the initial values: He's for convolutions, 1 and 0 for normalisations."""
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(layer, (nn.BatchNorm2d, nn.GroupNorm)):
                nn.init.ones_(layer.weight)
                nn.init.zeros_(layer.bias)
            if zero_init_residual and isinstance(layer, (BasicBlock, Bottleneck)):
                last = layer.bn2 if isinstance(layer, BasicBlock) else layer.bn3
                nn.init.zeros_(last.weight)

    def _make_layer(
        self,
        block: type[BasicBlock] | type[Bottleneck],
        norm: Norm,
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        """One group; its first block changes the number of channels and reduces the picture."""
        first_dilation = self.dilation
        if dilate:
            self.dilation, stride = self.dilation * stride, 1
        outplanes = planes * block.expansion
        downsample = None
        if stride != 1 or self.inplanes != outplanes:
            downsample = nn.Sequential(conv1x1(self.inplanes, outplanes, stride), norm(outplanes))
        shared = (self.groups, self.base_width)
        found = [block(self.inplanes, planes, stride, downsample, *shared, first_dilation, norm)]
        self.inplanes = outplanes
        found += [
            block(outplanes, planes, 1, None, *shared, self.dilation, norm)
            for _ in range(1, blocks)
        ]
        return nn.Sequential(*found)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(functional.flatten(self.avgpool(x), 1))


class ResNet18_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet18-f37072fd.pth", 11_689_512)
    DEFAULT = IMAGENET1K_V1


class ResNet34_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet34-b627a593.pth", 21_797_672)
    DEFAULT = IMAGENET1K_V1


class ResNet50_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet50-0676ba61.pth", 25_557_032)
    IMAGENET1K_V2 = imagenet("resnet50-11ad3fa6.pth", 25_557_032, 232)
    DEFAULT = IMAGENET1K_V2


class ResNet101_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet101-63fe2227.pth", 44_549_160)
    IMAGENET1K_V2 = imagenet("resnet101-cd907fc2.pth", 44_549_160, 232)
    DEFAULT = IMAGENET1K_V2


class ResNet152_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnet152-394f9c45.pth", 60_192_808)
    IMAGENET1K_V2 = imagenet("resnet152-f82ba261.pth", 60_192_808, 232)
    DEFAULT = IMAGENET1K_V2


class ResNeXt50_32X4D_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("resnext50_32x4d-7cdf4587.pth", 25_028_904)
    IMAGENET1K_V2 = imagenet("resnext50_32x4d-1a0047aa.pth", 25_028_904, 232)
    DEFAULT = IMAGENET1K_V2


class Wide_ResNet50_2_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("wide_resnet50_2-95faca4d.pth", 68_883_240)
    IMAGENET1K_V2 = imagenet("wide_resnet50_2-9ba9bcbe.pth", 68_883_240, 232)
    DEFAULT = IMAGENET1K_V2


def resnet18(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """18 layers; 11.7 million parameters.

    Args:
        weights: published ones: a member of `ResNet18_Weights`, its name, or None. Their file must
            be on this machine already; the error tells where.
        progress: accepted; nothing is downloaded.
        kwargs: for `ResNet`, for example num_classes=10.
    """
    return build(partial(ResNet, BasicBlock, (2, 2, 2, 2)), ResNet18_Weights, weights, kwargs)


def resnet34(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """34 layers; 21.8 million parameters. Arguments as for resnet18."""
    return build(partial(ResNet, BasicBlock, (3, 4, 6, 3)), ResNet34_Weights, weights, kwargs)


def resnet50(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """50 layers; 25.6 million parameters. Arguments as for resnet18."""
    return build(partial(ResNet, Bottleneck, (3, 4, 6, 3)), ResNet50_Weights, weights, kwargs)


def resnet101(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """101 layers; 44.5 million parameters. Arguments as for resnet18."""
    return build(partial(ResNet, Bottleneck, (3, 4, 23, 3)), ResNet101_Weights, weights, kwargs)


def resnet152(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """152 layers; 60.2 million parameters. Arguments as for resnet18."""
    return build(partial(ResNet, Bottleneck, (3, 8, 36, 3)), ResNet152_Weights, weights, kwargs)


def resnext50_32x4d(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """50 layers, 32 groups of 4 channels; 25.0 million parameters. Arguments as for resnet18."""
    kwargs = {"groups": 32, "width_per_group": 4, **kwargs}
    return build(
        partial(ResNet, Bottleneck, (3, 4, 6, 3)), ResNeXt50_32X4D_Weights, weights, kwargs
    )


def wide_resnet50_2(weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """50 layers, twice as wide; 68.9 million parameters. Arguments as for resnet18."""
    kwargs = {"width_per_group": 128, **kwargs}
    return build(
        partial(ResNet, Bottleneck, (3, 4, 6, 3)), Wide_ResNet50_2_Weights, weights, kwargs
    )
