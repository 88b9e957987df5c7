"""Handwritten digits for the recipes: which files to train and test on, and how a picture becomes a
digit.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass

import numpy as np

import tinygrad_edu as torch
from tinygrad_edu import Tensor
from tinygrad_edu.vision import datasets

from ..engine.errors import TinygradEduError
from . import UsageError

SIZE, INK = 28, 20  # MNIST: digits fitted into 20 x 20 pixels, centred by their mass in 28 x 28


@dataclass
class Digits:
    """Bytes (N, 28, 28), white on black, with labels (N,), and a line that says what they are."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    text: str


def find_data(choice: str, limit: int | None = None) -> Digits:
    """The digits to train and to test on.

    Args:
        choice: "embedded" for the 5,000 digits inside the package, "download" to get all of MNIST
        once, or a folder
            that holds MNIST's files.
        limit: use only that many images for training and at most that many for the test, for a
        quick try.

    The embedded digits are tested on MNIST's 10,000 test images if these are in $TINYGRAD_EDU_DATA
    or were downloaded before; then all 5,000 train. Otherwise every tenth digit of each class is
    held out for the test.
    """
    if choice == "embedded":
        train, test = datasets.MNIST5k(), find_test_set()
        x, y = train.data, train.targets
        if test is not None:
            (a, b), source = (test.data, test.targets), f"{len(test):,} images of MNIST's test set"
        else:
            by_class = np.argsort(y.cpu().numpy(), kind="stable")
            held = np.zeros(len(y), bool)
            held[by_class[9::10]] = True
            kept_index, held_index = (
                torch.from_numpy(np.flatnonzero(~held)),
                torch.from_numpy(np.flatnonzero(held)),
            )
            a, b, x, y = x[held_index], y[held_index], x[kept_index], y[kept_index]
            source = (
                f"{len(b):,} of the embedded digits, held out (MNIST's test set is not here;"
                " `--data download` gets it)"
            )
        name = "embedded digits"
    else:
        download = choice == "download"
        if not download and not os.path.isdir(choice):
            raise UsageError(
                f"--data must be embedded, download or a folder, got {choice!r}. Give a folder that"
                " holds MNIST's files."
            )
        root = os.environ.get("TINYGRAD_EDU_DATA", "data") if download else choice
        train, test = (
            datasets.MNIST(root, train=True, download=download),
            datasets.MNIST(root, train=False, download=download),
        )
        (x, y), (a, b) = (train.data, train.targets), (test.data, test.targets)
        name, source = "MNIST", f"{len(test):,} images of its test set"
    if limit is not None:
        (x, y), (a, b) = thin_out(x, y, limit), thin_out(a, b, limit)
        source = f"{len(b):,} of the {source}" if limit < 10_000 else source
    return Digits(x, y, a, b, f"Training on {len(y):,} {name}, testing on {source}.")


def find_test_set() -> datasets.MNIST | None:
    """MNIST's test set, if it is on this machine."""
    try:
        return datasets.MNIST(
            os.environ.get("TINYGRAD_EDU_DATA", "data"), train=False, download=False
        )
    except (
        TinygradEduError,
        RuntimeError,
        OSError,
    ):  # not there, or not whole: the embedded digits will do
        return None


def thin_out(images: Tensor, labels: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """`limit` of the images, evenly spread, so that every class stays in."""
    index = torch.from_numpy(
        np.linspace(0, len(labels) - 1, min(limit, len(labels))).astype(np.int64)
    )
    return images[index], labels[index]


def read_digit(path: str) -> Tensor:
    """The picture `path` as MNIST would show it: bytes (28, 28), white on black.

    Any size, grey or colour. Transparent parts count as white paper. If the border is brighter than
    the middle of the picture's range, the ink is dark and the picture is inverted. A picture of 28
    x 28 pixels is then taken as it is; any other is cut to its ink, scaled so that this fits into
    20 x 20 pixels, and centred by its mass, as MNIST's were.
    """
    grey = read_grey(path)
    low, high = float(grey.min()), float(grey.max())
    if high - low < 16:
        raise UsageError(
            f"predict: an image must show something, got {path!r}, which is blank. Draw the digit"
            " with more contrast."
        )
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    if np.median(border) > (low + high) / 2:
        grey, low, high = 255 - grey, 255 - high, 255 - low
    if grey.shape != (SIZE, SIZE):
        grey = fit((grey - low) * (255 / (high - low)))
    return torch.from_numpy(np.clip(grey.round(), 0, 255).astype(np.uint8))


def read_grey(path: str) -> np.ndarray:
    """A picture's brightness as floats from 0 to 255."""
    try:
        from PIL import Image, ImageOps
    except ModuleNotFoundError:
        raise UsageError(
            "predict: reading images needs the package pillow, got none. Run: pip install pillow"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                image = ImageOps.exif_transpose(image)
                # 16 bits and more: Pillow would clip
                if image.mode.startswith("I") or image.mode == "F":
                    deep = np.asarray(image, np.float64)
                    return deep * (
                        255
                        / max(
                            float(deep.max()),
                            65535.0 if image.mode.startswith("I") and deep.max() > 255 else 255.0,
                        )
                    )
                paper = Image.new("RGBA", image.size, "white")
                return np.asarray(
                    Image.alpha_composite(paper, image.convert("RGBA")).convert("L"), np.float64
                )
    except FileNotFoundError:
        raise UsageError(f"predict: the image must exist, got {path!r}. Check the path.") from None
    except Exception as error:  # decoders of damaged files raise all kinds: OSError, SyntaxError, struct.error, ValueError ...
        raise UsageError(
            f"predict: must be a whole image file, got {path!r}"
            f" ({str(error) or type(error).__name__}). Save it again, for example as PNG."
        ) from None


def fit(grey: np.ndarray) -> np.ndarray:
    """Cut to the ink, scale its longer side to 20 pixels, and put its centre of mass into the
    middle of 28 x 28.
    """
    from PIL import Image

    ink = grey > 64
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    cut = grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = INK / max(cut.shape)
    width, height = (max(1, round(side * scale)) for side in (cut.shape[1], cut.shape[0]))
    small = np.asarray(
        Image.fromarray(cut.astype(np.float32)).resize(
            (width, height), Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        )
    )
    mass = small.sum()
    y, x = (small.sum(1) @ np.arange(height)) / mass, (small.sum(0) @ np.arange(width)) / mass
    top = min(max(round((SIZE - 1) / 2 - y), 0), SIZE - height)
    left = min(max(round((SIZE - 1) / 2 - x), 0), SIZE - width)
    page = np.zeros((SIZE, SIZE))
    page[top : top + height, left : left + width] = small
    return page
