"""Layers that resize images."""

from __future__ import annotations

from typing import Any

from .declared import Declared


class Upsample(Declared):
    """The input resized to `size`, or by `scale_factor`. Shape: (N, C, *) → (N, C, *size), 1, 2 or
    3 spatial dims.

    Args: mode: nearest, linear, bilinear, bicubic, trilinear; align_corners: corner elements keep
          their places; recompute_scale_factor: use the ratio of the sizes instead of scale_factor.
    """

    function = "interpolate"
    size: Any = None
    scale_factor: Any = None
    mode: str = "nearest"
    align_corners: bool | None = None
    recompute_scale_factor: bool | None = None

    def __post_init__(self) -> None:
        if isinstance(self.scale_factor, (tuple, list)):
            self.scale_factor = tuple(float(factor) for factor in self.scale_factor)
        elif self.scale_factor is not None:
            self.scale_factor = float(self.scale_factor)

    def extra_repr(self) -> str:
        target = (
            f"size={self.size}"
            if self.scale_factor is None
            else f"scale_factor={self.scale_factor}"
        )
        return f"{target}, mode={self.mode!r}"


class UpsamplingNearest2d(Upsample):
    """`Upsample` of images to the nearest element. Shape: (N, C, H, W) → (N, C, *size)."""

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "nearest")


class UpsamplingBilinear2d(Upsample):
    """`Upsample` of images between elements; corner elements keep their places. Shape: (N, C, H, W)
    → (N, C, *size).
    """

    def __init__(self, size: Any = None, scale_factor: Any = None):
        super().__init__(size, scale_factor, "bilinear", True)
