"""Transforms that always do the same thing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ...engine.dtype import float32
from ...engine.errors import DTypeError
from ...engine.tensor import Tensor, as_tensor
from . import functional as F
from .resample import InterpolationMode


class Transform:
    """A function of an image.

    A subclass gives `forward(img)`, and in `shown` the attributes that it prints with.
    """

    shown: tuple[str, ...] = ()

    def forward(self, img: Any) -> Any:
        raise NotImplementedError(
            f"{type(self).__name__}: a transform must define forward(img), got none. Define it in"
            " the subclass."
        )

    def __call__(self, img: Any) -> Any:
        return self.forward(img)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={show(getattr(self, name))}" for name in self.shown)
        return f"{type(self).__name__}({values})"


def show(value: Any) -> str:
    return value.value if isinstance(value, InterpolationMode) else str(value)


class Group(Transform):
    """A transform made of transforms."""

    def __init__(self, transforms: Sequence[Callable]):
        if not isinstance(transforms, Sequence):
            raise DTypeError(
                f"{type(self).__name__}: transforms must be a list, got"
                f" {type(transforms).__name__}. Put them in [ ]."
            )
        self.transforms = transforms

    def __repr__(self) -> str:
        lines = [f"    {line}" for t in self.transforms for line in str(t).splitlines()]
        return "\n".join([f"{type(self).__name__}(", *lines, ")"])


class Compose(Group):
    """One transform after the other."""

    def forward(self, img: Any) -> Any:
        for transform in self.transforms:
            img = transform(img)
        return img


class Lambda(Transform):
    """Any function as a transform."""

    def __init__(self, lambd: Callable):
        if not callable(lambd):
            raise DTypeError(
                f"Lambda: must be given a function, got {type(lambd).__name__}. Pass a function of"
                " the image."
            )
        self.lambd = lambd

    def forward(self, img: Any) -> Any:
        return self.lambd(img)


class ToTensor(Transform):
    """A PIL image or an array (H, W) or (H, W, C) as a tensor (C, H, W); bytes become floats from 0
    to 1.
    """

    def forward(self, img: Any) -> Tensor:
        return F.to_tensor(img)

    def many(self, images: np.ndarray) -> Tensor:
        """The same for uint8 arrays (N, H, W) at once."""
        return as_tensor(np.divide(images[:, None], np.float32(255), dtype=np.float32))


class PILToTensor(Transform):
    """A PIL image as a tensor (C, H, W), its values unchanged."""

    def forward(self, img: Any) -> Tensor:
        return F.pil_to_tensor(img)


class ToPILImage(Transform):
    """A tensor (C, H, W) or an array (H, W) or (H, W, C) as a PIL image; a float tensor goes from 0
    to 1. Needs Pillow.

    Args: mode: Pillow's mode, chosen by the number of channels if None.
    """

    shown = ("mode",)

    def __init__(self, mode: str | None = None):
        self.mode = mode

    def forward(self, img: Any) -> Any:
        return F.to_pil_image(img, self.mode)


class ConvertImageDtype(Transform):
    """Another dtype with the values scaled along: floats go from 0 to 1, integers from 0 to their
    maximum.
    """

    def __init__(self, dtype: Any = float32):
        self.dtype = dtype

    def forward(self, img: Tensor) -> Tensor:
        return F.convert_image_dtype(img, self.dtype)


class Normalize(Transform):
    """(img - mean) / std, one mean and one std per channel.

    Math:  out[c] = (img[c] - mean[c]) / std[c]
    Shape: (..., C, H, W) to the same.
    """

    shown = ("mean", "std")

    def __init__(self, mean: Sequence[float], std: Sequence[float], inplace: bool = False):
        self.mean, self.std, self.inplace = mean, std, inplace

    def forward(self, img: Tensor) -> Tensor:
        return F.normalize(img, self.mean, self.std, self.inplace)


class Grayscale(Transform):
    """Brightness instead of colours, in one channel or three equal ones."""

    shown = ("num_output_channels",)

    def __init__(self, num_output_channels: int = 1):
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, self.num_output_channels)


class Resize(Transform):
    """Another size; arguments as for `functional.resize`."""

    shown = ("size", "interpolation", "max_size", "antialias")

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: Any = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ):
        F.two(size)
        self.size, self.interpolation, self.max_size, self.antialias = (
            size,
            interpolation,
            max_size,
            antialias,
        )

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)


class CenterCrop(Transform):
    """The middle of the image, of the given size; an image that is too small gets a border of 0."""

    shown = ("size",)

    def __init__(self, size: int | Sequence[int]):
        self.size = F.two(size)

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class Pad(Transform):
    """A border around the image; arguments as for `functional.pad`."""

    shown = ("padding", "fill", "padding_mode")

    def __init__(self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"):
        F.four(padding)
        self.padding, self.fill, self.padding_mode = padding, fill, padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)
