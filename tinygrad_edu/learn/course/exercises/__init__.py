"""The exercises, a module for each chapter: `chapter01.EXERCISES` and so on."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterator

from ....engine.errors import TinygradEduError
from ..exercise import Exercise


def of_chapter(number: str) -> tuple[Exercise, ...]:
    """The exercises of a chapter, such as "01"; none if it has no module."""
    name = f"{__name__}.chapter{number}"
    if importlib.util.find_spec(name) is None:
        return ()
    return importlib.import_module(name).EXERCISES


def every() -> Iterator[Exercise]:
    for number in range(1, 100):
        yield from of_chapter(f"{number:02}")


def find(id: str) -> Exercise:
    """The exercise of that name, such as "01.2".

    Raises: TinygradEduError if there is none, with the nearest names
    """
    for exercise in of_chapter(str(id)[:2]) if str(id)[:2].isdigit() else ():
        if exercise.id == id:
            return exercise
    known = [exercise.id for exercise in every()]
    near = difflib.get_close_matches(str(id), known, 3, 0.0)
    raise TinygradEduError(
        f"course: an exercise must be a chapter and a number, such as {' or '.join(near)}, got"
        f" {id!r}. `tinygrad-edu course` lists the chapters."
    )
