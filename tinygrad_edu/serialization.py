"""The names of `torch.serialization`. Nothing in a file is ever run, so no class needs to be
allowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .storage import load as load
from .storage import save as save


@contextmanager
def safe_globals(safe_globals: Any) -> Iterator[None]:
    """A block in which PyTorch would build these classes; nothing changes here."""
    yield


def add_safe_globals(safe_globals: Any) -> None:
    """Accepted; nothing changes here."""


def clear_safe_globals() -> None:
    """Accepted; nothing changes here."""


def get_safe_globals() -> list:
    """None are needed."""
    return []


class SourceChangeWarning(Warning):
    """PyTorch's warning about a changed class; never given here."""
