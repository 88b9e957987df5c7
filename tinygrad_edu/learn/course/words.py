"""What the course says, in English and in Chinese."""

from __future__ import annotations

import os
from typing import NamedTuple

LANGUAGES = ("en", "zh")


class Words(NamedTuple):
    """One text in both languages."""

    en: str
    zh: str

    def __str__(self) -> str:
        return getattr(self, language())

    def format(self, *args: object, **kwargs: object) -> str:
        """The text in the reader's language, with its places filled in."""
        return str(self).format(*args, **kwargs)


def language() -> str:
    """ "en" or "zh": $TINYGRAD_EDU_LANGUAGE, else the language of the chapter that was opened last,
    else the one of the system.
    """
    from .progress import chosen_language

    wanted = os.environ.get("TINYGRAD_EDU_LANGUAGE", "")[:2] or chosen_language()
    if wanted in LANGUAGES:
        return wanted
    system = next(
        (os.environ[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(n)), ""
    )
    return "zh" if system.startswith("zh") else "en"
