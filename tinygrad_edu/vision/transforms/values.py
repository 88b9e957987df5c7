"""Functions of an image that change its values and leave its places: for `functional`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ...engine.errors import DTypeError, ShapeError
from .kinds import like, on_image


def top(array: np.ndarray) -> int:
    """The value of full brightness."""
    return 1 if array.dtype.kind == "f" else int(np.iinfo(array.dtype).max)


@on_image
def invert(img: np.ndarray) -> np.ndarray:
    """Bright and dark exchanged."""
    return (top(img) - img).astype(img.dtype)


@on_image
def solarize(img: np.ndarray, threshold: float) -> np.ndarray:
    """Values from `threshold` on inverted."""
    if threshold > top(img):
        raise ShapeError(
            f"solarize: threshold must not be above {top(img)}, got {threshold}. Lower it."
        )
    return np.where(img >= threshold, top(img) - img, img).astype(img.dtype)


@on_image
def posterize(img: np.ndarray, bits: int) -> np.ndarray:
    """Only the highest `bits` bits of each byte, from 0 to 8."""
    if img.dtype != np.uint8:
        raise DTypeError(f"posterize: an image must be uint8, got {img.dtype}. Convert it.")
    if not 0 <= bits <= 8:
        raise ShapeError(f"posterize: bits must lie from 0 to 8, got {bits}. Correct it.")
    return img & np.uint8(256 - 2 ** (8 - bits))


@on_image
def autocontrast(img: np.ndarray) -> np.ndarray:
    """Each channel stretched, so that its darkest value is 0 and its brightest the full one."""
    values = img.astype(np.float32)
    low, high = values.min((-2, -1), keepdims=True), values.max((-2, -1), keepdims=True)
    flat = low == high  # one value only: stays
    scale = np.where(flat, 1, top(img) / np.where(flat, 1, high - low))
    stretched = (values - np.where(flat, 0, low)) * scale.astype(np.float32)
    return like(np.clip(stretched, 0, top(img)), img.dtype, rounded=False)


@on_image
def adjust_gamma(img: np.ndarray, gamma: float, gain: float = 1) -> np.ndarray:
    """gain * img ** gamma, for values from 0 to 1; above 1 makes shadows darker."""
    if gamma < 0:
        raise ShapeError(f"adjust_gamma: gamma must not be below 0, got {gamma}. Correct it.")
    values = np.clip(gain * (img.astype(np.float32) / top(img)) ** np.float32(gamma), 0, 1)
    if img.dtype.kind == "f":
        return values.astype(img.dtype)
    return (values * (top(img) + 1 - 1e-3)).astype(img.dtype)


@on_image
def gaussian_blur(
    img: np.ndarray, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> np.ndarray:
    """Each pixel the mean of those around it, weighted by a Gaussian; borders are mirrored.

    Args:
        kernel_size: odd; one number, or (along x, along y).
        sigma: in pixels, the same way; by default 0.15 kernel_size + 0.35.
    """
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2 or any(size < 1 or size % 2 == 0 for size in sizes):
        raise ShapeError(
            f"gaussian_blur: kernel_size must be one or two odd numbers, got {kernel_size}."
            " Correct it."
        )
    given = [0.15 * size + 0.35 for size in sizes] if sigma is None else sigma
    widths = [given] * 2 if isinstance(given, (int, float)) else list(given)
    widths = widths * 2 if len(widths) == 1 else widths
    if len(widths) != 2 or any(width <= 0 for width in widths):
        raise ShapeError(
            f"gaussian_blur: sigma must be one or two numbers above 0, got {sigma}. Correct it."
        )
    blurred = img.astype(np.float64 if img.dtype == np.float64 else np.float32)
    for axis, size, width in zip((-1, -2), sizes, widths, strict=True):
        blurred = blurred_along(blurred, axis, size, width)
    return like(blurred, img.dtype)


def blurred_along(values: np.ndarray, axis: int, size: int, sigma: float) -> np.ndarray:
    """The weighted mean of `size` values along one axis."""
    reach, length = size // 2, values.shape[axis]
    if reach >= length:
        raise ShapeError(
            f"gaussian_blur: kernel_size must be below twice the size of the image ({length}), got"
            f" {size}. Use a smaller one."
        )
    weights = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    weights = (weights / weights.sum()).astype(values.dtype)
    borders = [(0, 0)] * values.ndim
    borders[axis] = (reach, reach)
    padded = np.moveaxis(np.pad(values, borders, mode="reflect"), axis, 0)
    total = sum(weight * padded[i : i + length] for i, weight in enumerate(weights))
    return np.moveaxis(np.asarray(total), 0, axis)
