"""One long text, letter by letter: Tiny Shakespeare, or what is always there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...engine.tensor import Tensor
from ...functional import tensor
from ...text import CharTokenizer
from .files import download, read, search

PACKAGE = Path(__file__).parents[2]
SHAKESPEARE = (  # address, sha256
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
)


@dataclass
class Characters:
    """Tokens (T,) to train on and those after them, for validation; `text` says what they are."""

    train: Tensor
    validation: Tensor
    tokenizer: CharTokenizer
    text: str


def own_source() -> str:
    """The engine's own source code: half a megabyte of text that is always there."""
    return "".join(path.read_text(encoding="utf-8") for path in sorted(PACKAGE.rglob("*.py")))


def find_text(choice: str) -> tuple[str, str]:
    """The text, and its name."""
    name = "tinyshakespeare/input.txt"
    found = [download(*SHAKESPEARE, name)] if choice == "download" else search(choice, name)
    if found:
        return read(found[0]), "Tiny Shakespeare"
    return "".join(c for c in own_source() if ord(c) < 128), (
        "this package's own source code (--data download fetches Tiny Shakespeare)"
    )


def find_characters(choice: str, limit: int | None = None) -> Characters:
    """The text's tokens, the last tenth for validation.

    Args:
        choice: the value of --data.
        limit: use only that many characters (at least 2,000).
    """
    text, name = find_text(choice)
    if limit is not None:
        text = text[: max(limit, 2000)]
    tokenizer = CharTokenizer(text)
    tokens = tensor(tokenizer.encode(text))
    cut = int(0.9 * len(tokens))
    return Characters(
        tokens[:cut],
        tokens[cut:],
        tokenizer,
        f"Training on {cut:,} characters of {name}, validating on the {len(tokens) - cut:,}"
        f" after them; {len(tokenizer)} different.",
    )
