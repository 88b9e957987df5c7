"""argparse with errors of one line, and the types of flags."""

from __future__ import annotations

import argparse
import math
import re
import textwrap
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

from .errors import Stop, did_you_mean


class Parser(argparse.ArgumentParser):
    """argparse, with errors of one line that suggest what may have been meant.

    Attributes:
        words: the command line that is parsed.
    """

    words: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        advice = f"See `{self.prog} --help`."
        wrong = re.fullmatch(
            r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message
        )
        if wrong:
            what, given, choices = wrong.groups()
            known = choices.replace("'", "").split(", ")
            advice = did_you_mean(given, known, advice)
            message = f"{what} must be one of {', '.join(known)}, got {given!r}"
        raise Stop(f"{message}. {advice}")

    def refuse(self, rest: Sequence[str]) -> NoReturn:
        """The error for arguments that no flag takes."""
        known = [flag for flag in self._option_string_actions if flag.startswith("--")]
        advice = did_you_mean(rest[0].split("=")[0], known, f"See `{self.prog} --help`.")
        raise Stop(
            f"{self.prog.split(' ', 1)[-1]}: has no argument {' '.join(rest)!r:.100}. {advice}"
        )

    def add_examples(self, *examples: str) -> None:
        """Show commands, one a line, below the help. The description must be set before."""
        self.formatter_class = argparse.RawDescriptionHelpFormatter
        self.description = textwrap.fill(self.description or "", 79)
        self.epilog = "\n  ".join(("examples:", *examples))


def number(kind: type, least: float, above: bool = False) -> Callable[[str], Any]:
    """An argparse type: a finite number of that kind, at least (or, with `above`, more than)
    `least`.
    """

    def convert(text: str) -> Any:
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least or (above and value == least):
            raise argparse.ArgumentTypeError(
                f"must be {'an integer' if kind is int else 'a number'}"
                f" {'above' if above else 'of at least'} {least}, got {text!r}"
            )
        return value

    return convert


def shape(text: str) -> tuple[int, ...]:
    """An argparse type: `1024x256`, or `1024,256`."""
    try:
        sizes = tuple(int(n) for n in text.replace("x", ",").split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 0:
        raise argparse.ArgumentTypeError(
            f"must be sizes with x between them, such as 1024x256, got {text!r}"
        )
    return sizes
