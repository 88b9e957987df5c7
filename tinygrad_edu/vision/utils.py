"""Many images in one, boxes on images, and saving images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..engine.errors import ShapeError
from ..engine.tensor import Tensor, as_tensor
from ..left_out import explain_missing as _explain_missing
from .pillow import need_pillow
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


def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: Sequence[str | None] | None = None,
    colors: Any = None,
    fill: bool = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
) -> Tensor:
    """The image with rectangles drawn on it. Needs Pillow.

    Args:
        image: (C, H, W) with 1 or 3 channels, uint8, or floats from 0 to 1.
        boxes: (N, 4) as (left, top, right, bottom) in pixels.
        labels: a text for each box, or None.
        colors: one for all or one for each box: a name, "#rrggbb" or (red, green, blue).
        fill: tint the inside.
        width: of the lines, in pixels.
        font, font_size: a TrueType file, and its size in points; Pillow's own by default.

    Shape: (C, H, W) to (3, H, W), of the image's dtype.
    """
    if image.ndim != 3 or image.shape[0] not in (1, 3) or boxes.ndim != 2 or boxes.shape[1] != 4:
        raise ShapeError(
            "draw_bounding_boxes: image must be (1 or 3, H, W) and boxes (N, 4), got"
            f" {tuple(image.shape)} and {tuple(boxes.shape)}. Reshape them."
        )
    places = boxes.tolist()
    if any(right < left or bottom < top for left, top, right, bottom in places):
        raise ShapeError(
            "draw_bounding_boxes: boxes must be (left, top, right, bottom) with left <= right and"
            " top <= bottom, got others. Put the numbers in that order."
        )
    if labels is not None and len(labels) != len(places):
        raise ShapeError(
            f"draw_bounding_boxes: labels must be one for each box ({len(places)}), got"
            f" {len(labels)}. Give as many."
        )
    module = need_pillow("draw_bounding_boxes")
    from PIL import ImageDraw, ImageFont

    pixels = image.detach().numpy()
    floats = pixels.dtype.kind == "f"
    bytes_ = np.clip(pixels * 255.0, 0, 255).astype(np.uint8) if floats else pixels
    picture = to_pil(np.repeat(bytes_, 3, axis=0) if len(bytes_) == 1 else bytes_)
    draw = ImageDraw.Draw(picture, "RGBA" if fill else None)
    written = ImageFont.truetype(font, font_size or 10) if font else ImageFont.load_default()
    for k, (box, color) in enumerate(zip(places, box_colors(colors, len(places)), strict=True)):
        inside = (*module.new("RGB", (1, 1), color).getpixel((0, 0)), 100) if fill else None
        draw.rectangle(box, width=width, outline=color, fill=inside)
        label = labels[k] if labels is not None else None
        if label is not None:
            corner = (box[0] + width + 1, box[1] + width + 1)
            draw.text(corner, label, fill=color, font=written)
    drawn = np.moveaxis(np.array(picture), -1, 0)
    return as_tensor((drawn / np.float32(255)).astype(pixels.dtype) if floats else drawn.copy())


def box_colors(colors: Any, count: int) -> list[Any]:
    """A colour for each box; without a choice, colours that differ as far as possible."""
    if colors is None:
        steps = (2**25 - 1, 2**15 - 1, 2**21 - 1)  # torchvision's
        return [tuple(k * step % 255 for step in steps) for k in range(count)]
    if not isinstance(colors, list):
        return [colors] * count
    if len(colors) < count:
        raise ShapeError(
            f"draw_bounding_boxes: colors must be one for each box ({count}), got {len(colors)}."
            " Give as many."
        )
    return colors[:count]


_explain_missing(__name__)
