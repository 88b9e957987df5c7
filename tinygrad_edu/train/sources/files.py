"""Files of texts: where they lie, and where they come from."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from ...files import gunzip
from ...vision.datasets.base import DatasetError
from ...vision.datasets.download import fetch
from ..errors import UsageError


def data_folder() -> Path:
    """Where data is looked for and fetched into: $TINYGRAD_EDU_DATA, else ./data."""
    return Path(os.environ.get("TINYGRAD_EDU_DATA", "data"))


def search(choice: str, *names: str) -> list[Path] | None:
    """The files `names`, if they are all there.

    Args:
        choice: the value of --data: a folder, or "embedded" or "download" for `data_folder()`.
        names: paths such as `names/names.txt`. The files may also lie directly in the folder.

    Raises:
        UsageError: the folder that was given lacks one of the files.
    """
    given = choice not in ("embedded", "download")
    folder = Path(choice) if given else data_folder()
    for root in (folder, *(folder / Path(name).parent.name for name in names[:1])):
        found = [
            root / name if (root / name).exists() else root / Path(name).name for name in names
        ]
        if all(path.is_file() for path in found):
            return found
    if given:
        raise UsageError(
            f"--data must be a folder that holds {', '.join(Path(n).name for n in names)}, got"
            f" {choice!r}. Give another folder."
        )
    return None


def download(url: str, sha256: str, name: str) -> Path:
    """The file at `url`, fetched once into `data_folder()` and checked."""

    def check(path: Path) -> None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise DatasetError(f"{path.name} must have the sha256 {sha256}, got {found}.")

    target = data_folder() / name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return fetch([url], target, check)
    except DatasetError as error:
        raise UsageError(
            f"--data download could not fetch {name}:\n{error}\nFetch it by hand, put it at"
            f" {target}, and omit --data."
        ) from error


def read(path: Path) -> str:
    """A UTF-8 text file, gunzipped if its name ends in .gz, with \\n line ends."""
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gunzip(raw)
        return raw.decode("utf-8").replace("\r\n", "\n")
    except (OSError, ValueError) as error:
        raise UsageError(
            f"--data must hold readable UTF-8 text, got {str(path)!r} ({error}). Fetch the file"
            " again."
        ) from error
