"""tinygrad-edu puzzles: learn CUDA C by writing kernels that are checked."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from .errors import Stop, did_you_mean
from .parser import Parser

if TYPE_CHECKING:
    from ..learn.puzzles.puzzle import Puzzle

NAME = "puzzles"
HELP = "learn CUDA C: puzzles from a map to flash attention, checked without a GPU"


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Kernels to write in CUDA C, each checked on odd sizes by the race checker, with a goal on"
        " its counters. Without an action: list the puzzles and your progress."
    )
    parser.add_examples(
        "tinygrad-edu puzzles",
        "tinygrad-edu puzzles start 1",
        "tinygrad-edu puzzles check 01_map.cu",
        "tinygrad-edu puzzles hint 1",
        "tinygrad-edu puzzles notebook puzzles.ipynb",
    )
    parser.set_defaults(action=show_progress)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    starting = actions.add_parser("start", help="write a puzzle's file into this folder")
    starting.description = "Write the file of a puzzle: its task as a comment, and a start."
    starting.add_argument("puzzle", metavar="N", help="its number or name")
    starting.add_argument("--folder", type=Path, default=Path(), metavar="DIR", help="(default: .)")
    starting.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    starting.add_argument("--language", choices=("en", "zh"), metavar="LANG", help="en or zh")
    starting.set_defaults(action=start_puzzle)
    checking = actions.add_parser("check", help="check a file of yours")
    checking.description = "Compile your kernel, run it on several sizes, and say what is wrong."
    checking.add_argument("file", type=Path, metavar="FILE", help="from `puzzles start`")
    checking.set_defaults(action=check_file)
    for name, text, action in (
        ("hint", "print a hint, one more each time", show_hint),
        ("solution", "print one solution", show_solution),
    ):
        asking = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        asking.add_argument("puzzle", metavar="N", help="its number or name")
        asking.set_defaults(action=action)
    booking = actions.add_parser("notebook", help="write all puzzles as one notebook")
    booking.description = "Write a notebook with a text, a start and a check for each puzzle."
    booking.add_argument("file", type=Path, metavar="FILE.ipynb", help="the file to write")
    booking.add_argument("--language", choices=("en", "zh"), metavar="LANG", help="en or zh")
    booking.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    booking.set_defaults(action=write_notebook)


def run(flags: argparse.Namespace) -> int:
    return flags.action(flags)


def find(wanted: str) -> Puzzle:
    """The puzzle of that number, name or file."""
    from ..learn.puzzles.catalog import PUZZLES

    key = Path(wanted).name.removesuffix(".cu")
    key = key.zfill(2) if key.isdecimal() else key
    for puzzle in PUZZLES:
        if key in (puzzle.number, puzzle.name, puzzle.folder):
            return puzzle
    names = [puzzle.name for puzzle in PUZZLES]
    advice = did_you_mean(wanted, names, "See `tinygrad-edu puzzles`.")
    raise Stop(f"N must be 1 to {len(PUZZLES)}, or a puzzle's name, got {wanted!r}. {advice}")


def show_progress(flags: argparse.Namespace) -> int:
    from ..learn.course.progress import read
    from ..learn.course.words import Words
    from ..learn.puzzles.catalog import PUZZLES
    from ..learn.puzzles.texts import parts

    solved = read()["solved"]
    for puzzle in PUZZLES:
        print(f"{puzzle.number} {'█' if puzzle.id in solved else '░'}  {puzzle.name:<10} "
              f" {parts(puzzle)[0]}")  # fmt: skip
    done = sum(puzzle.id in solved for puzzle in PUZZLES)
    print(Words("{} of {} puzzles solved.", "已完成 {} / {} 题。").format(done, len(PUZZLES)))
    following = next((p for p in PUZZLES if p.id not in solved), None)
    if following is not None:
        print(f"tinygrad-edu puzzles start {int(following.number)}")
    return 0


def start_puzzle(flags: argparse.Namespace) -> int:
    from ..files import write_atomically
    from ..learn.course.progress import choose_language
    from ..learn.course.words import Words
    from ..learn.puzzles.texts import commented

    if flags.language:
        choose_language(flags.language)
    puzzle = find(flags.puzzle)
    target = flags.folder / f"{puzzle.folder}.cu"
    refuse_existing(target, flags.overwrite)
    write_atomically(target, commented(puzzle, flags.language).encode())
    print(target)
    print(Words("Complete it in an editor, then run: tinygrad-edu puzzles check {target}",
                "用编辑器完成它，再运行：tinygrad-edu puzzles check {target}"
                ).format(target=target))  # fmt: skip
    return 0


def refuse_existing(target: Path, overwrite: bool) -> None:
    if target.exists() and not overwrite:
        raise Stop(
            f"puzzles: {target} must not be there yet, got a file. Your work in it is kept:"
            " continue with it, or replace it with --overwrite."
        )


def check_file(flags: argparse.Namespace) -> int:
    from ..engine.errors import KernelError
    from ..learn.course.progress import mark_solved
    from ..learn.course.words import Words
    from ..learn.puzzles.marking import beside, mark

    if not flags.file.is_file():
        raise Stop(f"FILE must be a file of yours, got {flags.file}. Use `puzzles start` first.")
    puzzle = find(str(flags.file))
    try:
        marked = mark(puzzle, flags.file.read_text(encoding="utf-8"))
    except KernelError as error:  # it does not compile
        print(error)
        return 1
    if not marked.solved:
        print(f"✗ {puzzle.number} {puzzle.name}: {marked.said}")
        print(Words("  `tinygrad-edu puzzles hint {n}` helps.",
                    "  需要帮助？运行 `tinygrad-edu puzzles hint {n}`。"
                    ).format(n=int(puzzle.number)))  # fmt: skip
        return 1
    print(Words("✓ {} {}: right.", "✓ {} {}：正确。").format(puzzle.number, puzzle.name))
    if marked.counters is not None:
        print(beside(puzzle, marked.counters))
    mark_solved(puzzle.id)
    return 0


def show_hint(flags: argparse.Namespace) -> int:
    from ..learn.course.progress import next_hint
    from ..learn.puzzles.texts import parts

    puzzle = find(flags.puzzle)
    hints = parts(puzzle)[2]
    shown = next_hint(puzzle.id, len(hints))
    for i, hint in enumerate(hints[:shown], 1):
        print(f"{i}. {hint}")
    return 0


def show_solution(flags: argparse.Namespace) -> int:
    from ..learn.puzzles.texts import solution

    print(solution(find(flags.puzzle)), end="")
    return 0


def write_notebook(flags: argparse.Namespace) -> int:
    import json

    from ..files import write_atomically
    from ..learn.puzzles.notebook import notebook

    refuse_existing(flags.file, flags.overwrite)
    text = json.dumps(notebook(flags.language), indent=1, ensure_ascii=False) + "\n"
    write_atomically(flags.file, text.encode())
    print(flags.file)
    return 0
