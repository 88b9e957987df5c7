"""tinygrad-edu train: train a recipe."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Stop
from .parser import Parser, number

if TYPE_CHECKING:
    from ..train import Option, Recipe

NAME = "train"
HELP = "train a recipe"


def add_arguments(parser: Parser) -> None:
    from ..recipes import MODULES

    parser.description = (
        "Train a recipe. Ctrl-C saves the run and stops; --resume continues it with the same"
        " result, bit for bit."
    )
    parser.add_examples(
        "tinygrad-edu train mnist-cnn",
        "tinygrad-edu train mnist-cnn --data download --epochs 5 --out runs/full",
        "tinygrad-edu train mnist-cnn --resume",
    )
    parser.add_argument(
        "recipe", choices=MODULES, metavar="RECIPE", help=f"one of: {', '.join(MODULES)}"
    )
    add_settings(parser)
    add_run_flags(parser)
    add_recipe_options(parser)


def add_settings(parser: Parser) -> None:
    """What decides the result."""
    parser.add_argument(
        "--data",
        metavar="WHERE",
        help="embedded (default), download, or a folder with the data's files",
    )
    parser.add_argument("--epochs", type=number(int, 1), metavar="N", help="passes over the data")
    parser.add_argument(
        "--lr", type=number(float, 0, above=True), metavar="X", help="highest learning rate"
    )
    parser.add_argument(
        "--batch-size",
        type=number(int, 1),
        metavar="N",
        help="images, sequences or tokens in a step, depending on the recipe",
    )
    parser.add_argument(
        "--seed",
        type=number(int, 0),
        metavar="N",
        help="the same seed gives the same run (default 0)",
    )
    parser.add_argument(
        "--limit",
        type=number(int, 10),
        metavar="N",
        help="use at most N training and N test examples, for a quick try",
    )
    parser.add_argument(
        "--patience",
        type=number(int, 1),
        metavar="N",
        help="stop after N epochs in a row without a better result",
    )


def add_run_flags(parser: Parser) -> None:
    """Where and how the run goes."""
    parser.add_argument("--device", metavar="D", help="cpu (default), cuda, emu")
    parser.add_argument(
        "--threads",
        type=number(int, 1),
        metavar="N",
        help="threads for matrix products (default: all cores; 1 is best on a busy machine)",
    )
    parser.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for checkpoints, metrics and plots (default runs/RECIPE)",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out; flags that are omitted keep the run's values",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    parser.add_argument(
        "--save-every",
        type=number(float, 0),
        default=30.0,
        metavar="S",
        help="seconds between saves within an epoch (default 30)",
    )
    parser.add_argument(
        "--tensorboard",
        action="store_true",
        help="also write the metrics for TensorBoard (needs tensorboardX)",
    )


def add_recipe_options(parser: Parser) -> None:
    """The flags of single recipes. Two recipes may have a flag of one name, with other choices."""
    from .. import recipes

    owners: dict[str, list[tuple[str, Option]]] = {}
    for name in recipes.MODULES:
        for option in recipes.get(name).RECIPE.options:
            owners.setdefault(option.name, []).append((name, option))
    for name, owned in owners.items():
        option = owned[0][1]
        text = "; ".join(f"{recipe}: {describe(option)}" for recipe, option in owned)
        parser.add_argument(
            option.flag,
            dest=name,
            type=type(option.default),
            metavar=name[0].upper(),
            help=text.replace("%", "%%"),
        )
    parser.set_defaults(options_of_recipes=set(owners))


def describe(option: Option) -> str:
    choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
    return option.help + choices


def run(flags: argparse.Namespace) -> int:
    from .. import recipes
    from ..devices.cpu.threads import set_num_threads
    from ..train import Run

    if flags.resume and flags.overwrite:
        raise Stop("--resume and --overwrite must not be given together. Choose one.")
    if flags.threads is not None:
        set_num_threads(flags.threads)
    module = recipes.get(flags.recipe)
    recipe = module.RECIPE
    check_options(recipe, flags)
    with Run(
        recipe,
        settings_of(recipe, flags),
        flags.out or Path("runs") / recipe.name,
        device=flags.device,
        resume=flags.resume,
        overwrite=flags.overwrite,
        save_every=flags.save_every,
        tensorboard=flags.tensorboard,
    ) as run:
        module.train(run)
    return 0


def check_options(recipe: Recipe, flags: argparse.Namespace) -> None:
    """Refuse flags of other recipes, and values that are none of the choices."""
    own = {option.name for option in recipe.options}
    for name in sorted(flags.options_of_recipes - own):
        if getattr(flags, name) is not None:
            raise Stop(
                f"--{name.replace('_', '-')} must not be given for {recipe.name}, whose own flags"
                f" are: {', '.join(o.flag for o in recipe.options) or 'none'}. Omit it."
            )
    for option in recipe.options:
        given = getattr(flags, option.name)
        if given is not None and option.choices and given not in option.choices:
            raise Stop(
                f"{option.flag} must be one of {', '.join(map(str, option.choices))} for"
                f" {recipe.name}, got {given!r}. Choose one of them."
            )


def settings_of(recipe: Recipe, flags: argparse.Namespace) -> dict[str, Any]:
    """The settings of a run. What is omitted is the default; on a resumed run it is None, for the
    value that the run began with.
    """
    settings = {}
    for name, default in recipe.defaults().items():
        given = getattr(flags, name)
        settings[name] = default if given is None and not flags.resume else given
    if settings["data"] not in ("embedded", "download", None):
        settings["data"] = os.path.abspath(settings["data"])
    return settings
