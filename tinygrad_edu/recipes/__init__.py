"""Training recipes: each one file with data, model, loop and expected score. `tinygrad-edu list`
shows them.

A recipe is a module of this folder, entered in `MODULES`, with

    RECIPE            a `Recipe`: what `list` prints and the defaults of `train`'s flags
    train(run)        the whole training, written out; `run` (see `_run.Run`) brings the settings and does the
                      plumbing: progress, metrics, checkpoints, Ctrl-C, resume
    predictor(state)  given the weights of a checkpoint, a function from a file's path to [(class
    name, probability) ...],
                      best first; or None where `predict` makes no sense
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from ..train.recipe import Option, Recipe, UsageError  # noqa: F401

# the only modules a checkpoint can name
MODULES = {
    name: name.replace("-", "_")
    for name in (
        "mnist-cnn alexnet char-gpt char-rnn names seq2seq translate sentiment stories".split()
    )
}


class RecipeModule(Protocol):
    RECIPE: Recipe
    train: Callable[[Any], None]
    predictor: Callable[[dict], Callable[[str], list[tuple[str, float]]]] | None


def get(name: str) -> RecipeModule:
    """The recipe of that name."""
    if name not in MODULES:
        raise UsageError(
            f"recipe must be one of {', '.join(MODULES)}, got {name!r}. See `tinygrad-edu list`."
        )
    return import_module(f"{__name__}.{MODULES[name]}")  # type: ignore[return-value]  # the Protocol above
