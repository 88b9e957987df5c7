"""Words said once to a user whose script asks for something that means nothing here."""

from __future__ import annotations

import warnings

said: set[str] = set()


def say_once(text: str) -> None:
    """Warn the first time only."""
    if text not in said:
        said.add(text)
        warnings.warn(text, UserWarning, stacklevel=3)
