"""Random transforms.

They draw from the generator of the item that is being loaded (`data.current_generator`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...data.seeding import current_generator
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from . import functional as F
from .basic import Group, Transform
from .resample import InterpolationMode


def uniform(low: float, high: float) -> float:
    return float(current_generator().numpy.uniform(low, high))


def happens(p: float) -> bool:
    return bool(current_generator().numpy.random() < p)


def check_p(p: float, who: Any) -> float:
    if not 0 <= p <= 1:
        raise ShapeError(
            f"{type(who).__name__}: p must be a probability from 0 to 1, got {p}. Correct it."
        )
    return p


def interval(
    value: Any,
    who: str,
    name: str,
    around: float = 0.0,
    low: float = -math.inf,
    high: float = math.inf,
) -> tuple[float, float]:
    """A number v as (around - v, around + v), a pair unchanged; both are checked."""
    if isinstance(value, (int, float)):
        if value < 0:
            raise ShapeError(
                f"{who}: {name} as one number must be >= 0, got {value}. Give a pair (low, high)"
                " for anything else."
            )
        value = (max(around - value, low), around + value)
    if len(value) != 2 or not low <= value[0] <= value[1] <= high:
        raise ShapeError(
            f"{who}: {name} must be a pair (low, high) from {low} to {high}, got {tuple(value)}."
            " Correct it."
        )
    return float(value[0]), float(value[1])


class RandomApply(Group):
    """All of the transforms with probability p, else none."""

    def __init__(self, transforms: Sequence[Callable], p: float = 0.5):
        super().__init__(transforms)
        self.p = check_p(p, self)

    def forward(self, img: Any) -> Any:
        if happens(self.p):
            for transform in self.transforms:
                img = transform(img)
        return img


class RandomChoice(Group):
    """One of the transforms.

    Args: p: probabilities, or weights; all alike if None.
    """

    def __init__(self, transforms: Sequence[Callable], p: Sequence[float] | None = None):
        super().__init__(transforms)
        if not transforms or (
            p is not None and (len(p) != len(transforms) or min(p) < 0 or sum(p) <= 0)
        ):
            raise ShapeError(
                "RandomChoice: needs at least one transform, and one weight >= 0 for each, got"
                f" {len(transforms)} and {p}. Correct them."
            )
        self.p = p

    def forward(self, img: Any) -> Any:
        weights = None if self.p is None else np.asarray(self.p, float) / sum(self.p)
        chosen = current_generator().numpy.choice(len(self.transforms), p=weights)
        return self.transforms[int(chosen)](img)


class RandomOrder(Group):
    """All of the transforms in random order."""

    def forward(self, img: Any) -> Any:
        for i in current_generator().numpy.permutation(len(self.transforms)):
            img = self.transforms[i](img)
        return img


class _WithProbability(Transform):
    shown = ("p",)

    def __init__(self, p: float = 0.5):
        self.p = check_p(p, self)


class RandomHorizontalFlip(_WithProbability):
    """Left and right exchanged, with probability p."""

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if happens(self.p) else img


class RandomVerticalFlip(_WithProbability):
    """Top and bottom exchanged, with probability p."""

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if happens(self.p) else img


class RandomGrayscale(_WithProbability):
    """Colours taken away, with probability p; the number of channels stays."""

    def __init__(self, p: float = 0.1):
        super().__init__(p)

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, F.size_of(img)[0]) if happens(self.p) else img


class RandomCrop(Transform):
    """A rectangle of the given size from a random place.

    Args:
        size: (height, width), or one number for a square.
        padding: border to add first, as for `Pad`.
        pad_if_needed: widen an image that is smaller than `size`.
        fill, padding_mode: as for `Pad`.
    """

    shown = ("size", "padding")

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ):
        self.size, self.padding, self.pad_if_needed, self.fill, self.padding_mode = (
            F.two(size),
            padding,
            pad_if_needed,
            fill,
            padding_mode,
        )
        if padding is not None:
            F.four(padding)

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """(top, left, height, width) of a rectangle within the image."""
        (_, H, W), (height, width) = F.size_of(img), output_size
        if height > H or width > W:
            raise ShapeError(
                f"RandomCrop: size must fit into the image, got {(height, width)} for an image of"
                f" {(H, W)}. Resize it first, or pass padding or pad_if_needed=True."
            )
        rng = current_generator().numpy
        return int(rng.integers(H - height + 1)), int(rng.integers(W - width + 1)), height, width

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        _, H, W = F.size_of(img)
        if self.pad_if_needed and self.size[1] > W:
            img = F.pad(img, (self.size[1] - W, 0), self.fill, self.padding_mode)
        if self.pad_if_needed and self.size[0] > H:
            img = F.pad(img, (0, self.size[0] - H), self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))


class RandomResizedCrop(Transform):
    """A random part of the image, resized.

    Args:
        size: (height, width) of the result, or one number for a square.
        scale: area of the part as a share of the image's.
        ratio: width / height of the part; drawn evenly on a logarithmic scale.
    """

    shown = ("size", "scale", "ratio", "interpolation", "antialias")

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3 / 4, 4 / 3),
        interpolation: Any = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ):
        self.size, self.interpolation, self.antialias = F.two(size), interpolation, antialias
        self.scale = interval(scale, "RandomResizedCrop", "scale", low=0)
        self.ratio = interval(ratio, "RandomResizedCrop", "ratio", low=1e-6)

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """(top, left, height, width) of the part; after ten tries that do not fit, the largest one
        in the middle.
        """
        _, H, W = F.size_of(img)
        for _ in range(10):
            area = H * W * uniform(*scale)
            shape = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            width, height = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < width <= W and 0 < height <= H:
                rng = current_generator().numpy
                return (
                    int(rng.integers(H - height + 1)),
                    int(rng.integers(W - width + 1)),
                    height,
                    width,
                )
        width, height = W, H
        if min(ratio) > W / H:
            height = round(W / min(ratio))
        elif max(ratio) < W / H:
            width = round(H * max(ratio))
        return (H - height) // 2, (W - width) // 2, height, width

    def forward(self, img: Any) -> Any:
        return F.resized_crop(
            img,
            *self.get_params(img, self.scale, self.ratio),
            self.size,
            self.interpolation,
            self.antialias,
        )


class RandomRotation(Transform):
    """Turned by a random angle.

    Args: degrees: (low, high), counter-clockwise, or d for (-d, d). The rest as for
          `functional.rotate`.
    """

    shown = ("degrees", "interpolation", "expand", "fill")

    def __init__(
        self,
        degrees: Any,
        interpolation: Any = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ):
        self.degrees = interval(degrees, "RandomRotation", "degrees")
        self.interpolation, self.expand, self.center, self.fill = (
            interpolation,
            expand,
            center,
            fill,
        )

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle."""
        return uniform(degrees[0], degrees[1])

    def forward(self, img: Any) -> Any:
        return F.rotate(
            img,
            self.get_params(self.degrees),
            self.interpolation,
            self.expand,
            self.center,
            self.fill,
        )


