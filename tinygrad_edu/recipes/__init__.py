"""Training recipes: each one file with data, model, loop and expected score. `tinygrad-edu list`
shows them.

A recipe is a module of this folder, entered in `MODULES`, with

    RECIPE            a `Recipe`: what `list` prints and the defaults of `train`'s flags
    train(run)        the whole training, written out; `run` (see `train.Run`) brings the settings
                      and does the plumbing: progress, metrics, checkpoints, Ctrl-C, resume
    predictor(state)  given the weights of a checkpoint, a function from a file's path to [(class
                      name, probability) ...], best first; or None where `predict` makes no sense

Recipes import nothing from one another. What two of them need stands in `models`, `train`, `text`
or `vision`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from ..train import Recipe, Run, UsageError

# by name; the only modules a checkpoint can name
MODULES = {
    "mnist-cnn": "mnist_cnn",
    "alexnet": "alexnet",
    "char-gpt": "char_gpt",
    "char-rnn": "char_rnn",
    "names": "names",
    "seq2seq": "seq2seq",
    "translate": "translate",
    "sentiment": "sentiment",
    "stories": "stories",
}
Predictor = Callable[[str], list[tuple[str, float]]]


class RecipeModule(Protocol):
    """What the module of a recipe holds."""

    RECIPE: Recipe
    train: Callable[[Run], None]
    predictor: Callable[[dict[str, Any]], Predictor] | None


def get(name: str) -> RecipeModule:
    """The recipe of that name."""
    if name not in MODULES:
        raise UsageError(
            f"recipe must be one of {', '.join(MODULES)}, got {name!r}. See `tinygrad-edu list`."
        )
    return import_module(f"{__name__}.{MODULES[name]}")
