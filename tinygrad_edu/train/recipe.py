"""What there is to know about a recipe before it runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """A flag of one recipe: `--name VALUE`. Its value is one of the run's settings."""

    name: str
    default: Any
    help: str
    choices: tuple[Any, ...] = ()

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")


@dataclass(frozen=True)
class Recipe:
    """A recipe's name, what to expect of it, and the defaults of its flags."""

    name: str
    task: str
    data: str
    time: str  # on 2 CPU cores
    score: str  # what to expect
    epochs: int
    lr: float
    batch_size: int
    unit: str = "images"  # what is counted: images, characters, sentences ...
    options: tuple[Option, ...] = ()  # flags of this recipe alone

    def defaults(self) -> dict[str, Any]:
        """The settings of a run without flags."""
        return {
            "data": "embedded",
            "epochs": self.epochs,
            "lr": self.lr,
            "batch_size": self.batch_size,
            "seed": 0,
            "limit": None,
            "patience": None,
            **{option.name: option.default for option in self.options},
        }
