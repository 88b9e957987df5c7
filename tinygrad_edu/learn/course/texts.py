"""The chapters: where they are, and their cells.

A chapter is a Python script in the "percent" form that editors and Jupytext know: `# %%` begins a
cell of code, `# %% [markdown]` a cell of text. It becomes a notebook here, without any package.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from ...engine.errors import TinygradEduError
from .words import LANGUAGES

HERE = Path(__file__).parent
CHECKOUT = Path(__file__).parents[3] / "docs"
FOLDERS = {  # in a wheel the chapters lie beside this file, in a checkout under docs/
    "en": (HERE / "text" / "en", CHECKOUT / "tutorial"),
    "zh": (HERE / "text" / "zh", CHECKOUT / "zh" / "tutorial"),
}
MARK = re.compile(r"^# %%(?P<rest>.*)$", re.M)
CHECK = re.compile(r"""^check\(\s*["'](\d\d\.\d)["']""", re.M)


class Cell(NamedTuple):
    """A piece of a chapter: `kind` is "code" or "markdown"; `line` is that of its first line."""

    kind: str
    text: str
    line: int = 1


class Chapter(NamedTuple):
    number: str
    path: Path

    @property
    def cells(self) -> list[Cell]:
        return split(self.path.read_text(encoding="utf-8"))

    @property
    def title(self) -> str:
        """The first heading, without the number."""
        first = self.cells[0].text.splitlines()[0]
        return re.sub(r"^#\s*\d*\s*[.·:：]?\s*", "", first)

    @property
    def exercises(self) -> list[str]:
        """The exercises that the chapter checks, in order."""
        return CHECK.findall("\n".join(c.text for c in self.cells if c.kind == "code"))


def folder(language: str) -> Path:
    """Where the chapters of a language are."""
    for place in FOLDERS[language]:
        if place.is_dir():
            return place
    raise TinygradEduError(
        f"course: the chapters must be beside the package, got nothing at"
        f" {' or '.join(map(str, FOLDERS[language]))}. Install tinygrad_edu again."
    )


def chapters(language: str = "en") -> list[Chapter]:
    """All chapters in the order of reading."""
    assert language in LANGUAGES
    return [Chapter(p.name[:2], p) for p in sorted(folder(language).glob("[0-9][0-9]_*.py"))]


def split(text: str) -> list[Cell]:
    """The cells of a script in percent form."""
    marks = list(MARK.finditer(text))
    ends = [m.start() for m in marks[1:]] + [len(text)]
    cells = []
    for mark, end in zip(marks, ends):
        body = text[mark.end() + 1 : end].strip("\n")
        line = text.count("\n", 0, mark.end()) + 2
        if "[markdown]" in mark["rest"]:
            cells.append(Cell("markdown", "\n".join(map(uncomment, body.splitlines())), line))
        else:
            cells.append(Cell("code", body, line))
    return cells


def uncomment(line: str) -> str:
    return re.sub(r"^# ?", "", line)


def notebook(cells: list[Cell]) -> dict[str, Any]:
    """The cells as a notebook that has not been run."""
    shown = []
    for i, cell in enumerate(cells):
        entry: dict[str, Any] = {
            "cell_type": cell.kind,
            "id": f"cell-{i}",
            "metadata": {},
            "source": cell.text.splitlines(keepends=True),
        }
        if cell.kind == "code":
            entry |= {"execution_count": None, "outputs": []}
        shown.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": shown,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cells_of_file(path: Path) -> list[Cell]:
    """The cells of a learner's notebook or script.

    Raises: TinygradEduError for a file that is neither
    """
    try:
        if path.suffix not in (".ipynb", ".py"):
            raise ValueError("its name must end with .ipynb or .py")
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".py":
            return split(text) if MARK.search(text) else [Cell("code", text)]
        found = json.loads(text)["cells"]
        return [Cell(c["cell_type"], "".join(c["source"])) for c in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TinygradEduError(
            f"course: FILE must be a notebook or a script of the course, got {str(path)!r}"
            f" ({type(error).__name__}: {error}). Make one with `tinygrad-edu course open 01`."
        ) from error
