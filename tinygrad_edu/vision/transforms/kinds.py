"""The kinds of image, and the way from each to an array (..., C, H, W) and back."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor
from ..pillow import is_pil, need_pillow

MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}


def unpack(image: Any, who: str) -> tuple[np.ndarray, Callable[[np.ndarray], Any]]:
    """The pixels as an array (..., C, H, W) that must not be written to, and what makes of such an
    array the image's kind.
    """
    if isinstance(image, Tensor):
        if image.ndim < 2:
            raise ShapeError(
                f"{who}: an image tensor must have the shape (..., C, H, W) or (H, W), got"
                f" {tuple(image.shape)}. Reshape it."
            )
        return image.numpy(), lambda array: Tensor(array, image.device)
    if is_pil(image):
        return from_pil(image), lambda array: to_pil(array, image.mode)
    if isinstance(image, np.ndarray) and image.ndim in (2, 3):
        if image.ndim == 2:
            return image[
                None
            ], lambda array: array[0] if array.shape[0] == 1 else np.moveaxis(array, 0, -1)
        return np.moveaxis(image, -1, 0), lambda array: np.moveaxis(array, 0, -1)
    given = (
        f"an array of shape {image.shape}"
        if isinstance(image, np.ndarray)
        else type(image).__name__
    )
    raise DTypeError(
        f"{who}: an image must be a Tensor (..., C, H, W), a PIL image or an array (H, W) or (H, W,"
        f" C), got {given}. Convert it."
    )


def on_image(function: Callable) -> Callable:
    """Make a function on arrays (..., C, H, W) one on images of every kind."""

    @wraps(function)
    def apply(img: Any, *args: Any, **kwargs: Any) -> Any:
        array, repack = unpack(img, function.__name__)
        return repack(function(array, *args, **kwargs))

    return apply


def from_pil(image: Any) -> np.ndarray:
    """A PIL image as an array (C, H, W): bytes, or what its mode holds (I: int32, I;16: 16 bits, F:
    float32).
    """
    # black and white as bytes; palettes as the colours they stand for
    if image.mode in ("1", "P", "PA"):
        image = image.convert(
            "L"
            if image.mode == "1"
            else "RGBA"
            if image.mode == "PA" or "transparency" in image.info
            else "RGB"
        )
    array = np.array(image)
    return array[None] if array.ndim == 2 else np.moveaxis(array, -1, 0)


def to_pil(array: np.ndarray, mode: str | None = None) -> Any:
    """An array (C, H, W) or (H, W) as a PIL image, of the given mode if the number of channels fits
    it.
    """
    module = need_pillow("ToPILImage")
    array = array[None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[0] not in MODES:
        raise ShapeError(
            "ToPILImage: an image must have the shape (H, W) or (C, H, W) with 1 to 4 channels,"
            f" got {array.shape}. Take one image of the batch."
        )
    if array.shape[0] == 1:
        if array.dtype not in (np.uint8, np.int16, np.uint16, np.int32, np.float32):
            raise DTypeError(
                "ToPILImage: a grey image must be uint8, int16, int32 or float32, got"
                f" {array.dtype}. Convert it."
            )
        image = module.fromarray(
            np.ascontiguousarray(
                array[0].astype(np.uint16) if array.dtype == np.int16 else array[0]
            )
        )
    elif array.dtype == np.uint8:
        # RGB for 3 channels, RGBA for 4, LA for 2
        image = module.fromarray(np.ascontiguousarray(np.moveaxis(array, 0, -1)))
    else:
        raise DTypeError(
            f"ToPILImage: a colour image must be uint8, got {array.dtype}. Convert it with"
            " ConvertImageDtype."
        )
    if mode is None or mode == image.mode:
        return image
    if mode in ("1", "P", "PA"):
        return image.convert("1") if mode == "1" else image
    if len(module.new(mode, (1, 1)).getbands()) != array.shape[0]:
        return image
    if array.dtype != np.uint8 or array.shape[0] == 1:
        return image
    # CMYK, HSV, LAB, YCbCr: the same bytes, another meaning
    return module.frombuffer(mode, image.size, image.tobytes(), "raw", mode, 0, 1)


def size_of(image: Any, who: str = "get_dimensions") -> tuple[int, int, int]:
    """(channels, height, width)."""
    if is_pil(image):  # without looking at the pixels
        return len(image.getbands()), image.height, image.width
    array, _ = unpack(image, who)
    return (array.shape[-3] if array.ndim > 2 else 1), array.shape[-2], array.shape[-1]


def like(values: np.ndarray, dtype: np.dtype, rounded: bool = True) -> np.ndarray:
    """Floats in an image's dtype: for integers rounded (or cut off) and kept within its range."""
    if dtype.kind == "f":
        return values.astype(dtype, copy=False)
    if dtype.kind == "b":
        return values > 0.5
    info = np.iinfo(dtype)
    return np.clip(np.rint(values) if rounded else values, info.min, info.max).astype(dtype)
