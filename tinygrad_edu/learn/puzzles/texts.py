"""The texts of a puzzle, in cuda/NN_name/: the task and its hints in two languages, a start, a
solution.
"""

from __future__ import annotations

import re
from pathlib import Path

from ..course.words import language
from .puzzle import Puzzle

FOLDER = Path(__file__).parent / "cuda"


def read(puzzle: Puzzle, file: str) -> str:
    return (FOLDER / puzzle.folder / file).read_text(encoding="utf-8")


def start(puzzle: Puzzle) -> str:
    """The kernel to complete."""
    return read(puzzle, "start.cu")


def solution(puzzle: Puzzle) -> str:
    """One kernel that reaches the goal."""
    return read(puzzle, "solution.cu")


def parts(puzzle: Puzzle, lang: str | None = None) -> tuple[str, str, list[str]]:
    """The title, the task and the hints, in the reader's language unless one is given."""
    text = read(puzzle, f"text.{lang or language()}.md")
    head, _, rest = text.partition("\n\n")
    task, _, hints = re.split(r"^## (Hints|提示)\n", rest, flags=re.M)
    found = re.findall(r"^\d+\. (.*)$", hints, re.M)
    return head.removeprefix("# ").strip(), task.strip(), found


def commented(puzzle: Puzzle, lang: str | None = None) -> str:
    """The file that a learner begins with: the task as a comment, then the start."""
    import textwrap

    title, task, _ = parts(puzzle, lang)
    wide = 98 if (lang or language()) == "en" else 46
    lines = [f"{puzzle.number} {title}", ""]
    for paragraph in task.split("\n\n"):
        lines += [*textwrap.wrap(paragraph, wide), ""]
    lines.append(f"tinygrad-edu puzzles check {puzzle.folder}.cu")
    comment = "\n".join(f"// {line}".rstrip() for line in lines)
    return f"{comment}\n\n{start(puzzle)}"
