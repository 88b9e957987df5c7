"""Training recipes: each one file with data, model, loop and expected score. `tinygrad-edu list` shows them.

A recipe is a module of this folder, entered in `MODULES`, with

    RECIPE            a `Recipe`: what `list` prints and the defaults of `train`'s flags
    train(run)        the whole training, written out; `run` (see `_run.Run`) brings the settings and does the
                      plumbing: progress, metrics, checkpoints, Ctrl-C, resume
    predictor(state)  given the weights of a checkpoint, a function from a file's path to [(class name, probability) ...],
                      best first; or None where `predict` makes no sense
"""
from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Protocol

from ..base.errors import TinygradEduError

MODULES = {name: name.replace("-", "_") for name in "mnist-cnn alexnet char-gpt char-rnn names seq2seq translate sentiment stories".split()}  # the only modules a checkpoint can name


class UsageError(TinygradEduError):
    """A request that cannot be met: wrong flag, missing file, folder in use. Shown as one line, exit code 2."""


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


class RecipeModule(Protocol):
    RECIPE: Recipe
    train: Callable[[Any], None]
    predictor: Callable[[dict], Callable[[str], list[tuple[str, float]]]] | None


def get(name: str) -> RecipeModule:
    """The recipe of that name."""
    if name not in MODULES:
        raise UsageError(f"recipe must be one of {', '.join(MODULES)}, got {name!r}. See `tinygrad-edu list`.")
    return import_module(f"{__name__}.{MODULES[name]}")  # type: ignore[return-value]  # the Protocol above
