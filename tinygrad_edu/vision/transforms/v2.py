"""The names of torchvision.transforms.v2, for images: the transforms of this package, and the few
that have another name there. Boxes, masks and videos are not transformed.
"""

from __future__ import annotations

from typing import Any

from ...engine.dtype import float32
from ...engine.tensor import Tensor
from . import *  # noqa: F403  # v2 has every name of v1
from . import functional as functional
from .basic import Transform as Transform


class ToImage(Transform):
    """A PIL image or an array (H, W) or (H, W, C) as a tensor (C, H, W), its values unchanged."""

    def forward(self, img: Any) -> Tensor:
        return functional.to_image(img)


class ToDtype(Transform):
    """Another dtype.

    Args: scale: floats go from 0 to 1 and integers from 0 to their maximum; else the values stay.
    """

    shown = ("dtype", "scale")

    def __init__(self, dtype: Any = float32, scale: bool = False):
        self.dtype, self.scale = dtype, scale

    def forward(self, img: Tensor) -> Tensor:
        return functional.to_dtype(img, self.dtype, self.scale)


class ToPureTensor(Transform):
    """Tensors are plain ones here: nothing changes."""

    def forward(self, img: Any) -> Any:
        return img


class Identity(Transform):
    """Nothing changes."""

    def forward(self, img: Any) -> Any:
        return img
