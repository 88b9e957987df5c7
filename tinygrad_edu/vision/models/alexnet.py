"""AlexNet in full size, for pictures of 224 x 224 pixels in colour.

Reference: A. Krizhevsky, 2014, "One weird trick for parallelizing convolutional neural networks".
"""

from __future__ import annotations

from typing import Any

from ... import functional, nn
from ...engine.tensor import Tensor
from .weights import WeightsEnum, build, imagenet


class AlexNet(nn.Module):
    """Five convolutions, three pools, three linear layers.

    Shape: (N, 3, H, W) to (N, num_classes); H and W at least 63
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (N, 3, 224, 224)
            nn.Conv2d(3, 64, kernel_size=11, stride=4, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 64, 27, 27)
            nn.Conv2d(64, 192, kernel_size=5, padding=2),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 192, 13, 13)
            nn.Conv2d(192, 384, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(256, 256, kernel_size=3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 256, 6, 6)
        )
        self.avgpool = nn.AdaptiveAvgPool2d((6, 6))
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout),
            nn.Linear(256 * 6 * 6, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Linear(4096, num_classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(functional.flatten(self.avgpool(self.features(x)), 1))


class AlexNet_Weights(WeightsEnum):
    IMAGENET1K_V1 = imagenet("alexnet-owt-7be5be79.pth", 61_100_840)
    DEFAULT = IMAGENET1K_V1


def alexnet(weights: Any = None, progress: bool = True, **kwargs: Any) -> AlexNet:
    """61.1 million parameters. Arguments: `resnet18`, `AlexNet`."""
    return build(AlexNet, AlexNet_Weights, weights, kwargs)
