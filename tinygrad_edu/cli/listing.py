"""tinygrad-edu list: show the recipes."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict

from .parser import Parser

NAME = "list"
HELP = "show the recipes"


def add_arguments(parser: Parser) -> None:
    parser.description = "Show the recipes with their data, time and expected score."
    parser.add_argument("--json", action="store_true", help="as JSON, for programs")


def run(flags: argparse.Namespace) -> int:
    from .. import recipes

    found = [recipes.get(name).RECIPE for name in recipes.MODULES]
    if flags.json:
        print(json.dumps([asdict(recipe) for recipe in found], indent=1))
        return 0
    for recipe in found:
        print(f"{recipe.name}: {recipe.task}")
        print(f"  data   {recipe.data}")
        print(f"  time   {recipe.time} on 2 CPU cores")
        print(f"  score  {recipe.score}")
        print(f"  run    tinygrad-edu train {recipe.name}")
    print("Without --data, a recipe trains on data that come with this package or are made up.")
    print("For the data that a score names, add --data download, or --data DIR with their folder.")
    return 0
