"""What there is to know about a recipe before it runs, and the error of a request that cannot be
met.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..engine.errors import TinygradEduError


class UsageError(TinygradEduError):
    """A request that cannot be met: wrong flag, missing file, folder in use. Shown as one line,
    exit code 2.
    """


@dataclass(frozen=True)
class Option:
    """A flag of one recipe: `--name VALUE`. Its value is one of the run's settings."""

    name: str
    default: Any
    help: str
    choices: tuple = ()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Recipe:
    """What there is to know about a recipe before it runs."""

    name: str
    task: str
    data: str
    time: str  # on 2 CPU cores
    score: str  # what to expect
    epochs: int  # defaults of the flags, from here on
    lr: float
    batch_size: int
    unit: str = "images"  # what is counted: images, characters, sentences ...
    options: tuple[Option, ...] = ()  # flags of this recipe alone
