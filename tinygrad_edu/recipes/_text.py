"""Texts for the recipes: where they lie, where they come from, and what stands in for them."""

from __future__ import annotations

import os
from pathlib import Path

import tinygrad_edu as torch
from tinygrad_edu import Tensor
from tinygrad_edu.text import CharTokenizer

from . import UsageError

SHAKESPEARE = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)
NAMES = (
    "https://raw.githubusercontent.com/karpathy/makemore/master/names.txt",
    "0a30b5557f192f32ab962680889aac5f6fda0f4cecf40a6d0b5694f58ea8cc4d",
)


def search(choice: str, *names: str) -> list[Path] | None:
    """The files `names`, in the folder `choice`, or for "embedded" in $TINYGRAD_EDU_DATA (or
    ./data) if they are all there.
    """
    folder = Path(
        os.environ.get("TINYGRAD_EDU_DATA", "data")
        if choice in ("embedded", "download")
        else choice
    )
    for root in (folder, *(folder / Path(name).parent.name for name in names[:1])):
        found = [
            root / name if (root / name).exists() else root / Path(name).name for name in names
        ]
        if all(path.is_file() for path in found):
            return found
    if choice not in ("embedded", "download"):
        raise UsageError(
            f"--data must be a folder that holds {', '.join(Path(n).name for n in names)}, got"
            f" {choice!r}. Give another folder."
        )
    return None


def download(url: str, sha256: str, name: str) -> Path:
    """The file at `url`, fetched once into $TINYGRAD_EDU_DATA (or ./data) and checked."""
    import hashlib

    from ..vision.datasets.base import DatasetError
    from ..vision.datasets.download import fetch

    def check(path: Path) -> None:
        found = hashlib.sha256(path.read_bytes()).hexdigest()
        if found != sha256:
            raise DatasetError(f"{path.name} must have the sha256 {sha256}, got {found}.")

    target = Path(os.environ.get("TINYGRAD_EDU_DATA", "data")) / name
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        return fetch([url], target, check)
    except DatasetError as error:
        raise UsageError(
            f"--data download could not get {name}:\n{error}\nGet it by hand, put it at {target},"
            " and leave --data out."
        ) from error


def read(path: Path) -> str:
    """A UTF-8 text file, gunzipped if need be, with \\n line ends."""
    import gzip

    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return raw.decode("utf-8").replace("\r\n", "\n")
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(
            f"--data must hold readable UTF-8 text, got {str(path)!r} ({error}). Get the file"
            " again."
        ) from error


def own_source() -> str:
    """The engine's own source code: half a megabyte of text that is always there."""
    package = Path(torch.__file__).parent
    return "".join(path.read_text(encoding="utf-8") for path in sorted(package.rglob("*.py")))


def find_characters(choice: str, limit: int | None) -> tuple[Tensor, Tensor, CharTokenizer, str]:
    """Training and validation tokens (the last tenth), the tokenizer, and a line that says what
    they are.
    """
    if choice == "download":
        path: list[Path] | None = [download(*SHAKESPEARE, "tinyshakespeare/input.txt")]
    else:
        path = search(choice, "tinyshakespeare/input.txt")
    if path:
        text, name = read(path[0]), "Tiny Shakespeare"
    else:
        text, name = (
            "".join(c for c in own_source() if ord(c) < 128),
            (
                "this package's own source code (Tiny Shakespeare is not here: --data FOLDER with"
                " its input.txt)"
            ),
        )
    if limit is not None:
        text = text[: max(limit, 2000)]
    tokenizer = CharTokenizer(text)
    tokens = torch.tensor(tokenizer.encode(text))
    cut = int(0.9 * len(tokens))
    return (
        tokens[:cut],
        tokens[cut:],
        tokenizer,
        (
            f"Training on {cut:,} characters of {name}, validating on the {len(tokens) - cut:,}"
            f" after them; {len(tokenizer)} different."
        ),
    )
