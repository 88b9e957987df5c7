"""All puzzles as one notebook: a text, a cell with the start, which checks itself when it runs."""

from __future__ import annotations

from typing import Any

from ..course.words import Words, language
from .catalog import PUZZLES
from .marking import beside, mark
from .puzzle import Puzzle
from .texts import parts, start

FIRST = Words(
    "# CUDA puzzles\n\nComplete each kernel and run its cell. Nothing here needs a GPU.",
    "# CUDA 谜题\n\n完成每个核函数并运行它的单元格。这里不需要 GPU。",
)


def check(number: str, text: str) -> str:
    """Mark a kernel; what to say of it."""
    puzzle = next(p for p in PUZZLES if p.number == number)
    marked = mark(puzzle, text)
    if not marked.solved or marked.counters is None:
        return f"✗ {puzzle.number} {puzzle.name}: {marked.said}"
    return f"✓ {puzzle.number} {puzzle.name}\n{beside(puzzle, marked.counters)}"


def notebook(lang: str | None = None, kernel: Any = start) -> dict[str, Any]:
    """The notebook; `kernel(puzzle)` is the text that stands in a puzzle's cell."""
    lang = lang or language()
    cells = [markdown(getattr(FIRST, lang)), code("from tinygrad_edu.learn.puzzles import check")]
    for puzzle in PUZZLES:
        title, task, hints = parts(puzzle, lang)
        listed = "\n".join(f"{i}. {hint}" for i, hint in enumerate(hints, 1))
        word = "Hints" if lang == "en" else "提示"
        folded = f"<details><summary>{word}</summary>\n\n{listed}\n\n</details>"
        cells.append(markdown(f"## {puzzle.number} {title}\n\n{task}\n\n{folded}"))
        cells.append(code(cell(puzzle, kernel(puzzle))))
    return {
        "cells": cells,
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def cell(puzzle: Puzzle, text: str) -> str:
    return f'print(check("{puzzle.number}", r"""\n{text}"""))'


def markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text, "id": identity(text)}


def code(text: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": text,
        "id": identity(text),
    }


def identity(text: str) -> str:
    """A cell's id: the same for the same text."""
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()[:12]
