"""MNIST and Fashion-MNIST: found on disk, or fetched once."""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...engine.tensor import as_tensor
from .base import DIGITS, ArrayDataset, DatasetError
from .download import fetch
from .idx import AGAIN, parse_idx, read_content


@dataclass(frozen=True)
class File:
    """One of the four files: its name unpacked, its shape, the md5 of its content, the sha256 of
    its usual gzip form.
    """

    name: str
    shape: tuple[int, ...]
    md5: str
    sha256: str | None = None


def cache_folder() -> Path:
    """Where files go that were fetched without a root: $TINYGRAD_EDU_CACHE, else the platform's
    cache folder.
    """
    if given := os.environ.get("TINYGRAD_EDU_CACHE"):
        return Path(given).expanduser()
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "tinygrad_edu"


class MNIST(ArrayDataset):
    """Handwritten digits, 28 x 28 pixels, white on black: 60,000 to train on, 10,000 to test with.

    Looks for the files, plain or gzipped, in `root/MNIST/raw`, in `root`, and in the cache folder
    (`$TINYGRAD_EDU_CACHE`, else the platform's). With `download=True` files that are nowhere are
    fetched into `root/MNIST/raw`, or into the cache folder if `root` is None or cannot be written
    to. Every file's content is checked against its known md5.

    Args:
        root: the folder of the data set; None: the cache folder only.
        train: the training set, else the test set.
        transform: see VisionDataset; gets a PIL image, or a uint8 array (28, 28) where Pillow is
            not installed.
        download: fetch what is missing.

    Raises:
        DatasetError: a file is missing, damaged or not the right one; the message names it and says
        what to do.

    Note: when no augmentation is wanted, memory is quickest: `TensorDataset((d.data.float() /
          255).unsqueeze(1), d.targets)`.

    Reference: Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, 1998, "Gradient-based learning applied to
               document recognition".
    """

    mirrors: tuple[str, ...] = (
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    )
    files: tuple[File, ...] = (  # train images, train labels, test images, test labels
        File(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "6bbc9ace898e44ae57da46a324031adb",
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        ),
        File(
            "train-labels-idx1-ubyte",
            (60000,),
            "a25bea736e30d166cdddb491f175f624",
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        ),
        File(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "2646ac647ad5339dbf082846283269ea",
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        ),
        File(
            "t10k-labels-idx1-ubyte",
            (10000,),
            "27ae3e4e09519cfbb04c329615203637",
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        ),
    )
    classes = DIGITS

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
        wanted = self.files[:2] if train else self.files[2:]
        if any(self._find(file) is None for file in wanted):
            if not download:
                raise DatasetError(self._help("needs files that are not there", wanted))
            self._download()
        images, labels = (self._read(file) for file in wanted)
        self.data, self.targets = as_tensor(images), as_tensor(labels.astype(np.int64))
        if labels.max(initial=0) >= len(self.classes):
            raise DatasetError(
                f"{self._name}: labels must lie from 0 to {len(self.classes) - 1}, got"
                f" {labels.max()} in {self._find(wanted[1])}. {AGAIN}"
            )

    @property
    def _name(self) -> str:
        return type(self).__name__

    @property
    def raw_folder(self) -> str:
        return str(self._own_folder())

    def extra_repr(self) -> str:
        return f"Split: {'Train' if self.train else 'Test'}"

    def _own_folder(self) -> Path:
        return self._cache() if self.root is None else Path(self.root) / self._name / "raw"

    def _cache(self) -> Path:
        return cache_folder() / self._name

    def _folders(self) -> list[Path]:
        return (
            [self._cache()]
            if self.root is None
            else [self._own_folder(), Path(self.root), self._cache()]
        )

    def _find(self, file: File) -> Path | None:
        """Where the file is, unpacked or gzipped."""
        return next(
            (
                path
                for folder in self._folders()
                for path in (folder / file.name, folder / (file.name + ".gz"))
                if path.is_file()
            ),
            None,
        )

    def _read(self, file: File) -> np.ndarray:
        path = self._find(file)
        assert path is not None
        content = read_content(path)
        array = parse_idx(content, path, file.shape)
        if (found := hashlib.md5(content, usedforsecurity=False).hexdigest()) != file.md5:
            raise DatasetError(
                f"{self._name}: the content of {path} must have md5 {file.md5}, got {found}: some"
                f" of its values are wrong, or it belongs to another data set. {AGAIN}"
            )
        return array

    def _check(self, path: Path, file: File) -> None:
        """Raise DatasetError unless `path` is the file, or the same content compressed in another
        way.
        """
        with open(path, "rb") as opened:
            if (
                file.sha256 is not None
                and hashlib.file_digest(opened, "sha256").hexdigest() == file.sha256
            ):
                return
        size = 4 + 4 * len(file.shape) + math.prod(file.shape)
        found = hashlib.md5(read_content(path, size + 1), usedforsecurity=False).hexdigest()
        if found != file.md5:
            raise DatasetError(
                f"{self._name}: {file.name}.gz must have content with md5 {file.md5}, got {found}."
                f" {AGAIN}"
            )

    def _download(self) -> None:
        folder = self._own_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK):
                raise PermissionError
        except OSError:  # a read-only root
            folder = self._cache()
            folder.mkdir(parents=True, exist_ok=True)
        for file in self.files:
            if self._find(file) is None:
                urls = [mirror + file.name + ".gz" for mirror in self.mirrors]
                try:
                    fetch(urls, folder / (file.name + ".gz"), partial(self._check, file=file))
                except DatasetError as error:
                    raise DatasetError(
                        self._help(
                            f"could not fetch {file.name}.gz:\n{error}\nIt needs files that are not"
                            " there",
                            self.files,
                            folder,
                        )
                    ) from None

    def _help(self, problem: str, files: tuple[File, ...], folder: Path | None = None) -> str:
        """The message for missing files: which, from where, and into which folder."""
        target = folder or self._own_folder()
        missing = [file for file in files if self._find(file) is None]
        lines = [
            f"{self._name}: {problem}, got none of these in"
            f" {', '.join(str(f) for f in self._folders())}:"
        ]
        lines += [f"    {file.name}.gz" for file in missing]
        lines += [
            ("Pass download=True" if folder is None else "Try again later")
            + ", or fetch them on a machine with a network from one of"
        ]
        lines += [f"    {mirror}{file.name}.gz" for mirror in self.mirrors for file in missing]
        lines += [f"and put them into\n    {target}"]
        return "\n".join(lines)


class FashionMNIST(MNIST):
    """Pictures of clothes in the form of MNIST: 28 x 28 pixels, 60,000 and 10,000, ten classes.
    Arguments as for MNIST.

    Reference: H. Xiao, K. Rasul, R. Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for
               benchmarking machine learning algorithms".
    """

    mirrors = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
    files = (
        File("train-images-idx3-ubyte", (60000, 28, 28), "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
        File("train-labels-idx1-ubyte", (60000,), "9018921c3c673c538a1fc5bad174d6f9"),
        File("t10k-images-idx3-ubyte", (10000, 28, 28), "8181f5470baa50b63fa0f6fddb340f0a"),
        File("t10k-labels-idx1-ubyte", (10000,), "15d484375f8d13e6eb1aabb0c3f46965"),
    )
    classes = [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ]
