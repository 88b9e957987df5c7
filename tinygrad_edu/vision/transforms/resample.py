"""Resizing and turning: where each output pixel looks in the input.

Pixel i covers the interval from i to i + 1, its centre is at i + 0.5.
"""

from __future__ import annotations

from enum import Enum
from functools import lru_cache
from typing import Any

import numpy as np

from ...engine.errors import ShapeError
from .kinds import like


class InterpolationMode(Enum):
    """How to read an image between the centres of its pixels."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"


OF_PIL = {0: "nearest", 2: "bilinear", 3: "bicubic"}  # Pillow's numbers


def as_mode(interpolation: Any, who: str, allowed: tuple[str, ...]) -> str:
    name = (
        OF_PIL.get(interpolation)
        if isinstance(interpolation, int)
        else getattr(interpolation, "value", interpolation)
    )
    if name not in allowed:
        raise ShapeError(
            f"{who}: interpolation must be one of {', '.join(allowed)}, got {interpolation!r}. Use"
            " InterpolationMode."
        )
    return name


def triangle(t: np.ndarray) -> np.ndarray:
    return np.maximum(1 - np.abs(t), 0)


def cubic(t: np.ndarray, a: float) -> np.ndarray:
    """Cubic convolution.

    Reference: R. Keys, 1981, "Cubic convolution interpolation for digital image processing".
    """
    t = np.abs(t)
    inner = ((a + 2) * t - (a + 3)) * t * t + 1
    outer = a * (((t - 5) * t + 8) * t - 4)
    return np.where(t <= 1, inner, np.where(t < 2, outer, 0))


@lru_cache(maxsize=256)
def resize_matrix(n: int, m: int, mode: str, antialias: bool) -> np.ndarray:
    """The (m, n) matrix that resizes a row of n pixels to m.

    Row i holds the weights of the input pixels around the place that output pixel i has in the
    input. With `antialias` the kernel is widened by the factor by which the image shrinks, so that
    every input pixel counts; weights beyond the border are dropped and the rest brought back to sum
    1. Without it, pixels beyond the border repeat the last one.
    """
    scale = n / m
    if mode.startswith("nearest"):
        source = np.floor((np.arange(m) + (0.5 if mode == "nearest-exact" else 0)) * scale).astype(
            int
        )
        return np.eye(n, dtype=np.float32)[np.minimum(source, n - 1)]
    centre = (np.arange(m) + 0.5)[:, None] * scale
    reach = 0 if antialias else 3  # pixels beyond the border
    distance = np.arange(-reach, n + reach) + 0.5 - centre
    if antialias:
        distance = distance / max(scale, 1)
    weights = (
        triangle(distance) if mode == "bilinear" else cubic(distance, -0.5 if antialias else -0.75)
    )
    if not antialias:
        weights[:, reach] += weights[:, :reach].sum(1)
        weights[:, -reach - 1] += weights[:, -reach:].sum(1)
        weights = weights[:, reach:-reach]
    return (weights / weights.sum(1, keepdims=True)).astype(np.float32)


def resize_array(
    array: np.ndarray, height: int, width: int, mode: str, antialias: bool
) -> np.ndarray:
    """(..., H, W) resized: one matrix product per direction."""
    H, W = array.shape[-2:]
    if (height, width) == (H, W):
        return array.copy()
    rows, columns = (
        resize_matrix(H, height, mode, antialias),
        resize_matrix(W, width, mode, antialias),
    )
    values = array.astype(np.float64 if array.dtype == np.float64 else np.float32, copy=False)
    return like(rows @ values @ columns.T, array.dtype)


def forward_matrix(
    angle: float,
    translate: tuple[float, float],
    scale: float,
    shear: tuple[float, float],
    centre: tuple[float, float],
) -> np.ndarray:
    """The 3 x 3 matrix that moves points (x, y, 1), y pointing down: shear, scale and turn
    clockwise about the centre, then translate.

    angle and shear in degrees.
    """
    rot, sx, sy = np.deg2rad([angle, *shear])
    turn = np.array([[np.cos(rot), -np.sin(rot), 0], [np.sin(rot), np.cos(rot), 0], [0, 0, 1]])
    shear_y = np.array([[1, 0, 0], [-np.tan(sy), 1, 0], [0, 0, 1]])
    shear_x = np.array([[1, -np.tan(sx), 0], [0, 1, 0], [0, 0, 1]])
    (cx, cy), (tx, ty) = centre, translate
    back = np.array([[1, 0, cx + tx], [0, 1, cy + ty], [0, 0, 1]])
    return (
        back
        @ turn
        @ shear_y
        @ shear_x
        @ np.diag([scale, scale, 1])
        @ np.array([[1, 0, -cx], [0, 1, -cy], [0, 0, 1]])
    )


def warp_array(
    array: np.ndarray, forward: np.ndarray, height: int, width: int, mode: str, fill: Any
) -> np.ndarray:
    """(..., H, W) moved by `forward` onto a canvas of the given size; what comes from outside the
    image is `fill`.
    """
    H, W = array.shape[-2:]
    y, x = np.mgrid[:height, :width] + 0.5
    inverse = np.linalg.inv(forward)
    u = inverse[0, 0] * x + inverse[0, 1] * y + inverse[0, 2] - 0.5  # column in the input
    v = inverse[1, 0] * x + inverse[1, 1] * y + inverse[1, 2] - 0.5  # row
    # one pixel of fill around stands for all that lies outside
    padded = pad_array(array, (1, 1, 1, 1), fill)

    def at(row: np.ndarray, column: np.ndarray) -> np.ndarray:
        return padded[
            ..., np.clip(row, -1, H).astype(int) + 1, np.clip(column, -1, W).astype(int) + 1
        ]

    if mode == "nearest":
        return at(np.rint(v), np.rint(u))
    top, left = np.floor(v), np.floor(u)
    dtype = np.float64 if array.dtype == np.float64 else np.float32
    down, right = (v - top).astype(dtype), (u - left).astype(dtype)
    upper = at(top, left) * (1 - right) + at(top, left + 1) * right
    lower = at(top + 1, left) * (1 - right) + at(top + 1, left + 1) * right
    return like(upper * (1 - down) + lower * down, array.dtype)


def pad_array(
    array: np.ndarray,
    borders: tuple[int, int, int, int],
    fill: Any = 0,
    padding_mode: str = "constant",
) -> np.ndarray:
    """(..., H, W) with borders (left, top, right, bottom). `fill`: a number, or one per channel."""
    left, top, right, bottom = borders
    widths = [(0, 0)] * (array.ndim - 2) + [(top, bottom), (left, right)]
    if padding_mode != "constant":
        return np.pad(array, widths, mode=padding_mode)  # type: ignore[call-overload]
    H, W = array.shape[-2:]
    padded = np.empty((*array.shape[:-2], H + top + bottom, W + left + right), array.dtype)
    values = np.asarray(0 if fill is None else fill)
    channels = array.shape[-3] if array.ndim > 2 else 1
    if values.ndim > 1 or values.size not in (1, channels):
        raise ShapeError(
            f"fill: must be a number or one per channel ({channels}), got {fill!r}. Correct it."
        )
    padded[...] = (values.reshape(-1, 1, 1) if values.ndim else values).astype(array.dtype)
    padded[..., top : top + H, left : left + W] = array
    return padded
