"""Random images, to try a model or a loader without files."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ...engine.device import Generator
from ...engine.errors import IndexOutOfRange
from ..pillow import pillow
from .base import VisionDataset


class FakeData(VisionDataset):
    """Images of random pixels with random labels; the same index always gives the same image.

    Args:
        size: number of images.
        image_size: (channels, height, width).
        num_classes: labels run from 0 to that, excluded.
        random_offset: added to the index for the seed of an image.
    """

    def __init__(
        self,
        size: int = 1000,
        image_size: tuple[int, int, int] = (3, 224, 224),
        num_classes: int = 10,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        random_offset: int = 0,
    ):
        super().__init__(None, transform, target_transform)
        self.size, self.image_size, self.num_classes, self.random_offset = (
            size,
            tuple(image_size),
            num_classes,
            random_offset,
        )

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        i = index + self.size if index < 0 else index
        if not 0 <= i < self.size:
            raise IndexOutOfRange(
                f"FakeData: index must lie from {-self.size} to {self.size - 1}, got {index}. Check"
                " the sampler."
            )
        rng = Generator().manual_seed(i + self.random_offset).numpy
        C, H, W = self.image_size
        image: Any = rng.integers(0, 256, (H, W, C), np.uint8)
        if C == 1:
            image = image[:, :, 0]
        if (pil := pillow()) is not None:
            image = pil.fromarray(image)
        return self.transformed(image, int(rng.integers(self.num_classes)))
