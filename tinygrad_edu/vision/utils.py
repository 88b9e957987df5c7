"""Many images in one, and saving images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor, as_tensor
from .transforms.kinds import to_pil


def make_grid(
    tensor: Tensor | Sequence[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
) -> Tensor:
    """Images side by side in one image with three channels.

    Args:
        tensor: images (N, C, H, W), one image (C, H, W) or (H, W), or a list of images of one size;
            C is 1 or 3.
        nrow: images in a row.
        padding: pixels between them.
        normalize: stretch the values to run from 0 to 1.
        value_range: what becomes 0 and 1, by default minimum and maximum.
        scale_each: take the minimum and maximum of each image separately.
        pad_value: value of the pixels between the images.

    Shape: (N, C, H, W) to (3, rows (H + padding) + padding, columns (W + padding) + padding).
    """
    images = stacked(tensor)
    if not images.shape[0]:
        raise ShapeError("make_grid: needs at least one image, got none. Check the batch.")
    if images.shape[1] == 1:
        images = np.repeat(images, 3, axis=1)
    if normalize:
        images = images.astype(np.float32)
        axes = (1, 2, 3) if scale_each else None
        low, high = value_range or (
            images.min(axes, keepdims=True),
            images.max(axes, keepdims=True),
        )
        images = (np.clip(images, low, high) - low) / np.maximum(np.subtract(high, low), 1e-5)
    N, C, H, W = images.shape
    if N == 1:
        return as_tensor(images[0].copy())
    columns = min(nrow, N)
    rows = -(-N // columns)
    grid = np.full(
        (C, rows * (H + padding) + padding, columns * (W + padding) + padding),
        pad_value,
        images.dtype,
    )
    for k, image in enumerate(images):
        top = (k // columns) * (H + padding) + padding
        left = (k % columns) * (W + padding) + padding
        grid[:, top : top + H, left : left + W] = image
    return as_tensor(grid)


def stacked(tensor: Tensor | Sequence[Tensor]) -> np.ndarray:
    """Images in any of the forms that `make_grid` takes as one array (N, C, H, W)."""
    if isinstance(tensor, Tensor):
        images = tensor.detach().numpy()
    else:
        images = np.stack([image.detach().numpy() for image in tensor])
    if not 2 <= images.ndim <= 4:
        raise ShapeError(
            "make_grid: images must have the shape (N, C, H, W), (C, H, W) or (H, W), got"
            f" {images.shape}. Reshape them."
        )
    if images.ndim == 3 and not isinstance(tensor, Tensor):  # a list of (H, W)
        return images[:, None]
    return images.reshape((1,) * (4 - images.ndim) + images.shape)


def save_image(
    tensor: Tensor | Sequence[Tensor],
    fp: str | os.PathLike | Any,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Save images with values from 0 to 1 as one picture. Needs Pillow.

    Args: fp: path or open file. format: for example "png"; by default what the path ends in.
          kwargs: for `make_grid`.
    """
    grid = make_grid(tensor, **kwargs).numpy()
    to_pil(np.clip(grid * 255.0 + 0.5, 0, 255).astype(np.uint8)).save(fp, format=format)
