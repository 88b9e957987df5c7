"""How the command line tells an error."""

from __future__ import annotations

import difflib
import os
import sys
from collections.abc import Iterable
from contextlib import suppress

from ..engine.errors import TinygradEduError


class Stop(TinygradEduError):
    """A wrong argument. Shown as one line; exit code 2."""


def say_error(error: TinygradEduError) -> int:
    """Print the error as one line and return the exit code that belongs to it."""
    code = getattr(error, "exit_code", 2)
    text = " ".join(str(error).split())
    with suppress(OSError):  # the terminal may be gone
        print(text if code == 130 else f"tinygrad-edu: {text}", file=sys.stderr, flush=True)
    return code


def closed_pipe() -> None:
    """The reader of the output has gone, as after `| head`: the rest goes nowhere, quietly."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def did_you_mean(given: str, known: Iterable[str], otherwise: str) -> str:
    """The nearest of the known names as a question, or other advice."""
    near = difflib.get_close_matches(given, list(known), 1, 0.5)
    return f"Did you mean {near[0]!r}?" if near else otherwise
