"""How the command line tells an error."""

from __future__ import annotations

import sys

from ..engine.errors import TinygradEduError


class Stop(TinygradEduError):
    """A wrong argument. Shown as one line; exit code 2."""


def say_error(error: TinygradEduError) -> int:
    """Print the error as one line and return the exit code that belongs to it."""
    code = getattr(error, "exit_code", 2)
    text = " ".join(str(error).split())
    print(text if code == 130 else f"tinygrad-edu: {text}", file=sys.stderr, flush=True)
    return code
