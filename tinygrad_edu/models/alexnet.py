"""AlexNet, scaled down to small pictures.

All layers of the original stay, in their order; the sizes shrink from 224 x 224 colour pictures in
1,000 classes to 28 x 28 grey ones in 10. The first kernel, 11 with stride 4, becomes 5 with stride
1; channels are divided by 4 and hidden units by 8. As in the original: ReLU, local response
normalisation after the first two layers, overlapping pooling (3 wide, stride 2), dropout before the
hidden layers. Unlike it, weights start by He's rule (2015), and dropout takes 1/4 of the hidden
units, not 1/2, since there are fewer.

Reference: A. Krizhevsky, I. Sutskever, G. Hinton, 2012, "ImageNet classification with deep
           convolutional neural networks".
"""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn


class AlexNet(nn.Module):
    """Five convolutions, three pools, three linear layers. 550,000 parameters.

    Shape: (N, 1, 28, 28) to (N, classes)
    """

    def __init__(self, classes: int = 10) -> None:
        super().__init__()
        self.features = nn.Sequential(  # (N, 1, 28, 28)
            nn.Conv2d(1, 24, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 24, 13, 13)
            nn.Conv2d(24, 64, kernel_size=5, padding=2),
            nn.ReLU(),
            nn.LocalResponseNorm(5, alpha=1e-4, beta=0.75, k=2.0),
            nn.MaxPool2d(kernel_size=3, stride=2),  # (N, 64, 6, 6)
            nn.Conv2d(64, 96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(96, 96, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.Conv2d(96, 64, kernel_size=3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(kernel_size=2, stride=2),  # (N, 64, 3, 3)
        )
        self.classifier = nn.Sequential(
            nn.Dropout(0.25),
            nn.Linear(64 * 3 * 3, 512),
            nn.ReLU(),
            nn.Dropout(0.25),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, classes),
        )
        for layer in self.modules():
            if isinstance(layer, (nn.Conv2d, nn.Linear)):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(torch.flatten(self.features(x), 1))
