"""tinygrad-edu train: train a recipe."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import Stop, did_you_mean
from .parser import Parser, number

if TYPE_CHECKING:
    from ..train import Option, Recipe

NAME = "train"
HELP = "train a recipe"


def add_arguments(parser: Parser) -> None:
    from ..recipes import MODULES, get

    recipe = next((get(word).RECIPE for word in parser.words if word in MODULES), None)
    parser.description = (
        "Train a recipe. Ctrl-C saves the run and stops; --resume continues it with the same"
        " result, bit for bit. `tinygrad-edu train RECIPE --help` shows the recipe's own flags."
    )
    if recipe is not None:
        parser.description = f"{recipe.task[0].upper()}{recipe.task[1:]}. Data: {recipe.data}."
    parser.add_examples(
        "tinygrad-edu train mnist-cnn",
        "tinygrad-edu train mnist-cnn --data download --epochs 5 --out runs/full",
        "tinygrad-edu train mnist-cnn --resume",
    )
    parser.add_argument(
        "recipe", choices=MODULES, metavar="RECIPE", help=f"one of: {', '.join(MODULES)}"
    )
    if recipe is not None:
        add_recipe_options(parser, recipe)
    add_settings(parser, recipe)
    add_run_flags(parser)


def add_settings(parser: Parser, recipe: Recipe | None) -> None:
    """What decides the result."""

    def usual(name: str) -> str:
        return "" if recipe is None else f" (default {recipe.defaults()[name]:g})"

    parser.add_argument(
        "--data",
        metavar="WHERE",
        help=(
            "embedded (default): what the package brings or makes up; download: the real data,"
            " fetched once into ./data; or a folder that holds them, as DIR/mnist, DIR/names ..."
        ),
    )
    parser.add_argument(
        "--epochs", type=number(int, 1), metavar="N", help="passes over the data" + usual("epochs")
    )
    parser.add_argument(
        "--lr",
        type=number(float, 0, above=True),
        metavar="X",
        help="highest learning rate" + usual("lr"),
    )
    parser.add_argument(
        "--batch-size",
        type=number(int, 1),
        metavar="N",
        help="images, sequences or tokens in a step, depending on the recipe" + usual("batch_size"),
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
        help="use at most N examples (images, characters, sentences ...) of each part of the data,"
        " for a quick try",
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
        help="continue the run in --out; flags that are omitted keep the run's values; with a"
        " larger --epochs train longer",
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the run in --out; its best weights stay until a run does better",
    )
    parser.add_argument(
        "--keep",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="how many good states to keep (default 3)",
    )
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


def add_recipe_options(parser: Parser, recipe: Recipe) -> None:
    """The flags of this recipe alone."""
    for option in recipe.options:
        parser.add_argument(
            option.flag,
            dest=option.name,
            type=type(option.default),
            metavar=option.name[0].upper(),
            help=f"{describe(option)} (default {option.default!r})".replace("%", "%%"),
        )


def describe(option: Option) -> str:
    choices = f" ({', '.join(map(str, option.choices))})" if option.choices else ""
    return option.help + choices


def run(flags: argparse.Namespace) -> int:
    from .. import recipes
    from ..devices.cores import usable_cores
    from ..devices.cpu.threads import set_num_threads
    from ..train import Run

    if flags.resume and flags.overwrite:
        raise Stop("--resume and --overwrite must not be given together. Choose one.")
    if flags.threads is not None:
        if flags.threads > usable_cores():
            print(
                f"--threads {flags.threads} is more than the {usable_cores()} cores that this"
                " process may use: the training will be slower.",
                file=sys.stderr,
            )
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
        keep=flags.keep,
    ) as run:
        module.train(run)
    return 0


def check_options(recipe: Recipe, flags: argparse.Namespace) -> None:
    """Refuse values that are none of the choices."""
    for option in recipe.options:
        given = getattr(flags, option.name)
        if given is not None and option.choices and given not in option.choices:
            advice = did_you_mean(str(given), map(str, option.choices), "Choose one of them.")
            raise Stop(
                f"{option.flag} must be one of {', '.join(map(str, option.choices))} for"
                f" {recipe.name}, got {given!r}. {advice}"
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
