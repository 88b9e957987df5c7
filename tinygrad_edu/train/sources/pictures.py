"""Pictures of digits or clothes: which to train, validate and test on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...engine.tensor import Tensor
from ...functional import from_numpy
from ...vision import datasets
from ..errors import UsageError
from .files import data_folder


@dataclass
class Pictures:
    """Bytes (N, 28, 28), white on black, with labels (N,), in three parts; `text` says what they
    are. The best epoch is chosen by the validation part, so that the test is one.
    """

    train_images: Tensor
    train_labels: Tensor
    validation_images: Tensor
    validation_labels: Tensor
    test_images: Tensor
    test_labels: Tensor
    text: str


def find_digits(choice: str, limit: int | None = None) -> Pictures:
    """The digits to train, to validate and to test on.

    Args:
        choice: "embedded" for the 5,000 digits inside the package, "download" to fetch all of MNIST
            once, or a folder that holds MNIST's files, or has them in its folder `mnist`.
        limit: use at most that many images for each part.

    Of the embedded digits, a tenth of each class is for validation and another for the test. Of
    MNIST's 60,000 training images, a twelfth of each class is for validation.
    """
    if choice == "embedded":
        digits = datasets.MNIST5k()
        rest, test = held_out(digits.data, digits.targets, 10)
        train, validation = held_out(*rest, 9)
        return described(train, validation, test, limit, "embedded digits")
    train, test = whole_set(datasets.MNIST, choice, "mnist", "MNIST")
    return described(*held_out(*train, 12), test, limit, "images of MNIST")


def find_clothes(choice: str, limit: int | None = None) -> Pictures | None:
    """Fashion-MNIST, split as MNIST is; None if `choice` is "embedded"."""
    if choice == "embedded":
        return None
    train, test = whole_set(datasets.FashionMNIST, choice, "fashion_mnist", "Fashion-MNIST")
    return described(*held_out(*train, 12), test, limit, "pictures of Fashion-MNIST")


Part = tuple[Tensor, Tensor]  # images, labels


def whole_set(kind: type[datasets.MNIST], choice: str, folder: str, name: str) -> tuple[Part, Part]:
    """The training and the test part of a published set."""
    root = data_folder() if choice == "download" else Path(choice)
    if (root / folder).is_dir():
        root = root / folder
    elif choice == "download":
        root = root / folder
    try:
        parts = [kind(root, train=part, download=choice == "download") for part in (True, False)]
    except (datasets.DatasetError, OSError) as error:
        reason = str(error).split("\nPass download")[0]  # Python's advice, not the command's
        raise UsageError(
            f"--data must be download, or a folder with the files of {name} (directly or in its"
            f" folder {folder}), got {choice!r}. {reason}"
        ) from error
    (train, test) = ((part.data, part.targets) for part in parts)
    return train, test


def held_out(images: Tensor, labels: Tensor, share: int) -> tuple[Part, Part]:
    """The images without every `share`-th of each class, and those."""
    by_class = np.argsort(labels.cpu().numpy(), kind="stable")
    held = np.zeros(len(labels), bool)
    held[by_class[share - 1 :: share]] = True
    rest, part = (from_numpy(np.flatnonzero(rows)) for rows in (~held, held))
    return (images[rest], labels[rest]), (images[part], labels[part])


def described(train: Part, validation: Part, test: Part, limit: int | None, name: str) -> Pictures:
    """At most `limit` of the pictures of each part, and the line that says what they are."""
    parts = [thin_out(*part, limit) for part in (train, validation, test)]
    text = (
        f"Training on {len(parts[0][1]):,} {name}, validating on {len(parts[1][1]):,},"
        f" testing on {len(parts[2][1]):,} others."
    )
    return Pictures(*parts[0], *parts[1], *parts[2], text)


def thin_out(images: Tensor, labels: Tensor, limit: int | None) -> tuple[Tensor, Tensor]:
    """`limit` of the images, evenly spread, so that every class stays in."""
    if limit is None:
        return images, labels
    places = np.linspace(0, len(labels) - 1, min(limit, len(labels)))
    index = from_numpy(places.astype(np.int64))
    return images[index], labels[index]
