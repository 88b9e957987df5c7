"""CIFAR-10 and CIFAR-100: small pictures in colour.

The files are pickles of Python 2. They are read as data; nothing in them is run.
"""

from __future__ import annotations

import os
import tarfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ...engine.errors import CheckpointError
from ...files import write_atomically
from ...storage.pickles import plain_data
from ..pillow import pillow
from .base import DatasetError, VisionDataset
from .download import check_hash, fetch
from .mnist import cache_folder, writable

LARGEST = 200_000_000  # bytes of one file, or of the archive
AGAIN = "Delete it and get it again, for example with download=True."


def read_pickle(path: Path) -> dict[str, Any]:
    """The table in a file, its keys as texts.

    Raises: DatasetError if the file is no pickle of plain data
    """
    try:
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"it is larger than {LARGEST:,} bytes")
        found = plain_data(path.read_bytes())
        if not isinstance(found, dict):
            raise CheckpointError(f"it holds {type(found).__name__} and no table")
    except (CheckpointError, OSError) as error:
        raise DatasetError(
            f"CIFAR: {path} must be a file of the data set, got {error}. {AGAIN}"
        ) from error
    return {as_text(key): value for key, value in found.items()}


def as_text(value: Any) -> str:
    """A text; those of Python 2 come as bytes."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class CIFAR10(VisionDataset):
    """Pictures of ten kinds of things, 32 x 32 pixels in colour: 50,000 to train on, 10,000 to test
    with.

    Looks for the folder `cifar-10-batches-py` in `root` and in the cache folder. `download=True`
    fetches the archive (170 MB), which must have the published sha256, and unpacks it there.
    `data` is a uint8 array (N, 32, 32, 3) and `targets` a list, as in torchvision.

    Args:
        root: the folder that holds the data set's; None: the cache folder only.
        train: the training set, else the test set.
        transform: gets a PIL image, or a uint8 array (32, 32, 3) where Pillow is not installed.

    Raises:
        DatasetError: a file is missing, damaged or not the right one.

    Reference: A. Krizhevsky, 2009, "Learning multiple layers of features from tiny images".
    """

    base_folder = "cifar-10-batches-py"
    filename = "cifar-10-python.tar.gz"
    url = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    sha256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
    train_list: tuple[str, ...] = tuple(f"data_batch_{i}" for i in range(1, 6))
    test_list: tuple[str, ...] = ("test_batch",)
    meta = ("batches.meta", "label_names")  # a file, and the names of the classes in it
    labels = "labels"

    def __init__(
        self,
        root: str | os.PathLike | None = None,
        train: bool = True,
        transform: Callable | None = None,
        target_transform: Callable | None = None,
        download: bool = False,
    ):
        super().__init__(
            None if root is None else os.path.expanduser(root), transform, target_transform
        )
        self.train = train
        wanted = self.train_list if train else self.test_list
        folder = self._find((*wanted, self.meta[0]))
        if folder is None:
            if not download:
                raise DatasetError(self._help("needs files that are not there"))
            folder = self._download()
        file, key = self.meta
        names = read_pickle(folder / file).get(key)
        if not isinstance(names, list) or not names:
            raise DatasetError(
                f"{type(self).__name__}: {folder / file} must list the classes under {key!r}, got"
                f" {type(names).__name__}. {AGAIN}"
            )
        self.classes = [as_text(name) for name in names]
        self.class_to_idx = {name: i for i, name in enumerate(self.classes)}
        parts = [self._read(folder / name) for name in wanted]
        # rows of red, then green, then blue
        pixels = np.concatenate([images for images, _ in parts]).reshape(-1, 3, 32, 32)
        self.data = np.ascontiguousarray(pixels.transpose(0, 2, 3, 1))
        self.targets = [label for _, labels in parts for label in labels]

    def _read(self, path: Path) -> tuple[np.ndarray, list[int]]:
        """Pixels (N, 3072) and labels of one file, checked."""
        found = read_pickle(path)
        images, labels = found.get("data"), found.get(self.labels)
        if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 2:
            problem = "hold 'data', a uint8 array of two dims"
        elif images.shape[1] != 3072:
            problem = f"hold rows of 3,072 bytes, got {images.shape[1]:,}"
        elif not isinstance(labels, list) or len(labels) != len(images):
            problem = f"hold a list {self.labels!r} with one number for each image"
        elif not all(type(n) is int and 0 <= n < len(self.classes) for n in labels):
            problem = f"have labels from 0 to {len(self.classes) - 1}"
        else:
            return images, labels
        raise DatasetError(
            f"{type(self).__name__}: {path} must {problem}; it is another file. {AGAIN}"
        )

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        image: Any = self.data[index]
        if (pil := pillow()) is not None:
            image = pil.fromarray(image)
        return self.transformed(image, self.targets[index])

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _cache(self) -> Path:
        return cache_folder() / "CIFAR"

    def _find(self, names: tuple[str, ...]) -> Path | None:
        """The folder that holds all these files."""
        above = [self._cache()] if self.root is None else [Path(self.root), self._cache()]
        folders = [folder / self.base_folder for folder in above] + above
        return next((f for f in folders if all((f / name).is_file() for name in names)), None)

    def _download(self) -> Path:
        """Fetch and unpack the archive. Returns the folder with its files."""
        own = self._cache() if self.root is None else Path(self.root)
        folder = writable(own, self._cache())
        archive, name = folder / self.filename, type(self).__name__
        check = partial(check_hash, name=name, algorithm="sha256", expected=self.sha256)
        try:
            if archive.exists():
                check(archive)
            else:
                fetch([self.url], archive, check, limit=LARGEST)
        except DatasetError as error:
            raise DatasetError(
                self._help(f"could not fetch {self.filename}:\n{error}\nIt needs it")
            ) from None
        self._unpack(archive, folder / self.base_folder)
        return folder / self.base_folder

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Take the files that are needed out of the archive, whatever else is in it."""
        wanted = {*self.train_list, *self.test_list, self.meta[0]}
        folder.mkdir(parents=True, exist_ok=True)
        try:
            with tarfile.open(archive, "r:gz") as members:
                for member in members:
                    place, _, name = member.name.rpartition("/")
                    if place == self.base_folder and name in wanted and member.isfile():
                        if member.size > LARGEST:
                            raise tarfile.TarError(f"{name} with {member.size:,} bytes")
                        content = members.extractfile(member)
                        assert content is not None  # a file has content
                        write_atomically(folder / name, content.read())
                        wanted.remove(name)
        except (tarfile.TarError, EOFError, OSError) as error:
            raise DatasetError(
                f"{type(self).__name__}: {archive} must be the published archive, got {error}."
                f" {AGAIN}"
            ) from error
        if wanted:
            raise DatasetError(
                f"{type(self).__name__}: {archive} must hold {', '.join(sorted(wanted))} in"
                f" {self.base_folder}, got none. {AGAIN}"
            )

    def _help(self, problem: str) -> str:
        """The message for missing files."""
        own = self._cache() if self.root is None else Path(self.root)
        return (
            f"{type(self).__name__}: {problem}, got no folder {self.base_folder} with all files in"
            f" {own} or {self._cache()}. Pass download=True, or fetch {self.url} on a machine with"
            f" a network and unpack it into {own}."
        )


class CIFAR100(CIFAR10):
    """Pictures of a hundred kinds of things, 500 and 100 of each; else as CIFAR10."""

    base_folder = "cifar-100-python"
    filename = "cifar-100-python.tar.gz"
    url = "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz"
    sha256 = "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7"
    train_list = ("train",)
    test_list = ("test",)
    meta = ("meta", "fine_label_names")
    labels = "fine_labels"