class RandomAffine(Transform):
    """Turned, moved, scaled and sheared at random.

    Args:
        degrees: (low, high), clockwise, or d for (-d, d); 0 for none.
        translate: most of a shift, as shares of (width, height).
        scale: (low, high) of the factor.
        shear: (low, high) along x in degrees, d for (-d, d), or (low x, high x, low y, high y).
        interpolation, fill, center: as for `functional.affine`.
    """

    shown = ("degrees", "translate", "scale", "shear", "interpolation", "fill")

    def __init__(
        self,
        degrees: Any,
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: Any = None,
        interpolation: Any = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ):
        self.degrees = interval(degrees, "RandomAffine", "degrees")
        if translate is not None and (
            len(translate) != 2 or not all(0 <= t <= 1 for t in translate)
        ):
            raise ShapeError(
                "RandomAffine: translate must be two shares from 0 to 1 (of width and height), got"
                f" {translate}. Correct it."
            )
        self.translate, self.center = translate, center
        self.interpolation, self.fill = interpolation, fill
        self.scale = None if scale is None else interval(scale, "RandomAffine", "scale", low=1e-6)
        self.shear: tuple[float, ...] | None = None
        if shear is not None:
            parts = (
                [shear]
                if isinstance(shear, (int, float))
                else [shear[k : k + 2] for k in range(0, len(shear), 2)]
            )
            if len(parts) > 2:
                raise ShapeError(
                    f"RandomAffine: shear must be 1, 2 or 4 numbers, got {shear}. Correct it."
                )
            self.shear = tuple(v for part in parts for v in interval(part, "RandomAffine", "shear"))

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """(angle, translation in pixels, scale, shear); img_size: [width, height]."""
        angle, shift, scale, shear = uniform(degrees[0], degrees[1]), (0, 0), 1.0, (0.0, 0.0)
        if translate is not None:
            most_x, most_y = translate[0] * img_size[0], translate[1] * img_size[1]
            shift = (round(uniform(-most_x, most_x)), round(uniform(-most_y, most_y)))
        if scale_ranges is not None:
            scale = uniform(scale_ranges[0], scale_ranges[1])
        if shears is not None:
            shear = (
                uniform(shears[0], shears[1]),
                uniform(shears[2], shears[3]) if len(shears) == 4 else 0.0,
            )
        return angle, shift, scale, shear

    def forward(self, img: Any) -> Any:
        params = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, F.get_image_size(img)
        )
        return F.affine(
            img, *params, interpolation=self.interpolation, fill=self.fill, center=self.center
        )


