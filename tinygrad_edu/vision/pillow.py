"""Pillow, where it is installed."""

from __future__ import annotations

from functools import cache
from typing import Any

from ..engine.errors import TinygradEduError


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
