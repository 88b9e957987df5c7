"""Pictures of digits or clothes: which to train on and which to test on."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...engine.errors import TinygradEduError
from ...engine.tensor import Tensor
from ...functional import from_numpy
from ...vision import datasets
from ..errors import UsageError
from .files import data_folder


@dataclass
class Pictures:
    """Bytes (N, 28, 28), white on black, with labels (N,); `text` says what they are."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    text: str


def find_digits(choice: str, limit: int | None = None) -> Pictures:
    """The digits to train and to test on.

    Args:
        choice: "embedded" for the 5,000 digits inside the package, "download" to fetch all of MNIST
            once, or a folder that holds MNIST's files.
        limit: use only that many images for training and at most that many for the test.

    The embedded digits are tested on MNIST's 10,000 test images if these are in $TINYGRAD_EDU_DATA
    or were downloaded before; then all 5,000 train. Otherwise every tenth digit of each class is
    held out for the test.
    """
    if choice == "embedded":
        return embedded_digits(limit)
    download = choice == "download"
    if not download and not os.path.isdir(choice):
        raise UsageError(
            f"--data must be embedded, download or a folder, got {choice!r}. Give a folder that"
            " holds MNIST's files."
        )
    root = data_folder() if download else Path(choice)
    train = datasets.MNIST(root, train=True, download=download)
    test = datasets.MNIST(root, train=False, download=download)
    source = f"{len(test):,} images of its test set"
    return choose(train, test, limit, "MNIST", source)


def embedded_digits(limit: int | None) -> Pictures:
    digits, test = datasets.MNIST5k(), find_test_set()
    if test is not None:
        source = f"{len(test):,} images of MNIST's test set"
        return choose(digits, test, limit, "embedded digits", source)
    x, y = digits.data, digits.targets
    by_class = np.argsort(y.cpu().numpy(), kind="stable")
    held = np.zeros(len(y), bool)
    held[by_class[9::10]] = True
    train_rows, test_rows = (from_numpy(np.flatnonzero(rows)) for rows in (~held, held))
    source = (
        f"{len(test_rows):,} of the embedded digits, held out (MNIST's test set is not here;"
        " `--data download` fetches it)"
    )
    found = Pictures(x[train_rows], y[train_rows], x[test_rows], y[test_rows], "")
    return thinned(found, limit, "embedded digits", source)


def find_test_set() -> datasets.MNIST | None:
    """MNIST's test set, if it is on this machine."""
    try:
        return datasets.MNIST(data_folder(), train=False, download=False)
    except (TinygradEduError, RuntimeError, OSError):
        return None  # not there, or not whole: the embedded digits will do


def find_clothes(choice: str, limit: int | None = None) -> Pictures | None:
    """Fashion-MNIST, or None if `choice` is "embedded" and it is not on this machine."""
    root = data_folder() if choice in ("embedded", "download") else Path(choice)
    if (root / "fashion_mnist").is_dir():
        root = root / "fashion_mnist"
    try:
        train = datasets.FashionMNIST(root, train=True, download=choice == "download")
        test = datasets.FashionMNIST(root, train=False, download=choice == "download")
    except (datasets.DatasetError, OSError) as error:
        if choice == "embedded":
            return None
        raise UsageError(f"--data must lead to Fashion-MNIST, got {choice!r}. {error}") from error
    return choose(train, test, limit, "pictures of Fashion-MNIST", f"{len(test):,} others")


def choose(
    train: datasets.MNIST | datasets.MNIST5k,
    test: datasets.MNIST,
    limit: int | None,
    name: str,
    source: str,
) -> Pictures:
    found = Pictures(train.data, train.targets, test.data, test.targets, "")
    return thinned(found, limit, name, source)


def thinned(found: Pictures, limit: int | None, name: str, source: str) -> Pictures:
    """At most `limit` of the pictures of each part, and the line that says what they are."""
    x, y = thin_out(found.train_images, found.train_labels, limit)
    a, b = thin_out(found.test_images, found.test_labels, limit)
    if len(b) < len(found.test_labels):
        source = f"{len(b):,} of the {source}"
    return Pictures(x, y, a, b, f"Training on {len(y):,} {name}, testing on {source}.")


def thin_out(images: Tensor, labels: Tensor, limit: int | None) -> tuple[Tensor, Tensor]:
    """`limit` of the images, evenly spread, so that every class stays in."""
    if limit is None:
        return images, labels
    places = np.linspace(0, len(labels) - 1, min(limit, len(labels)))
    index = from_numpy(places.astype(np.int64))
    return images[index], labels[index]
