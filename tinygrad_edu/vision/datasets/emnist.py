"""EMNIST: digits and letters in the form of MNIST."""

from __future__ import annotations

import os
import string
import zipfile
from functools import partial
from pathlib import Path
from typing import Any

from ...files import write_atomically
from .base import DatasetError
from .download import check_hash, fetch
from .mnist import MNIST, File, writable

DIGITS, UPPER, LOWER = string.digits, string.ascii_uppercase, string.ascii_lowercase
MERGED = [*DIGITS, *UPPER, *"abdefghnqrt"]  # the other small letters look like their capitals
# training images, test images, classes
SPLITS: dict[str, tuple[int, int, list[str]]] = {
    "byclass": (697_932, 116_323, [*DIGITS, *UPPER, *LOWER]),
    "bymerge": (697_932, 116_323, MERGED),
    "balanced": (112_800, 18_800, MERGED),
    "letters": (124_800, 20_800, ["N/A", *LOWER]),  # labels start at 1
    "digits": (240_000, 40_000, [*DIGITS]),
    "mnist": (60_000, 10_000, [*DIGITS]),
}


class EMNIST(MNIST):
    """Handwritten digits and letters, 28 x 28 pixels, in six splits.

    The files are looked for as those of MNIST. `download=True` fetches one archive of all splits
    (562 MB) and takes the four files of this split out of it. Its makers publish no sha256; what is
    fetched must have the md5 that is known of it.

    Args:
        split: "byclass", "bymerge", "balanced", "letters", "digits" or "mnist".
        kwargs: as for MNIST.

    Note: the images lie on their side, as in the files: `data.transpose(1, 2)` puts them upright.

    Reference: G. Cohen, S. Afshar, J. Tapson, A. van Schaik, 2017, "EMNIST: an extension of MNIST
               to handwritten letters".
    """

    splits = tuple(SPLITS)
    url = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
    mirrors = (url,)
    md5 = "58c8d27c78d21e728a6bc7b3cc06412e"
    largest = 600_000_000  # bytes of the archive

    def __init__(self, root: str | os.PathLike | None = None, split: Any = None, **kwargs: Any):
        if split not in SPLITS:
            raise DatasetError(
                f"EMNIST: split must be one of {', '.join(SPLITS)}, got {split!r:.100}. Pass one."
            )
        self.split = split
        train, test, self.classes = SPLITS[split]
        self.files = tuple(
            File(f"emnist-{split}-{part}-{kind}", (count, *size))
            for part, count in (("train", train), ("test", test))
            for kind, size in (("images-idx3-ubyte", (28, 28)), ("labels-idx1-ubyte", ()))
        )
        super().__init__(root, **kwargs)

    def _download(self) -> None:
        folder = writable(self._own_folder(), self._cache())
        archive = folder / "gzip.zip"
        try:
            if not archive.exists():
                check = partial(check_hash, name=self._name, algorithm="md5", expected=self.md5)
                fetch([self.url], archive, check, limit=self.largest)
            self._unpack(archive, folder)
        except DatasetError as error:
            problem = f"could not fetch gzip.zip:\n{error}\nIt needs files that are not there"
            raise DatasetError(self._help(problem, self.files, folder)) from None

    def _unpack(self, archive: Path, folder: Path) -> None:
        """Take this split's files out of the archive; they stay gzipped."""
        try:
            with zipfile.ZipFile(archive) as members:
                for file in self.files:
                    member = members.getinfo(f"gzip/{file.name}.gz")
                    if member.file_size > file.size + file.size // 100 + 1000:
                        raise DatasetError(
                            f"EMNIST: {member.filename} must not be larger than its content, got"
                            f" {member.file_size:,} bytes. Delete {archive} and get it again."
                        )
                    write_atomically(folder / f"{file.name}.gz", members.read(member))
        except (zipfile.BadZipFile, KeyError, OSError) as error:
            raise DatasetError(
                f"EMNIST: {archive} must be the published archive, got {error}. Delete it and get"
                " it again."
            ) from error
