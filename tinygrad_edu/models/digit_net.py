"""A small convolutional network for handwritten digits."""

from __future__ import annotations

import tinygrad_edu as torch
from tinygrad_edu import Tensor, nn
from tinygrad_edu.nn import functional as F


class DigitNet(nn.Module):
    """Two convolutions that shrink the image and two linear layers that decide. 80,000 parameters.

    Shape: (N, 1, 28, 28) to (N, 10)

    Reference: Y. LeCun et al., 1998, "Gradient-based learning applied to document recognition"
               (LeNet-5); S. Ioffe and C. Szegedy, 2015, "Batch normalization".
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=5)
        self.norm2 = nn.BatchNorm2d(32)
        self.drop = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * 4 * 4, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x: Tensor) -> Tensor:  # (N, 1, 28, 28)
        x = F.max_pool2d(self.conv1(x), 2)  # (N, 16, 12, 12)
        x = F.relu(self.norm1(x))
        x = F.max_pool2d(self.conv2(x), 2)  # (N, 32, 4, 4)
        x = F.relu(self.norm2(x))
        x = self.drop(torch.flatten(x, 1))  # (N, 512)
        x = self.drop(F.relu(self.fc1(x)))  # (N, 128)
        return self.fc2(x)  # (N, 10)
