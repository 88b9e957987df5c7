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
    """The files `names`; None if the choice is "embedded".

    Args:
        choice: the value of --data: "embedded", "download" for `data_folder()`, or a folder.
        names: paths such as `names/names.txt`. The files may also lie directly in the folder.

    Raises:
        UsageError: the folder lacks one of the files.
    """
    if choice == "embedded":
        return None
    folder = data_folder() if choice == "download" else Path(choice)
    for root in (folder, *(folder / Path(name).parent.name for name in names[:1])):
        found = [
            root / name if (root / name).exists() else root / Path(name).name for name in names
        ]
        if all(path.is_file() for path in found):
            return found
    if choice == "download":
        raise UsageError(
            f"--data download cannot fetch {', '.join(names)}: there is no public address for it"
            f" here. Put the files into {str(folder)!r}, or give their folder."
        )
    raise UsageError(
        f"--data must be a folder that holds {', '.join(names)}, got {choice!r}. Give another"
        " folder."
    )


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
            f"--data download could not fetch {name}:\n{error}\nFetch it by hand and put it"
            f" at {target}."
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
