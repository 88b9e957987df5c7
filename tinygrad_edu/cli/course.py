"""tinygrad-edu course: the chapters, and what you have solved."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from .errors import Stop, did_you_mean
from .parser import Parser

NAME = "course"
HELP = "learn how backprop works: chapters with exercises"

LANGUAGES = ("en", "zh")


def add_arguments(parser: Parser) -> None:
    parser.description = (
        "Chapters to read and run, with exercises that say what is wrong. Without an action: list"
        " the chapters and your progress."
    )
    parser.add_examples(
        "tinygrad-edu course",
        "tinygrad-edu course open 01",
        "tinygrad-edu course check 01_derivatives.ipynb",
        "tinygrad-edu course hint 01.1",
    )
    parser.set_defaults(action=show_progress)
    actions = parser.add_subparsers(title="actions", metavar="ACTION")
    opening = actions.add_parser("open", help="copy a chapter into this folder")
    opening.description = "Copy a chapter into a folder, as a notebook or as a script."
    opening.add_argument("chapter", metavar="CHAPTER", help="its number, such as 01")
    opening.add_argument("--script", action="store_true", help="as a Python script")
    opening.add_argument("--folder", type=Path, default=Path(), metavar="DIR", help="(default: .)")
    opening.add_argument("--language", choices=LANGUAGES, metavar="LANG", help="en or zh")
    opening.add_argument("--overwrite", action="store_true", help="replace a file that is there")
    opening.set_defaults(action=open_chapter)
    checking = actions.add_parser("check", help="run a file of yours and check its exercises")
    checking.description = "Run your notebook or script, and check the exercises in it."
    checking.add_argument("file", type=Path, metavar="FILE", help="from `course open`")
    checking.set_defaults(action=check_file)
    for name, text, action in (
        ("hint", "print a hint for an exercise, one more each time", show_hint),
        ("solution", "print one solution of an exercise", show_solution),
    ):
        asking = actions.add_parser(name, help=text, description=f"{text.capitalize()}.")
        asking.add_argument("exercise", metavar="EXERCISE", help="such as 01.2")
        asking.set_defaults(action=action)


def run(flags: argparse.Namespace) -> int:
    return flags.action(flags)


def show_progress(flags: argparse.Namespace) -> int:
    from ..learn.course.exercises import of_chapter
    from ..learn.course.progress import read
    from ..learn.course.texts import chapters
    from ..learn.course.words import Words, language

    solved, listed, following = read()["solved"], chapters(language()), None
    done = total = 0
    for chapter in listed:
        ids = [exercise.id for exercise in of_chapter(chapter.number)]
        right = sum(id in solved for id in ids)
        done, total = done + right, total + len(ids)
        if following is None and right < len(ids):
            following = chapter.number
        bar = "█" * right + "░" * (len(ids) - right)
        print(f"{chapter.number}  {bar:<5} {right}/{len(ids)}  {chapter.title}")
    print(Words("{} of {} exercises solved.", "已完成 {} / {} 道练习。").format(done, total))
    if following is not None:
        print(f"tinygrad-edu course open {following}")
    return 0


def open_chapter(flags: argparse.Namespace) -> int:
    from ..files import write_atomically
    from ..learn.course.progress import choose_language
    from ..learn.course.texts import chapters, notebook
    from ..learn.course.words import Words, language

    if flags.language:
        choose_language(flags.language)
    found = {chapter.number: chapter for chapter in chapters(flags.language or language())}
    number = flags.chapter.zfill(2)
    if number not in found:
        advice = did_you_mean(number, found, "See `tinygrad-edu course`.")
        raise Stop(f"CHAPTER must be one of {', '.join(found)}, got {flags.chapter!r}. {advice}")
    chapter = found[number]
    target = flags.folder / chapter.path.with_suffix(".py" if flags.script else ".ipynb").name
    if target.exists() and not flags.overwrite:
        raise Stop(
            f"course open: {target} must not be there yet, got a file. Your work in it is kept:"
            " continue with it, use --folder, or replace it with --overwrite."
        )
    text = chapter.path.read_text(encoding="utf-8")
    if not flags.script:
        text = json.dumps(notebook(chapter.cells), indent=1, ensure_ascii=False) + "\n"
    write_atomically(target, text.encode())
    print(target)
    how = Words(
        "Open it in an editor that shows notebooks, or: jupyter lab {target}\n"
        "(pip install jupyterlab gives that command; --script gives a file for any editor.)",
        "用支持笔记本的编辑器打开，或运行：jupyter lab {target}\n"
        "（该命令由 pip install jupyterlab 安装；--script 给出任何编辑器都能打开的文件。）",
    )
    if flags.script:
        how = Words(
            "Write your answers in it, then run: tinygrad-edu course check {target}",
            "在文件里写下答案，再运行：tinygrad-edu course check {target}",
        )
    print(how.format(target=target))
    return 0


def check_file(flags: argparse.Namespace) -> int:
    from ..learn.course.learner import STUCK_AT_THE_COMMAND, told
    from ..learn.course.marking import mark
    from ..learn.course.words import Words

    reports, stopped = mark(flags.file)
    for report in reports:
        print(told(report, STUCK_AT_THE_COMMAND))
    if stopped:
        print(stopped)
    elif not reports:
        print(Words("No cell calls check(...).", "没有单元格调用 check(...)。"))
    right = bool(reports) and all(report.solved for report in reports)
    return 0 if right and not stopped else 1


def show_hint(flags: argparse.Namespace) -> int:
    from ..learn.course.learner import LAST_AT_THE_COMMAND, MORE_AT_THE_COMMAND, hinted

    id = flags.exercise.zfill(4)  # 1.1 is 01.1
    print(hinted(id, LAST_AT_THE_COMMAND, MORE_AT_THE_COMMAND))
    return 0


def show_solution(flags: argparse.Namespace) -> int:
    from ..learn.course import solution

    solution(flags.exercise.zfill(4))
    return 0
