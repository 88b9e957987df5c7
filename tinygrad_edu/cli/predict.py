"""tinygrad-edu predict: ask a trained model about images."""

from __future__ import annotations

import argparse

from ..engine.errors import TinygradEduError
from .errors import Stop, say_error
from .parser import Parser, number

NAME = "predict"
HELP = "ask a trained model about images"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Print the most likely classes of each image. Images may have any size, in grey or colour."
        " If the border is brighter than the middle of the image's range, the image is taken as"
        " dark ink on paper and inverted. Images of 28 x 28 pixels are used unchanged; others are"
        " cropped to the ink, scaled and centred."
    )
    parser.add_argument(
        "checkpoint", metavar="CHECKPOINT", help="best.safetensors or last.safetensors of a run"
    )
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="PNG files, or any other format Pillow reads"
    )
    parser.add_argument(
        "--top",
        type=number(int, 1),
        default=3,
        metavar="N",
        help="how many classes to print (default 3)",
    )


def run(flags: argparse.Namespace) -> int:
    from .. import recipes, storage

    state = storage.load(flags.checkpoint)
    if not is_run(state):
        raise Stop(
            "predict: CHECKPOINT must be written by `tinygrad-edu train`, got"
            f" {flags.checkpoint!r}. Give best.safetensors of a run's folder."
        )
    make = recipes.get(state["recipe"]).predictor
    if make is None:
        raise Stop(
            "predict: the checkpoint must be of a recipe that reads images, got one of"
            f" {state['recipe']}. See `tinygrad-edu list`."
        )
    ask, code = make(state["model"]), 0
    width = max(map(len, flags.images))
    for image in flags.images:
        try:
            answers = ask(image)[: flags.top]
        except TinygradEduError as error:  # the others still get their answer
            code = say_error(error)
            continue
        shares = "   ".join(f"{name} {100 * share:5.1f} %" for name, share in answers)
        print(f"{image:<{width}}  {shares}", flush=True)
    return code


def is_run(state: object) -> bool:
    """Whether a file's content is that of a run's checkpoint."""
    return (
        isinstance(state, dict)
        and isinstance(state.get("recipe"), str)
        and isinstance(state.get("model"), dict)
    )
