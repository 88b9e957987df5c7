"""tinygrad-edu list: show the recipes."""

from __future__ import annotations

import argparse

from .parser import Parser

NAME = "list"
HELP = "show the recipes"


def add_arguments(parser: Parser) -> None:
    parser.description = "Show the recipes with their data, time and expected score."


def run(flags: argparse.Namespace) -> int:
    from .. import recipes

    for name in recipes.MODULES:
        recipe = recipes.get(name).RECIPE
        print(f"{recipe.name}: {recipe.task}")
        print(f"  data   {recipe.data}")
        print(f"  time   {recipe.time} on 2 CPU cores")
        print(f"  score  {recipe.score}")
        print(f"  run    tinygrad-edu train {recipe.name}")
    return 0
