"""MNIST, Fashion-MNIST and KMNIST: found on disk, or fetched once."""

from __future__ import annotations

import hashlib
import math
import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ...engine.tensor import Tensor, as_tensor
from .base import DIGITS, ArrayDataset, DatasetError
from .download import fetch
from .idx import AGAIN, parse_idx, read_content, read_raw


@dataclass(frozen=True)
class File:
    """One of the four files: its name unpacked, its shape, the sha256 of its content unpacked, or
    else the sha256 of the gzip file.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str = ""
    packed_sha256: str = ""

    @property
    def size(self) -> int:
        """In bytes, unpacked."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


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


def writable(folder: Path, otherwise: Path) -> Path:
    """The folder, made if it is not there; the other one if that cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK):
            raise PermissionError
    except OSError:  # a read-only root
        folder = otherwise
        folder.mkdir(parents=True, exist_ok=True)
    return folder


class MNIST(ArrayDataset):
    """Handwritten digits, 28 x 28 pixels, white on black: 60,000 to train on, 10,000 to test with.

    Looks for the files, plain or gzipped, in `root/MNIST/raw`, in `root`, and in the cache folder
    (`$TINYGRAD_EDU_CACHE`, else the platform's). With `download=True` files that are nowhere are
    fetched into `root/MNIST/raw`, or into the cache folder if `root` is None or cannot be written
    to. What is fetched must have the published sha256. Of files that are there already the header
    counts: a part of MNIST is taken as it is, and a file of the full size with other content gives
    a warning.

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
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        File(
            "train-labels-idx1-ubyte",
            (60000,),
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        File(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        File(
            "t10k-labels-idx1-ubyte",
            (10000,),
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
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
        if len(images) != len(labels):
            raise DatasetError(
                f"{self._name}: images and labels must be equally many, got {len(images)} in"
                f" {self._find(wanted[0])} and {len(labels)} in {self._find(wanted[1])}. {AGAIN}"
            )
        if labels.max(initial=0) >= len(self.classes):
            raise DatasetError(
                f"{self._name}: labels must lie from 0 to {len(self.classes) - 1}, got"
                f" {labels.max()} in {self._find(wanted[1])}. {AGAIN}"
            )

    @property
    def train_data(self) -> Tensor:
        """An older name of `data`."""
        return self._older("train_data", "data")

    @property
    def test_data(self) -> Tensor:
        """An older name of `data`."""
        return self._older("test_data", "data")

    @property
    def train_labels(self) -> Tensor:
        """An older name of `targets`."""
        return self._older("train_labels", "targets")

    @property
    def test_labels(self) -> Tensor:
        """An older name of `targets`."""
        return self._older("test_labels", "targets")

    def _older(self, name: str, now: str) -> Tensor:
        warnings.warn(f"{name} has been renamed {now}.", stacklevel=3)
        return getattr(self, now)

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
        whole = file.sha256 and array.shape == file.shape
        if whole and hashlib.sha256(content).hexdigest() != file.sha256:
            warnings.warn(
                f"{self._name}: {path} has the size of the published file but other content. Some"
                " of its values are changed, or it belongs to another data set.",
                stacklevel=3,
            )
        return array

    def _check(self, path: Path, file: File) -> None:
        """Raise DatasetError unless `path` holds the published content, compressed in any way if
        the sha256 of the content is known.
        """
        content = read_content(path) if file.sha256 else read_raw(path)
        expected, found = file.sha256 or file.packed_sha256, hashlib.sha256(content).hexdigest()
        if found != expected:
            what = "have content with" if file.sha256 else "have the"
            raise DatasetError(
                f"{self._name}: {file.name}.gz must {what} sha256 {expected}, got {found}. {AGAIN}"
            )

    def _download(self) -> None:
        folder = writable(self._own_folder(), self._cache())
        for file in self.files:
            if self._find(file) is None:
                urls = [mirror + file.name + ".gz" for mirror in self.mirrors]
                try:
                    fetch(
                        urls,
                        folder / (file.name + ".gz"),
                        partial(self._check, file=file),
                        limit=file.size + file.size // 100 + 1000,  # gzip adds little at worst
                    )
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
        lines += [f"    {mirror}" for mirror in self.mirrors]
        lines += [f"and put them into\n    {target}"]
        return "\n".join(lines)


class FashionMNIST(MNIST):
    """Pictures of clothes in the form of MNIST: 28 x 28 pixels, 60,000 and 10,000, ten classes.
    Arguments as for MNIST.

    Reference: H. Xiao, K. Rasul, R. Vollgraf, 2017, "Fashion-MNIST: a novel image dataset for
               benchmarking machine learning algorithms".
    """

    mirrors = (
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
    )
    files = (
        File(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        File(
            "train-labels-idx1-ubyte",
            (60000,),
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        File(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        File(
            "t10k-labels-idx1-ubyte",
            (10000,),
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
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


class KMNIST(MNIST):
    """Old Japanese characters in the form of MNIST: 28 x 28 pixels, 60,000 and 10,000, ten classes.
    Arguments as for MNIST. What is fetched must have the sha256 that is known of the gzip file.

    Reference: T. Clanuwat et al., 2018, "Deep learning for classical Japanese literature".
    """

    mirrors = ("https://codh.rois.ac.jp/kmnist/dataset/kmnist/",)
    files = (
        File(
            "train-images-idx3-ubyte",
            (60000, 28, 28),
            packed_sha256="51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
        File(
            "train-labels-idx1-ubyte",
            (60000,),
            packed_sha256="e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        ),
        File(
            "t10k-images-idx3-ubyte",
            (10000, 28, 28),
            packed_sha256="edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        ),
        File(
            "t10k-labels-idx1-ubyte",
            (10000,),
            packed_sha256="20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    )
    classes = ["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"]
