"""Further transforms: crops that give several images, and values changed at random."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...engine.errors import ShapeError
from . import functional as F
from .augment import check_p, happens, interval, uniform
from .basic import Transform


class FiveCrop(Transform):
    """The four corners and the middle, as a tuple of images of the given size."""

    shown = ("size",)

    def __init__(self, size: int | Sequence[int]):
        self.size = F.two(size)

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.five_crop(img, self.size)


class TenCrop(Transform):
    """FiveCrop of the image and of the flipped one."""

    shown = ("size", "vertical_flip")

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False):
        self.size, self.vertical_flip = F.two(size), vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.ten_crop(img, self.size, self.vertical_flip)


class GaussianBlur(Transform):
    """Blurred by a random amount.

    Args:
        kernel_size: odd; one number, or (along x, along y).
        sigma: (low, high) in pixels, or one number.
    """

    shown = ("kernel_size", "sigma")

    def __init__(self, kernel_size: int | Sequence[int], sigma: Any = (0.1, 2.0)):
        self.kernel_size = kernel_size
        given = (sigma, sigma) if isinstance(sigma, (int, float)) else sigma
        self.sigma = interval(given, "GaussianBlur", "sigma", low=1e-6)

    @staticmethod
    def get_params(sigma_min: float, sigma_max: float) -> float:
        """A width."""
        return uniform(sigma_min, sigma_max)

    def forward(self, img: Any) -> Any:
        return F.gaussian_blur(img, self.kernel_size, self.get_params(*self.sigma))


class RandomInvert(Transform):
    """Bright and dark exchanged, with probability p."""

    shown = ("p",)

    def __init__(self, p: float = 0.5):
        self.p = check_p(p, self)

    def forward(self, img: Any) -> Any:
        return F.invert(img) if happens(self.p) else img


class RandomAutocontrast(Transform):
    """Each channel stretched to the full range, with probability p."""

    shown = ("p",)

    def __init__(self, p: float = 0.5):
        self.p = check_p(p, self)

    def forward(self, img: Any) -> Any:
        return F.autocontrast(img) if happens(self.p) else img


class RandomSolarize(Transform):
    """Values from `threshold` on inverted, with probability p."""

    shown = ("threshold", "p")

    def __init__(self, threshold: float, p: float = 0.5):
        self.threshold, self.p = threshold, check_p(p, self)

    def forward(self, img: Any) -> Any:
        return F.solarize(img, self.threshold) if happens(self.p) else img


class RandomPosterize(Transform):
    """Only the highest `bits` bits of each byte, with probability p."""

    shown = ("bits", "p")

    def __init__(self, bits: int, p: float = 0.5):
        if not 0 <= bits <= 8:
            raise ShapeError(f"RandomPosterize: bits must lie from 0 to 8, got {bits}. Correct it.")
        self.bits, self.p = bits, check_p(p, self)

    def forward(self, img: Any) -> Any:
        return F.posterize(img, self.bits) if happens(self.p) else img
