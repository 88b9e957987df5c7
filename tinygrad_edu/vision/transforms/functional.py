"""The transforms as functions of an image, with torchvision's names. Nothing here is random.

An image is a Tensor (..., C, H, W), a PIL image, or an array (H, W) or (H, W, C); the result is of
the same kind.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ...engine.dtype import as_dtype, float32
from ...engine.errors import DTypeError, ShapeError
from ...engine.tensor import Tensor, as_tensor
from ...left_out import explain_missing as _explain_missing
from ..pillow import is_pil
from .kinds import like, on_image, size_of, to_pil, unpack
from .resample import (
    InterpolationMode,
    as_mode,
    forward_matrix,
    pad_array,
    resize_array,
    warp_array,
)
from .values import adjust_gamma, autocontrast, gaussian_blur, invert, posterize, solarize  # noqa: F401 (names of this module)

# Source: ITU-R BT.601, brightness of red, green and blue
GREY = np.array([0.2989, 0.587, 0.114], np.float32).reshape(3, 1, 1)


# ---- between kinds ----


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (H, W) or (H, W, C) as a tensor (C, H, W); bytes become floats from 0
    to 1.
    """
    array = hwc_to_chw(pic, "to_tensor")
    if array.dtype == np.uint8:
        array = np.divide(array, np.float32(255), dtype=np.float32)
    return as_tensor(np.ascontiguousarray(array))


def pil_to_tensor(pic: Any) -> Tensor:
    """A PIL image as a tensor (C, H, W), its values unchanged."""
    if not is_pil(pic):
        raise DTypeError(
            f"pil_to_tensor: must be a PIL image, got {type(pic).__name__}. Use to_tensor for"
            " arrays."
        )
    return as_tensor(np.ascontiguousarray(hwc_to_chw(pic, "pil_to_tensor")))


