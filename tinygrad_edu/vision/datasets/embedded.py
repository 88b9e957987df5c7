"""The 5,000 digits that come with the package."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from importlib import resources

import numpy as np

from ...engine.tensor import as_tensor
from .base import DIGITS, ArrayDataset, DatasetError

# printed by tools/make_mnist5k.py
NPZ_SHA256 = "63818dc867dd7ee1181196c2588842f34debadc19cc80dc16b1dc1401cbb62c4"


class MNIST5k(ArrayDataset):
    """5,000 images of MNIST's training set, 500 of each digit, sorted by digit: no download, no
    files.

    No image of MNIST's test set is among them. Where they come from and their licence:
    `vision/embedded/NOTICE`.

    Note: shuffle them (`DataLoader(..., shuffle=True)`). To train from memory without transforms:
    `TensorDataset((d.data.float() / 255).unsqueeze(1), d.targets)`.
    """

    classes = DIGITS

    def __init__(self, transform: Callable | None = None, target_transform: Callable | None = None):
        super().__init__(None, transform, target_transform)
        images, labels = load()
        self.data, self.targets = as_tensor(images), as_tensor(labels.astype(np.int64))


def load() -> tuple[np.ndarray, np.ndarray]:
    """Images (5000, 28, 28) and labels (5000,), uint8."""
    file = resources.files("tinygrad_edu.vision") / "embedded" / "mnist5k.npz"
    try:
        packed = file.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"MNIST5k: the package must hold {file}, got {error}. Install tinygrad_edu again."
        ) from error
    found = hashlib.sha256(packed).hexdigest()
    if found != NPZ_SHA256:
        raise DatasetError(
            f"MNIST5k: {file} must have sha256 {NPZ_SHA256}, got {found}: it is damaged. Install"
            " tinygrad_edu again."
        )
    with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
        return arrays["images"], arrays["labels"]
