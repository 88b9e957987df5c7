"""From a picture of a handwritten digit in a file to what MNIST would have made of it."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from ..engine.errors import TinygradEduError
from ..engine.tensor import Tensor
from ..functional import from_numpy
from ..nn.functional import interpolate
from .pillow import PictureError, read_picture

SIZE, INK = 28, 20  # MNIST: digits fitted into 20 x 20 pixels, centred by their mass in 28 x 28


class ImageError(TinygradEduError, ValueError):
    """An image file that is missing, damaged or blank."""


def read_digit(path: str | os.PathLike[str]) -> Tensor:
    """The picture `path` as MNIST would show it: bytes (28, 28), white on black.

    Any size, grey or colour. Transparent parts count as white paper. If the border is brighter than
    the middle of the picture's range, the ink is dark and the picture is inverted. A picture of 28
    x 28 pixels is then used unchanged; any other is cropped to its ink, scaled so that this fits
    into 20 x 20 pixels, and centred by its mass, as MNIST's were.

    Raises:
        ImageError: the file is missing or damaged, or the picture is blank.
        PillowMissing: Pillow, which reads images, is not installed.
    """
    grey = read_grey(os.fspath(path))
    low, high = float(grey.min()), float(grey.max())
    if high - low < 16:
        raise ImageError(
            f"read_digit: the image must show something, got {os.fspath(path)!r}, which is blank."
            " Draw the digit with more contrast."
        )
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > (low + high) / 2:
        grey, low, high = 255 - grey, 255 - high, 255 - low
    if grey.shape != (SIZE, SIZE):
        grey = fit((grey - low) * (255 / (high - low)))
    return from_numpy(np.clip(grey.round(), 0, 255).astype(np.uint8))


def read_grey(path: str) -> np.ndarray:
    """A picture's brightness as floats from 0 to 255."""
    try:
        return read_picture(path, "read_digit", brightness, cost=20)
    except FileNotFoundError:
        raise ImageError(
            f"read_digit: the image must exist, got {path!r}. Check the path."
        ) from None
    except PictureError as error:
        raise ImageError(
            f"read_digit: the file must be a whole image, got {path!r} ({error}). Save it again,"
            " for example as PNG."
        ) from None


def brightness(image: Any) -> np.ndarray:
    """A PIL image's brightness, upright and on white paper, as floats from 0 to 255."""
    from PIL import Image, ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":  # 16 bits and more: Pillow would clip
        deep = np.asarray(image, np.float64)
        highest = float(deep.max())
        if image.mode.startswith("I"):
            full = 65535.0 if highest > 255 else 255.0
        else:
            full = max(highest, 255.0)
        return deep * (255 / max(highest, full))
    paper = Image.new("RGBA", image.size, "white")
    flat = Image.alpha_composite(paper, image.convert("RGBA")).convert("L")
    return np.asarray(flat, np.float64)


def fit(grey: np.ndarray) -> np.ndarray:
    """Crop to the ink, scale its longer side to 20 pixels, and put its centre of mass into the
    middle of 28 x 28.

    Shape: (H, W), 0 is paper and 255 ink, some of it above 64, to (28, 28)
    """
    ink = grey > 64
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = INK / max(cut.shape)
    height, width = (max(1, round(side * scale)) for side in cut.shape)
    picture = from_numpy(np.ascontiguousarray(cut, np.float32))[None, None]  # (1, 1, H, W)
    mode = "area" if scale < 1 else "bilinear"
    small = interpolate(picture, (height, width), mode=mode)[0, 0].numpy()
    mass = small.sum()
    y, x = (small.sum(1) @ np.arange(height)) / mass, (small.sum(0) @ np.arange(width)) / mass
    top = min(max(round((SIZE - 1) / 2 - y), 0), SIZE - height)
    left = min(max(round((SIZE - 1) / 2 - x), 0), SIZE - width)
    page = np.zeros((SIZE, SIZE))
    page[top : top + height, left : left + width] = small
    return page