def hwc_to_chw(pic: Any, who: str) -> np.ndarray:
    if isinstance(pic, Tensor):
        raise DTypeError(
            f"{who}: must be a PIL image or an array, got a Tensor already. Leave this transform"
            " out, or use ConvertImageDtype."
        )
    array, _ = unpack(pic, who)
    # there is no uint16 tensor
    return array.astype(np.int32) if array.dtype == np.uint16 else array


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or (H, W), or an array (H, W) or (H, W, C), as a PIL image; a float tensor
    goes from 0 to 1.
    """
    if isinstance(pic, Tensor):
        array = pic.numpy()
        if array.dtype.kind == "f" and mode != "F":
            array = (array * 255).astype(np.int64).astype(np.uint8)
    else:
        array, _ = unpack(pic, "to_pil_image")
    return to_pil(array, mode)


def convert_image_dtype(image: Tensor, dtype: Any = float32) -> Tensor:
    """Another dtype with the values scaled along: floats go from 0 to 1, integers from 0 to their
    maximum.
    """
    target, array = as_dtype(dtype), image.numpy()
    to, source = target.numpy, array.dtype
    if source == to:
        return image
    if to.kind == "f":
        scaled = (
            array.astype(to)
            if source.kind in "fb"
            else array.astype(to) / to.type(np.iinfo(source).max)
        )
    elif source.kind == "f":
        if (source == np.float32 and to.itemsize >= 4) or (
            source == np.float64 and to.itemsize == 8
        ):
            raise DTypeError(
                f"convert_image_dtype: {source} has too few digits for {target.name}, got that"
                " pair. Convert to float64 or to a smaller integer dtype."
            )
        scaled = (array * (np.iinfo(to).max + 1 - 1e-3)).astype(to)
    else:
        wide, narrow = int(np.iinfo(source).max) + 1, int(np.iinfo(to).max) + 1
        scaled = (
            (array // (wide // narrow)).astype(to)
            if wide > narrow
            else array.astype(to) * to.type(narrow // wide)
        )
    return Tensor(scaled, image.device)


# ---- pixel values ----


def normalize(tensor: Tensor, mean: Any, std: Any, inplace: bool = False) -> Tensor:
    """(tensor - mean) / std, one mean and one std per channel. Differentiable."""
    if not isinstance(tensor, Tensor) or not tensor.is_floating_point() or tensor.ndim < 3:
        given = (
            f"{tensor.dtype.name} {tuple(tensor.shape)}"
            if isinstance(tensor, Tensor)
            else type(tensor).__name__
        )
        raise DTypeError(
            f"normalize: must be a floating-point tensor (..., C, H, W), got {given}. Put"
            " ToTensor() before it."
        )
    dtype = tensor.dtype.numpy
    m, s = (np.asarray(getattr(v, "array", v), dtype).reshape(-1, 1, 1) for v in (mean, std))
    if (s == 0).any():
        raise ShapeError(f"normalize: std must not be 0, got {std}. Correct it.")
    if any(v.size not in (1, tensor.shape[-3]) for v in (m, s)):
        raise ShapeError(
            f"normalize: needs one mean and one std per channel ({tensor.shape[-3]}), got {m.size}"
            f" and {s.size}. Correct them."
        )
    if inplace:
        return tensor.sub_(as_tensor(m)).div_(as_tensor(s))
    if tensor.requires_grad:
        return (tensor - as_tensor(m)) / as_tensor(s)
    result = tensor.array - m
    result /= s
    return Tensor(result, tensor.device)


@on_image
def rgb_to_grayscale(img: np.ndarray, num_output_channels: int = 1) -> np.ndarray:
    """0.2989 red + 0.587 green + 0.114 blue, in one channel or three equal ones."""
    if num_output_channels not in (1, 3):
        raise ShapeError(
            f"rgb_to_grayscale: num_output_channels must be 1 or 3, got {num_output_channels}."
            " Correct it."
        )
    return np.repeat(grey(img), num_output_channels, axis=-3)


def grey(array: np.ndarray) -> np.ndarray:
    channels = array.shape[-3] if array.ndim > 2 else 0
    if channels not in (1, 3):
        raise ShapeError(
            f"rgb_to_grayscale: an image must have 1 or 3 channels, got shape {array.shape}. Drop"
            " the alpha channel."
        )
    return (
        array
        if channels == 1
        else like((array * GREY).sum(-3, keepdims=True), array.dtype, rounded=False)
    )


def blend(a: np.ndarray, b: Any, ratio: float, who: str) -> np.ndarray:
    """ratio a + (1 - ratio) b within the range of the dtype; integers are cut off, as torchvision
    does.
    """
    if ratio < 0:
        raise ShapeError(f"{who}: factor must be >= 0, got {ratio}. Correct it.")
    values = np.float32(ratio) * a + np.float32(1 - ratio) * b
    return (
        np.clip(values, 0, 1).astype(a.dtype)
        if a.dtype.kind == "f"
        else like(np.maximum(values, 0), a.dtype, rounded=False)
    )


@on_image
def adjust_brightness(img: np.ndarray, brightness_factor: float) -> np.ndarray:
    """0 gives a black image, 1 the image itself, 2 one twice as bright."""
    return blend(img, np.float32(0), brightness_factor, "adjust_brightness")


@on_image
def adjust_contrast(img: np.ndarray, contrast_factor: float) -> np.ndarray:
    """0 gives the image's mean grey, 1 the image itself, 2 twice the contrast."""
    mean = grey(img).mean((-3, -2, -1), keepdims=True, dtype=np.float32)
    return blend(img, mean, contrast_factor, "adjust_contrast")


@on_image
def adjust_saturation(img: np.ndarray, saturation_factor: float) -> np.ndarray:
    """0 gives a grey image, 1 the image itself, 2 twice the saturation."""
    return blend(img, grey(img), saturation_factor, "adjust_saturation")