class RandomErasing(Transform):
    """A random rectangle of a tensor overwritten, with probability p.

    Args:
        scale: area of the rectangle as a share of the image's.
        ratio: its height / width.
        value: a number, one per channel, or "random" for normally distributed pixels.

    Reference: Z. Zhong et al., 2017, "Random erasing data augmentation".
    """

    shown = ("p", "scale", "ratio", "value", "inplace")

    def __init__(
        self,
        p: float = 0.5,
        scale: Sequence[float] = (0.02, 0.33),
        ratio: Sequence[float] = (0.3, 3.3),
        value: Any = 0,
        inplace: bool = False,
    ):
        if isinstance(value, str) and value != "random":
            raise ShapeError(
                "RandomErasing: value must be a number, one per channel, or 'random', got"
                f" {value!r}. Correct it."
            )
        self.p, self.value, self.inplace = check_p(p, self), value, inplace
        self.scale = interval(scale, "RandomErasing", "scale", low=0, high=1)
        self.ratio = interval(ratio, "RandomErasing", "ratio", low=1e-6)

    @staticmethod
    def get_params(
        img: Tensor, scale: Sequence[float], ratio: Sequence[float], value: Any = None
    ) -> tuple[int, int, int, int, Any]:
        """(row, column, height, width, values); the whole image unchanged if ten rectangles do not
        fit. value None: random.
        """
        C, H, W = F.size_of(img)
        rng = current_generator().numpy
        for _ in range(10):
            area = H * W * uniform(scale[0], scale[1])
            shape = math.exp(uniform(math.log(ratio[0]), math.log(ratio[1])))
            height, width = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if height >= H or width >= W:
                continue
            values = (
                rng.standard_normal((C, height, width), np.float32)
                if value is None
                else np.asarray(value).reshape(-1, 1, 1)
            )
            return (
                int(rng.integers(H - height + 1)),
                int(rng.integers(W - width + 1)),
                height,
                width,
                values,
            )
        return 0, 0, H, W, img.array

    def forward(self, img: Tensor) -> Tensor:
        if not isinstance(img, Tensor):
            raise DTypeError(
                f"RandomErasing: must be given a tensor (..., C, H, W), got {type(img).__name__}."
                " Put ToTensor() before it."
            )
        if not happens(self.p):
            return img
        value = None if isinstance(self.value, str) else np.asarray(self.value, float)
        if value is not None and value.size not in (1, F.size_of(img)[0]):
            raise ShapeError(
                f"RandomErasing: value must be one number or one per channel ({F.size_of(img)[0]}),"
                f" got {self.value}. Correct it."
            )
        return F.erase(
            img, *self.get_params(img, self.scale, self.ratio, value), inplace=self.inplace
        )


class ColorJitter(Transform):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Args:
        brightness, contrast, saturation: (low, high) of the factor, or d for (1 - d, 1 + d), not
            below 0; 0 for none.
        hue: (low, high) from -0.5 to 0.5, or d for (-d, d).
    """

    shown = ("brightness", "contrast", "saturation", "hue")

    def __init__(self, brightness: Any = 0, contrast: Any = 0, saturation: Any = 0, hue: Any = 0):
        self.brightness, self.contrast, self.saturation = (
            interval(v, "ColorJitter", name, 1, 0)
            for v, name in (
                (brightness, "brightness"),
                (contrast, "contrast"),
                (saturation, "saturation"),
            )
        )
        self.hue = interval(hue, "ColorJitter", "hue", 0, -0.5, 0.5)

    def forward(self, img: Any) -> Any:
        steps = (
            (self.brightness, 1, F.adjust_brightness),
            (self.contrast, 1, F.adjust_contrast),
            (self.saturation, 1, F.adjust_saturation),
            (self.hue, 0, F.adjust_hue),
        )
        for i in current_generator().numpy.permutation(4):
            (low, high), neutral, adjust = steps[i]
            if not low == high == neutral:
                img = adjust(img, uniform(low, high))
        return img
