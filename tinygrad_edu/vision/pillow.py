"""Pillow, where it is installed."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from functools import cache
from typing import Any

from ..engine.errors import TinygradEduError

# the only ones that are tried, whatever a file is called: for some others Pillow starts programs
FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM")
SPARE = (
    50_000_000  # bytes that a picture may take in memory, and as many more as 200 times its file
)
SWELLING = 200


class PictureError(Exception):
    """Why a file is not a picture that can be read, in a few words."""


class PillowMissing(TinygradEduError, ModuleNotFoundError):
    """Something that only Pillow can do was asked for."""


@cache
def pillow() -> Any:
    """The module PIL.Image, or None where Pillow is not installed."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        return None
    return Image


def need_pillow(who: str) -> Any:
    """The module PIL.Image, or an error that says how to get it."""
    image = pillow()
    if image is None:
        raise PillowMissing(f"{who}: needs the package pillow, got none. Run: pip install pillow")
    return image


def is_pil(image: Any) -> bool:
    module = pillow()
    return module is not None and isinstance(image, module.Image)


def read_picture(path: str, who: str, use: Callable[[Any], Any], cost: int = 4) -> Any:
    """What `use` makes of the picture in a file, which it gets as a PIL image.

    Args:
        who: asks for it; for the error where Pillow is missing.
        cost: the bytes that `use` needs for each pixel.

    Raises:
        FileNotFoundError: there is no such file.
        PictureError: it is no whole picture in one of FORMATS, or too large.
    """
    image_module = need_pillow(who)
    try:
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise PictureError("it is not a file")
        with image_module.open(path, formats=FORMATS) as image:
            check_size(image, found.st_size, cost)
            return use(image)
    except (FileNotFoundError, PictureError):
        raise
    except Exception as error:
        # decoders of damaged files raise all kinds: OSError, SyntaxError, struct.error ...
        raise PictureError((str(error) or type(error).__name__)[:200]) from error


def check_size(image: Any, size: int, cost: int) -> None:
    """Refuse a picture that would take much more memory than its file of `size` bytes."""
    width, height = image.size
    needed = width * height * (cost + (1 if len(image.getbands()) == 1 else 4))  # Pillow keeps RGBX
    if needed > SPARE + SWELLING * size:
        raise PictureError(
            f"{width} x {height} pixels in a file of {size:,} bytes, which would take"
            f" {needed:,} bytes of memory"
        )


def as_rgb(image: Any) -> Any:
    """The image with three channels, read from its file."""
    if image.mode == "RGB":
        image.load()
        return image
    return image.convert("RGB")