@on_image
def adjust_hue(img: np.ndarray, hue_factor: float) -> np.ndarray:
    """Turn all colours on the colour wheel by `hue_factor` of a full turn, from -0.5 to 0.5.

    Grey images stay as they are.
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ShapeError(
            f"adjust_hue: hue_factor must lie from -0.5 to 0.5, got {hue_factor}. Correct it."
        )
    if img.shape[-3] == 1:
        return img.copy()
    top = 1 if img.dtype.kind == "f" else np.iinfo(img.dtype).max
    r, g, b = np.moveaxis(img.astype(np.float32) / top, -3, 0)
    value, low = np.maximum(np.maximum(r, g), b), np.minimum(np.minimum(r, g), b)
    chroma = value - low
    safe = np.where(chroma == 0, 1, chroma)
    # in sixths of a turn
    hue = np.where(
        value == r, (g - b) / safe, np.where(value == g, 2 + (b - r) / safe, 4 + (r - g) / safe)
    )
    hue = hue + 6 * hue_factor
    turned = [
        value - chroma * np.clip(np.minimum(k, 4 - k), 0, 1)
        for k in ((n + hue) % 6 for n in (5, 3, 1))
    ]
    return like(np.stack(turned, -3) * top, img.dtype)


# ---- places ----


@on_image
def hflip(img: np.ndarray) -> np.ndarray:
    """Left and right exchanged."""
    return np.ascontiguousarray(img[..., ::-1])


@on_image
def vflip(img: np.ndarray) -> np.ndarray:
    """Top and bottom exchanged."""
    return np.ascontiguousarray(img[..., ::-1, :])


@on_image
def pad(
    img: np.ndarray, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
) -> np.ndarray:
    """A border around the image.

    Args:
        padding: one width, (left and right, top and bottom), or (left, top, right, bottom).
        padding_mode: "constant" (`fill`), "edge", "reflect" or "symmetric".
    """
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ShapeError(
            f"pad: padding_mode must be constant, edge, reflect or symmetric, got {padding_mode!r}."
            " Correct it."
        )
    return pad_array(img, four(padding), fill, padding_mode)


def four(padding: int | Sequence[int]) -> tuple[int, int, int, int]:
    p = [padding] if isinstance(padding, int) else list(padding)
    if len(p) not in (1, 2, 4) or any(not isinstance(n, int) or n < 0 for n in p):
        raise ShapeError(
            f"pad: padding must be 1, 2 or 4 whole numbers >= 0, got {padding!r}. Correct it."
        )
    return tuple(p * (4 // len(p)))  # type: ignore[return-value]


@on_image
def crop(img: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """The rectangle with that upper left corner; what lies outside the image is 0."""
    H, W = img.shape[-2:]
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    borders = (
        min(max(-left, 0), width),
        min(max(-top, 0), height),
        min(max(left + width - W, 0), width),
        min(max(top + height - H, 0), height),
    )
    return pad_array(inside, borders) if any(borders) else inside.copy()


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image; an image that is too small gets a border of 0."""
    height, width = two(output_size)
    _, H, W = size_of(img, "center_crop")
    if height > H or width > W:
        img = pad(
            img,
            (
                max((width - W) // 2, 0),
                max((height - H) // 2, 0),
                max((width - W + 1) // 2, 0),
                max((height - H + 1) // 2, 0),
            ),
        )
        _, H, W = size_of(img)
    return crop(img, round((H - height) / 2), round((W - width) / 2), height, width)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The upper left, upper right, lower left and lower right corner, and the middle."""
    height, width = two(size)
    _, H, W = size_of(img, "five_crop")
    if height > H or width > W:
        raise ShapeError(
            f"five_crop: size must fit into the image ({H}, {W}), got ({height}, {width}). Use a"
            " smaller one."
        )
    down, right = H - height, W - width
    upper = crop(img, 0, 0, height, width), crop(img, 0, right, height, width)
    lower = crop(img, down, 0, height, width), crop(img, down, right, height, width)
    return (*upper, *lower, center_crop(img, [height, width]))


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """The five crops of the image, and those of the image flipped."""
    flipped = vflip(img) if vertical_flip else hflip(img)
    return (*five_crop(img, size), *five_crop(flipped, size))


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The same as `rgb_to_grayscale`."""
    return rgb_to_grayscale(img, num_output_channels)


def get_image_num_channels(img: Any) -> int:
    """How many channels an image has."""
    return size_of(img)[0]


def to_image(inpt: Any) -> Tensor:
    """An image of any kind as a tensor (C, H, W), its values unchanged."""
    if isinstance(inpt, Tensor):
        return inpt
    return as_tensor(np.ascontiguousarray(hwc_to_chw(inpt, "to_image")))


def to_dtype(inpt: Tensor, dtype: Any = float32, scale: bool = False) -> Tensor:
    """Another dtype; with `scale` as `convert_image_dtype`, else with the same values."""
    return convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def two(size: int | Sequence[int]) -> tuple[int, int]:
    """(height, width)."""
    s = [size] if isinstance(size, int) else list(size)
    if len(s) not in (1, 2) or any(n < 1 for n in s):
        raise ShapeError(
            f"size: must be one or two whole numbers above 0 (height, width), got {size!r}."
            " Correct it."
        )
    return s[0], s[-1]


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """Another size.

    Args:
        size: (height, width), or one number for the shorter side; the longer one then keeps the
            proportions.
        max_size: the longest side may not get longer than this (for one number only).
        antialias: when shrinking, average over all the pixels that fall into one, as Pillow does.
    """
    mode = as_mode(interpolation, "resize", ("nearest", "nearest-exact", "bilinear", "bicubic"))
    array, repack = unpack(img, "resize")
    H, W = array.shape[-2:]
    if isinstance(size, int) or len(size) == 1:
        short, _ = two(size)
        long = int(short * max(H, W) / min(H, W))
        if max_size is not None and long > max_size:
            if max_size <= short:
                raise ShapeError(
                    f"resize: max_size must be above size, got {max_size} and {short}. Correct"
                    " them."
                )
            short, long = int(max_size * short / long), max_size
        height, width = (short, long) if H <= W else (long, short)
    elif max_size is not None:
        raise ShapeError(f"resize: max_size needs a single number as size, got {size!r}. Omit it.")
    else:
        height, width = two(size)
    return repack(resize_array(array, height, width, mode, bool(antialias)))


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """`crop`, then `resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)


@on_image
def rotate(
    img: np.ndarray,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = 0,
) -> np.ndarray:
    """Turned counter-clockwise by `angle` degrees.

    Args:
        expand: make the canvas large enough for the whole turned image.
        center: (x, y) to turn about, from the upper left corner; the middle by default.
        fill: value of what comes from outside the image, a number or one per channel.
    """
    mode = as_mode(interpolation, "rotate", ("nearest", "bilinear"))
    H, W = img.shape[-2:]
    height, width, middle = H, W, (W / 2, H / 2)
    forward = forward_matrix(
        -angle, (0, 0), 1, (0, 0), middle if center is None or expand else (center[0], center[1])
    )
    if expand:
        # rounded: sin(pi) is not quite 0
        corners = np.round((forward @ np.array([[0, 0, W, W], [0, H, H, 0], [1, 1, 1, 1]]))[:2], 4)
        width, height = (int(n) for n in np.ceil(corners.max(1)) - np.floor(corners.min(1)))
        forward[:2, 2] += (width - W) / 2, (height - H) / 2
    return warp_array(img, forward, height, width, mode, fill)


@on_image
def affine(
    img: np.ndarray,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: float | Sequence[float],
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = 0,
    center: Sequence[float] | None = None,
) -> np.ndarray:
    """Sheared, scaled and turned about the centre, then moved.

    Args:
        angle: degrees, clockwise.
        translate: pixels to the right and down.
        scale: above 0.
        shear: degrees along x, or (along x, along y).
        fill, center: as for `rotate`.
    """
    if scale <= 0:
        raise ShapeError(f"affine: scale must be above 0, got {scale}. Correct it.")
    s = [shear, 0.0] if isinstance(shear, (int, float)) else [*shear, 0.0][:2]
    H, W = img.shape[-2:]
    middle = (W / 2, H / 2) if center is None else (center[0], center[1])
    forward = forward_matrix(angle, (translate[0], translate[1]), scale, (s[0], s[1]), middle)
    return warp_array(
        img, forward, H, W, as_mode(interpolation, "affine", ("nearest", "bilinear")), fill
    )


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """A tensor (..., C, H, W) with `v` in the rectangle of size (h, w) whose upper left corner is
    at row i, column j.
    """
    if not isinstance(img, Tensor):
        raise DTypeError(
            f"erase: must be a tensor (..., C, H, W), got {type(img).__name__}. Put ToTensor()"
            " before it."
        )
    result = img if inplace else img.clone()
    result.array[..., i : i + h, j : j + w] = getattr(v, "array", v)
    if inplace:
        img.bump_version()
    return result


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width]."""
    return list(size_of(img))


def get_image_size(img: Any) -> list[int]:
    """[width, height]."""
    _, height, width = size_of(img)
    return [width, height]


_explain_missing(__name__)
